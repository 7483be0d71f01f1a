package usage

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/parley-sdk/parley/llm"
)

// Options say what a ledger keeps and what it allows.
type Options struct {
	// Prices say what calls cost. Nil = [DefaultPrices].
	Prices *Prices
	// Describe completes what the price of a call depends on: its latency as served, and its
	// model where that has another name in Prices. The response has no content but what is in
	// its Raw. Describe is not called for a call that has no end, such as a stream that was left;
	// by several goroutines at a time else.
	Describe func(c *Call, resp *llm.Response)

	// Budgets are limits on what calls cost. Of two with the same tags and period the lower
	// counts.
	Budgets []Budget
	// RefuseUnpriced refuses a call, with [llm.ErrRejected], if it counts towards a budget and
	// its model has no price. Otherwise it passes, with a warning, while there is anything left.
	RefuseUnpriced bool
	// StopStreams ends a stream midway, with [llm.ErrBudgetExceeded], when by the estimate it
	// has cost more than was reserved for it and its budgets have no room for that.
	StopStreams bool
	// AssumeMaxTokens is what is reserved for the output of a request whose MaxTokens is not
	// set. 0 or less = 4,096.
	AssumeMaxTokens int
	// MediaTokens is what is reserved for each image, sound, video and document that is not text.
	// 0 or less = 5,000, which today's images do not exceed. Long documents and videos do.
	MediaTokens int

	// GroupBy names the tags that rows are kept of. Nil = every tag, up to 31 of them; empty =
	// none. Of models rows are always kept.
	GroupBy []string
	// MaxRows is how many rows are kept of each tag. What comes later, and keys of more than
	// 256 bytes, share the row "(other)"; a tag whose name is longer, or not UTF-8, has none.
	// Totals and budgets stay exact. 0 or less = 10,000.
	MaxRows int

	// MeterProvider makes OpenTelemetry counters of what is booked: see the package
	// documentation. Nil = none.
	MeterProvider metric.MeterProvider
	// MetricTags names the tags that the counters have as attributes. Each value makes time
	// series of its own, and leaves the process. Nil = none.
	MetricTags []string

	// NoSync has [OpenLedger] write calls to the file, and not wait until they are on the disk.
	NoSync bool

	// OnWarning is told what somebody should look after: a call of a budget whose price is not
	// known (once for each model, and once for all whose ID is longer than 256 bytes), a file
	// that cannot be written. It holds no content and no values of tags. Nil = log/slog's default logger has it, as a warning. It is called by
	// several goroutines at a time.
	OnWarning func(error)
}

// Ledger says what calls used and cost, and keeps budgets. It is safe for concurrent use.
type Ledger struct {
	opts     Options // with the defaults filled in
	table    table
	budgets  *budgets
	counters *counters // nil = none
	warned   warned
	file     *file // nil = none
}

// NewLedger returns an empty ledger that lives in memory. Nil options are good. The options are
// copied.
func NewLedger(opts *Options) *Ledger {
	l := &Ledger{}
	if opts != nil {
		l.opts = *opts
	}
	o := &l.opts
	if o.Prices == nil {
		o.Prices = DefaultPrices()
	}
	o.GroupBy, o.MetricTags = slices.Clone(o.GroupBy), slices.Clone(o.MetricTags)
	slices.Sort(o.GroupBy)
	o.GroupBy = slices.Compact(o.GroupBy) // a name that is there twice counts once
	o.AssumeMaxTokens = orDefault(o.AssumeMaxTokens, 4096)
	o.MediaTokens = orDefault(o.MediaTokens, 5000)
	l.table.maxRows = orDefault(o.MaxRows, 10_000)
	l.table.maxTags = max(maxTags, len(o.GroupBy)+1)
	l.budgets = newBudgets(o.Budgets)
	o.Budgets = nil
	if o.MeterProvider != nil {
		l.counters = newCounters(o.MeterProvider, l.warn)
	}
	return l
}

func orDefault(n, standard int) int {
	if n <= 0 {
		return standard
	}
	return n
}

// book adds a call to the books.
func (l *Ledger) book(a *attempt, b *booking) {
	if l.file == nil {
		l.commit(a, b)
	} else {
		l.keep(a, b)
	}
	if l.counters != nil {
		l.counters.record(a, b, l.opts.MetricTags)
	}
}

// commit books a call in memory.
func (l *Ledger) commit(a *attempt, b *booking) {
	l.budgets.settle(a.charges, b.part.Cost)
	l.table.book(b, &a.tags, l.opts.GroupBy)
}

// Total returns the sums of all calls.
func (l *Ledger) Total() Summary {
	total := l.table.sum()
	return total.summary()
}

// By returns the calls that bear a tag, in a row for each of its values, in the order of
// these. The tag "model" groups all calls by the model that served them, or was asked where
// none did.
func (l *Ledger) By(tag string) []Row { return sortedRows(l.table.rowsOf(tag)) }

// Budgets returns how much is left of each budget, in the order of [Options.Budgets].
func (l *Ledger) Budgets() []BudgetStatus { return l.budgets.status(time.Now()) }

// Snapshot is all that a ledger knows.
type Snapshot struct {
	At         time.Time        `json:"at"`
	PricesAsOf string           `json:"prices_as_of,omitempty"` // a day; see [Prices.AsOf]
	Total      Summary          `json:"total"`
	By         map[string][]Row `json:"by"` // by tag, "model" included
	Budgets    []BudgetStatus   `json:"budgets,omitempty"`
}

// Snapshot returns all that the ledger knows. It can be marshalled to JSON.
func (l *Ledger) Snapshot() Snapshot { return l.snapshot(false) }

func (l *Ledger) snapshot(forget bool) Snapshot {
	total, rows := l.table.all(forget)
	s := Snapshot{At: time.Now().UTC(), Total: total.summary(), By: make(map[string][]Row, len(rows)), Budgets: l.Budgets()}
	for tag, keys := range rows {
		s.By[tag] = sortedRows(keys)
	}
	if asOf := l.opts.Prices.AsOf(); !asOf.IsZero() {
		s.PricesAsOf = asOf.Format(time.DateOnly)
	}
	return s
}

// Reset sets all sums to zero and returns what they were: each call is in one of two
// snapshots, and in no more. Budgets stay as they are.
func (l *Ledger) Reset() Snapshot {
	if l.file != nil {
		l.file.gate.Lock()
		defer l.rewritten()
	}
	return l.snapshot(true)
}

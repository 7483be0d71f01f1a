package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
)

const (
	compactAfter = 10_000           // calls, after which sums take their place in the file
	mendAfter    = 10 * time.Second // between attempts to write a file that could not be written
)

// file keeps a ledger on the disk: a record of its sums, and one of each call since.
type file struct {
	// Bookings hold gate for reading, so that who holds it for writing sees what is booked in
	// memory and in the file alike.
	gate         sync.RWMutex
	journal      *journal.Journal
	lastID       atomic.Int64
	calls        atomic.Int64 // in the file, besides its sums
	compactAfter int64

	mu     sync.Mutex
	behind bool // calls are missing in the file: it has to be written anew
	mended time.Time
	closed bool
}

// record is a line of the file: one of its fields is set.
type record struct {
	Call *callRecord `json:"call,omitempty"`
	Sums *sumsRecord `json:"sums,omitempty"`
}

// callRecord is a call that was booked.
type callRecord struct {
	ID      int64             `json:"id"`
	At      time.Time         `json:"at"`
	Model   string            `json:"model"`
	Tags    map[string]string `json:"tags,omitempty"` // those that rows are kept of
	Usage   llm.Usage         `json:"usage"`
	Cost    Cost              `json:"cost"` // by the prices of then
	Failed  bool              `json:"failed,omitempty"`
	Charges []chargeRecord    `json:"charges,omitempty"`
}

// chargeRecord is what was spent of a budget in the period that began at a time.
type chargeRecord struct {
	Budget string `json:"budget"` // its key
	Start  int64  `json:"start"`
	Spent  Cost   `json:"spent"`
}

// sumsRecord is all calls up to an ID.
type sumsRecord struct {
	ID      int64                       `json:"id"`
	At      time.Time                   `json:"at"`
	Total   sums                        `json:"total"`
	Rows    map[string]map[string]*sums `json:"rows"`
	Budgets []chargeRecord              `json:"budgets,omitempty"`
}

// OpenLedger returns a ledger that is kept in a file, with what it knows from earlier runs:
// sums, and what is spent of budgets. The file is created if it is not there; its folder must
// exist. Only one ledger at a time may have it open. Options may differ from one run to the
// next. See "Persistence" in the package documentation for what survives what.
func OpenLedger(path string, opts *Options) (*Ledger, error) {
	l := NewLedger(opts)
	f := &file{compactAfter: compactAfter}
	var err error
	f.journal, err = journal.Open(path, &journal.Options{NoSync: l.opts.NoSync, Replay: func(b []byte) error { return l.replay(f, b) }})
	if err != nil {
		return nil, unusable(err)
	}
	l.file = f
	return l, nil
}

// unusable is the error of a file that a ledger cannot use. The journal's own names the file and
// says what is wrong; it holds nothing of what is in it.
func unusable(err error) *llm.Error {
	return &llm.Error{Code: llm.ErrInternal, Op: "ledger", Message: err.Error(), Retryable: new(false), Err: err}
}

// Close closes the file. Calls that end later are booked in memory only, with a warning. The
// error says that calls are missing in the file. A ledger without a file needs no Close.
func (l *Ledger) Close() error {
	f := l.file
	if f == nil {
		return nil
	}
	f.gate.Lock()
	defer f.gate.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.behind || f.journal.Sync() != nil {
		err = l.rewrite()
	}
	if err = errors.Join(err, f.journal.Close()); err != nil {
		return unusable(err)
	}
	return nil
}

// keep writes a call to the file. It returns what to do when it is booked in memory as well.
func (l *Ledger) keep(a *attempt, b *booking) (after func()) {
	f := l.file
	f.gate.RLock()
	failure := f.append(a, b, l.opts.GroupBy)
	return func() {
		f.gate.RUnlock()
		l.lookAfter(failure)
	}
}

func (f *file) append(a *attempt, b *booking, groupBy []string) error {
	if missing, err := f.missing(); missing {
		return err
	}
	c := &callRecord{ID: f.lastID.Add(1), At: time.Now().UTC(), Model: bounded(b.model), Usage: b.part.Usage, Cost: b.part.Cost, Failed: b.failed}
	a.tags.each(groupBy, func(name, value string) {
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		c.Tags[name] = bounded(value)
	})
	for _, charge := range a.charges {
		c.Charges = append(c.Charges, chargeRecord{charge.budget.key, charge.window.start, charged(c.Cost, charge.amount)})
	}
	line, err := json.Marshal(record{Call: c})
	if err == nil {
		err = f.journal.Append(line)
	}
	if err != nil {
		return f.lacks(err)
	}
	f.calls.Add(1)
	return nil
}

// lacks notes that a call could not be written. The first one has the error, for a warning.
func (f *file) lacks(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind {
		return nil
	}
	f.behind = true
	return err
}

// bounded is a key that has a row of its own, or that of the others.
func bounded(key string) string {
	if len(key) > maxKey {
		return otherKey
	}
	return key
}

var errClosed = errors.New("a call ended after Close: it is booked in memory only")

// missing says whether calls are not written one by one, since the file has to be
// written anew or is closed.
func (f *file) missing() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return true, errClosed
	}
	return f.behind, nil
}

// lookAfter writes the file anew where that is due, after a call that could not be
// written or after many that were.
func (l *Ledger) lookAfter(failure error) {
	if failure == errClosed {
		l.warn("closed", llm.ErrInternal, failure.Error())
		return
	}
	f := l.file
	if failure == nil && f.calls.Load() < f.compactAfter && !f.mendable() {
		return
	}
	behind, err := l.compact(failure)
	if err == nil {
		return
	}
	e, what := unusable(err), "the file grows until it can be written anew: "
	if behind {
		what = "calls are booked in memory only until the file can be written: "
	}
	e.Message = what + e.Message
	l.warning(e)
}

// mendable says that it is time to try again to write the file.
func (f *file) mendable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind && !f.closed && time.Since(f.mended) >= mendAfter
}

// compact writes the file anew, unless another has just done that. The error is what to warn
// of; behind says that calls are missing in the file.
func (l *Ledger) compact(failure error) (behind bool, err error) {
	f := l.file
	f.gate.Lock()
	defer f.gate.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || !f.behind && f.calls.Load() < f.compactAfter:
		return false, nil
	case f.behind && time.Since(f.mended) < mendAfter:
		return true, failure
	}
	if err = l.rewrite(); err != nil {
		err = errors.Join(failure, err)
	}
	return f.behind, err
}

// rewrite puts the sums in the place of all that is in the file. Where that fails, but the
// file is as it was, calls can be added to it still. It is called with the gate held for
// writing, and with the lock of the file.
func (l *Ledger) rewrite() error {
	f := l.file
	f.calls.Store(0)
	f.mended = time.Now()
	line, err := json.Marshal(record{Sums: l.sums()})
	if err == nil {
		err = f.journal.Rewrite(line)
	}
	f.behind = err != nil && (f.behind || errors.Is(err, journal.ErrBroken))
	return err
}

// rewritten is Reset's end: the file says what the ledger does.
func (l *Ledger) rewritten() func() {
	return func() {
		f := l.file
		f.mu.Lock()
		var err error
		if !f.closed {
			f.behind = true
			err = l.rewrite()
		}
		f.mu.Unlock()
		f.gate.Unlock()
		if err != nil {
			e := unusable(err)
			e.Message = "the file still has the sums from before Reset, until it can be written: " + e.Message
			l.warning(e)
		}
	}
}

// sums returns all that the file has to hold.
func (l *Ledger) sums() *sumsRecord {
	r := &sumsRecord{ID: l.file.lastID.Load(), At: time.Now().UTC()}
	r.Total, r.Rows = l.table.all(false)
	l.budgets.mu.Lock()
	defer l.budgets.mu.Unlock()
	for _, b := range l.budgets.all {
		if w := b.current; w.spent != (Cost{}) {
			r.Budgets = append(r.Budgets, chargeRecord{b.key, w.start, w.spent})
		}
	}
	return r
}

// replay books what is in a line of the file. Nobody else has the ledger yet.
func (l *Ledger) replay(f *file, line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("a record is not that of a ledger: %w", err)
	}
	switch {
	case r.Sums != nil:
		for tag := range maps.Clone(r.Sums.Rows) {
			if tag != modelTag && l.opts.GroupBy != nil && !slices.Contains(l.opts.GroupBy, tag) {
				delete(r.Sums.Rows, tag)
			}
		}
		for _, rows := range r.Sums.Rows {
			maps.DeleteFunc(rows, func(_ string, s *sums) bool { return s == nil })
		}
		l.table.load(r.Sums.Total, r.Sums.Rows)
		l.budgets.restore(r.Sums.Budgets)
		f.lastID.Store(max(f.lastID.Load(), r.Sums.ID))
	case r.Call != nil:
		c := r.Call
		l.table.book(&booking{model: c.Model, part: Part{1, c.Usage, c.Cost},
			failed: c.Failed, estimated: c.Usage.Estimated}, &callTags{private: c.Tags}, l.opts.GroupBy)
		l.budgets.restore(c.Charges)
		f.lastID.Store(max(f.lastID.Load(), c.ID))
		f.calls.Add(1)
	default:
		return errors.New("a record is of a kind that this release does not know: use the release that wrote it, or a later one")
	}
	return nil
}

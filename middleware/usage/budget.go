package usage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Budget is the most that some calls may cost in a period. The price of a call is reserved
// before it is sent, as the most that it may come to, and what it cost is settled after: see
// the package documentation.
type Budget struct {
	// Name is what errors call the budget. Default: the names of its tags, without their
	// values.
	Name string
	// Tags say which calls count: those that bear all of them. None = every call. "model" is
	// the ID of the model that is asked, as [llm.Info] has it.
	Tags map[string]string
	// Limit is the most that they may cost in a period. With a Limit of 0 or less only calls
	// that are free pass.
	Limit USD
	// Period begins anew each time that it has passed since the epoch, in UTC: one of 24 hours
	// at midnight, one of 7 days on Thursdays. 0 or less = the budget is never renewed. A call
	// counts in the period in which it began. While the clock is set back, a period begins anew
	// only after as much time has passed too: what is spent is not forgotten.
	Period time.Duration
}

// BudgetStatus is how much of a budget is left.
type BudgetStatus struct {
	Name     string            `json:"name"`
	Tags     map[string]string `json:"tags,omitempty"`
	Limit    USD               `json:"limit"`
	Period   time.Duration     `json:"period_ns,omitempty"` // 0 = it is never renewed
	Ends     time.Time         `json:"ends,omitzero"`       // when it is renewed
	Spent    Cost              `json:"spent"`               // by calls that have ended; those whose price was not known, at what was reserved for them
	Reserved USD               `json:"reserved"`            // for calls that are under way
	Left     USD               `json:"left"`                // Limit without both, at least 0
}

// BudgetError is the cause of an [llm.ErrBudgetExceeded].
type BudgetError struct {
	Name     string    // of the budget
	Limit    USD       // of the budget
	Left     USD       // of it, without what is spent and what other calls have reserved
	Reserved USD       // for other calls that are under way
	Need     Cost      // what the call may cost at most, or what it came to where it was stopped midway
	Ends     time.Time // when the budget is renewed; zero = never

	remedy remedy
}

// remedy is what would let a call pass that was refused.
type remedy int

const (
	settlement remedy = iota // of others
	renewal
	raise // of the limit
)

// Error says which budget it is and what is left.
func (e *BudgetError) Error() string {
	s := "budget " + e.Name + " has " + e.Left.String() + " of " + e.Limit.String() + " USD left"
	if e.Reserved != (USD{}) {
		s += ", apart from " + e.Reserved.String() + " reserved for others"
	}
	return s + ", and the call needs " + e.Need.String()
}

// worse says whether a refusal lasts longer than another.
func (e *BudgetError) worse(than *BudgetError) bool {
	return e.remedy > than.remedy || e.remedy == than.remedy && e.Ends.After(than.Ends)
}

type budget struct {
	Budget
	key     string // the same for budgets that count the same
	current *window
}

// budgets are those of a ledger. One lock guards all, so that a call reserves in all of its
// budgets at once or in none.
type budgets struct {
	mu    sync.Mutex
	all   []*budget // in the order of the options
	every []*budget // those of every call
	byTag map[string]map[string][]*budget
	byKey map[string]*budget
}

func newBudgets(given []Budget) *budgets {
	bs := &budgets{byTag: map[string]map[string][]*budget{}, byKey: map[string]*budget{}}
	for _, g := range given {
		g.Tags, g.Period = maps.Clone(g.Tags), max(0, g.Period)
		b := &budget{Budget: g, key: budgetKey(g), current: newWindow(0)}
		names := slices.Sorted(maps.Keys(g.Tags))
		if b.Name == "" {
			b.Name = defaultName(names)
		}
		if twin := bs.byKey[b.key]; twin != nil { // they count the same calls
			if b.Limit.Cmp(twin.Limit) < 0 {
				twin.Budget = b.Budget
			}
			continue
		}
		bs.byKey[b.key] = b
		bs.all = append(bs.all, b)
		if len(names) == 0 {
			bs.every = append(bs.every, b)
			continue
		}
		first, value := names[0], g.Tags[names[0]]
		if bs.byTag[first] == nil {
			bs.byTag[first] = map[string][]*budget{}
		}
		bs.byTag[first][value] = append(bs.byTag[first][value], b)
	}
	return bs
}

// budgetKey names what a budget counts.
func budgetKey(b Budget) string {
	tags, _ := json.Marshal(b.Tags) // sorted
	if len(b.Tags) == 0 {
		tags = nil
	}
	key := strconv.FormatInt(int64(b.Period), 10) + string(tags)
	if strings.Contains(key, `\ufffd`) { // not UTF-8, which JSON does not tell apart
		key += fmt.Sprintf("%q", b.Tags)
	}
	return key
}

// defaultName has no values of tags: they may be anybody's secrets, and errors are logged.
func defaultName(tags []string) string {
	if len(tags) == 0 {
		return "of all calls"
	}
	name := "by "
	for i, tag := range tags {
		if i > 0 {
			name += ", "
		}
		name += printable(tag)
	}
	return name
}

func (b *budget) counts(tags *callTags) bool {
	for name, want := range b.Tags {
		if value, ok := tags.get(name); !ok || value != want {
			return false
		}
	}
	return true
}

// match returns what a call has to reserve, without amounts and windows.
func (bs *budgets) match(tags *callTags) (charges []charge) {
	add := func(b *budget) {
		if charges == nil {
			charges = make([]charge, 0, 4)
		}
		charges = append(charges, charge{budget: b})
	}
	for _, b := range bs.every {
		add(b)
	}
	for name, values := range bs.byTag {
		if value, ok := tags.get(name); ok {
			for _, b := range values[value] {
				if b.counts(tags) {
					add(b)
				}
			}
		}
	}
	return charges
}

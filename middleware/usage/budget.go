package usage

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
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

type budget struct {
	Budget
	key     string // the same for budgets that count the same
	current *window
}

// charge is what a call has reserved in a window.
type charge struct {
	budget *budget
	window *window
	amount USD
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

// left returns what is left of a budget, before and after what is reserved. It may be
// below zero.
func (b *budget) left(w *window) (unspent, left USD) {
	spent, _ := w.spent.USD()
	unspent = less(b.Limit, spent)
	return unspent, less(unspent, w.reserved)
}

// check says why a budget does not let a call pass that has reserved own of it and needs
// more.
func (b *budget) check(w *window, own USD, need Cost) *BudgetError {
	amount, known := need.USD()
	fits := func(room USD) bool { return amount.Cmp(room) <= 0 && (known || room.Cmp(USD{}) > 0) }
	unspent, left := b.left(w)
	left = plus(left, own)
	if fits(left) || need == (Cost{}) {
		return nil
	}
	err := &BudgetError{Name: b.Name, Limit: b.Limit, Left: positive(left), Reserved: less(w.reserved, own), Need: need, Ends: b.ends(w)}
	switch {
	case fits(unspent):
	case b.Period > 0 && fits(b.Limit):
		err.remedy = renewal
	default:
		err.remedy = raise
	}
	return err
}

// reserve reserves what a call may cost in each of its budgets. If one has no room it
// reserves nothing, and says which would be the last to let the call pass. Of a call whose
// cost is unknown nothing is reserved, and it passes while there is anything left.
func (bs *budgets) reserve(charges []charge, now time.Time, need Cost) (refused *BudgetError) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for i := range charges {
		c := &charges[i]
		c.window, c.amount = c.budget.at(now), need.known
		if err := c.budget.check(c.window, USD{}, need); err != nil && (refused == nil || err.worse(refused)) {
			refused = err
		}
	}
	if refused != nil {
		return refused
	}
	for _, c := range charges {
		c.window.reserved = plus(c.window.reserved, c.amount)
	}
	return nil
}

func (e *BudgetError) worse(than *BudgetError) bool {
	return e.remedy > than.remedy || e.remedy == than.remedy && e.Ends.After(than.Ends)
}

// extend raises what a call has reserved to what it needs by now, in all of its budgets or
// in none. The error is why not.
func (bs *budgets) extend(charges []charge, need Cost) *BudgetError {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, c := range charges {
		if need.known.Cmp(c.amount) <= 0 {
			continue
		}
		if err := c.budget.check(c.window, c.amount, need); err != nil {
			return err
		}
	}
	for i := range charges {
		if c := &charges[i]; need.known.Cmp(c.amount) > 0 {
			c.window.reserved = plus(less(c.window.reserved, c.amount), need.known)
			c.amount = need.known
		}
	}
	return nil
}

// release gives back what a call has reserved.
func (bs *budgets) release(charges []charge) {
	if len(charges) == 0 {
		return
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, c := range charges {
		c.window.reserved = less(c.window.reserved, c.amount)
	}
}

// settle puts what a call has cost in the place of what it has reserved.
func (bs *budgets) settle(charges []charge, cost Cost) {
	if len(charges) == 0 {
		return
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, c := range charges {
		c.window.reserved = less(c.window.reserved, c.amount)
		c.window.spend(charged(cost, c.amount))
	}
}

// charged is what a call costs a budget. Where a part of its cost is unknown, that is no
// less than what was reserved.
func charged(cost Cost, reserved USD) Cost {
	if cost.unpricedCalls > 0 && cost.known.Cmp(reserved) < 0 {
		cost.known = reserved
	}
	return cost
}

// restore spends what was spent in an earlier run, where that is not over.
func (bs *budgets) restore(charges []chargeRecord) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, c := range charges {
		b := bs.byKey[c.Budget]
		if b == nil {
			continue
		}
		if c.Start > b.current.start {
			b.current = newWindow(c.Start)
		}
		if c.Start == b.current.start {
			b.current.spend(c.Spent)
		}
	}
}

// status returns how the budgets are at a time.
func (bs *budgets) status(now time.Time) []BudgetStatus {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	list := make([]BudgetStatus, 0, len(bs.all))
	for _, b := range bs.all {
		w := b.at(now)
		_, left := b.left(w)
		list = append(list, BudgetStatus{b.Name, maps.Clone(b.Tags), b.Limit, b.Period, b.ends(w), w.spent, w.reserved, positive(left)})
	}
	return list
}

// maxUSD is the largest amount.
var maxUSD = USD{math.MaxInt64, attoPerUSD - 1}

// plus and less add and subtract; what is too large becomes the largest amount.
func plus(u, v USD) USD {
	sum, err := u.Add(v)
	return held(sum, err, u)
}

func less(u, v USD) USD {
	difference, err := u.Sub(v)
	return held(difference, err, u)
}

func held(result USD, err error, u USD) USD {
	switch {
	case err == nil:
		return result
	case u.dollars < 0:
		return USD{dollars: -math.MaxInt64}
	}
	return maxUSD
}

func positive(u USD) USD {
	if u.dollars < 0 {
		return USD{}
	}
	return u
}

package usage

import (
	"maps"
	"time"
)

// charge is what a call has reserved in a window.
type charge struct {
	budget *budget
	window *window
	amount USD
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

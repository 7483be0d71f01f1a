package usage

import "time"

// window is a period of a budget, and what was spent in it. A call settles in the one that
// it reserved in, even where the budget has another by then.
type window struct {
	start    int64 // Unix nanoseconds; 0 where there is no period
	spent    Cost
	reserved USD
}

// at returns the window of a time. A clock that is set back by less than a period does
// not bring back one that has passed.
func (b *budget) at(now time.Time) *window {
	if b.Period == 0 {
		return b.current
	}
	start := startOf(now, b.Period)
	if start > b.current.start || start < b.current.start-int64(b.Period) {
		b.current = &window{start: start}
	}
	return b.current
}

func startOf(now time.Time, period time.Duration) int64 {
	ns := now.UnixNano()
	past := ns % int64(period)
	if past < 0 {
		past += int64(period)
	}
	return ns - past
}

// ends returns when a window does; zero if never.
func (b *budget) ends(w *window) time.Time {
	if b.Period == 0 {
		return time.Time{}
	}
	return time.Unix(0, w.start).Add(b.Period).UTC()
}

func (w *window) spend(cost Cost) {
	sum, err := w.spent.Add(cost)
	if err != nil {
		sum = Cost{known: maxUSD, unpricedCalls: w.spent.unpricedCalls, unpricedTokens: w.spent.unpricedTokens}
	}
	w.spent = sum
}

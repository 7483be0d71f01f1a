package usage

import "time"

// window is a period of a budget, and what was spent in it. A call settles in the one that
// it reserved in, even where the budget has another by then.
type window struct {
	start    int64     // Unix nanoseconds; 0 where there is no period
	shown    int64     // start of the period that the clock shows: an earlier one after it was set back
	opened   time.Time // to see that a period has passed, whatever the clock was set to
	spent    Cost
	reserved USD
}

func newWindow(start int64) *window {
	return &window{start: start, shown: start, opened: time.Now()}
}

// at returns the window of a time. A clock that is set back, and right again, keeps the
// window, so that nothing is forgotten and nothing passes that was refused. As it may have been
// wrong before and be right now, the passing of a period renews the budget too.
func (b *budget) at(now time.Time) *window {
	if b.Period == 0 {
		return b.current
	}
	w, start := b.current, startOf(now, b.Period)
	if start > w.start || start > w.shown && time.Since(w.opened) >= b.Period {
		w = newWindow(start)
		b.current = w
	}
	w.shown = start
	return w
}

func startOf(now time.Time, period time.Duration) int64 {
	ns := now.UnixNano()
	past := ns % int64(period)
	if past < 0 {
		past += int64(period)
	}
	return ns - past
}

// ends returns when the period of a window does, by the clock; zero if never.
func (b *budget) ends(w *window) time.Time {
	if b.Period == 0 {
		return time.Time{}
	}
	return time.Unix(0, w.shown).Add(b.Period).UTC()
}

func (w *window) spend(cost Cost) {
	sum, err := w.spent.Add(cost)
	if err != nil {
		sum = Cost{known: maxUSD, unpricedCalls: w.spent.unpricedCalls, unpricedTokens: w.spent.unpricedTokens}
	}
	w.spent = sum
}

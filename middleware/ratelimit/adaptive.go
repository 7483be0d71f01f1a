package ratelimit

import "time"

// The documentation of Options.Adaptive gives these numbers.
const (
	cutTo        = 0.7 // of the share there was
	cutEvery     = 10 * time.Second
	leastShare   = 0.05
	growth       = 0.2 // of the limits, in a minute
	longestPause = time.Minute
)

// throttle is what the provider has taught of a key: additive increase, multiplicative
// decrease.
type throttle struct {
	share float64   // of the limits, after the last cut
	cut   time.Time // when that was
	until time.Time // nothing is sent before
}

// now returns the share of the limits that may be used.
func (t *throttle) now(now time.Time) float64 {
	return min(1, t.share+growth*now.Sub(t.cut).Minutes())
}

// rateLimited takes note of a failure whose provider asks to wait for so long, and says
// whether the share was cut.
func (t *throttle) rateLimited(now time.Time, wait time.Duration) bool {
	if until := now.Add(min(wait, longestPause)); until.After(t.until) {
		t.until = until
	}
	if now.Sub(t.cut) < cutEvery { // a burst of failures is one
		return false
	}
	t.share, t.cut = max(leastShare, cutTo*t.now(now)), now
	return true
}

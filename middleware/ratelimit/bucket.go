package ratelimit

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// longestDebt is how long a bucket takes at most to make good what calls used beyond what
// they reserved. The documentation of the package gives it.
const longestDebt = time.Hour

// bucket is a token bucket that can take back what it gave, and give what it does not have.
// A nil bucket is no limit. It is not safe for concurrent use.
type bucket struct {
	lim       *rate.Limiter
	perSecond float64 // what flows in, unscaled
	burst     int     // what it holds, unscaled
	share     float64 // of both, as it is now
	holds     int     // the share of the burst
}

func newBucket(perMinute, burst int) *bucket {
	if perMinute <= 0 {
		return nil
	}
	perSecond := float64(perMinute) / 60
	return &bucket{rate.NewLimiter(rate.Limit(perSecond), burst), perSecond, burst, 1, burst}
}

// has says whether n may be taken: whether so much is there, or it is full. (A scaled
// bucket may be smaller than n.)
func (b *bucket) has(now time.Time, n int) bool {
	return b == nil || b.lim.TokensAt(now) >= float64(min(n, b.holds))
}

// wait returns how long it takes until n may be taken, after ahead has been.
func (b *bucket) wait(now time.Time, ahead float64, n int) time.Duration {
	if b == nil {
		return 0
	}
	missing := ahead + float64(min(n, b.holds)) - b.lim.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	d := math.Ceil(missing / (b.perSecond * b.share) * float64(time.Second))
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}

// take takes n, whether it is there or not.
func (b *bucket) take(now time.Time, n int) {
	if b == nil || n <= 0 {
		return
	}
	if n > b.holds { // ReserveN would refuse
		b.lim.SetBurstAt(now, n)
		defer b.lim.SetBurstAt(now, b.holds)
	}
	b.lim.ReserveN(now, n)
}

// owe takes n that were used already, down to the longest debt. The rest is forgotten.
func (b *bucket) owe(now time.Time, n int) {
	if b == nil || n <= 0 {
		return
	}
	if room := b.lim.TokensAt(now) + b.perSecond*longestDebt.Seconds(); float64(n) > room {
		n = int(room)
	}
	b.take(now, n)
}

// give puts n back. What does not fit is lost.
func (b *bucket) give(now time.Time, n int) {
	if b != nil && n > 0 {
		b.lim.ReserveN(now, -n) // not documented; TestRefund pins it
	}
}

// drain takes all there is.
func (b *bucket) drain(now time.Time) {
	if b != nil {
		all := math.MaxInt
		if there := b.lim.TokensAt(now); there < math.MaxInt {
			all = int(there)
		}
		b.take(now, all)
	}
}

// scale sets rate and burst to a share of what they were at first.
func (b *bucket) scale(now time.Time, share float64) {
	if b == nil || share == b.share {
		return
	}
	b.share, b.holds = share, scaled(b.burst, share)
	b.lim.SetLimitAt(now, rate.Limit(b.perSecond*share))
	b.lim.SetBurstAt(now, b.holds)
}

func (b *bucket) full(now time.Time) bool {
	return b == nil || b.lim.TokensAt(now) >= float64(b.burst)
}

// scaled is a share of n, at least 1.
func scaled(n int, share float64) int {
	if share >= 1 {
		return n // which may be more than a float64 counts
	}
	return max(1, int(float64(n)*share))
}

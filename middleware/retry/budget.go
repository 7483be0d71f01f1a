package retry

import (
	"sync"
	"time"
)

// Budget limits retries to a share of calls, so that an outage is not made worse by retries.
// When it has no retry left, calls fail with the error of the attempt that they have made.
//
// The zero Budget is ready for use and has the defaults. A budget that several calls of [New]
// share, such as those for two models of one account, counts the calls and retries of all. It is
// safe for concurrent use; set its fields before. It must not be copied, and is kept in this
// process only.
//
// It is a bucket of retries. It starts with Floor of them; each call adds Share, each retry
// takes one, and below Floor it fills up again, by Floor a minute. However long all was well, it
// holds no more than the shares of 200 calls, or Floor if that is more. So over any stretch of
// time retries are at most what it holds, Share for each call and Floor for each minute.
type Budget struct {
	// Share is how many retries each call adds; 0 means 0.2. Less than 0 means none, so that
	// Floor alone counts, and math.Inf(1) no limit: there is always a retry left.
	Share float64

	// Floor is how many retries a minute are allowed whatever the calls have added; 0 means
	// 10, and less than 0 none.
	Floor int

	mu    sync.Mutex
	above float64   // what the bucket holds above Floor; at least -Floor
	since time.Time // of the last withdrawal: since then the bucket fills up to Floor
}

// hoarded is the number of calls whose shares the bucket holds. With the default share that is
// 40 retries: a thousand calls that run into an outage within a minute, after any time without
// failures, make at most 1.25 times as many attempts.
const hoarded = 200

func (b *Budget) limits() (share, floor, most float64) {
	share, floor = b.Share, float64(b.Floor)
	switch {
	case share == 0:
		share = 0.2
	case !(share > 0): // NaN is none too
		share = 0
	}
	switch {
	case floor == 0:
		floor = 10
	case floor < 0:
		floor = 0
	}
	return share, floor, max(floor, hoarded*share)
}

// deposit adds what a call adds. It does not fill the bucket up to Floor, which can wait until
// somebody asks; so it needs no clock.
func (b *Budget) deposit() {
	share, floor, most := b.limits()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.above = min(b.above+share, most-floor)
}

// withdraw takes a retry, if there is one.
func (b *Budget) withdraw() bool {
	_, floor, _ := b.limits()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.above < 0 {
		b.above = min(0, b.above+floor*now.Sub(b.since).Minutes())
	}
	b.since = now
	if floor+b.above < 1 {
		return false
	}
	b.above--
	return true
}

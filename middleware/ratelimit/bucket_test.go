package ratelimit

import (
	"math"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

var start = time.Unix(0, 0)

// Not documented by package rate, and what bucket.give rests on: a negative number of
// tokens comes back, whatever the balance, and never makes it more than the burst.
func TestRefund(t *testing.T) {
	lim := rate.NewLimiter(1, 10)
	for _, c := range []struct {
		name string
		n    int
		want float64
	}{
		{"all is taken", 10, 0}, {"some comes back", -4, 4}, {"and is taken", 3, 1},
		{"beyond what is there", 6, -5}, {"a debt is paid", -7, 2}, {"more than fits comes back", -50, 10}, {"all is there", 10, 0},
	} {
		if !lim.ReserveN(start, c.n).OK() {
			t.Errorf("%s: ReserveN(%d) is refused", c.name, c.n)
		}
		if got := lim.TokensAt(start); got != c.want {
			t.Errorf("%s: the balance is %v, want %v", c.name, got, c.want)
		}
	}
	if d := lim.ReserveN(start, 1).DelayFrom(start); d != time.Second {
		t.Errorf("the next waits for %v, want 1s", d)
	}
}

func TestBucket(t *testing.T) {
	b := newBucket(60, 10)
	level := func(want float64) {
		t.Helper()
		if got := b.lim.TokensAt(start); math.Abs(got-want) > 1e-9 {
			t.Errorf("the bucket holds %v, want %v", got, want)
		}
	}
	level(10)
	b.take(start, 1_000_000) // nothing of it is lost, though it is more than the bucket holds
	level(-999_990)
	b.give(start, 1_000_000)
	level(10)
	b.give(start, 5)
	level(10)
	b.take(start, -1)
	b.give(start, -1)
	level(10)
	if b.has(start, 10) != true || b.wait(start, 0, 10) != 0 {
		t.Error("a full bucket does not have what it holds")
	}
	b.take(start, 8)
	for _, c := range []struct {
		ahead float64
		n     int
		want  time.Duration
	}{{0, 2, 0}, {0, 3, time.Second}, {4, 3, 5 * time.Second}, {0, 10, 8 * time.Second}} {
		if d := b.wait(start, c.ahead, c.n); d != c.want {
			t.Errorf("%d behind %v wait for %v, want %v", c.n, c.ahead, d, c.want)
		}
	}
	b.drain(start)
	level(0)
	b.drain(start)
	level(0)

	b.scale(start, 0.5)
	if d := b.wait(start, 0, 10); d != 10*time.Second { // half of what it holds, at half the rate
		t.Errorf("a scaled bucket has 10 after %v, want 10s", d)
	}
	later := start.Add(10 * time.Second)
	if !b.has(later, 10) || b.has(later.Add(-time.Millisecond), 10) {
		t.Error("a scaled bucket gives more than it holds when it is full, and not before")
	}
	b.take(later, 10)
	if d := b.wait(later, 0, 1); d != 12*time.Second {
		t.Errorf("what it then lacks takes %v, want 12s", d)
	}
	b.scale(later, 0.001)
	if b.holds != 1 {
		t.Errorf("the least bucket holds %d, want 1", b.holds)
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		n     int
		share float64
		want  int
	}{{10, 1, 10}, {10, 0.7, 7}, {1, 0.05, 1}, {3, 0.7, 2}, {math.MaxInt, 1, math.MaxInt}, {math.MaxInt - 1, 1, math.MaxInt - 1}, {1<<60 + 1, 1, 1<<60 + 1}} {
		if got := scaled(c.n, c.share); got != c.want {
			t.Errorf("%v of %d is %d, want %d", c.share, c.n, got, c.want)
		}
	}
	if got := scaled(math.MaxInt, math.Nextafter(1, 0)); got <= math.MaxInt/2 {
		t.Errorf("almost all is %d", got)
	}
	b := newBucket(1, math.MaxInt)
	if b.drain(start); b.lim.TokensAt(start) > 0 {
		t.Errorf("a drained bucket holds %v", b.lim.TokensAt(start))
	}
}

func TestBucketExtremes(t *testing.T) {
	b := newBucket(1, 1)
	b.take(start, math.MaxInt)
	if d := b.wait(start, math.MaxInt, 1); d != math.MaxInt64 {
		t.Errorf("the wait is %v, want the longest there is", d)
	}
	var unlimited *bucket
	unlimited.take(start, 5)
	unlimited.give(start, 5)
	unlimited.scale(start, 0.5)
	unlimited.drain(start)
	if !unlimited.has(start, math.MaxInt) || unlimited.wait(start, 1, 1) != 0 || !unlimited.full(start) {
		t.Error("no bucket is a limit")
	}
	if newBucket(0, 5) != nil || newBucket(-1, 5) != nil {
		t.Error("a limit of 0 or less is none")
	}
}

// A wait that was told is long enough and no longer, whatever the rates.
func TestBucketWaitIsExact(t *testing.T) {
	for _, perMinute := range []int{1, 7, 60, 999, 1_000_003, 2_000_000_000} {
		b := newBucket(perMinute, perMinute)
		now := start
		for n := 1; n < perMinute; n = n*3 + 1 {
			b.take(now, perMinute)
			d := b.wait(now, 0, n)
			if b.has(now.Add(d-time.Duration(1+1e-6*float64(d))), n) {
				t.Errorf("%d a minute: %d are there before %v", perMinute, n, d)
			}
			now = now.Add(d)
			for looks := 0; !b.has(now, n); looks++ {
				if looks == 3 {
					t.Fatalf("%d a minute: %d are not there after %v", perMinute, n, d)
				}
				now = now.Add(b.wait(now, 0, n))
			}
		}
	}
}

func TestThrottle(t *testing.T) {
	th := throttle{share: 1}
	at := func(s int) time.Time { return time.Unix(1_000_000+int64(s), 0) }
	steps := []struct {
		second int
		failed bool
		want   float64
	}{
		{0, true, 0.7}, {1, true, 0.7 + 0.2/60}, {9, true, 0.7 + 1.8/60}, // a burst counts once
		{10, true, 0.7 * (0.7 + 2.0/60)}, {70, false, 0.7*(0.7+2.0/60) + 0.2}, {1000, false, 1}, {5000, true, 0.7},
	}
	for _, s := range steps {
		if s.failed {
			th.rateLimited(at(s.second), 0)
		}
		if got := th.now(at(s.second)); math.Abs(got-s.want) > 1e-9 {
			t.Errorf("after %d s the share is %v, want %v", s.second, got, s.want)
		}
	}
	for s := 6000; s < 6500; s += 10 {
		th.rateLimited(at(s), 0)
	}
	if got := th.now(at(6490)); got < leastShare || got > 0.08 { // what is cut and what grows in 10 s are then the same
		t.Errorf("after many failures the share is %v", got)
	}
	th.share = leastShare
	if th.cut = at(6490); !th.rateLimited(at(6500), 0) || th.share < leastShare {
		t.Errorf("the share is %v, less than %v", th.share, leastShare)
	}
	th.rateLimited(at(7000), time.Hour)
	th.rateLimited(at(7001), time.Second) // does not shorten it
	if want := at(7000).Add(longestPause); !th.until.Equal(want) {
		t.Errorf("the pause lasts until %v, want %v", th.until, want)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 120_000: "120,000", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}

package retry_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

var dead = turn{err: failure(llm.ErrUnavailable)}

// TestOutage: a thousand callers, of whom each meets a dead backend, make at most 1.25 times
// as many attempts, however they come and however good the time before was.
func TestOutage(t *testing.T) {
	cases := []struct {
		before      int           // calls that were answered
		over, takes time.Duration // in which the calls begin, and how long the backend takes to fail
	}{
		{0, 0, 0}, {0, 0, time.Second}, {0, time.Second, 0}, {0, 50 * time.Second, time.Second},
		{10_000, 0, 0}, {10_000, 0, time.Second}, {10_000, time.Second, 0}, {10_000, 50 * time.Second, time.Second},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d before, over %v, taking %v", c.before, c.over, c.takes), func(t *testing.T) {
			bothWays(t, func(t *testing.T, call way) {
				const calls = 1000
				mw := retry.New(nil)
				for range c.before {
					if _, err := call(t.Context(), llm.Wrap(plays(good), mw)); err != nil {
						t.Fatal(err)
					}
				}
				b := plays(turn{err: dead.err, takes: c.takes})
				m := llm.Wrap(b, mw)
				var wg sync.WaitGroup
				for i := range calls {
					wg.Go(func() {
						time.Sleep(c.over * time.Duration(i) / calls)
						if _, err := call(t.Context(), m); llm.CodeOf(err) != llm.ErrUnavailable {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				got := b.attempts()
				t.Logf("%d calls made %d attempts", calls, got)
				if got > calls*5/4 {
					t.Errorf("%d calls made %d attempts, want at most %d", calls, got, calls*5/4)
				}
				if got < calls+10 {
					t.Errorf("%d calls made %d attempts, want the Floor of 10 at least", calls, got)
				}
			})
		})
	}
}

// TestSteady: callers who go on calling a dead backend for an hour retry a share of their calls
// and the Floor; callers with few calls get all their retries.
func TestSteady(t *testing.T) {
	cases := []struct {
		name      string
		every     time.Duration // one call
		opts      retry.Options
		low, high float64 // retries a call
	}{
		{"100 a second", 10 * time.Millisecond, retry.Options{}, 0.195, 0.205},
		{"1 a second", time.Second, retry.Options{}, 0.35, 0.4}, // 0.2 and 10 a minute for 60 calls
		{"1 a minute", time.Minute, retry.Options{}, 3, 3},
		{"floor alone", time.Second, retry.Options{Budget: &retry.Budget{Share: -1, Floor: 30}}, 0.49, 0.51},
		{"share alone", time.Second, retry.Options{Budget: &retry.Budget{Share: 0.5, Floor: -1000}}, 0.495, 0.5},
		{"none", time.Second, retry.Options{Budget: &retry.Budget{Share: -1, Floor: -1}}, 0, 0},
		{"not a number", time.Second, retry.Options{Budget: &retry.Budget{Share: math.NaN(), Floor: -1}}, 0, 0},
		{"no limit", time.Second, retry.Options{Budget: unlimited()}, 3, 3},
		{"no limit, no floor", time.Second, retry.Options{Budget: &retry.Budget{Share: math.Inf(1), Floor: -1}}, 3, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := plays(dead)
				m := llm.Wrap(b, retry.New(&c.opts))
				var wg sync.WaitGroup
				calls := int(time.Hour / c.every)
				if calls > 60_000 {
					calls = 60_000
				}
				for range calls {
					wg.Go(func() { _, _ = generate(t.Context(), m) })
					time.Sleep(c.every)
				}
				wg.Wait()
				if got := float64(b.attempts()-calls) / float64(calls); got < c.low || got > c.high {
					t.Errorf("%d calls made %d attempts: %.3f retries a call, want %v to %v", calls, b.attempts(), got, c.low, c.high)
				}
			})
		})
	}
}

// retries makes calls to a dead backend, each with one retry at most, and returns how many
// there were.
func retries(t *testing.T, calls int, b *retry.Budget) int {
	t.Helper()
	m := plays(dead)
	wrapped := llm.Wrap(m, retry.New(&retry.Options{MaxAttempts: 2, MaxDelay: 1, Budget: b}))
	for range calls {
		_, _ = generate(t.Context(), wrapped)
	}
	return m.attempts() - calls
}

// TestTrickle watches what the bucket holds over time. A share of 1/1024 adds next to nothing.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &retry.Budget{Share: 1.0 / 1024, Floor: 10}
		step := func(wait time.Duration, want int) {
			t.Helper()
			time.Sleep(wait)
			if got := retries(t, 20, b); got != want {
				t.Errorf("after %v: %d retries, want %d", wait, got, want)
			}
		}
		step(0, 10) // it starts with Floor
		step(0, 0)
		step(6*time.Second, 1) // ten a minute
		step(5*time.Second, 0)
		step(2*time.Second, 1)
		step(30*time.Second, 5)
		step(time.Minute, 10)
		step(time.Hour, 10) // up to Floor
	})
}

// TestCap: long good times add no more than the shares of 200 calls, or Floor.
func TestCap(t *testing.T) {
	cases := []struct {
		share float64
		floor int
		want  int
	}{
		{0, 0, 40},
		{0.5, 0, 100},
		{0, 25, 40},
		{0, 70, 70},
		{-1, 7, 7},
		{0.25, -1, 50},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			b := &retry.Budget{Share: c.share, Floor: c.floor}
			m := llm.Wrap(plays(good), retry.New(&retry.Options{Budget: b}))
			for range 2000 {
				if _, err := generate(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			// What the dead calls add themselves is not what is looked for: one call with
			// many attempts adds one share.
			d := plays(dead)
			_, err := generate(t.Context(), llm.Wrap(d, retry.New(&retry.Options{MaxAttempts: 1000, MaxDelay: 1, Budget: b})))
			if got := d.attempts() - 1; got != c.want {
				t.Errorf("Share %v, Floor %d: %d retries at once, want %d", b.Share, b.Floor, got, c.want)
			}
			wantGaveUp(t, err, llm.ErrUnavailable, fmt.Sprintf(
				"acme generate m-1: unavailable: gave up after %d attempts in 0s: the retry budget is spent (retry.Options.Budget): try later (status 503, request id req-1)", c.want+1))
		})
	}
}

// TestBudgetIsShared: by the models of one middleware, and by middleware that is given the same.
func TestBudgetIsShared(t *testing.T) {
	shared := &retry.Budget{Share: -1, Floor: 6}
	one := retry.New(&retry.Options{Budget: shared})
	cases := []struct {
		name     string
		a, b     llm.Middleware
		attempts int // of the second of two calls to dead backends, each with up to 3 retries
	}{
		{"one middleware", one, one, 4},
		{"the same budget", one, retry.New(&retry.Options{Budget: shared}), 1},
		{"budgets of their own", retry.New(&retry.Options{Budget: &retry.Budget{Share: -1, Floor: 3}}), retry.New(&retry.Options{Budget: &retry.Budget{Share: -1, Floor: 3}}), 4},
		{"defaults of their own", retry.New(nil), retry.New(nil), 4},
	}
	synctest.Test(t, func(t *testing.T) {
		for _, c := range cases {
			a, b := plays(dead), plays(dead)
			_, _ = generate(t.Context(), llm.Wrap(a, c.a))
			_, err := generate(t.Context(), llm.Wrap(b, c.b))
			if b.attempts() != c.attempts {
				t.Errorf("%s: the second call made %d attempts, want %d: %v", c.name, b.attempts(), c.attempts, err)
			}
		}
	})
}

// TestRefusedAtOnce: without a retry left the error comes at once, and waits cost nothing.
func TestRefusedAtOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		b := plays(dead)
		began := time.Now()
		_, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{Budget: &retry.Budget{Share: -1, Floor: -1}})))
		wantGaveUp(t, err, llm.ErrUnavailable,
			"acme generate m-1: unavailable: gave up after 1 attempt in 0s: the retry budget is spent (retry.Options.Budget): try later (status 503, request id req-1)")
		if time.Since(began) != 0 {
			t.Errorf("it took %v", time.Since(began))
		}
		b.wantAttempts(t, 1)
	})
}

// TestBudgetIsNotSpentInVain: what another limit refuses takes no retry.
func TestBudgetIsNotSpentInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &retry.Budget{Share: -1, Floor: 1}
		late := plays(fails(&llm.Error{Code: llm.ErrOverloaded, RetryAfter: time.Minute}))
		_, _ = generate(t.Context(), llm.Wrap(late, retry.New(&retry.Options{MaxElapsed: time.Second, Budget: b, MaxDelay: time.Hour})))
		if got := retries(t, 3, b); got != 1 {
			t.Errorf("%d retries were left, want 1", got)
		}
	})
}

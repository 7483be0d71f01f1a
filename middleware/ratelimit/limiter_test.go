package ratelimit_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

// all is the result of a call that used up what it reserved.
var all = ratelimit.Result{Tokens: -1}

// queued is a call that a test has put into a queue.
type queued struct {
	name    string
	at      time.Duration // when its turn came, or it left, since the test began
	release func(ratelimit.Result)
	err     error
}

// line puts calls into the queue of a limiter one after the other, in virtual time.
type line struct {
	limiter ratelimit.Limiter
	began   time.Time
	wg      sync.WaitGroup
	calls   []*queued
}

func newLine(l ratelimit.Limiter) *line { return &line{limiter: l, began: time.Now()} }

func (l *line) add(ctx context.Context, name string, tokens int) *queued {
	q := &queued{name: name}
	l.calls = append(l.calls, q)
	l.wg.Go(func() {
		q.release, q.err = l.limiter.Acquire(ctx, "k", tokens)
		q.at = time.Since(l.began)
	})
	synctest.Wait()
	return q
}

// want compares how the calls ended, in the order of the time, then in that of the queue.
func (l *line) want(t *testing.T, want ...string) {
	t.Helper()
	l.wg.Wait()
	slices.SortStableFunc(l.calls, func(a, b *queued) int { return cmp.Compare(a.at, b.at) })
	var got []string
	for _, q := range l.calls {
		s := fmt.Sprintf("%s %v", q.name, q.at.Round(time.Millisecond))
		if q.err != nil {
			s += " " + string(llm.CodeOf(q.err))
		}
		got = append(got, s)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("served (-want +got): %s", d)
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, TokenBurst: 100}))
		l.add(t.Context(), "burst", 100)
		l.add(t.Context(), "large", 100) // nobody overtakes it
		l.add(t.Context(), "small", 1)
		l.add(t.Context(), "nothing", 0)
		l.add(t.Context(), "middle", 50)
		l.want(t, "burst 0s", "large 10s", "small 10.1s", "nothing 10.1s", "middle 15.1s")
	})
}

func TestBothBucketsOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1, TokensPerMinute: 600, TokenBurst: 100})
		l := newLine(limiter)
		l.add(t.Context(), "a", 95) // one request a second, ten tokens a second
		l.add(t.Context(), "b", 25) // a request is there after 1 s, the tokens after 2 s
		l.add(t.Context(), "c", 0)  // b has not taken the request before
		l.add(t.Context(), "d", 0)
		l.want(t, "a 0s", "b 2s", "c 3s", "d 4s")
	})
}

func TestRequestBurst(t *testing.T) {
	for _, c := range []struct{ perMinute, burst, want int }{
		{600, 0, 100}, {600, -1, 100}, {5, 0, 1}, {600, 7, 7},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: c.perMinute, RequestBurst: c.burst})
			n := 0
			for began := time.Now(); time.Since(began) == 0; n++ {
				if _, err := l.Acquire(t.Context(), "k", 1<<40); err != nil {
					t.Fatal(err)
				}
			}
			if n-1 != c.want {
				t.Errorf("%d a minute: %d at once, want %d", c.perMinute, n-1, c.want)
			}
		})
	}
}

func TestCancelInQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, TokenBurst: 100}))
		l.add(t.Context(), "burst", 100)
		first, leaveFirst := context.WithCancel(t.Context())
		third, leaveThird := context.WithCancel(t.Context())
		a := l.add(first, "first", 90)
		l.add(t.Context(), "second", 10)
		c := l.add(third, "third", 50)
		l.add(t.Context(), "fourth", 10)
		time.Sleep(500 * time.Millisecond)
		leaveThird()
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond)
		leaveFirst() // there are tokens for both who are left: they go at once
		l.want(t, "burst 0s", "third 500ms canceled", "first 2s canceled", "second 2s", "fourth 2s")
		for _, q := range []*queued{a, c} {
			if !errors.Is(q.err, context.Canceled) || q.release != nil {
				t.Errorf("%s: %v", q.name, q.err)
			}
		}
		if n := ratelimit.Waiting(l.limiter, "k"); n != 0 {
			t.Errorf("%d are still in the queue", n)
		}
	})
}

func TestContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 1})
		l := newLine(limiter)
		l.add(t.Context(), "holds the slot", 0)
		soon, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		q := l.add(soon, "waits for it", 0) // how long is not known, so it is let wait
		l.want(t, "holds the slot 0s", "waits for it 3s timeout")
		if !errors.Is(q.err, context.DeadlineExceeded) {
			t.Error(q.err)
		}
		_, err := limiter.Acquire(soon, "another key", 0)
		if llm.CodeOf(err) != llm.ErrTimeout {
			t.Errorf("a call whose context is done gets a permit: %v", err)
		}
	})
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, TokenBurst: 100}))
		within := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		l.add(t.Context(), "burst", 100)
		l.add(within(5*time.Second), "in time", 49)
		l.add(within(8*time.Second), "on the dot", 31) // too late by the time the answer comes
		late := l.add(within(8*time.Second), "too late", 51)
		l.add(within(8*time.Second), "in time too", 30)
		l.add(t.Context(), "nothing", 0)
		l.want(t, "burst 0s", "on the dot 0s rejected", "too late 0s rejected", "in time 4.9s", "in time too 7.9s", "nothing 7.9s")
		if d, ok := llm.RetryAfter(late.err); d != 10*time.Second || !ok {
			t.Errorf("retry after %v, want the wait of 10s", d)
		}
		const text = "rejected: the call's turn would come in 10s, and its deadline is in 8s: allow it more time, or raise the limits"
		if got := late.err.Error(); got != text {
			t.Errorf("the error is %q, want %q", got, text)
		}
		if llm.IsRetryable(late.err) || errors.Is(late.err, context.DeadlineExceeded) {
			t.Error("nothing has passed yet, and the model is not to be asked again")
		}
	})
}

// The wait is told from those who are in the queue, and no others, in requests too.
func TestDeadlineInRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1, TokensPerMinute: 600, TokenBurst: 100}))
		ctx, leave := context.WithCancel(t.Context())
		l.add(t.Context(), "a", 0)
		l.add(ctx, "b", 100)
		l.add(ctx, "c", 100)
		leave()
		synctest.Wait()
		l.add(t.Context(), "d", 100)
		l.add(t.Context(), "e", 0)
		soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		l.add(soon, "f", 0)
		later, cancel := context.WithTimeout(t.Context(), 3001*time.Millisecond)
		defer cancel()
		l.add(later, "g", 0)
		l.want(t, "a 0s", "b 0s canceled", "c 0s canceled", "f 0s rejected", "d 1s", "e 2s", "g 3s")
	})
}

// Who is first learns that it will be too late as soon as that is so.
func TestDeadlineAfterADebit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, TokenBurst: 100}))
		a := l.add(t.Context(), "a", 100)
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		l.add(ctx, "b", 50)
		l.add(t.Context(), "c", 10)
		time.Sleep(time.Second)
		a.release(ratelimit.Result{Tokens: 200})
		l.want(t, "a 0s", "b 1s rejected", "c 11s")
	})
}

func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 100_000})
		_, err := l.Acquire(t.Context(), "k", 100_001)
		if llm.CodeOf(err) != llm.ErrRejected || err.Error() != "rejected: the request needs 100,001 tokens, and the bucket holds 100,000" {
			t.Error(err)
		}
		if _, ok := llm.RetryAfter(err); ok {
			t.Error("waiting would not help")
		}
		if _, err := l.Acquire(t.Context(), "k", 100_000); err != nil {
			t.Errorf("the default burst is not a minute's worth: %v", err)
		}
	})
}

func TestSettle(t *testing.T) {
	for _, c := range []struct {
		name   string
		result ratelimit.Result
		want   string // when a call with 100 tokens and one with a request more are served
	}{
		{"as reserved", ratelimit.Result{Tokens: 100}, "10s 10s"},
		{"not known", all, "10s 10s"},
		{"less", ratelimit.Result{Tokens: 40}, "4s 5s"},
		{"nothing", ratelimit.Result{}, "1s 5s"}, // the refund wakes the first at once
		{"more", ratelimit.Result{Tokens: 150}, "15s 15s"},
		{"much more than the bucket holds", ratelimit.Result{Tokens: 1050}, "1m45s 1m45s"},
		{"more than can be true", ratelimit.Result{Tokens: math.MaxInt}, "1h0m11s 1h0m11s"}, // the longest debt
		{"nothing sent", ratelimit.Result{Unsent: true}, "1s 1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Two requests at first, then one in five seconds; ten tokens a second.
				l := newLine(ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 12, RequestBurst: 2, TokensPerMinute: 600, TokenBurst: 100}))
				a := l.add(t.Context(), "a", 100)
				b := l.add(t.Context(), "b", 100)
				d := l.add(t.Context(), "d", 0)
				time.Sleep(time.Second)
				a.release(c.result)
				a.release(ratelimit.Result{Unsent: true}) // only the first call counts
				l.wg.Wait()
				if got := fmt.Sprint(b.at.Round(time.Millisecond), " ", d.at.Round(time.Millisecond)); got != c.want {
					t.Errorf("served after %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 2, RequestsPerMinute: 60}))
		a := l.add(t.Context(), "a", 0)
		b := l.add(t.Context(), "b", 0)
		l.add(t.Context(), "c", 0)
		l.add(t.Context(), "d", 0)
		time.Sleep(time.Hour)
		a.release(all)
		time.Sleep(time.Hour)
		b.release(all)
		l.want(t, "a 0s", "b 0s", "c 1h0m0s", "d 2h0m0s")
	})
}

// Other keys do not wait for one that is exhausted.
func TestKeysAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 1, MaxConcurrent: 1, TokensPerMinute: 10})
		began := time.Now()
		for i := range 100 {
			if _, err := l.Acquire(t.Context(), fmt.Sprint(i), 10); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("100 keys waited for %v", d)
		}
	})
}

func TestKeysAreBounded(t *testing.T) {
	for _, adaptive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, TokensPerMinute: 600, MaxConcurrent: 5, Adaptive: adaptive})
			use := func(key string, tokens int) func(ratelimit.Result) {
				release, err := l.Acquire(t.Context(), key, tokens)
				if err != nil {
					t.Fatal(err)
				}
				return release
			}
			held := use("held", 0)
			limited := llm.ErrRateLimited
			use("throttled", 0)(ratelimit.Result{Err: limited})
			use("empty", 600)(all)
			for i := range 100 * ratelimit.ManyKeys {
				if i%10 == 0 {
					time.Sleep(time.Second)
				}
				use(fmt.Sprint(i), 0)(all) // its bucket of requests is full after a second
				if n := ratelimit.Keys(l); n > 2*ratelimit.ManyKeys {
					t.Fatalf("%d keys after %d, most of them full", n, i)
				}
				if i == 5*ratelimit.ManyKeys { // 9 minutes
					if ratelimit.Running(l, "held") != 1 {
						t.Error("a key in use was dropped")
					}
				}
			}
			held(all)

			// A key that holds information stays, however many others come.
			began := time.Now()
			use("empty", 600)(all)
			for i := range 3 * ratelimit.ManyKeys {
				use(fmt.Sprint("other", i), 0)(all)
			}
			if use("empty", 600); time.Since(began) != time.Minute {
				t.Errorf("an empty bucket was full after %v", time.Since(began))
			}
		})
	}
}

// A key that was cut back is dropped too, some time after it has recovered.
func TestThrottledKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, Adaptive: true})
		use := func(key string, r ratelimit.Result) {
			release, err := l.Acquire(t.Context(), key, 0)
			if err != nil {
				t.Fatal(err)
			}
			release(r)
		}
		for i := range 3 * ratelimit.ManyKeys {
			use(fmt.Sprint(i), ratelimit.Result{Err: llm.ErrRateLimited})
		}
		if n := ratelimit.Keys(l); n != 3*ratelimit.ManyKeys {
			t.Errorf("%d of %d keys are known, which hold information", n, 3*ratelimit.ManyKeys)
		}
		time.Sleep(time.Hour)
		for i := range 20 * ratelimit.ManyKeys {
			time.Sleep(time.Second)
			use(fmt.Sprint("other", i), all)
		}
		if n := ratelimit.Keys(l); n > ratelimit.ManyKeys {
			t.Errorf("%d keys are left", n)
		}
	})
}

// What is reserved stays within limit and burst in every window, whatever comes back.
func TestReservationsKeepToTheLimits(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				o := ratelimit.Options{RequestsPerMinute: 1 + r.IntN(600), RequestBurst: 1 + r.IntN(100), Adaptive: seed%3 == 2}
				if seed%4 != 3 {
					o.TokensPerMinute, o.TokenBurst = 1000+r.IntN(100_000), 1000+r.IntN(50_000)
				}
				if seed%2 == 1 {
					o.MaxConcurrent = 1 + r.IntN(50)
				}
				w := &watched{next: ratelimit.NewLimiter(&o)}
				var running, most atomic.Int64
				var wg sync.WaitGroup
				for i := range 50 {
					r := rand.New(rand.NewPCG(seed, uint64(i)+2))
					wg.Go(func() {
						for began := time.Now(); time.Since(began) < 10*time.Minute; {
							time.Sleep(time.Duration(r.ExpFloat64() * float64(5*time.Second)))
							n := r.IntN(1 + min(5000, max(o.TokenBurst, 1000)))
							ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+r.IntN(90))*time.Second)
							release, err := w.Acquire(ctx, "k", n)
							if err == nil {
								most.Store(max(most.Load(), running.Add(1)))
								time.Sleep(time.Duration(r.ExpFloat64() * float64(3*time.Second)))
								running.Add(-1)
								release([]ratelimit.Result{{Tokens: n}, {Tokens: n / 2}, {Tokens: 2 * n}, {Tokens: r.IntN(n + 1)}, all, {},
									{Unsent: true}, {Err: llm.ErrRateLimited}, {Err: &llm.Error{Code: llm.ErrRateLimited, RetryAfter: 2 * time.Second}}}[r.IntN(9)])
							}
							cancel()
						}
					})
				}
				wg.Wait()
				if len(w.log) < 100 {
					t.Fatalf("only %d entries", len(w.log))
				}
				w.check(t, o)
				if o.MaxConcurrent > 0 && most.Load() > int64(o.MaxConcurrent) {
					t.Errorf("%d calls at a time, want at most %d", most.Load(), o.MaxConcurrent)
				}
				if n := ratelimit.Running(w.next, "k") + ratelimit.Waiting(w.next, "k"); n != 0 {
					t.Errorf("%d permits are left", n)
				}
			})
		})
	}
}

// The real tokens keep to the limit, however wrong the reservations are.
func TestRealTokensMatchTheLimit(t *testing.T) {
	const perMinute, reserved = 60_000, 1000
	for _, real := range []int{reserved / 10, reserved / 2, reserved, 2 * reserved, 5 * reserved} {
		t.Run(fmt.Sprint(real), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &watched{next: ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: perMinute, TokenBurst: 20 * reserved})}
				const long = time.Hour
				began := time.Now()
				var wg sync.WaitGroup
				for range 100 { // so many that there is always one who waits
					wg.Go(func() {
						for time.Since(began) < long {
							release, err := w.Acquire(t.Context(), "k", reserved)
							if err != nil {
								t.Error(err)
								return
							}
							time.Sleep(500 * time.Millisecond)
							release(ratelimit.Result{Tokens: real})
						}
					})
				}
				wg.Wait()
				sum, warm := 0, 10*time.Minute // the burst is behind us
				for _, e := range w.log {
					if d := e.at.Sub(began); d >= warm && d < long {
						sum += e.real
					}
				}
				want := perMinute * int((long-warm)/time.Minute)
				if off := float64(sum)/float64(want) - 1; off > 0.01 || off < -0.01 {
					t.Errorf("%d tokens were used, want %d: %.2f %% off", sum, want, 100*off)
				} else {
					t.Logf("%d tokens were used, of %d: %.3f %% off", sum, want, 100*off)
				}
			})
		})
	}
}

// Many wait, leave and come back at once, in real time: for the race detector.
func TestManyAtOnce(t *testing.T) {
	l := ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 3, RequestsPerMinute: 60_000_000, TokensPerMinute: 600_000_000, Adaptive: true})
	var running, most, served atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(3000))*time.Microsecond)
				release, err := l.Acquire(ctx, "k", r.IntN(1000))
				if err == nil {
					served.Add(1)
					n := running.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.Sleep(time.Duration(r.IntN(50)) * time.Microsecond)
					running.Add(-1)
					release(ratelimit.Result{Tokens: r.IntN(2000)})
				} else if !slices.Contains([]llm.Code{llm.ErrTimeout, llm.ErrRejected}, llm.CodeOf(err)) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 || served.Load() == 0 {
		t.Errorf("%d at a time, %d served", most.Load(), served.Load())
	}
	if n := ratelimit.Running(l, "k") + ratelimit.Waiting(l, "k"); n != 0 {
		t.Errorf("%d permits are left", n)
	}
}

func TestNoLimits(t *testing.T) {
	for _, o := range []*ratelimit.Options{nil, {}, {RequestsPerMinute: -1, TokensPerMinute: -1, MaxConcurrent: -1, TokenBurst: -1, RequestBurst: -1}} {
		synctest.Test(t, func(t *testing.T) {
			l := ratelimit.NewLimiter(o)
			for range 1000 {
				if _, err := l.Acquire(t.Context(), "k", 1<<50); err != nil {
					t.Fatal(err)
				}
			}
		})
		m := takes(0)
		if got := llm.Wrap(m, ratelimit.New(o)); got != llm.Model(m) {
			t.Errorf("New(%+v) wraps a model in a %T, for nothing", o, got)
		}
	}
}

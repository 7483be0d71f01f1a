package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

var errLimited = &llm.Error{Code: llm.ErrRateLimited, Status: 429}

// A provider that allows half of what is configured is found, and when it allows all, the
// rate comes back.
func TestAdaptive(t *testing.T) {
	const perMinute = 600
	requests := ratelimit.Options{RequestsPerMinute: perMinute, Adaptive: true}
	tokens := ratelimit.Options{TokensPerMinute: 100 * perMinute, Estimate: none, Adaptive: true}
	for _, c := range []struct {
		name  string
		opts  ratelimit.Options
		quota quota
		least float64 // of what the provider allows while that is half
	}{
		{"requests, a bucket", requests, &bucketQuota{rate.NewLimiter(perMinute/2/60., 10)}, 0.9},
		{"tokens, a bucket", tokens, &bucketQuota{rate.NewLimiter(perMinute/2/60., 10)}, 0.9},
		{"requests, windows of a minute", requests, &windowQuota{perMinute: perMinute / 2}, 0.7},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var served, limited [60]int // by minute
				began := time.Now()
				minute := func() int { return int(time.Since(began) / time.Minute) }
				allow := func() bool {
					mu.Lock()
					defer mu.Unlock()
					ok := c.quota.allow()
					if ok {
						served[minute()]++
					} else {
						limited[minute()]++
					}
					return ok
				}
				m := llm.Wrap(&provider{f: func(context.Context, *llm.Request) (*llm.Response, error) {
					time.Sleep(20 * time.Millisecond)
					if !allow() {
						return nil, errLimited
					}
					time.Sleep(time.Second)
					return answer(0, 100), nil
				}}, ratelimit.New(&c.opts))
				time.AfterFunc(30*time.Minute, func() {
					mu.Lock()
					defer mu.Unlock()
					c.quota.set(perMinute)
				})
				var wg sync.WaitGroup
				for range 32 {
					wg.Go(func() {
						for minute() < 59 {
							if _, err := m.Generate(t.Context(), ask(100)); err != nil {
								time.Sleep(2 * time.Second) // as a retry would
							}
						}
					})
				}
				wg.Wait()
				check := func(what string, from, to, allowed int, least, mostLimited float64) {
					s, l := 0, 0
					for i := from; i < to; i++ {
						s, l = s+served[i], l+limited[i]
					}
					used, refused := float64(s)/float64(allowed*(to-from)), float64(l)/float64(s+l)
					t.Logf("%s allowed: %.1f %% of it served, %.2f %% of calls limited", what, 100*used, 100*refused)
					if used < least || used > 1.01 || refused > mostLimited {
						t.Errorf("want at least %.0f %% served, and at most %.0f %% limited", 100*least, 100*mostLimited)
					}
				}
				check("half", 5, 30, perMinute/2, c.least, 0.10)
				check("all", 40, 59, perMinute, 0.99, 0)
			})
		})
	}
}

// quota is how a provider limits calls.
type quota interface {
	allow() bool
	set(perMinute int)
}

type bucketQuota struct{ *rate.Limiter }

func (q *bucketQuota) allow() bool       { return q.Allow() }
func (q *bucketQuota) set(perMinute int) { q.SetLimit(rate.Limit(perMinute) / 60) }

// windowQuota counts anew at the start of each minute.
type windowQuota struct {
	perMinute, n int
	window       time.Time
}

func (q *windowQuota) allow() bool {
	if w := time.Now().Truncate(time.Minute); !w.Equal(q.window) {
		q.n, q.window = 0, w
	}
	q.n++
	return q.n <= q.perMinute
}

func (q *windowQuota) set(perMinute int) { q.perMinute = perMinute }

// 64 calls that fail together count once.
func TestAdaptiveBurstCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 600, RequestBurst: 64, Adaptive: true})
		var releases []func(ratelimit.Result)
		for range 64 {
			release, err := l.Acquire(t.Context(), "k", 0)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		time.Sleep(6 * time.Second) // almost full again
		for _, release := range releases {
			release(ratelimit.Result{Err: errors.Join(errLimited)})
		}
		// The bucket is empty, and fills with 70 % of ten a second.
		began := time.Now()
		for range 7 {
			if _, err := l.Acquire(t.Context(), "k", 0); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began).Round(time.Millisecond); d < 990*time.Millisecond || d > time.Second {
			t.Errorf("seven requests took %v, want almost 1s", d)
		}
		// Another key is not concerned.
		if _, err := l.Acquire(t.Context(), "other", 0); err != nil || time.Since(began) > time.Second {
			t.Error("another key is slower too")
		}
	})
}

func TestAdaptivePause(t *testing.T) {
	for _, c := range []struct{ ask, want time.Duration }{{5 * time.Second, 5 * time.Second}, {time.Hour, time.Minute}} {
		for _, o := range []ratelimit.Options{{Adaptive: true}, {Adaptive: true, MaxConcurrent: 2, RequestsPerMinute: 6000}} {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				var at time.Duration
				began := time.Now()
				m := llm.Wrap(&provider{f: func(context.Context, *llm.Request) (*llm.Response, error) {
					if calls++; calls == 1 {
						return nil, &llm.Error{Code: llm.ErrRateLimited, RetryAfter: c.ask}
					}
					at = time.Since(began)
					return answer(1, 1), nil
				}}, ratelimit.New(&o))
				if _, err := m.Generate(t.Context(), ask(1)); llm.CodeOf(err) != llm.ErrRateLimited {
					t.Fatal(err)
				}
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := m.Generate(short, ask(1))
				if d, _ := llm.RetryAfter(err); llm.CodeOf(err) != llm.ErrRejected || d != c.want {
					t.Errorf("a call that cannot wait so long: %v, retry after %v", err, d)
				}
				if _, err := m.Generate(t.Context(), ask(1)); err != nil || at != c.want {
					t.Errorf("%v: the next was sent after %v, want %v", err, at, c.want)
				}
			})
		}
	}
}

// Where slots are all there is to scale, they are.
func TestAdaptiveSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 10, Adaptive: true}))
		l.add(t.Context(), "a", 0).release(ratelimit.Result{Err: errLimited})
		var held []*queued
		for range 10 {
			held = append(held, l.add(t.Context(), "", 0))
		}
		if n := ratelimit.Running(l.limiter, "k"); n != 7 {
			t.Errorf("%d at a time, want 7", n)
		}
		time.Sleep(3 * time.Minute)
		for _, q := range held[:7] {
			q.release(all)
		}
		l.wg.Wait()
	})
}

// Without a failure all slots are there, as many as there can be.
func TestAdaptiveManySlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: math.MaxInt, Adaptive: true}))
		for range 64 {
			l.add(t.Context(), "", 0)
		}
		if n := ratelimit.Running(l.limiter, "k"); n != 64 {
			t.Errorf("%d at a time, want 64", n)
		}
		l.wg.Wait()
	})
}

// A slot that grows back is used, though no call ends.
func TestAdaptiveSlotsGrowBack(t *testing.T) {
	for _, c := range []struct {
		name string
		max  int
		want []string
	}{
		{"of two", 2, []string{"fails 0s", "runs 0s", "grown 1m30s"}},
		// A share of 0.7 is 2 of 3, and one of the two runs for good.
		{"of three", 3, []string{"fails 0s", "runs 0s", "grown 1s", "canceled 1m2s canceled", "last 1m30s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: c.max, Adaptive: true}))
				l.add(t.Context(), "fails", 0).release(ratelimit.Result{Err: errLimited})
				l.add(t.Context(), "runs", 0)
				time.Sleep(time.Second)
				l.add(t.Context(), "grown", 0)
				if c.max == 3 {
					ctx, cancel := context.WithCancel(t.Context())
					l.add(ctx, "canceled", 0)
					l.add(t.Context(), "last", 0)
					time.Sleep(time.Minute + time.Second)
					cancel()
				}
				l.want(t, c.want...)
			})
		})
	}
}

// A slot may well come sooner than by growth, so a deadline before that refuses nothing;
// a failure puts off the growth.
func TestAdaptiveGrowthIsNoPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 4, Adaptive: true}))
		l.add(t.Context(), "fails", 0).release(ratelimit.Result{Err: errLimited}) // 2.8 slots
		first := l.add(t.Context(), "first", 0)
		second := l.add(t.Context(), "second", 0)
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		l.add(ctx, "has a deadline", 0)
		time.Sleep(11 * time.Second)
		first.release(all)
		synctest.Wait()
		l.add(t.Context(), "waits", 0)
		second.release(ratelimit.Result{Err: errLimited}) // 0.7*(0.7+0.2*11/60) = 0.5157: two slots
		synctest.Wait()
		l.add(t.Context(), "third", 0) // needs 0.75, which is there 70.3 s later
		l.want(t, "fails 0s", "first 0s", "second 0s", "has a deadline 11s", "waits 11s", "third 1m21.3s")
	})
}

// A call that is larger than the bucket has become is sent when the bucket is full.
func TestAdaptiveLargeCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, Adaptive: true}))
		l.add(t.Context(), "a", 0).release(ratelimit.Result{Err: errLimited})
		q := l.add(t.Context(), "b", 600)
		l.wg.Wait()
		if q.err != nil || q.at < time.Minute || q.at > 80*time.Second {
			t.Errorf("%v: sent after %v, want little more than 1m", q.err, q.at)
		}
	})
}

func TestNotAdaptive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1}))
		l.add(t.Context(), "a", 0).release(ratelimit.Result{Err: &llm.Error{Code: llm.ErrRateLimited, RetryAfter: time.Hour}})
		l.add(t.Context(), "b", 0)
		l.want(t, "a 0s", "b 1s")
	})
}

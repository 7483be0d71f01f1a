package retry_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

// delays makes calls that fail throughout and returns the delays by the number of the attempt.
func delays(calls int, opts retry.Options) map[int][]time.Duration {
	got := map[int][]time.Duration{}
	opts.Budget = unlimited()
	opts.OnRetry = func(a retry.Attempt) { got[a.Number] = append(got[a.Number], a.Delay) }
	m := llm.Wrap(plays(fails(llm.ErrOverloaded)), retry.New(&opts))
	for range calls {
		_, _ = m.Generate(context.Background(), nil)
	}
	return got
}

// TestBackoff looks at many delays: none is out of bounds, and on average they are half of it.
func TestBackoff(t *testing.T) {
	const s = time.Second
	cases := []struct {
		name string
		opts retry.Options
		want []time.Duration // the bound for the delay after each attempt
	}{
		{"defaults", retry.Options{}, []time.Duration{s / 2, s, 2 * s}},
		{"negative", retry.Options{MaxAttempts: -1, BaseDelay: -s, MaxDelay: -s, MaxElapsed: -s}, []time.Duration{s / 2, s, 2 * s}},
		{"default maximum", retry.Options{MaxAttempts: 4, BaseDelay: 14 * s}, []time.Duration{14 * s, 28 * s, 30 * s}},
		{"capped", retry.Options{MaxAttempts: 6, BaseDelay: s, MaxDelay: 5 * s}, []time.Duration{s, 2 * s, 4 * s, 5 * s, 5 * s}},
		{"base above maximum", retry.Options{MaxAttempts: 3, BaseDelay: 9 * s, MaxDelay: s}, []time.Duration{s, s}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 5000
				got := delays(calls, c.opts)
				if len(got) != len(c.want) {
					t.Fatalf("retried after %d attempts, want %d", len(got), len(c.want))
				}
				for i, bound := range c.want {
					ds := got[i+1]
					if len(ds) != calls {
						t.Errorf("attempt %d was retried %d times, want %d", i+1, len(ds), calls)
					}
					var sum time.Duration
					for _, d := range ds {
						if d < 0 || d > bound {
							t.Fatalf("the delay after attempt %d is %v, want at most %v", i+1, d, bound)
						}
						sum += d
					}
					// The standard error of the mean is 0.8 % of it.
					if mean := float64(sum) / calls / float64(bound); math.Abs(mean-0.5) > 0.03 {
						t.Errorf("the mean delay after attempt %d is %.3f of its bound, want 0.5", i+1, mean)
					}
				}
			})
		})
	}
}

// TestBackoffOverflow doubles more often than a duration has bits.
func TestBackoffOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := delays(3, retry.Options{MaxAttempts: 100, BaseDelay: 3, MaxDelay: 24 * time.Hour})
		if len(got) != 99 {
			t.Errorf("retried after %d attempts, want 99", len(got))
		}
		long := 0
		for n, ds := range got {
			for _, d := range ds {
				if d < 0 || d > 24*time.Hour {
					t.Errorf("the delay after attempt %d is %v", n, d)
				}
				if n > 50 && d > time.Hour {
					long++
				}
			}
		}
		if long < 100 {
			t.Errorf("%d of the 147 delays after attempt 50 are longer than 1 h of 24 h", long)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		got := delays(1, retry.Options{MaxAttempts: 2, BaseDelay: math.MaxInt64, MaxDelay: math.MaxInt64})
		if d := got[1][0]; d < 0 {
			t.Errorf("the delay is %v", d)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	cases := []struct{ name, asked, want string }{
		{"asked for", "7s", "7s"},
		{"longer than backoff", "29s", "29s"},
		{"shorter than backoff", "1ms", "1ms"},
		{"capped", "90s", "30s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			asked, _ := time.ParseDuration(c.asked)
			want, _ := time.ParseDuration(c.want)
			bothWays(t, func(t *testing.T, call way) {
				b := plays(fails(&llm.Error{Code: llm.ErrRateLimited, RetryAfter: asked}), good)
				began := time.Now()
				if _, err := call(t.Context(), llm.Wrap(b, retry.New(nil))); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(began); got != want {
					t.Errorf("waited %v, want %v", got, want)
				}
				b.wantAttempts(t, 1, 2)
			})
		})
	}
}

func TestDeadline(t *testing.T) {
	slow := failure(llm.ErrRateLimited)
	slow.RetryAfter = 10 * time.Second
	cases := []struct {
		name     string
		left     time.Duration
		attempts []int
		text     string
	}{
		{"passed over", 5 * time.Second, []int{1},
			"acme generate m-1: rate limited: gave up after 1 attempt in 0s: the deadline leaves no time for another attempt: try later (status 503, request id req-1)"},
		{"just met", 10 * time.Second, []int{1},
			"acme generate m-1: rate limited: gave up after 1 attempt in 0s: the deadline leaves no time for another attempt: try later (status 503, request id req-1)"},
		{"after one", 15 * time.Second, []int{1, 2},
			"acme generate m-1: rate limited: gave up after 2 attempts in 10s: the deadline leaves no time for another attempt: try later (status 503, request id req-1)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, call way) {
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				b := plays(fails(slow))
				began := time.Now()
				_, err := call(ctx, llm.Wrap(b, retry.New(nil)))
				wantGaveUp(t, err, llm.ErrRateLimited, c.text)
				if d, _ := llm.RetryAfter(err); d != slow.RetryAfter {
					t.Errorf("RetryAfter is %v, want %v", d, slow.RetryAfter)
				}
				if got, want := time.Since(began), time.Duration(len(c.attempts)-1)*slow.RetryAfter; got != want {
					t.Errorf("it took %v, want %v", got, want)
				}
				b.wantAttempts(t, c.attempts...)
			})
		})
	}
}

func TestMaxElapsed(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		slow := failure(llm.ErrRateLimited)
		slow.RetryAfter = 10 * time.Second
		b := plays(fails(slow))
		began := time.Now()
		_, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 9, MaxElapsed: 20 * time.Second})))
		wantGaveUp(t, err, llm.ErrRateLimited,
			"acme generate m-1: rate limited: gave up after 3 attempts in 20s: another attempt would begin later than 20s (retry.Options.MaxElapsed): try later (status 503, request id req-1)")
		if got := time.Since(began); got != 20*time.Second {
			t.Errorf("it took %v, want 20s", got)
		}
		b.wantAttempts(t, 1, 2, 3)
	})
}

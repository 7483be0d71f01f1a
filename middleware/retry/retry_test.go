package retry_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/retry"
)

func TestConformance(t *testing.T) {
	sets := map[string]*retry.Options{
		"nil":     nil,
		"once":    {MaxAttempts: 1},
		"patient": {MaxAttempts: 10, BaseDelay: time.Nanosecond, MaxDelay: time.Microsecond, Budget: unlimited()},
		"never":   {Retryable: func(error) bool { return false }},
	}
	for name, opts := range sets {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, retry.New(opts)) })
	}
}

func unlimited() *retry.Budget { return &retry.Budget{Share: math.Inf(1)} }

func TestMaxAttempts(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		fail := failure(llm.ErrOverloaded)
		fail.RetryAfter = 700 * time.Millisecond // which MaxDelay makes exact
		b := plays(fails(fail))
		_, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 3, MaxDelay: 700 * time.Millisecond})))
		wantGaveUp(t, err, llm.ErrOverloaded, "acme generate m-1: overloaded: gave up after 3 attempts in 1.4s: try later (status 503, request id req-1)")
		b.wantAttempts(t, 1, 2, 3)
	})
}

// TestUnchanged: an error that is not retried is the very value that came.
func TestUnchanged(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		opts *retry.Options
		err  error
	}{
		{"not retryable", context.Background(), nil, failure(llm.ErrInvalidRequest)},
		{"rejected", context.Background(), nil, failure(llm.ErrRejected)},
		{"unknown", context.Background(), nil, errCause},
		{"not by the option", context.Background(), &retry.Options{Retryable: func(error) bool { return false }}, failure(llm.ErrOverloaded)},
		{"one attempt", context.Background(), &retry.Options{MaxAttempts: 1}, failure(llm.ErrOverloaded)},
		{"context done", done, nil, failure(llm.ErrOverloaded)},
		{"malformed", context.Background(), nil, failure(llm.ErrMalformedOutput)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, call way) {
				b := plays(fails(c.err))
				_, err := call(c.ctx, llm.Wrap(b, retry.New(c.opts)))
				if err != c.err {
					t.Errorf("the error is %v, want the same value %v", err, c.err)
				}
				b.wantAttempts(t, 1)
			})
		})
	}
}

// TestDoneAfterRetry: where the context is done when a later attempt fails, the attempt before is a
// cause too.
func TestDoneAfterRetry(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		ctx, cancel := context.WithCancel(t.Context())
		last := failure(llm.ErrOverloaded)
		b := plays(fails(llm.ErrRateLimited), fails(last))
		hanging := func(next llm.Model) llm.Model { return &onAttempt{next, 2, cancel} }
		_, err := call(ctx, llm.Wrap(b, retry.New(nil), hanging))
		wantGaveUp(t, err, llm.ErrOverloaded,
			"acme generate m-1: overloaded: ended in attempt 2: try later; rate limited (status 503, request id req-1)")
		if !errors.Is(err, last) || !errors.Is(err, llm.ErrRateLimited) {
			t.Errorf("%v does not match both attempts", err)
		}
		b.wantAttempts(t, 1, 2)
	})
}

func TestNotRetryableLater(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		b := plays(fails(&llm.Error{Code: llm.ErrOverloaded, RetryAfter: time.Second}), fails(failure(llm.ErrPermissionDenied)))
		_, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxDelay: time.Second})))
		wantGaveUp(t, err, llm.ErrPermissionDenied, "acme generate m-1: permission denied: gave up after 2 attempts in 1s: try later (status 503, request id req-1)")
		b.wantAttempts(t, 1, 2)
	})
}

func TestMalformedOnce(t *testing.T) {
	again := failure(llm.ErrMalformedOutput)
	again.Retryable, again.RetryAfter = new(true), time.Second
	t.Run("twice", func(t *testing.T) {
		bothWays(t, func(t *testing.T, call way) {
			b := plays(fails(again))
			_, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 9, MaxDelay: time.Second})))
			wantGaveUp(t, err, llm.ErrMalformedOutput,
				"acme generate m-1: malformed output: gave up after 2 attempts in 1s: malformed output is retried only once: try later (status 503, request id req-1)")
			b.wantAttempts(t, 1, 2)
		})
	})
	t.Run("among others", func(t *testing.T) {
		bothWays(t, func(t *testing.T, call way) {
			b := plays(fails(llm.ErrOverloaded), fails(again), fails(llm.ErrOverloaded), good)
			if _, err := call(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 9}))); err != nil {
				t.Error(err)
			}
			b.wantAttempts(t, 1, 2, 3, 4)
		})
	})
}

// TestPartial: Generate retries an answer that broke off, and returns what there was of the
// last one.
func TestPartial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part := func(s string) turn {
			return fails(failure(llm.ErrIncomplete), usage, start, &llm.TextDelta{Text: s})
		}
		b := plays(part("one"), part("two"), good)
		resp, err := generate(t.Context(), llm.Wrap(b, retry.New(nil)))
		if err != nil || resp.Text() != "hello" {
			t.Errorf("the answer is %q, %v", resp.Text(), err)
		}
		b.wantAttempts(t, 1, 2, 3)

		b = plays(part("one"), part("two"))
		resp, err = generate(t.Context(), llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 2})))
		if err == nil || resp.Text() != "two" || resp.Usage.InputTokens != 7 {
			t.Errorf("the answer is %+v, %v", resp, err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		resp, err = generate(ctx, llm.Wrap(plays(part("one")), retry.New(&retry.Options{OnRetry: func(retry.Attempt) { cancel() }})))
		if llm.CodeOf(err) != llm.ErrCanceled || resp.Text() != "one" {
			t.Errorf("the answer of a call that was cancelled in the delay is %+v, %v", resp, err)
		}
	})
}

func TestOnRetry(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		type key struct{}
		var got []retry.Attempt
		b := plays(fails(&llm.Error{Code: llm.ErrRateLimited, RetryAfter: 2 * time.Second}), fails(llm.ErrOverloaded), good)
		began := time.Now()
		m := llm.Wrap(b, retry.New(&retry.Options{MaxDelay: 2 * time.Second, OnRetry: func(a retry.Attempt) {
			if len(got) == 0 && time.Since(began) != 0 {
				t.Error("it was not called before the delay")
			}
			got = append(got, a)
		}}))
		if _, err := call(context.WithValue(t.Context(), key{}, "mine"), m); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 {
			t.Fatalf("it was called %d times, want 2", len(got))
		}
		for i, a := range got {
			if a.Number != i+1 || a.Info != b.Info() || a.Context.Value(key{}) != "mine" {
				t.Errorf("attempt %d is %+v", i+1, a)
			}
		}
		if got[0].Delay != 2*time.Second || llm.CodeOf(got[0].Err) != llm.ErrRateLimited || got[1].Err != error(llm.ErrOverloaded) {
			t.Errorf("the attempts are %+v", got)
		}
		if waited := time.Since(began); waited != got[0].Delay+got[1].Delay {
			t.Errorf("waited %v, and told %v and %v", waited, got[0].Delay, got[1].Delay)
		}
	})
}

func TestHook(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		var got []hook.Event
		var at []time.Duration
		began := time.Now()
		observe := func(ctx context.Context) context.Context {
			return hook.Observe(ctx, func(ev hook.Event) {
				got, at = append(got, ev), append(at, time.Since(began))
			})
		}
		wait := func(d time.Duration) turn { return fails(&llm.Error{Code: llm.ErrRateLimited, RetryAfter: d}) }
		m := llm.Wrap(plays(wait(2*time.Second), wait(2*time.Second), good), retry.New(&retry.Options{MaxDelay: 2 * time.Second}))
		if _, err := call(observe(t.Context()), m); err != nil {
			t.Fatal(err)
		}
		want := []hook.Event{
			{Kind: hook.Retry, Policy: "retry", Attempt: 2, Wait: 2 * time.Second, Code: "rate_limited", Provider: "acme", Model: "m-1"},
			{Kind: hook.Retry, Policy: "retry", Attempt: 3, Wait: 2 * time.Second, Code: "rate_limited", Provider: "acme", Model: "m-1"},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the observer was told (-want +got): %s", d)
		}
		if d := cmp.Diff([]time.Duration{2 * time.Second, 4 * time.Second}, at); d != "" {
			t.Errorf("it was told at (-want +got): %s", d)
		}

		// Of a retry that is refused or does not come to be, nothing is told.
		got = nil
		ctx, cancel := context.WithCancel(observe(t.Context()))
		time.AfterFunc(time.Second, cancel)
		_, _ = call(ctx, llm.Wrap(plays(wait(2*time.Second)), retry.New(nil)))
		_, _ = call(observe(t.Context()), llm.Wrap(plays(wait(1)), retry.New(&retry.Options{Budget: &retry.Budget{Share: -1, Floor: -1}})))
		if got != nil {
			t.Errorf("the observer was told of what did not happen: %+v", got)
		}
	})
}

// TestNested: an outer retry does not multiply the attempts of an inner one.
func TestNested(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		b := plays(fails(llm.ErrOverloaded))
		_, err := call(t.Context(), llm.Wrap(b, retry.New(nil), retry.New(&retry.Options{MaxAttempts: 3})))
		if llm.CodeOf(err) != llm.ErrOverloaded {
			t.Error(err)
		}
		b.wantAttempts(t, 1, 2, 3)
	})
}

func TestRetryableOption(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		asked := 0
		b := plays(fails(errCause), fails(errCause), good)
		m := llm.Wrap(b, retry.New(&retry.Options{Retryable: func(err error) bool { asked++; return err == errCause }}))
		if _, err := call(t.Context(), m); err != nil {
			t.Error(err)
		}
		if asked != 2 {
			t.Errorf("Retryable was asked %d times, want 2", asked)
		}
		b.wantAttempts(t, 1, 2, 3)
	})
}

func TestOptionsAreCopied(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		opts := &retry.Options{MaxAttempts: 2}
		mw := retry.New(opts)
		opts.MaxAttempts, opts.Retryable = 9, func(error) bool { return false }
		b := plays(fails(llm.ErrOverloaded))
		_, _ = call(t.Context(), llm.Wrap(b, mw))
		b.wantAttempts(t, 1, 2)
	})
}

// TestRequest: the request passes as it is, a nil one too, in every attempt.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, req := range []*llm.Request{nil, ask()} {
			b := plays(fails(llm.ErrOverloaded), good)
			m := llm.Wrap(b, retry.New(nil))
			if _, err := m.Generate(t.Context(), req); err != nil {
				t.Error(err)
			}
			if _, err := llm.Collect(m.Stream(t.Context(), req)); err != nil {
				t.Error(err)
			}
			for i, got := range b.requests {
				if got != req {
					t.Errorf("attempt %d of %d got another request", i+1, len(b.requests))
				}
			}
		}
	})
}

// TestCallbackPanic: a panic in a callback reaches the caller, and the middleware works on.
func TestCallbackPanic(t *testing.T) {
	boom := func() { panic("boom") }
	cases := map[string]*retry.Options{
		"OnRetry":   {OnRetry: func(retry.Attempt) { boom() }},
		"Retryable": {Retryable: func(error) bool { boom(); return false }},
	}
	for name, opts := range cases {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, call way) {
				b := plays(fails(llm.ErrOverloaded), good)
				m := llm.Wrap(b, retry.New(opts))
				func() {
					defer func() {
						if recover() != "boom" {
							t.Error("the panic did not pass")
						}
					}()
					_, _ = call(t.Context(), m)
				}()
				if _, err := call(t.Context(), m); err != nil {
					t.Error(err)
				}
				b.wantAttempts(t, 1, 1)
			})
		})
	}
}

// TestConcurrent: calls do not see each other's attempts.
func TestConcurrent(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		mw := retry.New(&retry.Options{Budget: unlimited()})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				b := plays(fails(llm.ErrOverloaded), fails(llm.ErrUnavailable), good)
				if i%2 == 0 {
					b = plays(fails(failure(llm.ErrOverloaded)))
				}
				_, err := call(t.Context(), llm.Wrap(b, mw))
				if i%2 == 0 {
					b.wantAttempts(t, 1, 2, 3, 4)
				} else {
					b.wantAttempts(t, 1, 2, 3)
				}
				if (err != nil) != (i%2 == 0) {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

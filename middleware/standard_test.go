package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

func TestConformance(t *testing.T) {
	t.Run("all layers", func(t *testing.T) {
		llmtest.RunMiddleware(t, middleware.Standard(middleware.Config{
			Timeout:   timeout.New(&timeout.Options{Total: time.Hour}),
			Breaker:   breaker.New(&breaker.Options{Failures: 10_000}),
			RateLimit: ratelimit.New(&ratelimit.Options{RequestsPerMinute: 1e6, TokensPerMinute: 1e9, MaxConcurrent: 256}),
		}))
	})
	t.Run("all off", func(t *testing.T) {
		off := middleware.Off
		llmtest.RunMiddleware(t, middleware.Standard(middleware.Config{Tracing: off, Timeout: off, Retry: off, Breaker: off, RateLimit: off, AttemptTimeout: off, Usage: off}))
	})
}

// The layers that the zero Config has, outermost first.
func TestDefaults(t *testing.T) {
	var got []string
	backend := fake.New()
	for m := llm.Wrap(backend, middleware.Standard(middleware.Config{})); m != llm.Model(backend); {
		got = append(got, fmt.Sprintf("%T", m))
		w, ok := m.(interface{ Unwrap() llm.Model })
		if !ok {
			t.Fatalf("%T does not unwrap", m)
		}
		m = w.Unwrap()
	}
	if d := cmp.Diff([]string{"*tracing.model", "*retry.model", "*breaker.model", "*timeout.model"}, got); d != "" {
		t.Error(d)
	}
}

// A first attempt that stalls is cut by the attempt's timers, counted by the breaker, and
// tried again.
func TestStall(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			backend := fake.New(fake.Text("late").Delay(time.Hour), fake.Text("in time"))
			var states []string
			m := llm.Wrap(backend, middleware.Standard(middleware.Config{
				Timeout:        timeout.New(&timeout.Options{Total: time.Minute}),
				Retry:          retry.New(&retry.Options{BaseDelay: 50 * time.Second}),
				Breaker:        breaker.New(&breaker.Options{Failures: 1, OpenFor: time.Millisecond, OnStateChange: func(c breaker.Change) { states = append(states, fmt.Sprint(c.To)) }}),
				AttemptTimeout: timeout.New(&timeout.Options{Generate: 5 * time.Second, FirstEvent: 5 * time.Second}),
			}))
			var events []hook.Kind
			ctx := hook.Observe(t.Context(), func(ev hook.Event) { events = append(events, ev.Kind) })
			begin := time.Now()
			resp, err := call1(ctx, m, streamed)
			if err != nil || resp.Text() != "in time" {
				t.Fatalf("%q, %v", resp.Text(), err)
			}
			if d := time.Since(begin); d < 5*time.Second || d > 55*time.Second {
				t.Errorf("it took %v", d)
			}
			if d := cmp.Diff([]hook.Kind{hook.Timeout, hook.Retry}, events); d != "" {
				t.Error(d)
			}
			if want := []string{"open", "half-open", "closed"}; !slices.Equal(states, want) {
				t.Errorf("the breaker went through %v, want %v", states, want)
			}
		})
	}
}

func call1(ctx context.Context, m llm.Model, streamed bool) (*llm.Response, error) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Go.")}}
	if streamed {
		return llm.Collect(m.Stream(ctx, req))
	}
	return m.Generate(ctx, req)
}

// What an open breaker rejects is not tried again, and says when to come back.
func TestOpenBreakerEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, llm.ErrOverloaded })
		m := llm.Wrap(backend, middleware.Standard(middleware.Config{Breaker: breaker.New(&breaker.Options{Failures: 2})}))
		_, err := call1(t.Context(), m, false)
		if !errors.Is(err, llm.ErrRejected) || !errors.Is(err, llm.ErrOverloaded) || llm.IsRetryable(err) {
			t.Errorf("the call failed with %v", err)
		}
		if wait, ok := llm.RetryAfter(err); !ok || wait <= 0 || wait > 31*time.Second {
			t.Errorf("it says to wait %v", wait)
		}
		if n := len(backend.Requests()); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
	})
}

// The time in the limiter's queue is not the provider's: the attempt's timers do not run.
func TestQueueIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := fake.New(fake.Text("first"), fake.Text("second"))
		m := llm.Wrap(backend, middleware.Standard(middleware.Config{
			RateLimit:      ratelimit.New(&ratelimit.Options{RequestsPerMinute: 1, RequestBurst: 1}),
			AttemptTimeout: timeout.New(&timeout.Options{Generate: time.Second, FirstEvent: time.Second}),
		}))
		begin := time.Now()
		for _, want := range []string{"first", "second"} {
			if resp, err := call1(t.Context(), m, true); err != nil || resp.Text() != want {
				t.Fatalf("%q, %v", resp.Text(), err)
			}
		}
		if d := time.Since(begin); d < 50*time.Second {
			t.Errorf("the second call did not wait: %v", d)
		}
	})
}

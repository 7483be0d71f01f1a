package breaker_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/breaker"
)

func TestConformance(t *testing.T) {
	// The suite's scripts fail often, and with a key for all of them in a row.
	one := func(context.Context, *llm.Request, llm.Info) string { return "one" }
	for name, opts := range map[string]*breaker.Options{
		"defaults":       nil,
		"one for all":    {Failures: math.MaxInt, Key: one, RateLimits: true, Deadlines: true, OnStateChange: func(breaker.Change) {}},
		"a call at once": {Failures: math.MaxInt, OpenFor: time.Nanosecond, Probes: math.MaxInt},
	} {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, breaker.New(opts)) })
	}
}

func TestOpens(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		b := named(script(repeat(&llm.Error{Code: llm.ErrOverloaded, Status: 503}, 5)...), "m")
		m := llm.Wrap(b, breaker.New(nil))
		for range 5 {
			fails(t, w, m, llm.ErrOverloaded)
		}
		time.Sleep(18 * time.Second)

		var told []hook.Event
		err := w.call(hook.Observe(t.Context(), func(ev hook.Event) { told = append(told, ev) }), m)
		const wait = 12*time.Second + time.Millisecond
		want := &llm.Error{Code: llm.ErrRejected, Op: w.op, Provider: "acme", Model: "m", RetryAfter: wait, Err: llm.ErrOverloaded,
			Message: "the circuit breaker is open after 5 failures in a row; it lets a probe through in 12s"}
		got, _ := errors.AsType[*llm.Error](err)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the rejection (-want +got): %s", d)
		}
		if llm.CodeOf(err) != llm.ErrRejected || llm.IsRetryable(err) || !errors.Is(err, llm.ErrOverloaded) {
			t.Errorf("code %v, retryable %v, error %v", llm.CodeOf(err), llm.IsRetryable(err), err)
		}
		events := []hook.Event{{Kind: hook.Reject, Policy: "breaker", Code: "rejected", Wait: wait, Provider: "acme", Model: "m"}}
		if d := cmp.Diff(events, told); d != "" {
			t.Errorf("the observer was told (-want +got): %s", d)
		}
	})
}

func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := llm.Wrap(script(llm.ErrInternal, llm.ErrTimeout), breaker.New(&breaker.Options{Failures: 1, OpenFor: 1500 * time.Millisecond}))
		fails(t, generate, m, llm.ErrInternal)
		for _, want := range []string{
			"generate: rejected: the circuit breaker is open after a failure; it lets a probe through in 1.5s: internal",
			"generate: rejected: the circuit breaker is open after a failed probe; it lets a probe through in 1.5s: timeout",
		} {
			if err := fails(t, generate, m, llm.ErrRejected); err.Error() != want {
				t.Errorf("the text is\n%s, want\n%s", err, want)
			}
			time.Sleep(1501 * time.Millisecond)
			_ = generate.call(t.Context(), m)
		}
	})
}

func TestSuccessResets(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		errs := append(repeat(llm.ErrUnavailable, 4), nil)
		errs = append(errs, repeat(llm.ErrUnavailable, 5)...)
		m := llm.Wrap(script(errs...), breaker.New(nil))
		for _, err := range errs {
			if err == nil {
				succeeds(t, w, m)
			} else {
				fails(t, w, m, llm.ErrUnavailable)
			}
		}
		fails(t, w, m, llm.ErrRejected)
	})
}

func TestWaitingForRetryAfter(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		for _, openFor := range []time.Duration{1, time.Second, time.Hour} {
			m := llm.Wrap(script(llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1, OpenFor: openFor}))
			fails(t, w, m, llm.ErrInternal)
			opened := time.Now()
			for range 10 {
				time.Sleep(openFor / 10)
				wait, ok := llm.RetryAfter(fails(t, w, m, llm.ErrRejected))
				if want := time.Until(opened.Add(openFor)) + time.Millisecond; !ok || wait != want {
					t.Fatalf("%v after a circuit has opened for %v RetryAfter is %v, want %v", time.Since(opened), openFor, wait, want)
				}
			}
			wait, _ := llm.RetryAfter(fails(t, w, m, llm.ErrRejected))
			time.Sleep(wait)
			succeeds(t, w, m)
			succeeds(t, w, m)
		}
	})
}

func TestZeroAndNegativeOptions(t *testing.T) {
	for name, opts := range map[string]*breaker.Options{
		"nil": nil, "zero": {}, "negative": {Failures: -1, OpenFor: -1, Probes: -1}, "huge": {Failures: 5, OpenFor: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := llm.Wrap(script(repeat(llm.ErrInternal, 5)...), breaker.New(opts))
				for range 5 {
					fails(t, generate, m, llm.ErrInternal)
				}
				wait, _ := llm.RetryAfter(fails(t, generate, m, llm.ErrRejected))
				if name == "huge" {
					if wait < time.Duration(math.MaxInt64)-time.Second {
						t.Errorf("RetryAfter is %v", wait)
					}
					return
				}
				if wait != 30*time.Second+time.Millisecond {
					t.Errorf("RetryAfter is %v", wait)
				}
				time.Sleep(wait)
				succeeds(t, generate, m)
				if got := breaker.States(m); got[""] != breaker.Closed {
					t.Errorf("after a probe the states are %v", got)
				}
			})
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	opts := &breaker.Options{Failures: 1}
	m := llm.Wrap(script(llm.ErrInternal), breaker.New(opts))
	*opts = breaker.Options{Failures: 100, Key: func(context.Context, *llm.Request, llm.Info) string { panic("changed") }}
	fails(t, generate, m, llm.ErrInternal)
	fails(t, generate, m, llm.ErrRejected)
}

func TestSharedByModels(t *testing.T) {
	mw := breaker.New(&breaker.Options{Failures: 2})
	b := script(llm.ErrInternal, llm.ErrInternal)
	one, same, other := llm.Wrap(named(b, "m"), mw), llm.Wrap(named(b, "m"), mw), llm.Wrap(named(b, "other"), mw)
	elsewhere := llm.Wrap(named(b, "m"), breaker.New(nil))
	fails(t, generate, one, llm.ErrInternal)
	fails(t, stream, same, llm.ErrInternal)
	for _, m := range []llm.Model{one, same} {
		fails(t, generate, m, llm.ErrRejected)
		fails(t, stream, m, llm.ErrRejected)
	}
	succeeds(t, generate, other)
	succeeds(t, stream, elsewhere)
	if d := cmp.Diff(map[string]breaker.State{"acme/m": breaker.Open, "acme/other": breaker.Closed}, breaker.States(same)); d != "" {
		t.Errorf("the states (-want +got): %s", d)
	}
}

func TestKey(t *testing.T) {
	type region struct{}
	b := named(script(llm.ErrInternal), "m")
	m := llm.Wrap(b, breaker.New(&breaker.Options{Failures: 1, Key: func(ctx context.Context, _ *llm.Request, info llm.Info) string {
		return info.Provider + " in " + ctx.Value(region{}).(string)
	}}))
	eu, us := context.WithValue(t.Context(), region{}, "eu"), context.WithValue(t.Context(), region{}, "us")
	if err := generate.call(eu, m); llm.CodeOf(err) != llm.ErrInternal {
		t.Fatal(err)
	}
	if err := stream.call(eu, m); passed(err) {
		t.Errorf("eu: %v", err)
	}
	if err := stream.call(us, m); err != nil {
		t.Errorf("us: %v", err)
	}
	if d := cmp.Diff(map[string]breaker.State{"acme in eu": breaker.Open, "acme in us": breaker.Closed}, breaker.States(m)); d != "" {
		t.Errorf("the states (-want +got): %s", d)
	}
}

func TestNilRequest(t *testing.T) {
	m := llm.Wrap(fake.New(), breaker.New(&breaker.Options{Failures: 1}))
	for range 3 {
		if _, err := m.Generate(t.Context(), nil); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("Generate of no request: %v", err)
		}
		if _, err := llm.Collect(m.Stream(t.Context(), nil)); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("Stream of no request: %v", err)
		}
	}
}

func TestStatesWithoutBreaker(t *testing.T) {
	if got := breaker.States(script()); got != nil {
		t.Errorf("the states of a model without a breaker are %v", got)
	}
	if got := breaker.States(nil); got != nil {
		t.Errorf("the states of no model are %v", got)
	}
}

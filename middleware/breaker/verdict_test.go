package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

// verdictOn returns what a breaker makes of the call of next that do makes: "fault", "success"
// or "neutral".
func verdictOn(t *testing.T, opts breaker.Options, next llm.Model, do func(m llm.Model)) string {
	t.Helper()
	opts.Failures = 2
	failing := &backend{do: func(context.Context) error { return llm.ErrInternal }}
	s := &switched{next: failing}
	m := llm.Wrap(s, breaker.New(&opts))
	fails(t, generate, m, llm.ErrInternal)
	s.next = next
	do(m)
	if breaker.States(m)[""] == breaker.Open {
		return "fault"
	}
	s.next = failing
	fails(t, generate, m, llm.ErrInternal)
	if breaker.States(m)[""] == breaker.Open {
		return "neutral"
	}
	return "success"
}

// switched is a model that can be replaced.
type switched struct{ next llm.Model }

func (s *switched) Info() llm.Info { return llm.Info{} }

func (s *switched) Generate(ctx context.Context, r *llm.Request) (*llm.Response, error) {
	return s.next.Generate(ctx, r)
}

func (s *switched) Stream(ctx context.Context, r *llm.Request) iter.Seq2[llm.Event, error] {
	return s.next.Stream(ctx, r)
}

func TestVerdicts(t *testing.T) {
	answered := func(c llm.Code) error { return &llm.Error{Code: c, Status: 499} }
	rates := breaker.Options{RateLimits: true}
	for _, c := range []struct {
		name string
		opts breaker.Options
		err  error
		want string
	}{
		{"an answer", breaker.Options{}, nil, "success"},

		{"overloaded", breaker.Options{}, llm.ErrOverloaded, "fault"},
		{"unavailable", breaker.Options{}, llm.ErrUnavailable, "fault"},
		{"timeout", breaker.Options{}, llm.ErrTimeout, "fault"},
		{"a timer inside", breaker.Options{}, context.DeadlineExceeded, "fault"},
		{"internal", breaker.Options{}, answered(llm.ErrInternal), "fault"},
		{"incomplete", breaker.Options{}, &llm.Error{Code: llm.ErrIncomplete, Status: 200, RequestID: "req-1"}, "fault"},
		{"a wrapped fault", breaker.Options{}, fmt.Errorf("outer: %w", llm.Annotate(llm.ErrOverloaded, "twice")), "fault"},

		{"rate limited", breaker.Options{}, answered(llm.ErrRateLimited), "neutral"},
		{"rate limited, by option", rates, answered(llm.ErrRateLimited), "fault"},
		{"rejected for a rate limit, by option", rates, &llm.Error{Code: llm.ErrRejected, Err: llm.ErrRateLimited}, "neutral"},
		{"not ready", breaker.Options{}, answered(llm.ErrNotReady), "neutral"},
		{"quota exhausted", breaker.Options{}, answered(llm.ErrQuotaExhausted), "neutral"},

		{"a bad request, says the provider", breaker.Options{}, answered(llm.ErrInvalidRequest), "success"},
		{"a bad request, with an id", breaker.Options{}, &llm.Error{Code: llm.ErrInvalidRequest, RequestID: "req-1"}, "success"},
		{"a bad request, wrapped", breaker.Options{}, fmt.Errorf("outer: %w", answered(llm.ErrInvalidRequest)), "success"},
		{"a bad request, says the client", breaker.Options{}, &llm.Error{Code: llm.ErrInvalidRequest}, "neutral"},
		{"a bare code", breaker.Options{}, llm.ErrInvalidRequest, "neutral"},
		{"a nil error of its type", breaker.Options{}, (*llm.Error)(nil), "neutral"},
		{"a nil error beside another", breaker.Options{}, errors.Join((*llm.Error)(nil), answered(llm.ErrInvalidRequest)), "neutral"},
		{"unauthenticated", breaker.Options{}, answered(llm.ErrUnauthenticated), "success"},
		{"no credentials", breaker.Options{}, llm.ErrUnauthenticated, "neutral"},
		{"permission denied", breaker.Options{}, answered(llm.ErrPermissionDenied), "success"},
		{"not found", breaker.Options{}, answered(llm.ErrNotFound), "success"},
		{"context too long", breaker.Options{}, answered(llm.ErrContextTooLong), "success"},
		{"content filtered", breaker.Options{}, answered(llm.ErrContentFiltered), "success"},
		{"unsupported", breaker.Options{}, llm.ErrUnsupported, "neutral"},
		{"malformed output", breaker.Options{}, answered(llm.ErrMalformedOutput), "success"},
		{"malformed output, says the client", breaker.Options{}, llm.ErrMalformedOutput, "neutral"},

		{"canceled", breaker.Options{}, answered(llm.ErrCanceled), "neutral"},
		{"rejected", breaker.Options{}, &llm.Error{Code: llm.ErrRejected, Err: llm.ErrOverloaded}, "neutral"},
		{"budget exceeded", breaker.Options{}, llm.ErrBudgetExceeded, "neutral"},
		{"unknown", breaker.Options{}, answered(llm.ErrUnknown), "neutral"},
		{"untyped", breaker.Options{}, io.ErrUnexpectedEOF, "neutral"},
		{"a code of its own", breaker.Options{}, llm.Code("mine"), "neutral"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBothWays(t, func(t *testing.T, w way) {
				got := verdictOn(t, c.opts, script(c.err), func(m llm.Model) {
					if err := w.call(t.Context(), m); err != c.err {
						t.Errorf("the error became %v", err)
					}
				})
				if got != c.want {
					t.Errorf("the call is a %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestContextVerdicts(t *testing.T) {
	timers := errors.New("not a deadline")
	for _, c := range []struct {
		name      string
		ctx       func(context.Context) (context.Context, context.CancelFunc)
		err       error // nil = that of the context
		want      string
		deadlines string // with Options.Deadlines
	}{
		{"cancel", cancelAfter(context.Canceled), nil, "neutral", "neutral"},
		{"cancel, and a fault", cancelAfter(timers), llm.ErrInternal, "neutral", "neutral"},
		{"deadline", deadline, nil, "neutral", "fault"},
		{"deadline, and a fault", deadline, llm.ErrOverloaded, "neutral", "fault"},
		{"deadline, and a rejection", deadline, llm.ErrRejected, "neutral", "neutral"},
		{"deadline of a policy", cancelAfter(context.DeadlineExceeded), nil, "neutral", "fault"},
		{"deadline of a policy, typed", cancelAfter(&llm.Error{Code: llm.ErrTimeout, Err: context.DeadlineExceeded}), llm.ErrCanceled, "neutral", "fault"},
	} {
		for _, counted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.name, counted), func(t *testing.T) {
				inBothWays(t, func(t *testing.T, w way) {
					b := &backend{do: func(ctx context.Context) error {
						<-ctx.Done()
						if c.err != nil {
							return c.err
						}
						return ctx.Err()
					}}
					got := verdictOn(t, breaker.Options{Deadlines: counted}, b, func(m llm.Model) {
						ctx, cancel := c.ctx(t.Context())
						defer cancel()
						if err := w.call(ctx, m); err == nil {
							t.Error("no error")
						}
					})
					want := c.want
					if counted {
						want = c.deadlines
					}
					if got != want {
						t.Errorf("the call is a %s, want %s", got, want)
					}
				})
			})
		}
	}
}

func deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Second)
}

func cancelAfter(cause error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(time.Second, func() { cancel(cause) })
		return ctx, func() { timer.Stop(); cancel(nil) }
	}
}

// An answer that came in time counts, though the context has ended since.
func TestAnswerAfterCancel(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithCancel(t.Context())
		got := verdictOn(t, breaker.Options{}, &backend{do: func(context.Context) error { cancel(); return nil }}, func(m llm.Model) {
			if err := w.call(ctx, m); err != nil {
				t.Error(err)
			}
		})
		if got != "success" {
			t.Errorf("the call is a %s, want success", got)
		}
	})
}

// A call whose context is done takes no part, not even as a probe.
func TestDoneContext(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		m := llm.Wrap(script(llm.ErrInternal, context.Canceled, context.Canceled), breaker.New(&breaker.Options{Failures: 1}))
		fails(t, w, m, llm.ErrInternal)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if err := w.call(ctx, m); !errors.Is(err, context.Canceled) || llm.CodeOf(err) != llm.ErrCanceled {
				t.Errorf("error %v, want that of the context", err)
			}
			time.Sleep(31 * time.Second)
		}
		succeeds(t, w, m)
	})
}

func TestStreamVerdicts(t *testing.T) {
	for _, c := range []struct {
		name string
		next llm.Model
		loop func(llm.Event, error) bool
		want string
	}{
		{"collected", fake.New(fake.Text("ok")), nil, "success"},
		{"cut", fake.New(fake.Text("ok").CutAfter(2)), nil, "fault"},
		{"failed halfway", fake.New(fake.Text("ok").ThenFail(llm.ErrOverloaded)), nil, "fault"},
		{"left at the error", fake.New(fake.Fail(llm.ErrOverloaded)), func(_ llm.Event, err error) bool { return err == nil }, "fault"},
		{"left at once", fake.New(fake.Text("ok")), func(llm.Event, error) bool { return false }, "neutral"},
		{"left at Finish", fake.New(fake.Text("ok")), func(ev llm.Event, _ error) bool { _, finish := ev.(*llm.Finish); return !finish }, "success"},
		{"without an end", lawless{}, nil, "fault"},
		{"without an end, left", lawless{}, func(llm.Event, error) bool { return false }, "neutral"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := verdictOn(t, breaker.Options{}, c.next, func(m llm.Model) {
				m.Stream(t.Context(), ask())(func(ev llm.Event, err error) bool { return c.loop == nil || c.loop(ev, err) })
			})
			if got != c.want {
				t.Errorf("the stream is a %s, want %s", got, c.want)
			}
		})
	}
}

// lawless is a model whose streams just end.
type lawless struct{ llm.Model }

func (lawless) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) { yield(&llm.UsageUpdate{}, nil) }
}

func TestPanicIsNeutral(t *testing.T) {
	for name, panics := range map[string]func(){"panic": func() { panic("mine") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			inBothWays(t, func(t *testing.T, w way) {
				b := &backend{do: func(context.Context) error { panics(); return nil }}
				got := verdictOn(t, breaker.Options{}, b, func(m llm.Model) { recovered(t, func() { _ = w.call(t.Context(), m) }) })
				if got != "neutral" {
					t.Errorf("the call is a %s, want neutral", got)
				}
			})
		})
	}
}

// recovered runs f in a goroutine of its own, which f must not survive.
func recovered(t *testing.T, f func()) {
	t.Helper()
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil && p != "mine" {
				t.Errorf("the panic became %v", p)
			}
		}()
		f()
		returned = true
	}()
	<-done
	if returned {
		t.Error("the panic was swallowed")
	}
}

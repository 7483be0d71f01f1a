package timeout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

func TestConformance(t *testing.T) {
	for name, opts := range map[string]*timeout.Options{
		"default":       nil,
		"none":          {},
		"negative":      {Total: -1, Generate: -1, FirstEvent: -1, BetweenEvents: -1},
		"total":         {Total: time.Minute},
		"firstEvent":    {FirstEvent: time.Minute},
		"betweenEvents": {BetweenEvents: time.Minute},
		"all":           {Total: time.Hour, Generate: time.Minute, FirstEvent: time.Minute, BetweenEvents: time.Minute},
		"for ever":      {Total: math.MaxInt64, Generate: math.MaxInt64, FirstEvent: math.MaxInt64, BetweenEvents: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, timeout.New(opts)) })
	}
}

// Each limit passes a wait that is a nanosecond shorter, and ends one that is longer.
func TestLimits(t *testing.T) {
	const limit = 10 * time.Second
	cases := []struct {
		name    string
		opts    *timeout.Options
		way     way
		steps   func(d time.Duration) []step // d is to stay within the limit
		limit   time.Duration
		message string
		before  time.Duration // what passes before the wait that counts
	}{
		{"Total, Generate", &timeout.Options{Total: limit}, generate(),
			func(d time.Duration) []step { return after(time.Second, 0, d-time.Second) }, limit, "not done after 10s (timeout.Options.Total)", 0},
		{"Total, Stream", &timeout.Options{Total: limit}, stream(),
			func(d time.Duration) []step { return after(time.Second, 0, d-time.Second) }, limit, "not done after 10s (timeout.Options.Total)", 0},
		{"Generate", &timeout.Options{Generate: limit}, generate(),
			func(d time.Duration) []step { return after(d) }, limit, "no answer for 10s (timeout.Options.Generate)", 0},
		{"Generate within Total", &timeout.Options{Generate: limit, Total: limit + 1}, generate(),
			func(d time.Duration) []step { return after(d) }, limit, "no answer for 10s (timeout.Options.Generate)", 0},
		{"Total within Generate", &timeout.Options{Generate: limit + 1, Total: limit}, generate(),
			func(d time.Duration) []step { return after(d) }, limit, "not done after 10s (timeout.Options.Total)", 0},
		{"FirstEvent", &timeout.Options{FirstEvent: limit}, stream(),
			func(d time.Duration) []step { return after(d, time.Hour) }, limit, "no first event for 10s (timeout.Options.FirstEvent)", 0},
		{"FirstEvent after a usage update", &timeout.Options{FirstEvent: limit, BetweenEvents: time.Second}, stream(),
			func(d time.Duration) []step {
				usage := step{ev: &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}, wait: d / 2}
				return append([]step{usage}, after(d-d/2)...)
			}, limit, "no first event for 10s (timeout.Options.FirstEvent)", 0},
		{"BetweenEvents", &timeout.Options{BetweenEvents: limit}, stream(),
			func(d time.Duration) []step { return after(time.Hour, d-2, d) }, limit, "no event for 10s (timeout.Options.BetweenEvents)", time.Hour + limit},
		{"BetweenEvents before Finish", &timeout.Options{FirstEvent: time.Minute, BetweenEvents: limit}, stream(),
			func(d time.Duration) []step { return after(0, 0, 0, 0, d) }, limit, "no event for 10s (timeout.Options.BetweenEvents)", 0},
		{"default Generate", nil, generate(),
			func(d time.Duration) []step { return after(d) }, 10 * time.Minute, "no answer for 10m0s (timeout.Options.Generate)", 0},
		{"default FirstEvent", nil, stream(),
			func(d time.Duration) []step { return after(d) }, time.Minute, "no first event for 1m0s (timeout.Options.FirstEvent)", 0},
		{"default BetweenEvents", nil, stream(),
			func(d time.Duration) []step { return after(0, d) }, time.Minute, "no event for 1m0s (timeout.Options.BetweenEvents)", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, linger := range []time.Duration{0, time.Minute} {
					next := &slow{steps: c.steps(c.limit - 1), linger: linger}
					m := llm.Wrap(next, timeout.New(c.opts))
					ctx, heard := told(t.Context())
					if resp, err := c.way.call(ctx, m); err != nil || resp.Text() != "Four degrees." {
						t.Errorf("within the limit: %v", err)
					}
					if len(*heard) > 0 {
						t.Errorf("within the limit observers hear %+v", *heard)
					}

					next.steps = c.steps(c.limit + 1)
					begin := time.Now()
					_, err := c.way.call(ctx, m)
					want := &llm.Error{Code: llm.ErrTimeout, Op: c.way.name, Provider: "slow", Model: "served", RequestID: "req-1", Status: 200, Message: c.message}
					checkTimeout(t, err, want)
					slack := time.Since(begin) - c.before - c.limit - linger
					if slack < -2 || slack > 2 {
						t.Errorf("the call took %v", time.Since(begin))
					}
					if next.cancelled.Load() != 1 || next.running.Load() != 0 {
						t.Errorf("%d calls were cancelled, %d still run", next.cancelled.Load(), next.running.Load())
					}
					if d := cmp.Diff([]hook.Event{{Kind: hook.Timeout, Policy: "timeout", Wait: c.limit}}, *heard); d != "" {
						t.Errorf("observers (-want +got): %s", d)
					}
				}
			})
		})
	}
}

// checkTimeout checks an error of a limit; want.Err is not looked at.
func checkTimeout(t *testing.T, err error, want *llm.Error) {
	t.Helper()
	got, ok := err.(*llm.Error)
	if !ok {
		t.Errorf("the error is a %T: %v", err, err)
		return
	}
	flat := *got
	flat.Err = nil
	if d := cmp.Diff(want, &flat); d != "" {
		t.Errorf("the error (-want +got): %s", d)
	}
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, llm.ErrCanceled) {
		t.Errorf("deadline exceeded: %t, cancelled: %t, %t", errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, llm.ErrCanceled))
	}
	if llm.CodeOf(err) != llm.ErrTimeout || !llm.IsRetryable(err) {
		t.Errorf("the code is %v, retryable: %t", llm.CodeOf(err), llm.IsRetryable(err))
	}
	if !strings.Contains(err.Error(), want.Message) {
		t.Errorf("the text does not name the limit: %v", err)
	}
}

// The limits on a call's whole time are deadlines for the layers further in.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			opts             timeout.Options
			caller           time.Duration
			generate, stream time.Duration // 0 = none
		}{
			{timeout.Options{Total: time.Minute}, 0, time.Minute, time.Minute},
			{timeout.Options{Generate: time.Minute}, 0, time.Minute, 0},
			{timeout.Options{Total: time.Hour, Generate: time.Minute}, 0, time.Minute, time.Hour},
			{timeout.Options{Total: time.Hour, Generate: time.Minute}, time.Second, time.Second, time.Second},
			{timeout.Options{FirstEvent: time.Minute, BetweenEvents: time.Minute}, 0, 0, 0},
		} {
			var got time.Duration
			m := llm.Wrap(fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
				got = 0
				if d, ok := ctx.Deadline(); ok {
					got = time.Until(d)
				}
				return &llm.Response{Message: llm.AssistantText("ok")}, nil
			}), timeout.New(&c.opts))
			ctx := t.Context()
			if c.caller > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.caller)
				defer cancel()
			}
			req := &llm.Request{Messages: []llm.Message{llm.UserText("?")}}
			if _, err := m.Generate(ctx, req); err != nil || got != c.generate {
				t.Errorf("%+v: Generate has %v, want %v; %v", c.opts, got, c.generate, err)
			}
			if _, err := llm.Collect(m.Stream(ctx, req)); err != nil || got != c.stream {
				t.Errorf("%+v: Stream has %v, want %v; %v", c.opts, got, c.stream, err)
			}
		}
	})
}

// A limit that cannot be the one that ends the call costs nothing: its context is spared.
func TestSpared(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got context.Context
	next := fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
		got = ctx
		return &llm.Response{Message: llm.AssistantText("ok")}, nil
	})
	req := &llm.Request{Messages: []llm.Message{llm.UserText("?")}}
	for _, c := range []struct {
		limit  time.Duration
		spared bool
	}{{time.Hour, true}, {time.Second, false}} {
		if _, err := llm.Wrap(next, timeout.New(&timeout.Options{Generate: c.limit})).Generate(ctx, req); err != nil || (got == ctx) != c.spared {
			t.Errorf("a limit of %v under a deadline in a minute: spared %v, want %v; %v", c.limit, got == ctx, c.spared, err)
		}
	}
}

// The time of the loop's body is not the provider's, unless the limit is Total.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &slow{steps: append([]step{{ev: &llm.UsageUpdate{}}, {ev: &llm.UsageUpdate{}, wait: time.Second}}, after(8*time.Second, 9*time.Second, 9*time.Second)...)}
		m := llm.Wrap(next, timeout.New(&timeout.Options{FirstEvent: 10 * time.Second, BetweenEvents: 10 * time.Second}))
		events := 0
		for _, err := range m.Stream(t.Context(), nil) {
			if err != nil {
				t.Fatalf("after %d events: %v", events, err)
			}
			events++
			time.Sleep(time.Hour)
		}
		if events != 7 || next.cancelled.Load() != 0 {
			t.Errorf("%d events, %d calls were cancelled", events, next.cancelled.Load())
		}

		m = llm.Wrap(next, timeout.New(&timeout.Options{Total: 90 * time.Minute}))
		events = 0
		for _, err := range m.Stream(t.Context(), nil) {
			if err == nil {
				events++
				time.Sleep(time.Hour)
				continue
			}
			checkTimeout(t, err, &llm.Error{Code: llm.ErrTimeout, Op: "stream", Provider: "slow", Model: "served", RequestID: "req-1", Status: 200,
				Message: "not done after 1h30m0s (timeout.Options.Total)"})
		}
		if events != 2 {
			t.Errorf("%d events within Total, want 2", events)
		}
	})
}

// A model that ignores its context is waited for, and its answer passes.
func TestDeafModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &slow{steps: after(time.Hour, time.Hour), deaf: true}
		second := time.Second
		m := llm.Wrap(next, timeout.New(&timeout.Options{Total: second, Generate: second, FirstEvent: second, BetweenEvents: second}))
		ctx, heard := told(t.Context())
		for _, w := range []way{generate(), stream()} {
			begin := time.Now()
			resp, err := w.call(ctx, m)
			if err != nil || resp.Text() != "Four degrees." || time.Since(begin) != 2*time.Hour {
				t.Errorf("%s: %v after %v", w.name, err, time.Since(begin))
			}
		}
		if len(*heard) > 0 {
			t.Errorf("observers hear %+v, though no limit ended a call", *heard)
		}
	})
}

// What is no echo of our cancel passes as it is, even where a limit was exceeded.
func TestOtherErrorsPass(t *testing.T) {
	passing := []error{
		&llm.Error{Code: llm.ErrOverloaded, Message: "scripted"},
		&llm.Error{Code: llm.ErrTimeout, Message: "the provider's own", Status: 504},
		&llm.Error{Code: llm.ErrUnavailable, Message: "says what broke", Err: io.ErrUnexpectedEOF},
		llm.ErrRateLimited,
		io.ErrUnexpectedEOF,
	}
	for _, want := range passing {
		for _, opts := range allLimits() {
			synctest.Test(t, func(t *testing.T) {
				next := &slow{steps: after(0, 0, time.Hour), echo: func(context.Context) error { return want }}
				next.steps[2].err, next.steps[2].ev = want, nil
				m := llm.Wrap(next, timeout.New(&opts))
				for _, next.deaf = range []bool{true, false} {
					ctx, heard := told(t.Context())
					for _, w := range []way{generate(), stream()} {
						if _, err := w.call(ctx, m); err != want {
							t.Errorf("%s, %+v: %v, want %v", w.name, opts, err, want)
						}
					}
					if len(*heard) > 0 {
						t.Errorf("observers hear %+v", *heard)
					}
				}
			})
		}
	}
}

func allLimits() []timeout.Options {
	return []timeout.Options{{Total: time.Second}, {Generate: time.Second}, {FirstEvent: time.Second}, {BetweenEvents: time.Second}}
}

// Echoes come in many forms.
func TestEchoes(t *testing.T) {
	limited := &llm.Error{Code: llm.ErrRateLimited, Message: "the last attempt", RetryAfter: time.Minute}
	for name, echo := range map[string]func(ctx context.Context) error{
		"bare":         func(ctx context.Context) error { return ctx.Err() },
		"wrapped":      func(ctx context.Context) error { return fmt.Errorf("get: %w", ctx.Err()) },
		"the cause":    func(ctx context.Context) error { return fmt.Errorf("get: %w", context.Cause(ctx)) },
		"both":         func(ctx context.Context) error { return errors.Join(ctx.Err(), context.Cause(ctx)) },
		"typed":        func(ctx context.Context) error { return &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: ctx.Err()} },
		"without code": func(ctx context.Context) error { return &llm.Error{RequestID: "req-1", Err: ctx.Err()} },
		"with a cause": func(ctx context.Context) error {
			return &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: errors.Join(limited, ctx.Err())}
		},
		"a read that failed": func(ctx context.Context) error { return &llm.Error{Code: llm.ErrIncomplete, Err: ctx.Err()} },
		"a send that failed": func(ctx context.Context) error {
			return &llm.Error{Code: llm.ErrUnavailable, Err: fmt.Errorf("post: %w", ctx.Err())}
		},
		"a fault of the backend's": func(ctx context.Context) error { return &llm.Error{Code: llm.ErrInternal, Err: ctx.Err()} },
		"a code and no more":       func(context.Context) error { return &llm.Error{Code: llm.ErrCanceled} },
		"a bare code":              func(context.Context) error { return llm.ErrCanceled },
		"not retryable": func(ctx context.Context) error {
			return &llm.Error{Code: llm.CodeOf(ctx.Err()), Retryable: new(false), Err: ctx.Err()}
		},
		"like one": func(ctx context.Context) error { return &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: like{ctx.Err()}} },
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				way
				opts    timeout.Options
				message string
			}{
				{generate(), timeout.Options{Total: time.Second}, "not done after 1s (timeout.Options.Total)"},
				{stream(), timeout.Options{Total: time.Second}, "not done after 1s (timeout.Options.Total)"},
				{stream(), timeout.Options{BetweenEvents: time.Second}, "no event for 1s (timeout.Options.BetweenEvents)"},
			} {
				synctest.Test(t, func(t *testing.T) {
					m := llm.Wrap(&slow{steps: after(0, 0, time.Hour), echo: echo}, timeout.New(&c.opts))
					_, err := c.call(t.Context(), m)
					want := &llm.Error{Code: llm.ErrTimeout, Op: c.name, Provider: "slow", Model: "slow-1", Message: c.message}
					if name == "without code" {
						want.RequestID = "req-1"
					}
					if name == "with a cause" {
						want.RetryAfter = time.Minute
						if !errors.Is(err, llm.ErrRateLimited) {
							t.Errorf("the cause of the last attempt is lost: %v", err)
						}
					}
					checkTimeout(t, err, want)
				})
			}
		})
	}
}

// like is an error that is like another without wrapping it, as some of package net are.
type like struct{ err error }

func (l like) Error() string        { return "like another" }
func (l like) Is(target error) bool { return target == l.err }

// Whoever gave up first is the one whom the error names.
func TestCallersContext(t *testing.T) {
	for _, opts := range append(allLimits(), timeout.Options{}) {
		opts.Total, opts.Generate = 2*opts.Total, 2*opts.Generate
		opts.FirstEvent, opts.BetweenEvents = 2*opts.FirstEvent, 2*opts.BetweenEvents
		for _, w := range []way{generate(), stream()} {
			for _, linger := range []time.Duration{0, time.Hour} { // within which our limits pass, too
				synctest.Test(t, func(t *testing.T) {
					next := &slow{steps: after(0, 0, time.Hour), linger: linger}
					m := llm.Wrap(next, timeout.New(&opts))
					ctx, heard := told(t.Context())

					cancelled, cancel := context.WithCancel(ctx)
					time.AfterFunc(time.Second, cancel)
					if _, err := w.call(cancelled, m); llm.CodeOf(err) != llm.ErrCanceled || !errors.Is(err, context.Canceled) || err.(*llm.Error).Op != "inner" {
						t.Errorf("%s, %+v: a cancelled call ends with %v", w.name, opts, err)
					}
					if _, err := w.call(cancelled, m); !errors.Is(err, context.Canceled) {
						t.Errorf("%s, %+v: a call that was cancelled before ends with %v", w.name, opts, err)
					}
					late, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					if _, err := w.call(late, m); llm.CodeOf(err) != llm.ErrTimeout || !errors.Is(err, context.DeadlineExceeded) || err.(*llm.Error).Op != "inner" {
						t.Errorf("%s, %+v: a call whose deadline passed ends with %v", w.name, opts, err)
					}
					if len(*heard) > 0 {
						t.Errorf("%s, %+v: observers hear %+v", w.name, opts, *heard)
					}
				})
			}
		}
	}
	synctest.Test(t, func(t *testing.T) { // the limit passed first, and the caller's deadline while the model came back
		m := llm.Wrap(&slow{steps: after(time.Hour), linger: time.Hour}, timeout.New(&timeout.Options{FirstEvent: time.Second}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := stream().call(ctx, m)
		checkTimeout(t, err, &llm.Error{Code: llm.ErrTimeout, Op: "stream", Provider: "slow", Model: "served", RequestID: "req-1", Status: 200,
			Message: "no first event for 1s (timeout.Options.FirstEvent)"})
	})
}

// Of nested timeouts the innermost that ended the call says so, and no other.
func TestNested(t *testing.T) {
	same := timeout.New(&timeout.Options{Total: 3 * time.Second, Generate: time.Second, FirstEvent: time.Second})
	for name, c := range map[string]struct {
		outer, inner     llm.Middleware
		generate, stream string
	}{
		"inner first": {timeout.New(&timeout.Options{Total: 3 * time.Second}), timeout.New(&timeout.Options{Total: time.Second}),
			"not done after 1s", "not done after 1s"},
		"outer first": {timeout.New(&timeout.Options{Total: time.Second}), timeout.New(&timeout.Options{Total: 3 * time.Second}),
			"not done after 1s", "not done after 1s"},
		"attempt in call": {timeout.New(&timeout.Options{Total: 3 * time.Second}), timeout.New(&timeout.Options{Generate: time.Second, FirstEvent: time.Second}),
			"no answer for 1s", "no first event for 1s"},
		"call in attempt": {timeout.New(&timeout.Options{Generate: time.Second, FirstEvent: time.Second}), timeout.New(&timeout.Options{Total: 3 * time.Second}),
			"no answer for 1s", "no first event for 1s"},
		"attempts": {timeout.New(&timeout.Options{Generate: 3 * time.Second, FirstEvent: 3 * time.Second}), timeout.New(&timeout.Options{Generate: time.Second, FirstEvent: time.Second}),
			"no answer for 1s", "no first event for 1s"},
		"the same": {same, same, "no answer for 1s", "no first event for 1s"},
	} {
		for _, linger := range []time.Duration{0, time.Minute} { // within which the other passes, too
			for want, w := range map[string]way{c.generate: generate(), c.stream: stream()} {
				t.Run(fmt.Sprint(name, linger, w.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						ctx, heard := told(t.Context())
						m := llm.Wrap(&slow{steps: after(time.Hour), linger: linger}, c.outer, c.inner)
						_, err := w.call(ctx, m)
						if e, ok := err.(*llm.Error); !ok || !strings.HasPrefix(e.Message, want) || e.Code != llm.ErrTimeout {
							t.Errorf("%v, want: %s", err, want)
						}
						if errors.Is(err, context.Canceled) {
							t.Errorf("it is a cancel, too: %v", err)
						}
						if len(*heard) != 1 || (*heard)[0].Wait != time.Second {
							t.Errorf("observers hear %+v", *heard)
						}
					})
				})
			}
		}
	}
}

// What stands between two timeouts sees that the outer one ended the call: a breaker there
// must not count it against the provider.
func TestOuterLimitIsNotTheInnerOnes(t *testing.T) {
	for _, w := range []way{generate(), stream()} {
		synctest.Test(t, func(t *testing.T) {
			var seen error
			outer := timeout.New(&timeout.Options{Generate: time.Second, FirstEvent: time.Second})
			inner := timeout.New(&timeout.Options{Generate: time.Minute, FirstEvent: time.Minute})(&slow{steps: after(time.Hour), linger: time.Hour})
			m := outer(fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
				_, seen = w.call(ctx, inner)
				return nil, seen
			}))
			_, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("?")}})
			if e, ok := seen.(*llm.Error); !ok || e.Op != "inner" {
				t.Errorf("in between: %v", seen)
			}
			if e, ok := err.(*llm.Error); !ok || e.Message != "no answer for 1s (timeout.Options.Generate)" {
				t.Errorf("outside: %v", err)
			}
		})
	}
}

// A layer between two timeouts may see the inner one end several attempts before the outer
// one ends the call.
func TestTotalOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last error
		attempts := 0
		again := fake.Func(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			m := llm.Wrap(&slow{steps: after(time.Hour)}, timeout.New(&timeout.Options{Generate: 2 * time.Second}))
			for ; ctx.Err() == nil; attempts++ {
				_, last = m.Generate(ctx, req)
			}
			return nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Message: "gave up", Err: errors.Join(ctx.Err(), last)}
		})
		m := llm.Wrap(again, timeout.New(&timeout.Options{Total: 5 * time.Second}))
		_, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("?")}})
		if e, ok := err.(*llm.Error); !ok || e.Message != "not done after 5s (timeout.Options.Total)" || !errors.Is(err, last) || attempts != 3 {
			t.Errorf("after %d attempts: %v", attempts, err)
		}
	})
}

// What had arrived before a limit passed is kept.
func TestPartial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := llm.Wrap(&slow{steps: after(0, 0, 0, time.Hour)}, timeout.New(&timeout.Options{Generate: time.Second, BetweenEvents: time.Second}))
		for _, w := range []way{generate(), stream()} {
			resp, err := w.call(t.Context(), m)
			if llm.CodeOf(err) != llm.ErrTimeout || resp.Text() != "Four degrees." || resp.Usage != (llm.Usage{InputTokens: 25, Estimated: true}) {
				t.Errorf("%s: %+v, %v", w.name, resp, err)
			}
		}
	})
}

// An event that comes as the limit passes is delivered; the stream may fail after it.
func TestEventAtTheLimit(t *testing.T) {
	for range 20 { // who comes first at the same time is left to chance
		synctest.Test(t, func(t *testing.T) {
			m := llm.Wrap(&slow{steps: after(time.Second, time.Second, time.Second)}, timeout.New(&timeout.Options{FirstEvent: time.Second, BetweenEvents: time.Second}))
			resp, err := stream().call(t.Context(), m)
			if err == nil && resp.Text() != "Four degrees." {
				t.Errorf("an answer is cut: %q", resp.Text())
			}
			if err != nil && (llm.CodeOf(err) != llm.ErrTimeout || errors.Is(err, context.Canceled)) {
				t.Error(err)
			}
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := &timeout.Options{Generate: time.Second}
		mw := timeout.New(opts)
		opts.Generate = time.Hour
		for _, m := range []llm.Model{mw(&slow{steps: after(time.Minute)}), mw(&slow{steps: after(time.Minute)})} {
			begin := time.Now()
			if _, err := m.Generate(t.Context(), nil); llm.CodeOf(err) != llm.ErrTimeout || time.Since(begin) != time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		}
	})
}

// The text of the error is the limit's, and what is known of the call.
func TestText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := llm.Wrap(&slow{steps: after(0, time.Hour)}, timeout.New(nil))
		_, err := stream().call(t.Context(), m)
		want := "slow stream served: timeout: no event for 1m0s (timeout.Options.BetweenEvents) (status 200, request id req-1)"
		if err.Error() != want {
			t.Errorf("%s\nwant %s", err, want)
		}
		_, err = generate().call(t.Context(), m)
		want = "slow generate served: timeout: no answer for 10m0s (timeout.Options.Generate): inner: context deadline exceeded (status 200, request id req-1)"
		if err.Error() != want {
			t.Errorf("%s\nwant %s", err, want)
		}
	})
}

// A model may obey our cancel without a word. That is no answer.
func TestSilentEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := &llm.PartStart{Part: &llm.TextPart{}}
		for _, c := range []struct {
			opts   timeout.Options
			events []llm.Event
		}{
			{timeout.Options{Total: time.Second}, nil},
			{timeout.Options{Total: time.Second}, []llm.Event{start}},
			{timeout.Options{FirstEvent: time.Second}, nil},
			{timeout.Options{FirstEvent: time.Second}, []llm.Event{&llm.UsageUpdate{}}},
			{timeout.Options{BetweenEvents: time.Second}, []llm.Event{start}},
		} {
			m := llm.Wrap(&silent{events: c.events}, timeout.New(&c.opts))
			var err error
			events := 0
			for ev, last := range m.Stream(t.Context(), nil) {
				if err = last; ev != nil {
					events++
				}
			}
			if events != len(c.events) {
				t.Errorf("%+v: %d events, want %d", c.opts, events, len(c.events))
			}
			if llm.CodeOf(err) != llm.ErrTimeout || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || !llm.IsRetryable(err) {
				t.Errorf("%+v, %d events: %v", c.opts, events, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			for _, err := range m.Stream(ctx, nil) {
				if err != nil {
					t.Errorf("the caller's own deadline is none of ours: %v", err)
				}
			}
			cancel()
		}
	})
}

// silent ends its streams without a word when they are cancelled, after some events.
type silent struct {
	slow
	events []llm.Event
}

func (s *silent) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range s.events {
			if !yield(ev, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// A limit that passes while retry waits keeps what it waited for.
func TestLimitInTheDelayOfARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &slow{steps: []step{{err: &llm.Error{Code: llm.ErrOverloaded, Status: 503, RetryAfter: 2 * time.Second}}}}
		m := llm.Wrap(next, timeout.New(&timeout.Options{FirstEvent: time.Second}), retry.New(nil))
		_, err := stream().call(t.Context(), m)
		if e, ok := err.(*llm.Error); !ok || e.Code != llm.ErrTimeout || !llm.IsRetryable(err) {
			t.Errorf("the limit is not named: %v", err)
		}
		if !errors.Is(err, llm.ErrOverloaded) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, llm.ErrCanceled) {
			t.Errorf("the cause is lost, or it is a cancel: %v", err)
		}
	})
}

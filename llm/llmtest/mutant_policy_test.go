package llmtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// policyMutants are middleware that break what concerns failures, release and load.
func policyMutants() []mutant {
	return ofTheirLaws([]mutant{
		{name: "mw-passes-events-in-pairs", fails: []string{"middleware/every-event"}, middleware: with(policy{stream: passesInPairs})},
		{name: "mw-gives-up-without-the-cause", fails: []string{"middleware/retryable-error"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				return resp, withoutCause(err)
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return failing(next.Stream(ctx, req), withoutCause)
			}})},
		{name: "mw-begins-anew-before-a-delta", fails: []string{"middleware/after-first-event"}, middleware: (&retrier{begins: isDelta}).middleware()},
		{name: "mw-holds-usage-until-the-first-event", fails: []string{"middleware/usage-update-first"}, middleware: with(policy{stream: holdsUsage})},
		{name: "mw-retries-generate-only", fails: []string{"middleware/same-policy"}, middleware: with(policy{generate: (&retrier{}).generate})},
		{name: "mw-takes-usage-for-the-first-event", fails: []string{"middleware/same-policy"},
			middleware: (&retrier{begins: func(llm.Event) bool { return true }}).middleware()},
		{name: "mw-counts-any-error", fails: []string{"middleware/callers-doing"},
			middleware: (&breaker{limit: 40, counts: func(error) bool { return true }}).middleware()},
		{name: "mw-backs-off-in-its-sleep", fails: []string{"middleware/cancel-ends-loops"},
			middleware: (&retrier{backoff: func(_ context.Context, d time.Duration) bool { time.Sleep(d); return true }}).middleware()},
		{name: "mw-does-not-heed-a-break-at-usage", fails: []string{"middleware/break-before-first"}, middleware: with(policy{stream: heedsNoBreakAtUsage})},
		{name: "mw-hides-the-deadline", fails: []string{"middleware/deadline"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				return next.Generate(timeless{ctx}, req)
			}})},
		{name: "mw-takes-a-deadline-for-its-own-cancel", fails: []string{"middleware/deadline"}, middleware: with(policy{
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return failing(next.Stream(ctx, req), func(err error) error {
					if e, ok := err.(*llm.Error); ok && errors.Is(err, context.DeadlineExceeded) {
						c := *e
						c.Err = errors.Join(e.Err, context.Canceled)
						err = &c
					}
					return err
				})
			}})},
		{name: "mw-does-not-cancel-its-context", fails: []string{"middleware/context-released"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				_ = cancel
				return next.Generate(ctx, req)
			}})},
		{name: "mw-makes-errors-of-panics", fails: []string{"middleware/panic-passes"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (resp *llm.Response, err error) {
				defer func() {
					if p := recover(); p != nil {
						err = &llm.Error{Code: llm.ErrInternal, Message: "the model panicked"}
					}
				}()
				return next.Generate(ctx, req)
			}})},
		{name: "mw-loses-a-permit-in-a-panic", fails: []string{"middleware/panic-passes"}, middleware: func(next llm.Model) llm.Model {
			free := make(chan struct{}, 2)
			return with(policy{
				generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
					free <- struct{}{}
					resp, err := next.Generate(ctx, req)
					<-free
					return resp, err
				}})(next)
		}},
		{name: "mw-copies-events", fails: []string{"middleware/allocations"}, middleware: with(policy{
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range next.Stream(ctx, req) {
						if d, ok := ev.(*llm.TextDelta); ok {
							ev = new(*d)
						}
						if !yield(ev, err) {
							return
						}
					}
				})
			}})},
		{name: "mw-keeps-the-request-in-the-model", fails: []string{"middleware/concurrency"}, middleware: keepsTheRequest},
		{name: "mw-locks-itself", fails: []string{"middleware/reentrant"}, middleware: func(next llm.Model) llm.Model {
			var mu sync.Mutex
			return with(policy{
				generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
					mu.Lock()
					defer mu.Unlock()
					return next.Generate(ctx, req)
				},
				stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
					return llm.Once(func(yield func(llm.Event, error) bool) {
						mu.Lock()
						defer mu.Unlock()
						next.Stream(ctx, req)(yield)
					})
				}})(next)
		}},
		{name: "mw-takes-its-permit-too-early", fails: []string{"middleware/unranged"}, middleware: takesItsPermitEarly},
	})
}

// passesInPairs passes on what comes early, and then two events at a time.
func passesInPairs(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		var held llm.Event
		n := 0
		for ev, err := range next.Stream(ctx, req) {
			if n++; held == nil && n > 4 && err == nil {
				held = ev
				continue
			}
			if held != nil && !yield(held, nil) {
				return
			}
			held = nil
			if !yield(ev, err) {
				return
			}
		}
		if held != nil {
			yield(held, nil)
		}
	})
}

func withoutCause(err error) error {
	e, ok := err.(*llm.Error)
	if !ok || !llm.IsRetryable(e) || e.Code != llm.ErrOverloaded && e.Code != llm.ErrRateLimited {
		return err
	}
	c := *e
	c.Message, c.Err = fmt.Sprintf("gave up: %v", e), nil
	return &c
}

// holdsUsage passes a UsageUpdate on with the first event.
func holdsUsage(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		var held []llm.Event
		begun := false
		for ev, err := range next.Stream(ctx, req) {
			if _, early := ev.(*llm.UsageUpdate); early && !begun {
				held = append(held, ev)
				continue
			}
			begun = true
			if err != nil {
				held = nil
			}
			for _, ev := range held {
				if !yield(ev, nil) {
					return
				}
			}
			held = nil
			if !yield(ev, err) {
				return
			}
		}
	})
}

func heedsNoBreakAtUsage(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		left := false
		for ev, err := range next.Stream(ctx, req) {
			if _, early := ev.(*llm.UsageUpdate); early && !left {
				left = !yield(ev, nil)
				continue
			}
			if left || !yield(ev, err) {
				return
			}
		}
	})
}

// timeless is a context that does not tell its deadline.
type timeless struct{ context.Context }

func (timeless) Deadline() (time.Time, bool) { return time.Time{}, false }

// keepsTheRequest has one place for the requests of all callers.
func keepsTheRequest(next llm.Model) llm.Model {
	var current atomic.Pointer[llm.Request]
	keep := func(req *llm.Request) *llm.Request {
		current.Store(req)
		time.Sleep(time.Millisecond)
		return current.Load()
	}
	return with(policy{
		generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
			return next.Generate(ctx, keep(req))
		},
		stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return llm.Once(func(yield func(llm.Event, error) bool) { next.Stream(ctx, keep(req))(yield) })
		}})(next)
}

// takesItsPermitEarly takes one of 256 permits when Stream is called, and gives it back
// at the end of the loop.
func takesItsPermitEarly(next llm.Model) llm.Model {
	var taken atomic.Int64
	full := func() error {
		if taken.Add(1) <= 256 {
			return nil
		}
		return &llm.Error{Code: llm.ErrRejected, Op: "call", Provider: next.Info().Provider, Message: "no permit is free"}
	}
	return with(policy{
		generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
			defer taken.Add(-1)
			if err := full(); err != nil {
				return nil, err
			}
			return next.Generate(ctx, req)
		},
		stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			err := full()
			return llm.Once(func(yield func(llm.Event, error) bool) {
				defer taken.Add(-1)
				if err != nil {
					yield(nil, err)
					return
				}
				next.Stream(ctx, req)(yield)
			})
		}})(next)
}

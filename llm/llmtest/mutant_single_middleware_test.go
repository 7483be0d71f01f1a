package llmtest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// singlePolicyMutants are the middleware among those that break one case only.
func singlePolicyMutants() []mutant {
	ofStream := func(name, fails string, stream func(ctx context.Context, next llm.Model, req *llm.Request) stream) mutant {
		return mutant{name: name, law: "middleware", fails: []string{fails}, middleware: with(policy{stream: stream})}
	}
	ofResponse := func(name, fails string, change func(r *llm.Response, err error) *llm.Response) mutant {
		return mutant{name: name, law: "middleware", fails: []string{fails}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				return change(resp, err), err
			}})}
	}
	return []mutant{
		{name: "mw-has-a-model-name-of-its-own", law: "middleware", fails: []string{"middleware/info"},
			middleware: func(next llm.Model) llm.Model {
				info := next.Info()
				info.Model += "-logged"
				return with(policy{info: &info})(next)
			}},
		ofStream("mw-takes-a-delta-after-usage-for-usage", "middleware/first-event", holdsTheDeltaAfterUsage),
		ofStream("mw-cancels-what-it-should-leave", "middleware/break-passes", cancelsAndDrains),
		ofStream("mw-lets-a-cancelled-stream-end-later", "middleware/cancel-passes", endsLater),
		ofResponse("mw-loses-the-providers-own-response", "middleware/response-passes", func(r *llm.Response, err error) *llm.Response {
			if err == nil {
				r.Raw = nil
			}
			return r
		}),
		ofResponse("mw-keeps-the-usage-that-it-knows-only", "middleware/partial-passes", func(r *llm.Response, err error) *llm.Response {
			if err != nil && r != nil && r.Usage.InputTokens > 0 {
				r = &llm.Response{Usage: r.Usage}
			}
			return r
		}),
		ofStream("mw-drops-kinds-of-a-later-release", "middleware/events-pass", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return llm.Once(func(yield func(llm.Event, error) bool) {
				for ev, err := range next.Stream(ctx, req) {
					if d, ok := ev.(*llm.ProviderDelta); ok && d.Provider == "" {
						continue
					}
					if !yield(ev, err) {
						return
					}
				}
			})
		}),
		ofStream("mw-edits-the-stop-that-it-copied", "middleware/events-unchanged", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return llm.Once(func(yield func(llm.Event, error) bool) {
				for ev, err := range next.Stream(ctx, req) {
					if stop, ok := ev.(*llm.PartStop); ok {
						ev = new(*stop)
						stop.Index = -1 // as one that returns it to a pool
					}
					if !yield(ev, err) {
						return
					}
				}
			})
		}),
		ofStream("mw-loses-the-verdict", "middleware/errors-pass", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return failing(next.Stream(ctx, req), func(err error) error {
				if e, ok := err.(*llm.Error); ok {
					c := *e
					c.Retryable = nil
					return &c
				}
				return err
			})
		}),
		ofResponse("mw-turns-warnings-round", "middleware/response-passes", func(r *llm.Response, err error) *llm.Response {
			if err == nil {
				slices.Reverse(r.Warnings)
			}
			return r
		}),
		{name: "mw-reckons-its-deadline-once", law: "middleware", fails: []string{"middleware/deadline"}, middleware: func(next llm.Model) llm.Model {
			end := time.Now().Add(45 * time.Minute)
			return with(policy{generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				ctx, cancel := context.WithDeadline(ctx, end)
				defer cancel()
				return next.Generate(ctx, req)
			}})(next)
		}},
		ofStream("mw-loses-the-status", "middleware/errors-pass", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return failing(next.Stream(ctx, req), func(err error) error {
				if e, ok := err.(*llm.Error); ok {
					c := *e
					c.Status = 0
					return &c
				}
				return err
			})
		}),
	}
}

// holdsTheDeltaAfterUsage waits for the first event behind a UsageUpdate, and is one
// too late: it has the first delta only when there is a second.
func holdsTheDeltaAfterUsage(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		var held llm.Event
		n, waits := 0, false
		for ev, err := range next.Stream(ctx, req) {
			if _, usage := ev.(*llm.UsageUpdate); usage && n == 0 {
				waits = true
			}
			n++
			if waits && isDelta(ev) {
				held, waits = ev, false
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
	})
}

// cancelsAndDrains ends the model's call with its context, and reads what is left,
// where it should have left the loop.
func cancelsAndDrains(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		left := false
		for ev, err := range next.Stream(ctx, req) {
			if !left && !yield(ev, err) {
				left = true
				cancel()
			}
		}
	})
}

// endsLater passes on the cancel of a call of which nothing has come before the model's
// call has ended.
func endsLater(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		pull, stop := iter.Pull2(next.Stream(ctx, req))
		end := stop
		defer func() { end() }()
		for begun := false; ; begun = true {
			ev, err, ok := pull()
			if !ok {
				return
			}
			if !begun && isLong(req) && errors.Is(err, context.Canceled) {
				end = func() {
					go func() {
						time.Sleep(time.Millisecond)
						stop()
					}()
				}
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	})
}

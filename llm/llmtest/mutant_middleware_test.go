package llmtest

import (
	"context"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// policy is a middleware with some methods that are not as they should be.
type policy struct {
	wrapper
	generate func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error)
	stream   func(ctx context.Context, next llm.Model, req *llm.Request) stream
	info     *llm.Info
}

// The wrapper is held, as a middleware's next is, and not embedded: the suite looks
// at the fields of what it is given.
type mutated struct{ p *policy }

func (m *mutated) Unwrap() llm.Model { return m.p.next }

func (m *mutated) Info() llm.Info {
	if m.p.info != nil {
		return *m.p.info
	}
	return m.p.Info()
}

func (m *mutated) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if m.p.generate != nil {
		return m.p.generate(ctx, m.p.next, req)
	}
	return m.p.Generate(ctx, req)
}

func (m *mutated) Stream(ctx context.Context, req *llm.Request) stream {
	if m.p.stream != nil {
		return m.p.stream(ctx, m.p.next, req)
	}
	return m.p.Stream(ctx, req)
}

func with(p policy) llm.Middleware {
	return func(next llm.Model) llm.Model {
		c := p
		c.next = next
		return &mutated{&c}
	}
}

// hidden has no Unwrap.
type hidden struct{ w *wrapper }

func (h *hidden) Info() llm.Info { return h.w.Info() }
func (h *hidden) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return h.w.Generate(ctx, req)
}
func (h *hidden) Stream(ctx context.Context, req *llm.Request) stream { return h.w.Stream(ctx, req) }

// generateOnly has its policy on one method, and embeds the rest.
type generateOnly struct{ llm.Model }

func (g *generateOnly) Unwrap() llm.Model { return g.Model }
func (g *generateOnly) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return g.Model.Generate(ctx, req)
}

// rangedTwice is the natural way to write a stream wrapper, and wrong: see R 4 of the
// API's review.
type rangedTwice struct{ wrapper wrapper }

func (r *rangedTwice) Info() llm.Info    { return r.wrapper.Info() }
func (r *rangedTwice) Unwrap() llm.Model { return r.wrapper.next }
func (r *rangedTwice) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return r.wrapper.Generate(ctx, req)
}
func (r *rangedTwice) Stream(ctx context.Context, req *llm.Request) stream {
	return func(yield func(llm.Event, error) bool) {
		for ev, err := range r.wrapper.next.Stream(ctx, req) {
			if !yield(ev, err) {
				return
			}
		}
	}
}

// valueless is a context that has lost the values of its parent.
type valueless struct{ context.Context }

func (valueless) Value(any) any { return nil }

func middlewareMutants() []mutant {
	return slices.Concat(passingMutants(), policyMutants(), singlePolicyMutants())
}

func passingMutants() []mutant {
	return []mutant{
		{name: "mw-has-no-unwrap", fails: []string{"middleware/unwrap"}, middleware: func(next llm.Model) llm.Model {
			return &hidden{&wrapper{next}}
		}},
		{name: "mw-has-its-own-info", fails: []string{"middleware/info", "errors/names-the-provider"},
			middleware: with(policy{info: &llm.Info{Provider: "mine", Model: "mine"}})},
		{name: "mw-renames-the-model", fails: []string{"middleware/info"},
			middleware: with(policy{info: &llm.Info{Provider: "llmtest", Model: "mine"}})},
		{name: "mw-handles-generate-only", fails: []string{"middleware/embedding"}, middleware: func(next llm.Model) llm.Model {
			return &generateOnly{next}
		}},
		{name: "mw-may-be-ranged-twice", fails: []string{"law02/single-use"}, middleware: func(next llm.Model) llm.Model {
			return &rangedTwice{wrapper{next}}
		}},
		{name: "mw-calls-twice", fails: []string{"middleware/one-call"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				if err == nil {
					next.Generate(ctx, nil) // refused, but a call
				}
				return resp, err
			}})},
		{name: "mw-streams-what-it-generated",
			fails: []string{"law05/break", "law05/cancel-in-loop", "law05/cancel-in-buffer", "law05/cancel-in-stall", "law07/provider-events", "law07/provider-deltas", "law09/cancel-keeps-text", "law09/cut-keeps-text",
				"law09/failure-keeps-text", "law09/usage-so-far", "middleware/break-passes", "middleware/events-pass", "middleware/first-event", "middleware/every-event",
				"middleware/after-first-event", "middleware/usage-update-first", "middleware/allocations"},
			middleware: with(policy{stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					resp, err := next.Generate(ctx, req)
					if err != nil {
						yield(nil, err)
						return
					}
					resp.Events()(yield)
				})
			}})},
		{name: "mw-holds-one-event-back", fails: []string{"law05/break", "law05/cancel-in-buffer", "law05/cancel-in-stall", "middleware/break-passes", "middleware/first-event", "middleware/every-event"},
			middleware: with(policy{stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					var held llm.Event
					for ev, err := range next.Stream(ctx, req) {
						if held != nil && !yield(held, nil) {
							return
						}
						held = ev
						if err != nil {
							yield(nil, err)
							return
						}
					}
					if held != nil {
						yield(held, nil)
					}
				})
			}})},
		{name: "mw-makes-new-errors", fails: []string{"middleware/errors-pass", "middleware/retryable-error", "errors/names-the-provider", "errors/request-id"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				return resp, anew(err)
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return failing(next.Stream(ctx, req), anew)
			}})},
		{name: "mw-yields-errors-twice", fails: []string{"law04/one-error", "law05/cancel-in-loop", "law05/cancel-in-buffer", "middleware/errors-pass", "middleware/retryable-error", "middleware/after-first-event",
			"middleware/usage-update-first", "middleware/cancel-ends-loops"}, middleware: with(policy{
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range next.Stream(ctx, req) {
						if !yield(ev, err) {
							return
						}
						if err != nil {
							yield(ev, err)
						}
					}
				})
			}})},
		{name: "mw-throws-the-partial-answer-away", fails: []string{"law09/cancel-keeps-text", "law09/cut-keeps-text", "law09/failure-keeps-text", "law09/usage-so-far", "middleware/partial-passes", "middleware/usage-update-first"},
			middleware: with(policy{generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				if err != nil {
					return nil, err
				}
				return resp, nil
			}})},
		{name: "mw-drops-events-it-does-not-know", fails: []string{"law07/provider-events", "law07/provider-deltas", "middleware/events-pass", "middleware/every-event", "middleware/after-first-event"}, middleware: with(policy{
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range next.Stream(ctx, req) {
						if _, unknown := ev.(*llm.ProviderDelta); !unknown && !yield(ev, err) {
							return
						}
					}
				})
			}})},
		{name: "mw-forgets-the-latency", fails: []string{"middleware/response-passes"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				if resp != nil {
					resp.Latency = 0
				}
				return resp, err
			}})},
		{name: "mw-builds-the-response-anew", fails: []string{"middleware/response-passes", "answers/request-id"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				if resp != nil {
					resp = &llm.Response{Message: resp.Message, StopReason: resp.StopReason, RawStopReason: resp.RawStopReason, Usage: resp.Usage,
						Provider: resp.Provider, Model: resp.Model, Warnings: resp.Warnings}
				}
				return resp, err
			}})},
		{name: "mw-edits-the-request", fails: []string{"law01/request-unchanged", "law01/shared-request", "middleware/request-unchanged"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				if req.Validate() == nil && req.Metadata["team"] == "blue" {
					req.Metadata = map[string]string{"team": "red"}
				}
				return next.Generate(ctx, req)
			}})},
		{name: "mw-edits-the-request-that-it-passed-on", fails: []string{"middleware/request-unchanged"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				c := req.Clone()
				resp, err := next.Generate(ctx, c)
				if c != nil {
					c.MaxTokens++
				}
				return resp, err
			}})},
		{name: "mw-edits-events", fails: []string{"law11/events-immutable", "middleware/events-unchanged", "middleware/after-first-event"}, middleware: with(policy{
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range next.Stream(ctx, req) {
						if !yield(ev, err) {
							return
						}
						if d, ok := ev.(*llm.TextDelta); ok {
							d.Text = "" // as one that returns it to a pool
						}
					}
				})
			}})},
		{name: "mw-does-not-wait-for-the-stream", more: true, fails: []string{"middleware/break-passes", "middleware/break-before-first", "middleware/context-released", "middleware/panic-passes"}, middleware: with(policy{stream: pumps})},
		{name: "mw-does-not-wait-for-the-call", fails: []string{"law09/cancel-keeps-text", "middleware/cancel-passes", "middleware/break-before-first", "middleware/deadline"}, middleware: with(policy{generate: abandons})},
		{name: "mw-loses-the-context", fails: []string{"middleware/context-values"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				return next.Generate(valueless{ctx}, req)
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return next.Stream(valueless{ctx}, req)
			}})},
	}
}

// anew makes a new error that has the verdict of the old, and nothing else of it.
func anew(err error) error {
	e, ok := err.(*llm.Error)
	if !ok || isContext(err) || e.Code == llm.ErrInvalidRequest {
		return err
	}
	return &llm.Error{Code: e.Code, RetryAfter: e.RetryAfter, Retryable: e.Retryable, Message: "the call failed"}
}

// pumps runs the stream in a goroutine, tells it to stop, and does not wait until it
// has.
func pumps(ctx context.Context, next llm.Model, req *llm.Request) stream {
	type item struct {
		ev     llm.Event
		err    error
		thrown any
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		items := make(chan item)
		go func() {
			defer close(items)
			defer func() {
				if p := recover(); p != nil {
					items <- item{thrown: p}
				}
			}()
			for ev, err := range next.Stream(ctx, req) {
				items <- item{ev: ev, err: err}
			}
		}()
		defer func() {
			go func() {
				// Told late, so that it is no matter of luck who is faster.
				time.Sleep(time.Millisecond)
				cancel()
				for range items {
				}
			}()
		}()
		for it := range items {
			if it.thrown != nil {
				panic(it.thrown)
			}
			if !yield(it.ev, it.err) {
				return
			}
		}
	})
}

// isLong says whether a request is for a long answer. Cases of many calls at the same
// time ask for short ones, and whether their cancel comes before anything else is a
// matter of luck: so mutants that do not wait after a cancel do so for long ones only.
func isLong(req *llm.Request) bool { return req != nil && req.MaxTokens > 100 }

// abandons runs the call in a goroutine and leaves it alone when the context ends.
func abandons(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
	if !isLong(req) {
		return next.Generate(ctx, req)
	}
	type result struct {
		resp   *llm.Response
		err    error
		thrown any
	}
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(time.Millisecond, cancel) })
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			r.thrown = recover()
			stop()
			cancel()
			done <- r
		}()
		r.resp, r.err = next.Generate(late, req)
	}()
	select {
	case r := <-done:
		if r.thrown != nil {
			panic(r.thrown)
		}
		return r.resp, r.err
	case <-ctx.Done():
		return nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: ctx.Err()}
	}
}

package llmtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// singleStreamMutants are those that break one case only of calls and streams, where
// the others of their kind break several at once.
func singleStreamMutants() []mutant {
	return ofTheirLaws([]mutant{
		{name: "refuses-a-request-in-use", fails: []string{"law01/shared-request"}, model: refusesWhatIsInUse},
		{name: "has-an-empty-response-beside-its-error", fails: []string{"law03/failure"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if r == nil && llm.CodeOf(err) == llm.ErrPermissionDenied {
					r = &llm.Response{Usage: llm.Usage{Estimated: true}}
				}
				return r, err
			})},

		// Law 4.
		{name: "loses-the-end-of-its-fiftieth-stream", fails: []string{"law04/one-finish"}, model: losesTheFiftiethEnd},
		{name: "takes-the-end-of-a-part-for-the-end", fails: []string{"law04/incomplete"}, model: streams(endsWithAPart)},

		// Law 5.
		{name: "does-not-heed-a-break-at-a-stop", fails: []string{"law05/break-anywhere"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range m.Stream(ctx, req) {
						_, stop := ev.(*llm.PartStop)
						if !yield(ev, err) && !stop {
							return
						}
					}
				})
			})},
		{name: "hides-a-cancel-behind-its-dial", fails: []string{"law05/cancelled-before"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					if req.Validate() == nil && ctx.Err() != nil {
						yield(nil, &llm.Error{Code: llm.ErrUnavailable, Message: "dial: operation was canceled"})
						return
					}
					m.Stream(ctx, req)(yield)
				})
			})},
		{name: "heeds-a-cancel-at-its-finish", fails: []string{"law05/cancel-in-loop"}, model: streams(heedsACancel(isFinish))},
		{name: "heeds-a-cancel-but-at-its-finish", fails: []string{"law05/cancel-in-buffer"},
			model: streams(heedsACancel(func(ev llm.Event) bool { return !isFinish(ev) }))},
		{name: "hides-a-cancel-behind-its-read", fails: []string{"law05/cancel-in-stall"}, model: streams(hidesACancelInARead)},
		{name: "calls-a-deadline-before-its-answer-a-cancel", fails: []string{"law05/deadline"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				begun := false
				return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event { begun = true; return one(ev) }, func(err error) error {
					if !begun && errors.Is(err, context.DeadlineExceeded) {
						return &llm.Error{Code: llm.ErrCanceled, Err: context.Canceled}
					}
					return err
				})
			})},

		// Laws 6 and 10, and errors.
		{name: "never-stops-its-reasoning", fails: []string{"law06/grammar"}, model: streams(neverStopsReasoning)},
		{name: "takes-each-tool-use-for-its-own", fails: []string{"law10/provider-runs-it"}, model: events(func(ev llm.Event) []llm.Event {
			if start, ok := ev.(*llm.PartStart); ok {
				if p, ok := start.Part.(*llm.ProviderPart); ok && strings.HasSuffix(p.Kind, "_tool_use") {
					return one(&llm.PartStart{Index: start.Index, Part: &llm.ToolCallPart{ID: "srv_1", Name: p.Kind}})
				}
			}
			return one(ev)
		})},
		{name: "takes-a-limit-without-a-time-for-the-last-word", fails: []string{"errors/before-rate-limited"},
			model: ofErrors(false, llm.ErrRateLimited, finalWithoutATime)},
		{name: "takes-a-limit-in-a-stream-for-the-last-word", fails: []string{"errors/midstream-rate-limited"},
			model: ofErrors(true, llm.ErrRateLimited, finalWithoutATime)},
	})
}

func finalWithoutATime(e *llm.Error) {
	if e.RetryAfter == 0 {
		e.Retryable = new(false)
	}
}

func isFinish(ev llm.Event) bool {
	_, ok := ev.(*llm.Finish)
	return ok
}

// refusesWhatIsInUse knows a call by the address of its request.
func refusesWhatIsInUse(m *scriptModel) llm.Model {
	var mu sync.Mutex
	used := map[*llm.Request]bool{}
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return llm.Once(func(yield func(llm.Event, error) bool) {
			mu.Lock()
			busy := used[req]
			used[req] = true
			mu.Unlock()
			if busy {
				yield(nil, &llm.Error{Code: llm.ErrInternal, Message: "the request is in use"})
				return
			}
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				delete(used, req)
			}()
			time.Sleep(time.Millisecond) // so that calls at the same time meet
			m.Stream(ctx, req)(yield)
		})
	})(m)
}

// losesTheFiftiethEnd has a connection that is closed after so many streams, which it
// takes for the end of the last.
func losesTheFiftiethEnd(m *scriptModel) llm.Model {
	var n atomic.Int64
	return &broken{m: m,
		generate: func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error) {
			return m.Generate(ctx, req)
		},
		stream: func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
			fiftieth := n.Add(1) == 50
			return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
				if fiftieth && isFinish(ev) {
					return nil
				}
				return one(ev)
			}, same)
		}}
}

// endsWithAPart takes a cut for the end where a part has just ended.
func endsWithAPart(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	stopped := false
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		_, stopped = ev.(*llm.PartStop)
		return one(ev)
	}, func(err error) error {
		if stopped && llm.CodeOf(err) == llm.ErrIncomplete {
			return nil
		}
		return err
	})
}

// heedsACancel looks at the context before some events only, and plays the others from
// its buffer: for a millisecond.
func heedsACancel(looks func(ev llm.Event) bool) streamer {
	return func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return llm.Once(func(yield func(llm.Event, error) bool) {
			if ctx.Err() != nil {
				m.Stream(ctx, req)(yield)
				return
			}
			late, stop := context.WithCancel(context.WithoutCancel(ctx))
			defer stop()
			defer context.AfterFunc(ctx, func() { time.AfterFunc(time.Millisecond, stop) })()
			for ev, err := range m.Stream(late, req) {
				if dead := m.alive(ctx, "stream"); dead != nil && (err != nil || looks(ev)) {
					ev, err = nil, dead
				}
				if !yield(ev, err) || err != nil {
					return
				}
			}
		})
	}
}

// hidesACancelInARead has the error of the connection for a cancel that comes while it
// waits for the rest of an answer.
func hidesACancelInARead(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		reads := false
		for ev, err := range m.Stream(ctx, req) {
			if reads && errors.Is(err, context.Canceled) {
				err = &llm.Error{Code: llm.ErrUnavailable, Message: "read: use of closed network connection"}
			}
			if !yield(ev, err) || err != nil {
				return
			}
			reads = ctx.Err() == nil
		}
	})
}

func neverStopsReasoning(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	reasoning := map[int]bool{}
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		switch ev := ev.(type) {
		case *llm.PartStart:
			reasoning[ev.Index] = isA[*llm.ReasoningPart](ev.Part)
		case *llm.PartStop:
			if reasoning[ev.Index] {
				return nil
			}
		}
		return one(ev)
	}, same)
}

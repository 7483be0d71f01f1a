package llmtest

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// requestMutants break laws 1 to 4.
func requestMutants() []mutant {
	return []mutant{
		// Law 1.
		{name: "shares-a-buffer", fails: []string{"law01/concurrent-use"}, model: sharesABuffer},
		{name: "lets-one-call-run-at-a-time", fails: []string{"law01/within-a-loop"}, model: func(m *scriptModel) llm.Model {
			return permits(1)(m)
		}},
		{name: "normalises-in-place", fails: []string{"law01/request-unchanged", "law01/shared-request"}, model: normalisesInPlace},
		{name: "appends-to-the-callers-slice", fails: []string{"law01/request-unchanged"}, model: appendsInPlace},
		{name: "caches-by-pointer", fails: []string{"law01/request-not-kept"}, model: cachesByPointer},

		// Law 2.
		{name: "sends-eagerly", fails: []string{"law02/lazy"}, model: streams(sendsEagerly)},
		{name: "may-be-ranged-twice", fails: []string{"law02/single-use"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return func(yield func(llm.Event, error) bool) { m.Stream(ctx, req)(yield) }
			})},
		{name: "panics-on-nil", fails: []string{"law02/nil-request"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				if req.MaxTokens < -100 {
					return nil
				}
				return m.Stream(ctx, req)
			})},
		{name: "sends-what-is-invalid", fails: []string{"law02/invalid-request"}, model: requests(func(r *llm.Request) *llm.Request {
			if r != nil && r.Validate() != nil {
				return &llm.Request{Messages: []llm.Message{llm.UserText("repaired")}}
			}
			return r
		})},

		// Law 3.
		{name: "generate-trims", fails: []string{"law03/whitespace"}, model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
			if err == nil && len(r.Message.Content) == 1 {
				if text, ok := r.Message.Content[0].(*llm.TextPart); ok {
					text.Text = strings.TrimSpace(text.Text)
				}
			}
			return r, err
		})},
		{name: "both-lose-citations", fails: []string{"law03/citations"}, model: events(func(ev llm.Event) []llm.Event {
			if _, ok := ev.(*llm.CitationDelta); ok {
				return nil
			}
			return one(ev)
		})},
		{name: "does-not-know-refusals", fails: []string{"law03/stop-refusal"}, model: events(func(ev llm.Event) []llm.Event {
			if f, ok := ev.(*llm.Finish); ok && f.StopReason == llm.StopRefusal {
				c := *f
				c.StopReason = llm.StopEndTurn
				return one(&c)
			}
			return one(ev)
		})},
		{name: "generate-maps-errors-in-another-way",
			fails: []string{"law03/failure", "errors/before-rate-limited", "errors/midstream-rate-limited", "errors/retry-after"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if llm.CodeOf(err) == llm.ErrRateLimited {
					err = &llm.Error{Code: llm.ErrOverloaded, Err: err}
				}
				return r, err
			})},

		// Law 4.
		{name: "ends-in-silence", fails: []string{"law04/incomplete", "errors/names-the-provider"}, model: failures(func(err error) error {
			if llm.CodeOf(err) == llm.ErrIncomplete {
				return nil
			}
			return err
		})},
		{name: "goes-on-after-its-error", fails: []string{"law04/one-error"}, model: streams(goesOn)},
		{name: "finishes-what-was-cut",
			fails: []string{"law04/incomplete", "law04/one-error", "law05/failures-release", "law09/cut-keeps-text",
				"law09/estimated", "law09/usage-so-far", "law10/cut-arguments"},
			model: streams(finishesWhatWasCut)},
		{name: "finishes-twice", fails: []string{"law04/one-finish"}, more: true, model: events(func(ev llm.Event) []llm.Event {
			if _, ok := ev.(*llm.Finish); ok {
				return []llm.Event{ev, ev}
			}
			return one(ev)
		})},
	}
}

// sharesABuffer decodes each delta into a buffer of the model.
func sharesABuffer(m *scriptModel) llm.Model {
	var mu sync.Mutex
	var buffer string
	return events(func(ev llm.Event) []llm.Event {
		d, ok := ev.(*llm.TextDelta)
		if !ok {
			return one(ev)
		}
		mu.Lock()
		buffer = d.Text
		mu.Unlock()
		time.Sleep(time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		return one(&llm.TextDelta{Index: d.Index, Text: buffer})
	})(m)
}

// normalisesInPlace writes into the caller's request. It locks, so that the suite
// finds it without the race detector too.
func normalisesInPlace(m *scriptModel) llm.Model {
	var mu sync.Mutex
	return requests(func(r *llm.Request) *llm.Request {
		if r == nil || len(r.System) == 0 || len(r.Options) == 0 {
			return r
		}
		mu.Lock()
		defer mu.Unlock()
		c := r.Clone()
		r.System[0] = llm.Text("normalised")
		return c
	})(m)
}

// appendsInPlace does so in the first call of the model only, so that the race
// detector has no part in finding it.
func appendsInPlace(m *scriptModel) llm.Model {
	var once sync.Once
	return requests(func(r *llm.Request) *llm.Request {
		if r == nil || len(r.Options) == 0 {
			return r
		}
		c := r.Clone()
		once.Do(func() { c.Options = append(r.Options, &otherOptions{Provider: "added"}) })
		return c
	})(m)
}

// cachesByPointer encodes each request once, as it believes.
func cachesByPointer(m *scriptModel) llm.Model {
	var mu sync.Mutex
	encoded := map[*llm.Request]*llm.Request{}
	return requests(func(r *llm.Request) *llm.Request {
		if r.Validate() != nil {
			return r
		}
		mu.Lock()
		defer mu.Unlock()
		if encoded[r] == nil {
			encoded[r] = r.Clone()
		}
		return encoded[r]
	})(m)
}

// sendsEagerly takes its turn when the stream is made.
func sendsEagerly(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	turn, err := m.take(ctx, "stream", req)
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if err != nil {
			yield(nil, err)
			return
		}
		m.play(ctx, "stream", turn, yield)
	})
}

// goesOn yields each error twice, but for those of a context, which the cases of law
// 5 look at.
func goesOn(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.Stream(ctx, req) {
			if !yield(ev, err) {
				return
			}
			if err != nil && !isContext(err) {
				yield(nil, err)
			}
		}
	})
}

// finishesWhatWasCut takes the end of the connection for the end of the answer.
func finishesWhatWasCut(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.Stream(ctx, req) {
			if llm.CodeOf(err) == llm.ErrIncomplete {
				ev, err = &llm.Finish{StopReason: llm.StopEndTurn}, nil
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

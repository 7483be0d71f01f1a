package llmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// failureMutants break laws 8 to 12, and the verdict on errors.
func failureMutants() []mutant {
	return []mutant{
		// Law 8.
		{name: "shows-the-providers-message", fails: []string{"law08/provider-message"}, model: showsMessages},
		{name: "prints-the-request-it-refuses", fails: []string{"law08/refused-request"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return mapped(m.Stream(ctx, req), one, func(err error) error {
					if req.Validate() != nil {
						return fmt.Errorf("%w in %q", err, texts(req))
					}
					return err
				})
			})},
		{name: "encodes-its-causes", fails: []string{"law08/provider-message", "law08/refused-request", "law08/failed-call"},
			model: failures(func(err error) error { return encoded{err} })},
		{name: "prints-the-answer-that-broke-off", fails: []string{"law08/failed-call"}, model: streams(printsTheAnswer)},

		// Law 9.
		{name: "throws-the-partial-answer-away",
			fails: []string{"law09/failure-keeps-text", "law09/cut-keeps-text", "law09/cancel-keeps-text", "law09/usage-so-far"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err != nil {
					return nil, err
				}
				return r, nil
			})},
		{name: "gives-a-failure-a-stop-reason",
			fails: []string{"law09/failure-keeps-text", "law09/cut-keeps-text", "law09/cancel-keeps-text"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err != nil && r != nil {
					r.StopReason = llm.StopEndTurn
				}
				return r, err
			})},
		{name: "reads-usage-at-the-end-only", fails: []string{"law09/usage-so-far"}, model: events(func(ev llm.Event) []llm.Event {
			if _, ok := ev.(*llm.UsageUpdate); ok {
				return nil
			}
			return one(ev)
		})},
		{name: "takes-partial-usage-for-the-bill", fails: []string{"law09/usage-so-far", "law09/estimated"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err != nil && r != nil {
					r.Usage.Estimated = false
				}
				return r, err
			})},

		// Law 10.
		{name: "makes-empty-what-is-malformed", fails: []string{"law10/malformed-arguments"}, model: reparses(func(s string) string {
			if !json.Valid([]byte(s)) {
				return "{}"
			}
			return s
		})},
		{name: "takes-a-list-for-arguments", fails: []string{"law10/malformed-arguments"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				for _, tc := range r.ToolCalls() {
					if err == nil && json.Valid([]byte(tc.Malformed)) {
						tc.Input, tc.Malformed = json.RawMessage(tc.Malformed), ""
					}
				}
				return r, err
			})},
		{name: "parses-what-was-cut", fails: []string{"law10/cut-arguments"}, model: streams(parsesWhatWasCut)},
		{name: "runs-what-was-cut-before-its-arguments", fails: []string{"law10/cut-arguments"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				for _, tc := range r.ToolCalls() {
					if err != nil && tc.Malformed == "…" {
						tc.Input, tc.Malformed = json.RawMessage("{}"), ""
					}
				}
				return r, err
			})},
		{name: "has-nothing-of-a-call-that-was-cut-early", fails: []string{"law10/cut-arguments"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				for _, tc := range r.ToolCalls() {
					if err != nil && tc.Malformed == "…" {
						tc.Malformed = ""
					}
				}
				return r, err
			})},
		{name: "has-no-empty-arguments", fails: []string{"law10/empty-arguments"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				for _, tc := range r.ToolCalls() {
					if string(tc.Input) == "{}" {
						tc.Input = nil
					}
				}
				return r, err
			})},
		{name: "refuses-what-was-malformed", fails: []string{"law10/malformed-replayed"},
			model: refuses(llm.ErrInvalidRequest, func(r *llm.Request) bool { return strings.Contains(stored(r), `"malformed"`) })},
		{name: "replays-as-empty-what-was-malformed", fails: []string{"law10/malformed-replayed"},
			model: requests(edited(ofParts(func(p llm.Part) llm.Part {
				if tc, ok := p.(*llm.ToolCallPart); ok && tc.Malformed != "" {
					tc.Input, tc.Malformed = json.RawMessage("{}"), ""
				}
				return p
			})))},
		{name: "takes-the-providers-calls-for-its-own", fails: []string{"law07/provider-blocks", "law10/provider-runs-it"},
			model: events(func(ev llm.Event) []llm.Event {
				if start, ok := ev.(*llm.PartStart); ok && isA[*llm.ProviderPart](start.Part) {
					return one(&llm.PartStart{Index: start.Index, Part: &llm.ToolCallPart{ID: "srv_1", Name: "web_search"}})
				}
				return one(ev)
			})},

		// Law 11.
		{name: "caches-its-responses", fails: []string{"law11/response-owned"}, model: cachesResponses},
		{name: "reuses-its-events", fails: []string{"law11/events-immutable"}, model: streams(reusesEvents)},

		// Law 12.
		{name: "counts-input-without-its-cached-part", fails: []string{"law12/usage-subsets"}, model: events(func(ev llm.Event) []llm.Event {
			f, ok := ev.(*llm.Finish)
			if !ok || f.Usage.CacheReadTokens == 0 {
				return one(ev)
			}
			u := f.Usage
			u.InputTokens -= u.CacheReadTokens
			return []llm.Event{&llm.UsageUpdate{Usage: u}, ev}
		})},

		// The verdict on errors.
		{name: "does-not-map-errors-in-a-stream", fails: []string{"errors/midstream-overloaded"}, model: streams(mapsNothingInStreams)},
		{name: "takes-a-missing-model-for-a-fault", fails: []string{"errors/before-not-found"}, model: failures(func(err error) error {
			if llm.CodeOf(err) == llm.ErrNotFound {
				return &llm.Error{Code: llm.ErrInternal}
			}
			return err
		})},
		{name: "does-not-type-its-errors", fails: []string{"errors/before-quota-exhausted"}, model: failures(func(err error) error {
			if llm.CodeOf(err) == llm.ErrQuotaExhausted {
				return llm.ErrQuotaExhausted
			}
			return err
		})},
		{name: "does-not-read-retry-after", fails: []string{"errors/retry-after", "errors/midstream-retry-after"},
			model: failures(func(err error) error {
				if e, ok := err.(*llm.Error); ok && e.RetryAfter > 0 {
					c := *e
					c.RetryAfter = 0
					return &c
				}
				return err
			})},
	}
}

// encoded is an error whose text is safe, but not its JSON.
type encoded struct{ error }

func (e encoded) Unwrap() error                { return e.error }
func (e encoded) MarshalJSON() ([]byte, error) { return json.Marshal("body: " + secret) }

// showsMessages puts the provider's text into its errors as it is.
func showsMessages(m *scriptModel) llm.Model {
	return failures(func(err error) error {
		for _, turn := range m.turns {
			if raw, ok := turn.Err.(*llm.Error); ok && !isContext(err) && llm.CodeOf(err) == raw.Code {
				c := *raw
				return &c
			}
		}
		return err
	})(m)
}

// texts are the texts of a request, whatever else is wrong with it.
func texts(r *llm.Request) []string {
	if r == nil {
		return nil
	}
	var out []string
	for _, m := range r.Messages {
		for _, p := range m.Content {
			if p, ok := p.(*llm.TextPart); ok && p != nil {
				out = append(out, p.Text)
			}
		}
	}
	return out
}

func printsTheAnswer(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	var text strings.Builder
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		if d, ok := ev.(*llm.TextDelta); ok {
			text.WriteString(d.Text)
		}
		return one(ev)
	}, func(err error) error {
		if llm.CodeOf(err) == llm.ErrIncomplete {
			return fmt.Errorf("%w after %q", err, text.String())
		}
		return err
	})
}

// parsesWhatWasCut stops the part that is open when the connection ends.
func parsesWhatWasCut(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		open := -1
		for ev, err := range m.Stream(ctx, req) {
			switch ev := ev.(type) {
			case *llm.PartStart:
				open = ev.Index
			case *llm.PartStop:
				open = -1
			}
			if llm.CodeOf(err) == llm.ErrIncomplete && open >= 0 && !yield(&llm.PartStop{Index: open}, nil) {
				return
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

// cachesResponses keeps the response that it returned, and returns it again.
func cachesResponses(m *scriptModel) llm.Model {
	var mu sync.Mutex
	cache := map[string]*llm.Response{}
	return generates(func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error) {
		if req.Validate() != nil {
			return m.Generate(ctx, req)
		}
		key := stored(req)
		mu.Lock()
		hit := cache[key]
		mu.Unlock()
		if hit != nil {
			return hit, nil
		}
		resp, err := m.Generate(ctx, req)
		if err == nil {
			mu.Lock()
			cache[key] = resp
			mu.Unlock()
		}
		return resp, err
	})(m)
}

// reusesEvents yields one TextDelta for each part again and again.
func reusesEvents(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	reused := map[int]*llm.TextDelta{}
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		d, ok := ev.(*llm.TextDelta)
		if !ok {
			return one(ev)
		}
		if reused[d.Index] == nil {
			reused[d.Index] = new(llm.TextDelta)
		}
		*reused[d.Index] = *d
		return one(reused[d.Index])
	}, same)
}

func mapsNothingInStreams(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	begun := false
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		begun = true
		return one(ev)
	}, func(err error) error {
		if begun && llm.CodeOf(err) == llm.ErrOverloaded {
			return &llm.Error{Code: llm.ErrUnknown}
		}
		return err
	})
}

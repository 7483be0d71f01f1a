package llmtest

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// contentMutants break law 7.
func contentMutants() []mutant {
	return []mutant{
		{name: "drops-the-system-prompt", fails: []string{"law07/request-arrives"}, model: requests(func(r *llm.Request) *llm.Request {
			if r.Validate() != nil || len(r.Tools) == 0 {
				return r
			}
			c := r.Clone()
			c.System = nil
			return c
		})},
		{name: "forgets-media-types", fails: []string{"law07/media-arrives", "law07/image-input", "law07/audio-input", "law07/video-input"},
			model: requests(func(r *llm.Request) *llm.Request {
				return changed(r, func(p llm.Part) {
					if m, ok := p.(*llm.MediaPart); ok {
						m.MediaType = "application/octet-stream"
					}
				})
			})},
		{name: "sends-arguments-through-float64", fails: []string{"law07/request-arrives", "law07/digits", "law07/answer-goes-back"},
			model: requests(func(r *llm.Request) *llm.Request {
				return changed(r, func(p llm.Part) {
					if tc, ok := p.(*llm.ToolCallPart); ok && tc.Malformed == "" {
						tc.Input = throughFloat64(tc.Input)
					}
				})
			})},
		{name: "reads-arguments-through-float64", fails: []string{"law03/tool-arguments", "law07/digits"},
			model: reparses(func(s string) string { return string(throughFloat64(json.RawMessage(s))) })},
		{name: "trims-reasoning", fails: []string{"law07/signature-returns"}, model: requests(func(r *llm.Request) *llm.Request {
			return changed(r, func(p llm.Part) {
				if p, ok := p.(*llm.ReasoningPart); ok {
					p.Text = strings.TrimSpace(p.Text)
				}
			})
		})},
		{name: "drops-unknown-blocks", fails: []string{"law07/provider-blocks", "law07/provider-block-goes-back", "law10/provider-runs-it"},
			model: streams(dropsBlocks)},
		{name: "drops-unknown-events", fails: []string{"law07/provider-events", "law07/provider-deltas"},
			model: events(func(ev llm.Event) []llm.Event {
				if _, ok := ev.(*llm.ProviderDelta); ok {
					return nil
				}
				return one(ev)
			})},
		{name: "drops-late-state", fails: []string{"law07/late-opaque-state"}, model: events(func(ev llm.Event) []llm.Event {
			if stop, ok := ev.(*llm.PartStop); ok {
				return one(&llm.PartStop{Index: stop.Index})
			}
			return one(ev)
		})},
		{name: "drops-early-state", fails: []string{"law07/opaque-state"}, model: events(func(ev llm.Event) []llm.Event {
			start, ok := ev.(*llm.PartStart)
			if !ok {
				return one(ev)
			}
			switch p := start.Part.(type) {
			case *llm.TextPart:
				return one(&llm.PartStart{Index: start.Index, Part: &llm.TextPart{}})
			case *llm.ToolCallPart:
				return one(&llm.PartStart{Index: start.Index, Part: &llm.ToolCallPart{ID: p.ID, Name: p.Name}})
			}
			return one(ev)
		})},

		// Features of a request.
		{name: "ignores-top-k-in-silence", fails: []string{"law07/top-k"}, model: itself, lacks: append(doubles(), TopK)},
		{name: "ignores-the-output-format-in-silence", fails: []string{"law07/structured-output"}, model: itself,
			lacks: append(doubles(), StructuredOutput)},
		{name: "ignores-single-in-silence", fails: []string{"law07/single-tool-call"}, model: itself,
			lacks: append(doubles(), SingleToolCall)},
		{name: "refuses-what-only-tunes", fails: []string{"law07/top-k"}, lacks: append(doubles(), TopK),
			model: refuses(llm.ErrUnsupported, func(r *llm.Request) bool { return r.TopK != nil })},
		{name: "refuses-sound-undeclared", fails: []string{"law07/audio-input"},
			model: refuses(llm.ErrUnsupported, func(r *llm.Request) bool { return uses(r, "audio-input") })},
		{name: "drops-top-k-undeclared", fails: []string{"law07/top-k"}, model: func(m *scriptModel) llm.Model {
			return &backend{next: m, lacks: []Capability{TopK}}
		}},
		{name: "takes-any-options", fails: []string{"law07/own-options"}, model: itself, lacks: []Capability{ForeignState}},
		{name: "refuses-others-options", fails: []string{"law01/request-unchanged", "law01/shared-request", "law07/other-options"},
			model: refuses(llm.ErrInvalidRequest, func(r *llm.Request) bool { return len(r.Options) > 0 })},
		{name: "leaves-anothers-state-out-in-silence", fails: []string{"law07/foreign-signature", "law07/foreign-part"},
			model: func(m *scriptModel) llm.Model { return &backend{next: m, mute: true} }, lacks: []Capability{OwnOptions}},
		{name: "takes-anybodys-state", fails: []string{"law07/foreign-signature", "law07/foreign-part", "law07/foreign-tool"},
			model: itself, lacks: []Capability{OwnOptions}},
	}
}

// changed returns a copy of a valid request with its parts changed.
func changed(r *llm.Request, change func(p llm.Part)) *llm.Request {
	if r.Validate() != nil {
		return r
	}
	c := r.Clone()
	for _, m := range c.Messages {
		for _, p := range m.Content {
			change(p)
		}
	}
	return c
}

func throughFloat64(raw json.RawMessage) json.RawMessage {
	var v any
	if json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "1e400", "1e40")), &v) != nil {
		return raw
	}
	b, _ := json.Marshal(v)
	return b
}

// reparses changes the arguments of each tool call, in one piece.
func reparses(change func(arguments string) string) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		input := map[int]*strings.Builder{}
		return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
			switch ev := ev.(type) {
			case *llm.PartStart:
				if isA[*llm.ToolCallPart](ev.Part) {
					input[ev.Index] = &strings.Builder{}
				}
			case *llm.ToolCallDelta:
				input[ev.Index].WriteString(ev.Input)
				return nil
			case *llm.PartStop:
				if b := input[ev.Index]; b != nil && b.Len() > 0 {
					return []llm.Event{&llm.ToolCallDelta{Index: ev.Index, Input: change(b.String())}, ev}
				}
			}
			return one(ev)
		}, same)
	})
}

func dropsBlocks(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	dropped := -1
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		switch ev := ev.(type) {
		case *llm.PartStart:
			if isA[*llm.ProviderPart](ev.Part) {
				dropped = ev.Index
				return nil
			}
		case *llm.PartStop:
			if ev.Index == dropped {
				return nil
			}
		}
		return one(ev)
	}, same)
}

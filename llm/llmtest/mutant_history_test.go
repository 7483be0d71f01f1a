package llmtest

import (
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// historyMutants break law 7 where a conversation goes on.
func historyMutants() []mutant {
	mutants := []mutant{
		{name: "refuses-its-own-reasoning", fails: []string{"law07/answer-goes-back"},
			model: refuses(llm.ErrUnsupported, func(r *llm.Request) bool {
				return hasPart(r, func(p llm.Part) bool { r, ok := p.(*llm.ReasoningPart); return ok && len(r.Redacted) > 0 })
			})},
		{name: "refuses-its-own-images", fails: []string{"law07/answer-goes-back"},
			model: refuses(llm.ErrInvalidRequest, func(r *llm.Request) bool {
				return slices.ContainsFunc(r.Messages, func(m llm.Message) bool {
					return m.Role == llm.RoleAssistant && slices.ContainsFunc(m.Content, isA[*llm.MediaPart])
				})
			})},
		{name: "sends-one-of-several-texts", fails: []string{"law07/answer-goes-back"}, model: requests(edited(func(r *llm.Request) {
			for i, m := range r.Messages {
				seen := false
				r.Messages[i].Content = slices.DeleteFunc(m.Content, func(p llm.Part) bool {
					again := seen && m.Role == llm.RoleAssistant && isA[*llm.TextPart](p)
					seen = seen || isA[*llm.TextPart](p)
					return again
				})
			}
		}))},
		{name: "sends-no-reasoning-back-in-silence", fails: []string{"law07/answer-goes-back"}, model: requests(edited(func(r *llm.Request) {
			for i, m := range r.Messages {
				r.Messages[i].Content = slices.DeleteFunc(m.Content, func(p llm.Part) bool {
					reasoning, ok := p.(*llm.ReasoningPart)
					return ok && reasoning.Signature == "" && reasoning.Redacted == nil
				})
			}
		}))},
		{name: "sends-no-citations-back-in-silence", fails: []string{"law07/answer-goes-back"},
			model: requests(edited(ofParts(func(p llm.Part) llm.Part {
				if p, ok := p.(*llm.TextPart); ok {
					p.Citations = nil
				}
				return p
			})))},
		{name: "sends-no-state-back", fails: []string{"law07/answer-goes-back"}, model: requests(edited(ofParts(func(p llm.Part) llm.Part {
			switch p := p.(type) {
			case *llm.TextPart:
				p.Opaque = nil
			case *llm.ToolCallPart:
				p.Opaque = nil
			}
			return p
		})))},
		{name: "sends-no-blocks-back", fails: []string{"law07/provider-block-goes-back"}, model: requests(edited(withoutBlocks))},
		{name: "sends-no-blocks-back-though-declared", fails: []string{"law07/provider-block-goes-back"},
			lacks: append(doubles(), ProviderBlocksBack), model: requests(edited(withoutBlocks))},
		{name: "stops-at-the-first-result", fails: []string{"law07/mixed-order"}, model: requests(edited(func(r *llm.Request) {
			for i, m := range r.Messages {
				if at := slices.IndexFunc(m.Content, isA[*llm.ToolResultPart]); at >= 0 && m.Role == llm.RoleUser {
					r.Messages[i].Content = slices.DeleteFunc(m.Content, isA[*llm.TextPart])
				}
			}
		}))},
		{name: "stops-at-the-first-call", fails: []string{"law07/mixed-order"}, model: requests(edited(func(r *llm.Request) {
			for i, m := range r.Messages {
				if at := slices.IndexFunc(m.Content, isA[*llm.ToolCallPart]); at >= 0 {
					r.Messages[i].Content = append(m.Content[:at:at], slices.DeleteFunc(m.Content[at:], isA[*llm.TextPart])...)
				}
			}
		}))},
		{name: "puts-texts-first-in-silence", fails: []string{"law07/mixed-order"}, model: requests(edited(func(r *llm.Request) {
			for _, m := range r.Messages {
				slices.SortStableFunc(m.Content, func(a, b llm.Part) int { return rank(a) - rank(b) })
			}
		}))},
		{name: "does-not-mark-its-reasoning", fails: []string{"law07/signature-is-marked", "law07/redacted-is-marked"}, model: marks(nil)},
		{name: "marks-its-reasoning-as-anothers", fails: []string{"law07/signature-is-marked", "law07/redacted-is-marked"},
			model: marks(&llm.Opaque{Provider: "acme", Model: "m"})},
		{name: "does-not-say-which-model-reasoned", fails: []string{"law07/signature-is-marked", "law07/redacted-is-marked"},
			model: marks(&llm.Opaque{Provider: "llmtest"})},
	}
	for i := range mutants {
		mutants[i].law = "law07"
	}
	return mutants
}

func hasPart(r *llm.Request, is func(p llm.Part) bool) bool {
	return slices.ContainsFunc(r.Messages, func(m llm.Message) bool { return slices.ContainsFunc(m.Content, is) })
}

func withoutBlocks(r *llm.Request) {
	for i, m := range r.Messages {
		if len(m.Content) > 1 {
			r.Messages[i].Content = slices.DeleteFunc(m.Content, isA[*llm.ProviderPart])
		}
	}
}

// rank is the order of a wire on which a message has its text first.
func rank(p llm.Part) int {
	switch p.(type) {
	case *llm.ToolCallPart, *llm.ToolResultPart:
		return 1
	}
	return 0
}

// marks puts this mark on all reasoning.
func marks(o *llm.Opaque) func(m *scriptModel) llm.Model {
	return events(func(ev llm.Event) []llm.Event {
		if start, ok := ev.(*llm.PartStart); ok && isA[*llm.ReasoningPart](start.Part) {
			return one(&llm.PartStart{Index: start.Index, Part: &llm.ReasoningPart{Opaque: o}})
		}
		return one(ev)
	})
}

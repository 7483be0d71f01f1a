package llmtest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// detailMutants each lose one detail of a request, and say nothing.
func detailMutants() []mutant {
	first := func(parts []llm.Part) []llm.Part {
		n := slices.IndexFunc(parts, isA[*llm.TextPart])
		return slices.DeleteFunc(slices.Clone(parts), func(p llm.Part) bool { return isA[*llm.TextPart](p) && p != parts[n] })
	}
	var mutants []mutant
	for name, lose := range map[string]func(r *llm.Request){
		"large-max-tokens": func(r *llm.Request) { r.MaxTokens = min(r.MaxTokens, 8192) },
		"reasoning-budget": func(r *llm.Request) {
			if r.Reasoning != nil && r.Reasoning.BudgetTokens > 0 {
				r.Reasoning = &llm.Reasoning{Effort: cmp.Or(r.Reasoning.Effort, llm.EffortLow)}
			}
		},
		"cache-lifetime": func(r *llm.Request) {
			for i, p := range r.System {
				if isA[*llm.CachePointPart](p) {
					r.System[i] = llm.CachePoint()
				}
			}
		},
		"document-context": ofParts(func(p llm.Part) llm.Part {
			if d, ok := p.(*llm.DocumentPart); ok {
				d.Context = ""
			}
			return p
		}),
		"image-address": ofParts(func(p llm.Part) llm.Part {
			if m, ok := p.(*llm.MediaPart); ok && m.URI != "" {
				return &llm.MediaPart{MediaType: m.MediaType, Data: []byte("fjord.png")}
			}
			return p
		}),
		"single-forced-tool-call": func(r *llm.Request) {
			if r.ToolChoice.Mode != llm.ToolChoiceAuto {
				r.ToolChoice.Single = false
			}
		},
		"structured-output-and-tools": func(r *llm.Request) { // as where a tool of its own stands for the format
			if r.Output != nil {
				r.Tools = nil
			}
		},
		"several-instructions": func(r *llm.Request) { r.System = first(r.System) },
		"several-texts-of-a-tool": ofParts(func(p llm.Part) llm.Part {
			if result, ok := p.(*llm.ToolResultPart); ok {
				result.Content = first(result.Content)
			}
			return p
		}),
		"several-messages-of-the-user": func(r *llm.Request) {
			for i := len(r.Messages) - 2; i >= 0; i-- {
				if r.Messages[i].Role == r.Messages[i+1].Role {
					r.Messages = slices.Delete(r.Messages, i, i+1)
				}
			}
		},
	} {
		mutants = append(mutants, mutant{name: "loses-" + name, law: "law07", fails: []string{"law07/" + name}, model: requests(edited(lose))})
	}
	slices.SortFunc(mutants, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	return mutants
}

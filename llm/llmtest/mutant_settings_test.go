package llmtest

import (
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// settingMutants break law 7 in what is easiest to forget: each drops one setting of a
// request, or one member of it, and says nothing.
func settingMutants() []mutant {
	drops := map[string]struct {
		drop  func(r *llm.Request)
		fails []string // without "law07/"
	}{
		"max-tokens":                    {func(r *llm.Request) { r.MaxTokens = 0 }, []string{"max-tokens", "large-max-tokens"}},
		"the-last-digits-of-max-tokens": {func(r *llm.Request) { r.MaxTokens -= r.MaxTokens % 100 }, []string{"max-tokens"}},
		"temperature":                   {func(r *llm.Request) { r.Temperature = nil }, []string{"temperature", "temperature-zero"}},
		"a-temperature": {func(r *llm.Request) {
			if r.Temperature != nil && *r.Temperature > 0 {
				r.Temperature = nil
			}
		}, []string{"temperature"}},
		"top-p":          {func(r *llm.Request) { r.TopP = nil }, []string{"top-p"}},
		"top-k":          {func(r *llm.Request) { r.TopK = nil }, []string{"top-k"}},
		"stop-sequences": {func(r *llm.Request) { r.StopSequences = nil }, []string{"stop-sequences"}},
		"all-stop-sequences-but-one": {func(r *llm.Request) { r.StopSequences = r.StopSequences[:min(1, len(r.StopSequences))] },
			[]string{"stop-sequences"}},
		"a-temperature-of-zero": {func(r *llm.Request) { // as omitempty does
			if r.Temperature != nil && *r.Temperature == 0 {
				r.Temperature = nil
			}
		}, []string{"temperature-zero"}},

		"a-choice-of-any-tool":   {choiceOf(llm.ToolChoiceAny, llm.ToolChoice{}), []string{"any-tool"}},
		"a-choice-of-no-tool":    {choiceOf(llm.ToolChoiceNone, llm.ToolChoice{}), []string{"no-tool"}},
		"a-choice-of-one-tool":   {choiceOf(llm.ToolChoiceTool, llm.ToolChoice{}), []string{"named-tool"}},
		"the-name-of-the-choice": {choiceOf(llm.ToolChoiceTool, llm.ToolChoice{Mode: llm.ToolChoiceAny}), []string{"named-tool"}},
		"single":                 {func(r *llm.Request) { r.ToolChoice.Single = false }, []string{"single-tool-call", "single-forced-tool-call"}},

		"tools": {func(r *llm.Request) { r.Tools, r.ToolChoice = nil, llm.ToolChoice{} },
			[]string{"tools", "any-tool", "named-tool", "single-tool-call", "strict-tools", "cache-point-after-tool", "request-arrives",
				"names", "single-forced-tool-call", "structured-output-and-tools"}},
		"strict":            {eachTool(func(t *llm.Tool) { t.Strict = false }), []string{"strict-tools"}},
		"tool-descriptions": {eachTool(func(t *llm.Tool) { t.Description = "" }), []string{"tools", "request-arrives"}},
		"tool-schemas":      {eachTool(func(t *llm.Tool) { t.Schema = nil }), []string{"tools", "request-arrives"}},
		"the-limits-in-tool-schemas": {eachTool(func(t *llm.Tool) {
			t.Schema = []byte(strings.ReplaceAll(string(t.Schema), `,"maximum":14`, ""))
		}), []string{"tools", "request-arrives"}},

		"the-output-format":      {func(r *llm.Request) { r.Output = nil }, []string{"structured-output", "structured-output-and-tools"}},
		"the-output-name":        {ofOutput(func(o *llm.OutputFormat) { o.Name = "answer" }), []string{"structured-output"}},
		"the-output-description": {ofOutput(func(o *llm.OutputFormat) { o.Description = "" }), []string{"structured-output"}},
		"the-output-schema": {ofOutput(func(o *llm.OutputFormat) { o.Schema = []byte(`{"type":"object"}`) }),
			[]string{"structured-output", "structured-output-and-tools"}},

		"reasoning":  {func(r *llm.Request) { r.Reasoning = nil }, []string{"reasoning-control", "reasoning-budget"}},
		"the-effort": {func(r *llm.Request) { r.Reasoning = on(r.Reasoning) }, []string{"reasoning-control"}},
		"metadata":   {func(r *llm.Request) { r.Metadata = nil }, []string{"metadata"}},

		"cache-points": {func(r *llm.Request) {
			r.System = slices.DeleteFunc(r.System, isA[*llm.CachePointPart])
			for i, m := range r.Messages {
				r.Messages[i].Content = slices.DeleteFunc(m.Content, isA[*llm.CachePointPart])
			}
			eachTool(func(t *llm.Tool) { t.Cache = nil })(r)
		}, []string{"cache-point-in-system", "cache-point-in-message", "cache-point-after-tool", "cache-lifetime"}},
		"cache-points-in-system": {func(r *llm.Request) { r.System = slices.DeleteFunc(r.System, isA[*llm.CachePointPart]) },
			[]string{"cache-point-in-system", "cache-lifetime"}},
		"plain-cache-points-in-system": {func(r *llm.Request) {
			r.System = slices.DeleteFunc(r.System, func(p llm.Part) bool { point, ok := p.(*llm.CachePointPart); return ok && point.TTL == 0 })
		}, []string{"cache-point-in-system"}},
		"cache-points-after-tools": {eachTool(func(t *llm.Tool) { t.Cache = nil }), []string{"cache-point-after-tool"}},
		"cache-points-in-messages": {func(r *llm.Request) {
			for i, m := range r.Messages {
				r.Messages[i].Content = slices.DeleteFunc(m.Content, isA[*llm.CachePointPart])
			}
		}, []string{"cache-point-in-message"}},
		"that-a-tool-failed": {ofParts(func(p llm.Part) llm.Part {
			if p, ok := p.(*llm.ToolResultPart); ok {
				p.IsError = false
			}
			return p
		}), []string{"tool-result-errors"}},
		"that-documents-are-cited": {ofParts(func(p llm.Part) llm.Part {
			if p, ok := p.(*llm.DocumentPart); ok {
				p.Cite = false
			}
			return p
		}), []string{"document-citations"}},
		"what-is-no-text": {ofParts(func(p llm.Part) llm.Part {
			switch p := p.(type) {
			case *llm.MediaPart, *llm.DocumentPart:
				return llm.Text("(attachment)")
			case *llm.ToolResultPart:
				p.Content = slices.DeleteFunc(p.Content, isA[*llm.MediaPart])
			}
			return p
		}), []string{"image-input", "audio-input", "video-input", "document-input", "document-citations", "tool-result-images",
			"media-arrives", "answer-goes-back", "document-context", "image-address"}},
		"the-system-role": {func(r *llm.Request) {
			for i, m := range r.Messages {
				if m.Role == llm.RoleSystem {
					r.Messages[i].Role = llm.RoleUser
				}
			}
		}, []string{"system-messages"}},
	}
	var mutants []mutant
	for name, d := range drops {
		m := mutant{name: "drops-" + name + "-in-silence", law: "law07", model: requests(edited(d.drop))}
		for _, f := range d.fails {
			m.fails = append(m.fails, "law07/"+f)
		}
		mutants = append(mutants, m)
	}
	slices.SortFunc(mutants, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	return mutants
}

// edited returns a copy of a valid request that was changed.
func edited(change func(r *llm.Request)) func(r *llm.Request) *llm.Request {
	return func(r *llm.Request) *llm.Request {
		if r.Validate() != nil {
			return r
		}
		c := r.Clone()
		change(c)
		return c
	}
}

func choiceOf(mode llm.ToolChoiceMode, instead llm.ToolChoice) func(r *llm.Request) {
	return func(r *llm.Request) {
		if r.ToolChoice.Mode == mode && !r.ToolChoice.Single {
			r.ToolChoice = instead
		}
	}
}

func eachTool(change func(t *llm.Tool)) func(r *llm.Request) {
	return func(r *llm.Request) {
		for i := range r.Tools {
			change(&r.Tools[i])
		}
	}
}

func ofOutput(change func(o *llm.OutputFormat)) func(r *llm.Request) {
	return func(r *llm.Request) {
		if r.Output != nil {
			change(r.Output)
		}
	}
}

func ofParts(change func(p llm.Part) llm.Part) func(r *llm.Request) {
	return func(r *llm.Request) {
		for _, m := range r.Messages {
			for i, p := range m.Content {
				m.Content[i] = change(p)
			}
		}
	}
}

// on turns reasoning on, within its budget.
func on(r *llm.Reasoning) *llm.Reasoning {
	if r == nil {
		return nil
	}
	return &llm.Reasoning{BudgetTokens: r.BudgetTokens}
}

package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

func path(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// uses says whether a request uses the feature of that name. It is written from the
// vocabulary, not from the table of the suite, so that the two check each other.
func uses(r *llm.Request, feature string) bool {
	anyPart := func(is func(p llm.Part) bool) bool {
		return slices.ContainsFunc(r.Messages, func(m llm.Message) bool { return slices.ContainsFunc(m.Content, is) })
	}
	media := func(kind string) bool {
		return anyPart(func(p llm.Part) bool {
			m, ok := p.(*llm.MediaPart)
			return ok && strings.HasPrefix(m.MediaType, kind)
		})
	}
	result := func(is func(p *llm.ToolResultPart) bool) bool {
		return anyPart(func(p llm.Part) bool {
			r, ok := p.(*llm.ToolResultPart)
			return ok && is(r)
		})
	}
	anyTool := func(is func(t llm.Tool) bool) bool { return slices.ContainsFunc(r.Tools, is) }
	switch feature {
	case "tools":
		return len(r.Tools) > 0
	case "any-tool":
		return r.ToolChoice.Mode == llm.ToolChoiceAny
	case "no-tool":
		return r.ToolChoice.Mode == llm.ToolChoiceNone
	case "named-tool":
		return r.ToolChoice.Mode == llm.ToolChoiceTool
	case "single-tool-call":
		return r.ToolChoice.Single
	case "strict-tools":
		return anyTool(func(t llm.Tool) bool { return t.Strict })
	case "tool-result-images":
		return result(func(p *llm.ToolResultPart) bool { return slices.ContainsFunc(p.Content, isA[*llm.MediaPart]) })
	case "tool-result-errors":
		return result(func(p *llm.ToolResultPart) bool { return p.IsError })
	case "structured-output":
		return r.Output != nil
	case "image-input":
		return media("image/")
	case "audio-input":
		return media("audio/")
	case "video-input":
		return media("video/")
	case "document-input":
		return anyPart(isA[*llm.DocumentPart])
	case "document-citations":
		return anyPart(func(p llm.Part) bool { d, ok := p.(*llm.DocumentPart); return ok && d.Cite })
	case "system-messages":
		return slices.ContainsFunc(r.Messages, func(m llm.Message) bool { return m.Role == llm.RoleSystem })
	case "max-tokens":
		return r.MaxTokens > 0
	case "temperature":
		return r.Temperature != nil
	case "temperature-zero":
		return r.Temperature != nil && *r.Temperature == 0
	case "top-p":
		return r.TopP != nil
	case "top-k":
		return r.TopK != nil
	case "stop-sequences":
		return len(r.StopSequences) > 0
	case "reasoning-control":
		return r.Reasoning != nil
	case "cache-point-in-system":
		return slices.ContainsFunc(r.System, isA[*llm.CachePointPart])
	case "cache-point-in-message":
		return anyPart(isA[*llm.CachePointPart])
	case "cache-point-after-tool":
		return anyTool(func(t llm.Tool) bool { return t.Cache != nil })
	case "metadata":
		return len(r.Metadata) > 0
	}
	panic("features_test.go does not know the feature " + feature)
}

// Each feature is one that its request uses, and a plain request uses none.
func TestFeaturesAreUsed(t *testing.T) {
	for _, f := range features() {
		r := &llm.Request{Messages: []llm.Message{llm.UserText("hi")}}
		if uses(r, f.name) {
			t.Errorf("a plain request uses %s", f.name)
		}
		f.set(r)
		if !uses(r, f.name) {
			t.Errorf("the request of %s does not use it", f.name)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("the request of %s: %v", f.name, err)
		}
		if f.field == "" {
			t.Errorf("%s has no field", f.name)
		}
		plain := &llm.Request{Messages: []llm.Message{llm.UserText("hi")}}
		if slices.Contains(f.needs, Tools) {
			plain.Tools = []llm.Tool{weather(), clock()}
		}
		if f.seen(r) == f.seen(plain) {
			t.Errorf("the request of %s says of it what a plain one says: %s", f.name, f.seen(r))
		}
	}
}

// A request with everything is valid, and uses what a plain one does not.
func TestFullRequest(t *testing.T) {
	r := full(nil)
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	n := 0
	for _, f := range features() {
		if uses(r, f.name) {
			n++
		}
	}
	if n < 8 {
		t.Errorf("the full request uses %d features", n)
	}
}

// What a wire need not tell apart is the same.
func TestSeen(t *testing.T) {
	tools := []llm.Tool{weather()}
	for name, try := range map[string]struct {
		seen func(r *llm.Request) string
		a, b *llm.Request
		same bool
	}{
		"no tools, none allowed": {choice, &llm.Request{}, &llm.Request{Tools: tools, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceNone}}, true},
		"no tools, one demanded": {choice, &llm.Request{}, &llm.Request{Tools: tools, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceAny}}, false},
		"little, in words and in tokens": {effort, &llm.Request{Reasoning: &llm.Reasoning{Effort: llm.EffortLow}},
			&llm.Request{Reasoning: &llm.Reasoning{BudgetTokens: 1024}}, true},
		"little, and whatever":        {effort, &llm.Request{Reasoning: &llm.Reasoning{Effort: llm.EffortLow}}, &llm.Request{Reasoning: &llm.Reasoning{}}, false},
		"the same schema":             {output, schema(`{"b":1.50,"a":"<"}`), schema("{ \"b\": 1.50,\n\"a\": \"\\u003c\" }"), true},
		"a schema with another order": {output, schema(`{"b":1.50,"a":"<"}`), schema(`{"a":"<","b":1.50}`), false},
		"no tags":                     {tags, &llm.Request{}, &llm.Request{Metadata: map[string]string{}}, true},
	} {
		if a, b := try.seen(try.a), try.seen(try.b); (a == b) != try.same {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
	named := &llm.Request{Output: &llm.OutputFormat{Name: "n", Description: "d", Schema: []byte("{}")}}
	if got, want := without(output(named), "output.name"), "output.description \"d\"\noutput.schema {}\n"; got != want {
		t.Errorf("without its name the output is %q, want %q", got, want)
	}
}

func schema(text string) *llm.Request {
	return &llm.Request{Output: &llm.OutputFormat{Schema: []byte(text)}}
}

// A text is found wherever an encoder may have put it.
func TestHolds(t *testing.T) {
	wrapped, _ := json.Marshal(map[string]any{"malformed_input": []string{halfCall}})
	for name, try := range map[string]struct {
		part llm.Part
		want bool
	}{
		"malformed":     {&llm.ToolCallPart{Malformed: halfCall}, true},
		"wrapped":       {&llm.ToolCallPart{Input: wrapped}, true},
		"text":          {llm.Text("You wrote " + halfCall), true},
		"in the result": {llm.ToolResult("call_1", llm.Text(halfCall)), true},
		"native":        {&llm.ProviderPart{Kind: "call", Data: wrapped}, true},
		"as it was":     {&llm.ToolCallPart{Input: json.RawMessage(halfCall)}, true},
		"emptied":       {call("call_1", "weather", "{}"), false},
		"repaired":      {call("call_1", "weather", `{"city":"Os"}`), false},
		"nothing":       {call("call_1", "weather", ""), false},
	} {
		if got := holds(&llm.Request{Messages: []llm.Message{{Content: []llm.Part{try.part}}}}, halfCall); got != try.want {
			t.Errorf("%s: %t, want %t", name, got, try.want)
		}
	}
}

package llmtest

import (
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
	case "temperature":
		return r.Temperature != nil
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

package llmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// singleMutants are those that break one case only of law 7 or 9, where the others of
// their kind break several at once.
func singleMutants() []mutant {
	ofPart := func(change func(p llm.Part)) func(m *scriptModel) llm.Model {
		return requests(func(r *llm.Request) *llm.Request { return changed(r, change) })
	}
	unmarked := func(is func(p *llm.ReasoningPart) bool) func(m *scriptModel) llm.Model {
		return answers(func(r *llm.Response, err error) (*llm.Response, error) {
			if err == nil {
				for _, p := range r.Message.Content {
					if p, ok := p.(*llm.ReasoningPart); ok && is(p) {
						p.Opaque = nil
					}
				}
			}
			return r, err
		})
	}
	return ofTheirLaws([]mutant{
		{name: "takes-video-for-sound", fails: []string{"law07/video-input"}, model: ofPart(func(p llm.Part) {
			if m, ok := p.(*llm.MediaPart); ok && m.MediaType == "video/mp4" {
				m.MediaType = "audio/mp4"
			}
		})},
		{name: "takes-each-image-for-a-photo", fails: []string{"law07/media-arrives"}, model: ofPart(func(p llm.Part) {
			if m, ok := p.(*llm.MediaPart); ok && llm.DetectMediaType(m.Data) == "image/png" {
				m.MediaType = "image/jpeg"
			}
		})},
		{name: "trims-documents", fails: []string{"law07/document-input"}, model: ofPart(func(p llm.Part) {
			if d, ok := p.(*llm.DocumentPart); ok && !d.Cite {
				d.Data = bytes.TrimSpace(d.Data)
			}
		})},
		{name: "drops-images-of-tools", fails: []string{"law07/tool-result-images"}, model: ofPart(func(p llm.Part) {
			if r, ok := p.(*llm.ToolResultPart); ok {
				for i, content := range r.Content {
					if isA[*llm.MediaPart](content) {
						r.Content[i] = llm.Text("(image)")
					}
				}
			}
		})},
		{name: "says-that-it-drops-images", fails: []string{"law07/image-input"}, model: streams(saysThatItDropsImages)},
		{name: "describes-no-tool-before-its-first-call", fails: []string{"law07/tools"}, model: requests(edited(func(r *llm.Request) {
			for i, t := range r.Tools {
				if !hasPart(r, func(p llm.Part) bool { call, ok := p.(*llm.ToolCallPart); return ok && call.Name == t.Name }) {
					r.Tools[i].Description = ""
				}
			}
		}))},
		{name: "reads-arguments-of-offered-tools-through-float64", fails: []string{"law07/digits"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				if req == nil || len(req.Tools) == 0 {
					return m.Stream(ctx, req)
				}
				return reparses(func(s string) string { return string(throughFloat64([]byte(s))) })(m).Stream(ctx, req)
			})},
		{name: "reads-through-float64-what-it-can-hold", fails: []string{"law07/digits"}, model: reparses(func(s string) string {
			var v map[string]any
			if json.Unmarshal([]byte(s), &v) != nil {
				return s
			}
			b, _ := json.Marshal(v)
			return string(b)
		})},
		{name: "lowers-names", fails: []string{"law07/names"}, model: requests(edited(func(r *llm.Request) {
			eachTool(func(t *llm.Tool) { t.Name = strings.ToLower(t.Name) })(r)
			r.ToolChoice.Name = strings.ToLower(r.ToolChoice.Name)
		}))},
		{name: "lowers-names-of-calls", fails: []string{"law07/names"}, model: events(func(ev llm.Event) []llm.Event {
			start, ok := ev.(*llm.PartStart)
			if !ok {
				return one(ev)
			}
			p, ok := start.Part.(*llm.ToolCallPart)
			if !ok {
				return one(ev)
			}
			c := *p
			c.Name = strings.ToLower(p.Name)
			return one(&llm.PartStart{Index: start.Index, Part: &c})
		})},
		{name: "reads-blocks-through-float64", fails: []string{"law07/provider-blocks"}, model: events(func(ev llm.Event) []llm.Event {
			start, ok := ev.(*llm.PartStart)
			if !ok {
				return one(ev)
			}
			p, ok := start.Part.(*llm.ProviderPart)
			if !ok {
				return one(ev)
			}
			return one(&llm.PartStart{Index: start.Index, Part: &llm.ProviderPart{Provider: p.Provider, Kind: p.Kind, Data: throughFloat64(p.Data)}})
		})},
		{name: "takes-all-options-of-a-plain-request-for-its-own", fails: []string{"law07/other-options"},
			model: refuses(llm.ErrInvalidRequest, func(r *llm.Request) bool { return len(r.Options) > 0 && len(r.Tools) == 0 })},
		{name: "does-not-mark-signed-reasoning", fails: []string{"law07/signature-is-marked"},
			model: unmarked(func(p *llm.ReasoningPart) bool { return p.Signature != "" })},
		{name: "does-not-mark-redacted-reasoning", fails: []string{"law07/redacted-is-marked"},
			model: unmarked(func(p *llm.ReasoningPart) bool { return p.Redacted != nil })},
		{name: "takes-anybodys-signature", fails: []string{"law07/foreign-signature"}, lacks: []Capability{OwnOptions}, model: takes(ofParts(func(p llm.Part) llm.Part {
			if p, ok := p.(*llm.ReasoningPart); ok && p.Opaque != nil {
				p.Opaque.Provider = "llmtest"
			}
			return p
		}))},
		{name: "takes-anybodys-block", fails: []string{"law07/foreign-part"}, lacks: []Capability{OwnOptions}, model: takes(ofParts(func(p llm.Part) llm.Part {
			if p, ok := p.(*llm.ProviderPart); ok {
				p.Provider = "llmtest"
			}
			return p
		}))},
		{name: "takes-anybodys-tool", fails: []string{"law07/foreign-tool"}, lacks: []Capability{OwnOptions}, model: takes(eachTool(func(t *llm.Tool) {
			if t.Provider != "" {
				t.Provider = "llmtest"
			}
		}))},
		{name: "takes-no-usage-for-the-bill", fails: []string{"law09/estimated"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err != nil && r != nil && r.Usage.InputTokens == 0 {
					r.Usage.Estimated = false
				}
				return r, err
			})},
	})
}

// ofTheirLaws has each mutant run the cases of its law only, where time is short.
func ofTheirLaws(mutants []mutant) []mutant {
	for i, m := range mutants {
		mutants[i].law, _, _ = strings.Cut(m.fails[0], "/")
	}
	return mutants
}

// saysThatItDropsImages warns of images that it sends all the same.
func saysThatItDropsImages(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		f, ok := ev.(*llm.Finish)
		if !ok {
			return one(ev)
		}
		c := *f
		for i, p := range req.Messages[0].Content {
			if media, ok := p.(*llm.MediaPart); ok && llm.DetectMediaType(media.Data) == "image/png" {
				c.Warnings = append(slices.Clip(c.Warnings), llm.Warning{Code: llm.WarningDropped, Field: path("messages[0].content", i), Message: "left out"})
			}
		}
		return one(&c)
	}, same)
}

// takes claims what is another provider's for a backend that would know it.
func takes(change func(r *llm.Request)) func(m *scriptModel) llm.Model {
	return func(m *scriptModel) llm.Model {
		return with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				return next.Generate(ctx, edited(change)(req))
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return next.Stream(ctx, edited(change)(req))
			}})(&backend{next: m})
	}
}

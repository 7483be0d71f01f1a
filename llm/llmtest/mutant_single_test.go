package llmtest

import (
	"bytes"
	"context"

	"github.com/parley-sdk/parley/llm"
)

// singleMutants break one thing each where the others of their kind break several at
// once.
func singleMutants() []mutant {
	ofRequest := func(name, fails string, change func(p llm.Part)) mutant {
		return mutant{name: name, law: "law07", fails: []string{fails},
			model: requests(func(r *llm.Request) *llm.Request { return changed(r, change) })}
	}
	ofStream := func(name, fails string, stream func(ctx context.Context, next llm.Model, req *llm.Request) stream) mutant {
		return mutant{name: name, law: "middleware", fails: []string{fails}, middleware: with(policy{stream: stream})}
	}
	return []mutant{
		ofRequest("takes-video-for-sound", "law07/video-input", func(p llm.Part) {
			if m, ok := p.(*llm.MediaPart); ok && m.MediaType == "video/mp4" {
				m.MediaType = "audio/mp4"
			}
		}),
		ofRequest("trims-documents", "law07/document-input", func(p llm.Part) {
			if d, ok := p.(*llm.DocumentPart); ok && !d.Cite {
				d.Data = bytes.TrimSpace(d.Data)
			}
		}),
		ofRequest("drops-images-of-tools", "law07/tool-result-images", func(p llm.Part) {
			if r, ok := p.(*llm.ToolResultPart); ok {
				for i, content := range r.Content {
					if isA[*llm.MediaPart](content) {
						r.Content[i] = llm.Text("(image)")
					}
				}
			}
		}),
		{name: "takes-each-bill-for-an-estimate", law: "law09", fails: []string{"law09/estimated"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err == nil {
					r.Usage.Estimated = true
				}
				return r, err
			})},

		ofStream("mw-drops-kinds-of-a-later-release", "middleware/events-pass", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return llm.Once(func(yield func(llm.Event, error) bool) {
				for ev, err := range next.Stream(ctx, req) {
					if d, ok := ev.(*llm.ProviderDelta); ok && d.Provider == "" {
						continue
					}
					if !yield(ev, err) {
						return
					}
				}
			})
		}),
		ofStream("mw-edits-the-stop-that-it-passed-on", "middleware/events-unchanged", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return llm.Once(func(yield func(llm.Event, error) bool) {
				for ev, err := range next.Stream(ctx, req) {
					if !yield(ev, err) {
						return
					}
					if stop, ok := ev.(*llm.PartStop); ok {
						stop.Index = -1
					}
				}
			})
		}),
		ofStream("mw-loses-the-status", "middleware/errors-pass", func(ctx context.Context, next llm.Model, req *llm.Request) stream {
			return failing(next.Stream(ctx, req), func(err error) error {
				if e, ok := err.(*llm.Error); ok {
					c := *e
					c.Status = 0
					return &c
				}
				return err
			})
		}),
		{name: "mw-keeps-the-usage-only", law: "middleware", fails: []string{"middleware/partial-passes"}, middleware: with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				resp, err := next.Generate(ctx, req)
				if err != nil && resp != nil {
					resp = &llm.Response{Usage: resp.Usage}
				}
				return resp, err
			}})},
	}
}

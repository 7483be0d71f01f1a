package ratelimit

import (
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// mediaTokens stands for an image, a sound, a video or a document that is not text.
// Providers charge from some hundred to some thousand for an image, and for a page.
const mediaTokens = 1600

// EstimateInput estimates the input tokens of a request without asking anyone: one for each
// four bytes of text (system prompt, messages, tools and their schemas), and 1,600 for each
// image or other medium, and for each document that is not text. English prose comes out
// near the truth; code and most other languages use more, up to twice as much. What is wrong
// with it is made good when the call ends. For long documents and videos give
// [Options.Estimate] a function that knows them.
func EstimateInput(req *llm.Request) int {
	if req == nil {
		return 0
	}
	var s size
	s.parts(req.System)
	for _, m := range req.Messages {
		s.parts(m.Content)
	}
	for _, t := range req.Tools {
		s.bytes += len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Config)
	}
	if req.Output != nil {
		s.bytes += len(req.Output.Description) + len(req.Output.Schema)
	}
	return (s.bytes+3)/4 + s.media*mediaTokens
}

// size is how much there is of a request. A part may be a nil pointer: whether that is
// refused is for others to say.
type size struct{ bytes, media int }

func (s *size) parts(parts []llm.Part) {
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			if p != nil {
				s.bytes += len(p.Text)
			}
		case *llm.ReasoningPart:
			if p != nil {
				s.bytes += len(p.Text) + len(p.Redacted)
			}
		case *llm.ToolCallPart:
			if p != nil {
				s.bytes += len(p.Name) + len(p.Input) + len(p.Malformed)
			}
		case *llm.ToolResultPart:
			if p != nil {
				s.parts(p.Content)
			}
		case *llm.ProviderPart:
			if p != nil {
				s.bytes += len(p.Data)
			}
		case *llm.MediaPart:
			s.media++
		case *llm.DocumentPart:
			if p != nil {
				s.document(p)
			}
		}
	}
}

func (s *size) document(p *llm.DocumentPart) {
	s.bytes += len(p.Name) + len(p.Context) + len(p.Text)
	switch {
	case len(p.Data) > 0 && strings.HasPrefix(p.MediaType, "text/"):
		s.bytes += len(p.Data)
	case p.Text == "":
		s.media++
	}
}

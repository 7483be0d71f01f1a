package usage

import (
	"math"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// size is how much there is of a request. A part may be a nil pointer: whether that is
// refused is for others to say.
type size struct{ bytes, media int }

func sizeOf(req *llm.Request) (s size) {
	if req == nil {
		return s
	}
	s.parts(req.System)
	for _, m := range req.Messages {
		s.parts(m.Content)
	}
	for _, t := range req.Tools {
		s.bytes += len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Config)
	}
	if req.Output != nil {
		s.bytes += len(req.Output.Name) + len(req.Output.Description) + len(req.Output.Schema)
	}
	return s
}

func (s *size) parts(parts []llm.Part) {
	for _, p := range parts {
		s.part(p)
	}
}

func (s *size) part(p llm.Part) {
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
			s.bytes += len(p.Name) + len(p.Malformed)
			if string(p.Input) != "{}" { // which stands for nothing too
				s.bytes += len(p.Input)
			}
		}
	case *llm.ToolResultPart:
		if p != nil {
			s.bytes += len(p.Name)
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

func (s *size) document(p *llm.DocumentPart) {
	s.bytes += len(p.Name) + len(p.Context) + len(p.Text)
	switch {
	case len(p.Data) > 0 && strings.HasPrefix(p.MediaType, "text/"):
		s.bytes += len(p.Data)
	case p.Text == "":
		s.media++
	}
}

// most returns how many tokens there may be: no text has more of them than bytes.
func (s size) most(mediaTokens int) int { return s.tokens(s.bytes, mediaTokens) }

// likely returns how many tokens there probably are.
func (s size) likely(mediaTokens int) int { return s.tokens(perFour(s.bytes), mediaTokens) }

func (s size) tokens(text, mediaTokens int) int {
	if s.media > (math.MaxInt-text)/max(1, mediaTokens) {
		return math.MaxInt
	}
	return text + s.media*mediaTokens
}

// perFour is a token for each four bytes begun.
func perFour(bytes int) int { return (bytes + 3) / 4 }

package fake

import (
	"github.com/parley-sdk/parley/llm"
)

// The estimate is crude on purpose: a test can predict it, and limits, budgets and
// prices can be tested with it.
const (
	bytesPerToken = 4
	mediaTokens   = 1000 // an image, a video, a sound or a document, of whatever size
)

// estimate is the usage of a finished answer: a token for every four bytes begun of
// what was sent and of what came back, reasoning counted apart, and 1,000 for each
// file. Neither number is less than 1.
func estimate(req *llm.Request, answer []llm.Part) llm.Usage {
	in := weightOf(req.System)
	for _, m := range req.Messages {
		in = in.plus(weightOf(m.Content))
	}
	for _, t := range req.Tools {
		in.bytes += len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Config)
	}
	if o := req.Output; o != nil {
		in.bytes += len(o.Name) + len(o.Description) + len(o.Schema)
	}
	var reasoning, rest weight
	for _, p := range answer {
		if _, ok := p.(*llm.ReasoningPart); ok {
			reasoning = reasoning.plus(weightOf([]llm.Part{p}))
		} else {
			rest = rest.plus(weightOf([]llm.Part{p}))
		}
	}
	return llm.Usage{
		InputTokens:     max(1, in.tokens()),
		OutputTokens:    max(1, reasoning.tokens()+rest.tokens()),
		ReasoningTokens: reasoning.tokens(),
	}
}

// asEstimate marks a usage that the provider did not report in the end.
func asEstimate(u llm.Usage) llm.Usage {
	u.Estimated = true
	return u
}

// weight is what parts are made of.
type weight struct{ bytes, files int }

func (w weight) plus(v weight) weight { return weight{w.bytes + v.bytes, w.files + v.files} }

func (w weight) tokens() int {
	return (w.bytes+bytesPerToken-1)/bytesPerToken + w.files*mediaTokens
}

func weightOf(parts []llm.Part) weight {
	var w weight
	for _, p := range parts {
		if isNil(p) {
			continue
		}
		switch p := p.(type) {
		case *llm.TextPart:
			w.bytes += len(p.Text)
		case *llm.MediaPart:
			w.files++
		case *llm.DocumentPart:
			if p.Text != "" {
				w.bytes += len(p.Text)
			} else {
				w.files++
			}
			w.bytes += len(p.Name) + len(p.Context)
		case *llm.ToolCallPart:
			w.bytes += len(p.Name) + len(p.Input) + len(p.Malformed)
		case *llm.ToolResultPart:
			w = w.plus(weightOf(p.Content))
		case *llm.ReasoningPart:
			w.bytes += len(p.Text) + len(p.Redacted)
		case *llm.ProviderPart:
			w.bytes += len(p.Data)
		}
	}
	return w
}

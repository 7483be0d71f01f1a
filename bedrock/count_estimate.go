package bedrock

import (
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// What an estimate assumes, on the high side. English has about four bytes a token with
// older tokenizers and three with newer ones; other scripts have three bytes a character.
const (
	tokenBytes    = 3
	messageTokens = 8
	toolsTokens   = 800 // what the model is told of how to call tools, of whatever number
)

// fileRate is the tokens of a file for every so many bytes begun, and at most.
type fileRate struct{ tokens, bytes, most int }

var (
	// Claude: https://docs.claude.com/en/docs/build-with-claude/vision
	imageRate = fileRate{4_800, maxInline, 4_800}
	// A page has 3,000 tokens at most; the file of a page of text about 10 KiB.
	// Source: https://docs.claude.com/en/docs/build-with-claude/pdf-support
	documentRate = fileRate{3_000, 10 << 10, 300_000}
	// Ten seconds of video have 2,880 tokens, and are 100 KiB where they are small.
	// Source: https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html
	videoRate = fileRate{3_000, 100 << 10, 280_000}
)

func (r fileRate) of(data []byte) int {
	if len(data) == 0 { // behind a URI
		return r.most
	}
	return min(ceil(len(data), r.bytes)*r.tokens, r.most)
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

// estimate is the number of input tokens of a request by the rule that
// [Model.CountTokensDetail] documents.
func estimate(req *llm.Request) int {
	var w weight
	w.parts(req.System)
	for _, m := range req.Messages {
		w.tokens += messageTokens
		w.parts(m.Content)
	}
	for _, t := range req.Tools {
		w.bytes += len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Config)
	}
	if len(req.Tools) > 0 {
		w.tokens += toolsTokens
	}
	if o := req.Output; o != nil {
		w.bytes += len(o.Name) + len(o.Description) + len(o.Schema)
	}
	return max(1, w.tokens+ceil(w.bytes, tokenBytes))
}

// weight is what has been found: bytes of text, and tokens of all else.
type weight struct{ bytes, tokens int }

func (w *weight) parts(parts []llm.Part) {
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			w.bytes += len(p.Text)
		case *llm.MediaPart:
			rate := videoRate
			if strings.HasPrefix(mediaTypeOf(p.MediaType, p.Data), "image/") {
				rate = imageRate
			}
			w.tokens += rate.of(p.Data)
		case *llm.DocumentPart:
			w.bytes += len(p.Name) + len(p.Context) + len(p.Text)
			switch {
			case p.Text != "":
			case len(p.Data) > 0 && strings.HasPrefix(mediaTypeOf(p.MediaType, p.Data), "text/"):
				w.bytes += len(p.Data)
			default:
				w.tokens += documentRate.of(p.Data)
			}
		case *llm.ToolCallPart:
			w.bytes += len(p.ID) + len(p.Name) + len(p.Input) + len(p.Malformed)
		case *llm.ToolResultPart:
			w.bytes += len(p.CallID)
			w.parts(p.Content)
		case *llm.ReasoningPart:
			w.bytes += len(p.Text) + len(p.Redacted)
		case *llm.ProviderPart:
			w.bytes += len(p.Data)
		}
	}
}

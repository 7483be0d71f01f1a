package bedrock

import (
	"errors"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

// answerOf puts an answer into the form that the application asked for: the document
// that a tool took is its text.
func (c *call) answerOf(r *llm.Response) (*llm.Response, error) {
	if c.draft.answer != "" {
		c.takeDocument(r)
	}
	if err := c.checkOutput(r.Text(), r.StopReason); err != nil {
		return r, err
	}
	return r, nil
}

// takeDocument makes text of the call that holds the document. What the model said
// besides is no part of it.
func (c *call) takeDocument(r *llm.Response) {
	var document *llm.TextPart
	rest := slices.DeleteFunc(slices.Clone(r.Message.Content), func(p llm.Part) bool {
		call, ok := p.(*llm.ToolCallPart)
		if !ok || call.Name != c.draft.answer {
			return false
		}
		switch {
		case document != nil:
		case call.Malformed != "":
			document = llm.Text(call.Malformed)
		default:
			document = llm.Text(string(call.Input))
		}
		return true
	})
	if document == nil {
		return
	}
	before := len(rest)
	rest = slices.DeleteFunc(rest, func(p llm.Part) bool { return kindOf(p) == text })
	if len(rest) < before {
		r.Warnings = append(slices.Clip(r.Warnings), llm.Warning{Code: llm.WarningDropped, Field: "message", Message: "what the model said beside the document is left out"})
	}
	r.Message.Content = append(rest, document)
	if r.StopReason == llm.StopToolUse && len(r.ToolCalls()) == 0 {
		r.StopReason = llm.StopEndTurn
	}
}

// checkOutput holds the text of an answer to the schema of the request. An answer that
// calls tools, or that was refused, is not the document yet.
func (c *call) checkOutput(text string, stop llm.StopReason) error {
	if !c.judged {
		return nil
	}
	switch stop {
	case llm.StopToolUse, llm.StopContentFilter, llm.StopRefusal, llm.StopPause:
		return nil
	case llm.StopMaxTokens, llm.StopContextWindow:
		return &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer was cut short before the document was whole: raise max_tokens, or ask for less"}
	}
	if why := violation(c.draft.schema, text); why != "" {
		return &llm.Error{Code: llm.ErrMalformedOutput, Message: why, Retryable: new(true)} // models do better the second time
	}
	return nil
}

// violation says why a text is not JSON that satisfies the schema, which quotes neither.
func violation(s *schema.Schema, text string) string {
	err := s.Validate([]byte(text))
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*schema.Error](err); ok && e.Keyword == "json" {
		return "the answer is not JSON, though output asked for it"
	}
	return "the answer does not satisfy the schema of output: " + err.Error()
}

// checked is the consumer of a stream, whose end is held to the schema.
func (c *call) checked(yield func(llm.Event, error) bool, fail func(error) error) func(llm.Event, error) bool {
	if !c.judged {
		return yield
	}
	var text strings.Builder
	return func(ev llm.Event, err error) bool {
		switch ev := ev.(type) {
		case *llm.TextDelta:
			text.WriteString(ev.Text)
		case *llm.Finish:
			if err := c.checkOutput(text.String(), ev.StopReason); err != nil {
				if yield(&llm.UsageUpdate{Usage: ev.Usage}, nil) {
					yield(nil, fail(err))
				}
				return false
			}
		}
		return yield(ev, err)
	}
}

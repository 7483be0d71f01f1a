package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/llm"
)

// What the model, and who loads a saved chat, reads at the end of an answer that is not whole.
const (
	interrupted = "[The user interrupted this answer.]"
	cutOff      = "[This answer was cut off.]"
)

// partial is what has come of an answer: steps that are done with the results of their calls,
// and the text of the step at hand. Of the latter nothing else is of use: reasoning without its
// end has no signature, and a call without its end no arguments.
type partial struct {
	messages []llm.Message
	text     strings.Builder
}

// step adds a step that is done.
func (p *partial) step(m llm.Message) {
	p.messages = append(p.messages, m.Clone())
	p.text.Reset()
}

// answered adds the result of a call, and returns the call.
func (p *partial) answered(result *llm.ToolResultPart) *llm.ToolCallPart {
	if n := len(p.messages); n == 0 || p.messages[n-1].Role == llm.RoleAssistant {
		p.messages = append(p.messages, llm.User())
	}
	last := len(p.messages) - 1
	p.messages[last].Content = append(p.messages[last].Content, result)
	for _, m := range p.messages[:last] {
		for _, part := range m.Content {
			if call, ok := part.(*llm.ToolCallPart); ok && call.ID == result.CallID {
				return call
			}
		}
	}
	return nil
}

// history is the turn as it can be kept, with the mark at its end; nil where nothing has come.
func (p *partial) history(question, mark string) []llm.Message {
	said := strings.TrimSpace(p.text.String())
	if len(p.messages) == 0 && said == "" {
		return nil
	}
	end := llm.AssistantText(mark)
	if said != "" {
		end = llm.Assistant(llm.Text(said), llm.Text(mark))
	}
	// Calls that have no result yet get one that says so.
	return conversation.Repair(slices.Concat([]llm.Message{llm.UserText(question)}, p.messages, []llm.Message{end}))
}

// brokeOff keeps what has come of an answer, and says why that is not all. The conversation
// itself has dropped the turn.
func (c *chat) brokeOff(ctx context.Context, question string, err error, byUser bool) {
	mark := cutOff
	if byUser {
		mark = interrupted
	}
	kept := c.part.history(question, mark)
	if err := c.talk.Append(ctx, kept...); err != nil {
		c.term.remark(red, "What has come cannot be kept: %v", err)
		kept = nil
	}
	switch {
	case byUser && kept == nil:
		c.term.remark(dim, "(interrupted before an answer came: the question is forgotten)")
	case byUser:
		c.term.remark(dim, "(interrupted: ask it to go on, or something else)")
	case kept == nil:
		c.term.remark(red, "There was no answer. %s (%v)", wayOut(err), err)
	default:
		c.term.remark(red, "The answer broke off; what has come is kept. %s (%v)", wayOut(err), err)
	}
}

// wayOut is what to do about an error.
func wayOut(err error) string {
	switch llm.CodeOf(err) {
	case llm.ErrRateLimited, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrRejected:
		if wait, ok := llm.RetryAfter(err); ok {
			return fmt.Sprintf("Ask again in %s.", wait.Round(time.Second))
		}
		return "Wait a moment, and ask again."
	case llm.ErrQuotaExhausted:
		return "The quota of the account is used up: have it raised, or wait until it is renewed."
	case llm.ErrUnauthenticated:
		return "Renew your credentials, and start again."
	case llm.ErrPermissionDenied:
		return "Have the account be given access to the model, or choose another with -model."
	case llm.ErrNotFound:
		return "Choose another model with -model."
	case llm.ErrContextTooLong:
		return "The chat is too long for the model: /save it, and begin another with /new."
	case llm.ErrContentFiltered, llm.ErrInvalidRequest, llm.ErrUnsupported:
		return "Ask in other words, or begin again with /new."
	}
	return "Ask again."
}

// textOf is the text of parts.
func textOf(parts []llm.Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p, ok := p.(*llm.TextPart); ok {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

package main

import (
	"context"
	"fmt"
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

// brokeOff keeps what has come of an answer, and says why that is not all. The conversation
// itself has dropped the turn.
func (c *chat) brokeOff(ctx context.Context, question []llm.Part, came *llm.Response, err error, byUser bool) {
	mark := cutOff
	if byUser {
		mark = interrupted
	}
	kept := conversation.Interrupted(question, came, mark)
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

package conversation

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Append adds messages to the history: to seed it, to import one, or to keep an answer that was
// stopped, see [Interrupted]. They are validated, and each tool call must have its result in the
// message behind it; [Repair] mends a history in which one is missing. It is all or nothing, and
// no call of the model. While a turn waits for results it is an [llm.ErrInvalidRequest].
func (c *Conversation) Append(ctx context.Context, messages ...llm.Message) error {
	if ctx == nil {
		return invalid("the context is nil")
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s := c.committed()
	if len(s.pending.calls()) > 0 {
		return invalid("a turn waits for the results of its tool calls")
	}
	if len(messages) == 0 {
		return nil
	}
	added := make([]llm.Message, len(messages))
	for i, m := range messages {
		added[i] = m.Clone()
	}
	if err := sound(added, true); err != nil {
		return err
	}
	r := record{Type: turnRecord, Messages: added}
	if p := s.pending; p != nil { // it has its results, and these go on from there
		r.Messages, r.Usage = append(p.answered(), added...), p.usage
	}
	return c.commit(ctx, r)
}

// Repair returns a history that a model accepts: calls without a result are answered, in words
// that blame nobody, and results without a call are left out. An answer that holds results, as
// [llm.Collect] makes of a [Conversation.Stream] over several steps, is taken apart. Use it on
// that, and on what other programs have stored. Messages are replaced, never changed.
func Repair(messages []llm.Message) []llm.Message {
	var out []llm.Message
	var open []*llm.ToolCallPart // of the message before
	for _, whole := range messages {
		for _, m := range split(whole) {
			var answers, rest []llm.Part
			var calls []*llm.ToolCallPart
			for _, p := range m.Content {
				switch p := p.(type) {
				case *llm.ToolResultPart:
					if i := indexOf(open, p.CallID); i >= 0 && m.Role == llm.RoleUser {
						answers = append(answers, p)
						open = slices.Delete(open, i, i+1)
					}
				case *llm.ToolCallPart:
					if m.Role == llm.RoleAssistant && p.ID != "" && p.Name != "" && indexOf(calls, p.ID) < 0 {
						rest = append(rest, p)
						calls = append(calls, p)
					}
				default:
					rest = append(rest, p)
				}
			}
			if len(open) > 0 && m.Role != llm.RoleSystem {
				answers = append(answers, unanswered(open)...)
				open = nil
			}
			if len(answers) > 0 && m.Role == llm.RoleAssistant {
				out = append(out, llm.User(answers...))
				answers = nil
			}
			if m.Content = append(answers, rest...); len(m.Content) > 0 || m.Role == llm.RoleAssistant {
				out = append(out, m)
			}
			open = append(open, calls...)
		}
	}
	if len(open) > 0 {
		out = append(out, llm.User(unanswered(open)...))
	}
	return out
}

// Interrupted is a turn whose answer broke off, in a form that [Conversation.Append] takes: the
// question, and of the partial response that [llm.Accumulator] or [llm.Collect] made of
// [Conversation.Stream] what is of use to the model when it goes on. Steps that were done are
// whole, calls without a result are answered as by [Repair], and reasoning that led to nothing
// and calls without all their arguments are left out. The note, "[Interrupted by the user.]" say,
// comes last, for the model and for who reads the history. It is nil where nothing had come.
//
// Append with a context that has not ended, as [context.WithoutCancel] makes one.
func Interrupted(question []llm.Part, partial *llm.Response, note string) []llm.Message {
	if partial == nil {
		return nil
	}
	said := split(llm.Assistant(partial.Message.Content...))
	last := &said[len(said)-1]
	if last.Role == llm.RoleAssistant {
		last.Content = slices.DeleteFunc(last.Content, func(p llm.Part) bool {
			call, _ := p.(*llm.ToolCallPart)
			text, _ := p.(*llm.TextPart)
			return call != nil && call.Malformed != "" || text != nil && strings.TrimSpace(text.Text) == ""
		})
		for n := len(last.Content); n > 0; n-- {
			if _, reasoning := last.Content[n-1].(*llm.ReasoningPart); !reasoning {
				break
			}
			last.Content = last.Content[:n-1]
		}
		if len(last.Content) == 0 {
			said = said[:len(said)-1]
		}
	}
	if len(said) == 0 {
		return nil
	}
	if len(question) > 0 {
		said = slices.Insert(said, 0, llm.User(question...))
	}
	turn := Repair(said)
	if turn[len(turn)-1].Role != llm.RoleAssistant {
		turn = append(turn, llm.Assistant())
	}
	last = &turn[len(turn)-1]
	last.Content = append(slices.Clip(last.Content), llm.Text(note))
	return turn
}

// split takes an answer apart at the results that it holds. Parts that are nil are left out.
func split(m llm.Message) []llm.Message {
	var out []llm.Message
	for _, p := range m.Content {
		if p == nil || reflect.ValueOf(p).IsNil() {
			continue
		}
		role := m.Role
		if _, ok := p.(*llm.ToolResultPart); ok && role == llm.RoleAssistant {
			role = llm.RoleUser
		}
		if len(out) == 0 || out[len(out)-1].Role != role {
			out = append(out, llm.Message{Role: role})
		}
		last := &out[len(out)-1]
		last.Content = append(last.Content, p)
	}
	if out == nil {
		return []llm.Message{{Role: m.Role}}
	}
	return out
}

func indexOf(calls []*llm.ToolCallPart, id string) int {
	return slices.IndexFunc(calls, func(c *llm.ToolCallPart) bool { return c.ID == id })
}

// unanswered are results for calls of which nothing is known.
func unanswered(calls []*llm.ToolCallPart) []llm.Part {
	var out []llm.Part
	for _, call := range calls {
		result := llm.ToolError(call.ID, "The call was interrupted. Whether it took effect is not known.")
		result.Name = call.Name
		out = append(out, result)
	}
	return out
}

// paired says whether each call has its result in the message behind it, and each result its
// call. Calls of the last message have none yet, unless the history is closed.
func paired(messages []llm.Message, closed bool) error {
	var open map[string]bool // calls of the message before
	at := -1
	check := func() error {
		for _, unanswered := range open {
			if unanswered {
				return invalid(fmt.Sprintf("messages[%d]: a tool call has no result in the message behind it", at))
			}
		}
		return nil
	}
	for i, m := range messages {
		if m.Role == llm.RoleSystem {
			continue
		}
		for j, p := range m.Content {
			result, ok := p.(*llm.ToolResultPart)
			if !ok {
				continue
			}
			if !open[result.CallID] {
				return invalid(fmt.Sprintf("messages[%d].content[%d]: the tool result answers no call of the message before", i, j))
			}
			open[result.CallID] = false
		}
		if err := check(); err != nil {
			return err
		}
		open, at = nil, i
		if m.Role != llm.RoleAssistant {
			continue
		}
		for j, p := range m.Content {
			call, ok := p.(*llm.ToolCallPart)
			if !ok {
				continue
			}
			if open == nil {
				open = make(map[string]bool)
			}
			if _, twice := open[call.ID]; twice {
				return invalid(fmt.Sprintf("messages[%d].content[%d]: a second tool call of the same id", i, j))
			}
			open[call.ID] = true
		}
	}
	if closed {
		return check()
	}
	return nil
}

// wellFormed says whether an answer can become part of a history.
func wellFormed(r *llm.Response) error {
	r.Message.Role = llm.RoleAssistant
	if err := sound([]llm.Message{r.Message}, false); err != nil {
		return &llm.Error{Code: llm.ErrMalformedOutput, Op: "conversation", Retryable: new(false), Message: "the answer cannot be part of a history", Err: err}
	}
	return nil
}

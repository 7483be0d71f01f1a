package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// rule finds what a provider refuses in a conversation, and reports each fault with
// its path. No content may go into the report. doc.go lists the rules for users.
type rule func(c conversation, refuse func(path, why string))

// conversation is what rules judge.
type conversation struct {
	*llm.Request
	paused bool // the model has paused, so that its message may be sent back to go on
	signed bool // reasoning must be signed
}

// refuse is nil for a request that a provider accepts; else it names every fault.
func (c *call) refuse() error {
	c.state.mu.Lock()
	conv := conversation{c.req, c.state.paused, c.state.signed}
	c.state.mu.Unlock()

	var faults []error
	for _, rule := range []rule{endsWithUser, noBlankText, noEmptyMessages, pairedCalls, uniqueCalls, objectArguments, signedReasoning, noOptions} {
		rule(conv, func(path, why string) {
			faults = append(faults, &llm.Error{Code: llm.ErrInvalidRequest, Message: path + ": " + why})
		})
	}
	if faults == nil {
		return nil
	}
	e := c.fault(llm.ErrInvalidRequest, "")
	e.Err = errors.Join(faults...)
	return e
}

// endsWithUser refuses a conversation that is empty or ends with the assistant.
// Instructions may follow the user's last message.
func endsWithUser(c conversation, refuse func(path, why string)) {
	for i := len(c.Messages) - 1; i >= 0; i-- {
		switch c.Messages[i].Role {
		case llm.RoleSystem:
			continue
		case llm.RoleAssistant:
			if !c.paused {
				refuse(messagePath(i), "the conversation must end with a user message")
			}
		}
		return
	}
	refuse("messages", "there is no user message")
}

// noBlankText refuses text parts that are empty or only white space, but for those of
// the model and of tools, which backends leave out.
func noBlankText(c conversation, refuse func(path, why string)) {
	check := func(field string, parts []llm.Part) {
		for j, p := range parts {
			if p, ok := p.(*llm.TextPart); ok && strings.TrimSpace(p.Text) == "" {
				refuse(fmt.Sprintf("%s[%d]", field, j), "the text is blank: leave the part out, or say something")
			}
		}
	}
	check("system", c.System)
	for i, m := range c.Messages {
		if m.Role != llm.RoleAssistant {
			check(messagePath(i)+".content", m.Content)
		}
	}
}

// noEmptyMessages refuses messages that say nothing: marks for the cache are not sent.
// That of a model may be empty, as models do answer nothing.
func noEmptyMessages(c conversation, refuse func(path, why string)) {
	says := func(p llm.Part) bool { _, mark := p.(*llm.CachePointPart); return !mark }
	for i, m := range c.Messages {
		if m.Role != llm.RoleAssistant && !slices.ContainsFunc(m.Content, says) {
			refuse(messagePath(i)+".content", "it holds cache points only: there is nothing to send")
		}
	}
}

// objectArguments refuses schemas of tools that do not say at the top that arguments
// are an object. Backends add the type where there is none.
func objectArguments(c conversation, refuse func(path, why string)) {
	for i, t := range c.Tools {
		var top struct {
			Type any
			Ref  any `json:"$ref"`
		}
		if len(t.Schema) == 0 || t.Provider != "" || json.Unmarshal(t.Schema, &top) != nil {
			continue
		}
		if top.Type != "object" && (top.Type != nil || top.Ref != nil) {
			refuse(fmt.Sprintf("tools[%d].schema.type", i), "it must be object, as the arguments of a tool are one")
		}
	}
}

// signedReasoning refuses reasoning that is sent back without what proves that it is the
// model's own, where the model was told to; see [Model.RequireSignedReasoning].
func signedReasoning(c conversation, refuse func(path, why string)) {
	for i, m := range c.Messages {
		for j, p := range partsOf[*llm.ReasoningPart](m) {
			if c.signed && p.Signature == "" && len(p.Redacted) == 0 && p.Opaque == nil {
				refuse(partPath(i, j), "the reasoning has no signature: send it back as it came, or leave it out")
			}
		}
	}
}

// pairedCalls refuses results without a call and calls without a result. The results
// for an assistant message stand together in the user message that follows it;
// instructions in between do not separate the two. What a provider runs itself, a
// [llm.ProviderPart], has no part in this. Calls of the last message are still to be
// answered.
func pairedCalls(c conversation, refuse func(path, why string)) {
	var before llm.Message // the zero Message has no calls
	beforeAt := 0
	for i, m := range c.Messages {
		if m.Role == llm.RoleSystem {
			continue
		}
		called := make(map[string]bool)
		for _, p := range partsOf[*llm.ToolCallPart](before) {
			called[p.ID] = true
		}
		answered := make(map[string]bool)
		for j, p := range partsOf[*llm.ToolResultPart](m) {
			switch {
			case !called[p.CallID]:
				refuse(partPath(i, j), "the tool result answers no call of the message before")
			case answered[p.CallID]:
				refuse(partPath(i, j), "a second result for one tool call")
			}
			answered[p.CallID] = true
		}
		for j, p := range partsOf[*llm.ToolCallPart](before) {
			if !answered[p.ID] {
				refuse(partPath(beforeAt, j), "the tool call has no result in "+messagePath(i))
			}
		}
		before, beforeAt = m, i
	}
}

// uniqueCalls refuses two calls of one id in a message: their results could not be
// told apart.
func uniqueCalls(c conversation, refuse func(path, why string)) {
	for i, m := range c.Messages {
		seen := make(map[string]bool)
		for j, p := range partsOf[*llm.ToolCallPart](m) {
			if seen[p.ID] {
				refuse(partPath(i, j), "a second tool call of the same id")
			}
			seen[p.ID] = true
		}
	}
}

// noOptions refuses options for the fake itself: it has none, and ignoring some would
// break law 7 of [llm.Model]. Options of the provider that it stands for, see
// [Model.WithInfo], are taken as they are.
func noOptions(c conversation, refuse func(path, why string)) {
	for i, o := range c.Options {
		if o.ProviderName() == provider {
			refuse(fmt.Sprintf("options[%d]", i), "a fake has no options of its own")
		}
	}
}

// partsOf ranges over the parts of one kind, with their index in the message.
func partsOf[T llm.Part](m llm.Message) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for j, p := range m.Content {
			if p, ok := p.(T); ok && !yield(j, p) {
				return
			}
		}
	}
}

func messagePath(i int) string { return fmt.Sprintf("messages[%d]", i) }

func partPath(i, j int) string { return fmt.Sprintf("messages[%d].content[%d]", i, j) }

package bedrocktest

import (
	"strings"
	"unicode"
)

func systemMessages(c *call) *exception {
	for i, t := range c.turns {
		if t.role == "system" && !c.profile.SystemMessages {
			return invalid("1 validation error detected: Value 'system' at '%s' failed to satisfy constraint: "+
				"Member must satisfy enum value set: [user, assistant]", path{}.key("messages").index(i).key("role").members())
		}
	}
	return nil
}

func alternatingRoles(c *call) *exception {
	for i, t := range c.turns {
		if i > 0 && t.role == c.turns[i-1].role {
			return invalid("A conversation must alternate between user and assistant roles. " +
				"Make sure the conversation alternates between user and assistant roles and try again.")
		}
	}
	return nil
}

func userFirst(c *call) *exception {
	if len(c.turns) == 0 { // of a stored prompt
		return nil
	}
	if role := c.turns[0].role; role == "user" || role == "assistant" && c.profile.LeadingAssistant {
		return nil
	}
	return invalid(startWithUser)
}

// prefill is the message that the model is to continue, where there is one.
func (c *call) prefill() (turn, bool) {
	if n := len(c.turns); n > 0 && c.turns[n-1].role == "assistant" {
		return c.turns[n-1], true
	}
	return turn{}, false
}

func userLast(c *call) *exception {
	if _, ok := c.prefill(); ok && !c.profile.Prefill {
		return byModel("This model does not support assistant message prefill. The conversation must end with a user message.")
	}
	return nil
}

func noTrailingSpace(c *call) *exception {
	t, ok := c.prefill()
	if !ok {
		return nil
	}
	if last := t.blocks[len(t.blocks)-1]; last.kind == "text" {
		if text := last.v.string(); text != strings.TrimRightFunc(text, unicode.IsSpace) {
			return byModel("messages: final assistant content cannot end with trailing whitespace")
		}
	}
	return nil
}

func systemPrompt(c *call) *exception {
	if c.profile.NoSystem && len(c.body.get("system").items()) > 0 {
		return invalid("This model doesn't support system messages. Try again without a system message or use a model that supports system messages.")
	}
	return nil
}

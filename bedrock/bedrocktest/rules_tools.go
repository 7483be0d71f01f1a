package bedrocktest

import (
	"slices"
	"strings"
)

func toolConfigForTools(c *call) *exception {
	for b := range c.blocks {
		if (b.kind == "toolUse" || b.kind == "toolResult") && c.body.get("toolConfig") == nil {
			return invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
		}
	}
	return nil
}

func objectInput(c *call) *exception {
	for b := range c.blocks {
		if input := b.v.get("input"); b.kind == "toolUse" && !input.is('{') {
			return notObject(b.at.key("toolUse").key("input"))
		}
	}
	return nil
}

func objectResult(c *call) *exception {
	for b := range c.blocks {
		if b.kind != "toolResult" {
			continue
		}
		for _, r := range b.results() {
			if r.kind == "json" && !r.v.is('{') {
				return notObject(r.at.key("json"))
			}
		}
	}
	return nil
}

func notObject(at path) *exception {
	return invalid("The format of the value at %s is invalid. Provide a json object for the field and try again.", at)
}

// calls are the ids of the calls in a turn that the application must answer, and
// answers those that it answers. What the provider runs itself is neither.
func (t turn) calls() []string {
	var ids []string
	for _, b := range t.of("toolUse") {
		if t.role == "assistant" && b.v.get("type") == nil {
			ids = append(ids, b.v.get("toolUseId").string())
		}
	}
	return ids
}

func (t turn) answers() []string {
	var ids []string
	for _, b := range t.of("toolResult") {
		if t.role == "user" && b.v.get("type") == nil {
			ids = append(ids, b.v.get("toolUseId").string())
		}
	}
	return ids
}

func everyCallAnswered(c *call) *exception {
	for i, t := range c.turns {
		var answers []string
		if i+1 < len(c.turns) {
			answers = c.turns[i+1].answers()
		}
		missing := slices.DeleteFunc(t.calls(), func(id string) bool { return slices.Contains(answers, id) })
		if len(missing) > 0 {
			return invalid("Expected toolResult blocks at messages.%d.content for the following Ids: %s", i+1, strings.Join(missing, ", "))
		}
	}
	return nil
}

func noStrayResult(c *call) *exception {
	for i, t := range c.turns {
		var calls []string
		if i > 0 {
			calls = c.turns[i-1].calls()
		}
		if len(t.answers()) > len(calls) {
			return invalid("The number of toolResult blocks at messages.%d.content exceeds the number of toolUse blocks of previous turn.", i)
		}
	}
	return nil
}

func objectSchema(c *call) *exception {
	for _, b := range c.tools() {
		schema := b.v.get("inputSchema").get("json")
		switch {
		case b.kind != "toolSpec":
		case !schema.is('{'):
			return notObject(b.at.key("toolSpec").key("inputSchema").key("json"))
		case schema.get("type").string() != "object":
			return invalid("The value at %s.toolSpec.inputSchema.json.type must be one of the following: object.", b.at)
		}
	}
	return nil
}

func uniqueTools(c *call) *exception {
	var names []string
	for _, b := range c.tools() {
		name := b.v.get("name").string()
		if name != "" && slices.Contains(names, name) {
			return invalid("The tool name %s at %s is used more than once. Tool names must be unique.", name, b.at)
		}
		names = append(names, name)
	}
	return nil
}

// knownToolChoice is for those who look for a "none": a union takes any member that a
// later service may have, but this one is asked for by people of today.
func knownToolChoice(c *call) *exception {
	if kind, _ := c.body.get("toolConfig").get("toolChoice").member(); kind == "none" {
		return invalid("ToolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, tool.")
	}
	return nil
}

func chosenToolExists(c *call) *exception {
	kind, v := c.body.get("toolConfig").get("toolChoice").member()
	name := v.get("name").string()
	if kind == "tool" && !slices.ContainsFunc(c.tools(), func(b block) bool { return b.v.get("name").string() == name }) {
		return invalid("The tool %s at toolConfig.toolChoice.tool.name is not one of toolConfig.tools.", name)
	}
	return nil
}

package bedrocktest

import (
	"regexp"
	"slices"
)

func toolUse(c *call) *exception {
	if c.profile.NoTools && c.body.get("toolConfig") != nil {
		return invalid("This model doesn't support tool use.")
	}
	return nil
}

func streamedTools(c *call) *exception {
	if !c.profile.StreamTools && c.op == "ConverseStream" && c.body.get("toolConfig") != nil {
		return invalid("This model doesn't support tool use in streaming mode.")
	}
	return nil
}

// forced is how the request forces a tool: "any", "tool", or "" where it does not.
func (c *call) forced() string {
	if kind, _ := c.body.get("toolConfig").get("toolChoice").member(); kind == "any" || kind == "tool" {
		return kind
	}
	return ""
}

func forcedTool(c *call) *exception {
	kind := c.forced()
	if kind == "any" && !c.profile.ToolChoiceAny || kind == "tool" && !c.profile.ToolChoiceTool {
		return unsupportedField("toolConfig.toolChoice." + kind)
	}
	return nil
}

func forcedWhileReasoning(c *call) *exception {
	if c.forced() != "" && c.reasons() && !c.profile.ForcedToolWithReasoning {
		return byModel("Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

// The ids that all families take, narrower than the shape, and those of Mistral.
var (
	plainToolID = newPattern("[a-zA-Z0-9_-]+")
	shortToolID = regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)
)

func toolIDs(c *call) *exception {
	for b := range c.blocks {
		if b.kind != "toolUse" && b.kind != "toolResult" || b.v.get("type") != nil {
			continue // the ids of what the service ran are its own
		}
		id := b.v.get("toolUseId").string()
		switch {
		case c.profile.ShortToolIDs && !shortToolID.MatchString(id):
			return byModel("Tool call id was %s but must be a-z, A-Z, 0-9, with a length of 9.", id)
		case !plainToolID.whole.MatchString(id):
			return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: %s", id, b.at.key(b.kind).key("toolUseId").members(), plainToolID.source)
		}
	}
	return nil
}

func uniqueToolIDs(c *call) *exception {
	for _, t := range c.turns {
		var ids []string
		for _, b := range t.of("toolUse") {
			id := b.v.get("toolUseId").string()
			if slices.Contains(ids, id) {
				return byModel("%s: `tool_use` ids must be unique", b.at)
			}
			ids = append(ids, id)
		}
	}
	return nil
}

// strict are the tools whose calls are to keep to their schemas.
func (c *call) strict() []block {
	return slices.DeleteFunc(c.tools(), func(b block) bool { return !b.v.get("strict").bool() })
}

// strictTools minds the field, whatever it says: a model that does not know it has no
// place for false either.
func strictTools(c *call) *exception {
	for i, b := range c.tools() {
		switch {
		case c.profile.StrictTools || b.v.get("strict") == nil:
		case c.claude():
			return byModel("tools.%d.custom.strict: Extra inputs are not permitted", i)
		default:
			return unsupportedField("strict")
		}
	}
	return nil
}

func fewStrictTools(c *call) *exception {
	const most = 20
	if n := len(c.strict()); n > most {
		return byModel("Too many strict tools (%d). The maximum number of strict tools supported is %d. "+
			"Try reducing the number of tools marked as strict.", n, most)
	}
	return nil
}

// structuredOutput minds Converse's own field, and the one that Claude has for it.
func structuredOutput(c *call) *exception {
	ours := c.body.get("outputConfig").get("textFormat")
	theirs := c.fields().get("output_config").get("format")
	switch {
	case c.profile.StructuredOutput || ours == nil && theirs == nil:
		return nil
	case c.claude():
		return byModel("output_config.format: Extra inputs are not permitted")
	case ours == nil:
		return extraneous(path{}.key("output_config"), "format")
	}
	return unsupportedField("outputConfig.textFormat")
}

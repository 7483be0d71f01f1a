package bedrocktest

import (
	"slices"
	"strings"

	"github.com/parley-sdk/parley/bedrock"
)

// fields are the model's own parameters.
func (c *call) fields() *node { return c.body.get("additionalModelRequestFields") }

// reasons says whether the model reasons in this call, asked to or of its own accord.
func (c *call) reasons() bool {
	f := c.fields()
	for _, how := range []string{f.get("thinking").get("type").string(), f.get("reasoningConfig").get("type").string(), f.get("reasoning_effort").string()} {
		switch how {
		case "":
		case "disabled", "none":
			return false
		default:
			return true
		}
	}
	return c.profile.ReasonsByDefault || c.profile.AlwaysReasons
}

// anthropic says whether the family is asked to reason in Anthropic's fields.
func (c *call) anthropic() bool {
	return c.profile.Reasoning == bedrock.ReasoningBudget || c.profile.Reasoning == bedrock.ReasoningAdaptive
}

// reasoningFields refuses the fields of other families.
func reasoningFields(c *call) *exception {
	for _, f := range []struct {
		key   string
		taken bool
	}{
		{"thinking", c.anthropic()},
		{"reasoningConfig", c.profile.Reasoning == bedrock.ReasoningNova},
		{"reasoning_effort", c.profile.Reasoning == bedrock.ReasoningEffort},
	} {
		if !f.taken && c.fields().get(f.key) != nil {
			return extraneous(nil, f.key)
		}
	}
	return nil
}

func thinkingShape(c *call) *exception {
	thinking, adaptive := c.fields().get("thinking"), c.profile.Reasoning == bedrock.ReasoningAdaptive
	if thinking == nil {
		return nil
	}
	budget := thinking.get("budget_tokens")
	switch how := thinking.get("type").string(); how {
	case "disabled":
		if c.profile.AlwaysReasons {
			return byModel(`"thinking.type.disabled" is not supported for this model.`)
		}
	case "adaptive":
		switch {
		case !adaptive:
			return byModel("adaptive thinking is not supported on this model")
		case budget != nil:
			return byModel("thinking.adaptive.budget_tokens: Extra inputs are not permitted")
		}
	case "enabled":
		limit := c.maxTokens()
		switch {
		case adaptive:
			return byModel(`"thinking.type.enabled" is not supported for this model. ` +
				`Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`)
		case budget == nil:
			return byModel("thinking.enabled.budget_tokens: Field required")
		case budget.int() < 1024:
			return byModel("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
		case limit != nil && limit.int() <= budget.int():
			return byModel("`max_tokens` must be greater than `thinking.budget_tokens`.")
		}
	default:
		return byModel("thinking: Input tag '%s' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'", how)
	}
	return nil
}

func novaReasoning(c *call) *exception {
	config := c.fields().get("reasoningConfig")
	if config == nil {
		return nil
	}
	ok := false
	switch config.get("type").string() {
	case "enabled":
		ok = c.takesEffort(config.get("maxReasoningEffort").string())
	case "disabled":
		ok = !c.profile.AlwaysReasons
	}
	if !ok {
		return invalid("The provided reasoning config value is invalid.")
	}
	return nil
}

func (c *call) takesEffort(effort string) bool {
	return slices.Contains(strings.Fields(c.profile.Efforts), effort)
}

// effort is how hard the model is asked to think, in whichever field says so.
func (c *call) effort() (where string, effort *node) {
	f := c.fields()
	for _, at := range []struct {
		where  string
		effort *node
	}{
		{"outputConfig.effort", c.body.get("outputConfig").get("effort")},
		{"output_config.effort", f.get("output_config").get("effort")},
		{"reasoning_effort", f.get("reasoning_effort")},
		{"reasoningConfig.maxReasoningEffort", f.get("reasoningConfig").get("maxReasoningEffort")},
	} {
		if at.effort != nil {
			return at.where, at.effort
		}
	}
	return "", nil
}

func knownEffort(c *call) *exception {
	where, effort := c.effort()
	switch {
	case effort == nil, strings.HasPrefix(where, "reasoningConfig"): // a rule of its own
		return nil
	case where == "outputConfig.effort" && !c.anthropic():
		return unsupportedField(where)
	case where == "output_config.effort" && !c.anthropic():
		return extraneous(path{}.key("output_config"), "effort")
	case c.profile.Efforts == "":
		return byModel("This model does not support the effort parameter.")
	case !c.takesEffort(effort.string()):
		return byModel("This model does not support effort level '%s'. Supported levels: %s.",
			effort.string(), strings.Join(strings.Fields(c.profile.Efforts), ", "))
	}
	above := effort.string() == "xhigh" || effort.string() == "max"
	if above && c.fields().get("thinking").get("type").string() == "disabled" {
		return byModel("output_config.effort: '%s' is not supported when thinking is disabled.", effort.string())
	}
	return nil
}

func maxTokensAtHigh(c *call) *exception {
	if _, effort := c.effort(); c.profile.NoMaxTokensAtHigh && effort.string() == "high" && c.reasons() && c.maxTokens() != nil {
		return invalid("The maxTokens field must not be set when maxReasoningEffort is high. Remove maxTokens and try again.")
	}
	return nil
}

// reasoningLeads looks at the turn that the model is in the middle of: what it said
// since the user last spoke. It must begin with reasoning where a budget is given;
// models that reason adaptively may have had nothing to think about.
func reasoningLeads(c *call) *exception {
	if c.profile.Reasoning != bedrock.ReasoningBudget || c.fields().get("thinking").get("type").string() != "enabled" {
		return nil
	}
	var first *block
	for i := len(c.turns) - 1; i >= 0; i-- {
		t := c.turns[i]
		if t.role == "user" && len(t.answers()) == 0 {
			break
		}
		if t.role == "assistant" {
			first = &t.blocks[0]
		}
	}
	if first == nil || first.kind == "reasoningContent" {
		return nil
	}
	kind := strings.NewReplacer("toolUse", "tool_use", "toolResult", "tool_result").Replace(first.kind)
	return byModel("%s.type: Expected `thinking` or `redacted_thinking`, but found `%s`. When `thinking` is enabled, "+
		"a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "+
		"We recommend you include thinking blocks from previous turns. To avoid this requirement, disable `thinking`.", first.at, kind)
}

// reasoningReplay is for what the model does not take back at all.
func reasoningReplay(c *call) *exception {
	for b := range c.blocks {
		if b.kind != "reasoningContent" {
			continue
		}
		text := b.v.get("reasoningText")
		unsigned := text != nil && text.get("signature") == nil && !c.profile.UnsignedReasoning
		switch {
		case c.profile.NoReasoningReplay, unsigned && !c.claude():
			return invalid(userReasoning)
		case unsigned:
			return byModel("%s.thinking.signature: Field required", b.at)
		}
	}
	return nil
}

func signatures(c *call) *exception {
	for b := range c.blocks {
		if s := b.v.get("reasoningText").get("signature"); b.kind == "reasoningContent" && s != nil && s.string() == "" {
			return byModel("%s: Invalid `signature` in `thinking` block", b.at)
		}
	}
	return nil
}

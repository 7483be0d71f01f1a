package bedrock

import (
	"math"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Budgets of reasoning, in tokens.
// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
const (
	minBudget     = 1024
	defaultBudget = 4096
	answerTokens  = 4096 // left for the answer beside a budget, where MaxTokens says nothing
)

// budgets are what an effort comes to where the family takes a budget; the reverse
// holds, too.
var budgets = []struct {
	effort string
	tokens int
}{{llm.EffortLow, 2048}, {llm.EffortMedium, 8192}, {llm.EffortHigh, 16384}, {llm.EffortMax, 32768}}

// effortsByRank are all efforts of all families.
var effortsByRank = []string{"between_tools", llm.EffortLow, llm.EffortMedium, llm.EffortHigh, "xhigh", llm.EffortMax}

// minAnswer is the least that is left for the answer beside a budget.
const minAnswer = 256

// reasoningParameters asks for reasoning in the family's way.
func reasoningParameters(d *draft) {
	r, p := d.req.Reasoning, d.profile
	d.reasons = p.reasonsUnasked()
	if own, on := d.ownReasoning(); own {
		d.reasons = on
		if on && forced(d.req.ToolChoice) && !p.ForcedToolWithReasoning {
			d.refuse(llm.ErrUnsupported, nil, "tool_choice", "the model cannot be forced to call a tool while it reasons, as the options ask it to")
		}
		if r != nil {
			d.changed(llm.WarningDropped, nil, "reasoning", "the options say it already")
		}
		return
	}
	asked := r != nil && r.Effort != llm.EffortNone
	if forced(d.req.ToolChoice) && !p.ForcedToolWithReasoning && (asked && p.Reasoning != ReasoningNone || d.reasons) {
		if p.AlwaysReasons || d.reasons && !p.canStopReasoning() {
			d.refuse(llm.ErrUnsupported, nil, "tool_choice", "the model always reasons, and cannot be forced to call a tool while it does")
			return
		}
		d.changed(llm.WarningDropped, nil, "reasoning", "the model does not reason where a tool call is forced")
		d.reasoningOff()
		return
	}
	if r == nil {
		return
	}
	if !asked {
		d.reasoningOff()
		return
	}
	if why := d.cannotReason(); why != "" {
		d.changed(llm.WarningDropped, nil, "reasoning", "%s", why)
		return
	}
	d.reasons = true
	switch p.Reasoning {
	case ReasoningBudget:
		d.budget(r)
	case ReasoningAdaptive:
		d.set("thinking", map[string]any{"type": "adaptive"}, "reasoning")
		d.setEffort("output_config.effort", d.effort(r, ""))
	case ReasoningNova:
		e := d.effort(r, llm.EffortMedium)
		d.set("reasoningConfig", map[string]any{"type": "enabled", "maxReasoningEffort": e}, "reasoning")
		d.noMaxTokens(e)
	case ReasoningEffort:
		def := ""
		if !d.profile.AlwaysReasons {
			def = llm.EffortHigh // without one it would not
		}
		d.setEffort("reasoning_effort", d.effort(r, def))
	}
}

// cannotReason says why the model cannot be asked to reason here, if so.
func (d *draft) cannotReason() string {
	p := d.profile
	switch {
	case p.Reasoning == ReasoningNone && p.AlwaysReasons:
		return "the model always reasons, and takes no effort"
	case p.Reasoning == ReasoningNone && p.Family == "":
		return "whether this model reasons is not known: set Options.Profile, as with ProfileFor the id of its foundation model"
	case p.Reasoning == ReasoningNone:
		return "the model does not reason on request"
	case p.Reasoning != ReasoningBudget:
		return ""
	case d.unledCalls():
		return "the calls that are being answered came without signed reasoning before them"
	case len(d.turns) > 0 && d.turns[len(d.turns)-1].role == llm.RoleAssistant:
		return "the model does not reason where it continues a message of its own"
	case d.req.MaxTokens > 0 && d.req.MaxTokens < minBudget+minAnswer:
		return "max_tokens leaves no room for the least budget, 1024"
	}
	return ""
}

// ownReasoning says whether the application asks for reasoning in the options, and
// whether the model then reasons.
func (d *draft) ownReasoning() (own, on bool) {
	for _, key := range []string{"thinking", "reasoningConfig"} {
		if v := d.own(key); !v.isNull() {
			return true, string(v.get("type")) != `"disabled"`
		}
	}
	for _, key := range []string{"reasoning_effort", "reasoning_config"} {
		if v := d.own(key); !v.isNull() {
			return true, string(v) != `"none"`
		}
	}
	return d.options != nil && d.options.Effort != "", d.reasons
}

// reasonsUnasked says whether the model reasons where nothing is said of it.
func (p *Profile) reasonsUnasked() bool { return p.ReasonsByDefault || p.AlwaysReasons }

// canStopReasoning says whether there is a switch to turn reasoning off.
func (p *Profile) canStopReasoning() bool {
	return p.ReasonsByDefault && !p.AlwaysReasons && p.Reasoning != ReasoningNone && p.Reasoning != ReasoningEffort
}

func (d *draft) reasoningOff() {
	p := d.profile
	switch {
	case !p.reasonsUnasked():
		return // so it is
	case !p.canStopReasoning():
		d.changed(llm.WarningDropped, nil, "reasoning", "the model always reasons")
		return
	}
	d.reasons = false
	switch p.Reasoning {
	case ReasoningBudget, ReasoningAdaptive:
		d.set("thinking", map[string]any{"type": "disabled"}, "reasoning")
	case ReasoningNova:
		d.set("reasoningConfig", map[string]any{"type": "disabled"}, "reasoning")
	}
}

// budget asks with a number of tokens, which count against MaxTokens.
func (d *draft) budget(r *llm.Reasoning) {
	n := min(r.BudgetTokens, math.MaxInt32-answerTokens)
	if n == 0 {
		n = defaultBudget
		for _, b := range budgets {
			if b.effort == r.Effort {
				n = b.tokens
			}
		}
	} else if r.Effort != "" {
		d.changed(llm.WarningDropped, nil, "reasoning.effort", "the model takes a budget, and no effort")
	}
	if n < minBudget {
		d.changed(llm.WarningClamped, nil, "reasoning.budget_tokens", "raised to the least that there is, %d", minBudget)
		n = minBudget
	}
	if d.req.MaxTokens == 0 {
		d.req.MaxTokens = n + answerTokens
		if most := d.profile.MaxOutputTokens; most > 0 {
			d.req.MaxTokens = min(d.req.MaxTokens, most)
		}
		d.warn("max_tokens", "set to %d, since it must be greater than the budget of reasoning", d.req.MaxTokens)
	} else if r.BudgetTokens == 0 {
		n = min(n, max(d.req.MaxTokens/2, minBudget)) // ours leaves room for the answer
	}
	if most := d.req.MaxTokens - minAnswer; n > most {
		d.changed(llm.WarningClamped, nil, "reasoning.budget_tokens", "lowered to %d, since it counts against max_tokens", most)
		n = most
	}
	d.set("thinking", map[string]any{"type": "enabled", "budget_tokens": n}, "reasoning")
}

// effort is the nearest that the family takes, or def where none is asked for.
func (d *draft) effort(r *llm.Reasoning, def string) string {
	taken := strings.Fields(d.profile.Efforts)
	asked := r.Effort
	switch {
	case r.BudgetTokens > 0 && asked != "":
		d.changed(llm.WarningDropped, nil, "reasoning.budget_tokens", "the model takes an effort, and no budget")
	case r.BudgetTokens > 0:
		for _, b := range slices.Backward(budgets) {
			if asked == "" || r.BudgetTokens <= b.tokens {
				asked = b.effort
			}
		}
		asked = nearest(asked, taken)
		d.changed(llm.WarningDowngraded, nil, "reasoning.budget_tokens", "the model takes an effort, and no budget: %s", asked)
	}
	switch {
	case asked == "":
		return nearest(def, taken)
	case slices.Contains(taken, asked):
		return asked
	case !slices.Contains(effortsByRank, asked):
		d.changed(llm.WarningDropped, nil, "reasoning.effort", "the model takes %s", strings.Join(taken, ", "))
		return nearest(def, taken)
	}
	d.changed(llm.WarningClamped, nil, "reasoning.effort", "the model takes %s: the nearest is %s", strings.Join(taken, ", "), nearest(asked, taken))
	return nearest(asked, taken)
}

// nearest is the highest effort that is not above the one asked for, or else the
// lowest.
func nearest(asked string, taken []string) string {
	if asked == "" || len(taken) == 0 || slices.Contains(taken, asked) {
		return asked
	}
	rank, best := slices.Index(effortsByRank, asked), taken[0]
	for _, e := range taken {
		if slices.Index(effortsByRank, e) <= rank {
			best = e
		}
	}
	return best
}

// setEffort asks for an effort; "" leaves it to the model.
func (d *draft) setEffort(path, effort string) {
	if effort != "" {
		d.set(path, effort, "reasoning.effort")
		d.noMaxTokens(effort)
	}
}

// noMaxTokens drops MaxTokens where the family takes none at that effort.
func (d *draft) noMaxTokens(effort string) {
	if effort == llm.EffortHigh && d.profile.NoMaxTokensAtHigh && d.req.MaxTokens > 0 {
		d.changed(llm.WarningDropped, nil, "max_tokens", "the model takes none at effort high")
		d.req.MaxTokens = 0
	}
}

func forced(c llm.ToolChoice) bool {
	return c.Mode == llm.ToolChoiceAny || c.Mode == llm.ToolChoiceTool
}

// unledCalls says whether what the model has said since the user last spoke begins with
// anything but reasoning.
func (d *draft) unledCalls() bool {
	var first []item
	for _, t := range slices.Backward(d.turns) {
		if t.role == llm.RoleUser && !holds(t.items, results) {
			break
		}
		if t.role == llm.RoleAssistant {
			first = t.items
		}
	}
	return len(first) > 0 && kindOf(first[0].part) != reasoning
}

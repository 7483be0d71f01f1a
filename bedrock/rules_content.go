package bedrock

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// dropSystem leaves out the parts of the system prompt for which f has a reason.
func (d *draft) dropSystem(f func(llm.Part) string) {
	if !slices.ContainsFunc(d.system, func(it item) bool { return f(it.part) != "" }) {
		return
	}
	var out []item
	for _, it := range d.system {
		if why := f(it.part); why != "" {
			d.changed(llm.WarningDropped, it.at, "", "%s", why)
			continue
		}
		out = append(out, it)
	}
	d.system = out
}

// replayReasoning keeps the reasoning that the model takes back. Without its signature,
// or with that of another vendor, it is refused by all.
func replayReasoning(d *draft) {
	d.edit(reasoning, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.ReasoningPart)
		why := ""
		switch {
		case d.profile.NoReasoningReplay:
			why = "the model takes no reasoning back"
		case !ours(p.Opaque) || p.Opaque != nil && otherVendor(p.Opaque.Model, d.modelID):
			why = "it is another provider's or another vendor's"
		case p.Signature == "" && len(p.Redacted) == 0 && (p.Text == "" || !d.profile.UnsignedReasoning):
			why = "it has no signature"
		default:
			return nil, false
		}
		d.changed(llm.WarningDropped, it.at, "", "left out: %s", why)
		return nil, true
	})
}

// leadingReasoning moves reasoning to the front of its message, where the service looks
// for it while the model reasons within a budget.
func leadingReasoning(d *draft) {
	if d.profile.Reasoning != ReasoningBudget {
		return
	}
	for i := range d.turns {
		t := &d.turns[i]
		at := slices.IndexFunc(t.items, func(it item) bool { return kindOf(it.part) == reasoning })
		if at > 0 {
			d.changed(llm.WarningRepaired, t.items[at].at, "", "moved to the front of its message")
			led := t.items[at]
			t.items = slices.Insert(slices.Delete(slices.Clone(t.items), at, at+1), 0, led)
		}
	}
}

// replayCitations keeps the citations that go back: Bedrock's own, on the model's text.
func replayCitations(d *draft) {
	for i, it := range d.system {
		if p, ok := it.part.(*llm.TextPart); ok && len(p.Citations) > 0 {
			d.changed(llm.WarningDropped, it.at, "citations", "left out: only the model's text has any")
			d.system = slices.Clone(d.system)
			d.system[i].part = &llm.TextPart{Text: p.Text}
		}
	}
	d.edit(text, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.TextPart)
		if len(p.Citations) == 0 {
			return nil, false
		}
		mended := &llm.TextPart{Text: p.Text, Opaque: p.Opaque}
		if t.role == llm.RoleAssistant && ours(p.Opaque) {
			mended.Citations = d.citations(it, p)
		} else {
			d.changed(llm.WarningDropped, it.at, "citations", "left out: Bedrock takes back only its own")
		}
		if slices.EqualFunc(mended.Citations, p.Citations, func(a, b llm.Citation) bool { return len(a.Data) == len(b.Data) }) {
			return nil, false
		}
		return it.with(mended), true
	})
}

// citations are those of a text that go back. A form that the AWS SDK does not know goes
// back as far as the neutral one holds it.
func (d *draft) citations(it item, p *llm.TextPart) []llm.Citation {
	var out []llm.Citation
	for i, c := range p.Citations {
		field := fmt.Sprintf("citations[%d]", i)
		if c.Kind == "search_result" {
			d.changed(llm.WarningDropped, it.at, field, "left out: Bedrock takes back none of search results")
			continue
		}
		if _, err := citationOf(c, p.Opaque != nil); err != nil && p.Opaque != nil && len(c.Data) > 0 {
			d.changed(llm.WarningDropped, it.at, field+".data", "left out: this version of the AWS SDK does not know its form")
			if c.Data = nil; reflect.ValueOf(c).IsZero() {
				continue
			}
		}
		if _, err := citation(c); err != nil {
			d.changed(llm.WarningDropped, it.at, field, "left out: %v", err)
			continue
		}
		out = append(out, c)
	}
	return out
}

// malformedArguments shows the model what it wrote, in the only form there is.
func malformedArguments(d *draft) {
	d.edit(calls, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.ToolCallPart)
		if p.Malformed == "" {
			return nil, false
		}
		d.changed(llm.WarningRepaired, it.at, "malformed", "sent as text within an object")
		mended := *p
		mended.Malformed = ""
		mended.Input, _ = json.Marshal(map[string]string{"malformed_input": p.Malformed}) // strings always marshal
		return it.with(&mended), true
	})
}

// blankText leaves out text that Bedrock refuses. Models say nothing at times, and
// tools print nothing.
func blankText(d *draft) {
	const why = "left out: it is blank"
	d.dropSystem(func(p llm.Part) string {
		if isBlank(p) {
			return why
		}
		return ""
	})
	d.edit(text|results|native, func(t *turn, it item) ([]item, bool) {
		if isBlank(it.part) {
			d.changed(llm.WarningDropped, it.at, "", why)
			return nil, true
		}
		if p, ok := it.part.(*llm.ToolResultPart); ok {
			return d.editResult(it, p, func(c llm.Part, _ location) (llm.Part, string) {
				if isBlank(c) {
					return nil, why
				}
				return c, ""
			})
		}
		return nil, false
	})
}

// isBlank says whether a part is text that has none, for the model or a guardrail.
func isBlank(p llm.Part) bool {
	switch p := p.(type) {
	case *llm.TextPart:
		return blank(p.Text)
	case *llm.ProviderPart:
		if p.Kind == guardContent {
			text := dataOf(p).get("text").get("text")
			return !text.isNull() && blank(string(text.appendString(nil)))
		}
	}
	return false
}

// emptyMessages leaves out messages of which nothing is left. A user's that was empty
// from the start is refused by [llm.Request.Validate].
func emptyMessages(d *draft) {
	empty := func(t turn) bool { return !holds(t.items, ^cachePoints) }
	if !slices.ContainsFunc(d.turns, empty) {
		return
	}
	var out []turn
	for _, t := range d.turns {
		switch {
		case !empty(t):
			out = append(out, t)
		case t.role == llm.RoleUser && t.index == len(d.req.Messages)-1:
			d.refuse(llm.ErrInvalidRequest, location{list: inMessages, i: int32(t.index)}, "", "blank, or nothing that can be sent to Bedrock: ask something")
		default:
			d.changed(llm.WarningDropped, t, "", "left out: nothing in it can be sent")
		}
	}
	d.turns = out
}

// String is the path of a turn's message.
func (t turn) String() string { return location{list: inMessages, i: int32(t.index), j: -1}.String() }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

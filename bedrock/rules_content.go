package bedrock

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// foreignParts leaves out what another provider, or a later version, has put into the
// history. What the application puts in itself is its to mend.
func foreignParts(d *draft) {
	d.edit(native, func(t *turn, it item) ([]item, bool) {
		p, ok := it.part.(*llm.ProviderPart)
		if !ok {
			d.refuse(llm.ErrUnsupported, it.at, "", "a %T is unknown to this version of Parley", it.part)
			return nil, false
		}
		switch p.Provider {
		case Provider:
		case "":
			d.changed(llm.WarningDropped, it.at, "", "left out: this version of Parley does not know its kind")
			return nil, true
		default:
			d.changed(llm.WarningDropped, it.at, "", "left out: it belongs to another provider")
			return nil, true
		}
		if t.role != llm.RoleAssistant && (p.Kind == "toolUse" || p.Kind == "reasoningContent" || p.Kind == "citationsContent") {
			d.refuse(llm.ErrInvalidRequest, it.at, "kind", "%s belongs in an assistant message", p.Kind)
			return nil, false
		}
		block, err := providerBlock(p)
		if err != nil && t.role == llm.RoleAssistant {
			// The model's own words must not end the conversation.
			d.changed(llm.WarningDropped, it.at, "", "left out: this version of the AWS SDK does not know such a block")
			return nil, true
		}
		if err != nil {
			d.err = within(err, "%v", it.at)
			return nil, false
		}
		return []item{{part: p, at: it.at, block: block}}, true
	})
	d.system = slices.DeleteFunc(slices.Clone(d.system), func(it item) bool {
		p, ok := it.part.(*llm.ProviderPart)
		if ok && p.Provider != Provider {
			d.changed(llm.WarningDropped, it.at, "", "left out: it belongs to another provider")
			return true
		}
		return false
	})
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
	for i := 0; i < len(d.system); i++ {
		if p, ok := d.system[i].part.(*llm.TextPart); ok && blank(p.Text) {
			d.changed(llm.WarningDropped, d.system[i].at, "", "left out: it is blank")
			d.system = slices.Delete(slices.Clone(d.system), i, i+1)
			i--
		}
	}
	d.edit(text|results|native, func(t *turn, it item) ([]item, bool) {
		switch p := it.part.(type) {
		case *llm.TextPart:
			if blank(p.Text) && len(t.items) == 1 && t.index == len(d.req.Messages)-1 && t.role == llm.RoleUser {
				d.refuse(llm.ErrInvalidRequest, it.at, "text", "blank, and nothing else is asked")
				return nil, false
			}
			if blank(p.Text) {
				d.changed(llm.WarningDropped, it.at, "", "left out: it is blank")
				return nil, true
			}
		case *llm.ProviderPart:
			if p.Kind == guardContent && isBlankGuard(p.Data) {
				d.changed(llm.WarningDropped, it.at, "", "left out: it is blank")
				return nil, true
			}
		case *llm.ToolResultPart:
			return d.editResult(it, p, func(c llm.Part) (llm.Part, string) {
				if s, ok := c.(*llm.TextPart); ok && blank(s.Text) {
					return nil, "left out: it is blank"
				}
				return c, ""
			})
		}
		return nil, false
	})
}

func isBlankGuard(data json.RawMessage) bool {
	var guard struct{ Text *struct{ Text string } }
	return json.Unmarshal(data, &guard) == nil && guard.Text != nil && blank(guard.Text.Text)
}

// emptyMessages leaves out messages of which nothing is left. A user's that was empty
// from the start is refused by [llm.Request.Validate].
func emptyMessages(d *draft) {
	empty := func(t turn) bool { return !holds(t.items, ^cachePoints) }
	if !slices.ContainsFunc(d.turns, empty) {
		return
	}
	d.turns = slices.DeleteFunc(slices.Clone(d.turns), func(t turn) bool {
		if !empty(t) {
			return false
		}
		if t.role == llm.RoleUser && t.index == len(d.req.Messages)-1 {
			d.refuse(llm.ErrInvalidRequest, t, "content", "nothing in the last message can be sent to Bedrock, such as blank text: ask something")
			return false
		}
		d.changed(llm.WarningDropped, t, "", "left out: nothing in it can be sent")
		return true
	})
}

// String is the path of a turn's message.
func (t turn) String() string { return location{"messages", t.index, -1}.String() }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

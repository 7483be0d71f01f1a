package bedrock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

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
		if why := foreign(p); why != "" {
			d.changed(llm.WarningDropped, it.at, "", "%s", why)
			return nil, true
		}
		if t.role != llm.RoleAssistant && (p.Kind == "toolUse" || p.Kind == "reasoningContent" || p.Kind == "citationsContent") {
			d.refuse(llm.ErrInvalidRequest, it.at, "kind", "%s belongs in an assistant message", p.Kind)
			return nil, false
		}
		if t.role != llm.RoleAssistant && p.Kind == "toolResult" && dataOf(p).get("type").isNull() {
			d.refuse(llm.ErrInvalidRequest, it.at, "kind", "a result of the application's own is an llm.ToolResultPart")
			return nil, false
		}
		if neutral := d.neutral(p); neutral != nil {
			return it.with(neutral), true
		}
		mended := d.nativeCall(it, p)
		if mended == nil {
			return nil, true
		}
		block, err := providerBlock(mended)
		if err != nil && t.role == llm.RoleAssistant {
			// The model's own words must not end the conversation.
			d.changed(llm.WarningDropped, it.at, "", "left out: this version of the AWS SDK does not know such a block")
			return nil, true
		}
		if err != nil {
			d.err = within(err, "%v", it.at)
			return nil, false
		}
		return []item{{part: mended, at: it.at, block: block}}, true
	})
	d.dropSystem(func(p llm.Part) string {
		if p, ok := p.(*llm.ProviderPart); ok {
			return foreign(p)
		}
		return ""
	})
}

// neutral is the neutral form of a block that Bedrock's own name was used for, if it has
// one: the rules know that.
func (d *draft) neutral(p *llm.ProviderPart) llm.Part {
	if p.Kind == "cachePoint" {
		point := &llm.CachePointPart{}
		if string(dataOf(p).get("ttl")) == `"1h"` {
			point.TTL = time.Hour
		}
		return point
	}
	dec := &jsonDecoder{modelID: d.modelID}
	kind, _ := json.Marshal(p.Kind) // strings always marshal
	part := dec.decodeBlock(value(slices.Concat([]byte("{"), kind, []byte(":"), dataOf(p), []byte("}"))))
	if _, native := part.(*llm.ProviderPart); native || part == nil || dec.wrong != "" {
		if p.Kind == "text" {
			return llm.Text("") // and is left out
		}
		return nil
	}
	return part
}

// nativeCall is a call that Bedrock ran itself, or its result, as it can go back; nil
// where it cannot. Calls that were cut short are no objects.
func (d *draft) nativeCall(it item, p *llm.ProviderPart) *llm.ProviderPart {
	if p.Kind != "toolUse" && p.Kind != "toolResult" {
		return p
	}
	v := dataOf(p)
	id, name := string(v.get("toolUseId").appendString(nil)), string(v.get("name").appendString(nil))
	if !isName(id, maxCallID) || p.Kind == "toolUse" && !isName(name, maxToolName) {
		d.changed(llm.WarningDropped, it.at, "", "left out: Bedrock refuses its id or name")
		return nil
	}
	input := v.get("input")
	if p.Kind != "toolUse" || len(input) > 0 && input[0] == '{' {
		return p
	}
	d.changed(llm.WarningRepaired, it.at, "data.input", "sent as text within an object")
	members := make(map[string]json.RawMessage)
	_ = json.Unmarshal(p.Data, &members) // an object, as its id was read
	members["input"], _ = json.Marshal(map[string]string{"malformed_input": string(input.appendString(nil))})
	mended := *p
	mended.Data, _ = json.Marshal(members)
	return &mended
}

// foreign says why a part is none of Bedrock's, if so.
func foreign(p *llm.ProviderPart) string {
	switch p.Provider {
	case Provider:
		return ""
	case "":
		return "left out: this version of Parley does not know its kind"
	}
	return "left out: it belongs to another provider"
}

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

// dataOf is the data of a provider's part.
func dataOf(p *llm.ProviderPart) value { return value(bytes.TrimSpace(p.Data)) } // valid JSON, by llm.Request.Validate

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

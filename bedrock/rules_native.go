package bedrock

import (
	"bytes"
	"encoding/json"
	"slices"
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
	if len(p.Data) == 0 {
		return nil
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

// dataOf is the data of a provider's part.
func dataOf(p *llm.ProviderPart) value { return value(bytes.TrimSpace(p.Data)) } // valid JSON, by llm.Request.Validate

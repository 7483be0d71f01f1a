package bedrock

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// structuredOutput has a tool take the document where the family has no native way: the
// model is made to call it, or where it cannot be made, asked to.
func structuredOutput(d *draft) {
	o, p := d.req.Output, d.profile
	if o == nil || isPrompt(d.modelID) {
		return
	}
	if p.StructuredOutput {
		if _, _, ok := strictSchema(o.Schema); ok {
			return
		}
	}
	if p.NoTools {
		d.warn("output", "the model has no structured output and no tools: it is asked in words")
		d.instruct("Answer with nothing but JSON that satisfies this JSON Schema: " + string(o.Schema))
		d.req.Output = nil
		return
	}
	schema := o.Schema
	if doc := value(bytes.TrimSpace(schema)); len(doc.get("type")) == 0 && doc.get("$ref").isNull() {
		schema = withMember(schema, "type", json.RawMessage(`"object"`)) // as the tool takes
	} else if string(doc.get("type")) != `"object"` {
		d.refuse(llm.ErrUnsupported, nil, "output.schema.type", "the model has no structured output for this schema, and a tool in its place takes objects only")
		return
	}
	d.warn("output", "the model has no structured output, or none for this schema: a tool takes the document")
	d.answer = safeName(o.Name)
	if o.Name == "" {
		d.answer = "answer"
	}
	for slices.ContainsFunc(d.req.Tools, func(t llm.Tool) bool { return t.Name == d.answer }) {
		d.answer = safeName(d.answer + "_")
	}
	t := llm.Tool{Name: d.answer, Description: o.Description, Schema: schema}
	if t.Description == "" {
		t.Description = "Takes the answer. Call it once, when the answer is ready."
	}
	alone := len(d.req.Tools) == 0
	d.req.Tools, d.tools = append(slices.Clone(d.req.Tools), t), true
	d.has |= tools
	d.req.Output = nil
	free := p.ForcedToolWithReasoning || !d.reasons
	switch {
	case d.req.ToolChoice.Mode == llm.ToolChoiceAny || d.req.ToolChoice.Mode == llm.ToolChoiceTool:
	case free && alone && p.ToolChoiceTool:
		d.req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: d.answer}
	case free && p.ToolChoiceAny:
		d.req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceAny}
	default:
		d.req.ToolChoice = llm.ToolChoice{}
		d.instruct("Give your answer by calling the tool " + d.answer + ", and in no other way.")
	}
}

// instruct adds to the system prompt, or where there can be none, to the first message.
func (d *draft) instruct(text string) {
	it := item{part: llm.Text(text), at: location{list: ofSystem, i: int32(len(d.req.System))}}
	if !d.profile.NoSystem {
		d.system = append(slices.Clone(d.system), it)
		return
	}
	for i := range d.turns {
		if t := &d.turns[i]; t.role == llm.RoleUser && !holds(t.items, results) {
			t.items = slices.Insert(slices.Clone(t.items), 0, it)
			return
		}
	}
}

// maxStrictTools is how many strict tools Bedrock takes.
const maxStrictTools = 20

// strictSchemas drops strict where the family has none, and brings schemas into the
// dialect of strict mode. What the schema of the output loses, the answer is still held
// to: see [call.checkOutput].
func strictSchemas(d *draft) {
	strict := 0
	for i, t := range d.req.Tools {
		if !t.Strict {
			continue
		}
		at := location{list: inTools, i: int32(i)}
		strict++
		schema := t.Schema
		if len(schema) == 0 {
			schema = emptySchema
		}
		switch schema, lost, ok := strictSchema(schema); {
		case !ok && d.profile.StrictTools:
			d.changed(llm.WarningDropped, at, "strict", "strict tools take no objects with properties of any name")
			d.ownTools()
			d.req.Tools[i].Strict = false
		case !d.profile.StrictTools:
			d.changed(llm.WarningDropped, at, "strict", "the model has no strict tools")
			d.ownTools()
			d.req.Tools[i].Strict = false
		case strict > maxStrictTools:
			d.changed(llm.WarningDropped, at, "strict", "Bedrock takes %d strict tools", maxStrictTools)
			d.ownTools()
			d.req.Tools[i].Strict = false
		default:
			if lost {
				d.changed(llm.WarningRepaired, at, "schema", "bounds that strict tools do not take are left out")
			}
			d.ownTools()
			d.req.Tools[i].Schema = schema
		}
	}
	if o := d.req.Output; o != nil {
		schema, lost, _ := strictSchema(o.Schema)
		if lost {
			d.changed(llm.WarningRepaired, nil, "output.schema", "bounds that structured output does not take are left out of what is sent")
		}
		if !bytes.Equal(schema, o.Schema) {
			own := *o
			own.Schema = schema
			d.req.Output = &own
		}
	}
}

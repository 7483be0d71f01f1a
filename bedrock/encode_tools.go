package bedrock

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// systemTool is the [llm.Tool] kind of a tool that Bedrock runs itself.
const systemTool = "systemTool"

// emptySchema is the schema of a tool without arguments.
var emptySchema = json.RawMessage(`{"type":"object","properties":{}}`)

func (e *encoder) tools(req *llm.Request) (*types.ToolConfiguration, error) {
	if len(req.Tools) == 0 {
		return nil, nil
	}
	c := &types.ToolConfiguration{Tools: make([]types.Tool, 0, len(req.Tools))}
	for i, t := range req.Tools {
		tool, err := e.tool(t)
		if err != nil {
			return nil, within(err, "tools[%d]", i)
		}
		c.Tools = append(c.Tools, tool)
		if t.Cache != nil {
			c.Tools = append(c.Tools, &types.ToolMemberCachePoint{Value: cachePoint(t.Cache)})
		}
	}
	// "auto" is what happens without a choice, and models without tool choice
	// refuse the field.
	switch req.ToolChoice.Mode {
	case llm.ToolChoiceAny:
		c.ToolChoice = &types.ToolChoiceMemberAny{}
	case llm.ToolChoiceTool:
		c.ToolChoice = &types.ToolChoiceMemberTool{Value: types.SpecificToolChoice{Name: &req.ToolChoice.Name}}
	}
	return c, nil
}

func (e *encoder) tool(t llm.Tool) (types.Tool, error) {
	switch {
	case t.Provider == Provider && t.Kind == systemTool:
		if t.Name == "" {
			return nil, invalid("name", "missing: it says which system tool")
		}
		if c := bytes.TrimSpace(t.Config); len(c) > 0 && string(c) != "{}" || len(t.Schema) > 0 || t.Description != "" || t.Strict {
			return nil, unsupported("config", "a system tool of Bedrock has a name and nothing else")
		}
		return &types.ToolMemberSystemTool{Value: types.SystemTool{Name: &t.Name}}, nil
	case t.Provider != "":
		return nil, unsupported("kind", "not a tool that Bedrock runs: it runs those of provider %s and kind %s", Provider, systemTool)
	}
	schema := emptySchema
	if len(t.Schema) > 0 {
		var err error
		if schema, err = canonical(t.Schema); err != nil {
			return nil, invalid("schema", "not valid JSON")
		}
	}
	spec := types.ToolSpecification{
		Name:        &t.Name,
		InputSchema: &types.ToolInputSchemaMemberJson{Value: &rawDocument{text: schema}},
	}
	if t.Description != "" {
		spec.Description = &t.Description
	}
	if t.Strict {
		spec.Strict = new(true)
	}
	return &types.ToolMemberToolSpec{Value: spec}, nil
}

// additionalFields are the model's own parameters: those of the options, and those that
// rules set, which are others.
func additionalFields(d *draft) (json.RawMessage, error) {
	var own json.RawMessage
	if o := d.options; o != nil && len(o.AdditionalFields) > 0 {
		doc, ok := parse(o.AdditionalFields)
		switch {
		case !ok:
			return nil, invalid("options.additional_fields", "not valid JSON")
		case doc[0] != '{':
			return nil, invalid("options.additional_fields", "not a JSON object")
		case !utf8.Valid(o.AdditionalFields):
			return nil, invalid("options.additional_fields", "invalid UTF-8")
		}
		own, _ = canonical(o.AdditionalFields) // valid JSON always marshals
	}
	if len(d.fields) == 0 {
		return own, nil
	}
	all := map[string]json.RawMessage{}
	if own != nil {
		_ = json.Unmarshal(own, &all) // an object, as it was seen to be
	}
	for _, f := range d.fields {
		if key, inner, nested := strings.Cut(f.path, "."); nested {
			all[key] = withMember(all[key], inner, f.value)
		} else {
			all[key] = f.value
		}
	}
	return json.Marshal(all)
}

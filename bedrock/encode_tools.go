package bedrock

import (
	"bytes"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// systemTool is the [llm.Tool] kind of a tool that Bedrock runs itself.
const systemTool = "systemTool"

// emptySchema is the schema of a tool without arguments.
var emptySchema = json.RawMessage(`{"type":"object","properties":{}}`)

func (e *encoder) tools(req *llm.Request) (*types.ToolConfiguration, error) {
	if req.ToolChoice.Single {
		return nil, unsupported("tool_choice.single", "Converse has no switch for it")
	}
	if req.ToolChoice.Mode == llm.ToolChoiceNone && len(req.Tools) > 0 {
		// Converse has no "none". Without the tools there is none either, but then
		// it refuses a history with calls in it.
		if hasToolParts(req) {
			return nil, unsupported("tool_choice", "Converse cannot forbid tools while the conversation holds calls or results")
		}
		return nil, nil
	}
	if len(req.Tools) == 0 {
		return nil, nil
	}
	c := &types.ToolConfiguration{Tools: make([]types.Tool, 0, len(req.Tools))}
	for i, t := range req.Tools {
		e.at = location{list: "tools", i: i}
		tool, err := e.tool(t)
		if err != nil {
			return nil, within(err, "%v", e.at)
		}
		c.Tools = append(c.Tools, tool)
		if t.Cache != nil {
			c.Tools = append(c.Tools, &types.ToolMemberCachePoint{Value: e.cachePoint(t.Cache)})
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

func hasToolParts(req *llm.Request) bool {
	for _, m := range req.Messages {
		for _, p := range m.Content {
			switch p.(type) {
			case *llm.ToolCallPart, *llm.ToolResultPart:
				return true
			}
		}
	}
	return false
}

// additionalFields are the model's own parameters: those of the options, and top_k
// where the profile has a place for it. What the application set itself stands.
func (e *encoder) additionalFields(req *llm.Request, o *RequestOptions) (json.RawMessage, error) {
	var fields json.RawMessage
	if o != nil && len(o.AdditionalFields) > 0 {
		if !json.Valid(o.AdditionalFields) {
			return nil, invalid("options.additional_fields", "not valid JSON")
		}
		var err error
		if fields, err = canonical(o.AdditionalFields); err != nil || fields[0] != '{' {
			return nil, invalid("options.additional_fields", "not a JSON object")
		}
	}
	if req.TopK == nil {
		return fields, nil
	}
	if e.profile.TopKField == "" {
		e.warn(llm.WarningDropped, "top_k", "Converse has no such field, and the profile names none of the model's")
		return fields, nil
	}
	merged := map[string]json.RawMessage{}
	if fields != nil {
		if err := json.Unmarshal(fields, &merged); err != nil {
			return nil, invalid("options.additional_fields", "not a JSON object")
		}
	}
	if _, set := merged[e.profile.TopKField]; !set {
		merged[e.profile.TopKField], _ = json.Marshal(*req.TopK)
	}
	return json.Marshal(merged)
}

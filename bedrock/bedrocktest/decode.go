package bedrocktest

import (
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// decode turns a request that has its shape into neutral terms. What only Bedrock
// has is not in it (guardrails, service tier, latency, prompt variables, additional
// fields but those of reasoning and top_k): see [Exchange].
func decode(n *node) *llm.Request {
	req := &llm.Request{
		System:   decodeBlocks(n.get("system"), ""),
		Metadata: decodeMetadata(n.get("requestMetadata")),
	}
	for _, m := range n.get("messages").items() {
		role := llm.Role(m.get("role").string())
		req.Messages = append(req.Messages, llm.Message{Role: role, Content: decodeBlocks(m.get("content"), role)})
	}
	tools := n.get("toolConfig")
	req.Tools = decodeTools(tools.get("tools"))
	req.ToolChoice = decodeToolChoice(tools.get("toolChoice"))

	inference := n.get("inferenceConfig")
	req.MaxTokens = inference.get("maxTokens").int()
	req.Temperature = inference.get("temperature").float()
	req.TopP = inference.get("topP").float()
	for _, s := range inference.get("stopSequences").items() {
		req.StopSequences = append(req.StopSequences, s.string())
	}
	if f := n.get("outputConfig").get("textFormat").get("structure").get("jsonSchema"); f != nil {
		req.Output = &llm.OutputFormat{
			Name:        f.get("name").string(),
			Description: f.get("description").string(),
			Schema:      json.RawMessage(f.get("schema").string()), // on the wire it is a text
		}
	}
	decodeFields(req, n.get("additionalModelRequestFields"))
	return req
}

// decodeFields reads the parameters of families that have a neutral form.
func decodeFields(req *llm.Request, f *node) {
	for _, k := range []*node{f.get("top_k"), f.get("inferenceConfig").get("topK")} {
		if k != nil {
			req.TopK = new(k.int())
		}
	}
	thinking, nova, effort := f.get("thinking"), f.get("reasoningConfig"), f.get("reasoning_effort")
	switch {
	case thinking.get("type").string() == "disabled", nova.get("type").string() == "disabled":
		req.Reasoning = &llm.Reasoning{Effort: llm.EffortNone}
	case thinking != nil:
		req.Reasoning = &llm.Reasoning{Effort: f.get("output_config").get("effort").string(), BudgetTokens: thinking.get("budget_tokens").int()}
	case nova != nil:
		req.Reasoning = &llm.Reasoning{Effort: nova.get("maxReasoningEffort").string()}
	case effort != nil:
		req.Reasoning = &llm.Reasoning{Effort: effort.string()}
	}
}

func decodeMetadata(n *node) map[string]string {
	if n == nil {
		return nil
	}
	tags := make(map[string]string, len(n.keys))
	for i, key := range n.keys {
		tags[key] = n.values[i].string()
	}
	return tags
}

// decodeTools reads the tools. A cache point belongs to the tool before it.
func decodeTools(n *node) []llm.Tool {
	var tools []llm.Tool
	for _, t := range n.items() {
		switch kind, v := t.member(); kind {
		case "toolSpec":
			tools = append(tools, llm.Tool{
				Name:        v.get("name").string(),
				Description: v.get("description").string(),
				Schema:      v.get("inputSchema").get("json").raw(),
				Strict:      v.get("strict").bool(),
			})
		case "cachePoint":
			if len(tools) > 0 { // a rule sees to it
				tools[len(tools)-1].Cache = decodeCachePoint(v)
			}
		default:
			t := llm.Tool{Name: v.get("name").string(), Provider: provider, Kind: kind}
			if !only(v, "name") {
				t.Config = v.raw()
			}
			tools = append(tools, t)
		}
	}
	return tools
}

func decodeToolChoice(n *node) llm.ToolChoice {
	switch kind, v := n.member(); kind {
	case "any":
		return llm.ToolChoice{Mode: llm.ToolChoiceAny}
	case "tool":
		return llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: v.get("name").string()}
	}
	return llm.ToolChoice{}
}

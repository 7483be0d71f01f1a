package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options are what only this provider understands. A request has them by
// [llm.Request.SetOptions]; other backends pass them over.
type Options struct {
	Betas       []string `json:"betas,omitempty"`        // features that the endpoint still tries out, by their dated names
	ServiceTier string   `json:"service_tier,omitempty"` // "auto" or "standard_only"; "" = the provider's default
}

// ProviderName says whose options they are.
func (*Options) ProviderName() string { return Provider }

// defaultMaxTokens is sent where a request sets no limit, since the wire wants one.
const defaultMaxTokens = 16_000

// encode writes the request in the words of the wire, and changes nothing in it (law 1).
func (c *call) encode(req *llm.Request, options *Options) object {
	var messages []object
	for i, m := range req.Messages {
		path := fmt.Sprintf("messages[%d].content", i)
		content := c.blocksOf(path, m.Role, m.Content)
		if c.lacks(len(content) == 0, llm.WarningDropped, path, "an empty message is refused"); len(content) > 0 {
			messages = append(messages, object{{"role", m.Role}, {"content", content}})
		}
	}
	c.lacks(req.MaxTokens == 0, llm.WarningRepaired, "max_tokens", fmt.Sprintf("the wire wants a limit: %d was sent", defaultMaxTokens))
	for key := range req.Metadata {
		c.lacks(key != "user_id", llm.WarningDropped, "metadata", "the wire takes a user_id only")
	}
	thinking, effort := reasoning(req.Reasoning)
	return object{
		{"model", c.model},
		{"max_tokens", cmp.Or(req.MaxTokens, defaultMaxTokens)},
		{"system", c.blocksOf("system", llm.RoleSystem, req.System)},
		{"messages", messages},
		{"tools", c.tools(req.Tools)},
		{"tool_choice", toolChoice(req)},
		{"temperature", req.Temperature},
		{"top_p", req.TopP},
		{"top_k", req.TopK},
		{"stop_sequences", req.StopSequences},
		{"thinking", thinking},
		{"output_config", orNil(object{{"effort", effort}, {"format", c.format(req.Output)}})},
		{"metadata", orNil(object{{"user_id", req.Metadata["user_id"]}})},
		{"service_tier", options.ServiceTier},
		{"stream", true},
	}
}

// orNil leaves out an object that says nothing.
func orNil(o object) any {
	if b, _ := json.Marshal(o); string(b) == "{}" {
		return nil
	}
	return o
}

const meaning llm.WarningCode = ""

// lacks says what the wire has no place for. What changes the meaning of a request is
// refused, what only tunes it is left out with a warning (law 7). Both name the place, and
// never what stands there (law 8).
func (c *call) lacks(is bool, kind llm.WarningCode, path, why string) {
	switch {
	case !is:
	case kind != meaning:
		c.finish.Warnings = append(c.finish.Warnings, llm.Warning{Code: kind, Field: path, Message: why})
	case c.refusal == nil:
		c.refusal = &llm.Error{Code: llm.ErrUnsupported, Message: path + ": " + why}
	}
}

// tools are the application's, and those that the provider runs.
func (c *call) tools(tools []llm.Tool) (all []object) {
	for i, t := range tools {
		path := fmt.Sprintf("tools[%d]", i)
		c.lacks(t.Provider != "" && t.Provider != Provider, meaning, path, "another provider runs this tool")
		tool := object{{"name", t.Name}, {"description", t.Description}, {"input_schema", orElse(t.Schema, `{"type":"object"}`)}, {"strict", t.Strict}}
		if t.Provider != "" {
			tool = append(object{{"type", t.Kind}, {"name", t.Name}}, members(t.Config)...)
		}
		if t.Cache != nil {
			tool = append(tool, c.cacheControl(path+".cache", t.Cache))
		}
		all = append(all, tool)
	}
	return all
}

// orElse is cmp.Or for JSON.
func orElse(raw json.RawMessage, otherwise string) json.RawMessage {
	if len(raw) > 0 {
		return raw
	}
	return json.RawMessage(otherwise)
}

var toolChoices = map[llm.ToolChoiceMode]string{
	llm.ToolChoiceAuto: "auto", llm.ToolChoiceAny: "any", llm.ToolChoiceNone: "none", llm.ToolChoiceTool: "tool",
}

func toolChoice(req *llm.Request) object {
	choice := req.ToolChoice
	if len(req.Tools) == 0 || choice == (llm.ToolChoice{}) {
		return nil // the endpoint refuses a choice without tools
	}
	return object{{"type", toolChoices[choice.Mode]}, {"name", choice.Name},
		{"disable_parallel_tool_use", choice.Single && choice.Mode != llm.ToolChoiceNone}}
}

// reasoning are the two ways to size reasoning: older models take a budget, newer ones an
// effort. Which of them the model is, the endpoint says.
func reasoning(r *llm.Reasoning) (thinking object, effort string) {
	switch {
	case r == nil:
		return nil, ""
	case r.Effort == llm.EffortNone:
		return object{{"type", "disabled"}}, ""
	case r.BudgetTokens > 0:
		return object{{"type", "enabled"}, {"budget_tokens", r.BudgetTokens}}, r.Effort
	}
	return object{{"type", "adaptive"}}, r.Effort
}

func (c *call) format(o *llm.OutputFormat) object {
	if o == nil {
		return nil
	}
	c.lacks(o.Name != "", llm.WarningDropped, "output.name", "the wire has none")
	c.lacks(o.Description != "", llm.WarningDropped, "output.description", "the wire has none: the schema may hold one")
	return object{{"type", "json_schema"}, {"schema", o.Schema}}
}

// cacheControl is a cache point: on this wire a mark on the block that it follows.
func (c *call) cacheControl(path string, p *llm.CachePointPart) member {
	ttl := ""
	switch {
	case p.TTL > 5*time.Minute:
		ttl = "1h"
	case p.TTL > 0:
		ttl = "5m"
	}
	c.lacks(p.TTL != 0 && p.TTL != 5*time.Minute && p.TTL != time.Hour, llm.WarningClamped, path, "kept for "+ttl+": the wire has 5m and 1h")
	return member{"cache_control", object{{"type", "ephemeral"}, {"ttl", ttl}}}
}

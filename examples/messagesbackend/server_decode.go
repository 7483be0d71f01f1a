package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// request is a request of the wire, as far as the backend of this example writes it.
type request struct {
	Model     string
	MaxTokens int `json:"max_tokens"`
	System    []json.RawMessage
	Messages  []struct {
		Role    llm.Role
		Content []json.RawMessage
	}
	Tools      []json.RawMessage
	ToolChoice struct {
		Type, Name string
		Single     bool `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Temperature *float64
	TopP        *float64 `json:"top_p"`
	TopK        *int     `json:"top_k"`
	Stop        []string `json:"stop_sequences"`
	Thinking    struct {
		Type   string
		Budget int `json:"budget_tokens"`
	}
	Output struct {
		Effort string
		Format *struct{ Schema json.RawMessage }
	} `json:"output_config"`
	Metadata map[string]string
	Stream   bool
}

// requestBlock is a block of a request, or a tool. The kinds have different members.
type requestBlock struct {
	Type, Text, Title, Context string
	Source                     struct {
		Type, Data, URL string
		MediaType       string `json:"media_type"`
	}
	Citations           json.RawMessage // a list in a text, an object in a document
	ID, Name            string
	Description         string
	InputSchema         json.RawMessage `json:"input_schema"`
	Strict              bool
	Input               json.RawMessage
	Thinking, Signature string
	Data                string
	ToolUseID           string `json:"tool_use_id"`
	Content             []json.RawMessage
	IsError             bool          `json:"is_error"`
	CacheControl        *cacheControl `json:"cache_control"`
}

type cacheControl struct{ TTL string }

func (c *cacheControl) point() *llm.CachePointPart {
	ttl, _ := time.ParseDuration(c.TTL) // "" is the default
	return &llm.CachePointPart{TTL: ttl}
}

func invalid(message string) error {
	return &llm.Error{Code: llm.ErrInvalidRequest, Message: message}
}

// decodeRequest reads a request as the model behind the server takes it.
func decodeRequest(body []byte) (*request, *llm.Request, error) {
	var in request
	if json.Unmarshal(body, &in) != nil {
		return nil, nil, invalid("the body is not a request of the Messages API, with lists of blocks")
	}
	req := &llm.Request{MaxTokens: in.MaxTokens, Temperature: in.Temperature, TopP: in.TopP, TopK: in.TopK, StopSequences: in.Stop, Metadata: in.Metadata}
	var err error
	if req.System, err = decodeParts(in.System); err != nil {
		return nil, nil, err
	}
	for _, m := range in.Messages {
		parts, err := decodeParts(m.Content)
		if err != nil {
			return nil, nil, err
		}
		req.Messages = append(req.Messages, llm.Message{Role: m.Role, Content: parts})
	}
	for _, raw := range in.Tools {
		var b requestBlock
		if json.Unmarshal(raw, &b) != nil {
			return nil, nil, invalid("tools: not a tool")
		}
		tool := llm.Tool{Name: b.Name, Description: b.Description, Schema: b.InputSchema, Strict: b.Strict}
		if b.Type != "" {
			tool = llm.Tool{Name: b.Name, Provider: Provider, Kind: b.Type, Config: members(raw).without("type", "name", "cache_control").raw()}
		}
		if b.CacheControl != nil {
			tool.Cache = b.CacheControl.point()
		}
		req.Tools = append(req.Tools, tool)
	}
	for mode, word := range toolChoices {
		if word == in.ToolChoice.Type {
			req.ToolChoice = llm.ToolChoice{Mode: mode, Name: in.ToolChoice.Name, Single: in.ToolChoice.Single}
		}
	}
	switch in.Thinking.Type {
	case "disabled":
		req.Reasoning = &llm.Reasoning{Effort: llm.EffortNone}
	case "enabled", "adaptive":
		req.Reasoning = &llm.Reasoning{Effort: in.Output.Effort, BudgetTokens: in.Thinking.Budget}
	}
	if in.Output.Format != nil {
		req.Output = &llm.OutputFormat{Schema: in.Output.Format.Schema}
	}
	return &in, req, nil
}

// decodeParts reads blocks. A mark on one is a cache point behind it.
func decodeParts(blocks []json.RawMessage) ([]llm.Part, error) {
	var parts []llm.Part
	for _, raw := range blocks {
		var b requestBlock
		if json.Unmarshal(raw, &b) != nil {
			return nil, invalid("content that is not a block")
		}
		part, err := b.part(raw)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if b.CacheControl != nil {
			parts = append(parts, b.CacheControl.point())
		}
	}
	return parts, nil
}

func (b *requestBlock) part(raw json.RawMessage) (llm.Part, error) {
	ours := &llm.Opaque{Provider: Provider, Model: "any"}
	opaque := func(known ...string) *llm.Opaque {
		if ours.Data = members(raw).without(append(known, "type", "cache_control")...).raw(); ours.Data == nil {
			return nil
		}
		return ours
	}
	data, err := base64.StdEncoding.DecodeString(cmp.Or(b.Source.Data, b.Data))
	switch b.Type {
	case "text":
		if strings.TrimSpace(b.Text) == "" {
			return nil, invalid("text content blocks must contain non-whitespace text")
		}
		var raws []json.RawMessage
		json.Unmarshal(b.Citations, &raws)
		text := &llm.TextPart{Text: b.Text, Opaque: opaque("text", "citations")}
		for _, citation := range raws {
			text.Citations = append(text.Citations, newCitation(citation))
		}
		return text, nil
	case "image":
		if b.Source.URL != "" {
			return &llm.MediaPart{URI: b.Source.URL}, nil
		}
		return llm.Image(b.Source.MediaType, data), err
	case "document":
		var citations struct{ Enabled bool }
		json.Unmarshal(b.Citations, &citations)
		document := &llm.DocumentPart{Name: b.Title, Context: b.Context, Cite: citations.Enabled, MediaType: b.Source.MediaType}
		switch b.Source.Type {
		case "text":
			document.Text = b.Source.Data
			return document, nil
		case "url":
			document.URI = b.Source.URL
			return document, nil
		}
		document.Data = data
		return document, err
	case "tool_use":
		return &llm.ToolCallPart{ID: b.ID, Name: b.Name, Input: b.Input, Opaque: opaque("id", "name", "input")}, nil
	case "tool_result":
		content, err := decodeParts(b.Content)
		return &llm.ToolResultPart{CallID: b.ToolUseID, Content: content, IsError: b.IsError}, err
	case "thinking":
		return &llm.ReasoningPart{Text: b.Thinking, Signature: b.Signature, Opaque: ours}, nil
	case "redacted_thinking":
		return &llm.ReasoningPart{Redacted: data, Opaque: ours}, err
	}
	return &llm.ProviderPart{Provider: Provider, Kind: b.Type, Data: members(raw).without("type", "cache_control").raw()}, nil
}

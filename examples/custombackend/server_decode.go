package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// request is a request of the wire, as far as the backend of this example writes it.
type request struct {
	Model    string
	Messages []struct {
		Role       string
		Content    content
		Reasoning  string `json:"reasoning_content"`
		ToolCallID string `json:"tool_call_id"`
		ToolCalls  []struct {
			ID       string
			Function struct{ Name, Arguments string }
		} `json:"tool_calls"`
	}
	Tools []struct {
		Function struct {
			Name, Description string
			Parameters        json.RawMessage
			Strict            bool
		}
	}
	ToolChoice        json.RawMessage `json:"tool_choice"` // a word, or an object that names a tool
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	MaxTokens         int             `json:"max_completion_tokens"`
	Temperature       *float64
	TopP              *float64 `json:"top_p"`
	Stop              []string
	ReasoningEffort   string `json:"reasoning_effort"`
	ResponseFormat    *struct {
		JSONSchema llm.OutputFormat `json:"json_schema"`
	} `json:"response_format"`
	Stream bool
}

// content is a list of parts, or a string: one text.
type content []struct {
	Type, Text string
	ImageURL   struct{ URL string } `json:"image_url"`
	InputAudio struct {
		Data   []byte
		Format string
	} `json:"input_audio"`
	File struct {
		Name string `json:"filename"`
		Data string `json:"file_data"`
	}
}

func (c *content) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		type list content
		return json.Unmarshal(b, (*list)(c))
	}
	*c = make(content, 1)
	(*c)[0].Type, (*c)[0].Text = "text", text
	return nil
}

// decode reads a request as the model behind the server takes it.
func (in *request) decode() (*llm.Request, error) {
	req := &llm.Request{MaxTokens: in.MaxTokens, Temperature: in.Temperature, TopP: in.TopP, StopSequences: in.Stop}
	for i, m := range in.Messages {
		parts, err := m.Content.decode()
		if err != nil {
			return nil, err
		}
		if m.Reasoning != "" {
			parts = append([]llm.Part{&llm.ReasoningPart{Text: m.Reasoning, Opaque: &llm.Opaque{Provider: Provider, Model: in.Model}}}, parts...)
		}
		for _, tc := range m.ToolCalls {
			call := &llm.ToolCallPart{ID: tc.ID, Name: tc.Function.Name, Input: json.RawMessage(tc.Function.Arguments)}
			if !json.Valid(call.Input) {
				call.Malformed, call.Input = tc.Function.Arguments, nil
			}
			parts = append(parts, call)
		}
		if m.Role == "tool" {
			parts = []llm.Part{llm.ToolResult(m.ToolCallID, parts...)}
		}
		switch last := len(req.Messages) - 1; {
		case m.Role == "system" && i == 0:
			req.System = parts
		case m.Role == "tool" && i > 0 && in.Messages[i-1].Role == "tool":
			// The results of one turn are one message of the user.
			req.Messages[last].Content = append(req.Messages[last].Content, parts...)
		case m.Role == "tool":
			req.Messages = append(req.Messages, llm.User(parts...))
		default:
			req.Messages = append(req.Messages, llm.Message{Role: llm.Role(m.Role), Content: parts})
		}
	}
	for _, t := range in.Tools {
		f := t.Function
		req.Tools = append(req.Tools, llm.Tool{Name: f.Name, Description: f.Description, Schema: f.Parameters, Strict: f.Strict})
	}
	var named struct{ Function struct{ Name string } }
	switch string(in.ToolChoice) {
	case "":
	case `"required"`:
		req.ToolChoice.Mode = llm.ToolChoiceAny
	case `"none"`:
		req.ToolChoice.Mode = llm.ToolChoiceNone
	default:
		if json.Unmarshal(in.ToolChoice, &named) != nil {
			return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "tool_choice: neither a known word nor a function"}
		}
		req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: named.Function.Name}
	}
	if in.ReasoningEffort != "" {
		req.Reasoning = &llm.Reasoning{Effort: in.ReasoningEffort}
	}
	if in.ResponseFormat != nil {
		req.Output = &in.ResponseFormat.JSONSchema
	}
	req.ToolChoice.Single = in.ParallelToolCalls != nil && !*in.ParallelToolCalls
	return req, nil
}

func (c content) decode() ([]llm.Part, error) {
	var parts []llm.Part
	for _, p := range c {
		mediaType, data, isData := cutDataURL(p.ImageURL.URL + p.File.Data)
		switch {
		case p.Type == "text":
			parts = append(parts, llm.Text(p.Text))
		case p.Type == "image_url" && isData:
			parts = append(parts, llm.Image(mediaType, data))
		case p.Type == "image_url" && strings.HasPrefix(p.ImageURL.URL, "https://"):
			parts = append(parts, &llm.MediaPart{URI: p.ImageURL.URL})
		case p.Type == "input_audio":
			parts = append(parts, &llm.MediaPart{MediaType: "audio/" + p.InputAudio.Format, Data: p.InputAudio.Data})
		case p.Type == "file" && isData:
			parts = append(parts, llm.Document(p.File.Name, mediaType, data))
		default:
			return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "content that is neither text, image, sound nor file"}
		}
	}
	return parts, nil
}

// cutDataURL takes apart what dataURL has put together.
func cutDataURL(url string) (mediaType string, data []byte, ok bool) {
	mediaType, encoded, ok := strings.Cut(strings.TrimPrefix(url, "data:"), ";base64,")
	data, err := base64.StdEncoding.DecodeString(encoded)
	return mediaType, data, ok && err == nil
}

package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// object is one of the wire. For requests maps do, since encoding/json sorts their keys.
type object map[string]any

// present leaves out what is not set.
func present(o object) object {
	maps.DeleteFunc(o, func(_ string, v any) bool { return v == nil || reflect.ValueOf(v).IsZero() })
	return o
}

// encode writes the request in the words of the wire, and changes nothing in it (law 1).
func (c *call) encode(req *llm.Request) ([]byte, error) {
	messages := c.messages("system", object{"role": "system"}, req.System)
	for i, m := range req.Messages {
		messages = append(messages, c.messages(fmt.Sprintf("messages[%d].content", i), object{"role": m.Role}, m.Content)...)
	}
	var tools []object
	for i, t := range req.Tools {
		c.lacks(t.Provider != "", meaning, fmt.Sprintf("tools[%d]", i), "chat completions run no tools themselves")
		c.lacks(t.Cache != nil, llm.WarningDropped, fmt.Sprintf("tools[%d].cache", i), "the endpoint caches without being asked")
		tools = append(tools, object{"type": "function", "function": present(object{
			"name": t.Name, "description": t.Description, "parameters": t.Schema, "strict": t.Strict})})
	}
	options, ok, err := llm.OptionsFor[*Options](req)
	if err != nil { // they are of another type, and must not be ignored
		return nil, err
	}
	if !ok {
		options = &Options{}
	}
	c.lacks(req.TopK != nil, llm.WarningDropped, "top_k", "chat completions have no such setting")
	c.lacks(len(req.Metadata) > 0, llm.WarningDropped, "metadata", "the endpoint takes it with what it stores only")
	wire := present(object{
		"model": c.model, "messages": messages, "tools": tools, "stop": req.StopSequences,
		"max_completion_tokens": req.MaxTokens, "temperature": req.Temperature, "top_p": req.TopP,
		"service_tier": options.ServiceTier, "prompt_cache_key": options.PromptCacheKey,
	})
	if r := req.Reasoning; r != nil {
		c.lacks(r.BudgetTokens > 0, llm.WarningDropped, "reasoning.budget_tokens", "reasoning is sized by an effort here")
		wire["reasoning_effort"] = cmp.Or(efforts[r.Effort], r.Effort)
	}
	if o := req.Output; o != nil {
		wire["response_format"] = object{"type": "json_schema", "json_schema": present(object{
			"name": cmp.Or(o.Name, "answer"), "description": o.Description, "schema": o.Schema, "strict": true})}
	}
	if tools != nil { // the endpoint refuses a choice without tools
		switch req.ToolChoice.Mode {
		case llm.ToolChoiceAny:
			wire["tool_choice"] = "required"
		case llm.ToolChoiceNone:
			wire["tool_choice"] = "none"
		case llm.ToolChoiceTool:
			wire["tool_choice"] = object{"type": "function", "function": object{"name": req.ToolChoice.Name}}
		}
		if req.ToolChoice.Single {
			wire["parallel_tool_calls"] = false
		}
	}
	if c.failure.Op == "stream" {
		wire["stream"], wire["stream_options"] = true, object{"include_usage": true}
	}
	body, _ := json.Marshal(wire) // of maps, strings and JSON that Validate has seen
	return body, c.refusal
}

// Options are what only this provider understands. A request has them by
// [llm.Request.SetOptions]; other backends pass them over.
type Options struct {
	ServiceTier    string `json:"service_tier,omitempty"`     // "default", "flex", "priority"; "" = the project's
	PromptCacheKey string `json:"prompt_cache_key,omitempty"` // brings requests with the same prefix to the same cache
}

// ProviderName says whose options they are.
func (*Options) ProviderName() string { return Provider }

// efforts are those that go by another word on the wire.
var efforts = map[string]string{"": "medium", llm.EffortMax: "xhigh"}

// inputAudio are the formats of sound that the wire knows.
var inputAudio = map[string]string{"audio/wav": "wav", "audio/mpeg": "mp3"}

const meaning llm.WarningCode = ""

// lacks says what the wire, or this backend, has no place for. What changes the meaning
// of a request is refused, what only tunes it is left out with a warning (law 7). Both
// name the place, and never what stands there (law 8).
func (c *call) lacks(is bool, kind llm.WarningCode, path, why string) {
	switch {
	case !is:
	case kind != meaning:
		c.finish.Warnings = append(c.finish.Warnings, llm.Warning{Code: kind, Field: path, Message: why})
	case c.refusal == nil:
		c.refusal = &llm.Error{Code: llm.ErrUnsupported, Message: path + ": " + why}
	}
}

// messages fills a message with parts. The result of a tool is a message of its own
// here, and goes before the one that it stands in.
func (c *call) messages(path string, m object, parts []llm.Part) (all []object) {
	var content, calls []object
	for i, p := range parts {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch p := p.(type) {
		case *llm.TextPart:
			c.lacks(len(p.Citations) > 0, llm.WarningDropped, path+".citations", "chat completions take none")
			c.lacks(calls != nil, llm.WarningRepaired, path, "sent before the tool calls: a message has its text first")
			content = append(content, object{"type": "text", "text": &p.Text})
		case *llm.MediaPart:
			mediaType := cmp.Or(p.MediaType, llm.DetectMediaType(p.Data))
			c.lacks(m["role"] != llm.RoleUser, meaning, path, "media come from the user only")
			switch {
			case strings.HasPrefix(mediaType, "image/") && p.URI == "":
				content = append(content, object{"type": "image_url", "image_url": object{"url": dataURL(mediaType, p.Data)}})
			case strings.HasPrefix(cmp.Or(mediaType, "image/"), "image/") && strings.HasPrefix(p.URI, "https://"):
				content = append(content, object{"type": "image_url", "image_url": object{"url": p.URI}})
			case inputAudio[mediaType] != "" && p.URI == "":
				content = append(content, object{"type": "input_audio", "input_audio": object{"data": p.Data, "format": inputAudio[mediaType]}})
			default:
				c.lacks(true, meaning, path, "only images, as bytes or by an https:// address, and wav and mp3 sound, as bytes")
			}
		case *llm.DocumentPart:
			c.lacks(m["role"] != llm.RoleUser || p.URI != "", meaning, path, "only documents from the user, as bytes or text")
			c.lacks(p.Context != "", meaning, path+".context", "no place for it: write it into a text part")
			c.lacks(p.Cite, llm.WarningDropped, path+".cite", "the model cites no documents")
			file := dataURL(cmp.Or(p.MediaType, llm.DetectMediaType(p.Data), "application/octet-stream"), p.Data)
			if p.Text != "" {
				file = dataURL("text/plain", []byte(p.Text))
			}
			content = append(content, object{"type": "file", "file": object{"filename": cmp.Or(p.Name, "document"), "file_data": file}})
		case *llm.ToolCallPart: // its arguments are JSON in a string, which the model reads as it stands
			var input bytes.Buffer
			json.Compact(&input, p.Input) // Validate has seen that it is JSON, or nothing
			arguments := cmp.Or(p.Malformed, unescape.Replace(input.String()), "{}")
			calls = append(calls, object{"id": p.ID, "type": "function", "function": object{"name": p.Name, "arguments": arguments}})
		case *llm.ToolResultPart:
			c.lacks(content != nil, llm.WarningRepaired, path, "sent before the text: results follow their calls at once")
			c.lacks(p.IsError, llm.WarningDropped, path+".is_error", "the wire has no mark for it: the content has to say so")
			all = append(all, c.messages(path+".content", object{"role": "tool", "tool_call_id": p.CallID, "content": new("")}, p.Content)...)
		case *llm.ReasoningPart: // servers that show it want it back while tools run, and some refuse it later
			back := p.Opaque != nil && p.Opaque.Provider == Provider && calling(parts)
			c.lacks(!back, llm.WarningDropped, path, "goes back beside tool calls only, to the provider that it came from")
			if back {
				m["reasoning_content"] = fmt.Sprint(cmp.Or(m["reasoning_content"], any("")), p.Text)
			}
		case *llm.CachePointPart:
			c.lacks(true, llm.WarningDropped, path, "the endpoint caches without being asked")
		default:
			c.lacks(true, meaning, path, fmt.Sprintf("chat completions have no place for a %T", p))
		}
	}
	m["tool_calls"] = calls
	if len(content) == 1 && content[0]["text"] != nil {
		m["content"] = content[0]["text"] // a string is what every server reads
	} else if content != nil {
		m["content"] = content
	}
	if len(present(m)) == 1 { // nothing but its role
		return all
	}
	return append(all, m)
}

// calling says whether a message calls tools.
func calling(parts []llm.Part) bool {
	return slices.ContainsFunc(parts, func(p llm.Part) bool { _, ok := p.(*llm.ToolCallPart); return ok })
}

func dataURL(mediaType string, data []byte) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)
}

// unescape undoes what encoding/json escapes for the sake of HTML. Stored calls have the
// escapes, live ones have not, and both must send the same bytes, or prompt caches miss.
// An escaped backslash is taken as a pair, so that \\u003c stays the text that it is.
var unescape = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

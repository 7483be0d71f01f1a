package tracing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// message is a message in the JSON of the conventions.
type message struct {
	Role         string `json:"role"`
	Parts        []part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"` // of answers, which must have one
}

// part is a part of a message, or the definition of a tool.
type part struct {
	Type      string  `json:"type"`
	ID        string  `json:"id,omitempty"`
	Name      string  `json:"name,omitempty"`
	Content   *string `json:"content,omitempty"`
	Arguments any     `json:"arguments,omitempty"` // a value
	Response  any     `json:"response,omitempty"`  // a value
	Modality  string  `json:"modality,omitempty"`
	MimeType  string  `json:"mime_type,omitempty"`
	URI       string  `json:"uri,omitempty"`
	FileID    string  `json:"file_id,omitempty"`
	Count     int     `json:"count,omitempty"` // of what is omitted
}

// A value is a string, a json.RawMessage that holds an object, or a []part.

// inputContent is what the model is given.
func (t *tracing) inputContent(req *llm.Request) []attribute.KeyValue {
	if req == nil {
		return nil
	}
	var attrs []attribute.KeyValue
	add := func(key attribute.Key, n int, list string) {
		if n > 0 {
			attrs = append(attrs, key.String(list))
		}
	}
	system := t.parts(req.System)
	add(keySystemInstructions, len(system), list(system, t.MaxContentBytes, oldestFirst, omittedPart))
	add(keyInputMessages, len(req.Messages), listFunc(len(req.Messages), t.MaxContentBytes, newestFirst, omittedMessage, func(i int) message {
		m := req.Messages[i]
		return message{Role: role(m), Parts: t.parts(m.Content)}
	}))
	tools := make([]part, len(req.Tools))
	for i, tool := range req.Tools {
		// The conventions want no more of a tool, since definitions are large and repeat.
		tools[i] = part{Type: toolTypeFunction, Name: tool.Name}
		if tool.Provider != "" {
			tools[i] = part{Type: tool.Provider + "." + tool.Kind, Name: tool.Name}
		}
	}
	add(keyToolDefinitions, len(tools), list(tools, t.MaxContentBytes, oldestFirst, omittedTool))
	return attrs
}

// outputContent is the answer, as far as there is one.
func (t *tracing) outputContent(o outcome) []attribute.KeyValue {
	if o.message == nil || len(o.message.Content) == 0 {
		return nil
	}
	m := message{Role: string(llm.RoleAssistant), Parts: t.parts(o.message.Content), FinishReason: finishReason(o)}
	omitted := func(int) message {
		return message{Role: m.Role, Parts: []part{omittedPart(len(m.Parts))}, FinishReason: m.FinishReason}
	}
	return []attribute.KeyValue{keyOutputMessages.String(list([]message{m}, t.MaxContentBytes, newestFirst, omitted))}
}

// role is the convention's word for who speaks: results of tools have a role of their own.
func role(m llm.Message) string {
	results := 0
	for _, p := range m.Content {
		switch p.(type) {
		case *llm.ToolResultPart:
			results++
		case *llm.CachePointPart:
		default:
			return string(m.Role)
		}
	}
	if results > 0 {
		return "tool"
	}
	return string(m.Role)
}

// finishReason is the convention's word for why an answer ended, or ours where it has none.
func finishReason(o outcome) string {
	switch o.stop {
	case llm.StopEndTurn, llm.StopSequence:
		return "stop"
	case llm.StopMaxTokens, llm.StopContextWindow:
		return "length"
	case llm.StopToolUse:
		return "tool_call"
	case llm.StopContentFilter, llm.StopRefusal:
		return "content_filter"
	case llm.StopMalformed:
		return "error"
	case "":
		if o.err != nil {
			return "error"
		}
		return "incomplete" // the loop was left
	}
	const longest = 64 // since nothing else bounds a word of a backend's own
	return cutText(string(o.stop), longest)
}

// parts are the parts of a message; cache points are none.
func (t *tracing) parts(content []llm.Part) []part {
	parts := make([]part, 0, len(content))
	for _, p := range content {
		if v := reflect.ValueOf(p); !v.IsValid() || v.IsNil() {
			continue // the model refuses it
		}
		switch p := p.(type) {
		case *llm.TextPart:
			parts = append(parts, t.text("text", p.Text))
		case *llm.ReasoningPart:
			parts = append(parts, t.text("reasoning", p.Text))
		case *llm.ToolCallPart:
			parts = append(parts, part{Type: "tool_call", ID: p.ID, Name: p.Name, Arguments: t.arguments(p)})
		case *llm.ToolResultPart:
			parts = append(parts, part{Type: "tool_call_response", ID: p.CallID, Response: t.result(p.Content)})
		case *llm.MediaPart:
			parts = append(parts, t.media(modality(p.MediaType), p.MediaType, p.URI, p.Data))
		case *llm.DocumentPart:
			if p.Text != "" {
				parts = append(parts, t.text("text", p.Text))
				continue
			}
			d := t.media("document", p.MediaType, p.URI, p.Data)
			d.Name = t.redacted(p.Name)
			parts = append(parts, d)
		case *llm.ProviderPart:
			// What is in it is the provider's affair, and may be media.
			parts = append(parts, part{Type: strings.Trim(p.Provider+"."+p.Kind, ".")})
		}
	}
	return parts
}

func (t *tracing) text(typ, text string) part {
	text = t.redacted(text)
	return part{Type: typ, Content: &text}
}

// media is a reference to media: the URI, or a hash by which bytes can be found again. A URI
// that holds the bytes is bytes.
func (t *tracing) media(modality, mimeType, uri string, data []byte) part {
	p := part{Modality: modality, MimeType: mimeType}
	if uri != "" && !isDataURI(uri) {
		p.Type, p.URI = "uri", t.redacted(uri)
		return p
	}
	if uri != "" {
		data = []byte(uri)
	}
	sum := sha256.Sum256(data)
	p.Type, p.FileID = "file", "sha256:"+hex.EncodeToString(sum[:])
	return p
}

func isDataURI(uri string) bool {
	return len(uri) >= 5 && strings.EqualFold(uri[:5], "data:")
}

// modality is the first half of a media type: image, video, audio.
func modality(mediaType string) string {
	kind, _, _ := strings.Cut(mediaType, "/")
	if kind == "" {
		return "unknown"
	}
	return kind
}

// arguments of a tool call, as a value.
func (t *tracing) arguments(p *llm.ToolCallPart) any {
	if p.Malformed != "" {
		return t.redacted(p.Malformed)
	}
	if len(p.Input) == 0 {
		return json.RawMessage("{}")
	}
	return t.json(p.Input)
}

// result of a tool, as a value.
func (t *tracing) result(content []llm.Part) any {
	parts := t.parts(content)
	if len(content) != 1 || len(parts) != 1 {
		return parts
	}
	if p, ok := content[0].(*llm.TextPart); ok {
		return t.json([]byte(p.Text))
	}
	return parts
}

// json is text as a value: an object where it is one, else a string. For a redactor the
// object is written without escapes that would hide what it looks for.
func (t *tracing) json(text []byte) any {
	if t.Redact != nil && rawjson.IsObject(text) {
		var v any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&v) == nil {
			text = encode(v)
		}
	}
	shown := t.redacted(string(text))
	if rawjson.IsObject([]byte(shown)) {
		return json.RawMessage(shown)
	}
	return shown
}

func (t *tracing) redacted(text string) string {
	if t.Redact == nil || text == "" {
		return text
	}
	return t.Redact(text)
}

// encode is v as JSON. It does not fail for what is made here; nil says that it did.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

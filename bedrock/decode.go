package bedrock

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// jsonDecoder reads the JSON of answers, whole and streamed alike.
type jsonDecoder struct {
	modelID string
	scratch []byte // reused for every string
}

// text returns the content of a JSON string.
func (d *jsonDecoder) text(v value) string {
	d.scratch = v.appendString(d.scratch[:0])
	return string(d.scratch)
}

// bytes returns the content of a base64 string, as far as it is base64.
func (d *jsonDecoder) bytes(v value) []byte {
	d.scratch = v.appendString(d.scratch[:0])
	out := make([]byte, base64.StdEncoding.DecodedLen(len(d.scratch)))
	n, _ := base64.StdEncoding.Decode(out, d.scratch)
	return out[:n]
}

// opaque marks a part as ours.
func (d *jsonDecoder) opaque() *llm.Opaque {
	return &llm.Opaque{Provider: Provider, Model: d.modelID}
}

// decodeAnswer reads the body of a Converse answer.
func (c *call) decodeAnswer(body []byte) (*llm.Response, error) {
	d := &jsonDecoder{modelID: c.model.modelID}
	doc, ok := parse(body)
	message := doc.get("output").get("message")
	if !ok || message == nil {
		return nil, &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer is not a Converse response: is the endpoint Bedrock's?"}
	}
	r := &llm.Response{Message: llm.Message{Role: llm.RoleAssistant}}
	for block := range message.get("content").items() {
		if p := d.decodeBlock(block); p != nil {
			r.Message.Content = append(r.Message.Content, p)
		}
	}
	var end ending
	for key, v := range doc.fields() {
		switch string(key) {
		case "stopReason":
			end.stopReason = d.text(v)
		default:
			d.decodeMetadata(&end, key, v)
		}
	}
	f := end.finish(c.model.modelID, len(r.ToolCalls()) > 0, c.warnings, "")
	r.StopReason, r.RawStopReason, r.Usage, r.Latency = f.StopReason, f.RawStopReason, f.Usage, f.Latency
	r.Provider, r.Model, r.RequestID, r.Warnings = f.Provider, f.Model, c.requestID(), f.Warnings
	r.Raw = &rawAnswer{body: body}
	return r, nil
}

// decodeBlock reads a content block; nil means that there is nothing in it.
func (d *jsonDecoder) decodeBlock(block value) llm.Part {
	kind, v := block.only()
	switch string(kind) {
	case "":
		return nil
	case "text":
		// Models put an empty text before a tool call; sent back it is an error.
		if s := d.text(v); s != "" {
			return llm.Text(s)
		}
		return nil
	case "toolUse":
		if call := d.decodeToolUse(v); call != nil {
			return call
		}
	case "reasoningContent":
		if p := d.decodeReasoning(v); p != nil {
			return p
		}
	case "citationsContent":
		return d.decodeCitations(v)
	case "image":
		if p := d.decodeImage(v); p != nil {
			return p
		}
	}
	return &llm.ProviderPart{Provider: Provider, Kind: d.text(quoted(kind)), Data: v.clone()}
}

// decodeToolUse reads a tool call; nil where Bedrock ran the tool itself.
func (d *jsonDecoder) decodeToolUse(v value) *llm.ToolCallPart {
	call := &llm.ToolCallPart{}
	var input value
	for key, v := range v.fields() {
		switch string(key) {
		case "toolUseId":
			call.ID = d.text(v)
		case "name":
			call.Name = d.text(v)
		case "input":
			input = v
		case "type":
			if !v.isNull() {
				return nil // server_tool_use; calls of the application have no type
			}
		}
	}
	text := []byte(input)
	if len(input) > 0 && input[0] == '"' {
		text = input.appendString(nil) // what the service could not parse arrives as a string
	}
	switch v, ok := parse(text); {
	case input.isNull():
		call.Input = json.RawMessage("{}")
	case ok && v[0] == '{':
		call.Input = v.clone()
	default:
		call.Malformed = string(text)
	}
	return call
}

// decodeReasoning reads a reasoning block; nil where it is of an unknown kind.
func (d *jsonDecoder) decodeReasoning(v value) *llm.ReasoningPart {
	p := &llm.ReasoningPart{Opaque: d.opaque()}
	switch kind, v := v.only(); string(kind) {
	case "reasoningText":
		p.Text = d.text(v.get("text"))
		p.Signature = d.text(v.get("signature"))
	case "redactedContent":
		p.Redacted = d.bytes(v)
	default:
		return nil
	}
	return p
}

func (d *jsonDecoder) decodeCitations(v value) llm.Part {
	p := &llm.TextPart{Opaque: d.opaque()}
	for item := range v.get("content").items() {
		p.Text += d.text(item.get("text"))
	}
	for item := range v.get("citations").items() {
		p.Citations = append(p.Citations, d.decodeCitation(item))
	}
	return p
}

// decodeImage reads a generated image; nil where it holds none.
func (d *jsonDecoder) decodeImage(v value) *llm.MediaPart {
	p := &llm.MediaPart{MediaType: "image/" + d.text(v.get("format"))}
	source := v.get("source")
	switch kind, v := source.only(); string(kind) {
	case "bytes":
		p.Data = d.bytes(v)
	case "s3Location":
		p.URI = d.text(v.get("uri"))
	default:
		return nil
	}
	return p
}

// ending is what an answer says of itself besides its content.
type ending struct {
	stopReason string
	usage      llm.Usage
	reported   bool // usage was
	latency    time.Duration
	servedBy   string // the model that a prompt router chose
}

// finish is the end of an answer that is whole, streamed or not. Lost says what did
// not come with it.
func (end *ending) finish(modelID string, calls bool, warnings []llm.Warning, lost string) *llm.Finish {
	f := &llm.Finish{
		StopReason: stopReason(end.stopReason, calls), RawStopReason: end.stopReason,
		Usage: end.usage, Latency: end.latency, Provider: Provider, Model: cmp.Or(end.servedBy, modelID), Warnings: warnings,
	}
	if !end.reported {
		f.Usage.Estimated = true
		lost = cmp.Or(lost, "not reported")
	}
	if lost != "" {
		f.Warnings = append(slices.Clip(warnings), llm.Warning{Code: llm.WarningIncomplete, Field: "usage", Message: lost})
	}
	return f
}

// decodeMetadata reads one member of what unary answers and metadata events share.
func (d *jsonDecoder) decodeMetadata(end *ending, key []byte, v value) {
	switch string(key) {
	case "usage":
		tier := end.usage.ServiceTier
		end.usage, end.reported = decodeUsage(v), true
		end.usage.ServiceTier = tier
	case "metrics":
		end.latency = time.Duration(v.get("latencyMs").int()) * time.Millisecond
	case "serviceTier":
		end.usage.ServiceTier = d.text(v.get("type"))
	case "trace":
		end.servedBy = d.text(v.get("promptRouter").get("invokedModelId"))
	}
}

// decodeUsage reads token counts. Bedrock's inputTokens leave cached tokens out for
// most models and count them in for some, and nothing but the total tells which.
func decodeUsage(v value) llm.Usage {
	var u llm.Usage
	total := 0
	for key, v := range v.fields() {
		switch string(key) {
		case "inputTokens":
			u.InputTokens = v.int()
		case "outputTokens":
			u.OutputTokens = v.int()
		case "totalTokens":
			total = v.int()
		case "cacheReadInputTokens":
			u.CacheReadTokens = v.int()
		case "cacheWriteInputTokens":
			u.CacheWriteTokens = v.int()
		case "cacheDetails":
			for item := range v.items() {
				if string(item.get("ttl")) == `"1h"` {
					u.CacheWrite1hTokens += item.get("inputTokens").int()
				}
			}
		}
	}
	cached := u.CacheReadTokens + u.CacheWriteTokens
	inclusive := total == u.InputTokens+u.OutputTokens && u.InputTokens >= cached
	if !inclusive {
		u.InputTokens += cached
	}
	u.CacheWrite1hTokens = min(u.CacheWrite1hTokens, u.CacheWriteTokens)
	return u
}

// stopReasons maps Bedrock's stop reasons.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
var stopReasons = map[string]llm.StopReason{
	"end_turn":                      llm.StopEndTurn,
	"tool_use":                      llm.StopToolUse,
	"max_tokens":                    llm.StopMaxTokens,
	"stop_sequence":                 llm.StopSequence,
	"guardrail_intervened":          llm.StopContentFilter,
	"content_filtered":              llm.StopContentFilter,
	"malformed_model_output":        llm.StopMalformed,
	"malformed_tool_use":            llm.StopMalformed,
	"model_context_window_exceeded": llm.StopContextWindow,
}

// stopReason maps a stop reason. Some models say that they ended their turn, or
// that they want tools, when the content says otherwise; the content is right.
func stopReason(raw string, calls bool) llm.StopReason {
	r, ok := stopReasons[raw]
	switch {
	case !ok:
		return llm.StopOther
	case r == llm.StopEndTurn && calls:
		return llm.StopToolUse
	case r == llm.StopToolUse && !calls:
		return llm.StopEndTurn
	}
	return r
}

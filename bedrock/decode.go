package bedrock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// decodeAnswer reads the body of a Converse answer.
func (c *call) decodeAnswer(body []byte) (*llm.Response, error) {
	d := &jsonDecoder{modelID: c.model.modelID, names: c.names}
	doc, _ := parse(body)
	message := doc.get("output").get("message")
	content := message.get("content")
	if message.isNull() || message[0] != '{' || !content.isNull() && content[0] != '[' {
		return nil, &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer is not a Converse response: is the endpoint Bedrock's?"}
	}
	r := &llm.Response{Message: llm.Message{Role: llm.RoleAssistant}}
	for block := range d.list(content, "content").items() {
		if p := d.decodeBlock(block); p != nil {
			r.Message.Content = append(r.Message.Content, p)
		}
	}
	end := ending{uncapped: c.uncapped}
	for key, v := range doc.fields() {
		switch string(key) {
		case "stopReason":
			end.stopReason = d.text(v)
		default:
			d.decodeMetadata(&end, key, v)
		}
	}
	if end.stopReason == "" {
		d.note("stopReason is missing")
	}
	if err := d.fault(); err != nil {
		return nil, err
	}
	if n := len(r.Message.Content); n > 0 && cutShort(end.stopReason) {
		if last, ok := r.Message.Content[n-1].(*llm.ToolCallPart); ok && noArguments(value(last.Input)) {
			last.Input, last.Malformed = nil, brokenOff
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
		if kind != nil {
			d.note("a block without a kind")
		}
		return nil
	case "toolUse", "reasoningContent", "citationsContent", "image", "toolResult":
		d.object(v, "a block")
	}
	switch string(kind) {
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
		if p := d.decodeCitations(v); p != nil {
			return p
		}
	case "image":
		if p := d.decodeImage(v); p != nil {
			d.required(v.get("format"), "format")
			if len(p.Data) == 0 && p.URI == "" {
				d.note("an image without data")
			}
			return p
		}
	}
	return d.native(kind, v)
}

// decodeToolUse reads a tool call; nil where Bedrock ran the tool itself.
func (d *jsonDecoder) decodeToolUse(v value) *llm.ToolCallPart {
	if !v.get("type").isNull() {
		return nil // server_tool_use; calls of the application have no type
	}
	call := &llm.ToolCallPart{ID: d.required(v.get("toolUseId"), "toolUseId"), Name: d.required(v.get("name"), "name")}
	if own, ok := d.names[call.Name]; ok {
		call.Name = own
	}
	input := v.get("input")
	text := []byte(input)
	if len(input) > 0 && input[0] == '"' {
		text = input.appendString(nil) // what the service could not parse arrives as a string
	}
	switch {
	case input.isNull(), blank(string(text)):
		call.Input = json.RawMessage("{}")
	case rawjson.IsObject(text):
		call.Input = bytes.Clone(bytes.TrimSpace(text))
	default:
		call.Malformed = string(text)
	}
	return call
}

// noArguments says whether an object is empty.
func noArguments(input value) bool {
	for range input.fields() {
		return false
	}
	return !input.isNull()
}

// brokenOff stands for the arguments of a call that broke off before any came, as in
// [llm.ToolCallPart].
const brokenOff = "…"

// cutShort says whether an answer that stopped for that reason may have stopped in
// the middle of a call: all do that do not say otherwise.
func cutShort(stopReason string) bool {
	switch stopReasons[stopReason] {
	case llm.StopEndTurn, llm.StopToolUse, llm.StopSequence:
		return false
	}
	return true
}

// decodeReasoning reads a reasoning block; nil where it is of an unknown kind.
func (d *jsonDecoder) decodeReasoning(v value) *llm.ReasoningPart {
	p := &llm.ReasoningPart{Opaque: d.opaque()}
	switch kind, v := v.only(); string(kind) {
	case "reasoningText":
		v = d.object(v, "a reasoningText")
		p.Text = d.text(v.get("text"))
		p.Signature = d.text(v.get("signature"))
	case "redactedContent":
		p.Redacted = d.bytes(v)
	default:
		return nil
	}
	return p
}

// decodeCitations reads text with citations; nil where there is more than text.
func (d *jsonDecoder) decodeCitations(v value) *llm.TextPart {
	text, _, whole := d.texts(d.list(v.get("content"), "content"))
	if !whole {
		return nil
	}
	p := &llm.TextPart{Text: text, Opaque: d.opaque()}
	for item := range d.list(v.get("citations"), "citations").items() {
		p.Citations = append(p.Citations, d.decodeCitation(item))
	}
	return p
}

// decodeImage reads a generated image; nil where it holds none, or says what went
// wrong with it.
func (d *jsonDecoder) decodeImage(v value) *llm.MediaPart {
	if !v.get("error").isNull() {
		return nil
	}
	p := &llm.MediaPart{MediaType: "image/" + d.text(v.get("format"))}
	source := d.object(v.get("source"), "a source")
	switch kind, v := source.only(); string(kind) {
	case "bytes":
		p.Data = d.bytes(v)
	case "s3Location":
		p.URI = d.required(d.object(v, "an s3Location").get("uri"), "uri")
		p.Opaque = ownedBy(d.text(v.get("bucketOwner")), d.modelID)
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
	uncapped   bool   // the request set no MaxTokens
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
	if end.uncapped && f.StopReason == llm.StopMaxTokens {
		// Many models stop at 4,096 tokens then, far below what they could say.
		f.Warnings = append(slices.Clip(f.Warnings), llm.Warning{Code: llm.WarningClamped, Field: "max_tokens",
			Message: "not set: the service cut the answer at a limit of its own (P43)"})
	}
	if lost != "" {
		f.Warnings = append(slices.Clip(f.Warnings), llm.Warning{Code: llm.WarningIncomplete, Field: "usage", Message: lost})
	}
	return f
}

// decodeMetadata reads one member of what unary answers and metadata events share.
func (d *jsonDecoder) decodeMetadata(end *ending, key []byte, v value) {
	switch string(key) {
	case "usage":
		tier := end.usage.ServiceTier
		end.usage, end.reported = decodeUsage(v)
		end.usage.ServiceTier = tier
	case "metrics":
		ms, _ := v.get("latencyMs").count()
		end.latency = time.Duration(min(ms, math.MaxInt32)) * time.Millisecond
	case "serviceTier":
		end.usage.ServiceTier = d.text(v.get("type"))
	case "trace":
		end.servedBy = d.text(v.get("promptRouter").get("invokedModelId"))
	}
}

// decodeUsage reads token counts, and says whether they are all there. Bedrock's
// inputTokens leave cached tokens out for most models and count them in for some, and
// nothing but the total tells which.
func decodeUsage(v value) (u llm.Usage, reported bool) {
	reported = true
	count := func(name string, needed bool) int {
		member := v.get(name)
		n, ok := member.count()
		reported = reported && (ok || !needed && member.isNull())
		return n
	}
	u.InputTokens = count("inputTokens", true)
	u.OutputTokens = count("outputTokens", true)
	u.CacheReadTokens = count("cacheReadInputTokens", false)
	u.CacheWriteTokens = count("cacheWriteInputTokens", false)
	total := count("totalTokens", false)
	for item := range v.get("cacheDetails").items() {
		if n, ok := item.get("inputTokens").count(); ok && string(item.get("ttl")) == `"1h"` {
			u.CacheWrite1hTokens = min(u.CacheWrite1hTokens+n, u.CacheWriteTokens)
		}
	}
	cached := u.CacheReadTokens + u.CacheWriteTokens
	inclusive := total == u.InputTokens+u.OutputTokens && u.InputTokens >= cached
	if !inclusive {
		u.InputTokens += cached
	}
	return u, reported
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

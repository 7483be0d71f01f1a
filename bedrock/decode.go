package bedrock

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// jsonDecoder reads the JSON of answers, whole and streamed alike. What is not known
// is passed on; what is known and has another form than it must is noted, and the
// answer is refused: half of one is none.
type jsonDecoder struct {
	modelID string
	scratch []byte // reused for every string
	wrong   string // the first thing that has not the form it must
}

// note notes that a member has the wrong form.
func (d *jsonDecoder) note(what string) {
	if d.wrong == "" {
		d.wrong = what
	}
}

// fault is the error for what was noted.
func (d *jsonDecoder) fault() error {
	if d.wrong == "" {
		return nil
	}
	return &llm.Error{Code: llm.ErrMalformedOutput, Message: "the service's answer is not as the Converse API has it: " + d.wrong}
}

// text returns the content of a JSON string, "" for null.
func (d *jsonDecoder) text(v value) string {
	if !v.isNull() && v[0] != '"' {
		d.note("a value that should be a string")
	}
	d.scratch = v.appendString(d.scratch[:0])
	return string(d.scratch)
}

// bytes returns the content of a base64 string.
func (d *jsonDecoder) bytes(v value) []byte {
	if !v.isNull() && v[0] != '"' {
		d.note("a value that should be base64")
	}
	d.scratch = v.appendString(d.scratch[:0])
	out := make([]byte, base64.StdEncoding.DecodedLen(len(d.scratch)))
	n, err := base64.StdEncoding.Decode(out, d.scratch)
	if err != nil {
		d.note("a value that should be base64")
	}
	return out[:n]
}

// object returns v where it is an object; any other value but null is noted.
func (d *jsonDecoder) object(v value, what string) value {
	if v.isNull() || v[0] != '{' {
		if !v.isNull() {
			d.note(what + " that is not an object")
		}
		return nil
	}
	return v
}

// list returns v where it is a list of objects; anything else but null is noted.
func (d *jsonDecoder) list(v value, what string) value {
	if !v.isNull() && v[0] != '[' {
		d.note(what + " that is not a list")
	}
	for item := range v.items() {
		d.object(item, "an element of "+what)
	}
	return v
}

// texts joins the texts of a list. Whole says that there was nothing else in it.
func (d *jsonDecoder) texts(list value) (text string, n int, whole bool) {
	var b strings.Builder
	whole = true
	for item := range list.items() {
		for key, v := range item.fields() {
			if string(key) == "text" {
				b.WriteString(d.text(v))
			} else if !v.isNull() {
				whole = false
			}
		}
		n++
	}
	return b.String(), n, whole
}

// data is JSON to be kept as it is.
func (d *jsonDecoder) data(v value) json.RawMessage {
	if rawjson.Depth(v) > rawjson.MaxDepth {
		d.note("a value that is nested too deep")
	}
	return json.RawMessage(bytes.Clone(v))
}

// native is a block or an event that has no neutral form.
func (d *jsonDecoder) native(kind []byte, v value) *llm.ProviderPart {
	return &llm.ProviderPart{Provider: Provider, Kind: string(kind), Data: d.data(v)}
}

// required is text that must be there.
func (d *jsonDecoder) required(v value, name string) string {
	s := d.text(v)
	if s == "" {
		d.note(name + " is missing")
	}
	return s
}

// opaque marks a part as ours.
func (d *jsonDecoder) opaque() *llm.Opaque {
	return &llm.Opaque{Provider: Provider, Model: d.modelID}
}

// decodeAnswer reads the body of a Converse answer.
func (c *call) decodeAnswer(body []byte) (*llm.Response, error) {
	d := &jsonDecoder{modelID: c.model.modelID}
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
	var end ending
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

// decodeImage reads a generated image; nil where it holds none.
func (d *jsonDecoder) decodeImage(v value) *llm.MediaPart {
	p := &llm.MediaPart{MediaType: "image/" + d.text(v.get("format"))}
	source := d.object(v.get("source"), "a source")
	switch kind, v := source.only(); string(kind) {
	case "bytes":
		p.Data = d.bytes(v)
	case "s3Location":
		p.URI = d.required(d.object(v, "an s3Location").get("uri"), "uri")
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

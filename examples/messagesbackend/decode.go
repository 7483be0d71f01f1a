package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/parley-sdk/parley/llm"
)

// block is one of the answer that has begun and not ended.
type block struct {
	kind   string
	index  int               // of its part
	opaque *llm.Opaque       // what goes back with the part
	held   *llm.ProviderPart // a block of another kind: it is told of when it is whole
	input  []byte            // and its input, which comes in pieces
}

// event reads an event, and says whether it was the last.
func (c *call) event(data []byte) (done bool, err error) {
	var ev event
	if err := json.Unmarshal(data, &ev); err != nil {
		return false, err
	}
	switch ev.Type {
	case "message_start":
		c.finish.Model = cmp.Or(ev.Message.Model, c.finish.Model) // who really served
		c.count(ev.Message.Usage)
	case "content_block_start":
		return false, c.start(ev.Index, ev.Block)
	case "content_block_delta":
		return false, c.delta(ev.Index, ev.Delta)
	case "content_block_stop":
		return false, c.stop(ev.Index)
	case "message_delta":
		var d messageDelta
		err = json.Unmarshal(ev.Delta, &d)
		c.finish.RawStopReason, c.finish.Raw = cmp.Or(d.StopReason, c.finish.RawStopReason), &d.End
		c.count(ev.Usage)
		c.counted = ev.Usage != nil
	case "message_stop":
		return true, c.end()
	case "error":
		return false, c.refuse(ev.Error)
	case "ping": // it keeps the connection alive
	default: // nothing is lost in silence (law 7)
		c.emit(&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: ev.Type, Data: members(data).without("type").raw()})
	}
	return false, err
}

// start begins a block. What it holds already comes as a delta would (law 6).
func (c *call) start(index int, raw json.RawMessage) error {
	var body blockBody
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	if c.blocks[index] != nil {
		return errors.New("a block within itself")
	}
	b := &block{kind: body.Type, index: c.parts}
	c.blocks[index] = b
	mark := &llm.Opaque{Provider: Provider, Model: c.finish.Model} // it says whose it is, to go back there alone
	attach := func(known ...string) *llm.Opaque {
		if mark.Data = members(raw).without(append(known, "type")...).said().raw(); mark.Data == nil {
			return nil
		}
		b.opaque = mark
		return mark
	}
	begin := func(p llm.Part) {
		c.parts++
		c.emit(&llm.PartStart{Index: b.index, Part: p})
	}
	redacted, err := base64.StdEncoding.DecodeString(body.Data)
	exact := err == nil && base64.StdEncoding.EncodeToString(redacted) == body.Data // else it would not go back as it came
	switch {
	case body.Type == "text":
		begin(&llm.TextPart{Opaque: attach("text", "citations")})
		c.text(b, body.Text)
		for _, citation := range body.Citations {
			c.cite(b, citation)
		}
	case body.Type == "thinking":
		begin(&llm.ReasoningPart{Opaque: mark})
		c.reason(b, &llm.ReasoningDelta{Text: body.Thinking, Signature: body.Signature})
	case body.Type == "redacted_thinking" && exact:
		begin(&llm.ReasoningPart{Opaque: mark})
		c.reason(b, &llm.ReasoningDelta{Redacted: redacted})
	case body.Type == "tool_use":
		begin(&llm.ToolCallPart{ID: body.ID, Name: body.Name, Opaque: attach("id", "name", "input")})
		if string(body.Input) != "{}" { // which is where the deltas begin
			c.input(b, string(body.Input))
		}
	default: // also the calls that the provider runs itself, which nobody must answer (law 10)
		b.held = &llm.ProviderPart{Provider: Provider, Kind: body.Type, Data: members(raw).without("type").raw()}
	}
	return nil
}

func (c *call) delta(index int, raw json.RawMessage) error {
	b := c.blocks[index]
	if b == nil {
		return errors.New("a piece of no block")
	}
	var d blockDelta
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	switch {
	case b.held != nil && d.Type == "input_json_delta":
		b.input = append(b.input, d.PartialJSON...)
	case b.held != nil || pieces[d.Type] != b.kind: // nothing is lost in silence (law 7)
		stray := &llm.ProviderDelta{Index: b.index, Provider: Provider, Kind: d.Type, Data: members(raw).without("type").raw()}
		if b.held != nil {
			stray.Index = -1 // its part has not begun
		}
		c.emit(stray)
	case d.Type == "text_delta":
		c.text(b, d.Text)
	case d.Type == "citations_delta":
		c.cite(b, d.Citation)
	case d.Type == "input_json_delta":
		c.input(b, d.PartialJSON)
	default:
		c.reason(b, &llm.ReasoningDelta{Text: d.Thinking, Signature: d.Signature})
	}
	return nil
}

// pieces are the kinds of deltas, and of what blocks they are pieces.
var pieces = map[string]string{
	"text_delta": "text", "citations_delta": "text", "input_json_delta": "tool_use", "thinking_delta": "thinking", "signature_delta": "thinking",
}

func (c *call) text(b *block, text string) {
	if text != "" {
		c.emit(&llm.TextDelta{Index: b.index, Text: text})
	}
}

func (c *call) reason(b *block, d *llm.ReasoningDelta) {
	if d.Index = b.index; d.Text+d.Signature != "" || len(d.Redacted) > 0 {
		c.emit(d)
	}
}

// input passes a tool's arguments on as text, so that no digit is lost; the Accumulator
// judges them (laws 7 and 10).
func (c *call) input(b *block, text string) {
	if text != "" {
		c.emit(&llm.ToolCallDelta{Index: b.index, Input: text})
	}
}

func (c *call) cite(b *block, raw json.RawMessage) {
	if b.opaque == nil { // it says whose form the citation's Data has
		b.opaque = &llm.Opaque{Provider: Provider, Model: c.finish.Model}
	}
	c.emit(&llm.CitationDelta{Index: b.index, Citation: newCitation(raw)})
}

func (c *call) stop(index int) error {
	b := c.blocks[index]
	if b == nil {
		return errors.New("the end of no block")
	}
	delete(c.blocks, index)
	if b.held != nil {
		if input := json.RawMessage(b.input); len(input) > 0 {
			if !json.Valid(input) {
				input = wrapped(string(input))
			}
			b.held.Data = append(members(b.held.Data).without("input"), member{"input", input}).raw()
		}
		b.index, b.opaque = c.parts, nil
		c.parts++
		c.emit(&llm.PartStart{Index: b.index, Part: b.held})
	}
	c.emit(&llm.PartStop{Index: b.index, Opaque: b.opaque})
	return nil
}

// stopReasons are the wire's words. All others are told of in RawStopReason.
var stopReasons = map[string]llm.StopReason{
	"end_turn": llm.StopEndTurn, "tool_use": llm.StopToolUse, "max_tokens": llm.StopMaxTokens, "stop_sequence": llm.StopSequence,
	"refusal": llm.StopRefusal, "pause_turn": llm.StopPause, "model_context_window_exceeded": llm.StopContextWindow,
}

// end is that of an answer that is whole. All else is a cut (law 4).
func (c *call) end() error {
	if c.finish.RawStopReason == "" || len(c.blocks) > 0 {
		return errors.New("an end before the end")
	}
	c.finish.StopReason = cmp.Or(stopReasons[c.finish.RawStopReason], llm.StopOther)
	c.finish.Usage = c.usage.total()
	c.finish.Usage.Estimated = !c.counted || c.finish.Usage.Estimated
	c.lacks(c.finish.Usage.Estimated, llm.WarningIncomplete, "usage", "the endpoint did not report all of it")
	c.emit(&c.finish)
	return nil
}

// count takes the usage so far.
func (c *call) count(u *usage) {
	if u == nil {
		return
	}
	c.usage.Input = cmp.Or(u.Input, c.usage.Input)
	c.usage.CacheRead = cmp.Or(u.CacheRead, c.usage.CacheRead)
	c.usage.CacheCreation = cmp.Or(u.CacheCreation, c.usage.CacheCreation)
	c.usage.Lifetimes = cmp.Or(u.Lifetimes, c.usage.Lifetimes)
	c.usage.Output = cmp.Or(u.Output, c.usage.Output)
	c.usage.OutputDetails = cmp.Or(u.OutputDetails, c.usage.OutputDetails)
	c.usage.ServiceTier = cmp.Or(u.ServiceTier, c.usage.ServiceTier)
	c.emit(&llm.UsageUpdate{Usage: c.usage.total()})
}

// total is the usage as the vocabulary counts it: cached input is part of the input, and
// all parts are within their whole (law 12).
func (u *usage) total() llm.Usage {
	count := func(n *int) int { return max(0, *cmp.Or(n, new(0))) }
	t := llm.Usage{CacheReadTokens: count(u.CacheRead), CacheWriteTokens: count(u.CacheCreation), OutputTokens: count(u.Output),
		ServiceTier: u.ServiceTier, Estimated: u.Input == nil || u.Output == nil}
	t.InputTokens = count(u.Input) + t.CacheReadTokens + t.CacheWriteTokens
	if u.Lifetimes != nil {
		t.CacheWrite1hTokens = min(count(&u.Lifetimes.Hour), t.CacheWriteTokens)
	}
	if u.OutputDetails != nil {
		t.ReasoningTokens = min(count(&u.OutputDetails.Thinking), t.OutputTokens)
	}
	return t
}

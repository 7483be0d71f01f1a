package bedrock

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// blocks are the content blocks of a stream that are open, in order of their start.
// They are told apart by the index on the wire, which may have gaps and need not come
// in order.
type blocks struct{ open []block }

// block is an open content block.
type block struct {
	wire    int
	index   int      // of its part; -1 where the part has not started
	part    llm.Part // as started, or to be started by its first delta
	start   []byte   // of an image, or of a native call: the start event's object
	kind    string   // of a native call: "toolUse" or "toolResult"
	input   bool     // arguments of a call have come
	cited   bool
	failed  bool   // an image that is none: start then holds all that came of it
	source  string // of an image: the member that its content comes in
	stopped bool   // but kept open: a call without arguments, see close
	data    []byte // of a native call: its arguments, or the elements of a result, joined by commas
}

// Bounds of a call that Bedrock runs itself, which is kept until it is whole, and of
// the blocks that are open at a time.
const (
	maxNative = 16 << 20
	maxOpen   = 1 << 10
)

func (b *blocks) find(wire int, stopped bool) *block {
	for i := range b.open {
		if b.open[i].wire == wire && b.open[i].stopped == stopped {
			return &b.open[i]
		}
	}
	return nil
}

func (d *streamDecoder) add(new block) *block {
	if len(d.blocks.open) == maxOpen {
		d.note("too many blocks that do not stop")
	}
	d.blocks.open = append(d.blocks.open, new)
	return &d.blocks.open[len(d.blocks.open)-1]
}

// blockStart begins a block of a kind that says so. Text and reasoning do not: they
// begin with their first delta.
func (d *streamDecoder) blockStart(wire int, start value) {
	if d.blocks.find(wire, false) != nil {
		d.note("a block that starts twice")
		return
	}
	kind, v := start.only()
	switch string(kind) {
	case "":
		if kind != nil {
			d.note("a block without a kind")
		}
	case "toolUse":
		call := d.decodeToolUse(v)
		if call == nil {
			d.nativeStart(wire, "toolUse", v)
			return
		}
		d.calls = true
		b := d.begin(wire, &llm.ToolCallPart{ID: call.ID, Name: call.Name})
		if !noArguments(value(call.Input)) {
			b.input = true // the protocol has none here, but they are not ours to lose
			d.emit(&llm.ToolCallDelta{Index: b.index, Input: string(call.Input) + call.Malformed})
		}
	case "toolResult":
		d.nativeStart(wire, "toolResult", v)
	case "image":
		d.add(block{wire: wire, index: -1, start: v.clone(), part: &llm.MediaPart{MediaType: "image/" + d.required(v.get("format"), "format")}})
	default:
		d.begin(wire, d.native(kind, v))
	}
}

// nativeStart begins a call that Bedrock ran itself, or its result. These have no
// neutral form, and are yielded whole when they stop.
func (d *streamDecoder) nativeStart(wire int, kind string, v value) {
	d.required(v.get("toolUseId"), "toolUseId")
	d.add(block{wire: wire, index: -1, kind: kind, start: v.clone()})
}

func (d *streamDecoder) blockDelta(wire int, delta value) {
	kind, v := delta.only()
	if kind == nil {
		d.note("a delta without content")
		return
	}
	b := d.blocks.find(wire, false)
	switch string(kind) {
	case "toolUse", "reasoningContent", "citation", "image":
		d.object(v, "a delta")
	case "toolResult":
		d.list(v, "a result")
	}
	switch string(kind) {
	case "text":
		text := d.text(v)
		if text == "" {
			return
		}
		if b == nil {
			b = d.begin(wire, &llm.TextPart{})
		}
		if _, ok := b.part.(*llm.TextPart); ok {
			d.emit(&llm.TextDelta{Index: b.index, Text: text})
			return
		}
	case "toolUse":
		if d.blocks.find(wire, true) != nil && b == nil {
			d.note("arguments of a call that has stopped")
		}
		if b != nil && d.toolDelta(b, v) {
			return
		}
	case "reasoningContent":
		if b == nil {
			b = d.begin(wire, &llm.ReasoningPart{Opaque: d.opaque()})
		}
		if _, ok := b.part.(*llm.ReasoningPart); ok && d.reasoningDelta(b.index, v) {
			return
		}
	case "citation":
		if b == nil {
			b = d.begin(wire, &llm.TextPart{})
		}
		if _, ok := b.part.(*llm.TextPart); ok {
			b.cited = true
			d.emit(&llm.CitationDelta{Index: b.index, Citation: d.decodeCitation(v)})
			return
		}
	case "image":
		if b != nil && d.imageDelta(b, v) {
			return
		}
	case "toolResult":
		if b != nil && b.kind == "toolResult" {
			for item := range v.items() {
				if len(b.data) > 0 {
					b.data = append(b.data, ',')
				}
				d.keep(b, item)
			}
			return
		}
	}
	index := -1
	if b != nil {
		index = b.index
	}
	p := d.native(kind, v)
	d.emit(&llm.ProviderDelta{Index: index, Provider: p.Provider, Kind: p.Kind, Data: p.Data})
}

// keep adds to a native call.
func (d *streamDecoder) keep(b *block, data []byte) {
	if b.data = append(b.data, data...); len(b.data) > maxNative {
		d.note("a call of the service's own that does not end")
	}
}

// toolDelta takes a fragment of arguments; false says that the block is no call.
func (d *streamDecoder) toolDelta(b *block, v value) bool {
	input := d.text(v.get("input"))
	if b.kind == "toolUse" {
		d.keep(b, []byte(input))
		return true
	}
	if _, ok := b.part.(*llm.ToolCallPart); !ok {
		return false
	}
	if b.input || !blank(input) { // blank ones are none
		b.input = true
		d.emit(&llm.ToolCallDelta{Index: b.index, Input: input})
	}
	return true
}

// reasoningDelta yields a delta of reasoning; false says that its kind is unknown.
func (d *streamDecoder) reasoningDelta(index int, v value) bool {
	ev := &llm.ReasoningDelta{Index: index}
	switch kind, v := v.only(); string(kind) {
	case "text":
		ev.Text = d.text(v)
	case "signature":
		ev.Signature = d.text(v)
	case "redactedContent":
		ev.Redacted = d.bytes(v)
	default:
		return false
	}
	if ev.Text != "" || ev.Signature != "" || len(ev.Redacted) > 0 {
		d.emit(ev)
	}
	return true
}

// imageDelta yields a piece of an image; false says that it is something else.
func (d *streamDecoder) imageDelta(b *block, v value) bool {
	part, ok := b.part.(*llm.MediaPart)
	if !ok {
		return false
	}
	p := d.decodeImage(v)
	switch {
	case b.index < 0 && (p == nil || b.failed):
		if b.failed = true; len(b.start)+len(v) > maxNative || v[0] != '{' {
			d.note("an image that is not one")
			return true
		}
		b.start = joinObjects(b.start, v)
		return true
	case p == nil:
		return false
	case len(p.Data) == 0 && p.URI == "":
		return true
	}
	source, _ := v.get("source").only()
	if b.source != "" && b.source != string(source) {
		d.note("an image with two sources")
	}
	b.source = string(source)
	if b.index < 0 {
		part.Opaque = p.Opaque
		d.start(b)
	}
	d.emit(&llm.MediaDelta{Index: b.index, Data: p.Data, URI: p.URI})
	return true
}

// blockStop ends a block. A call without arguments stays: whether it broke off is
// known when the answer stops.
func (d *streamDecoder) blockStop(wire int) {
	b := d.blocks.find(wire, false)
	if b == nil {
		return // of a text without any
	}
	if _, call := b.part.(*llm.ToolCallPart); call && !b.input {
		b.stopped = true
		return
	}
	closed := *b
	for i := range d.blocks.open {
		if b == &d.blocks.open[i] {
			d.blocks.open = append(d.blocks.open[:i], d.blocks.open[i+1:]...)
			break
		}
	}
	d.close(closed, false)
}

// close ends a block's part. Broke says that the block, if it is a call without
// arguments, broke off before they came.
func (d *streamDecoder) close(b block, broke bool) {
	switch {
	case b.kind != "":
		b.part = d.native([]byte(b.kind), b.nativeData())
		d.start(&b)
	case b.index < 0: // an image of which nothing came, or an error
		b.part = &llm.ProviderPart{Provider: Provider, Kind: "image", Data: b.start}
		d.start(&b)
	}
	if _, call := b.part.(*llm.ToolCallPart); call && broke && !b.input {
		d.emit(&llm.ToolCallDelta{Index: b.index, Input: brokenOff})
	}
	stop := &llm.PartStop{Index: b.index}
	if b.cited {
		stop.Opaque = d.opaque()
	}
	d.emit(stop)
}

// nativeData is a native call as one object, as it stands in a whole answer.
func (b *block) nativeData() value {
	member, v := "content", "["+string(b.data)+"]"
	if b.kind == "toolUse" {
		member, v = "input", string(b.data)
		switch {
		case v == "":
			v = "{}"
		case !json.Valid(b.data):
			text, _ := json.Marshal(v) // strings always marshal
			v = string(text)
		}
	}
	return value(joinObjects(b.start, []byte(`{"`+member+`":`+v+"}")))
}

// joinObjects puts the members of two objects into one.
func joinObjects(a, b []byte) json.RawMessage {
	head := bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(a), []byte("}")))
	tail := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(b), []byte("{")))
	if !bytes.HasSuffix(head, []byte("{")) && !bytes.HasPrefix(tail, []byte("}")) {
		head = append(bytes.Clone(head), ',')
	}
	return slices.Concat(head, tail)
}

// begin starts a part and returns its block.
func (d *streamDecoder) begin(wire int, p llm.Part) *block {
	b := d.add(block{wire: wire, part: p})
	d.start(b)
	return b
}

// start yields the start of a block's part.
func (d *streamDecoder) start(b *block) {
	b.index = d.parts
	d.parts++
	d.emit(&llm.PartStart{Index: b.index, Part: b.part})
}

package bedrock

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/llm"
)

// streamDecoder turns the messages of one ConverseStream answer into events. It
// pulls: a message is read when the loop wants the next event.
type streamDecoder struct {
	jsonDecoder
	requestID string
	frames    frameReader
	yield     func(llm.Event, error) bool
	warnings  []llm.Warning // of the request

	open  []block // blocks that have not stopped, in order of their start
	parts int     // parts started, which is the next index
	calls bool    // whether there was a tool call
	end   ending
	stop  bool // messageStop has come: the answer is whole
	raw   rawAnswer
	left  bool // the loop was left: nothing may be yielded any more
}

// block is an open content block. Blocks are told apart by the index on the wire,
// which may have gaps and need not come in order.
type block struct {
	wire   int
	index  int      // of its part; -1 where the part is yielded when it stops
	part   llm.Part // as started; nil for a native block
	cited  bool
	native *nativeCall
}

// nativeCall collects a call that Bedrock ran itself, or its result, which has no
// neutral form and so is yielded whole.
type nativeCall struct {
	kind    string
	start   []byte // the start event's object
	input   []byte // fragments of the arguments
	content []byte // elements of a result, joined by commas
}

// run yields the events of the answer. Its error is why the answer is not whole.
func (d *streamDecoder) run() error {
	for !d.left {
		f, err := d.frames.next()
		if err == nil && string(f.kind) != "event" {
			if string(f.kind) == "exception" || string(f.kind) == "error" {
				err = d.exception(f)
			} else {
				continue // a kind of message that the protocol does not have yet
			}
		}
		if err != nil {
			if !d.stop {
				return err
			}
			// The answer is whole; only what follows it was lost.
			d.finish("the stream ended without its metadata")
			return nil
		}
		if d.event(f) {
			d.finish("")
			return nil
		}
	}
	return nil
}

// event handles one event; true says that the answer and its metadata are complete.
func (d *streamDecoder) event(f frame) bool {
	v, ok := parse(f.payload)
	if !ok {
		v = value("null")
	}
	switch string(f.name) {
	case "messageStart":
	case "contentBlockStart":
		d.blockStart(v.get("contentBlockIndex").int(), v.get("start"))
	case "contentBlockDelta":
		d.blockDelta(v.get("contentBlockIndex").int(), v.get("delta"))
	case "contentBlockStop":
		d.blockStop(v.get("contentBlockIndex").int())
	case "messageStop":
		d.stop = true
		d.end.stopReason = d.text(v.get("stopReason"))
		d.raw.stop = bytes.Clone(f.payload)
		return d.raw.finale != nil
	case "metadata":
		d.raw.finale = bytes.Clone(f.payload)
		for key, member := range v.fields() {
			d.decodeMetadata(&d.end, key, member)
		}
		if !d.stop && d.end.reported {
			d.emit(&llm.UsageUpdate{Usage: d.end.usage})
		}
		return d.stop
	default:
		d.emit(&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: string(f.name), Data: v.clone()})
	}
	return false
}

// blockStart begins a block of a kind that says so. Text and reasoning do not: they
// begin with their first delta.
func (d *streamDecoder) blockStart(wire int, start value) {
	kind, v := start.only()
	switch string(kind) {
	case "":
	case "toolUse":
		if call := d.decodeToolUse(v); call != nil {
			d.calls = true
			d.begin(wire, &llm.ToolCallPart{ID: call.ID, Name: call.Name})
			return
		}
		d.open = append(d.open, block{wire: wire, index: -1, native: &nativeCall{kind: "toolUse", start: v.clone()}})
	case "toolResult":
		d.open = append(d.open, block{wire: wire, index: -1, native: &nativeCall{kind: "toolResult", start: v.clone()}})
	case "image":
		d.begin(wire, &llm.MediaPart{MediaType: "image/" + d.text(v.get("format"))})
	default:
		d.begin(wire, &llm.ProviderPart{Provider: Provider, Kind: d.text(quoted(kind)), Data: v.clone()})
	}
}

func (d *streamDecoder) blockDelta(wire int, delta value) {
	kind, v := delta.only()
	b := d.find(wire)
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
		if b == nil {
			break
		}
		if b.native != nil {
			b.native.input = v.get("input").appendString(b.native.input)
			return
		}
		if _, ok := b.part.(*llm.ToolCallPart); ok {
			if input := d.text(v.get("input")); input != "" {
				d.emit(&llm.ToolCallDelta{Index: b.index, Input: input})
			}
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
		if b == nil {
			break
		}
		if _, ok := b.part.(*llm.MediaPart); ok {
			if p := d.decodeImage(v); p != nil {
				d.emit(&llm.MediaDelta{Index: b.index, Data: p.Data, URI: p.URI})
				return
			}
		}
	case "toolResult":
		if b != nil && b.native != nil {
			for item := range v.items() {
				if len(b.native.content) > 0 {
					b.native.content = append(b.native.content, ',')
				}
				b.native.content = append(b.native.content, item...)
			}
			return
		}
	}
	d.unmapped(b, kind, v)
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

// unmapped yields a delta that has no neutral form.
func (d *streamDecoder) unmapped(b *block, kind []byte, v value) {
	index := -1
	if b != nil {
		index = b.index
	}
	d.emit(&llm.ProviderDelta{Index: index, Provider: Provider, Kind: d.text(quoted(kind)), Data: v.clone()})
}

func (d *streamDecoder) blockStop(wire int) {
	for i, b := range d.open {
		if b.wire == wire {
			d.open = append(d.open[:i], d.open[i+1:]...)
			d.close(b)
			return
		}
	}
}

// close ends a block's part.
func (d *streamDecoder) close(b block) {
	if b.native != nil {
		b.index = d.parts
		d.parts++
		d.emit(&llm.PartStart{Index: b.index, Part: &llm.ProviderPart{Provider: Provider, Kind: b.native.kind, Data: b.native.data()}})
	}
	stop := &llm.PartStop{Index: b.index}
	if b.cited {
		stop.Opaque = d.opaque()
	}
	d.emit(stop)
}

// data is the call as one object, as it stands in a whole answer.
func (n *nativeCall) data() json.RawMessage {
	member, v := "content", append(append([]byte{'['}, n.content...), ']')
	if n.kind == "toolUse" {
		member, v = "input", n.input
		switch {
		case len(v) == 0:
			v = []byte("{}")
		case !json.Valid(v):
			v, _ = json.Marshal(string(v))
		}
	}
	head := bytes.TrimSuffix(n.start, []byte("}"))
	if !bytes.HasSuffix(bytes.TrimSpace(head), []byte("{")) {
		head = append(head, ',')
	}
	return json.RawMessage(string(head) + `"` + member + `":` + string(v) + "}")
}

// begin starts a part and returns its block.
func (d *streamDecoder) begin(wire int, p llm.Part) *block {
	d.open = append(d.open, block{wire: wire, index: d.parts, part: p})
	d.parts++
	b := &d.open[len(d.open)-1]
	d.emit(&llm.PartStart{Index: b.index, Part: p})
	return b
}

func (d *streamDecoder) find(wire int) *block {
	for i := range d.open {
		if d.open[i].wire == wire {
			return &d.open[i]
		}
	}
	return nil
}

// finish yields the end of an answer that is whole. Lost says what did not come
// with it.
func (d *streamDecoder) finish(lost string) {
	for _, b := range d.open {
		d.close(b)
	}
	d.open = nil
	f := d.end.finish(d.modelID, d.calls, d.warnings, lost)
	f.RequestID, f.Raw = d.requestID, new(d.raw) // a copy: the decoder with its buffers must not live on
	d.emit(f)
}

// emit yields an event unless the loop was left.
func (d *streamDecoder) emit(ev llm.Event) {
	d.left = d.left || !d.yield(ev, nil)
}

// exception is the error in an exception or error message of a stream. Its type is
// kept even where the payload cannot be read.
func (d *streamDecoder) exception(f frame) error {
	text := string(f.message)
	if v, ok := parse(f.payload); ok {
		for _, key := range []string{"message", "Message"} {
			if s := d.text(v.get(key)); s != "" {
				text = s
			}
		}
	}
	message := &text
	switch strings.ToLower(string(f.name)) {
	case "throttlingexception":
		return &types.ThrottlingException{Message: message}
	case "modelstreamerrorexception":
		return &types.ModelStreamErrorException{Message: message}
	case "internalserverexception":
		return &types.InternalServerException{Message: message}
	case "serviceunavailableexception":
		return &types.ServiceUnavailableException{Message: message}
	case "validationexception":
		return &types.ValidationException{Message: message}
	case "modeltimeoutexception":
		return &types.ModelTimeoutException{Message: message}
	case "modelnotreadyexception":
		return &types.ModelNotReadyException{Message: message}
	case "modelerrorexception":
		return &types.ModelErrorException{Message: message}
	}
	return &smithy.GenericAPIError{Code: string(f.name), Message: text}
}

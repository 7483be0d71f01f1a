package bedrock

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/llm"
)

// streamDecoder turns the messages of one ConverseStream answer into events. It
// pulls: a message is read when the loop wants the next event.
type streamDecoder struct {
	jsonDecoder
	ctx       context.Context
	requestID string
	frames    frameReader
	yield     func(llm.Event, error) bool
	warnings  []llm.Warning // of the request

	blocks blocks
	parts  int  // parts started, which is the next index
	calls  bool // whether there was a tool call
	end    ending
	stop   bool // messageStop has come: the answer is whole
	raw    rawAnswer
	left   bool  // the loop was left: nothing may be yielded any more
	over   error // of the context, once an event was not yielded for it
}

// run yields the events of the answer. Its error is why the answer is not whole.
func (d *streamDecoder) run() error {
	for !d.left {
		// Who cancels does not want what is buffered.
		if err := d.ctx.Err(); err != nil {
			return err
		}
		complete, err := d.next()
		switch {
		case d.wrong != "":
			return d.fault()
		case complete:
			return d.finish("")
		case err != nil && d.stop:
			// The answer is whole; only what follows it was lost.
			return d.finish("the stream ended without its metadata")
		case err != nil:
			return err
		}
	}
	return nil
}

// next reads a message; true says that the answer and its metadata are complete.
func (d *streamDecoder) next() (complete bool, err error) {
	f, err := d.frames.next()
	if err != nil {
		return false, err
	}
	switch string(f.kind) {
	case "event":
		if len(f.name) > 0 {
			return d.event(f), nil
		}
	case "exception", "error":
		return false, d.exception(f)
	}
	return false, errCorrupt
}

// event handles one event; see next.
func (d *streamDecoder) event(f frame) (complete bool) {
	v, ok := parse(f.payload)
	object := ok && v[0] == '{'
	switch string(f.name) {
	case "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop":
		if d.stop {
			d.note("content after the end of the message")
			return false
		}
	}
	switch string(f.name) {
	case "messageStart":
	case "contentBlockStart":
		if wire, ok := d.index(v); ok {
			d.blockStart(wire, d.object(v.get("start"), "a start"))
		}
	case "contentBlockDelta":
		if wire, ok := d.index(v); ok {
			d.blockDelta(wire, v.get("delta"))
		}
	case "contentBlockStop":
		if wire, ok := d.index(v); ok {
			d.blockStop(wire)
		}
	case "messageStop":
		d.stopReason(v)
		d.raw.stop = bytes.Clone(f.payload)
		complete = d.raw.finale != nil
	case "metadata":
		d.raw.finale = bytes.Clone(f.payload)
		for key, member := range v.fields() {
			d.decodeMetadata(&d.end, key, member)
		}
		if !d.stop && d.end.reported {
			d.emit(&llm.UsageUpdate{Usage: d.end.usage})
		}
		complete = d.stop
	default: // of a later version of the API
		object = true
		if !ok {
			v = value("null")
		}
		d.emit(&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: string(f.name), Data: d.data(v)})
	}
	if !object {
		d.note("an event that is not an object")
	}
	return complete
}

// index reads the index of an event's block.
func (d *streamDecoder) index(event value) (n int, ok bool) {
	if n, ok = event.get("contentBlockIndex").count(); !ok || n > math.MaxInt32 {
		d.note("an event without the index of its block")
		return 0, false
	}
	return n, true
}

func (d *streamDecoder) stopReason(event value) {
	reason := d.required(event.get("stopReason"), "stopReason")
	if d.wrong == "" {
		d.stop, d.end.stopReason = true, reason
	}
}

// emit yields an event, unless the loop was left, the context has ended, or what is
// yielded would be half of something.
func (d *streamDecoder) emit(ev llm.Event) {
	if d.over == nil {
		d.over = d.ctx.Err()
	}
	if d.left || d.over != nil || d.wrong != "" {
		return
	}
	d.left = !d.yield(ev, nil)
}

// finish yields the end of an answer that is whole. Lost says what did not come
// with it.
func (d *streamDecoder) finish(lost string) error {
	cut := cutShort(d.end.stopReason)
	for i, b := range d.blocks.open {
		// A call without arguments that is the last thing of an answer which was cut
		// short, or that never stopped, is not a call of a tool without parameters.
		d.close(b, !b.stopped || cut && i == len(d.blocks.open)-1 && b.index == d.parts-1)
	}
	d.blocks.open = nil
	f := d.end.finish(d.modelID, d.calls, d.warnings, lost)
	f.RequestID, f.Raw = d.requestID, new(d.raw) // a copy: the decoder with its buffers must not live on
	d.emit(f)
	return cmp.Or(d.fault(), d.over)
}

// exception is the error in an exception or error message of a stream. Its type is
// kept even where the payload cannot be read.
func (d *streamDecoder) exception(f frame) error {
	text := string(f.message)
	v, ok := parse(f.payload)
	if ok {
		for _, key := range []string{"message", "Message"} {
			if s := v.get(key).appendString(nil); len(s) > 0 {
				text = string(s)
			}
		}
	}
	message := &text
	switch strings.ToLower(string(f.name)) {
	case "throttlingexception":
		return &types.ThrottlingException{Message: message}
	case "modelstreamerrorexception":
		e := &types.ModelStreamErrorException{Message: message}
		if s := v.get("originalMessage").appendString(nil); len(s) > 0 {
			e.OriginalMessage = new(string(s))
		}
		if n, ok := v.get("originalStatusCode").count(); ok && n <= math.MaxInt32 {
			e.OriginalStatusCode = new(int32(n))
		}
		return e
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

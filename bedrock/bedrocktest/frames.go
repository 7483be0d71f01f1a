package bedrocktest

import (
	"bytes"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

const eventStreamType = "application/vnd.amazon.eventstream"

// frames sends the events of a stream, each in a frame of its own and at once.
type frames struct {
	a       *answer
	encoder *eventstream.Encoder
	events  int     // of the model, sent so far
	insert  []Frame // those of the fault that are still to come
}

func newFrames(a *answer) *frames {
	const beyond = 1 << 30 // the bytes of any stream: where it ends is known later
	if a.fault.CutAfter != nil && a.fault.CutAt == nil {
		a.fault.CutAt = new(beyond)
	}
	if a.fault.StallAfter != nil && a.fault.StallAt == nil {
		a.fault.StallAt = new(beyond)
	}
	a.begin(200, eventStreamType, -1)
	a.flush()
	return &frames{a: a, encoder: eventstream.NewEncoder(), insert: a.fault.Insert}
}

// event sends an event. It sends the exception that the request's fault wants in
// its place, or after it, when its turn has come.
func (f *frames) event(name string, payload jsonText) error {
	if err := f.inserts(f.events); err != nil {
		return err
	}
	fault := &f.a.fault
	switch stall, cut := fault.StallAfter, fault.CutAfter; {
	case stall != nil && f.events >= *stall:
		f.a.stall()
		return errOver
	case cut != nil && f.events >= *cut:
		f.a.cut()
		return errOver
	}
	if fault.Exception != "" && f.events >= fault.After {
		return f.exception(newException(fault.Exception, fault.Message))
	}
	f.events++
	return f.frame("event", name, payload)
}

// inserts sends the frames of the fault that come after that many events.
func (f *frames) inserts(events int) error {
	for len(f.insert) > 0 && f.insert[0].At <= events {
		next := f.insert[0]
		f.insert = f.insert[1:]
		if err := f.frame("event", next.Name, jsonText(next.Payload)); err != nil {
			return err
		}
	}
	return nil
}

// exception sends an exception, which ends the stream.
func (f *frames) exception(e *exception) error {
	err := f.frame("exception", e.inStream(), obj("message", e.message))
	f.a.over = true
	if err == nil {
		err = errOver
	}
	return err
}

// end is called where the stream has run to its end.
func (f *frames) end() {
	if f.inserts(math.MaxInt) != nil {
		return
	}
	if fault := &f.a.fault; fault.Exception != "" {
		_ = f.exception(newException(fault.Exception, fault.Message))
	}
}

func (f *frames) frame(messageType, name string, payload jsonText) error {
	var message eventstream.Message
	message.Headers.Set(":"+messageType+"-type", eventstream.StringValue(name))
	message.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	message.Headers.Set(":message-type", eventstream.StringValue(messageType))
	message.Payload = payload
	var b bytes.Buffer
	if err := f.encoder.Encode(&b, message); err != nil {
		// Only a name or a payload beyond the format's limits gets here.
		f.a.over, f.a.abort = true, true
		return err
	}
	err := f.a.write(b.Bytes())
	f.a.flush()
	return err
}

package bedrocktest

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"time"
)

// Fault is something that goes wrong with one request. Its parts are independent of
// each other: an error may be delayed, and its body cut. The zero value is no fault.
type Fault struct {
	// Delay passes before the answer begins.
	Delay time.Duration

	// Status and Type make the answer an error. Status is that of HTTP, 0 = the one
	// that belongs to Type; what is none (below 200, above 999) becomes 500. Type is
	// the exception, such as "ThrottlingException"; "" = an error that says nothing of
	// its type. The model is not called.
	Status int
	Type   string
	// Message is the error's text; "" = the service's own for this type.
	Message string
	// RetryAfter asks the client to wait, in the headers Retry-After, in seconds,
	// and X-Amz-Retry-After, in milliseconds; 0 = does not.
	RetryAfter time.Duration

	// Exception breaks a stream off with an exception, such as
	// "ThrottlingException": After events pass, messageStart being the first, or
	// all of them where there are fewer, and then the exception, with Message.
	// It has no meaning for answers that are not streams.
	Exception string
	After     int

	// Insert puts pieces of its own between those of the model's answer: events into
	// a stream, content blocks into a whole answer.
	Insert []Frame

	// CutAt breaks the body off after that many bytes, in the manner of Ending; a
	// shorter body is sent whole, and then broken off. nil = is not cut.
	CutAt  *int
	Ending Ending

	// CutAfter and StallAfter are CutAt and StallAt for streams, counted in events
	// of the answer: messageStart is the first. Fewer events are all sent, and then
	// cut or stalled. nil = does not; they have no meaning for answers that are not
	// streams.
	CutAfter, StallAfter *int

	// StallAt sends nothing more after that many bytes of the body, or at its end,
	// until the client leaves or the server closes. nil = does not stall.
	StallAt *int

	// FlipBit inverts one bit of the body. Bit 0 is the highest of the first byte.
	// nil = inverts none.
	FlipBit *int
}

// Frame is a piece of an answer that goes out as it is, whether or not it makes sense
// there: an event, delta or block that no client knows, or one too many.
type Frame struct {
	// At is how many of the model's own events or blocks come before it; the first
	// event is messageStart. Beyond the end is the end.
	At int
	// Name is the event's, such as "contentBlockDelta", or the block's only key, such
	// as "text".
	Name string
	// Payload is the event's payload, or the block's value. It need not be JSON.
	Payload string
}

// Ending is how a connection ends after [Fault].CutAt or CutAfter.
type Ending int

const (
	// EndAbort is how a server ends that crashes over the request. On HTTP/1.1 the
	// connection is closed, without the last chunk; on HTTP/2 the stream is reset.
	EndAbort Ending = iota
	// EndClean ends the body in proper form, so that only its content tells that
	// something is missing.
	EndClean
	// EndClose closes the TCP connection (FIN). On HTTP/1.1 that is EndAbort; on
	// HTTP/2 it takes the connection's other streams along.
	EndClose
	// EndReset resets the TCP connection (RST).
	EndReset
	// EndInChunk closes the connection within a chunk. HTTP/2 has no chunks: as
	// EndClose.
	EndInChunk
	// EndUnframed sends the body with neither a length nor chunks, so that closing
	// the connection is its proper end. On HTTP/2 as EndClose.
	EndUnframed
	// EndLength announces exactly the length that it sends. The body is held back
	// until that is known.
	EndLength
	// EndShort announces more than it sends, and then closes the connection; on
	// HTTP/2 it ends the stream.
	EndShort
)

// normal is the fault with places below 0 made 0, no bit below 0, frames in order, and
// a status that net/http can send as the last of a response.
func (f Fault) normal() Fault {
	if f.CutAt != nil {
		f.CutAt = new(min(max(0, *f.CutAt), math.MaxInt-1)) // EndShort announces one more
	}
	if f.StallAt != nil {
		f.StallAt = new(max(0, *f.StallAt))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 999) {
		f.Status = http.StatusInternalServerError
	}
	f.Insert = slices.Clone(f.Insert)
	slices.SortStableFunc(f.Insert, func(a, b Frame) int { return cmp.Compare(a.At, b.At) })
	if f.FlipBit != nil && *f.FlipBit < 0 {
		f.FlipBit = nil
	}
	return f
}

// exception is the error that the fault puts in the answer's place, or nil.
func (f *Fault) exception() *exception {
	if f.Status == 0 && f.Type == "" {
		return nil
	}
	e := newException(f.Type, f.Message)
	e.status = cmp.Or(f.Status, e.status)
	e.retryAfter = f.RetryAfter
	return e
}

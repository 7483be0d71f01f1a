package bedrocktest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// answer is the response to one request. Every byte of a body goes through it, so
// that a [Fault] holds for whole answers, streams and errors alike.
type answer struct {
	w     http.ResponseWriter
	r     *http.Request
	fault Fault

	status int    // of a body that is held back for its length
	held   []byte // that body
	log    *entry // where it is recorded
	sent   int    // bytes of the body so far
	over   bool   // nothing more is sent
	abort  bool   // the connection is to break off
}

// errOver tells the maker of a body that the rest is not wanted.
var errOver = errors.New("the answer is over")

// whole sends an answer that is known from the start to the end.
func (a *answer) whole(status int, body jsonText) {
	a.begin(status, "application/json", len(body))
	_ = a.write(body) // nothing follows
}

// begin sends the head of the answer; length is -1 where it is not known. A body
// that is going to be cut has no length but the one that its ending asks for.
func (a *answer) begin(status int, contentType string, length int) {
	h := a.w.Header()
	h.Set("Content-Type", contentType)
	if at := a.fault.CutAt; at != nil {
		switch a.fault.Ending {
		case EndLength:
			a.status = status
			a.log.begin(status, h)
			return
		case EndShort:
			length = max(length, *at+1)
		case EndUnframed:
			if a.r.ProtoMajor == 1 {
				h.Set("Transfer-Encoding", "identity")
			}
			length = -1
		default:
			length = -1
		}
	}
	if length >= 0 {
		h.Set("Content-Length", strconv.Itoa(length))
	}
	a.log.begin(status, h)
	a.w.WriteHeader(status)
	connOf(a.r).given.Add(1)
}

// write sends a piece of the body, as far as the fault lets it.
func (a *answer) write(p []byte) error {
	if a.over {
		return errOver
	}
	if bit := a.fault.FlipBit; bit != nil {
		if i := *bit/8 - a.sent; i >= 0 && i < len(p) {
			p = append([]byte(nil), p...)
			p[i] ^= 0x80 >> (*bit % 8)
		}
	}
	stall, cut := a.fault.StallAt, a.fault.CutAt
	if stall != nil && *stall <= a.sent+len(p) && (cut == nil || *stall <= *cut) {
		a.send(p[:*stall-a.sent])
		a.stall()
	} else if cut != nil && *cut <= a.sent+len(p) {
		a.send(p[:*cut-a.sent])
		a.over = true
	} else {
		a.send(p)
	}
	if a.over {
		return errOver
	}
	return nil
}

func (a *answer) send(p []byte) {
	a.sent += len(p)
	a.log.write(p)
	if a.status != 0 {
		a.held = append(a.held, p...)
		return
	}
	n, err := a.w.Write(p)
	if err != nil {
		a.over = true // the client has left
		a.log.breakOff()
	}
	connOf(a.r).given.Add(int64(n))
}

// flush sends what has been written so far on its way.
func (a *answer) flush() {
	if a.status == 0 {
		_ = http.NewResponseController(a.w).Flush() // where it fails, so will the next write
	}
}

// cut ends the body here.
func (a *answer) cut() {
	a.fault.CutAt, a.over = new(a.sent), true
}

// stall waits until the client leaves or the server closes.
func (a *answer) stall() {
	a.flush()
	<-a.r.Context().Done()
	a.over, a.abort = true, true
}

// end ends the answer as the fault wants it. It may panic with
// http.ErrAbortHandler, so it is called last, outside of the model's loops.
func (a *answer) end() {
	if !a.over && a.fault.StallAt != nil {
		a.stall()
	}
	if a.abort {
		a.flush()
		a.log.breakOff()
		panic(http.ErrAbortHandler)
	}
	if a.fault.CutAt == nil {
		return
	}
	a.flush()
	a.breakOff(a.r.Context(), connOf(a.r), a.r.ProtoMajor == 1)
}

// breakOff ends the connection after a cut.
func (a *answer) breakOff(ctx context.Context, c *conn, http1 bool) {
	c.settle(ctx)
	ending := a.fault.Ending
	switch {
	case ending == EndLength:
		a.w.Header().Set("Content-Length", strconv.Itoa(len(a.held)))
		a.w.WriteHeader(a.status)
		_, _ = a.w.Write(a.held) // nothing follows
		return
	case ending == EndClean, ending == EndUnframed && http1, ending == EndShort && !http1:
		return // the HTTP server does the rest
	}
	a.log.breakOff()
	switch {
	case ending == EndAbort, ending == EndShort:
	case ending == EndReset:
		c.reset(ctx)
	default: // EndClose, EndInChunk, and EndUnframed on HTTP/2
		if ending == EndInChunk && http1 {
			_, _ = c.Write([]byte("400\r\n")) // the head of a chunk of 1,024 bytes
		}
		c.hangUp(ctx)
	}
	panic(http.ErrAbortHandler)
}

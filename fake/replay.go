package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/parley-sdk/parley/llm"
)

// Replay reads a tape that [Record] wrote and returns a model that answers from it,
// at once. A request is answered with the recording of a request that is equal,
// which its digest tells; equal requests are answered in the order in which their
// calls ended. Each recording is played once. Generate may be answered from a
// recorded stream, and Stream from a recorded response.
//
// A request for which no recording is left is an [llm.ErrInternal] that is not
// retryable: it shows the shapes of that request and of the next recording, but no
// content. An abandoned stream plays as far as it was recorded, and then fails with
// [llm.ErrIncomplete]. Provider, model and request id are those of the tape, but
// Info is that of a fake; see [Model.WithInfo].
//
// A tape that cannot be read is an [llm.ErrInvalidRequest] that names the line. All
// of r is read before Replay returns.
func Replay(r io.Reader) (*Model, error) {
	bad := func(message string, cause error) (*Model, error) {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Op: "replay", Message: message, Err: cause}
	}
	if isNil(r) {
		return bad("nil reader", nil)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return bad("the tape cannot be read", err)
	}
	t := new(tape)
	for n, line := range lines(b) {
		rec, err := parseRecording(line)
		if err != nil {
			return bad(fmt.Sprintf("line %d: not a recording that can be replayed", n), err)
		}
		t.recordings = append(t.recordings, rec)
	}
	t.played = make([]atomic.Bool, len(t.recordings))
	m := newModel(t)
	m.lenient = true
	return m, nil
}

// tape answers from recordings.
type tape struct {
	recordings []*recording
	played     []atomic.Bool
}

func (t *tape) answer(_ context.Context, c *call) (take, error) {
	wanted, err := newRecording(c.req)
	if err != nil {
		e := c.fault(llm.ErrInvalidRequest, "the request does not encode as JSON")
		e.Err = err
		return take{}, e
	}
	for i, rec := range t.recordings {
		if rec.Digest == wanted.Digest && !t.played[i].Swap(true) {
			return rec.take(c), nil
		}
	}
	return take{}, t.unmatched(c)
}

// unmatched is the error of a call that finds no recording.
func (t *tape) unmatched(c *call) error {
	next := "none"
	for i, rec := range t.recordings {
		if !t.played[i].Load() {
			next = rec.shape()
			break
		}
	}
	return c.broken("no recording is left of this request: %s; next on the tape: %s", shape(c.req, 80), next)
}

func (t *tape) left() []string {
	var out []string
	for i, rec := range t.recordings {
		if !t.played[i].Load() {
			out = append(out, fmt.Sprintf("recording %d: %s", i+1, rec.shape()))
		}
	}
	return out
}

// shape is the shape of the recorded request.
func (r *recording) shape() string {
	var req llm.Request
	if json.Unmarshal(r.Request, &req) != nil {
		return "a request that cannot be read"
	}
	return shape(&req, 80)
}

package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

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
// [llm.ErrIncomplete]. Provider, model and request id are those of the tape, and Info
// is that of the model of its first recording.
//
// A tape that cannot be read is an [llm.ErrInvalidRequest] that names the line. All
// of r is read before Replay returns.
func Replay(r io.Reader) (*Model, error) { return ReplayWith(r, nil) }

// ReplayWith is [Replay] with options; nil options are those of Replay.
func ReplayWith(r io.Reader, opts *TapeOptions) (*Model, error) {
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
	t := &tape{scrubber: opts.scrubber()}
	if opts != nil {
		t.inOrder, t.realTime = opts.InOrder, opts.RealTime
	}
	for n, line := range lines(b) {
		rec, err := parseRecording(line)
		if err != nil {
			if !json.Valid(line) {
				return bad(fmt.Sprintf("line %d is no JSON: the tape is damaged", n), err)
			}
			return bad(fmt.Sprintf("line %d: not a recording that can be replayed", n), err)
		}
		t.recordings = append(t.recordings, rec)
	}
	t.played = make([]bool, len(t.recordings))
	m := newModel(t)
	m.lenient = true
	if t.recordings != nil && t.recordings[0].Provider != "" {
		m = m.WithInfo(llm.Info{Provider: t.recordings[0].Provider, Model: t.recordings[0].Model})
	}
	return m, nil
}

// tape answers from recordings.
type tape struct {
	recordings []*recording
	scrubber   scrubber
	inOrder    bool
	realTime   bool

	mu         sync.Mutex
	played     []bool
	unrecorded []unrecorded // the first ones
}

func (t *tape) answer(_ context.Context, c *call) (take, error) {
	plain, scrubbed, err := encodeRequest(c.req, t.scrubber)
	if err != nil {
		e := c.fault(llm.ErrInvalidRequest, "the request does not encode as JSON")
		e.Err = err
		return take{}, e
	}
	// What was recorded with its secrets, or by a release that did not scrub them, has
	// the digest of the plain request.
	digests := [2]string{digest(scrubbed), digest(plain)}
	outline := outline(c.req)

	t.mu.Lock()
	defer t.mu.Unlock()
	var next *recording
	for i, rec := range t.recordings {
		if t.played[i] {
			continue
		}
		if rec.Digest == digests[0] || rec.Digest == digests[1] || t.inOrder && rec.outline() == outline {
			t.played[i] = true
			return rec.take(c, t.realTime), nil
		}
		if next == nil {
			next = rec
		}
		if t.inOrder {
			break
		}
	}
	if len(t.unrecorded) < reportUnanswered {
		t.unrecorded = append(t.unrecorded, unrecorded{c.id, scrubbed, next})
	}
	return take{}, t.unmatched(c, next)
}

// unmatched is the error of a call that finds no recording.
func (t *tape) unmatched(c *call, next *recording) error {
	shown := "none"
	if next != nil {
		shown = next.shape()
	}
	if t.inOrder && next != nil {
		return c.broken("the next recording is of another request than this: %s; next on the tape: %s", shape(c.req, 80), shown)
	}
	return c.broken("no recording is left of this request: %s; next on the tape: %s", shape(c.req, 80), shown)
}

func (t *tape) left() (unused, unanswered []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, rec := range t.recordings {
		if !t.played[i] {
			unused = append(unused, fmt.Sprintf("recording %d: %s", i+1, rec.shape()))
		}
	}
	for _, u := range t.unrecorded {
		unanswered = append(unanswered, u.describe())
	}
	return unused, unanswered
}

// shown are requests as a test may print them: secrets are scrubbed before anything is
// cut short, since a piece of one has no shape.
func (t *tape) shown(reqs []*llm.Request) []*llm.Request {
	out := make([]*llm.Request, len(reqs))
	for i, r := range reqs {
		out[i] = new(llm.Request)
		r.Options = nil // which are not shown, and need not decode
		if _, b, err := encodeRequest(r, t.scrubber); err != nil || json.Unmarshal(b, out[i]) != nil {
			out[i] = new(llm.Request)
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

func (r *recording) outline() string {
	var req llm.Request
	if json.Unmarshal(r.Request, &req) != nil {
		return ""
	}
	return outline(&req)
}

// outline is what two requests have in common that differ in what they say only.
func outline(r *llm.Request) string {
	var b strings.Builder
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "%s:", m.Role)
		for _, p := range m.Content {
			kind, _, _ := strings.Cut(partShape(p), " ")
			b.WriteString(" " + kind)
			if call, ok := p.(*llm.ToolCallPart); ok {
				b.WriteString(" " + call.Name)
			}
		}
		b.WriteString("\n")
	}
	for _, t := range r.Tools {
		b.WriteString("tool " + toolName(t) + "\n")
	}
	return b.String()
}

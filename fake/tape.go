package fake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// tapeVersion is the version of the format below. Version 1, which had no times, no
// Provider and Model, and digests of requests as they were, is read too. Fields may be
// added to a version.
const tapeVersion = 2

// recording is one call on a tape: a line of JSON.
type recording struct {
	Version   int             `json:"v"`
	Digest    string          `json:"digest"`             // of Request; what replaying goes by
	Provider  string          `json:"provider,omitempty"` // of the model's Info
	Model     string          `json:"model,omitempty"`
	Request   json.RawMessage `json:"request"`            // in the storage format of package llm
	After     string          `json:"after,omitempty"`    // how long Generate took
	Response  *llm.Response   `json:"response,omitempty"` // of Generate, partial beside an error
	Events    tapeEvents      `json:"events,omitempty"`   // of Stream, without the error
	Error     *tapeError      `json:"error,omitempty"`
	Abandoned bool            `json:"abandoned,omitempty"` // the loop was left before the stream ended
}

// encodeRequest is the canonical form of a request: the storage format of package llm,
// which has one order of fields and map keys and no white space, and in which a request
// that was loaded from it is what it was before.
func encodeRequest(req *llm.Request, s scrubber) (plain, scrubbed json.RawMessage, err error) {
	if plain, err = json.Marshal(req); err != nil {
		return nil, nil, err
	}
	scrubbed, _ = s.stored(plain)
	return plain, scrubbed, nil
}

func digest(request []byte) string {
	sum := sha256.Sum256(request)
	return hex.EncodeToString(sum[:])
}

// parseRecording reads a line of a tape.
func parseRecording(line []byte) (*recording, error) {
	r := new(recording)
	if err := json.Unmarshal(line, r); err != nil {
		return nil, err
	}
	// Typed, so that their text is shown.
	fault := func(format string, args ...any) error {
		return &llm.Error{Code: llm.ErrInvalidRequest, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Version < 1 || r.Version > tapeVersion:
		return nil, fault("version %d, where this release reads versions 1 to %d", r.Version, tapeVersion)
	case r.Digest == "":
		return nil, fault("no digest")
	case r.Response != nil && r.Events != nil:
		return nil, fault("a response beside events")
	}
	if _, err := parsePause(r.After); err != nil {
		return nil, err
	}
	return r, nil
}

// scrub takes out of what came of a call what must not get onto a tape. The request is
// scrubbed before, since its digest is.
func (r *recording) scrub(s scrubber) error {
	if r.Response != nil {
		b, err := json.Marshal(r.Response)
		if err != nil {
			return err
		}
		if b, changed := s.stored(b); changed {
			r.Response = new(llm.Response)
			if err := json.Unmarshal(b, r.Response); err != nil {
				return err
			}
		}
	}
	for i, ev := range s.deltas(r.Events.only()) {
		r.Events[i].event = ev
		switch ev.(type) {
		case *llm.TextDelta, *llm.ReasoningDelta, *llm.ToolCallDelta:
			continue // which are scrubbed
		}
		b, err := json.Marshal(ev)
		if err != nil {
			return err
		}
		if b, changed := s.stored(b); changed {
			if r.Events[i].event, err = llm.UnmarshalEvent(b); err != nil {
				return err
			}
		}
	}
	r.Error.scrub(s)
	return nil
}

// line scrubs and encodes a recording.
func (r *recording) line(s scrubber) ([]byte, error) {
	if err := r.scrub(s); err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}

// take plays the recording back, and adds nothing to it but the end of a call that
// was abandoned.
func (r *recording) take(c *call, realTime bool) take {
	t := take{events: copyEvents(r.Events.only()), exact: true}
	if realTime {
		t.delay, _ = parsePause(r.After) // which parseRecording has read
		t.pauses = r.Events.pauses()
	}
	if r.Response != nil {
		t.events = responseEvents(copyResponse(r.Response), 0)
	}
	switch {
	case r.Abandoned:
		t.exact = false
		t.err = c.fault(llm.ErrIncomplete, "the loop had been left here when the call was recorded")
	case r.Error != nil:
		t.err = r.Error.restore()
		if r.Response != nil {
			// What a failed call returned beside its error: no Finish, but its usage.
			t.events = append(beforeFinish(t.events), &llm.UsageUpdate{Usage: r.Response.Usage})
		}
	}
	return t
}

// lines ranges over the lines of a tape that hold something, with their numbers.
func lines(tape []byte) func(yield func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		n := 0
		for line := range bytes.Lines(tape) {
			n++
			if line = bytes.TrimSpace(line); len(line) > 0 && !yield(n, line) {
				return
			}
		}
	}
}

// formatPause is a time on a tape; none is "".
func formatPause(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return d.String()
}

func parsePause(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, &llm.Error{Code: llm.ErrInvalidRequest, Message: "a time that is no duration, or a negative one", Err: err}
	}
	return d, nil
}

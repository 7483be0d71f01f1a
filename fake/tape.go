package fake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/parley-sdk/parley/llm"
)

// tapeVersion is the version of the format below. Fields may be added to it.
const tapeVersion = 1

// recording is one call on a tape: a line of JSON.
type recording struct {
	Version   int             `json:"v"`
	Digest    string          `json:"digest"`             // of Request; what replaying goes by
	Request   json.RawMessage `json:"request"`            // in the storage format of package llm
	Response  *llm.Response   `json:"response,omitempty"` // of Generate, partial beside an error
	Events    tapeEvents      `json:"events,omitempty"`   // of Stream, without the error
	Error     *tapeError      `json:"error,omitempty"`
	Abandoned bool            `json:"abandoned,omitempty"` // the loop was left before the stream ended
}

// newRecording begins the recording of a call.
func newRecording(req *llm.Request) (*recording, error) {
	b, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return &recording{Version: tapeVersion, Digest: hex.EncodeToString(sum[:]), Request: b}, nil
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
	case r.Version != tapeVersion:
		return nil, fault("version %d, where this release reads version %d", r.Version, tapeVersion)
	case r.Digest == "":
		return nil, fault("no digest")
	case r.Response != nil && r.Events != nil:
		return nil, fault("a response beside events")
	}
	return r, nil
}

// take plays the recording back, and adds nothing to it but the end of a call that
// was abandoned.
func (r *recording) take(c *call) take {
	t := take{events: copyEvents(r.Events), exact: true}
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

// tapeEvents are events with a JSON codec.
type tapeEvents []llm.Event

func (es *tapeEvents) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*es = make(tapeEvents, len(raw))
	for i, b := range raw {
		ev, err := llm.UnmarshalEvent(b)
		if err != nil {
			return err
		}
		(*es)[i] = ev
	}
	return nil
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

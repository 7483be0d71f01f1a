package fake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// tapeError is an error on a tape: the verdict, and what was said of it.
type tapeError struct {
	Code       llm.Code `json:"code"`
	Message    string   `json:"message,omitempty"`
	Op         string   `json:"op,omitempty"`
	Provider   string   `json:"provider,omitempty"`
	Model      string   `json:"model,omitempty"`
	RequestID  string   `json:"request_id,omitempty"`
	Status     int      `json:"status,omitempty"`
	RetryAfter string   `json:"retry_after,omitempty"`
	Retryable  bool     `json:"retryable,omitempty"`
	Cause      string   `json:"cause,omitempty"` // the text of an error of package context
}

func newTapeError(err error) *tapeError {
	t := &tapeError{Code: llm.CodeOf(err), Retryable: llm.IsRetryable(err)}
	if d, ok := llm.RetryAfter(err); ok {
		t.RetryAfter = d.String()
	}
	for _, cause := range contextErrors {
		if errors.Is(err, cause) {
			t.Cause = cause.Error()
		}
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e == nil {
		// The text of other errors may hold anything, and would be printed on replay.
		return t
	}
	t.Op, t.Provider, t.Model, t.RequestID, t.Status = e.Op, e.Provider, e.Model, e.RequestID, e.Status
	bare := &llm.Error{Code: e.Code, Message: e.Message, Err: e.Err}
	// The message and those of the causes, but not the code and the cause, which are
	// kept apart.
	text := strings.TrimPrefix(bare.Error(), e.Code.Error())
	t.Message = strings.Trim(strings.TrimSuffix(text, t.Cause), ": ")
	return t
}

// restore makes the error that was recorded, as far as it was.
func (t *tapeError) restore() error {
	e := &llm.Error{Code: t.Code, Message: t.Message, Op: t.Op, Provider: t.Provider, Model: t.Model,
		RequestID: t.RequestID, Status: t.Status, Retryable: &t.Retryable}
	// A duration that cannot be read is one that was not recorded.
	e.RetryAfter, _ = time.ParseDuration(t.RetryAfter)
	for _, cause := range contextErrors {
		if t.Cause == cause.Error() {
			e.Err = cause
		}
	}
	return e
}

// contextErrors are the causes that law 5 of [llm.Model] asks for.
var contextErrors = [...]error{context.Canceled, context.DeadlineExceeded}

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

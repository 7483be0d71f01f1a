package fake

import (
	"context"
	"errors"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// tapeError is an error on a tape: the fields of an [llm.Error], and those of the
// errors beneath it whose text may be shown.
type tapeError struct {
	Code       llm.Code     `json:"code"`
	Op         string       `json:"op,omitempty"`
	Provider   string       `json:"provider,omitempty"`
	Model      string       `json:"model,omitempty"`
	Message    string       `json:"message,omitempty"`
	RawCode    string       `json:"raw_code,omitempty"`
	RequestID  string       `json:"request_id,omitempty"`
	Status     int          `json:"status,omitempty"`
	RetryAfter string       `json:"retry_after,omitempty"`
	Retryable  *bool        `json:"retryable,omitempty"`
	Context    string       `json:"context,omitempty"` // the text of an error of package context in the chain
	Causes     []*tapeError `json:"causes,omitempty"`
}

func newTapeError(err error) *tapeError {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e == nil {
		// The text of other errors may hold anything, and would be printed on replay.
		e = &llm.Error{Code: llm.CodeOf(err), Retryable: new(llm.IsRetryable(err))}
	}
	t := &tapeError{Code: e.Code, Op: e.Op, Provider: e.Provider, Model: e.Model, Message: e.Message, RawCode: e.RawCode,
		RequestID: e.RequestID, Status: e.Status, Retryable: e.Retryable, Causes: causes(e.Err)}
	if e.RetryAfter > 0 {
		t.RetryAfter = e.RetryAfter.String()
	}
	for _, cause := range contextErrors {
		if errors.Is(err, cause) {
			t.Context = cause.Error()
		}
	}
	return t
}

// causes are the nearest errors of package llm in a chain.
func causes(err error) []*tapeError {
	switch e := err.(type) {
	case *llm.Error:
		return []*tapeError{newTapeError(e)}
	case llm.Code:
		return []*tapeError{{Code: e}}
	case interface{ Unwrap() error }:
		return causes(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*tapeError
		for _, err := range e.Unwrap() {
			all = append(all, causes(err)...)
		}
		return all
	}
	return nil
}

// scrub takes out of an error what must not get onto a tape.
func (t *tapeError) scrub(s scrubber) {
	if t == nil {
		return
	}
	t.Message = s.text(t.Message)
	for _, cause := range t.Causes {
		cause.scrub(s)
	}
}

// restore makes the error that was recorded, as far as it was.
func (t *tapeError) restore() error {
	e := &llm.Error{Code: t.Code, Op: t.Op, Provider: t.Provider, Model: t.Model, Message: t.Message, RawCode: t.RawCode,
		RequestID: t.RequestID, Status: t.Status, Retryable: t.Retryable}
	// A duration that cannot be read is one that was not recorded.
	e.RetryAfter, _ = time.ParseDuration(t.RetryAfter)
	var beneath []error
	for _, cause := range contextErrors {
		if t.Context == cause.Error() {
			beneath = append(beneath, cause)
		}
	}
	for _, cause := range t.Causes {
		if cause != nil {
			beneath = append(beneath, cause.restore())
		}
	}
	if len(beneath) == 1 {
		e.Err = beneath[0]
	} else if beneath != nil {
		e.Err = errors.Join(beneath...)
	}
	return e
}

// contextErrors are the causes that law 5 of [llm.Model] asks for.
var contextErrors = [...]error{context.Canceled, context.DeadlineExceeded}

package tool

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-sdk/parley/llm/schema"
)

// ErrUnknown is the error of a call to a tool that is not in the set.
var ErrUnknown = errors.New("unknown tool")

// Error is a failure of which the model may read the message. Its cause is for the program.
type Error struct {
	Message string
	Err     error // or nil
}

// Errorf returns an [*Error] for the model to read. As in [fmt.Errorf], %w wraps a cause,
// whose text is then part of the message.
func Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Message: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// PanicError is the error of a tool that panicked, or that called runtime.Goexit.
type PanicError struct {
	Value any    // what it panicked with; nil for Goexit
	Stack []byte // where, as runtime/debug.Stack has it
}

// Error does not quote the value, which may hold anything.
func (e *PanicError) Error() string { return "the tool panicked" }

// argumentError says what is wrong with arguments. The text is for the model, which made
// them; the error itself quotes nothing.
type argumentError struct {
	text string
	err  error
}

func newArgumentError(err error) error {
	text := err.Error()
	if e, ok := errors.AsType[*schema.Error](err); ok {
		text = e.Detail
	}
	return &argumentError{"the arguments do not satisfy the schema of the tool:\n" + text, err}
}

func (e *argumentError) Error() string {
	if _, ok := errors.AsType[*schema.Error](e.err); ok {
		return "the arguments do not satisfy the schema of the tool: " + e.err.Error()
	}
	return "the arguments cannot be read"
}
func (e *argumentError) Unwrap() error { return e.err }

// told is what the model reads of an error.
func (o *Options) told(err error) string {
	if e, ok := errors.AsType[*argumentError](err); ok {
		return e.text
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	switch {
	case o.ShowErrors:
		return err.Error()
	case errors.Is(err, context.Canceled):
		return "the tool was interrupted"
	}
	return "the tool failed"
}

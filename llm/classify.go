package llm

import (
	"context"
	"errors"
	"time"
)

// CodeOf returns the verdict on an error: the code of the first [*Error] or [Code]
// in it, depth first; else [ErrCanceled] or [ErrTimeout] for the errors of package
// context; else [ErrUnknown]; and "" for nil. Switch on it. errors.Is(err, code)
// asks another question: whether that code is anywhere in the chain, as a cause.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	verdict := ErrUnknown
	found := walk(err, func(err error) bool {
		switch e := err.(type) {
		case *Error:
			if e != nil && e.Code != "" {
				verdict = e.Code
				return true
			}
		case Code:
			if e != "" {
				verdict = e
				return true
			}
		}
		return false
	})
	if !found {
		switch {
		case errors.Is(err, context.Canceled):
			return ErrCanceled
		case errors.Is(err, context.DeadlineExceeded):
			return ErrTimeout
		}
	}
	return verdict
}

// IsRetryable says whether trying again may help. The outermost [*Error] decides,
// by its Retryable or else its code; a bare [Code] counts as an Error of that code.
// An error with neither, such as a bare context error, is not retryable.
func IsRetryable(err error) bool {
	verdict := false
	walk(err, func(err error) bool {
		switch e := err.(type) {
		case *Error:
			if e == nil {
				return false
			}
			if verdict = retryable[CodeOf(e)]; e.Retryable != nil {
				verdict = *e.Retryable
			}
			return true
		case Code:
			verdict = retryable[e]
			return true
		}
		return false
	})
	return verdict
}

// RetryAfter returns how long the provider asked to wait before the next try, and
// whether it did.
func RetryAfter(err error) (time.Duration, bool) {
	var d time.Duration
	found := walk(err, func(err error) bool {
		if e, ok := err.(*Error); ok && e != nil && e.RetryAfter > 0 {
			d = e.RetryAfter
			return true
		}
		return false
	})
	return d, found
}

// Annotate returns an error that says more of err: message stands in front, and the rest
// is as err has it, its verdict ([CodeOf], [IsRetryable], [RetryAfter]) and what its
// outermost [*Error] knows of the call, such as provider, status and request id. Err is
// the cause. Middleware that changes the verdict sets Code or Retryable of what is returned.
// The message is for logs: it must hold nothing of the request or the answer. Annotate(nil,
// message) is an error of [ErrUnknown].
func Annotate(err error, message string) *Error {
	a := &Error{}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		*a = *e
	}
	a.Code, a.Message, a.Err = CodeOf(err), message, err
	if a.Code == "" {
		a.Code = ErrUnknown
	}
	if retry := IsRetryable(err); retry != retryable[a.Code] {
		a.Retryable = &retry
	} else {
		a.Retryable = nil
	}
	a.RetryAfter, _ = RetryAfter(err)
	return a
}

// walk visits an error and its causes depth first, as errors.Is does, until visit
// returns true; it says whether that happened.
func walk(err error, visit func(error) bool) bool {
	if err == nil {
		return false
	}
	if visit(err) {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if walk(err, visit) {
				return true
			}
		}
	}
	return false
}

func isContextError(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded
}

package timeout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// limit is one of the limits, and the cause of the contexts that it ends. A copy of it
// stands in the error of a call that it ended, so that a timeout further out can tell.
type limit struct {
	after   time.Duration
	message string
	cause   error // in an error: that of the model
}

// newLimit returns nil where there is no limit. The message says what did not happen for %v.
func newLimit(after time.Duration, message string) *limit {
	if after <= 0 {
		return nil
	}
	return &limit{after: after, message: fmt.Sprintf(message, after)}
}

// before says whether the limit, if it began now, would end before ctx does by itself. Else it
// could never be what ends the call, and the context that it needs is spared.
func (l *limit) before(ctx context.Context) bool {
	if l == nil {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > l.after
}

func (l *limit) Error() string        { return l.message }
func (l *limit) Is(target error) bool { return target == context.DeadlineExceeded }
func (l *limit) Unwrap() error        { return l.cause }

// verdict returns the error of a call that ended with err: err itself, unless a limit of ours
// ended the call. Caller is the context as it came in, limited the one that was passed on.
func (m *model) verdict(caller, limited context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	l, ok := context.Cause(limited).(*limit)
	if !ok || context.Cause(caller) == error(l) || !echoes(err, limited.Err(), l) {
		return err
	}
	hook.Tell(caller, hook.Event{Kind: hook.Timeout, Policy: "timeout", Wait: l.after})
	e := llm.Annotate(err, l.message)
	e.Code, e.Op, e.Retryable = llm.ErrTimeout, op, nil
	if e.Provider == "" && e.Model == "" {
		info := m.next.Info()
		e.Provider, e.Model = info.Provider, info.Model
	}
	ended := *l
	ended.cause = uncanceled(err)
	e.Err = &ended
	return e
}

// uncanceled is what remains of an error without what says that somebody cancelled, since nobody
// did: nil, or the other failures in it.
func uncanceled(err error) error {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, llm.ErrCanceled) {
		return err
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return uncanceled(e.Unwrap())
	case interface{ Unwrap() []error }:
		var rest []error
		for _, err := range e.Unwrap() {
			rest = append(rest, uncanceled(err))
		}
		return errors.Join(rest...)
	}
	return nil
}

// echoes says whether err is what becomes of the end of a context, which is ctxErr with l as
// its cause, and not a failure of its own that came at the same time. Backends may call it
// by another name, such as that of a connection that broke off.
func echoes(err, ctxErr error, l *limit) bool {
	return llm.CodeOf(err) == llm.ErrCanceled || holds(err, ctxErr, l)
}

// holds says whether ctxErr or l itself is in the chain of err. What stands below the limit
// of another timeout is that one's.
func holds(err, ctxErr error, l *limit) bool {
	switch e := err.(type) {
	case nil:
		return false
	case *limit:
		return e == l
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return holds(cause, ctxErr, l)
		}
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return holds(err, ctxErr, l) })
	}
	return errors.Is(err, ctxErr)
}

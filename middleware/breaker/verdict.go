package breaker

import (
	"context"
	"errors"

	"github.com/parley-sdk/parley/llm"
)

// A verdict is what a circuit is told of a call that has ended: nil is a success, errNeutral
// says nothing, and a fault is its llm.Code.
var errNeutral = errors.New("neutral")

// judge returns the verdict on a call that ended with err.
func (g *group) judge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	code := llm.CodeOf(err)
	if ctx != nil && ctx.Err() != nil {
		if !g.opts.Deadlines || !deadlinePassed(ctx) {
			return errNeutral
		}
		if code == llm.ErrCanceled { // where a policy outside keeps the deadline
			code = llm.ErrTimeout
		}
	}
	switch code {
	case llm.ErrOverloaded, llm.ErrUnavailable, llm.ErrTimeout, llm.ErrInternal, llm.ErrIncomplete:
		return code
	case llm.ErrRateLimited:
		if g.opts.RateLimits {
			return code
		}
	case llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound,
		llm.ErrContextTooLong, llm.ErrContentFiltered, llm.ErrUnsupported, llm.ErrMalformedOutput:
		if e, ok := errors.AsType[*llm.Error](err); ok && e != nil && (e.Status != 0 || e.RequestID != "") {
			return nil // the provider is alive
		}
	}
	return errNeutral
}

// deadlinePassed says of a context that is done whether it is so because of a deadline: its
// own, or that of a policy which cancels with such a cause.
func deadlinePassed(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

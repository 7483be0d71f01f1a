package conversation

import (
	"context"

	"github.com/parley-sdk/parley/llm"
)

func invalid(message string) error {
	return &llm.Error{Code: llm.ErrInvalidRequest, Op: "conversation", Message: message}
}

// stopped is the error of a call whose context has ended.
func stopped(ctx context.Context) error {
	err := ctx.Err()
	code := llm.ErrCanceled
	if err == context.DeadlineExceeded {
		code = llm.ErrTimeout
	}
	return &llm.Error{Code: code, Op: "conversation", Retryable: new(false), Err: context.Cause(ctx)}
}

package fake

import (
	"context"

	"github.com/parley-sdk/parley/llm"
)

// Func returns a model that asks f for each answer. f gets a copy of the request,
// which it may change and keep. It may be called several times at once, and no lock
// is held meanwhile; if it panics, that is the caller's panic.
//
// The response is copied, and what it leaves open is filled in: the stop reason, the
// ids of tool calls, provider and model, the request id and the usage.
// A nil response without an error is an [llm.ErrInternal]. An error is passed on as
// [Fail] says; a response beside it is what had arrived until then.
func Func(f func(ctx context.Context, req *llm.Request) (*llm.Response, error)) *Model {
	return newModel(function(f))
}

// function answers with what a function of the user returns.
type function func(ctx context.Context, req *llm.Request) (*llm.Response, error)

func (f function) answer(ctx context.Context, c *call) (take, error) {
	if f == nil {
		return take{}, c.broken("Func: nil function")
	}
	r, err := f(ctx, copyRequest(c.req))
	if r == nil {
		if err == nil {
			return take{}, c.broken("the function returned neither a response nor an error")
		}
		return take{}, c.typed(err)
	}
	if i, ok := nilPart(r.Message.Content); ok {
		return take{}, c.broken("the function returned a response with a nil part: content[%d]", i)
	}
	r = copyResponse(r)
	k := take{}
	if r.Usage != (llm.Usage{}) {
		k.usage = &r.Usage
	}
	c.complete(r)
	k.events = responseEvents(r, 0)
	if err != nil {
		k.events, k.err = beforeFinish(k.events), c.typed(err)
	}
	return k, nil
}

func (function) left() []string { return nil }

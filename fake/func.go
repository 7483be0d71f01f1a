package fake

import (
	"context"
	"iter"

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

func (function) left() (unused, unanswered []string) { return nil, nil }

// StreamFunc returns a model that asks f for the events of each answer, as [Func] does
// for a response. It decides what comes when: it may wait, for ctx too, and fail
// half-way. Generate collects the same stream.
//
// The events are played as they are, legal or not, but what the Finish and the ids of
// tool calls leave open is filled in. A stream without a Finish is an
// [llm.ErrIncomplete]. An error ends the stream and is passed on as [Fail] says. The
// function is left as soon as the caller leaves the loop, or the context ends.
func StreamFunc(f func(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error]) *Model {
	return newModel(streamFunction(f))
}

type streamFunction func(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error]

func (f streamFunction) answer(ctx context.Context, c *call) (take, error) {
	if f == nil {
		return take{}, c.broken("StreamFunc: nil function")
	}
	events := f(ctx, copyRequest(c.req))
	if events == nil {
		return take{}, c.broken("the function returned no stream")
	}
	return take{stream: func(yield func(llm.Event, error) bool) {
		var acc llm.Accumulator
		var started []llm.Part
		for ev, err := range events {
			if err != nil {
				yield(nil, c.typed(err))
				return
			}
			if isNil(ev) {
				yield(nil, c.broken("the function yielded a nil event"))
				return
			}
			ev = copyEvent(ev)
			switch ev := ev.(type) {
			case *llm.PartStart:
				started = append(started, ev.Part)
				c.number(started)
			case *llm.Finish:
				c.completeFinish(ev, acc.Response())
			}
			_ = acc.Add(ev) // events may break the grammar
			if !yield(ev, nil) {
				return
			}
		}
	}}, nil
}

func (streamFunction) left() (unused, unanswered []string) { return nil, nil }

// completeFinish fills in what a Finish leaves open; r is the answer before it.
func (c *call) completeFinish(f *llm.Finish, r *llm.Response) {
	r.StopReason, r.RawStopReason, r.Usage = f.StopReason, f.RawStopReason, f.Usage
	r.Provider, r.Model, r.RequestID = f.Provider, f.Model, f.RequestID
	c.complete(r)
	f.StopReason, f.RawStopReason, f.Usage = r.StopReason, r.RawStopReason, r.Usage
	f.Provider, f.Model, f.RequestID = r.Provider, r.Model, r.RequestID
}

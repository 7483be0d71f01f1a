package structured

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/parley-sdk/parley/llm"
)

// Options of [GenerateWith] and [StreamWith]. Nil and the zero value are the defaults.
type Options struct {
	// Repairs is how often an answer that breaks the schema is sent back. Default 1; negative
	// is never.
	Repairs int
}

// Generate asks for a T. The request is not changed; a schema in its Output is used in the
// place of the type's. The response is the model's, with the usage of all rounds. With an error
// the value is zero, and the response nil or what had arrived.
//
// It panics where T has no schema, which is a fault of the program.
func Generate[T any](ctx context.Context, m llm.Model, req *llm.Request) (T, *llm.Response, error) {
	return GenerateWith[T](ctx, m, req, nil)
}

// GenerateWith is [Generate] with options.
func GenerateWith[T any](ctx context.Context, m llm.Model, req *llm.Request, opts *Options) (T, *llm.Response, error) {
	q, err := newQuestion[T](m, req, opts)
	if err != nil {
		var none T
		return none, nil, err
	}
	return q.answer(ctx, m.Generate)
}

// Update is a value as far as it is known.
type Update[T any] struct {
	Value    T             // what the text so far says; what is missing is zero
	Done     bool          // the answer is whole, and satisfies the schema
	Response *llm.Response // when it is done
}

// Stream asks for a T and yields it as it grows: an update whenever the text so far holds more
// of it, at least for each 64th by which the text has grown, and last the whole. A round that
// repairs begins anew. A loop that is left ends the call.
func Stream[T any](ctx context.Context, m llm.Model, req *llm.Request) iter.Seq2[Update[T], error] {
	return StreamWith[T](ctx, m, req, nil)
}

// StreamWith is [Stream] with options.
func StreamWith[T any](ctx context.Context, m llm.Model, req *llm.Request, opts *Options) iter.Seq2[Update[T], error] {
	var used atomic.Bool
	return func(yield func(Update[T], error) bool) {
		if used.Swap(true) {
			yield(Update[T]{}, llm.ErrStreamReused)
			return
		}
		q, err := newQuestion[T](m, req, opts)
		if err != nil {
			yield(Update[T]{}, err)
			return
		}
		left := false
		value, r, err := q.answer(ctx, func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			var text growing
			return collect(m.Stream(ctx, req), func(delta string) bool {
				if document, grown := text.add(delta); grown {
					if value, err := q.decode(document); err == nil {
						left = !yield(Update[T]{Value: value}, nil)
					}
				}
				return !left
			})
		})
		switch {
		case left:
		case err != nil:
			yield(Update[T]{Response: r}, err)
		default:
			yield(Update[T]{Value: value, Done: true, Response: r}, nil)
		}
	}
}

// collect is [llm.Collect] that shows the text as it comes. Where show returns false the stream
// is left.
func collect(seq iter.Seq2[llm.Event, error], show func(delta string) bool) (*llm.Response, error) {
	return llm.Collect(func(yield func(llm.Event, error) bool) {
		for ev, err := range llm.Once(seq) {
			if delta, ok := ev.(*llm.TextDelta); ok && !show(delta.Text) {
				yield(nil, llm.ErrCanceled)
				return
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

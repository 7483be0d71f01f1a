package llmtest

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

type (
	stream    = iter.Seq2[llm.Event, error]
	generator = func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error)
	streamer  = func(ctx context.Context, m *scriptModel, req *llm.Request) stream
)

// broken is a model with another Stream, another Generate, or both. Where only
// Stream is given, Generate is Collect of it.
type broken struct {
	m        *scriptModel
	generate generator
	stream   streamer
}

func (b *broken) Info() llm.Info { return b.m.Info() }

func (b *broken) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if b.generate != nil {
		return b.generate(ctx, b.m, req)
	}
	return llm.Collect(b.Stream(ctx, req))
}

func (b *broken) Stream(ctx context.Context, req *llm.Request) stream {
	if b.stream != nil {
		return b.stream(ctx, b.m, req)
	}
	return b.m.Stream(ctx, req)
}

func generates(f generator) func(m *scriptModel) llm.Model {
	return func(m *scriptModel) llm.Model { return &broken{m: m, generate: f} }
}

func streams(f streamer) func(m *scriptModel) llm.Model {
	return func(m *scriptModel) llm.Model { return &broken{m: m, stream: f} }
}

// answers changes the response of Generate.
func answers(change func(r *llm.Response, err error) (*llm.Response, error)) func(m *scriptModel) llm.Model {
	return generates(func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error) {
		return change(m.Generate(ctx, req))
	})
}

// events changes the events of a stream; nil leaves the event out.
func events(change func(ev llm.Event) []llm.Event) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return mapped(m.Stream(ctx, req), change, same)
	})
}

// failures changes the errors of both ways.
func failures(change func(err error) error) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return mapped(m.Stream(ctx, req), one, change)
	})
}

func mapped(seq stream, change func(ev llm.Event) []llm.Event, fail func(err error) error) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range seq {
			if err != nil {
				if err = fail(err); err != nil {
					yield(nil, err)
				}
				return
			}
			for _, ev := range change(ev) {
				if !yield(ev, nil) {
					return
				}
			}
		}
	})
}

// failing changes the error of a stream, and nothing else.
func failing(seq stream, fail func(err error) error) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range seq {
			if err != nil {
				err = fail(err)
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

// requests changes the request before it is sent.
func requests(change func(r *llm.Request) *llm.Request) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return llm.Once(func(yield func(llm.Event, error) bool) {
			m.Stream(ctx, change(req))(yield)
		})
	})
}

// refuses refuses valid requests before they are sent.
func refuses(code llm.Code, is func(r *llm.Request) bool) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return llm.Once(func(yield func(llm.Event, error) bool) {
			if req.Validate() == nil && is(req) {
				yield(nil, &llm.Error{Code: code, Message: "refused"})
				return
			}
			m.Stream(ctx, req)(yield)
		})
	})
}

// one and same change nothing.
func one(ev llm.Event) []llm.Event { return []llm.Event{ev} }
func same(err error) error         { return err }

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// modelMutants are the models that break the laws.
func modelMutants() []mutant {
	return slices.Concat(requestMutants(), cancelMutants(), contentMutants(), settingMutants(), detailMutants(), historyMutants(),
		failureMutants(), answerMutants(), tableMutants(), singleMutants(), singleStreamMutants())
}

func itself(m *scriptModel) llm.Model { return m }

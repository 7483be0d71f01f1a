package tracing

import (
	"context"
	"iter"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/llm"
)

type model struct {
	next    llm.Model
	tracing *tracing
	started atomic.Pointer[start]
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (resp *llm.Response, err error) {
	if ctx == nil {
		return m.next.Generate(ctx, req) // which refuses it
	}
	ctx, span, c := m.begin(ctx, req, false)
	if c == nil {
		defer span.End()
		return m.next.Generate(ctx, req)
	}
	o := outcome{err: llm.ErrInternal} // until next has returned: it panicked
	defer func() { c.end(o) }()
	resp, err = m.next.Generate(ctx, req)
	o = generated(resp, err)
	return resp, err
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if ctx == nil {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		ctx, span, c := m.begin(ctx, req, true)
		if c == nil {
			defer span.End()
			m.next.Stream(ctx, req)(yield)
			return
		}
		s := newStream(c)
		defer s.end()
		for ev, err := range m.next.Stream(ctx, req) {
			s.see(ev, err)
			s.at = inLoop
			if !yield(ev, err) {
				return
			}
			s.at = inModel
		}
		s.at = over
	})
}

// start is how the spans of calls of a model start. These attributes are there for samplers
// to see.
type start struct {
	info llm.Info
	name string
	opts []trace.SpanStartOption
}

// start is made anew only where the model changes its name.
func (m *model) start() *start {
	info := m.next.Info()
	if s := m.started.Load(); s != nil && s.info == info {
		return s
	}
	s := &start{
		info: info,
		name: spanName(opChat, info.Model),
		opts: []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(identity(opChat, info)...),
		},
	}
	m.started.Store(s)
	return s
}

// spanName is the name of a span: the operation and what it is done to, where that has a name.
func spanName(operation, object string) string {
	if object == "" {
		return operation
	}
	return operation + " " + validText(object)
}

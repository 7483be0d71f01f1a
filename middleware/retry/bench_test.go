package retry_test

import (
	"context"
	"iter"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

// noop answers at once, with an event over and over.
type noop struct{ events int }

var answer = &llm.Response{}

func (noop) Info() llm.Info { return llm.Info{} }

func (noop) Generate(context.Context, *llm.Request) (*llm.Response, error) { return answer, nil }

func (m noop) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for range m.events {
			if !yield(hello, nil) {
				return
			}
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for name, m := range map[string]llm.Model{"floor": noop{}, "retry": llm.Wrap(noop{}, retry.New(nil))} {
		b.Run(name, func(b *testing.B) {
			req := ask()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Generate(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStream100(b *testing.B) {
	for name, m := range map[string]llm.Model{"floor": noop{100}, "retry": llm.Wrap(noop{100}, retry.New(nil))} {
		b.Run(name, func(b *testing.B) {
			req := ask()
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range m.Stream(b.Context(), req) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// TestAllocations: a call without failures allocates nothing, and a stream nothing an event.
func TestAllocations(t *testing.T) {
	ctx, req := t.Context(), ask()
	allocs := func(m llm.Model) (generate, stream float64) {
		generate = testing.AllocsPerRun(100, func() { _, _ = m.Generate(ctx, req) })
		stream = testing.AllocsPerRun(100, func() {
			for range m.Stream(ctx, req) {
			}
		})
		return
	}
	mw := retry.New(nil)
	generate, short := allocs(llm.Wrap(noop{1}, mw))
	_, long := allocs(llm.Wrap(noop{1000}, mw))
	if generate != 0 {
		t.Errorf("Generate allocates %v times, want 0", generate)
	}
	if short != long {
		t.Errorf("a stream of 1 event allocates %v times, one of 1000 %v times", short, long)
	}
}

package breaker_test

import (
	"context"
	"iter"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

// noop is a model that costs nothing.
type noop struct {
	response *llm.Response
	events   []llm.Event
}

func newNoop(deltas int) *noop {
	n := &noop{response: answer()}
	n.events = append(n.events, &llm.PartStart{Part: llm.Text("")})
	for range deltas {
		n.events = append(n.events, &llm.TextDelta{Text: "x"})
	}
	n.events = append(n.events, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn})
	return n
}

func (n *noop) Info() llm.Info {
	return llm.Info{Provider: "aws.bedrock", Model: "amazon.nova-pro-v1:0"}
}

func (n *noop) Generate(context.Context, *llm.Request) (*llm.Response, error) { return n.response, nil }

func (n *noop) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range n.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	ctx, req := b.Context(), ask()
	run := func(b *testing.B, opts *breaker.Options) {
		m := llm.Wrap(newNoop(0), breaker.New(opts))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Generate(ctx, req); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("defaults", func(b *testing.B) { run(b, nil) })
	b.Run("observed", func(b *testing.B) { run(b, &breaker.Options{OnStateChange: func(breaker.Change) {}}) })
	b.Run("parallel", func(b *testing.B) {
		m := llm.Wrap(newNoop(0), breaker.New(nil))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := m.Generate(ctx, req); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("rejected", func(b *testing.B) {
		m := llm.Wrap(script(llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1}))
		_, _ = m.Generate(ctx, req)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Generate(ctx, req); passed(err) {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStream(b *testing.B) {
	ctx, req := b.Context(), ask()
	for name, m := range map[string]llm.Model{"bare": newNoop(97), "breaker": llm.Wrap(newNoop(97), breaker.New(nil))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range m.Stream(ctx, req) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// Events cost no memory, however many they are.
func TestAllocations(t *testing.T) {
	ctx, req := t.Context(), ask()
	count := func(deltas int) float64 {
		m := llm.Wrap(newNoop(deltas), breaker.New(nil))
		return testing.AllocsPerRun(100, func() {
			for range m.Stream(ctx, req) {
			}
		})
	}
	if few, many := count(10), count(1000); many > few {
		t.Errorf("a stream of 1,000 deltas costs %v allocations, one of 10 %v", many, few)
	}
}

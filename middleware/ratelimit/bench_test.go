package ratelimit_test

import (
	"context"
	"iter"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

// noop is a model that costs nothing.
type noop struct {
	resp   *llm.Response
	events []llm.Event
}

func newNoop() *noop {
	n := &noop{resp: answer(1, 1), events: []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}}}
	for range 97 {
		n.events = append(n.events, &llm.TextDelta{Text: "x"})
	}
	n.events = append(n.events, &llm.PartStop{}, &llm.Finish{Usage: llm.Usage{InputTokens: 1, OutputTokens: 1}})
	return n
}

func (n *noop) Info() llm.Info { return llm.Info{Provider: "test", Model: "noop"} }

func (n *noop) Generate(context.Context, *llm.Request) (*llm.Response, error) { return n.resp, nil }

func (n *noop) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range n.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

var setups = []struct {
	name string
	opts *ratelimit.Options
}{
	{"off", nil},
	{"all", &ratelimit.Options{RequestsPerMinute: 1e12, TokensPerMinute: 1e15, MaxConcurrent: 1e6}},
	{"adaptive", &ratelimit.Options{RequestsPerMinute: 1e12, TokensPerMinute: 1e15, MaxConcurrent: 1e6, Adaptive: true}},
}

func BenchmarkGenerate(b *testing.B) {
	for _, s := range setups {
		b.Run(s.name, func(b *testing.B) {
			m, req := llm.Wrap(newNoop(), ratelimit.New(s.opts)), ask(100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Generate(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGenerateParallel(b *testing.B) {
	m, req := llm.Wrap(newNoop(), ratelimit.New(setups[1].opts)), ask(100)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := m.Generate(b.Context(), req); err != nil {
				b.Error(err)
			}
		}
	})
}

// An operation is a stream of 100 events.
func BenchmarkStream(b *testing.B) {
	for _, s := range setups {
		b.Run(s.name, func(b *testing.B) {
			m, req := llm.Wrap(newNoop(), ratelimit.New(s.opts)), ask(100)
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

package hedge_test

import (
	"context"
	"iter"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/hedge"
)

// idle does nothing, as fast as it can.
type idle struct{ events []llm.Event }

var answer = &llm.Response{Provider: "test", Model: "idle", StopReason: llm.StopEndTurn}

func newIdle(deltas int) *idle {
	events := []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}}
	for range deltas {
		events = append(events, &llm.TextDelta{Text: "word "})
	}
	return &idle{append(events, &llm.PartStop{}, &llm.Finish{Provider: "test", Model: "idle", StopReason: llm.StopEndTurn})}
}

func (*idle) Info() llm.Info { return llm.Info{Provider: "test", Model: "idle"} }
func (*idle) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return answer, nil
}
func (m *idle) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range m.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	req := ask()
	for name, m := range map[string]llm.Model{"bare": newIdle(0), "hedge": hedge.New(newIdle(0), nil), "quantile": hedge.New(newIdle(0), &hedge.Options{Quantile: 0.95})} {
		b.Run(name, func(b *testing.B) {
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
	req := ask()
	for name, m := range map[string]llm.Model{"bare": newIdle(97), "hedge": hedge.New(newIdle(97), nil)} {
		b.Run(name, func(b *testing.B) {
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

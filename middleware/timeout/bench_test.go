package timeout_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// idle is a model that does nothing.
type idle struct{ events []llm.Event }

func (*idle) Info() llm.Info { return llm.Info{} }

func (*idle) Generate(context.Context, *llm.Request) (*llm.Response, error) { return nil, nil }

func (m *idle) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range m.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

var limits = []struct {
	name string
	opts *timeout.Options
}{
	{"default", nil},
	{"total", &timeout.Options{Total: time.Hour}},
	{"all", &timeout.Options{Total: time.Hour, Generate: time.Hour, FirstEvent: time.Hour, BetweenEvents: time.Hour}},
	{"none", &timeout.Options{}},
}

func BenchmarkGenerate(b *testing.B) {
	for _, l := range limits {
		m := llm.Wrap(&idle{}, timeout.New(l.opts))
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Generate(b.Context(), nil)
			}
		})
	}
}

// BenchmarkStream reads 100 events. The floors are the loop alone, and eight nested loops
// with a timer that is set at each event.
func BenchmarkStream(b *testing.B) {
	const n = 100
	bare := &idle{make([]llm.Event, n)}
	for i := range bare.events {
		bare.events[i] = &llm.TextDelta{Text: "x"}
	}
	run := func(name string, seq func() iter.Seq2[llm.Event, error]) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range seq() {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
		})
	}
	run("floor/loop", func() iter.Seq2[llm.Event, error] { return bare.Stream(b.Context(), nil) })
	run("floor/eight loops and a timer", func() iter.Seq2[llm.Event, error] {
		seq := bare.Stream(b.Context(), nil)
		for range 8 {
			seq = nested(seq)
		}
		return resetting(seq)
	})
	for _, l := range limits {
		m := llm.Wrap(bare, timeout.New(l.opts))
		run(l.name, func() iter.Seq2[llm.Event, error] { return m.Stream(b.Context(), nil) })
	}
}

func nested(seq iter.Seq2[llm.Event, error]) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for ev, err := range seq {
			if !yield(ev, err) {
				return
			}
		}
	}
}

func resetting(seq iter.Seq2[llm.Event, error]) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		timer := time.AfterFunc(time.Hour, func() {})
		defer timer.Stop()
		for ev, err := range seq {
			timer.Reset(time.Hour)
			if !yield(ev, err) {
				return
			}
		}
	}
}

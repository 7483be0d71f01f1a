package logging_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/logging"
)

// idle is a model that does nothing.
type idle struct {
	resp   *llm.Response
	events []llm.Event
}

func newIdle() *idle {
	u := llm.Usage{InputTokens: 25, OutputTokens: 400}
	m := &idle{resp: &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn, Usage: u, Provider: "idle", Model: "idle-1", RequestID: "req-1"}}
	for range 98 {
		m.events = append(m.events, &llm.TextDelta{Text: "x"})
	}
	m.events = append(m.events, &llm.UsageUpdate{Usage: u}, &llm.Finish{StopReason: llm.StopEndTurn, Usage: u, Provider: "idle", Model: "idle-1", RequestID: "req-1"})
	return m
}

func (*idle) Info() llm.Info { return llm.Info{} }

func (m *idle) Generate(context.Context, *llm.Request) (*llm.Response, error) { return m.resp, nil }

func (m *idle) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range m.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

var handlers = []struct {
	name   string
	logger *slog.Logger
}{
	{"nil", nil},
	{"level off", slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))},
	{"free", slog.New(free{})},
	{"text", slog.New(slog.NewTextHandler(io.Discard, nil))},
	{"JSON", slog.New(slog.NewJSONHandler(io.Discard, nil))},
}

// free is a handler that costs nothing, so that what is left is ours.
type free struct{}

func (free) Enabled(context.Context, slog.Level) bool  { return true }
func (free) Handle(context.Context, slog.Record) error { return nil }
func (h free) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h free) WithGroup(string) slog.Handler           { return h }

func BenchmarkGenerate(b *testing.B) {
	for _, h := range handlers {
		m := llm.Wrap(newIdle(), logging.New(h.logger, nil))
		b.Run(h.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Generate(b.Context(), nil)
			}
		})
	}
}

// BenchmarkStream reads 100 events; the floor is the loop alone.
func BenchmarkStream(b *testing.B) {
	bare := newIdle()
	run := func(name string, m llm.Model) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range m.Stream(b.Context(), nil) {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(bare.events)), "ns/event")
		})
	}
	run("floor", bare)
	for _, h := range handlers {
		run(h.name, llm.Wrap(bare, logging.New(h.logger, nil)))
	}
}

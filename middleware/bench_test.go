package middleware_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/defaults"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/hedge"
	"github.com/parley-sdk/parley/middleware/logging"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
	"github.com/parley-sdk/parley/middleware/usage"
)

// idle is a model that does nothing, at no cost: its answers are made beforehand.
type idle struct {
	resp   *llm.Response
	events []llm.Event
}

const deltas = 1000

func newIdle() *idle {
	m := &idle{resp: &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 10, OutputTokens: deltas}}}
	m.events = append(m.events, &llm.PartStart{Part: &llm.TextPart{}})
	for range deltas {
		m.events = append(m.events, &llm.TextDelta{Text: "ok"})
	}
	m.events = append(m.events, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn, Usage: m.resp.Usage})
	return m
}

func (m *idle) Info() llm.Info { return llm.Info{Provider: "idle", Model: "idle"} }

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

// quotas are limits that are never reached.
var quotas = &ratelimit.Options{RequestsPerMinute: 1e9, TokensPerMinute: 1e15, MaxConcurrent: 64}

// standard is Standard with every layer and a limit on the whole call.
func standard(total time.Duration) llm.Middleware {
	return middleware.Standard(middleware.Config{
		Timeout:   timeout.New(&timeout.Options{Total: total}),
		RateLimit: ratelimit.New(quotas),
		Usage:     usage.New(usage.NewLedger(nil)),
	})
}

// stacks are Standard, with its layers as in production, and each middleware alone.
func stacks() []struct {
	name string
	mw   llm.Middleware
} {
	return []struct {
		name string
		mw   llm.Middleware
	}{
		{"none", nil},
		{"Standard", standard(2 * time.Minute)},
		{"Standard/an-hour", standard(time.Hour)}, // so that each attempt has a deadline of its own
		{"defaults", defaults.New(&llm.Request{MaxTokens: 1000})},
		{"retry", retry.New(nil)},
		{"breaker", breaker.New(nil)},
		{"ratelimit", ratelimit.New(quotas)},
		{"timeout/total", timeout.New(&timeout.Options{Total: time.Hour})},
		{"timeout/attempt", timeout.New(nil)},
		{"logging/off", logging.New(nil, nil)},
		{"tracing/off", tracing.New(nil)},
		{"usage", usage.New(usage.NewLedger(nil))},
		{"fallback", func(next llm.Model) llm.Model { return fallback.New(next, next) }},
		{"hedge", func(next llm.Model) llm.Model { return hedge.New(next, nil) }},
	}
}

func BenchmarkGenerate(b *testing.B) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Do nothing.")}, MaxTokens: 100}
	for _, s := range stacks() {
		m := llm.Wrap(newIdle(), s.mw)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Generate(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream reports the time of an event in a long stream. The floor is eight
// nested iterators that do nothing and one Timer.Reset an event.
func BenchmarkStream(b *testing.B) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Do nothing.")}, MaxTokens: 100}
	run := func(name string, seq func() iter.Seq2[llm.Event, error]) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range seq() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/deltas, "ns/event")
		})
	}
	bare := newIdle()
	run("floor", func() iter.Seq2[llm.Event, error] {
		seq := bare.Stream(b.Context(), req)
		for range 8 {
			seq = nested(seq)
		}
		return resetting(seq)
	})
	for _, s := range stacks() {
		m := llm.Wrap(bare, s.mw)
		run(s.name, func() iter.Seq2[llm.Event, error] { return m.Stream(b.Context(), req) })
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

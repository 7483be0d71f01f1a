package usage_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

const sonnet = "us.anthropic.claude-sonnet-4-6"

// idle is a model that does nothing, at no cost: its answers are made beforehand.
type idle struct {
	resp   *llm.Response
	events []llm.Event
}

const benchEvents = 100

func newIdle() *idle {
	u := llm.Usage{InputTokens: 1000, OutputTokens: benchEvents}
	m := &idle{resp: &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn, Usage: u}, events: []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}}}
	for range benchEvents - 3 {
		m.events = append(m.events, &llm.TextDelta{Text: "ok"})
	}
	m.events = append(m.events, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn, Usage: u})
	return m
}

func (m *idle) Info() llm.Info { return llm.Info{Provider: "aws.bedrock", Model: sonnet} }

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

// bare is a wrapper that does nothing: the floor.
type bare struct{ next llm.Model }

func (m bare) Info() llm.Info { return m.next.Info() }

func (m bare) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}

func (m bare) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.next.Stream(ctx, req) {
			if !yield(ev, err) {
				return
			}
		}
	})
}

type setup struct {
	name string
	mw   llm.Middleware
}

func setups(b *testing.B) []setup {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	everyCall := []usage.Budget{{Limit: usage.MustUSD("1000000000")}}
	kept := func(name string, noSync bool) llm.Middleware {
		l, err := usage.OpenLedger(filepath.Join(b.TempDir(), name), &usage.Options{NoSync: noSync})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		return usage.New(l)
	}
	return []setup{
		{"none", nil},
		{"bare", func(next llm.Model) llm.Model { return bare{next} }},
		{"ledger", usage.New(usage.NewLedger(nil))},
		{"budget", usage.New(usage.NewLedger(&usage.Options{Budgets: everyCall, StopStreams: true}))},
		{"file", kept("file", true)},
	}
}

func BenchmarkGenerate(b *testing.B) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Do nothing.")}, MaxTokens: 100}
	tagged := usage.WithTags(context.Background(), map[string]string{"tenant": "a", "feature": "chat"})
	for _, s := range setups(b) {
		m := llm.Wrap(newIdle(), s.mw)
		for name, ctx := range map[string]context.Context{"": context.Background(), "/tags": tagged} {
			b.Run(s.name+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := m.Generate(ctx, req); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkStream(b *testing.B) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Do nothing.")}, MaxTokens: 100}
	for _, s := range setups(b) {
		m := llm.Wrap(newIdle(), s.mw)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range m.Stream(b.Context(), req) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEvents, "ns/event")
		})
	}
}

// BenchmarkParallel books from 64 goroutines: all calls in the same rows, and each in those of
// one tenant of a thousand.
func BenchmarkParallel(b *testing.B) {
	req := &llm.Request{}
	var tenants []context.Context
	for i := range 1000 {
		tenants = append(tenants, usage.WithTags(context.Background(), map[string]string{"tenant": strconv.Itoa(i)}))
	}
	for name, opts := range map[string]*usage.Options{
		"one row":                 nil,
		"1,000 tenants":           nil,
		"1,000 tenants, a budget": {Budgets: []usage.Budget{{Limit: usage.MustUSD("1000000000")}}},
	} {
		m := llm.Wrap(newIdle(), usage.New(usage.NewLedger(opts)))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32) // for each of the processors
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					ctx := tenants[0]
					if name != "one row" {
						ctx = tenants[i%len(tenants)]
					}
					if _, err := m.Generate(ctx, req); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	l := usage.NewLedger(nil)
	m := llm.Wrap(newIdle(), usage.New(l))
	for i := range 10_000 {
		ctx := usage.WithTags(context.Background(), map[string]string{"tenant": strconv.Itoa(i)})
		if _, err := m.Generate(ctx, &llm.Request{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Snapshot()
	}
}

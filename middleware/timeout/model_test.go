package timeout_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// step is what a slow model does next: it waits, and then yields an event or an error.
type step struct {
	wait time.Duration
	ev   llm.Event
	err  error
}

// slow is a model that takes its time. A context that ends while it waits ends the call,
// with the error that echo makes of it.
type slow struct {
	steps  []step
	deaf   bool                            // ignores its context
	linger time.Duration                   // from the end of the context to that of the call
	echo   func(ctx context.Context) error // nil = as backends do

	running   atomic.Int64
	cancelled atomic.Int64 // calls that saw their context end
}

func (m *slow) Info() llm.Info { return llm.Info{Provider: "slow", Model: "slow-1"} }

func (m *slow) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (m *slow) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		m.running.Add(1)
		defer m.running.Add(-1)
		for _, s := range m.steps {
			if err := m.sleep(ctx, s.wait); err != nil {
				yield(nil, err)
				return
			}
			if !yield(s.ev, s.err) || s.err != nil {
				return
			}
		}
	})
}

func (m *slow) sleep(ctx context.Context, d time.Duration) error {
	if m.deaf {
		time.Sleep(d)
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	if d > 0 {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		return nil
	}
	m.cancelled.Add(1)
	time.Sleep(m.linger)
	if m.echo != nil {
		return m.echo(ctx)
	}
	code := llm.ErrCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = llm.ErrTimeout
	}
	return &llm.Error{Code: code, Op: "inner", Provider: "slow", Model: "served", RequestID: "req-1", Status: 200, Err: ctx.Err()}
}

// after plays an answer whose n-th event, from 0, comes after the n-th wait; the events
// for which no wait is given come at once. It is start, usage, delta, stop, finish.
func after(waits ...time.Duration) []step {
	steps := []step{
		{ev: &llm.PartStart{Part: &llm.TextPart{}}},
		{ev: &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}},
		{ev: &llm.TextDelta{Text: "Four degrees."}},
		{ev: &llm.PartStop{}},
		{ev: &llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 25, OutputTokens: 4}}},
	}
	for i, d := range waits {
		steps[i].wait = d
	}
	return steps
}

// way is a way to call a model to the end.
type way struct {
	name string
	call func(ctx context.Context, m llm.Model) (*llm.Response, error)
}

func generate() way {
	return way{"generate", func(ctx context.Context, m llm.Model) (*llm.Response, error) { return m.Generate(ctx, nil) }}
}

func stream() way {
	return way{"stream", func(ctx context.Context, m llm.Model) (*llm.Response, error) { return llm.Collect(m.Stream(ctx, nil)) }}
}

// told returns a context and what the observers of its calls have heard.
func told(ctx context.Context) (context.Context, *[]hook.Event) {
	var events []hook.Event
	return hook.Observe(ctx, func(ev hook.Event) { events = append(events, ev) }), &events
}

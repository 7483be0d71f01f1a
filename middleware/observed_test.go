package middleware_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/hedge"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
	"github.com/parley-sdk/parley/middleware/usage"
)

// spans counts spans and their events.
type spans struct {
	mu     sync.Mutex
	ended  int
	events map[string]int64
}

func (s *spans) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (s *spans) Shutdown(context.Context) error             { return nil }
func (s *spans) ForceFlush(context.Context) error           { return nil }

func (s *spans) OnEnd(span sdk.ReadOnlySpan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	for _, ev := range span.Events() {
		s.events[strings.TrimPrefix(ev.Name, "parley.")]++
	}
}

// TestObserved makes many calls through hedge, fallback and two stacks, and compares what the
// traces and the ledger say with what the backends saw.
func TestObserved(t *testing.T) {
	calls := soakCalls(t) / 2
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		down := func() bool { return (time.Since(begin)+4*time.Minute+30*time.Second)%(5*time.Minute) < 10*time.Second }
		backends := []*chaos{
			{model: "first", seed: 3, outage: down},
			{model: "second", seed: 5, outage: func() bool { return false }},
		}
		n := new(tally)
		ledger := usage.NewLedger(&usage.Options{OnWarning: func(error) {}})
		stack := middleware.Standard(middleware.Config{
			Tracing:        middleware.Off,
			Retry:          retry.New(nil),
			Breaker:        n.around(breaker.New(nil)),
			RateLimit:      ratelimit.New(&ratelimit.Options{RequestsPerMinute: 3000, MaxConcurrent: 48, Adaptive: true}),
			AttemptTimeout: timeout.New(&timeout.Options{Generate: 20 * time.Second, FirstEvent: 5 * time.Second, BetweenEvents: 5 * time.Second}),
			Usage:          usage.New(ledger),
		})
		seen := &spans{events: map[string]int64{}}
		provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(seen))
		var losers atomic.Int64
		var model llm.Model = fallback.New(llm.Wrap(backends[0], stack), llm.Wrap(backends[1], stack))
		model = hedge.New(model, &hedge.Options{Delay: 500 * time.Millisecond, OnLoser: func(hedge.Loser) { losers.Add(1) }})
		model = llm.Wrap(model, tracing.New(&tracing.Options{TracerProvider: provider}))

		var ids atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for id := int(ids.Add(1)); id <= calls; id = int(ids.Add(1)) {
					n.caller(t, model, id)
				}
			})
		}
		wg.Wait()
		n.check(t, calls, backends...)

		equal := func(what string, got, want int64) {
			if t.Helper(); got != want {
				t.Errorf("%s: %d and %d", what, got, want)
			}
		}
		equal("spans, and calls", int64(seen.ended), int64(calls))
		equal("hedges in the traces, and losers and failures of several", seen.events["hedge"], n.hedges.Load())
		equal("retries in the traces, and those that were made", seen.events["retry"], n.retries.Load())
		equal("fallbacks in the traces, and those that were made", seen.events["fallback"], n.fallbacks.Load())
		equal("rejections in the traces, and those that were made", seen.events["reject"], n.rejections.Load())
		equal("hedges, and losers", losers.Load(), n.hedges.Load())

		var told llm.Usage
		var finished, began, silent int64
		for _, b := range backends {
			told, finished, began, silent = told.Add(b.told), finished+b.finished, began+b.began.Load(), silent+b.silent
		}
		total := ledger.Total()
		equal("attempts in the ledger, and those that reached a backend and were not cancelled in silence", total.Calls, began-silent)
		if u := total.Reported.Usage; u != told {
			t.Errorf("the ledger has %+v of finished calls, and the backends %+v", u, told)
		}
		if total.Reported.Calls < finished || total.Estimated.Usage.Estimated != (total.Estimated.Calls > 0) {
			t.Errorf("the ledger has %d reported and %d estimated calls, of which %d were finished", total.Reported.Calls, total.Estimated.Calls, finished)
		}
		t.Logf("%d calls in %v of virtual time: %d answers, %d failures, %d left; %d attempts, %d retries, %d fallbacks, %d hedges, %d rejections; the ledger has %d exact and %d estimated",
			calls, time.Since(begin).Round(time.Second), n.answers.Load(), n.failures.Load(), n.breaks.Load(), n.attempts.Load(), n.retries.Load(), n.fallbacks.Load(),
			n.hedges.Load(), n.rejections.Load(), total.Reported.Calls, total.Estimated.Calls)
	})
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/tracing"
	"github.com/parley-sdk/parley/middleware/usage"
)

// The models. Their prices are known; their answers are made up.
var (
	sonnet = llm.Info{Provider: "fake", Model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
	nova   = llm.Info{Provider: "fake", Model: "us.amazon.nova-lite-v1:0"}
)

// application is who calls the models.
type application struct {
	each, all       llm.Middleware // around each model, and around the fallback over them
	ledger          *usage.Ledger
	calls, failures atomic.Int64
}

func newApplication() *application {
	prices := usage.DefaultPrices()
	ledger := usage.NewLedger(&usage.Options{Prices: prices, MeterProvider: otel.GetMeterProvider()})

	each := middleware.Standard(middleware.Config{
		Tracing: middleware.Off,    // it stands outside of the fallback: a span is a call of the application
		Usage:   usage.New(ledger), // each attempt is booked, where it is made
	})
	all := tracing.New(&tracing.Options{
		Cost: func(served llm.Info, u llm.Usage) (usd float64, known bool) {
			exact, known := prices.Cost(usage.Call{Model: served.Model, Usage: u}).USD()
			usd, err := strconv.ParseFloat(exact.String(), 64)
			return usd, known && err == nil
		},
	})
	return &application{each: each, all: all, ledger: ledger}
}

// tour makes a call of each kind, one after the other.
func (a *application) tour(ctx context.Context) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range situations {
		a.ask(ctx, s, random)
	}
}

// work makes n calls of all kinds. In the fourth tenth of them the first model is overloaded.
func (a *application) work(ctx context.Context, n int, rate float64) {
	random := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	for i := range n {
		s, own := pick(random, i*10/n == 3), rand.New(rand.NewPCG(5, uint64(i)))
		calls.Go(func() { a.ask(ctx, s, own) })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ask makes a call, in a span of the application's own. A script is for one call, so each call
// has models of its own; what the layers remember is in the middleware, and so it is shared.
func (a *application) ask(ctx context.Context, s situation, random *rand.Rand) {
	ctx, span := otel.Tracer("example").Start(ctx, s.name)
	defer span.End()
	first, second := s.script(random)
	if second == nil {
		second = []fake.Turn{answer(random)}
	}
	model := llm.Wrap(fallback.New(
		llm.Wrap(fake.New(first...).WithInfo(sonnet), a.each, paced),
		llm.Wrap(fake.New(second...).WithInfo(nova), a.each, paced),
	), a.all)
	a.calls.Add(1)
	if err := s.call(ctx, model); err != nil {
		a.failures.Add(1)
		span.SetStatus(codes.Error, string(llm.CodeOf(err)))
	}
}

// String says what came of the calls.
func (a *application) String() string {
	total := a.ledger.Total()
	return fmt.Sprintf("%d calls, %d failed; %d attempts, %s USD", a.calls.Load(), a.failures.Load(), total.Calls, total.Cost)
}

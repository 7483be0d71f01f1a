package main

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/tracing"
	"github.com/parley-sdk/parley/middleware/usage"
)

// shortest is the least that a program needs, for the guide.
func shortest(ctx context.Context) (err error) {
	spans, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	metrics, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return err
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	otel.SetTracerProvider(tp)
	otel.SetMeterProvider(mp)
	defer func() {
		// The context of the calls may have ended; what they did is sent all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, tp.Shutdown(ctx), mp.Shutdown(ctx))
	}()

	model := llm.Wrap(fake.New(fake.Text("Cold.")), tracing.New(nil))
	_, err = model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("How is the weather?")}})
	return err
}

// The set-up in the guide sends what it promises, before it returns.
func TestSetUpInGuide(t *testing.T) {
	r := newReceiver(t)
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL})
	if err := shortest(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spans["chat fake"] != 1 {
		t.Errorf("spans %v", r.spans)
	}
	if r.metrics["gen_ai.client.operation.duration"] != 1 || r.metrics["gen_ai.client.token.usage"] != 2 {
		t.Errorf("metrics %v", r.metrics)
	}
}

// overFallback is the guide's stack over two models.
func overFallback(first, second llm.Model) (llm.Model, *usage.Ledger) {
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
	return llm.Wrap(fallback.New(llm.Wrap(first, each), llm.Wrap(second, each)), all), ledger
}

// The stack in the guide makes one span of two attempts, and the ledger's cost is on it.
func TestStackInGuide(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	quota := fake.Fail(&llm.Error{Code: llm.ErrQuotaExhausted, Status: 429})
	answer := fake.Text("Cold.").WithUsage(llm.Usage{InputTokens: 1000, OutputTokens: 10})
	model, ledger := overFallback(fake.New(quota).WithInfo(sonnet), fake.New(answer).WithInfo(nova))
	if _, err := model.Generate(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "chat "+nova.Model {
		t.Fatalf("spans: %v", got)
	}
	cost := -1.0
	for _, a := range got[0].Attributes {
		if a.Key == "parley.cost_usd" {
			cost = a.Value.AsFloat64()
		}
	}
	total := ledger.Total()
	if total.Calls != 2 || total.Cost.String() != strconv.FormatFloat(cost, 'f', -1, 64) {
		t.Errorf("the ledger has %d attempts for %s USD, the span %v USD", total.Calls, total.Cost, cost)
	}
}

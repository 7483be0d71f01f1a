package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
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

package tracing_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// instant answers at once and allocates nothing.
type instant struct {
	response *llm.Response
	events   []llm.Event
}

func newInstant(deltas int) *instant {
	m := &instant{response: response()}
	delta := &llm.TextDelta{Text: "word "}
	m.events = append(m.events, &llm.PartStart{Part: &llm.TextPart{}})
	for range deltas {
		m.events = append(m.events, delta)
	}
	m.events = append(m.events, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn, Usage: m.response.Usage, Model: "nova"})
	return m
}

func (m *instant) Info() llm.Info { return llm.Info{Provider: "aws.bedrock", Model: "nova"} }

func (m *instant) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return m.response, nil
}

func (m *instant) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range m.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// bare is the least that a middleware can be.
type bare struct{ next llm.Model }

func (m *bare) Info() llm.Info    { return m.next.Info() }
func (m *bare) Unwrap() llm.Model { return m.next }
func (m *bare) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}

func (m *bare) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.next.Stream(ctx, req) {
			if !yield(ev, err) {
				return
			}
		}
	})
}

// setups are the providers that the layer may meet.
func setups() map[string]llm.Middleware {
	metered := func() metric.MeterProvider {
		return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	}
	sampled := func(s sdktrace.Sampler) trace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(s), sdktrace.WithSyncer(drop{}))
	}
	mw := func(tp trace.TracerProvider, mp metric.MeterProvider) llm.Middleware {
		return tracing.New(&tracing.Options{TracerProvider: tp, MeterProvider: mp})
	}
	return map[string]llm.Middleware{
		"0 bare wrapper":         func(next llm.Model) llm.Model { return &bare{next} },
		"1 no-op providers":      mw(tracenoop.NewTracerProvider(), noop.NewMeterProvider()),
		"2 unsampled, no meters": mw(sampled(sdktrace.NeverSample()), noop.NewMeterProvider()),
		"3 unsampled, metered":   mw(sampled(sdktrace.NeverSample()), metered()),
		"4 sampled, no meters":   mw(sampled(sdktrace.AlwaysSample()), noop.NewMeterProvider()),
		"5 sampled, metered":     mw(sampled(sdktrace.AlwaysSample()), metered()),
	}
}

type drop struct{}

func (drop) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (drop) Shutdown(context.Context) error                             { return nil }

func names[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func BenchmarkGenerate(b *testing.B) {
	all := setups()
	for _, name := range names(all) {
		b.Run(name, func(b *testing.B) {
			m, ctx, req := all[name](newInstant(0)), context.Background(), ask()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Generate(ctx, req)
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	all := setups()
	for _, name := range names(all) {
		b.Run(name, func(b *testing.B) {
			m, ctx, req := all[name](newInstant(97)), context.Background(), ask() // 100 events
			b.ReportAllocs()
			for b.Loop() {
				for range m.Stream(ctx, req) {
				}
			}
		})
	}
}

// BenchmarkBareSpan is a span of OpenTelemetry with as many attributes as a call has: the
// floor of what tracing can cost.
func BenchmarkBareSpan(b *testing.B) {
	for _, p := range []struct {
		name string
		trace.TracerProvider
	}{
		{"no-op", tracenoop.NewTracerProvider()},
		{"sampled", sdktrace.NewTracerProvider(sdktrace.WithSyncer(drop{}))},
	} {
		b.Run(p.name, func(b *testing.B) {
			tracer, ctx := p.Tracer("bench"), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				_, span := tracer.Start(ctx, "chat nova", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
					attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", "aws.bedrock"),
					attribute.String("gen_ai.request.model", "nova"),
				))
				span.SetAttributes(
					attribute.StringSlice("gen_ai.response.finish_reasons", []string{"end_turn"}), attribute.String("gen_ai.response.model", "nova"),
					attribute.Int("gen_ai.usage.input_tokens", 100), attribute.Int("gen_ai.usage.output_tokens", 20),
					attribute.String("aws.request_id", "8c1e8e6f-7d0a-4c3b-9a52-5f2f9d3b6a11"),
				)
				span.End()
			}
		})
	}
}

// TestAllocations holds the layer to its limits.
func TestAllocations(t *testing.T) {
	ctx, req := context.Background(), ask()
	all := setups()
	count := func(mw llm.Middleware) (generate, stream, event float64) {
		m := mw(newInstant(0))
		generate = testing.AllocsPerRun(100, func() { _, _ = m.Generate(ctx, req) })
		run := func(deltas int) float64 {
			m := mw(newInstant(deltas))
			return testing.AllocsPerRun(100, func() {
				for range m.Stream(ctx, req) {
				}
			})
		}
		stream = run(1)
		return generate, stream, (run(1001) - stream) / 1000
	}
	bareGenerate, bareStream, _ := count(all["0 bare wrapper"])
	for _, name := range names(all) {
		generate, stream, event := count(all[name])
		t.Logf("%s: %v allocations for Generate, %v for Stream, %v an event", name, generate, stream, event)
		if event > 0.05 { // with the race detector, pools lose their buffers now and then
			t.Errorf("%s: %v allocations an event", name, event)
		}
		if name == "1 no-op providers" && (generate > bareGenerate+2 || stream > bareStream+2) {
			t.Errorf("%s: %v allocations for Generate and %v for Stream, where a bare wrapper has %v and %v", name, generate, stream, bareGenerate, bareStream)
		}
	}
}

package tracing_test

import (
	"context"
	"encoding/json"
	"flag"
	"iter"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// telemetry keeps in memory what is traced and measured.
type telemetry struct {
	t      *testing.T
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
	tp     *sdktrace.TracerProvider
	mp     *sdkmetric.MeterProvider
}

func newTelemetry(t *testing.T, opts ...sdktrace.TracerProviderOption) *telemetry {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	return &telemetry{
		t: t, spans: spans, reader: reader,
		tp: sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(spans))...),
		mp: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	}
}

// wrap traces a model; the options may be nil.
func (tm *telemetry) wrap(next llm.Model, opts *tracing.Options) llm.Model {
	var o tracing.Options
	if opts != nil {
		o = *opts
	}
	o.TracerProvider, o.MeterProvider = tm.tp, tm.mp
	return llm.Wrap(next, tracing.New(&o))
}

// span is the only span that has ended since the last call.
func (tm *telemetry) span() tracetest.SpanStub {
	tm.t.Helper()
	spans := tm.spans.GetSpans()
	tm.spans.Reset()
	if len(spans) != 1 {
		tm.t.Fatalf("%d spans have ended, want one", len(spans))
	}
	return spans[0]
}

// metrics are all metrics so far, by name.
func (tm *telemetry) metrics() map[string]metricdata.Metrics {
	tm.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tm.reader.Collect(context.Background(), &rm); err != nil {
		tm.t.Fatal(err)
	}
	byName := map[string]metricdata.Metrics{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// point is a data point of a histogram, without its buckets.
type point struct {
	Attrs map[string]any
	Count uint64
	Sum   float64
}

// points are the data points of a metric, in the order of their attributes.
func (tm *telemetry) points(name string) []point {
	tm.t.Helper()
	var points []point
	switch data := tm.metrics()[name].Data.(type) {
	case nil:
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			points = append(points, point{attributes(p.Attributes.ToSlice()), p.Count, p.Sum})
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			points = append(points, point{attributes(p.Attributes.ToSlice()), p.Count, float64(p.Sum)})
		}
	default:
		tm.t.Fatalf("%s is a %T", name, data)
	}
	return points
}

// everything is all that was traced and measured, as text to search in.
func (tm *telemetry) everything() string {
	tm.t.Helper()
	var b strings.Builder
	for _, v := range []any{tm.spans.GetSpans(), tm.metrics()} {
		text, err := json.Marshal(v)
		if err != nil {
			tm.t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

func attributes(attrs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range attrs {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

func same(t *testing.T, what string, want, got any, opts ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, opts...); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// ways are the two ways to call a model.
var ways = map[string]func(context.Context, llm.Model, *llm.Request) (*llm.Response, error){
	"generate": func(ctx context.Context, m llm.Model, r *llm.Request) (*llm.Response, error) {
		return m.Generate(ctx, r)
	},
	"stream": func(ctx context.Context, m llm.Model, r *llm.Request) (*llm.Response, error) {
		return llm.Collect(m.Stream(ctx, r))
	},
}

func ask() *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.UserText("What is the weather in Oslo?")}}
}

// stub is a model of one function.
type stub struct {
	info   llm.Info
	stream func(ctx context.Context, req *llm.Request, yield func(llm.Event, error) bool)
}

func (s *stub) Info() llm.Info {
	if s.info == (llm.Info{}) {
		return llm.Info{Provider: "aws.bedrock", Model: "nova"}
	}
	return s.info
}

func (s *stub) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) { s.stream(ctx, req, yield) })
}

func (s *stub) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(s.Stream(ctx, req))
}

// answers yields a response, after f has been called.
func answers(f func(ctx context.Context), r *llm.Response) *stub {
	return &stub{stream: func(ctx context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
		if f != nil {
			f(ctx)
		}
		for ev, err := range r.Events() {
			if !yield(ev, err) {
				return
			}
		}
	}}
}

func response() *llm.Response {
	return &llm.Response{
		Message: llm.AssistantText("Cold."), StopReason: llm.StopEndTurn, RawStopReason: "end_turn",
		Usage:    llm.Usage{InputTokens: 100, OutputTokens: 20},
		Provider: "aws.bedrock", Model: "nova", RequestID: "8c1e8e6f-7d0a-4c3b-9a52-5f2f9d3b6a11",
	}
}

package tracing_test

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

func cents(llm.Info, llm.Usage) (float64, bool) { return 0.01, true }

// TestInstruments checks names, units and buckets.
func TestInstruments(t *testing.T) {
	seconds := []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	want := map[string]struct {
		unit   string
		bounds []float64
	}{
		"gen_ai.client.operation.duration":              {"s", seconds},
		"gen_ai.client.operation.time_to_first_chunk":   {"s", seconds},
		"gen_ai.client.operation.time_per_output_chunk": {"s", seconds},
		"gen_ai.client.token.usage": {"{token}", []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304,
			16777216, 67108864}},
		"parley.client.operation.cost": {"{USD}", []float64{0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}},
	}
	tm := newTelemetry(t)
	long := response()
	long.Message = llm.Assistant(llm.Text("one"), llm.Text("two"))
	if _, err := llm.Collect(tm.wrap(answers(nil, long), &tracing.Options{Cost: cents}).Stream(t.Context(), ask())); err != nil {
		t.Fatal(err)
	}
	got := tm.metrics()
	if len(got) != len(want) {
		t.Errorf("%d metrics, want %d", len(got), len(want))
	}
	for name, w := range want {
		m, ok := got[name]
		if !ok {
			t.Errorf("no %s", name)
			continue
		}
		same(t, name+": unit", w.unit, m.Unit)
		if m.Description == "" {
			t.Errorf("%s has no description", name)
		}
		var bounds []float64
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			bounds = data.DataPoints[0].Bounds
		case metricdata.Histogram[int64]:
			bounds = data.DataPoints[0].Bounds
		}
		same(t, name+": buckets", w.bounds, bounds)
	}
}

func TestTokens(t *testing.T) {
	cases := []struct {
		name          string
		usage         llm.Usage
		input, output any // nil = not recorded
	}{
		{"all", llm.Usage{InputTokens: 100, OutputTokens: 20, CacheReadTokens: 60, CacheWriteTokens: 30}, 100.0, 20.0},
		{"none known", llm.Usage{}, nil, nil},
		{"a tier and no tokens", llm.Usage{ServiceTier: "flex"}, nil, nil},
		{"no output", llm.Usage{InputTokens: 100}, 100.0, 0.0},
		{"output not reported", llm.Usage{InputTokens: 100, Estimated: true}, 100.0, nil},
		{"counts that cannot be", llm.Usage{InputTokens: -7, OutputTokens: 20}, nil, 20.0},
		{"both estimated", llm.Usage{InputTokens: 100, OutputTokens: 7, Estimated: true}, 100.0, 7.0},
	}
	for _, c := range cases {
		for name, call := range ways {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				tm := newTelemetry(t)
				r := response()
				r.Usage = c.usage
				if _, err := call(t.Context(), tm.wrap(answers(nil, r), nil), ask()); err != nil {
					t.Fatal(err)
				}
				var input, output any
				for _, p := range tm.points("gen_ai.client.token.usage") {
					attrs := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock",
						"gen_ai.request.model": "nova", "gen_ai.response.model": "nova"}
					switch attrs["gen_ai.token.type"] = p.Attrs["gen_ai.token.type"]; attrs["gen_ai.token.type"] {
					case "input":
						input = p.Sum
					case "output":
						output = p.Sum
					}
					same(t, "attributes", attrs, p.Attrs)
				}
				same(t, "input", c.input, input)
				same(t, "output", c.output, output)
				span := attributes(tm.span().Attributes)
				for key, want := range map[string]any{"gen_ai.usage.input_tokens": c.input, "gen_ai.usage.output_tokens": c.output} {
					got := span[key]
					if n, ok := got.(int64); ok {
						got = float64(n)
					}
					same(t, key, want, got)
				}
			})
		}
	}
}

func TestCost(t *testing.T) {
	known := llm.Usage{InputTokens: 1, OutputTokens: 1}
	cases := []struct {
		name  string
		usage llm.Usage
		usd   float64
		known bool
		want  any // nil = not recorded
	}{
		{"known", known, 0.25, true, 0.25},
		{"free", known, 0, true, 0.0},
		{"unknown", known, 0.25, false, nil},
		{"not a number", known, math.NaN(), true, nil},
		{"infinite", known, math.Inf(1), true, nil},
		{"negative", known, -1, true, nil},
		{"no usage", llm.Usage{}, 0.25, true, nil},
	}
	for _, c := range cases {
		for _, sampled := range []bool{true, false} {
			t.Run(fmt.Sprint(c.name, "/", sampled), func(t *testing.T) {
				var opts []sdktrace.TracerProviderOption
				if !sampled {
					opts = append(opts, sdktrace.WithSampler(sdktrace.NeverSample()))
				}
				tm := newTelemetry(t, opts...)
				r := response()
				r.Usage = c.usage
				m := tm.wrap(answers(nil, r), &tracing.Options{Cost: func(llm.Info, llm.Usage) (float64, bool) { return c.usd, c.known }})
				if _, err := m.Generate(t.Context(), ask()); err != nil {
					t.Fatal(err)
				}
				var got any
				for _, p := range tm.points("parley.client.operation.cost") {
					got = p.Sum
				}
				same(t, "metric", c.want, got)
				if sampled {
					same(t, "attribute", c.want, attributes(tm.span().Attributes)["parley.cost_usd"])
				}
			})
		}
	}
}

// TestManyModels checks that what is kept of attribute sets has a bound, and what is
// recorded has none of ours.
func TestManyModels(t *testing.T) {
	tm := newTelemetry(t)
	r := response()
	m := tm.wrap(answers(nil, r), nil)
	const models = 1200
	for i := range models {
		r.Model = fmt.Sprint("model-", i)
		if _, err := m.Generate(t.Context(), ask()); err != nil {
			t.Fatal(err)
		}
	}
	var count uint64
	for _, p := range tm.points("gen_ai.client.operation.duration") {
		count += p.Count
	}
	if count != models {
		t.Errorf("%d calls are counted, want %d", count, models)
	}
}

func TestNoProviders(t *testing.T) {
	m := llm.Wrap(answers(nil, response()), tracing.New(&tracing.Options{TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider: noop.NewMeterProvider(), CaptureContent: true, Cost: func(llm.Info, llm.Usage) (float64, bool) {
			t.Error("a price is asked that nobody wants to know")
			return 0, false
		}}))
	for name, call := range ways {
		r, err := call(t.Context(), m, ask())
		if err != nil || r.Text() != "Cold." {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// TestGlobalProviders checks that providers which become global after New are used. It
// leaves them set: they belong to the process, and follow once only.
func TestGlobalProviders(t *testing.T) {
	m := llm.Wrap(answers(nil, response()), tracing.New(nil))
	if _, err := m.Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	tm := global()
	tm.t = t
	tm.spans.Reset()
	if _, err := m.Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	same(t, "name", "chat nova", tm.span().Name)
	if p := tm.points("gen_ai.client.operation.duration"); len(p) == 0 {
		t.Error("no duration is recorded")
	}
}

var global = sync.OnceValue(func() *telemetry {
	tm := newTelemetry(nil)
	otel.SetTracerProvider(tm.tp)
	otel.SetMeterProvider(tm.mp)
	return tm
})

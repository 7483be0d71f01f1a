package tracing_test

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

func ExampleNew() {
	// A program has exporters here; see the packages below go.opentelemetry.io/otel/exporters.
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	backend := fake.New(fake.Text("Cold.").WithUsage(llm.Usage{InputTokens: 120, OutputTokens: 3, CacheReadTokens: 100}))
	m := llm.Wrap(backend, tracing.New(&tracing.Options{TracerProvider: tp, MeterProvider: mp}))

	r, err := m.Generate(context.Background(), &llm.Request{MaxTokens: 500, Messages: []llm.Message{llm.UserText("How is the weather?")}})
	fmt.Println(r.Text(), err)

	for _, span := range spans.GetSpans() {
		fmt.Println(span.SpanKind, span.Name)
		show(span.Attributes)
	}
	var metrics metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &metrics)
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		if tokens, ok := m.Data.(metricdata.Histogram[int64]); ok {
			sums := map[string]int64{}
			for _, p := range tokens.DataPoints {
				typ, _ := p.Attributes.Value("gen_ai.token.type")
				sums[typ.AsString()] = p.Sum
			}
			fmt.Println(m.Name, sums)
		}
	}
	// Output:
	// Cold. <nil>
	// client chat fake
	//   gen_ai.operation.name = chat
	//   gen_ai.provider.name = fake
	//   gen_ai.request.max_tokens = 500
	//   gen_ai.request.model = fake
	//   gen_ai.response.finish_reasons = ["end_turn"]
	//   gen_ai.response.model = fake
	//   gen_ai.usage.cache_read.input_tokens = 100
	//   gen_ai.usage.input_tokens = 120
	//   gen_ai.usage.output_tokens = 3
	//   parley.request_id = fake-1
	// gen_ai.client.token.usage map[input:120 output:3]
}

// Content is sensitive. Where it is wanted all the same, a redactor sees each text first.
// Tags of the application are shown where they are named.
func ExampleOptions() {
	spans := tracetest.NewInMemoryExporter()
	cards := regexp.MustCompile(`\b[0-9]{4}( ?[0-9]{4}){3}\b`)
	trace := tracing.New(&tracing.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)),
		CaptureContent: true,
		Redact:         func(text string) string { return cards.ReplaceAllString(text, "[card]") },
		Metadata:       []string{"tenant"},
		Attributes: func(ctx context.Context, req *llm.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.Int("app.messages", len(req.Messages))}
		},
	})
	m := llm.Wrap(fake.New(fake.Text("Thank you.")), trace)

	_, err := m.Generate(context.Background(), &llm.Request{
		Messages: []llm.Message{llm.UserText("My card is 4111 1111 1111 1111.")},
		Metadata: map[string]string{"tenant": "acme", "session": "not shown"},
	})
	fmt.Println(err)
	for _, span := range spans.GetSpans() {
		show(slices.DeleteFunc(span.Attributes, func(a attribute.KeyValue) bool {
			return !slices.Contains([]attribute.Key{"gen_ai.input.messages", "gen_ai.output.messages", "parley.metadata.tenant", "parley.metadata.session", "app.messages"}, a.Key)
		}))
	}
	// Output:
	// <nil>
	//   app.messages = 1
	//   gen_ai.input.messages = [{"role":"user","parts":[{"type":"text","content":"My card is [card]."}]}]
	//   gen_ai.output.messages = [{"role":"assistant","parts":[{"type":"text","content":"Thank you."}],"finish_reason":"stop"}]
	//   parley.metadata.tenant = acme
}

// show prints attributes by name.
func show(attrs []attribute.KeyValue) {
	slices.SortFunc(attrs, func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	for _, a := range attrs {
		fmt.Printf("  %s = %s\n", a.Key, a.Value.String())
	}
}

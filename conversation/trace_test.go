package conversation_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// A turn that ends in a panic is no success in its trace.
func TestTraceOfPanic(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	m := llm.Wrap(script(fake.Text("Yes.")), tracing.New(&tracing.Options{TracerProvider: provider}))
	c := conversation.New(m, &conversation.Options{OnStep: func(context.Context, int, *llm.Response) { panic("step") }})
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Send(t.Context(), llm.Text("?"))
	}()
	for _, s := range exporter.GetSpans() {
		if s.Name == "invoke_agent" && s.Status.Code != codes.Error {
			t.Errorf("%s is %v", s.Name, s.Status.Code)
		}
	}
	if n := len(exporter.GetSpans()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

// A turn is a span, with a span below it for each call of the model and of a tool.
func TestTrace(t *testing.T) {
	for _, way := range ways() {
		exporter := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
		m := llm.Wrap(script(append(twoSteps(), fake.Fail(llm.ErrOverloaded), fake.Text("Bye."))...), tracing.New(&tracing.Options{TracerProvider: provider}))
		var ended []string
		c := conversation.New(m, &conversation.Options{ID: "c1", Name: "clerk", Tools: []tool.Tool{weather()}, Run: tool.Options{
			Concurrency: 1,
			Around: func(ctx context.Context, spec llm.Tool, call *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
				inSpan := trace.SpanFromContext(ctx).SpanContext().IsValid()
				return ctx, func(_ []llm.Part, err error) {
					if inSpan {
						ended = append(ended, call.ID)
					}
				}
			},
		}})
		if _, err := way.send(t.Context(), c, llm.Text("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := way.send(t.Context(), c, llm.Text("?")); !errors.Is(err, llm.ErrOverloaded) {
			t.Fatal(err)
		}
		for range c.Stream(t.Context(), llm.Text("left")) {
			break
		}
		spans := exporter.GetSpans()
		names := make(map[trace.SpanID]string)
		for _, s := range spans {
			names[s.SpanContext.SpanID()] = s.Name
		}
		var got []string
		for _, s := range spans {
			got = append(got, names[s.Parent.SpanID()]+" > "+s.Name+" "+s.Status.Code.String())
		}
		slices.Sort(got)
		want := []string{
			" > invoke_agent clerk Error", " > invoke_agent clerk Unset", " > invoke_agent clerk Unset",
			"invoke_agent clerk > chat fake Error", "invoke_agent clerk > chat fake Unset", "invoke_agent clerk > chat fake Unset", "invoke_agent clerk > chat fake Unset",
			"invoke_agent clerk > execute_tool weather Error", "invoke_agent clerk > execute_tool weather Unset",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way.name, diff)
		}
		if diff := cmp.Diff([]string{"c1", "c2"}, ended); diff != "" {
			t.Errorf("%s: %s", way.name, diff)
		}
	}
}

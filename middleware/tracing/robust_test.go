package tracing_test

import (
	"context"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// TestFunctionsPanic checks that what is known of a call is not lost with a function of the
// application.
func TestFunctionsPanic(t *testing.T) {
	fails := &stub{stream: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
		_ = yield(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 100}}, nil) && yield(nil, llm.ErrOverloaded)
	}}
	for which, opts := range map[string]*tracing.Options{
		"Redact":     {CaptureContent: true, Redact: func(string) string { panic("mine") }},
		"Cost":       {Cost: func(llm.Info, llm.Usage) (float64, bool) { panic("mine") }},
		"Attributes": {Attributes: func(context.Context, *llm.Request) []attribute.KeyValue { panic("mine") }},
	} {
		for name, call := range ways {
			t.Run(which+"/"+name, func(t *testing.T) {
				tm := newTelemetry(t)
				for _, next := range []*stub{answers(nil, response()), fails} {
					func() {
						defer func() { same(t, "the panic", any("mine"), recover()) }()
						_, _ = call(t.Context(), tm.wrap(next, opts), ask())
					}()
					span := tm.span()
					same(t, "input tokens", any(int64(100)), attributes(span.Attributes)["gen_ai.usage.input_tokens"])
					if next == fails {
						same(t, "status", sdktrace.Status{Code: codes.Error, Description: "overloaded"}, span.Status)
					}
				}
				var calls, tokens float64
				for _, p := range tm.points("gen_ai.client.operation.duration") {
					calls += float64(p.Count)
				}
				for _, p := range tm.points("gen_ai.client.token.usage") {
					tokens += p.Sum
				}
				same(t, "calls and tokens that are measured", []float64{2, 220}, []float64{calls, tokens})
			})
		}
	}
}

// TestInvalidUTF8 checks that all text is valid, wherever it comes from: an exporter of OTLP
// refuses a batch that holds other text.
func TestInvalidUTF8(t *testing.T) {
	const text = "a\xffb"
	r := response()
	r.Message = llm.Assistant(llm.Text(text), &llm.ToolCallPart{ID: text, Name: text, Input: json.RawMessage("{\"x\":\"\xff\"}")})
	r.StopReason, r.Provider, r.Model, r.Usage.ServiceTier = text, text, text, text
	req := full()
	req.Metadata = map[string]string{"tenant": text}
	req.StopSequences = []string{"END", text}
	req.Options = []llm.ProviderOptions{&guarded{text, text}}
	req.Messages = []llm.Message{llm.User(llm.Text(text), llm.ToolResult(text, llm.Text("{\"x\":\"\xff\"}")))}
	next := answers(func(ctx context.Context) {
		hook.Tell(ctx, hook.Event{Kind: hook.Fallback, Policy: text, Provider: text, Model: text})
	}, r)
	next.info = llm.Info{Provider: text, Model: "x" + text}
	tm := newTelemetry(t)
	m := tm.wrap(next, &tracing.Options{CaptureContent: true, Metadata: []string{"tenant"},
		Redact: func(s string) string { return s + text },
		Attributes: func(context.Context, *llm.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("own", text), attribute.StringSlice("owns", []string{text})}
		}})
	for _, call := range ways {
		if _, err := call(t.Context(), m, req); err != nil {
			t.Fatal(err)
		}
	}
	tracer, _ := llm.As[hook.Tracer](m)
	ctx, endAgent := tracer.BeginAgent(t.Context(), hook.Agent{Name: text, ID: text, Description: text, Version: text, Conversation: text, Request: req})
	_, _ = m.Generate(ctx, req)
	_, endTool := tracer.BeginTool(ctx, hook.Tool{Name: text, Description: text, CallID: text, Arguments: json.RawMessage(text)})
	endTool([]llm.Part{llm.Text(text)}, nil)
	endAgent(r, nil)

	check := func(where string, attrs []attribute.KeyValue) {
		for _, a := range attrs {
			for _, s := range append(a.Value.AsStringSlice(), a.Value.AsString()) {
				if !utf8.ValidString(s) {
					t.Errorf("%s: %s is %q", where, a.Key, s)
				}
			}
		}
	}
	spans := tm.spans.GetSpans()
	same(t, "spans", 5, len(spans))
	for _, s := range spans {
		if !utf8.ValidString(s.Name) {
			t.Errorf("a span is named %q", s.Name)
		}
		check(s.Name, s.Attributes)
		for _, ev := range s.Events {
			check(ev.Name, ev.Attributes)
		}
	}
	for name := range tm.metrics() {
		for _, p := range tm.points(name) {
			for key, v := range p.Attrs {
				check(name, []attribute.KeyValue{attribute.String(key, v.(string))})
			}
		}
	}
}

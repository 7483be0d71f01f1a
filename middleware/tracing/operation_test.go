package tracing_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// passing is another middleware, outside of the tracing one.
type passing struct{ llm.Model }

func (p passing) Unwrap() llm.Model { return p.Model }

// tracer is found as conversation finds it: below whatever wraps it.
func (tm *telemetry) tracer(opts *tracing.Options) (llm.Model, hook.Tracer) {
	tm.t.Helper()
	m := passing{tm.wrap(answers(nil, response()), opts)}
	tracer, ok := llm.As[hook.Tracer](m)
	if !ok {
		tm.t.Fatal("no tracer is found")
	}
	return m, tracer
}

func TestTool(t *testing.T) {
	tool := hook.Tool{Name: "weather", Description: "Looks out of the window.", CallID: "call_1", Arguments: json.RawMessage(`{"city":"Oslo"}`)}
	want := map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.type": "function",
		"gen_ai.tool.description": "Looks out of the window.", "gen_ai.tool.call.id": "call_1"}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, m := range []map[string]any{want, more} {
			for k, v := range m {
				all[k] = v
			}
		}
		return all
	}
	const arguments, result = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
	cases := []struct {
		name    string
		opts    *tracing.Options
		result  any
		err     error
		want    map[string]any
		failure string
	}{
		{"nothing captured", nil, []llm.Part{llm.Text("4")}, nil, want, ""},
		{"text", &tracing.Options{CaptureContent: true}, []llm.Part{llm.Text("4 degrees")}, nil,
			with(map[string]any{arguments: `{"city":"Oslo"}`, result: `"4 degrees"`}), ""},
		{"JSON", &tracing.Options{CaptureContent: true}, []llm.Part{llm.Text(`{"degrees":4}`)}, nil,
			with(map[string]any{arguments: `{"city":"Oslo"}`, result: `{"degrees":4}`}), ""},
		{"parts", &tracing.Options{CaptureContent: true}, []llm.Part{llm.Text("4"), llm.Text("5")}, nil,
			with(map[string]any{arguments: `{"city":"Oslo"}`, result: `[{"type":"text","content":"4"},{"type":"text","content":"5"}]`}), ""},
		{"redacted", &tracing.Options{CaptureContent: true, Redact: func(s string) string { return strings.ReplaceAll(s, "Oslo", "…") }},
			[]llm.Part{llm.Text("Oslo")}, nil, with(map[string]any{arguments: `{"city":"…"}`, result: `"…"`}), ""},
		{"of another type", &tracing.Options{CaptureContent: true}, "4", nil, with(map[string]any{arguments: `{"city":"Oslo"}`}), ""},
		{"failure", nil, nil, errors.New("the window is stuck"), with(map[string]any{"error.type": "unknown"}), "unknown"},
		{"typed failure", nil, nil, llm.ErrTimeout, with(map[string]any{"error.type": "timeout"}), "timeout"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tm := newTelemetry(t)
			_, tracer := tm.tracer(c.opts)
			ctx, end := tracer.BeginTool(t.Context(), tool)
			inner := trace.SpanContextFromContext(ctx)
			end(c.result, c.err)
			span := tm.span()
			same(t, "the context's span", span.SpanContext.SpanID(), inner.SpanID())
			same(t, "name", "execute_tool weather", span.Name)
			same(t, "kind", trace.SpanKindInternal, span.SpanKind)
			same(t, "attributes", c.want, attributes(span.Attributes))
			status := sdktrace.Status{}
			if c.failure != "" {
				status = sdktrace.Status{Code: codes.Error, Description: c.failure}
			}
			same(t, "status", status, span.Status)
			if len(tm.metrics()) > 0 {
				t.Errorf("a tool has metrics: %v", tm.metrics())
			}
		})
	}
}

func TestToolContentIsBounded(t *testing.T) {
	tm := newTelemetry(t)
	_, tracer := tm.tracer(&tracing.Options{CaptureContent: true, MaxContentBytes: 300})
	_, end := tracer.BeginTool(t.Context(), hook.Tool{Name: "f", Arguments: json.RawMessage(`{"x":"` + strings.Repeat("y", 1000) + `"}`)})
	end([]llm.Part{llm.Text(strings.Repeat("\n", 1000))}, nil)
	got := attributes(tm.span().Attributes)
	for _, key := range []string{"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"} {
		var s string
		text := got[key].(string)
		if err := json.Unmarshal([]byte(text), &s); err != nil || len(text) > 300 || len(s) < 60 || !strings.HasSuffix(s, "…") {
			t.Errorf("%s: %v: %s", key, err, text)
		}
	}
	_, end = tracer.BeginTool(t.Context(), hook.Tool{Name: "f"})
	end(manyParts(500), nil)
	same(t, "a result that cannot be cut", any(`{"type":"parley.omitted","count":1}`), attributes(tm.span().Attributes)["gen_ai.tool.call.result"])
}

func manyParts(n int) []llm.Part {
	parts := make([]llm.Part, n)
	for i := range parts {
		parts[i] = llm.Text("x")
	}
	return parts
}

func TestAgent(t *testing.T) {
	tm := newTelemetry(t)
	m, tracer := tm.tracer(nil)
	agent := hook.Agent{Name: "Helper", ID: "asst_1", Description: "Helps.", Version: "1.2", Conversation: "conv_1", Request: full()}
	ctx, end := tracer.BeginAgent(t.Context(), agent)
	if _, err := m.Generate(ctx, ask()); err != nil {
		t.Fatal(err)
	}
	_, endTool := tracer.BeginTool(ctx, hook.Tool{Name: "weather"})
	endTool(nil, nil)
	end(&llm.Response{Message: llm.AssistantText("Done."), StopReason: llm.StopEndTurn,
		Usage: llm.Usage{InputTokens: 300, OutputTokens: 60, CacheReadTokens: 10, ReasoningTokens: 7}}, nil)

	spans := map[string]tracetest.SpanStub{}
	for _, s := range tm.spans.GetSpans() {
		spans[s.Name] = s
	}
	span := spans["invoke_agent Helper"]
	same(t, "kind", trace.SpanKindInternal, span.SpanKind)
	same(t, "attributes", map[string]any{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "nova",
		"gen_ai.agent.name": "Helper", "gen_ai.agent.id": "asst_1", "gen_ai.agent.description": "Helps.", "gen_ai.agent.version": "1.2",
		"gen_ai.conversation.id":    "conv_1",
		"gen_ai.request.max_tokens": int64(500), "gen_ai.request.temperature": 0.0, "gen_ai.request.top_p": 0.9, "gen_ai.request.top_k": 40.0,
		"gen_ai.request.stop_sequences": []string{"END"}, "gen_ai.output.type": "json",
		"gen_ai.response.finish_reasons": []string{"end_turn"},
		"gen_ai.usage.input_tokens":      int64(300), "gen_ai.usage.output_tokens": int64(60), "gen_ai.usage.cache_read.input_tokens": int64(10),
	}, attributes(span.Attributes))
	for _, inner := range []string{"chat nova", "execute_tool weather"} {
		same(t, "parent of "+inner, span.SpanContext.SpanID(), spans[inner].Parent.SpanID())
	}
	same(t, "conversation of the call", any("conv_1"), attributes(spans["chat nova"].Attributes)["gen_ai.conversation.id"])
	var tokens float64
	for _, p := range tm.points("gen_ai.client.token.usage") {
		tokens += p.Sum
	}
	same(t, "tokens, which are those of the call alone", 120.0, tokens)
}

func TestAgentFailsAndHasNoName(t *testing.T) {
	tm := newTelemetry(t)
	_, tracer := tm.tracer(&tracing.Options{CaptureContent: true})
	_, end := tracer.BeginAgent(t.Context(), hook.Agent{Request: "of another type"})
	end(&llm.Response{Message: llm.AssistantText("Half"), Usage: llm.Usage{InputTokens: 3, Estimated: true}}, llm.ErrIncomplete)
	span := tm.span()
	same(t, "name", "invoke_agent", span.Name)
	same(t, "status", sdktrace.Status{Code: codes.Error, Description: "incomplete"}, span.Status)
	same(t, "attributes", map[string]any{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "nova",
		"error.type": "incomplete", "gen_ai.usage.input_tokens": int64(3), "parley.usage.estimated": true,
		"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Half"}],"finish_reason":"error"}]`,
	}, attributes(span.Attributes))
}

func TestAgentContent(t *testing.T) {
	tm := newTelemetry(t)
	_, tracer := tm.tracer(&tracing.Options{CaptureContent: true})
	_, end := tracer.BeginAgent(t.Context(), hook.Agent{Name: "Helper", Request: everyPart()})
	end(everyAnswer(), nil)
	golden(t, "content", content(t, attributes(tm.span().Attributes)))
}

func TestOperationsUnsampled(t *testing.T) {
	tm := newTelemetry(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	_, tracer := tm.tracer(&tracing.Options{CaptureContent: true, Redact: func(string) string {
		t.Error("content is redacted that nobody sees")
		return ""
	}})
	ctx, endAgent := tracer.BeginAgent(context.Background(), hook.Agent{Request: everyPart()})
	_, endTool := tracer.BeginTool(ctx, hook.Tool{Arguments: json.RawMessage(`{}`)})
	endTool([]llm.Part{llm.Text("4")}, nil)
	endAgent(everyAnswer(), nil)
	if n := len(tm.spans.GetSpans()); n > 0 {
		t.Errorf("%d spans", n)
	}
}

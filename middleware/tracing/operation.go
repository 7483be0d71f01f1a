package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

var _ hook.Tracer = (*model)(nil)

// BeginTool implements [hook.Tracer] with an execute_tool span.
func (m *model) BeginTool(ctx context.Context, tool hook.Tool) (context.Context, func(result any, err error)) {
	t := m.tracing
	ctx, span := t.tracer.Start(ctx, spanName(opExecuteTool, tool.Name), trace.WithSpanKind(trace.SpanKindInternal),
		trace.WithAttributes(valid([]attribute.KeyValue{keyOperation.String(opExecuteTool), keyToolName.String(tool.Name)})...))
	if span.IsRecording() {
		attrs := []attribute.KeyValue{keyToolType.String(toolTypeFunction)}
		attrs = appendString(attrs, keyToolDescription, tool.Description)
		attrs = appendString(attrs, keyToolCallID, tool.CallID)
		span.SetAttributes(valid(attrs)...)
	}
	return ctx, func(result any, err error) {
		defer span.End()
		if !span.IsRecording() {
			return
		}
		fail(span, err)
		if !t.CaptureContent {
			return
		}
		arguments := t.arguments(&llm.ToolCallPart{Input: tool.Arguments})
		span.SetAttributes(keyToolArguments.String(t.value(arguments)))
		if content, ok := result.([]llm.Part); ok && len(content) > 0 {
			span.SetAttributes(keyToolResult.String(t.value(t.result(content))))
		}
	}
}

// value is a value as JSON within the bound.
func (t *tracing) value(v any) string {
	if b := fit(value{v}, t.MaxContentBytes); b != nil {
		return string(b)
	}
	return string(encode(omittedPart(1)))
}

// BeginAgent implements [hook.Tracer] with an invoke_agent span.
func (m *model) BeginAgent(ctx context.Context, agent hook.Agent) (context.Context, func(response any, err error)) {
	t := m.tracing
	ctx, span := t.tracer.Start(ctx, spanName(opInvokeAgent, agent.Name), trace.WithSpanKind(trace.SpanKindInternal),
		trace.WithAttributes(identity(opInvokeAgent, m.next.Info())...))
	req, _ := agent.Request.(*llm.Request)
	if span.IsRecording() {
		var attrs []attribute.KeyValue
		attrs = appendString(attrs, keyAgentName, agent.Name)
		attrs = appendString(attrs, keyAgentID, agent.ID)
		attrs = appendString(attrs, keyAgentDescription, agent.Description)
		attrs = appendString(attrs, keyAgentVersion, agent.Version)
		attrs = appendString(attrs, keyConversationID, agent.Conversation)
		span.SetAttributes(valid(appendSettings(attrs, req))...)
	}
	return withConversation(ctx, agent.Conversation), func(response any, err error) {
		defer span.End()
		if !span.IsRecording() {
			return
		}
		fail(span, err)
		resp, _ := response.(*llm.Response)
		o := generated(resp, err)
		span.SetAttributes(valid(appendUsage(appendFinish(nil, o.stop), o.usage))...)
		if t.CaptureContent {
			span.SetAttributes(t.inputContent(req)...)
			span.SetAttributes(t.outputContent(o)...)
		}
	}
}

package tracing_test

import (
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// A call of Bedrock, over its wire: who served, the request id, and the guardrail.
func TestBedrock(t *testing.T) {
	server := bedrocktest.NewServer(fake.New(fake.Text("Hello.").WithUsage(llm.Usage{InputTokens: 30, OutputTokens: 2, CacheReadTokens: 20})), nil)
	defer server.Close()
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	model := llm.Wrap(bedrock.New(server.Client(), "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil), tracing.New(&tracing.Options{TracerProvider: provider}))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}, MaxTokens: 100}
	req.SetOptions(&bedrock.RequestOptions{Guardrail: &bedrock.Guardrail{ID: "gr1", Version: "2"}})
	if _, err := model.Generate(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, a := range spans.GetSpans()[0].Attributes {
		got[string(a.Key)] = a.Value.String()
	}
	for key, want := range map[string]string{
		"gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock.guardrail.id": "gr1",
		"gen_ai.usage.input_tokens": "30", "gen_ai.usage.cache_read.input_tokens": "20", "gen_ai.usage.output_tokens": "2",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if got["aws.request_id"] == "" {
		t.Errorf("there is no request id: %v", got)
	}
}

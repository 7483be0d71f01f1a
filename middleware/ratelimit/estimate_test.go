package ratelimit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

func TestEstimateInput(t *testing.T) {
	forty := strings.Repeat("x", 40)
	raw := json.RawMessage(forty)
	parts := func(p ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(p...)}}
	}
	for _, c := range []struct {
		name string
		req  *llm.Request
		want int
	}{
		{"nil", nil, 0},
		{"empty", &llm.Request{}, 0},
		{"one byte", parts(llm.Text("x")), 1},
		{"text", parts(llm.Text(forty)), 10},
		{"system", &llm.Request{System: []llm.Part{llm.Text(forty)}}, 10},
		{"messages", &llm.Request{Messages: []llm.Message{llm.UserText(forty), llm.AssistantText(forty)}}, 20},
		{"reasoning", parts(&llm.ReasoningPart{Text: forty, Redacted: raw}), 20},
		{"tool call", parts(&llm.ToolCallPart{ID: "1", Name: forty, Input: raw}), 20},
		{"malformed tool call", parts(&llm.ToolCallPart{Malformed: forty}), 10},
		{"tool result", parts(llm.ToolResult("1", llm.Text(forty), llm.Image("image/png", raw))), 1610},
		{"image", parts(llm.Image("image/png", raw)), 1600},
		{"media elsewhere", parts(&llm.MediaPart{URI: "s3://b/k"}), 1600},
		{"pdf", parts(llm.Document("", "application/pdf", raw)), 1600},
		{"text file", parts(llm.Document("", "text/csv", raw)), 10},
		{"text file elsewhere", parts(&llm.DocumentPart{MediaType: "text/csv", URI: "s3://b/k"}), 1600},
		{"document's text", parts(&llm.DocumentPart{Name: forty, Text: forty, Context: forty}), 30},
		{"provider's own", parts(&llm.ProviderPart{Data: raw}), 10},
		{"cache point", parts(llm.CachePoint()), 0},
		{"tools", &llm.Request{Tools: []llm.Tool{{Name: forty, Description: forty, Schema: raw, Config: raw}}}, 40},
		{"output", &llm.Request{Output: &llm.OutputFormat{Name: "n", Description: forty, Schema: raw}}, 20},
		{"nil parts", parts(nil, (*llm.TextPart)(nil), (*llm.ReasoningPart)(nil), (*llm.ToolCallPart)(nil), (*llm.ToolResultPart)(nil),
			(*llm.ProviderPart)(nil), (*llm.DocumentPart)(nil), (*llm.CachePointPart)(nil)), 0},
	} {
		if got := ratelimit.EstimateInput(c.req); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

package fake_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestEstimate(t *testing.T) {
	long := strings.Repeat("x", 400)
	tests := []struct {
		name string
		req  *llm.Request
		turn fake.Turn
		want llm.Usage
	}{
		{"least", ask("a"), fake.Turn{}, llm.Usage{InputTokens: 1, OutputTokens: 1}},
		{"text", ask(long), fake.Text("twelve bytes"), llm.Usage{InputTokens: 100, OutputTokens: 3}},
		{"begun tokens", ask("12345"), fake.Text("123456789"), llm.Usage{InputTokens: 2, OutputTokens: 3}},
		{"media", conv(llm.User(llm.Image("image/png", []byte(long)), llm.Text("1234"))), fake.Parts(llm.Image("image/png", []byte{1})), llm.Usage{InputTokens: 1001, OutputTokens: 1000}},
		{"document", conv(llm.User(llm.Document("name", "", []byte{1}), &llm.DocumentPart{Name: "name", Text: long}, llm.CachePoint())), fake.Text("x"), llm.Usage{InputTokens: 1102, OutputTokens: 1}},
		{"tools", conv(question, llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "four", Input: json.RawMessage(`{"a":123}`)}), llm.User(llm.ToolResult("1", llm.Text(long)))),
			fake.ToolCall("four", json.RawMessage(`{"ab":12}`)), llm.Usage{InputTokens: 107, OutputTokens: 4}},
		{"definitions", &llm.Request{System: []llm.Part{llm.Text("1234")}, Messages: []llm.Message{llm.UserText("1234")},
			Tools: []llm.Tool{{Name: "name", Description: "1234", Schema: json.RawMessage(`{"a":{}}`)}}, Output: &llm.OutputFormat{Name: "name", Schema: json.RawMessage(`{ }`)}},
			fake.Text("x"), llm.Usage{InputTokens: 8, OutputTokens: 1}},
		{"reasoning", ask("a"), fake.Parts(&llm.ReasoningPart{Text: "12345678", Redacted: []byte("1234")}, llm.Text("12345"), &llm.ProviderPart{Kind: "k", Data: json.RawMessage(`123`)}),
			llm.Usage{InputTokens: 1, OutputTokens: 5, ReasoningTokens: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := generate(t, fake.New(tt.turn), tt.req).Usage; got != tt.want {
				t.Errorf("usage %+v, want %+v", got, tt.want)
			}
		})
	}
}

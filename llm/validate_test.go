package llm_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

type options struct{ name string }

func (o *options) ProviderName() string {
	if o == nil {
		return "p"
	}
	return o.name
}

func user(parts ...llm.Part) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.User(parts...)}}
}

func assistant(parts ...llm.Part) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Assistant(parts...)}}
}

func TestValidate(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	tools := func(ts ...llm.Tool) *llm.Request { return &llm.Request{Tools: ts} }
	fn := llm.Tool{Name: "f", Schema: raw(`{"type":"object"}`)}
	cases := []struct {
		name string
		req  *llm.Request
		want string // "" = valid; several lines = several faults
	}{
		{"nil", nil, "nil request"},
		{"empty", &llm.Request{}, ""},
		{"no role", &llm.Request{Messages: []llm.Message{{Content: []llm.Part{llm.Text("x")}}}}, "messages[0].role: missing"},
		{"bad role", &llm.Request{Messages: []llm.Message{{Role: "SECRET", Content: []llm.Part{llm.Text("x")}}}}, "messages[0].role: not a role"},
		{"no content", user(), "messages[0].content: empty"},
		{"no content in an answer", assistant(), ""},
		{"nil part", user(llm.Text("x"), nil), "messages[0].content[1]: nil part"},
		{"typed nil part", user((*llm.MediaPart)(nil)), "messages[0].content[0]: nil *llm.MediaPart"},
		{"nil in system", &llm.Request{System: []llm.Part{nil}}, "system[0]: nil part"},
		{"empty text", user(llm.Text("")), ""},
		{"utf8", user(llm.Text("\xff")), "messages[0].content[0].text: invalid UTF-8"},
		{"media without source", user(&llm.MediaPart{MediaType: "image/png"}), "messages[0].content[0]: no data and no URI"},
		{"media with two", user(&llm.MediaPart{Data: []byte{1}, URI: "s3://b/k"}), "messages[0].content[0]: more than one source"},
		{"document without source", user(&llm.DocumentPart{Name: "n"}), "messages[0].content[0]: no data, no URI and no text"},
		{"document with two", user(&llm.DocumentPart{Text: "t", URI: "s3://b/k"}), "messages[0].content[0]: more than one source"},
		{"call", assistant(&llm.ToolCallPart{ID: "1", Name: "f"}), ""},
		{"call in user", user(&llm.ToolCallPart{ID: "1", Name: "f"}), "messages[0].content[0]: a tool call belongs in an assistant message"},
		{"call without id and name", assistant(&llm.ToolCallPart{}), "messages[0].content[0].id: missing\nmessages[0].content[0].name: missing"},
		{"call with broken input", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Input: raw(`{"SECRET`)}), "messages[0].content[0].input: not a JSON object"},
		{"call with invalid UTF-8", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Input: raw("{\"a\":\"\xff\"}")}), "messages[0].content[0].input: not a JSON object in UTF-8"},
		{"malformed object", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Malformed: "{}"}), "messages[0].content[0].malformed: a JSON object"},
		{"data in invalid UTF-8", user(&llm.ProviderPart{Kind: "k", Data: raw("\"\xff\"")}), "messages[0].content[0].data: invalid UTF-8"},
		{"call with an array", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Input: raw(`[1]`)}), "messages[0].content[0].input: not a JSON object"},
		{"opaque", assistant(&llm.TextPart{Text: "x", Citations: []llm.Citation{{Title: "\xff", Data: raw(`{`)}}, Opaque: &llm.Opaque{Data: raw(`{`)}}),
			"messages[0].content[0].citations[0]: invalid UTF-8\nmessages[0].content[0].citations[0].data: not valid JSON\nmessages[0].content[0].opaque.data: not valid JSON"},
		{"call with both", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Input: raw(`{}`), Malformed: "{"}), "messages[0].content[0].input: set beside malformed"},
		{"malformed call", assistant(&llm.ToolCallPart{ID: "1", Name: "f", Malformed: "{"}), ""},
		{"result in assistant", assistant(llm.ToolResult("1")), "messages[0].content[0]: a tool result belongs in a user message"},
		{"result without id", user(llm.ToolResult("")), "messages[0].content[0].call_id: missing"},
		{"result in result", user(llm.ToolResult("1", llm.ToolResult("2"))), "messages[0].content[0].content[0]: a *llm.ToolResultPart cannot stand"},
		{"nil in result", user(llm.ToolResult("1", nil)), "messages[0].content[0].content[0]: nil part"},
		{"empty result", user(llm.ToolResult("1")), ""},
		{"reasoning in user", user(&llm.ReasoningPart{Text: "x"}), "messages[0].content[0]: reasoning belongs"},
		{"negative ttl", user(llm.Text("x"), &llm.CachePointPart{TTL: -time.Second}), "messages[0].content[1].ttl: negative"},
		{"provider part", user(&llm.ProviderPart{Data: raw(`{`)}), "messages[0].content[0].kind: missing\nmessages[0].content[0].data: not valid JSON"},
		{"tool without name", tools(llm.Tool{}), "tools[0].name: missing"},
		{"same names", tools(fn, fn), "tools[1].name: the same as that of tools[0]"},
		{"schema", tools(llm.Tool{Name: "f", Schema: raw(`{"type":`)}), "tools[0].schema: not valid JSON"},
		{"schema not an object", tools(llm.Tool{Name: "f", Schema: raw(` [1]`)}), "tools[0].schema: not a JSON Schema object"},
		{"config of nobody", tools(llm.Tool{Name: "f", Config: raw(`{}`)}), "tools[0].provider: missing"},
		{"provider's tool without kind", tools(llm.Tool{Name: "f", Provider: "p"}), "tools[0].kind: missing"},
		{"tool cache", tools(llm.Tool{Name: "f", Cache: &llm.CachePointPart{TTL: -1}}), "tools[0].cache.ttl: negative"},
		{"choice of a tool", &llm.Request{Tools: []llm.Tool{fn}, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "f"}}, ""},
		{"choice of none such", &llm.Request{Tools: []llm.Tool{fn}, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "g"}}, "tool_choice.name: names no tool"},
		{"choice without tools", &llm.Request{ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceAny}}, "tool_choice: a call is required, but there are no tools"},
		{"name without mode", &llm.Request{Tools: []llm.Tool{fn}, ToolChoice: llm.ToolChoice{Name: "f"}}, "tool_choice.name: set, but the mode"},
		{"mode", &llm.Request{ToolChoice: llm.ToolChoice{Mode: "x"}}, "tool_choice.mode: not a mode"},
		{"max tokens", &llm.Request{MaxTokens: -1}, "max_tokens: negative"},
		{"temperature", &llm.Request{Temperature: new(math.NaN())}, "temperature: not a number from 0 up"},
		{"temperature infinite", &llm.Request{Temperature: new(math.Inf(1))}, "temperature: not a number from 0 up"},
		{"temperature negative", &llm.Request{Temperature: new(-0.1)}, "temperature: not a number from 0 up"},
		{"temperature 0", &llm.Request{Temperature: new(0.0)}, ""},
		{"top_p", &llm.Request{TopP: new(1.1)}, "top_p: not a number from 0 to 1"},
		{"top_p NaN", &llm.Request{TopP: new(math.NaN())}, "top_p: not a number from 0 to 1"},
		{"top_k", &llm.Request{TopK: new(0)}, "top_k: below 1"},
		{"stop sequence", &llm.Request{StopSequences: []string{"ok", "\xff"}}, "stop_sequences[1]: invalid UTF-8"},
		{"output", &llm.Request{Output: &llm.OutputFormat{}}, "output.schema: missing"},
		{"output not an object", &llm.Request{Output: &llm.OutputFormat{Schema: raw(`true`)}}, "output.schema: not a JSON Schema object"},
		{"reasoning", &llm.Request{Reasoning: &llm.Reasoning{BudgetTokens: -1}}, "reasoning.budget_tokens: negative"},
		{"reasoning off with a budget", &llm.Request{Reasoning: &llm.Reasoning{Effort: llm.EffortNone, BudgetTokens: 1}}, "reasoning.budget_tokens: set, but the effort is none"},
		{"metadata", &llm.Request{Metadata: map[string]string{"a": "\xff"}}, "metadata: invalid UTF-8"},
		{"options", &llm.Request{Options: []llm.ProviderOptions{nil, (*options)(nil), &options{"p"}, &options{"p"}}},
			"options[0]: nil options\noptions[1]: nil *llm_test.options\noptions[3]: options for the provider of options[2] again"},
		{"many at once", &llm.Request{MaxTokens: -1, System: []llm.Part{nil}, Messages: []llm.Message{llm.User(), llm.UserText("\xff")}},
			"system[0]: nil part\nmessages[0].content: empty\nmessages[1].content[0].text: invalid UTF-8\nmax_tokens: negative"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.req.Validate()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if llm.CodeOf(err) != llm.ErrInvalidRequest || llm.IsRetryable(err) {
				t.Errorf("CodeOf = %q", llm.CodeOf(err))
			}
			if _, ok := errors.AsType[*llm.Error](err); !ok {
				t.Errorf("not an *llm.Error: %T", err)
			}
			for want := range strings.Lines(c.want) {
				if want = strings.TrimSpace(want); !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if n := strings.Count(err.Error(), ";") + 1; n != strings.Count(c.want, "\n")+1 {
				t.Errorf("%d faults: %v", n, err)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("content shows: %v", err)
			}
		})
	}
}

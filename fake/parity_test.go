package fake_test

import (
	"encoding/json"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A bad request gets the same code from a fake as from a real backend. What a backend
// repairs, with a warning, before it sends it, the fake refuses as the provider would:
// a program that is tested with a fake needs no repairs.
func TestSameCodesAsBedrock(t *testing.T) {
	const invalid, accepted = llm.ErrInvalidRequest, llm.Code("")
	with := func(change func(*llm.Request)) *llm.Request {
		req := conv(question)
		req.Tools = []llm.Tool{queryTool("weather")}
		change(req)
		return req
	}
	schema := func(s string) *llm.Request {
		return with(func(r *llm.Request) { r.Tools[0].Schema = json.RawMessage(s) })
	}
	unsigned := llm.Assistant(&llm.ReasoningPart{Text: "hm"}, llm.Text("x"))
	for _, tt := range []struct {
		name     string
		req      *llm.Request
		fake     llm.Code
		repaired bool // by package bedrock
	}{
		{"a question", conv(question), accepted, false},
		{"a tool loop", conv(question, llm.Assistant(call("a")), llm.User(result("a"))), accepted, false},
		{"an assistant first", conv(llm.AssistantText("hello"), question), accepted, false},
		{"an empty answer", conv(question, llm.Assistant(), question), accepted, false},
		{"a schema without a type", schema(`{"properties":{}}`), accepted, false},
		{"unsigned reasoning", conv(question, unsigned, question), accepted, false},

		{"nothing", conv(), invalid, false},
		{"instructions only", conv(note), invalid, false},
		{"no user at the end", conv(question, llm.AssistantText("it is")), invalid, false},
		{"a call at the end", conv(question, llm.Assistant(call("a"))), invalid, false},
		{"blank text", conv(llm.UserText(" \n")), invalid, false},
		{"cache points only", conv(llm.User(llm.CachePoint())), invalid, false},
		{"a call by the user", conv(llm.User(call("a")), llm.User(result("a"))), invalid, false},
		{"a result in instructions", conv(question, llm.System(result("a")), question), invalid, false},
		{"reasoning by the user", conv(llm.User(&llm.ReasoningPart{Text: "hm"})), invalid, false},
		{"arguments that are a list", schema(`{"type":"array"}`), invalid, false},
		{"arguments elsewhere", schema(`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object"}}}`), invalid, false},
		{"two tools of a name", with(func(r *llm.Request) { r.Tools = append(r.Tools, r.Tools[0]) }), invalid, false},
		{"a choice of no tool", with(func(r *llm.Request) { r.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "x"} }), invalid, false},

		{"blank instructions", with(func(r *llm.Request) { r.System = []llm.Part{llm.Text(" ")} }), invalid, true},
		{"an orphan result", conv(question, llm.AssistantText("x"), llm.User(result("a"))), invalid, true},
		{"a call without a result", conv(question, llm.Assistant(call("a")), question), invalid, true},
		{"two results of a call", conv(question, llm.Assistant(call("a")), llm.User(result("a"), result("a"))), invalid, true},
		{"two calls of an id", conv(question, llm.Assistant(call("a"), call("a")), llm.User(result("a"))), invalid, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := bedrocktest.NewServer(fake.New(fake.Text("x")), &bedrocktest.Options{Latency: -1})
			defer s.Close()
			for _, m := range []struct {
				model llm.Model
				want  llm.Code
			}{
				{fake.New(fake.Text("x")), tt.fake},
				{fake.Auto(), tt.fake},
				{bedrock.New(s.Client(), "anthropic.claude-sonnet-4-5-20250929-v1:0", nil), tt.fake},
			} {
				name := m.model.Info().Provider
				if tt.repaired && name != "fake" {
					m.want = accepted
				}
				r, err := m.model.Generate(t.Context(), tt.req)
				if llm.CodeOf(err) != m.want {
					t.Errorf("%s: code %q, want %q: %v", name, llm.CodeOf(err), m.want, err)
				}
				if tt.repaired && name != "fake" && (r == nil || len(r.Warnings) == 0) {
					t.Errorf("%s: repaired without a warning", name)
				}
			}
		})
	}
}

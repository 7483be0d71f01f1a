package fake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func queryTool(name string) llm.Tool {
	return llm.Tool{Name: name, Schema: json.RawMessage(`{"type":"object","properties":{"q":{"type":"string"}},"required":["q"]}`)}
}

// called is what a response calls: "name id input".
func called(r *llm.Response) []string {
	var out []string
	for _, c := range r.ToolCalls() {
		out = append(out, c.Name+" "+c.ID+" "+string(c.Input))
	}
	return out
}

// answerAll answers every call of a response with its tool's name.
func answerAll(req *llm.Request, r *llm.Response) {
	results := llm.Message{Role: llm.RoleUser}
	for _, c := range r.ToolCalls() {
		results.Content = append(results.Content, llm.ToolResult(c.ID, llm.Text("result of "+c.Name)))
	}
	req.Messages = append(req.Messages, r.Message, results)
}

func TestAutoCallsToolsAndReports(t *testing.T) {
	m := fake.Auto()
	req := ask("please")
	req.Tools = []llm.Tool{queryTool("a"), {Name: "b"}, {Provider: "p", Kind: "search", Name: "s"}}
	r := generate(t, m, req)
	if diff := cmp.Diff([]string{`a call_1 {"q":"fake"}`, `b call_2 {}`}, called(r)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if r.StopReason != llm.StopToolUse {
		t.Errorf("stop reason %q", r.StopReason)
	}
	req.Messages = append(req.Messages, r.Message, llm.User(
		llm.ToolResult("call_1", llm.Text("one"), llm.Image("image/png", []byte{1, 2}), llm.CachePoint(), &llm.ProviderPart{Kind: "json", Data: json.RawMessage(`{"n":1}`)}),
		llm.ToolError("call_2", "out of order")))
	want := "This is a fake model. Results of the tools:\na answered: one (media 2 bytes) {\"n\":1}\nb failed: out of order"
	r = generate(t, m, req)
	if diff := cmp.Diff(want, r.Text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The next question is answered at once, and not with old results.
	req.Messages = append(req.Messages, r.Message, llm.UserText("and now?"))
	if r = generate(t, m, req); len(r.ToolCalls()) != 0 || !strings.Contains(r.Text(), "fake model") || strings.Contains(r.Text(), "one") {
		t.Errorf("got %q, calls %v", r.Text(), called(r))
	}
}

func TestAutoWithoutResults(t *testing.T) {
	req := conv(question, llm.Assistant(call("1")), llm.User(llm.ToolResult("1")))
	if got, want := generate(t, fake.Auto(), req).Text(), "This is a fake model. Results of the tools:\nweather answered: nothing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAutoToolChoice(t *testing.T) {
	tools := []llm.Tool{queryTool("a"), queryTool("b")}
	tests := []struct {
		name   string
		choice llm.ToolChoice
		tools  []llm.Tool
		want   [][]string // the names called, a turn each; each turn's calls are answered
	}{
		{"auto", llm.ToolChoice{}, tools, [][]string{{"a", "b"}, nil}},
		{"one at a time", llm.ToolChoice{Single: true}, tools, [][]string{{"a"}, {"b"}, nil}},
		{"none", llm.ToolChoice{Mode: llm.ToolChoiceNone}, tools, [][]string{nil}},
		{"any", llm.ToolChoice{Mode: llm.ToolChoiceAny}, tools, [][]string{{"a", "b"}, {"a"}, {"a"}}},
		{"that tool", llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "b"}, tools, [][]string{{"b"}, {"b"}}},
		{"no tools", llm.ToolChoice{}, nil, [][]string{nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := fake.Auto()
			req := ask("please")
			req.Tools, req.ToolChoice = tt.tools, tt.choice
			for i, want := range tt.want {
				r := generate(t, m, req)
				var got []string
				for _, c := range r.ToolCalls() {
					got = append(got, c.Name)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("turn %d (-want +got):\n%s", i, diff)
				}
				if want != nil {
					answerAll(req, r)
				}
			}
		})
	}
	for _, choice := range []llm.ToolChoice{{Mode: llm.ToolChoiceAny}, {Mode: llm.ToolChoiceTool, Name: "s"}} {
		req := ask("please")
		req.Tools = []llm.Tool{{Provider: "p", Kind: "search", Name: "s"}}
		req.ToolChoice = choice
		_, err := fake.Auto().Generate(t.Context(), req)
		wantError(t, err, llm.ErrUnsupported, "tool_choice")
	}
}

func TestAutoOutput(t *testing.T) {
	req := ask("please")
	req.Tools = []llm.Tool{queryTool("a")}
	req.Output = &llm.OutputFormat{Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"warm":{"type":"boolean"}},"required":["warm","city"]}`)}
	m := fake.Auto()
	r := generate(t, m, req)
	if len(r.ToolCalls()) != 1 {
		t.Fatalf("the tools come first: %+v", r)
	}
	answerAll(req, r)
	if got, want := generate(t, m, req).Text(), `{"warm":true,"city":"fake"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	req.Output.Schema = json.RawMessage(`{"anyOf":[]}`)
	_, err := m.Generate(t.Context(), req)
	wantError(t, err, llm.ErrUnsupported, "output.schema.anyOf: ")
}

func TestAutoIsDeterministic(t *testing.T) {
	req := ask("please")
	req.Tools = []llm.Tool{queryTool("a"), queryTool("b")}
	want := generate(t, fake.Auto(), req)
	for range 5 {
		if diff := cmp.Diff(want, generate(t, fake.Auto(), req)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

// Which values there are is the matter of package sample; here they become arguments.
func TestAutoArguments(t *testing.T) {
	req := ask("please")
	req.Tools = []llm.Tool{{Name: "t", Schema: json.RawMessage(`{"type":"object","properties":{"v":{"minimum":3,"type":"integer"}},"required":["v"]}`)}}
	if got := string(generate(t, fake.Auto(), req).ToolCalls()[0].Input); got != `{"v":3}` {
		t.Errorf("got %s", got)
	}
	for schema, want := range map[string]string{
		`{"enum":[1]}`: "tools[0].schema.type: arguments must be an object",
		`{"properties":{"v":{"$ref":"https://secret.example.com/s.json"}},"required":["v"]}`: "tools[0].schema.properties.v.$ref: ",
	} {
		req.Tools[0].Schema = json.RawMessage(schema)
		_, err := fake.Auto().Generate(t.Context(), req)
		wantError(t, err, llm.ErrUnsupported, want)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the schema is quoted: %v", err)
		}
	}
}

func TestAutoNamedTools(t *testing.T) {
	m := fake.AutoWith(&fake.AutoOptions{Tools: []string{"b"}})
	req := ask("please")
	req.Tools = []llm.Tool{queryTool("a"), queryTool("b")}
	r := generate(t, m, req)
	if calls := r.ToolCalls(); len(calls) != 1 || calls[0].Name != "b" {
		t.Fatalf("called %v", called(r))
	}
	answerAll(req, r)
	if r := generate(t, m, req); len(r.ToolCalls()) != 0 {
		t.Errorf("called %v again", called(r))
	}
	req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceAny}
	if calls := generate(t, m, req).ToolCalls(); len(calls) != 1 || calls[0].Name != "b" {
		t.Errorf("of any, the named one is called: %v", calls)
	}
	req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "a"}
	if calls := generate(t, m, req).ToolCalls(); len(calls) != 1 || calls[0].Name != "a" {
		t.Errorf("a choice goes before the option: %v", calls)
	}
	req = ask("please")
	generate(t, m, req) // without tools there is nothing to call
	req.Tools = []llm.Tool{queryTool("a")}
	_, err := m.Generate(t.Context(), req)
	wantError(t, err, llm.ErrInternal, "AutoOptions.Tools[0]: ")
}

// A context that ends between two tools ends the call.
func TestAutoLeavesToolsWithTheContext(t *testing.T) {
	req := ask("Which?")
	for _, schema := range []string{`{"type":"object"}`, `{"type":"object","not":{}}`} {
		req.Tools = append(req.Tools, llm.Tool{Name: fmt.Sprint("t", len(req.Tools)), Schema: json.RawMessage(schema)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := fake.Auto().Generate(&ending{ctx, cancel, 2}, req)
	wantError(t, err, llm.ErrCanceled)
}

// ending is a context that ends once it has been asked a few times.
type ending struct {
	context.Context
	cancel context.CancelFunc
	left   int
}

func (c *ending) Err() error {
	if c.left--; c.left < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

package fake_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func call(id string) *llm.ToolCallPart { return &llm.ToolCallPart{ID: id, Name: "weather"} }

func result(id string) *llm.ToolResultPart { return llm.ToolResult(id, llm.Text("4C")) }

var (
	question = llm.UserText("how warm is it?")
	note     = llm.System(llm.Text("be brief"))
)

func TestRefuses(t *testing.T) {
	const secret = "hunter2"
	tests := []struct {
		name string
		req  *llm.Request
		want []string // faults, by path and reason; nil = accepted
	}{
		{"a question", conv(question), nil},
		{"two questions", conv(question, question), nil},
		{"instructions around", conv(note, question, note), nil},
		{"results of two calls", conv(question, llm.Assistant(call("a"), call("b")), llm.User(result("b"), result("a"))), nil},
		{"text beside results", conv(question, llm.Assistant(llm.Text("let me see"), call("a")), llm.User(result("a"), llm.Text("and?"))), nil},
		{"instructions between call and result", conv(question, llm.Assistant(call("a")), note, llm.User(result("a"))), nil},
		{"an id that comes again later", conv(question, llm.Assistant(call("a")), llm.User(result("a")), llm.Assistant(call("a")), llm.User(result("a"))), nil},
		{"calls that the provider ran", conv(question, llm.Assistant(&llm.ProviderPart{Kind: "server_tool_use"}, llm.Text("done")), question), nil},
		{"blank answer", conv(question, llm.AssistantText("\n\n"), question), nil},
		{"empty answer", conv(question, llm.Assistant(), question), nil},
		{"blank result", conv(question, llm.Assistant(call("a")), llm.User(llm.ToolResult("a", llm.Text("")))), nil},
		{"an empty result", conv(question, llm.Assistant(call("a")), llm.User(llm.ToolResult("a"))), nil},
		{"a malformed call", conv(question, llm.Assistant(&llm.ToolCallPart{ID: "a", Name: "x", Malformed: "{"}), llm.User(llm.ToolError("a", "bad arguments"))), nil},

		{"no messages", conv(), []string{"messages: there is no user message"}},
		{"instructions only", conv(note), []string{"messages: there is no user message"}},
		{"the assistant's turn", conv(question, llm.AssistantText("it is")), []string{"messages[1]: the conversation must end with a user message"}},
		{"the assistant's turn, then instructions", conv(question, llm.AssistantText("it is"), note), []string{"messages[1]: the conversation must end"}},
		{"a call at the end", conv(question, llm.Assistant(call("a"))), []string{"messages[1]: the conversation must end"}},
		{"blank text", conv(llm.UserText(" \n\t")), []string{"messages[0].content[0]: the text is blank"}},
		{"no text", conv(llm.User(llm.Text("x"), llm.Text(""))), []string{"messages[0].content[1]: the text is blank"}},
		{"blank instructions", &llm.Request{System: []llm.Part{llm.Text("x"), llm.Text(" ")}, Messages: []llm.Message{question}}, []string{"system[1]: the text is blank"}},
		{"orphan result at the start", conv(llm.User(result(secret))), []string{"messages[0].content[0]: the tool result answers no call"}},
		{"orphan result", conv(question, llm.AssistantText("x"), llm.User(result(secret))), []string{"messages[2].content[0]: the tool result answers no call"}},
		{"a result that is late", conv(question, llm.Assistant(call("a")), question, llm.User(result("a"))),
			[]string{"messages[1].content[0]: the tool call has no result in messages[2]", "messages[3].content[0]: the tool result answers no call"}},
		{"results in two messages", conv(question, llm.Assistant(call("a"), call("b")), llm.User(result("a")), llm.User(result("b"))),
			[]string{"messages[1].content[1]: the tool call has no result in messages[2]", "messages[3].content[0]: the tool result answers no call"}},
		{"one of two unanswered", conv(question, llm.Assistant(llm.Text("x"), call("a"), call(secret)), llm.User(result("a"))), []string{"messages[1].content[2]: the tool call has no result in messages[2]"}},
		{"unanswered, the assistant goes on", conv(question, llm.Assistant(call("a")), llm.AssistantText("never mind"), question), []string{"messages[1].content[0]: the tool call has no result in messages[2]"}},
		{"answered twice", conv(question, llm.Assistant(call(secret)), llm.User(result(secret), result(secret))), []string{"messages[2].content[1]: a second result"}},
		{"one id twice", conv(question, llm.Assistant(call(secret), call(secret)), llm.User(result(secret))), []string{"messages[1].content[1]: a second tool call of the same id"}},
		{"cache points only", conv(question, llm.AssistantText("x"), llm.User(llm.CachePoint())), []string{"messages[2].content: it holds cache points only"}},
		{"arguments that are no object", &llm.Request{Messages: []llm.Message{question}, Tools: []llm.Tool{queryTool("a"), {Name: "b", Schema: json.RawMessage(`{"type":"array"}`)}}}, []string{"tools[1].schema.type: it must be object"}},
		{"arguments of two types", &llm.Request{Messages: []llm.Message{question}, Tools: []llm.Tool{{Name: "b", Schema: json.RawMessage(`{"type":["object","null"]}`)}}}, []string{"tools[0].schema.type: it must be object"}},
		{"arguments elsewhere", &llm.Request{Messages: []llm.Message{question}, Tools: []llm.Tool{{Name: "b", Schema: json.RawMessage(`{"$ref":"#/$defs/a"}`)}}}, []string{"tools[0].schema.type: it must be object"}},
		{"arguments without a type", &llm.Request{Messages: []llm.Message{question}, Tools: []llm.Tool{{Name: "b", Schema: json.RawMessage(`{"properties":{}}`)}}}, nil},
		{"unsigned reasoning", conv(question, llm.Assistant(&llm.ReasoningPart{Text: secret}, llm.Text("x")), question), nil},
		{"several faults", conv(llm.UserText(""), llm.AssistantText(secret)), []string{"messages[1]: the conversation must end", "messages[0].content[0]: the text is blank"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := fake.New(fake.Text("fine"))
			_, err := m.Generate(t.Context(), tt.req)
			if tt.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, llm.ErrInvalidRequest, tt.want...)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("content in the error: %v", err)
			}
			if _, err := llm.Collect(m.Stream(t.Context(), tt.req)); llm.CodeOf(err) != llm.ErrInvalidRequest {
				t.Errorf("Stream: %v", err)
			}
			if got := len(m.Requests()); got != 2 {
				t.Errorf("%d requests recorded, want the 2 that were refused", got)
			}
			if got := generate(t, m, conv(question)).Text(); got != "fine" {
				t.Error("a refused request consumed a turn")
			}
		})
	}
}

type options struct{ provider string }

func (o *options) ProviderName() string {
	if o == nil {
		return "fake"
	}
	return o.provider
}

func TestOptions(t *testing.T) {
	m := fake.New(fake.Text("x"), fake.Text("y")).WithInfo(llm.Info{Provider: "p"})
	req := ask("hi")
	req.SetOptions(&options{"p"})
	generate(t, m, req)
	req.SetOptions(&options{"q"})
	generate(t, m, req)
	req.SetOptions(&options{"fake"})
	_, err := m.Generate(t.Context(), req)
	wantError(t, err, llm.ErrInvalidRequest, "options[2]: a fake has no options")
}

func TestEveryModelRefuses(t *testing.T) {
	for name, m := range map[string]llm.Model{"New": fake.New(), "Func": fake.Func(nil), "Auto": fake.Auto()} {
		_, err := m.Generate(t.Context(), conv())
		wantError(t, err, llm.ErrInvalidRequest, "no user message")
		_, err = m.Generate(t.Context(), nil)
		wantError(t, err, llm.ErrInvalidRequest, "nil request")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestInvalidRequests(t *testing.T) {
	m := fake.New(fake.Text("x"))
	var none *llm.MediaPart
	for _, req := range []*llm.Request{
		nil,
		conv(llm.User(none)),
		conv(llm.Message{Role: llm.RoleUser}),
		{Messages: []llm.Message{question}, Tools: []llm.Tool{{Name: "x", Schema: json.RawMessage("{")}}},
	} {
		_, err := m.Generate(t.Context(), req)
		wantError(t, err, llm.ErrInvalidRequest)
	}
	if len(m.Requests()) != 0 {
		t.Error("an invalid request was recorded")
	}
}

func TestPausedAnswerIsResumed(t *testing.T) {
	m := fake.New(fake.Text("to be").StopWith(llm.StopPause), fake.Text("continued"))
	paused := conv(question, llm.AssistantText("to be"))
	if _, err := m.Generate(t.Context(), paused); llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("nothing has paused yet: %v", err)
	}
	r := generate(t, m, conv(question))
	if got := generate(t, m, conv(question, r.Message)).Text(); got != "continued" {
		t.Errorf("got %q", got)
	}
	_, err := m.Generate(t.Context(), conv())
	wantError(t, err, llm.ErrInvalidRequest, "no user message")
}

func TestRequireSignedReasoning(t *testing.T) {
	for _, tt := range []struct {
		part *llm.ReasoningPart
		ok   bool
	}{
		{&llm.ReasoningPart{Text: "hunter2"}, false},
		{&llm.ReasoningPart{}, false},
		{&llm.ReasoningPart{Text: "hm", Signature: "s"}, true},
		{&llm.ReasoningPart{Signature: "s"}, true},
		{&llm.ReasoningPart{Redacted: []byte{1}}, true},
		{&llm.ReasoningPart{Text: "hm", Opaque: &llm.Opaque{Provider: "p"}}, true},
	} {
		m := fake.New(fake.Text("fine")).RequireSignedReasoning()
		_, err := m.Generate(t.Context(), conv(question, llm.Assistant(llm.Text("x"), tt.part), question))
		if tt.ok {
			if err != nil {
				t.Errorf("%+v: %v", tt.part, err)
			}
			continue
		}
		wantError(t, err, llm.ErrInvalidRequest, "messages[1].content[1]: the reasoning has no signature")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("content in the error: %v", err)
		}
	}
	if (*fake.Model)(nil).RequireSignedReasoning() != nil {
		t.Error("a model out of nothing")
	}
}

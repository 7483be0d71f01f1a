package fake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// A script: the model asks for a tool, and then answers.
func ExampleNew() {
	ctx := context.Background()
	m := fake.New(
		fake.ToolCall("weather", map[string]any{"city": "Oslo"}),
		fake.Text("It is 4 degrees in Oslo."),
	)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it in Oslo?")}}

	resp, err := m.Generate(ctx, req)
	if err != nil {
		fmt.Println(err)
		return
	}
	call := resp.ToolCalls()[0]
	fmt.Println(resp.StopReason, call.ID, call.Name, string(call.Input))

	req.Messages = append(req.Messages, resp.Message, llm.User(llm.ToolResult(call.ID, llm.Text("4C"))))
	resp, err = m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)

	_, err = m.Generate(ctx, req)
	fmt.Println(err)
	// Output:
	// tool_use call_1 weather {"city":"Oslo"}
	// It is 4 degrees in Oslo. <nil>
	// fake generate fake: internal: the script has been played to its end; the request: user(text 23) assistant(tool_call weather 15) user(tool_result 2) (request id fake-3)
}

// A function sees each request and decides.
func ExampleFunc() {
	m := fake.Func(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
		if req.MaxTokens > 1000 {
			return nil, llm.ErrQuotaExhausted
		}
		return &llm.Response{Message: llm.AssistantText(fmt.Sprintf("You sent %d message(s).", len(req.Messages)))}, nil
	})
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}}
	resp, err := m.Generate(context.Background(), req)
	fmt.Println(resp.Text(), resp.StopReason, err)

	req.MaxTokens = 2000
	_, err = m.Generate(context.Background(), req)
	fmt.Println(llm.CodeOf(err))
	// Output:
	// You sent 1 message(s). end_turn <nil>
	// quota exhausted
}

// Auto needs no script: it calls the tools of the request and reports the results.
func ExampleAuto() {
	ctx := context.Background()
	m := fake.Auto()
	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("How warm is it in Oslo?")},
		Tools: []llm.Tool{{Name: "weather", Schema: json.RawMessage(`{
			"type": "object",
			"properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
			"required": ["city", "days"]
		}`)}},
	}
	resp, err := m.Generate(ctx, req)
	if err != nil {
		fmt.Println(err)
		return
	}
	call := resp.ToolCalls()[0]
	fmt.Println(call.Name, string(call.Input))

	req.Messages = append(req.Messages, resp.Message, llm.User(llm.ToolResult(call.ID, llm.Text("4C"))))
	resp, err = m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)
	// Output:
	// weather {"city":"fake","days":1}
	// This is a fake model. Results of the tools:
	// weather answered: 4C <nil>
}

// Turns with matchers wait for their request, whatever the order of the calls.
func ExampleTurn_On() {
	m := fake.New(
		fake.Text("Oslo").On(fake.UserSays("Norway")),
		fake.Text("Paris").On(fake.UserSays("France")),
		fake.Text("I do not know.").Always(),
	)
	for _, country := range []string{"France", "Atlantis", "Norway"} {
		req := &llm.Request{Messages: []llm.Message{llm.UserText("The capital of " + country + "?")}}
		resp, err := m.Generate(context.Background(), req)
		fmt.Println(resp.Text(), err)
	}
	// Output:
	// Paris <nil>
	// I do not know. <nil>
	// Oslo <nil>
}

// A function may decide too.
func ExampleTurn_When() {
	m := fake.New(
		fake.Text("That is a lot.").When(func(req *llm.Request) bool { return req.MaxTokens > 1000 }),
		fake.Text("That will do."),
	)
	for _, limit := range []int{100, 2000} {
		req := &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}, MaxTokens: limit}
		resp, err := m.Generate(context.Background(), req)
		fmt.Println(resp.Text(), err)
	}
	// Output:
	// That will do. <nil>
	// That is a lot. <nil>
}

// Two failures and then an answer.
func ExampleTurn_Times() {
	m := fake.New(fake.Fail(llm.ErrRateLimited).Times(2), fake.Text("Here I am."))
	for range 3 {
		resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}})
		if err != nil {
			fmt.Println(llm.CodeOf(err), llm.IsRetryable(err))
			continue
		}
		fmt.Println(resp.Text())
	}
	// Output:
	// rate limited true
	// rate limited true
	// Here I am.
}

// A stream that stops half-way, until the caller gives up.
func ExampleTurn_StallAfter() {
	m := fake.New(fake.Text("It is 4 degrees.").Chunk(6).StallAfter(3))
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it?")}}
	said := ""
	for text, err := range llm.TextStream(m.Stream(ctx, req)) {
		if err != nil {
			fmt.Printf("%q %v\n", said, llm.CodeOf(err))
			break
		}
		if said += text; said == "It is 4 degr" {
			time.AfterFunc(time.Millisecond, giveUp)
		}
	}
	// Output:
	// "It is 4 degr" canceled
}

// Arguments of a tool that are not valid JSON, and a refusal.
func ExampleTurn_StopWith() {
	m := fake.New(
		fake.ToolCall("weather", json.RawMessage(`{"city": "Os`)).StopWith(llm.StopMaxTokens),
		fake.Text("I cannot help with that.").StopWith(llm.StopRefusal),
	)
	for range 2 {
		resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}})
		if err != nil {
			fmt.Println(err)
			continue
		}
		for _, call := range resp.ToolCalls() {
			fmt.Println(call.Name, call.Malformed)
		}
		fmt.Printf("%s: %q\n", resp.StopReason, resp.Text())
	}
	// Output:
	// weather {"city": "Os
	// max_tokens: ""
	// refusal: "I cannot help with that."
}

// What the author of a test reads where the script does not fit. In a test, give it t.
func ExampleModel_AssertExhausted() {
	m := fake.New(
		fake.ToolCall("weather", nil).On(fake.UserSays("weather"), fake.HasTool("weather")),
		fake.Text("Hello!"),
	)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Will it rain?")}, Tools: []llm.Tool{{Name: "weather"}}}
	if _, err := m.Generate(context.Background(), req); err != nil {
		fmt.Println(err)
	}
	m.AssertExhausted(printer{})
	// Output:
	// fake: 1 not played:
	//   turns[0]: tool_call weather {}, when user says "weather" and has tool weather
	//     fake-1 differs:
	//       - user says "weather"
	//       + user says "Will it rain?"
	// The request:
	//   fake-1 tool:weather
	//     messages[0].content[0] user: text "Will it rain?"
}

// printer stands for a *testing.T.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// A function streams the answer, and decides what comes when.
func ExampleStreamFunc() {
	m := fake.StreamFunc(func(_ context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
		return func(yield func(llm.Event, error) bool) {
			for _, ev := range []llm.Event{
				&llm.PartStart{Part: &llm.ToolCallPart{Name: "weather"}},
				&llm.ToolCallDelta{Input: `{"city":`},
				&llm.ToolCallDelta{Input: `"Oslo"}`},
				&llm.PartStop{},
				&llm.Finish{},
			} {
				if !yield(ev, nil) {
					return
				}
			}
		}
	})
	resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it?")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	call := resp.ToolCalls()[0]
	fmt.Println(resp.StopReason, call.ID, call.Name, string(call.Input))
	// Output:
	// tool_use call_1 weather {"city":"Oslo"}
}

// A stream of deltas that breaks off: what arrived is kept.
func ExampleTurn_Chunk() {
	m := fake.New(
		fake.Text("It is 4 degrees.").Chunk(6),
		fake.Text("It is 4 degrees.").Chunk(6).CutAfter(3),
	)
	for range 2 {
		req := &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it?")}}
		for text, err := range llm.TextStream(m.Stream(context.Background(), req)) {
			if err != nil {
				fmt.Println(err)
				break
			}
			fmt.Printf("%q\n", text)
		}
	}
	// Output:
	// "It is "
	// "4 degr"
	// "ees."
	// "It is "
	// "4 degr"
	// fake stream fake: incomplete: the answer broke off (request id fake-2)
}

// The requests that arrived show what the code under test sends.
func ExampleModel_Requests() {
	m := fake.New(fake.Text("Hello!"))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}, MaxTokens: 200}
	if _, err := m.Generate(context.Background(), req); err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range m.Requests() {
		fmt.Println(len(r.Messages), r.MaxTokens)
	}
	// Output:
	// 1 200
}

// What the code under test made of a tool call is in its next request.
func ExampleModel_Last() {
	m := fake.New(fake.ToolCall("weather", `{"city":"Oslo"}`), fake.Text("It is 4 degrees in Oslo."))
	weather := tool.New("weather", "", func(_ context.Context, in struct {
		City string `json:"city"`
	}) (string, error) {
		return "4 °C in " + in.City, nil
	})
	c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{weather}})
	if _, err := c.Send(context.Background(), llm.Text("How warm is it?")); err != nil {
		fmt.Println(err)
		return
	}

	messages := m.Last(printer{}).Messages // in a test: m.Last(t)
	result := messages[len(messages)-1].Content[0].(*llm.ToolResultPart)
	fmt.Println(result.Name, result.IsError, result.Content[0].(*llm.TextPart).Text)
	// Output: weather false 4 °C in Oslo
}

// Options: another seed gives other values, and optional properties are added.
func ExampleAutoWith() {
	schema := json.RawMessage(`{
		"type": "object",
		"properties": {
			"city": {"enum": ["Oslo", "Paris", "Rome"]},
			"code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
			"legs": {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 1, "maximum": 900}}
		},
		"required": ["city", "code"]
	}`)
	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("Plan a trip.")},
		Output:   &llm.OutputFormat{Name: "trip", Schema: schema},
	}
	for _, o := range []fake.AutoOptions{{}, {Seed: 1}, {Seed: 2, Optional: true}} {
		resp, err := fake.AutoWith(&o).Generate(context.Background(), req)
		fmt.Println(resp.Text(), err)
	}
	// Output:
	// {"city":"Oslo","code":"AA-000"} <nil>
	// {"city":"Oslo","code":"HY-152"} <nil>
	// {"city":"Rome","code":"BL-539","legs":[606,469]} <nil>
}

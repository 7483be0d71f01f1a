package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
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
	// fake generate fake: internal: all 2 scripted turns have been played; the request: user(text 23) assistant(tool_call weather 15) user(tool_result 2) (request id fake-3)
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

// Turns with a matcher wait for their request, whatever the order of the calls.
func ExampleTurn_When() {
	says := func(word string) func(*llm.Request) bool {
		return func(req *llm.Request) bool {
			text, ok := req.Messages[0].Content[0].(*llm.TextPart)
			return ok && strings.Contains(text.Text, word)
		}
	}
	m := fake.New(
		fake.Text("Oslo").When(says("Norway")),
		fake.Text("Paris").When(says("France")),
		fake.Text("I do not know."),
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

// A recorded call is played back without the model that answered it.
func ExampleRecord() {
	ctx := context.Background()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}}

	var tape bytes.Buffer
	live := fake.New(fake.Text("Good morning.")) // stands for a real model
	if _, err := fake.Record(live, &tape).Generate(ctx, req); err != nil {
		fmt.Println(err)
		return
	}

	m, err := fake.Replay(&tape)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)

	_, err = m.Generate(ctx, req)
	fmt.Println(err)
	// Output:
	// Good morning. <nil>
	// fake generate fake: internal: no recording is left of this request: user(text 5); next on the tape: none (request id fake-2)
}

// Replay reads a tape, from a file for example.
func ExampleReplay() {
	_, err := fake.Replay(strings.NewReader("{\"v\":1}\n"))
	fmt.Println(err)
	// Output:
	// replay: invalid request: line 1: not a recording that can be replayed: no digest
}

// Secrets do not get onto a tape, and Scrub takes out what differs from run to run.
func ExampleRecordWith() {
	ctx := context.Background()
	date := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	opts := &fake.TapeOptions{Scrub: func(text string) string { return date.ReplaceAllString(text, "[date]") }}

	var tape bytes.Buffer
	live := fake.New(fake.Text("Better change it."))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("On 2026-11-23 I set password=swordfish.")}}
	if _, err := fake.RecordWith(live, &tape, opts).Generate(ctx, req); err != nil {
		fmt.Println(err)
		return
	}
	var recorded struct{ Request llm.Request }
	if err := json.Unmarshal(tape.Bytes(), &recorded); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(recorded.Request.Messages[0].Content[0].(*llm.TextPart).Text)

	m, err := fake.ReplayWith(&tape, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	req = &llm.Request{Messages: []llm.Message{llm.UserText("On 2027-01-01 I set password=swordfish.")}}
	resp, err := m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)
	// Output:
	// On [date] I set password=[scrubbed]
	// Better change it. <nil>
}

// A replay in real time takes as long as the call did. In a bubble of testing/synctest
// that costs nothing.
func ExampleReplayWith() {
	tape := `{"v":2,"digest":"any","request":{"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]},` +
		`"events":["20ms",{"type":"part_start","part":{"type":"text"}},{"type":"text_delta","text":"Good "},"5ms",{"type":"text_delta","text":"morning."},` +
		`{"type":"part_stop"},{"type":"finish","stop_reason":"end_turn"}]}`
	m, err := fake.ReplayWith(strings.NewReader(tape), &fake.TapeOptions{InOrder: true, RealTime: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Now()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hi there")}}
	for text, err := range llm.TextStream(m.Stream(context.Background(), req)) {
		fmt.Printf("%q %v\n", text, err)
	}
	fmt.Println(time.Since(start) >= 25*time.Millisecond)
	// Output:
	// "Good " <nil>
	// "morning." <nil>
	// true
}

// In a test, t is its *testing.T. The file was recorded with PARLEY_RECORD=1.
func ExampleCassette() {
	t := new(cassetteTB)
	defer t.end() // as package testing does

	var live llm.Model // a model that costs money, which is made only where it is called
	if fake.Recording() {
		live = fake.New(fake.Text("It is four degrees."))
	}
	m := fake.Cassette(t, "testdata/cassette.jsonl", live)

	resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it?")}})
	fmt.Println(resp.Text(), err)
	// Output:
	// It is four degrees. <nil>
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

package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A question, and its answer. Any model will do; this one is a fake.
func ExampleModel() {
	ctx := context.Background()
	var model llm.Model = fake.New(fake.Text("I'm doing well, thanks for asking!"))
	resp, err := model.Generate(ctx, &llm.Request{
		System:    []llm.Part{llm.Text("Answer in one sentence.")},
		Messages:  []llm.Message{llm.UserText("How are you today?")},
		MaxTokens: 200,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	fmt.Println(resp.StopReason)
	// Output:
	// I'm doing well, thanks for asking!
	// end_turn
}

// The application keeps the conversation, and sends all of it with every call.
func ExampleModel_conversation() {
	ctx := context.Background()
	model := fake.New(fake.Text("Oslo."), fake.Text("About 700,000."))
	req := &llm.Request{}
	for _, question := range []string{"What is the capital of Norway?", "How many people live there?"} {
		req.Messages = append(req.Messages, llm.UserText(question))
		resp, err := model.Generate(ctx, req)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Messages = append(req.Messages, resp.Message)
		fmt.Println(resp.Text())
	}
	fmt.Println(len(req.Messages), "messages")
	// Output:
	// Oslo.
	// About 700,000.
	// 4 messages
}

// The model asks for tools until it has its answer.
func ExampleResponse_ToolCalls() {
	ctx := context.Background()
	model := fake.New(fake.ToolCall("weather", map[string]any{"city": "Oslo"}), fake.Text("It is 4 degrees in Oslo."))
	weather := func(input json.RawMessage) *llm.TextPart { return llm.Text("4C") }

	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("How warm is it in Oslo?")},
		Tools: []llm.Tool{{
			Name: "weather", Description: "the present weather of a city",
			Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
		}},
	}
	for {
		resp, err := model.Generate(ctx, req)
		if err != nil {
			fmt.Println(err)
			return
		}
		if resp.StopReason != llm.StopToolUse {
			fmt.Println(resp.Text())
			return
		}
		results := llm.Message{Role: llm.RoleUser}
		for _, call := range resp.ToolCalls() {
			fmt.Println("calling", call.Name, string(call.Input))
			if call.Malformed != "" {
				results.Content = append(results.Content, llm.ToolError(call.ID, "the arguments are not valid JSON"))
				continue
			}
			results.Content = append(results.Content, llm.ToolResult(call.ID, weather(call.Input)))
		}
		req.Messages = append(req.Messages, resp.Message, results)
	}
	// Output:
	// calling weather {"city":"Oslo"}
	// It is 4 degrees in Oslo.
}

// Show the text as it arrives, and keep the whole answer.
func ExampleTextStream() {
	ctx := context.Background()
	model := fake.New(fake.Text("Hello, world!").Chunk(5).WithUsage(llm.Usage{InputTokens: 3, OutputTokens: 4}))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}}

	var answer llm.Accumulator
	for text, err := range llm.TextStream(answer.Tee(model.Stream(ctx, req))) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("[%s]", text)
	}
	resp := answer.Response()
	fmt.Printf("\n%s (%d tokens)\n", resp.Text(), resp.Usage.TotalTokens())
	// Output:
	// [Hello][, wor][ld!]
	// Hello, world! (7 tokens)
}

// A stream that breaks off is an error, and what had arrived is kept.
func ExampleCollect() {
	ctx := context.Background()
	model := fake.New(fake.Text("The answer is forty-two.").Chunk(10).CutAfter(2))
	resp, err := llm.Collect(model.Stream(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("What is the answer?")}}))
	fmt.Printf("%q\n", resp.Text())
	fmt.Println(errors.Is(err, llm.ErrIncomplete), llm.IsRetryable(err))
	// Output:
	// "The answer"
	// true true
}

// counting is a middleware: a model around a model.
type counting struct {
	next  llm.Model
	calls *atomic.Int64
}

func (m counting) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	m.calls.Add(1)
	return m.next.Generate(ctx, req)
}

func (m counting) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		m.calls.Add(1) // a stream that nobody ranges is no call
		m.next.Stream(ctx, req)(yield)
	})
}

func (m counting) Info() llm.Info    { return m.next.Info() }
func (m counting) Unwrap() llm.Model { return m.next }

func ExampleMiddleware() {
	ctx := context.Background()
	var calls atomic.Int64
	count := func(next llm.Model) llm.Model { return counting{next, &calls} }

	model := llm.Wrap(fake.New(fake.Text("one"), fake.Text("two")), count)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Count.")}}
	_, _ = model.Generate(ctx, req)
	_, _ = llm.Collect(model.Stream(ctx, req))
	fmt.Println(calls.Load(), "calls of", model.Info().Model)
	// Output: 2 calls of fake
}

// labelled is a model that says which middleware a call passes.
type labelled struct {
	llm.Model
	name string
}

func (m labelled) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	fmt.Print(m.name, " > ")
	return m.Model.Generate(ctx, req)
}

func (m labelled) Unwrap() llm.Model { return m.Model }

// The first middleware is the outermost. As looks through all of them.
func ExampleWrap() {
	ctx := context.Background()
	label := func(name string) llm.Middleware {
		return func(next llm.Model) llm.Model { return labelled{next, name} }
	}
	model := llm.Wrap(fake.New(fake.Text("model")), label("trace"), label("retry"), label("limit"))
	resp, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Who is there?")}})
	fmt.Println(resp.Text(), err)

	_, found := llm.As[*fake.Model](model)
	fmt.Println(found)
	// Output:
	// trace > retry > limit > model <nil>
	// true
}

// Abilities beyond the three methods of Model are found, not assumed.
func ExampleAs() {
	ctx := context.Background()
	var model llm.Model = fake.New()
	if counter, ok := llm.As[llm.TokenCounter](model); ok {
		n, err := counter.CountTokens(ctx, &llm.Request{})
		fmt.Println(n, err)
	} else {
		fmt.Println("this model does not count tokens")
	}
	// Output: this model does not count tokens
}

// Switch on the code of an error, which has one verdict, and ask for single codes
// with errors.Is, which looks at causes too.
func ExampleCodeOf() {
	ctx := context.Background()
	model := fake.New(fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Message: "Too many requests", RetryAfter: 3 * time.Second, Status: 429}))
	_, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Hello?")}})
	switch llm.CodeOf(err) {
	case llm.ErrRateLimited, llm.ErrOverloaded:
		wait, _ := llm.RetryAfter(err)
		fmt.Println("try again after", wait)
	case llm.ErrContextTooLong:
		fmt.Println("shorten the conversation")
	default:
		fmt.Println(err)
	}
	// Output: try again after 3s
}

// Validate finds every fault at once, each with its path.
func ExampleRequest_Validate() {
	req := &llm.Request{
		Messages:    []llm.Message{llm.User(llm.Text("Look:"), &llm.MediaPart{MediaType: "image/png"})},
		Tools:       []llm.Tool{{Name: "f", Schema: json.RawMessage(`{"type":`)}},
		Temperature: new(-1.0),
	}
	fmt.Println(req.Validate())
	// Output: validate: invalid request: messages[0].content[1]: no data and no URI; tools[0].schema: not valid JSON; temperature: not a number from 0 up
}

// A history is stored as JSON, and loads as it was.
func ExampleMessage_json() {
	history := []llm.Message{
		llm.UserText("How warm is it in Oslo?"),
		llm.Assistant(&llm.ToolCallPart{ID: "call_1", Name: "weather", Input: json.RawMessage(`{"city":"Oslo"}`)}),
	}
	stored, err := json.Marshal(history)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(stored))

	var loaded []llm.Message
	fmt.Println(json.Unmarshal(stored, &loaded), loaded[1].Content[0].(*llm.ToolCallPart).Name)
	// Output:
	// [{"role":"user","content":[{"type":"text","text":"How warm is it in Oslo?"}]},{"role":"assistant","content":[{"type":"tool_call","id":"call_1","name":"weather","input":{"city":"Oslo"}}]}]
	// <nil> weather
}

// Parts gives a []llm.Part in a struct of your own its JSON form.
func ExampleParts() {
	var note struct {
		Title string
		Body  llm.Parts
	}
	err := json.Unmarshal([]byte(`{"Title":"to do","Body":[{"type":"text","text":"Buy milk."}]}`), &note)
	fmt.Println(note.Body[0].(*llm.TextPart).Text, err)
	// Output: Buy milk. <nil>
}

func ExampleImageFile() {
	image, err := llm.ImageFile("../examples/quickstart/image.webp")
	if err != nil {
		fmt.Println(err)
		return
	}
	message := llm.User(llm.Text("Image 1:"), image, llm.Text("Please describe the image."))
	fmt.Println(image.MediaType, len(message.Content))

	_, err = llm.ImageFile("none.png")
	fmt.Println(err)
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// image/webp 3
	// image file: invalid request: cannot read none.png: no such file or directory
	// true
}

// What one provider alone understands travels in a type of its own.
type acmeOptions struct {
	Turbo bool `json:"turbo,omitempty"`
}

func (*acmeOptions) ProviderName() string { return "acme" }

func ExampleOptionsFor() {
	req := &llm.Request{}
	req.SetOptions(&acmeOptions{Turbo: true})

	options, ok, err := llm.OptionsFor[*acmeOptions](req) // in acme's backend
	fmt.Println(options.Turbo, ok, err)
	// Output: true true <nil>
}

func ExampleUsage_Add() {
	total := llm.Usage{}
	for _, u := range []llm.Usage{{InputTokens: 100, OutputTokens: 20}, {InputTokens: 130, OutputTokens: 10, CacheReadTokens: 90}} {
		total = total.Add(u)
	}
	fmt.Println(total.InputTokens, total.OutputTokens, total.CacheReadTokens, total.TotalTokens())
	// Output: 230 30 90 260
}

// Events travel to a browser, say, as JSON, one an event.
func ExampleUnmarshalEvent() {
	b, err := json.Marshal(&llm.TextDelta{Index: 1, Text: "Hello"})
	fmt.Println(string(b), err)
	ev, err := llm.UnmarshalEvent(b)
	fmt.Println(ev.(*llm.TextDelta).Text, err)
	// Output:
	// {"type":"text_delta","index":1,"text":"Hello"} <nil>
	// Hello <nil>
}

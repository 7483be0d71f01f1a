package conversation_test

import (
	"context"
	"fmt"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func Example() {
	weather := tool.New("weather", "current weather of a city", func(ctx context.Context, in struct {
		City string `json:"city"`
	}) (string, error) {
		return "4 °C, rain", nil
	})
	model := fake.New( // in production: bedrock.New(…)
		fake.ToolCall("weather", map[string]any{"city": "Oslo"}),
		fake.Text("Yes: it rains in Oslo."),
	)

	c := conversation.New(model, &conversation.Options{Tools: []tool.Tool{weather}})
	resp, err := c.Send(context.Background(), llm.Text("Do I need an umbrella in Oslo?"))
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Text())
	fmt.Println(len(c.Messages()), "messages")
	// Output:
	// Yes: it rains in Oslo.
	// 4 messages
}

// An answer that breaks off, or that the user stops, is kept as far as it came.
func ExampleInterrupted() {
	model := fake.New(
		fake.Text("Once upon a time there was a fox.").Chunk(4).CutAfter(5),
		fake.Text("… who lived in a wood."),
	)
	c := conversation.New(model, nil)
	question := []llm.Part{llm.Text("Tell me a story.")}
	ctx := context.Background()

	var acc llm.Accumulator
	for _, err := range acc.Tee(c.Stream(ctx, question...)) {
		if err != nil {
			kept := conversation.Interrupted(question, acc.Response(), "[This answer was cut off.]")
			if err := c.Append(context.WithoutCancel(ctx), kept...); err != nil {
				panic(err)
			}
		}
	}
	resp, err := c.Send(ctx, llm.Text("Go on."))
	if err != nil {
		panic(err)
	}
	for _, p := range c.Messages()[1].Content {
		fmt.Println(p.(*llm.TextPart).Text)
	}
	fmt.Println(resp.Text())
	// Output:
	// Once upon a time
	// [This answer was cut off.]
	// … who lived in a wood.
}

func ExampleConversation_Stream() {
	model := fake.New(
		fake.ToolCall("clock", map[string]any{}),
		fake.Text("It is noon."),
	)
	clock := tool.New("clock", "the time", func(context.Context, struct{}) (string, error) { return "12:00", nil })
	c := conversation.New(model, &conversation.Options{Tools: []tool.Tool{clock}})
	for ev, err := range c.Stream(context.Background(), llm.Text("What time is it?")) {
		if err != nil {
			panic(err)
		}
		switch ev := ev.(type) {
		case *llm.PartStart:
			switch p := ev.Part.(type) {
			case *llm.ToolCallPart:
				fmt.Println("calls", p.Name)
			case *llm.ToolResultPart:
				fmt.Println("result of", p.Name)
			}
		case *llm.TextDelta:
			fmt.Println("says", ev.Text)
		}
	}
	// Output:
	// calls clock
	// result of clock
	// says It is noon.
}

// A call waits for a human. The process that resumes the conversation may be another.
func ExampleConversation_Resume() {
	ctx := context.Background()
	store := conversation.NewMemoryStore()
	pay := tool.New("pay", "pays an invoice", func(ctx context.Context, in struct{ Cents int }) (string, error) {
		return "paid", nil
	})
	approved := map[string]bool{}
	opts := &conversation.Options{ID: "order-17", Store: store, Tools: []tool.Tool{pay},
		Approve: func(ctx context.Context, call *llm.ToolCallPart) (conversation.Decision, error) {
			if approved[call.ID] {
				return conversation.Run, nil
			}
			return conversation.Defer, nil
		}}

	c, err := conversation.Open(ctx, fake.New(fake.ToolCall("pay", map[string]any{"Cents": 250})), opts)
	if err != nil {
		panic(err)
	}
	resp, err := c.Send(ctx, llm.Text("Pay the invoice."))
	fmt.Println(resp.StopReason, err)

	// Days later.
	c, err = conversation.Open(ctx, fake.New(fake.Text("It is paid.")), opts)
	if err != nil {
		panic(err)
	}
	for _, call := range c.Pending() {
		fmt.Println("a human approves", call.Name, string(call.Input))
		approved[call.ID] = true
	}
	resp, err = c.Resume(ctx)
	fmt.Println(resp.Text(), err)
	// Output:
	// tool_use <nil>
	// a human approves pay {"Cents":250}
	// It is paid. <nil>
}

func ExampleOpen() {
	ctx := context.Background()
	opts := &conversation.Options{ID: "ada", Store: conversation.NewMemoryStore()}

	c, err := conversation.Open(ctx, fake.New(fake.Text("Hello, Ada.")), opts)
	if err != nil {
		panic(err)
	}
	if _, err := c.Send(ctx, llm.Text("I am Ada.")); err != nil {
		panic(err)
	}

	again, err := conversation.Open(ctx, fake.New(), opts)
	if err != nil {
		panic(err)
	}
	for _, m := range again.Messages() {
		fmt.Println(m.Role+":", m.Content[0].(*llm.TextPart).Text)
	}
	// Output:
	// user: I am Ada.
	// assistant: Hello, Ada.
}

func ExampleKeepTurns() {
	c := conversation.New(fake.New(fake.Text("Three.")), &conversation.Options{Trim: conversation.KeepTurns(2)})
	err := c.Append(context.Background(),
		llm.UserText("1"), llm.AssistantText("One."),
		llm.UserText("2"), llm.AssistantText("Two."))
	if err != nil {
		panic(err)
	}
	resp, err := c.Send(context.Background(), llm.Text("3"))
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Warnings[0])
	fmt.Println(len(c.Messages()), "messages are kept")
	// Output:
	// messages[0:2] dropped: the first 1 turns are not sent, to keep at most 2
	// 6 messages are kept
}

package hedge_test

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/hedge"
)

// The first call hangs; the second, 5 ms later, does not.
func ExampleNew() {
	slow := fake.New(fake.Text("Too late.").Delay(time.Hour), fake.Text("It is 4 degrees."))

	model := hedge.New(slow, &hedge.Options{
		Delay: 5 * time.Millisecond,
		OnLoser: func(l hedge.Loser) {
			fmt.Printf("call %d lost: %v\n", l.Attempt, llm.CodeOf(l.Err))
		},
	})
	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How cold is it?")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	// Output:
	// call 1 lost: canceled
	// It is 4 degrees.
}

// Among other middleware.
func ExampleNew_middleware() {
	hedged := func(next llm.Model) llm.Model {
		return hedge.New(next, &hedge.Options{Quantile: 0.95})
	}
	model := llm.Wrap(fake.New(fake.Text("It is 4 degrees.")), hedged)

	req := &llm.Request{Messages: []llm.Message{llm.UserText("How cold is it?")}}
	for text, err := range llm.TextStream(model.Stream(context.Background(), req)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(text)
	}
	// Output: It is 4 degrees.
}

package timeout_test

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/timeout"
)

func ExampleNew() {
	m := llm.Wrap(fake.New(fake.Text("Too late.").Delay(time.Hour)),
		timeout.New(&timeout.Options{FirstEvent: 10 * time.Millisecond, BetweenEvents: time.Second}))

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Are you there?")}}
	for text, err := range llm.TextStream(m.Stream(context.Background(), req)) {
		if err != nil {
			fmt.Println(err)
			fmt.Println("try again:", llm.IsRetryable(err))
			return
		}
		fmt.Print(text)
	}
	// Output:
	// fake stream fake: timeout: no first event for 10ms (timeout.Options.FirstEvent) (request id fake-1)
	// try again: true
}

// Calls that are tried again, each attempt within its limits and all of them within Total.
func ExampleOptions() {
	total := timeout.New(&timeout.Options{Total: 5 * time.Minute})
	attempt := timeout.New(&timeout.Options{Generate: time.Minute, FirstEvent: 20 * time.Second, BetweenEvents: 20 * time.Second})
	retry := llm.Middleware(nil) // retry.New(nil)

	m := llm.Wrap(fake.New(fake.Text("Hello.")), total, retry, attempt)
	resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(resp.Text(), err)
	// Output: Hello. <nil>
}

package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

func ExampleNew() {
	provider := fake.New(fake.Fail(llm.ErrOverloaded), fake.Text("Hello."))
	m := llm.Wrap(provider, retry.New(&retry.Options{
		BaseDelay: time.Millisecond,
		OnRetry:   func(a retry.Attempt) { fmt.Println("attempt", a.Number, "failed:", llm.CodeOf(a.Err)) },
	}))

	resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	// Output:
	// attempt 1 failed: overloaded
	// Hello.
}

// A stream is retried before its first event, and not after it.
func ExampleNew_stream() {
	provider := fake.New(
		fake.Fail(llm.ErrOverloaded),
		fake.Text("Good morning.").Chunk(5).CutAfter(2), // an event for the part, one for its first text
	)
	m := llm.Wrap(provider, retry.New(&retry.Options{BaseDelay: time.Millisecond}))

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Greet me.")}}
	for text, err := range llm.TextStream(m.Stream(context.Background(), req)) {
		if err != nil {
			fmt.Println(llm.CodeOf(err), "after", len(provider.Requests()), "attempts")
			break
		}
		fmt.Printf("%q\n", text)
	}
	// Output:
	// "Good "
	// incomplete after 2 attempts
}

// Where the deadline comes before the next attempt could begin, the call fails at once.
func ExampleNew_deadline() {
	m := llm.Wrap(
		fake.New(fake.Fail(&llm.Error{Code: llm.ErrRateLimited, RetryAfter: 20 * time.Second})),
		retry.New(nil),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	_, err := m.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(errors.Is(err, llm.ErrRateLimited), llm.IsRetryable(err))
	fmt.Println(err)
	// Output:
	// true false
	// rate limited: gave up after 1 attempt in 0s: the deadline leaves no time for another attempt
}

// Two models of one account share a budget: here two retries a minute, and none for calls.
func ExampleBudget() {
	budget := &retry.Budget{Share: -1, Floor: 2}
	opts := &retry.Options{BaseDelay: time.Millisecond, Budget: budget}
	down := func(context.Context, *llm.Request) (*llm.Response, error) { return nil, llm.ErrUnavailable }
	large, small := fake.Func(down), fake.Func(down)

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}}
	for _, provider := range []*fake.Model{large, small} {
		m := llm.Wrap(provider, retry.New(opts))
		_, err := m.Generate(context.Background(), req)
		fmt.Println(llm.CodeOf(err), "after", len(provider.Requests()), "attempts")
	}
	// Output:
	// unavailable after 3 attempts
	// unavailable after 1 attempts
}

// A share that is infinite is no limit.
func ExampleBudget_unlimited() {
	provider := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, llm.ErrUnavailable })
	m := llm.Wrap(provider, retry.New(&retry.Options{
		MaxAttempts: 100, BaseDelay: 1, MaxDelay: time.Microsecond,
		Budget: &retry.Budget{Share: math.Inf(1)},
	}))

	_, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(llm.CodeOf(err), "after", len(provider.Requests()), "attempts")
	// Output: unavailable after 100 attempts
}

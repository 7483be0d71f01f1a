package middleware_test

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/defaults"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// newStack returns the layers of one model: each has its own retry budget, breaker and limits.
func newStack() llm.Middleware {
	return middleware.Standard(middleware.Config{
		Tracing: middleware.Off,                                         // once, outside of the fallback
		Timeout: timeout.New(&timeout.Options{Total: 50 * time.Second}), // so that there is time for the other model
		RateLimit: ratelimit.New(&ratelimit.Options{
			RequestsPerMinute: 225, // for a quota of 250: rate and burst together
			RequestBurst:      25,
			TokensPerMinute:   350_000, // for a quota of 400,000, likewise
			TokenBurst:        50_000,  // also the largest call that fits
			MaxConcurrent:     50,
			MaxWait:           10 * time.Second,
			Used:              ratelimit.Burndown(5), // Claude 3.7 and later
			Adaptive:          true,
		}),
		AttemptTimeout: timeout.New(&timeout.Options{Generate: 40 * time.Second, FirstEvent: 15 * time.Second, BetweenEvents: 15 * time.Second}),
	})
}

// newService returns a model with another behind it, and around both what is done once a call.
func newService(first, second llm.Model) llm.Model {
	return llm.Wrap(
		fallback.New(llm.Wrap(first, newStack()), llm.Wrap(second, newStack())),
		tracing.New(nil),
		defaults.New(&llm.Request{MaxTokens: 2000}),
		timeout.New(&timeout.Options{Total: 2 * time.Minute}),
	)
}

// A model on Bedrock, kept to its quotas, with another inference profile behind it.
func ExampleStandard_fallback() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Hello.")), nil) // in place of Bedrock
	defer server.Close()
	client := server.Client()

	model := newService(
		bedrock.New(client, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil),
		bedrock.New(client, "global.anthropic.claude-sonnet-4-5-20250929-v1:0", nil),
	)
	resp, err := llm.Collect(model.Stream(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), resp.Model)
	// Output: Hello. us.anthropic.claude-sonnet-4-5-20250929-v1:0
}

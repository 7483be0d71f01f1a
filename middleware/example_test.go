package middleware_test

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/defaults"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// announcer says its name when a call passes.
type announcer struct {
	name string
	next llm.Model
}

func announce(name string) llm.Middleware {
	return func(next llm.Model) llm.Model { return &announcer{name, next} }
}

func (a *announcer) Info() llm.Info    { return a.next.Info() }
func (a *announcer) Unwrap() llm.Model { return a.next }

func (a *announcer) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	fmt.Println(a.name)
	return a.next.Generate(ctx, req)
}

func (a *announcer) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		fmt.Println(a.name)
		a.next.Stream(ctx, req)(yield)
	})
}

// The order of the layers. What stands here is the specification.
func ExampleStandard_order() {
	model := llm.Wrap(fake.New(fake.Text("ok")), middleware.Standard(middleware.Config{
		Tracing:        announce("tracing"),
		PerCall:        []llm.Middleware{announce("first per call"), announce("second per call")},
		Timeout:        announce("timeout of the call"),
		Retry:          announce("retry"),
		Breaker:        announce("breaker"),
		RateLimit:      announce("rate limit"),
		AttemptTimeout: announce("timeout of the attempt"),
		PerAttempt:     []llm.Middleware{announce("first per attempt"), announce("second per attempt")},
		Usage:          announce("usage"),
	}))
	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Go.")}})
	fmt.Println(resp.Text(), err)
	// Output:
	// tracing
	// first per call
	// second per call
	// timeout of the call
	// retry
	// breaker
	// rate limit
	// timeout of the attempt
	// first per attempt
	// second per attempt
	// usage
	// ok <nil>
}

// A provider that is overloaded once, and then answers.
func ExampleStandard() {
	backend := fake.New(fake.Fail(llm.ErrOverloaded), fake.Text("Hello."))
	model := llm.Wrap(backend, middleware.Standard(middleware.Config{
		Timeout:   timeout.New(&timeout.Options{Total: time.Minute}),
		Retry:     retry.New(&retry.Options{BaseDelay: time.Millisecond}),
		RateLimit: ratelimit.New(&ratelimit.Options{RequestsPerMinute: 600, TokensPerMinute: 100_000, MaxConcurrent: 8}),
	}))
	resp, err := model.Generate(context.Background(), &llm.Request{
		Messages:  []llm.Message{llm.UserText("Say hello.")},
		MaxTokens: 200,
	})
	fmt.Println(resp.Text(), err, len(backend.Requests()), "attempts")
	// Output: Hello. <nil> 2 attempts
}

// A model on Bedrock, kept to its quotas, with another inference profile behind it. Both have
// the layers of one Standard: breakers and limits are kept apart by the model.
func ExampleStandard_bedrock() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Hello.")), nil) // in place of Bedrock
	defer server.Close()
	client := server.Client()

	stack := middleware.Standard(middleware.Config{
		PerCall: []llm.Middleware{defaults.New(&llm.Request{MaxTokens: 2000})},
		Timeout: timeout.New(&timeout.Options{Total: 2 * time.Minute}),
		RateLimit: ratelimit.New(&ratelimit.Options{
			RequestsPerMinute: 250,
			TokensPerMinute:   400_000,
			MaxConcurrent:     50,
			MaxWait:           20 * time.Second,
			Used:              ratelimit.Burndown(5), // Claude 3.7 and later
			Adaptive:          true,
		}),
		AttemptTimeout: timeout.New(&timeout.Options{Generate: time.Minute, FirstEvent: 20 * time.Second, BetweenEvents: 20 * time.Second}),
	})
	us := bedrock.New(client, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	global := bedrock.New(client, "global.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	model := fallback.New(llm.Wrap(us, stack), llm.Wrap(global, stack))

	resp, err := llm.Collect(model.Stream(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), resp.Model)
	// Output: Hello. us.anthropic.claude-sonnet-4-5-20250929-v1:0
}

// Off leaves a layer out. Here nothing is tried again.
func ExampleOff() {
	backend := fake.New(fake.Fail(llm.ErrOverloaded), fake.Text("Hello."))
	model := llm.Wrap(backend, middleware.Standard(middleware.Config{Retry: middleware.Off}))
	_, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(err)
	// Output: fake generate fake: overloaded (request id fake-1)
}

package middleware_test

import (
	"context"
	"fmt"
	"iter"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
	"github.com/parley-sdk/parley/middleware/usage"
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

// A ledger that keeps a budget. A fake has no price of its own: it is given the name of a model
// that has one.
func ExampleStandard_usage() {
	answer := fake.Text("Hello.").WithUsage(llm.Usage{InputTokens: 1000, OutputTokens: 500})
	backend := fake.New(answer, answer).WithInfo(llm.Info{Provider: "aws.bedrock", Model: "us.anthropic.claude-sonnet-4-6"})

	ledger := usage.NewLedger(&usage.Options{Budgets: []usage.Budget{
		{Name: "acme", Tags: map[string]string{"tenant": "acme"}, Limit: usage.MustUSD("0.015")},
	}})
	model := llm.Wrap(backend, middleware.Standard(middleware.Config{Usage: usage.New(ledger)}))

	ctx := usage.WithTags(context.Background(), map[string]string{"tenant": "acme"})
	for range 2 {
		_, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}, MaxTokens: 500})
		fmt.Println(err)
	}
	for _, row := range ledger.By("tenant") {
		fmt.Println(row.Key, row.Calls, row.Usage.TotalTokens(), row.Cost)
	}
	// Output:
	// <nil>
	// aws.bedrock generate us.anthropic.claude-sonnet-4-6: budget exceeded: budget acme has 0.00345 of 0.015 USD left, and the call needs 0.0082896; raise the limit, or lower max_tokens
	// acme 1 1500 0.01155
}

// OpenTelemetry is set up once. Standard then makes a span of each call.
func ExampleStandard_tracing() {
	ctx := context.Background()
	spans := tracetest.NewInMemoryExporter() // in place of otlptracehttp.New(ctx)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))

	model := llm.Wrap(fake.New(fake.Text("Hello.")), middleware.Standard(middleware.Config{
		Tracing: tracing.New(&tracing.Options{TracerProvider: provider}), // not needed after otel.SetTracerProvider(provider)
	}))
	resp, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), spans.GetSpans()[0].Name)
	_ = provider.Shutdown(ctx) // before the program ends: it sends what has not been sent
	// Output: Hello. chat fake
}

// Off leaves a layer out. Here nothing is tried again.
func ExampleOff() {
	backend := fake.New(fake.Fail(llm.ErrOverloaded), fake.Text("Hello."))
	model := llm.Wrap(backend, middleware.Standard(middleware.Config{Retry: middleware.Off}))
	_, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(err)
	// Output: fake generate fake: overloaded (request id fake-1)
}

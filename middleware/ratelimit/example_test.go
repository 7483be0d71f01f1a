package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

func ExampleNew() {
	model := llm.Wrap(fake.New(fake.Text("Hello.")), ratelimit.New(&ratelimit.Options{
		RequestsPerMinute: 250,
		TokensPerMinute:   40_000,
		MaxConcurrent:     16,
	}))
	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}, MaxTokens: 1000}
	resp, err := model.Generate(context.Background(), ask)
	fmt.Println(resp.Text(), err)

	// What can never fit is refused at once. Most else waits for its turn.
	ask.MaxTokens = 64_000
	_, err = model.Generate(context.Background(), ask)
	fmt.Println(err)
	// Output:
	// Hello. <nil>
	// fake generate fake: rejected: the request needs 64,003 tokens, and the bucket holds 40,000: lower max_tokens to 39,997, or raise the burst (ratelimit.Options.TokenBurst)
}

// Each tenant has limits of its own, within those of the model.
func ExampleNew_tenants() {
	type tenant struct{}
	model := llm.Wrap(fake.New(fake.Text("To a."), fake.Text("To b.")),
		ratelimit.New(&ratelimit.Options{
			RequestsPerMinute: 6,
			RequestBurst:      1,
			Key:               func(ctx context.Context, _ *llm.Request) string { return ctx.Value(tenant{}).(string) },
		}),
		ratelimit.New(&ratelimit.Options{RequestsPerMinute: 250}),
	)
	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}}
	for _, name := range []string{"a", "b", "a"} {
		ctx := context.WithValue(context.Background(), tenant{}, name)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		resp, err := model.Generate(ctx, ask)
		if llm.CodeOf(err) == llm.ErrRejected {
			wait, _ := llm.RetryAfter(err)
			fmt.Println(name, "may come back after", wait.Round(time.Second))
		} else {
			fmt.Println(name, resp.Text(), err)
		}
		cancel()
	}
	// Output:
	// a To a. <nil>
	// b To b. <nil>
	// a may come back after 10s
}

// Two stacks share one quota.
func ExampleNewLimiter() {
	quota := ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 10_000})
	key := func(context.Context, *llm.Request) string { return "the account" }
	long := fake.Text("Hello.").WithUsage(llm.Usage{InputTokens: 1, OutputTokens: 5000})
	chat := llm.Wrap(fake.New(long), ratelimit.New(&ratelimit.Options{Limiter: quota, Key: key}))
	batch := llm.Wrap(fake.New(), ratelimit.New(&ratelimit.Options{Limiter: quota, Key: key}))

	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Hi.")}, MaxTokens: 9999}
	resp, err := chat.Generate(context.Background(), ask)
	fmt.Println(resp.Text(), err)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = batch.Generate(ctx, ask) // what chat has used is not there yet
	fmt.Println(llm.CodeOf(err))
	// Output:
	// Hello. <nil>
	// rejected
}

// Claude on Amazon Bedrock: each token of the output counts five times.
func ExampleBurndown() {
	opts := ratelimit.Options{TokensPerMinute: 400_000, Used: ratelimit.Burndown(5)}
	fmt.Println(opts.Used(llm.Usage{InputTokens: 12_000, CacheReadTokens: 10_000, OutputTokens: 500}))
	// Output: 4500
}

// For a language that takes two tokens for four bytes.
func ExampleEstimateInput() {
	opts := ratelimit.Options{
		TokensPerMinute: 400_000,
		Estimate:        func(req *llm.Request) int { return 2 * ratelimit.EstimateInput(req) },
	}
	fmt.Println(opts.Estimate(&llm.Request{Messages: []llm.Message{llm.UserText("今日は晴れです。")}}))
	// Output: 12
}

// store stands for one that several processes share. Its two methods would be scripts that
// run in the store, so that each is atomic.
type store struct {
	mu     sync.Mutex
	tokens map[string]int // what is left in this minute, by key and minute
}

const perMinute = 1000

// take takes n tokens of a key's minute, if they are there.
func (s *store) take(_ context.Context, key string, n int) (left int, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.tokens[key]; !known {
		s.tokens[key] = perMinute // in a store: with an expiry
	}
	if s.tokens[key] < n {
		return s.tokens[key], false, nil
	}
	s.tokens[key] -= n
	return s.tokens[key], true, nil
}

func (s *store) give(_ context.Context, key string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[key] += n
	return nil
}

// sharedLimiter is a Limiter on a store: so many tokens in each minute of the clock.
type sharedLimiter struct{ store *store }

func (l sharedLimiter) Acquire(ctx context.Context, key string, tokens int) (func(ratelimit.Result), error) {
	if tokens > perMinute {
		return nil, &llm.Error{Code: llm.ErrRejected, Message: fmt.Sprintf("the request needs %d tokens of %d a minute", tokens, perMinute)}
	}
	for {
		now := time.Now()
		minute := key + now.Truncate(time.Minute).Format("/15:04")
		_, ok, err := l.store.take(ctx, minute, tokens)
		if err != nil { // let the call pass: the provider has limits too
			return nil, nil
		}
		if ok {
			return func(r ratelimit.Result) {
				if r.Tokens >= 0 {
					// The call's own context may be done.
					_ = l.store.give(context.WithoutCancel(ctx), minute, tokens-r.Tokens)
				}
			}, nil
		}
		wait := now.Truncate(time.Minute).Add(time.Minute).Sub(now)
		if deadline, ok := ctx.Deadline(); ok && now.Add(wait).After(deadline) {
			return nil, &llm.Error{Code: llm.ErrRejected, RetryAfter: wait, Message: "the minute's tokens are used up"}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// A limiter on a store that several processes share.
func ExampleLimiter() {
	shared := sharedLimiter{&store{tokens: map[string]int{}}}
	usage := llm.Usage{InputTokens: 2, OutputTokens: 98}
	model := llm.Wrap(fake.New(fake.Text("One.").WithUsage(usage), fake.Text("Two.").WithUsage(usage)),
		ratelimit.New(&ratelimit.Options{Limiter: shared}))

	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Count.")}, MaxTokens: 800}
	for range 2 { // what the first did not use lets the second pass
		resp, err := model.Generate(context.Background(), ask)
		fmt.Println(resp.Text(), err)
	}
	ask.MaxTokens = 2000
	_, err := model.Generate(context.Background(), ask)
	fmt.Println(err)
	// Output:
	// One. <nil>
	// Two. <nil>
	// fake generate fake: rejected: the request needs 2002 tokens of 1000 a minute
}

package middleware_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// newBatch returns the layers of work for which nobody waits, and which is to be done in the end.
func newBatch() llm.Middleware {
	return middleware.Standard(middleware.Config{
		Timeout: timeout.New(&timeout.Options{Total: 30 * time.Minute}),
		Retry: retry.New(&retry.Options{
			MaxAttempts: 8,
			BaseDelay:   5 * time.Second,
			MaxDelay:    2 * time.Minute,
			Budget:      &retry.Budget{Share: 3}, // three retries a call, on average
		}),
		Breaker: middleware.Off, // it would fail calls that can wait
		RateLimit: ratelimit.New(&ratelimit.Options{ // no MaxWait: the batch queues here
			RequestsPerMinute: 225,
			RequestBurst:      25,
			TokensPerMinute:   350_000,
			TokenBurst:        50_000,
			MaxConcurrent:     50,
			Used:              ratelimit.Burndown(5),
			Adaptive:          true,
		}),
	})
}

// A batch that starts all its calls at once.
func ExampleStandard_batch() {
	model := llm.Wrap(fake.Auto(), newBatch())
	var answers atomic.Int64
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			_, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Summarise.")}, MaxTokens: 300})
			if err == nil {
				answers.Add(1)
			}
		})
	}
	calls.Wait()
	fmt.Println(answers.Load(), "answers")
	// Output: 20 answers
}

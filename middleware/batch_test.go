package middleware_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// The layers of a batch, as docs/resilience.md has them, bring 200 calls that start at once
// through 90 seconds of refusals.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		model := llm.Wrap(fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
			time.Sleep(2 * time.Second)
			if time.Since(began) < 90*time.Second {
				return nil, llm.ErrRateLimited
			}
			return &llm.Response{Message: llm.AssistantText("Done."), StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 1000, OutputTokens: 300}}, nil
		}), newBatch())
		var failed atomic.Int64
		var calls sync.WaitGroup
		for range 200 {
			calls.Go(func() {
				if _, err := model.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("Summarise.")}, MaxTokens: 300}); err != nil {
					failed.Add(1)
					t.Log(err)
				}
			})
		}
		calls.Wait()
		if n := failed.Load(); n > 0 {
			t.Errorf("%d of 200 calls failed", n)
		}
		if took := time.Since(began); took > 15*time.Minute {
			t.Errorf("it took %v", took)
		} else {
			t.Log("it took", took)
		}
	})
}

package ratelimit_test

import (
	"context"
	"iter"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func TestConformance(t *testing.T) {
	for name, opts := range map[string]*ratelimit.Options{
		"nothing":  nil,
		"all":      {RequestsPerMinute: 1e6, TokensPerMinute: 1e9, MaxConcurrent: 64},
		"one slot": {MaxConcurrent: 1},
		"adaptive": {RequestsPerMinute: 1e6, TokensPerMinute: 1e9, MaxConcurrent: 1000, Adaptive: true},
		"limiter":  {Limiter: limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) { return nil, nil })},
	} {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, ratelimit.New(opts)) })
	}
}

// limiterFunc is a Limiter of the user's.
type limiterFunc func(ctx context.Context, key string, tokens int) (func(ratelimit.Result), error)

func (f limiterFunc) Acquire(ctx context.Context, key string, tokens int) (func(ratelimit.Result), error) {
	return f(ctx, key, tokens)
}

// provider is a model whose calls are answered by a function.
type provider struct {
	info llm.Info
	f    func(ctx context.Context, req *llm.Request) (*llm.Response, error)
}

func (p *provider) Info() llm.Info { return p.info }

func (p *provider) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return p.f(ctx, req)
}

func (p *provider) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		resp, err := p.f(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		resp.Events()(yield)
	})
}

// answer is a response that used so many tokens.
func answer(input, output int) *llm.Response {
	return &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn,
		Usage: llm.Usage{InputTokens: input, OutputTokens: output}}
}

// takes is a model whose answers take so long, and use what the request reserved.
func takes(d time.Duration) *provider {
	return &provider{info: llm.Info{Provider: "test", Model: "m"}, f: func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		if err := sleep(ctx, d); err != nil {
			return nil, err
		}
		return answer(0, req.MaxTokens), nil
	}}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask is a request that reserves n tokens, where none() estimates.
func ask(n int) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.UserText("?")}, MaxTokens: n}
}

func none(*llm.Request) int { return 0 }

// watched is a limiter that keeps a log: what was reserved and what came back, when.
type watched struct {
	next ratelimit.Limiter
	mu   sync.Mutex
	log  []entry
}

type entry struct {
	at                     time.Time
	requests, tokens, real int // net; real counts when the call ends
}

func (w *watched) note(e entry) {
	e.at = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, e)
}

func (w *watched) Acquire(ctx context.Context, key string, tokens int) (func(ratelimit.Result), error) {
	release, err := w.next.Acquire(ctx, key, tokens)
	if err != nil {
		return nil, err
	}
	w.note(entry{requests: 1, tokens: tokens})
	return func(r ratelimit.Result) {
		e := entry{real: tokens}
		if r.Tokens >= 0 {
			e.tokens, e.real = min(0, r.Tokens-tokens), r.Tokens
		}
		if r.Unsent {
			e.requests = -1
		}
		w.note(e)
		release(r)
	}, nil
}

// check says whether in any window of a minute, or less, more was reserved, less what came
// back in it, than what flows in that time and the burst.
func (w *watched) check(t *testing.T, o ratelimit.Options) {
	t.Helper()
	for i := range w.log {
		if i > 0 && w.log[i].at.Equal(w.log[i-1].at) {
			continue // windows hold instants whole
		}
		requests, tokens := 0, 0
		for j := i; j < len(w.log); j++ {
			e := w.log[j]
			window := e.at.Sub(w.log[i].at)
			if window > time.Minute {
				break
			}
			requests, tokens = requests+e.requests, tokens+e.tokens
			if j+1 < len(w.log) && w.log[j+1].at.Equal(e.at) {
				continue
			}
			flow := func(perMinute int) float64 { return float64(perMinute)*window.Minutes() + 1e-6 }
			if most := flow(o.RequestsPerMinute) + float64(o.RequestBurst); o.RequestsPerMinute > 0 && float64(requests) > most {
				t.Fatalf("%d requests in %v, want at most %v", requests, window, math.Floor(most))
			}
			if most := flow(o.TokensPerMinute) + float64(o.TokenBurst); o.TokensPerMinute > 0 && float64(tokens) > most {
				t.Fatalf("%d tokens in %v, want at most %v", tokens, window, math.Floor(most))
			}
		}
	}
}

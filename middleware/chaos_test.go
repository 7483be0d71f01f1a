package middleware_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// callKey holds the number of the call that a context is for, and sentKey an *atomic.Bool
// that says whether its attempt reached a backend.
type (
	callKey struct{}
	sentKey struct{}
)

// chaos is a backend that throttles, fails, cuts and stalls at random. What happens to an
// attempt follows from the seed, the call and the attempt's number.
type chaos struct {
	model  string
	seed   uint64
	outage func() bool

	began, ended atomic.Int64
	mu           sync.Mutex
	told         llm.Usage // of the answers that were finished
	finished     int64
	silent       int64 // attempts that were cancelled before anything came
}

func (m *chaos) Info() llm.Info { return llm.Info{Provider: "chaos", Model: m.model} }

func (m *chaos) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (m *chaos) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		m.began.Add(1)
		defer m.ended.Add(1)
		id := ctx.Value(callKey{}).(int)
		ctx.Value(sentKey{}).(*atomic.Bool).Store(true)
		m.play(ctx, id, rand.New(rand.NewPCG(m.seed, uint64(id)<<8|uint64(hook.Attempt(ctx)))), yield)
	})
}

func (m *chaos) play(ctx context.Context, id int, rng *rand.Rand, yield func(llm.Event, error) bool) {
	fail := func(code llm.Code, status int, wait time.Duration) {
		yield(nil, &llm.Error{Code: code, Op: "stream", Provider: "chaos", Model: m.model, Status: status, RetryAfter: wait, RequestID: fmt.Sprint("r", id)})
	}
	silence := func(d time.Duration) bool {
		err := m.pause(ctx, d)
		if err == nil {
			return true
		}
		if llm.CodeOf(err) == llm.ErrCanceled {
			m.mu.Lock()
			m.silent++
			m.mu.Unlock()
		}
		yield(nil, err)
		return false
	}
	if !silence(time.Duration(rng.IntN(200)) * time.Millisecond) {
		return
	}
	if m.outage() {
		fail(llm.ErrOverloaded, 503, 0)
		return
	}
	fate := rng.IntN(100)
	switch {
	case fate < 6:
		fail(llm.ErrRateLimited, 429, time.Duration(rng.IntN(2000))*time.Millisecond)
		return
	case fate < 9:
		fail(llm.ErrInternal, 500, 0)
		return
	case fate < 11:
		fail(llm.ErrInvalidRequest, 400, 0)
		return
	case fate < 13: // stalls before the first event
		silence(time.Hour)
		return
	}
	input := 20 + id%7
	if !yield(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: input}}, nil) || !yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) {
		return
	}
	for i := range words {
		switch {
		case i == 3 && fate < 16: // is cut
			fail(llm.ErrIncomplete, 0, 0)
			return
		case i == 5 && fate < 18: // stalls half-way
			yield(nil, m.pause(ctx, time.Hour))
			return
		}
		if err := m.pause(ctx, 10*time.Millisecond); err != nil {
			yield(nil, err)
			return
		}
		if !yield(&llm.TextDelta{Text: word(id)}, nil) {
			return
		}
	}
	if yield(&llm.PartStop{}, nil) {
		usage := llm.Usage{InputTokens: input, OutputTokens: words}
		m.mu.Lock()
		m.told = m.told.Add(usage)
		m.finished++
		m.mu.Unlock()
		yield(&llm.Finish{StopReason: llm.StopEndTurn, Usage: usage, Provider: "chaos", Model: m.model}, nil)
	}
}

// words is the number of deltas of an answer.
const words = 8

func word(id int) string { return fmt.Sprintf("%d ", id) }

func (m *chaos) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &llm.Error{Code: llm.CodeOf(ctx.Err()), Op: "stream", Provider: "chaos", Model: m.model, Err: ctx.Err()}
	}
}

package middleware_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// callKey holds the *call that a context is for.
type callKey struct{}

// call is what is known of one call of the soak from below.
type call struct {
	id      int
	reached atomic.Int64 // attempts that reached the backend
}

// chaos is a backend that throttles, fails, cuts and stalls at random. What happens to an
// attempt follows from the seed, the call and the attempt's number.
type chaos struct {
	seed     uint64
	outage   func() bool
	began    atomic.Int64
	ended    atomic.Int64
	answered atomic.Int64
}

func (*chaos) Info() llm.Info { return llm.Info{Provider: "chaos", Model: "chaos-1"} }

func (m *chaos) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (m *chaos) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		m.began.Add(1)
		defer m.ended.Add(1)
		c := ctx.Value(callKey{}).(*call)
		c.reached.Add(1)
		m.play(ctx, c, rand.New(rand.NewPCG(m.seed, uint64(c.id)<<8|uint64(hook.Attempt(ctx)))), yield)
	})
}

func (m *chaos) play(ctx context.Context, c *call, rng *rand.Rand, yield func(llm.Event, error) bool) {
	fail := func(code llm.Code, status int, wait time.Duration) {
		yield(nil, &llm.Error{Code: code, Op: "stream", Provider: "chaos", Model: "chaos-1", Status: status, RetryAfter: wait, RequestID: fmt.Sprint("r", c.id)})
	}
	if err := pause(ctx, time.Duration(rng.IntN(200))*time.Millisecond); err != nil {
		yield(nil, err)
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
		yield(nil, pause(ctx, time.Hour))
		return
	}
	if !yield(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 20}}, nil) || !yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) {
		return
	}
	for i := range words {
		switch {
		case i == 3 && fate < 16: // is cut
			fail(llm.ErrIncomplete, 0, 0)
			return
		case i == 5 && fate < 18: // stalls half-way
			yield(nil, pause(ctx, time.Hour))
			return
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			yield(nil, err)
			return
		}
		if !yield(&llm.TextDelta{Text: word(c.id)}, nil) {
			return
		}
	}
	if yield(&llm.PartStop{}, nil) {
		m.answered.Add(1)
		yield(&llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 20, OutputTokens: words}, Provider: "chaos", Model: "chaos-1"}, nil)
	}
}

// words is the number of deltas of an answer.
const words = 8

func word(id int) string { return fmt.Sprintf("%d ", id) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &llm.Error{Code: llm.CodeOf(ctx.Err()), Op: "stream", Provider: "chaos", Model: "chaos-1", Err: ctx.Err()}
	}
}

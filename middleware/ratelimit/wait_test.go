package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

// A wait that is too long is refused at once where that can be told.
func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600, TokenBurst: 100, MaxWait: 5 * time.Second}))
		l.add(t.Context(), "burst", 100)
		l.add(t.Context(), "just right", 50)
		late := l.add(t.Context(), "too long", 1)
		l.want(t, "burst 0s", "too long 0s rejected", "just right 5s")
		const text = "rejected: the call's turn would come in 5.1s, and it may wait for 5s (ratelimit.Options.MaxWait): allow it more time, or raise the limits"
		if got := late.err.Error(); got != text {
			t.Errorf("the error is %q, want %q", got, text)
		}
		if d, ok := llm.RetryAfter(late.err); d != 5100*time.Millisecond || !ok {
			t.Errorf("retry after %v", d)
		}
	})
}

// Where it cannot be told, as with slots, the call is refused when it has waited so long:
// the first in the queue as much as those behind.
func TestMaxWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 1, MaxWait: 2 * time.Second})
		l := newLine(limiter)
		holds := l.add(t.Context(), "holds the slot", 0)
		l.add(t.Context(), "first", 0)
		time.Sleep(time.Second)
		l.add(t.Context(), "second", 0)
		l.add(t.Context(), "third", 0)
		time.Sleep(1500 * time.Millisecond)
		holds.release(ratelimit.Result{})
		l.want(t, "holds the slot 0s", "first 2s rejected", "second 2.5s", "third 3s rejected")
		if n := ratelimit.Waiting(limiter, "k"); n != 0 {
			t.Errorf("%d are still in the queue", n)
		}
	})
}

// A caller whose deadline comes first learns of that.
func TestMaxWaitAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 1, MaxWait: 2 * time.Second}))
		l.add(t.Context(), "holds the slot", 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q := l.add(ctx, "has a deadline", 0)
		l.want(t, "holds the slot 0s", "has a deadline 1s timeout")
		if !errors.Is(q.err, llm.ErrTimeout) {
			t.Error(q.err)
		}
	})
}

func TestBurndownOfHugeUsage(t *testing.T) {
	if n := ratelimit.Burndown(5)(llm.Usage{OutputTokens: math.MaxInt}); n != math.MaxInt {
		t.Errorf("a usage that cannot be true counts %d", n)
	}
}

// A partial answer of Generate counts what it holds, as its stream would.
func TestPartialAnswer(t *testing.T) {
	var settled []int
	limiter := limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) {
		return func(r ratelimit.Result) { settled = append(settled, r.Tokens) }, nil
	})
	cut := fake.Text(strings.Repeat("four", 10_000)).WithUsage(llm.Usage{InputTokens: 20, OutputTokens: 1}).CutAfter(2)
	m := llm.Wrap(fake.New(cut, cut), ratelimit.New(&ratelimit.Options{Limiter: limiter}))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Go on.")}}
	_, errs := m.Generate(t.Context(), req)
	_, err := llm.Collect(m.Stream(t.Context(), req))
	if llm.CodeOf(errs) != llm.ErrIncomplete || llm.CodeOf(err) != llm.ErrIncomplete || len(settled) != 2 || settled[0] != settled[1] {
		t.Errorf("%v, %v: settled %v", errs, err, settled)
	}
}

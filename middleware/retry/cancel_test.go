package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

func TestCancelInDelay(t *testing.T) {
	last := failure(llm.ErrRateLimited)
	last.RetryAfter = 20 * time.Second
	cases := []struct {
		name  string
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		code  llm.Code
		cause error
		text  string
	}{
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(3*time.Second, cancel)
			return ctx, cancel
		}, llm.ErrCanceled, context.Canceled,
			"acme generate m-1: canceled: ended in the delay before attempt 2: context canceled; rate limited: try later (status 503, request id req-1)"},
		{"deadline that is not told", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			return discreet{ctx}, cancel
		}, llm.ErrTimeout, context.DeadlineExceeded,
			"acme generate m-1: timeout: ended in the delay before attempt 2: context deadline exceeded; rate limited: try later (status 503, request id req-1)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, call way) {
				ctx, cancel := c.ctx(t.Context())
				defer cancel()
				b := plays(fails(last), good)
				began := time.Now()
				_, err := call(ctx, llm.Wrap(b, retry.New(nil)))
				wantGaveUp(t, err, c.code, c.text)
				if !errors.Is(err, c.cause) || !errors.Is(err, llm.ErrRateLimited) {
					t.Errorf("%v does not match both causes", err)
				}
				if e, ok := errors.AsType[*llm.Error](err); !ok || e.RequestID != "req-1" || e.Status != 503 || e.Provider != "acme" {
					t.Errorf("the identity of the last error is lost: %+v", e)
				}
				if got := time.Since(began); got != 3*time.Second {
					t.Errorf("it took %v, want 3s", got)
				}
				b.wantAttempts(t, 1)
			})
		})
	}
}

// discreet is a context that keeps its deadline to itself.
type discreet struct{ context.Context }

func (discreet) Deadline() (time.Time, bool) { return time.Time{}, false }

// TestCancelWithTimer: the delay is over when the context is, too.
func TestCancelWithTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // a select between the two picks either
			ctx, cancel := context.WithCancel(t.Context())
			b := plays(fails(llm.ErrOverloaded), good)
			_, err := generate(ctx, llm.Wrap(b, retry.New(&retry.Options{MaxDelay: 1, OnRetry: func(retry.Attempt) { cancel() }})))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
			b.wantAttempts(t, 1)
		}
	})
}

func TestCancelInCallback(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		ctx, cancel := context.WithCancel(t.Context())
		b := plays(fails(llm.ErrOverloaded), good)
		_, err := call(ctx, llm.Wrap(b, retry.New(&retry.Options{OnRetry: func(retry.Attempt) { cancel() }})))
		if !errors.Is(err, context.Canceled) || !errors.Is(err, llm.ErrOverloaded) || llm.CodeOf(err) != llm.ErrCanceled {
			t.Errorf("the error is %v", err)
		}
		b.wantAttempts(t, 1)
	})
}

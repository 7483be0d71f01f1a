package retry_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
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

// TestLimitOutside: where a limit further out ends the call during a later attempt, or in the delay
// before it, both the limit and the failure that led there stay visible.
func TestLimitOutside(t *testing.T) {
	theirs := errors.New("theirs")
	limits := map[string]struct {
		wrap  llm.Middleware
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		cause error
	}{
		"timeout": {timeout.New(&timeout.Options{Generate: 3 * time.Second, FirstEvent: 3 * time.Second}), context.WithCancel, context.DeadlineExceeded},
		"total":   {timeout.New(&timeout.Options{Total: 3 * time.Second}), context.WithCancel, context.DeadlineExceeded},
		"deadline": {nil, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		}, context.DeadlineExceeded},
		"cancel with a cause": {nil, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(3*time.Second, func() { cancel(theirs) })
			return ctx, func() { cancel(nil) }
		}, context.Canceled},
	}
	for name, l := range limits {
		for where, retryAfter := range map[string]time.Duration{"attempt": time.Second, "delay": 20 * time.Second} {
			t.Run(name+"/"+where, func(t *testing.T) {
				bothWays(t, func(t *testing.T, call way) {
					ctx, cancel := l.ctx(t.Context())
					defer cancel()
					first := failure(llm.ErrRateLimited)
					first.RetryAfter = retryAfter
					// The deadline is not told, so that the delay is begun.
					silent := func(next llm.Model) llm.Model { return &untold{next} }
					m := llm.Wrap(plays(fails(first)), l.wrap, silent, retry.New(nil), func(next llm.Model) llm.Model { return &hangsLater{next} })
					began := time.Now()
					_, err := call(ctx, m)
					if !errors.Is(err, l.cause) || !errors.Is(err, first) || !errors.Is(err, errCause) {
						t.Errorf("%v does not match both causes", err)
					}
					if code := llm.CodeOf(err); code != llm.CodeOf(l.cause) {
						t.Errorf("the code is %q", code)
					}
					if got := time.Since(began); got != 3*time.Second {
						t.Errorf("it took %v, want 3s", got)
					}
				})
			})
		}
	}
}

// untold hides the deadline from the models below.
type untold struct{ next llm.Model }

func (u *untold) Info() llm.Info { return u.next.Info() }

func (u *untold) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return u.next.Generate(discreet{ctx}, req)
}

func (u *untold) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return u.next.Stream(discreet{ctx}, req)
}

// hangsLater hangs until its context ends, from the second attempt on.
type hangsLater struct{ next llm.Model }

func (h *hangsLater) Info() llm.Info { return h.next.Info() }

func (h *hangsLater) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(h.Stream(ctx, req))
}

func (h *hangsLater) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if hook.Attempt(ctx) == 1 {
		return h.next.Stream(ctx, req)
	}
	return func(yield func(llm.Event, error) bool) {
		<-ctx.Done()
		yield(nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: ctx.Err()})
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

package llmtest

import (
	"cmp"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// A policy that is as it should be passes, whatever it does to calls that fail.
func TestMiddlewareThatIsPolite(t *testing.T) {
	for name, mw := range map[string]llm.Middleware{
		"retry":   (&retrier{}).middleware(),
		"breaker": (&breaker{}).middleware(),
		"permits": permits(2),
		"permit":  permits(1),
		"all": func(next llm.Model) llm.Model {
			return llm.Wrap(next, (&retrier{}).middleware(), (&breaker{}).middleware(), permits(2))
		},
	} {
		t.Run(name, func(t *testing.T) { RunMiddleware(t, mw) })
	}
}

// retrier tries again what is retryable. Its fields are the ways to get that wrong.
type retrier struct {
	begins  func(ev llm.Event) bool                             // whether a stream that yielded it has begun
	backoff func(ctx context.Context, after time.Duration) bool // false ends the loop
}

func (r *retrier) middleware() llm.Middleware {
	return with(policy{generate: r.generate, stream: r.stream})
}

// again says whether there is another attempt, once it is time for it.
func (r *retrier) again(ctx context.Context, err error, attempt int) bool {
	const attempts = 4
	after, _ := llm.RetryAfter(err)
	if !llm.IsRetryable(err) || attempt == attempts {
		return false
	}
	backoff := r.backoff
	if backoff == nil {
		backoff = backOff
	}
	return backoff(ctx, max(after, 500*time.Millisecond))
}

// backOff waits, unless the context ends by then.
func backOff(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *retrier) generate(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := next.Generate(ctx, req)
		if err == nil || !r.again(ctx, err, attempt) {
			return resp, err
		}
	}
}

func (r *retrier) stream(ctx context.Context, next llm.Model, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		begun := false
		for attempt := 1; ; attempt++ {
			var failure error
			for ev, err := range next.Stream(ctx, req) {
				if failure = err; err != nil {
					break
				}
				begun = begun || r.beginsWith(ev)
				if !yield(ev, nil) {
					return
				}
			}
			if failure == nil {
				return
			}
			if begun || !r.again(ctx, failure, attempt) {
				yield(nil, failure)
				return
			}
		}
	})
}

func (r *retrier) beginsWith(ev llm.Event) bool {
	if r.begins != nil {
		return r.begins(ev)
	}
	_, early := ev.(*llm.UsageUpdate)
	return !early
}

// breaker refuses calls after some failures in a row. Each model has one of its own.
type breaker struct {
	limit  int64                // of failures; 0 = 5
	counts func(err error) bool // whether an error is a failure; nil = if it is retryable
}

func (b *breaker) middleware() llm.Middleware {
	counts := b.counts
	if counts == nil {
		counts = llm.IsRetryable
	}
	return func(next llm.Model) llm.Model {
		var failures atomic.Int64
		allow := func() error {
			if failures.Load() < cmp.Or(b.limit, 5) {
				return nil
			}
			return &llm.Error{Code: llm.ErrRejected, Op: "call", Provider: next.Info().Provider, Message: "the breaker is open"}
		}
		judge := func(ctx context.Context, err error) {
			switch {
			case err == nil:
				failures.Store(0)
			case counts(err) && (b.counts != nil || ctx.Err() == nil):
				failures.Add(1)
			}
		}
		return with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				if err := allow(); err != nil {
					return nil, err
				}
				resp, err := next.Generate(ctx, req)
				judge(ctx, err)
				return resp, err
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					if err := allow(); err != nil {
						yield(nil, err)
						return
					}
					for ev, err := range next.Stream(ctx, req) {
						if err != nil {
							judge(ctx, err)
						} else if _, ok := ev.(*llm.Finish); ok {
							judge(ctx, nil)
						}
						if !yield(ev, err) {
							return
						}
					}
				})
			},
		})(next)
	}
}

// permits lets n calls of a model run at a time.
func permits(n int) llm.Middleware {
	return func(next llm.Model) llm.Model {
		free := make(chan struct{}, n)
		take := func(ctx context.Context) error {
			select {
			case free <- struct{}{}:
				return nil
			case <-ctx.Done():
				return &llm.Error{Code: llm.CodeOf(ctx.Err()), Op: "call", Provider: next.Info().Provider, Err: ctx.Err()}
			}
		}
		return with(policy{
			generate: func(ctx context.Context, next llm.Model, req *llm.Request) (*llm.Response, error) {
				if err := take(ctx); err != nil {
					return nil, err
				}
				defer func() { <-free }()
				return next.Generate(ctx, req)
			},
			stream: func(ctx context.Context, next llm.Model, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					if err := take(ctx); err != nil {
						yield(nil, err)
						return
					}
					defer func() { <-free }()
					next.Stream(ctx, req)(yield)
				})
			},
		})(next)
	}
}

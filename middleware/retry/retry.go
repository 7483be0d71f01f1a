package retry

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options say how often, when and what to retry.
type Options struct {
	// MaxAttempts is how often the model is asked in one call, the first time included; 0 or
	// less means 4, and 1 no retries: then errors pass unchanged.
	MaxAttempts int

	// BaseDelay is the most that the first delay can be; with each further one it doubles. 0
	// or less means 500 ms.
	BaseDelay time.Duration

	// MaxDelay is the most that any delay can be, that which a provider asks for included; 0
	// or less means 30 s. Below it a call waits for exactly as long as it was asked to.
	MaxDelay time.Duration

	// MaxElapsed is the time since the call began after which no attempt begins; 0 or less
	// means no limit but the context's deadline. An attempt that has begun is not cut short.
	MaxElapsed time.Duration

	// Budget limits retries to a share of calls; nil means a budget of its own, with the
	// defaults of [Budget]. It is not copied, since others may share it.
	Budget *Budget

	// Retryable says whether an error is worth another attempt; nil means [llm.IsRetryable].
	// It is called once for each attempt that failed while the context lived, by several
	// goroutines at a time.
	Retryable func(error) bool

	// OnRetry is told of each retry before its delay; nil means nobody is. It runs in the
	// goroutine of the call and without a lock held; several calls may run it at a time.
	OnRetry func(Attempt)
}

// Attempt is one that failed and will be followed by another.
type Attempt struct {
	Context context.Context // the call's, for its values, such as a trace
	Info    llm.Info        // of the model that was asked
	Number  int             // of the attempt that failed, from 1
	Err     error           // what it failed with
	Delay   time.Duration   // until the next one begins
}

// New returns middleware that retries failed calls; see the package comment for which. The
// options are copied, but for the budget; nil means the defaults.
//
// Its state, the budget, is shared by all models that the middleware wraps.
func New(opts *Options) llm.Middleware {
	o := opts.withDefaults()
	return func(next llm.Model) llm.Model { return &model{next, o} }
}

func (o *Options) withDefaults() *Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 4
	}
	if c.BaseDelay <= 0 {
		c.BaseDelay = 500 * time.Millisecond
	}
	if c.MaxDelay <= 0 {
		c.MaxDelay = 30 * time.Second
	}
	if c.Budget == nil {
		c.Budget = new(Budget)
	}
	if c.Retryable == nil {
		c.Retryable = llm.IsRetryable
	}
	return &c
}

// delay is how long to wait after the n-th attempt, which failed with err.
func (o *Options) delay(n int, err error) time.Duration {
	if asked, ok := llm.RetryAfter(err); ok {
		return min(asked, o.MaxDelay)
	}
	most := o.MaxDelay
	if o.BaseDelay <= most>>(n-1) { // so that the product cannot overflow
		most = o.BaseDelay << (n - 1)
	}
	return rand.N(most)
}

type model struct {
	next llm.Model
	opts *Options // complete, and shared by all models of one call of New
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if ctx == nil {
		return m.next.Generate(ctx, req) // which refuses it
	}
	c, ctx := m.begin(ctx)
	var partial *llm.Response // of the last attempt that was sent
	for {
		resp, err := m.next.Generate(ctx, req)
		if err == nil {
			return resp, nil
		}
		if resp != nil || !unsent(err) {
			partial = resp
		}
		if ctx, err = c.again(err); err != nil {
			return partial, err
		}
	}
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if ctx == nil {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c, ctx := m.begin(ctx)
		for {
			err := m.attempt(ctx, req, yield)
			if err == nil {
				return
			}
			if ctx, err = c.again(err); err != nil {
				yield(nil, err)
				return
			}
		}
	})
}

// attempt streams once. It returns an error that came before the first event, which is for the
// caller to judge, and nil where all has been yielded that is to be.
func (m *model) attempt(ctx context.Context, req *llm.Request, yield func(llm.Event, error) bool) error {
	started := false
	for ev, err := range m.next.Stream(ctx, req) {
		if !started {
			if err != nil {
				return err
			}
			_, usage := ev.(*llm.UsageUpdate)
			started = !usage
		}
		if !yield(ev, err) {
			return nil
		}
	}
	if !started {
		return &llm.Error{Code: llm.ErrIncomplete, Op: "stream", Message: "the stream ended before it began"}
	}
	return nil
}

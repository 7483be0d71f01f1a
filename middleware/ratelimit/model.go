package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

const policy = "ratelimit" // for observers

type model struct {
	next    llm.Model
	options *Options // with the defaults filled in
	key     string   // where the options have no Key
	limiter interface {
		acquire(ctx context.Context, key string, tokens int) (r releaser, waited time.Duration, err error)
	}
}

// releaser takes note of the end of a call. A *permit is one, without a function that would have
// to be made for each call.
type releaser interface{ release(Result) }

// releaseFunc is the releaser of a user's limiter.
type releaseFunc func(Result)

func (f releaseFunc) release(r Result) {
	if f != nil {
		f(r)
	}
}

func newModel(next llm.Model, o *Options) *model {
	info := next.Info()
	m := &model{next: next, options: o, key: info.Provider + "/" + info.Model}
	if own, ok := o.Limiter.(*limiter); ok {
		m.limiter = own
	} else {
		m.limiter = stopwatch{o.Limiter}
	}
	return m
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if req == nil || ctx == nil {
		return m.next.Generate(ctx, req) // which refuses it
	}
	permit, waited, err := m.acquire(ctx, req, "generate")
	if err != nil {
		return nil, err
	}
	var o outcome
	defer m.settle(permit, &o)
	m.tellWait(ctx, waited)
	resp, err := m.next.Generate(ctx, req)
	o.generated(resp, err)
	return resp, err
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if req == nil || ctx == nil {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		permit, waited, err := m.acquire(ctx, req, "stream")
		if err != nil {
			yield(nil, err)
			return
		}
		var o outcome
		defer m.settle(permit, &o)
		m.tellWait(ctx, waited)
		for ev, err := range m.next.Stream(ctx, req) {
			o.streamed(ev, err)
			if !yield(ev, err) {
				return
			}
		}
	})
}

// acquire waits for a permit and says how long that took.
func (m *model) acquire(ctx context.Context, req *llm.Request, op string) (r releaser, waited time.Duration, err error) {
	key := m.key
	if m.options.Key != nil {
		key = m.options.Key(ctx, req)
	}
	input, output := max(0, m.options.Estimate(req)), req.MaxTokens
	if output <= 0 {
		output = m.options.AssumeMaxTokens
	}
	r, waited, err = m.limiter.acquire(ctx, key, input+min(output, math.MaxInt-input))
	if err != nil {
		return nil, 0, m.refused(ctx, op, err, input)
	}
	return r, waited, nil
}

// stopwatch is a limiter of the user's, whose calls are timed. Less than a millisecond is
// no wait.
type stopwatch struct{ Limiter }

func (s stopwatch) acquire(ctx context.Context, key string, tokens int) (releaser, time.Duration, error) {
	start := time.Now()
	release, err := s.Acquire(ctx, key, tokens)
	waited := time.Since(start)
	if waited < time.Millisecond {
		waited = 0
	}
	return releaseFunc(release), waited, err
}

// refused is the error of a call that the limiter did not let pass.
func (m *model) refused(ctx context.Context, op string, err error, input int) error {
	e := llm.Annotate(err, "nothing was sent: the limiter failed")
	own, typed := err.(*llm.Error)
	_, coded := errors.AsType[llm.Code](err)
	typed = typed && own != nil
	if typed {
		*e = *own
	}
	switch {
	case typed && coded: // its own verdict
	case ctx.Err() != nil:
		e.Code, e.Err = llm.CodeOf(ctx.Err()), errors.Join(ctx.Err(), err)
	case !coded:
		e.Code = llm.ErrRejected
	}
	if size, ok := errors.AsType[*sizeError](err); ok {
		e.Message = size.advice(input)
	}
	info := m.next.Info()
	e.Op, e.Provider, e.Model = cmp.Or(e.Op, op), cmp.Or(e.Provider, info.Provider), cmp.Or(e.Model, info.Model)
	if ctx.Err() == nil {
		hook.Tell(ctx, hook.Event{Kind: hook.Reject, Policy: policy, Code: string(llm.CodeOf(e)), Wait: e.RetryAfter,
			Provider: info.Provider, Model: info.Model})
	}
	return e
}

// tellWait tells observers of a wait.
func (m *model) tellWait(ctx context.Context, waited time.Duration) {
	if waited == 0 {
		return
	}
	info := m.next.Info()
	hook.Tell(ctx, hook.Event{Kind: hook.Wait, Policy: policy, Wait: waited, Provider: info.Provider, Model: info.Model})
}

// settle ends a call that had a permit, however it ended.
func (m *model) settle(permit releaser, o *outcome) {
	r := Result{Tokens: -1, Err: o.err}
	defer func() { permit.release(r) }() // Used may panic
	switch usage, known := o.known(); {
	case known:
		r.Tokens = max(0, m.options.Used(usage))
	case o.refused():
		r.Tokens, r.Unsent = 0, o.unsent()
	}
}

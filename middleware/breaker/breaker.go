package breaker

import (
	"context"
	"iter"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// Options are the options of [New]. The zero value has good defaults.
type Options struct {
	// Failures is how many faults in a row open a circuit; 0 or less means 5.
	Failures int

	// OpenFor is how long a circuit stays open; 0 or less means 30 s.
	OpenFor time.Duration

	// Probes is how many calls a half-open circuit lets through at a time, and how many in a
	// row have to succeed to close it; 0 or less means 1.
	Probes int

	// RateLimits makes [llm.ErrRateLimited] a fault; false means that it is neutral: it asks
	// for fewer calls, and a breaker would let none through.
	RateLimits bool

	// Deadlines makes calls count that fail once the deadline of the caller's context has
	// passed: one that it ended is a fault, as with [llm.ErrTimeout]; false means that they are
	// neutral, since the deadline may have been too short. Set it where no timers stand inside.
	Deadlines bool

	// Key names the circuit of a call; nil means one for each provider and model. Info is that of
	// the wrapped model. Key is called by many goroutines at once, without a lock held, and
	// must not change the request.
	Key func(ctx context.Context, req *llm.Request, info llm.Info) string

	// OnStateChange is told of each change; nil means nobody is. It is told in order, one at a time, without a lock held. It
	// runs within some call, which waits for it, as do later changes; so it should be quick.
	// It may call the model.
	OnStateChange func(Change)
}

// withDefaults returns a copy in which nothing is left open.
func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Failures <= 0 {
		d.Failures = 5
	}
	if d.OpenFor <= 0 {
		d.OpenFor = 30 * time.Second
	}
	if d.Probes <= 0 {
		d.Probes = 1
	}
	return d
}

// New returns middleware that refuses calls while their provider fails; see the package's
// documentation. The options are copied; nil means the defaults.
//
// The error of a refused call is an [*llm.Error] of [llm.ErrRejected], which is not retryable.
// Its RetryAfter says when the next probe may pass; while probes are under way that is not
// known, and it is 0. Its cause is the code of the last fault, so that
// errors.Is(err, llm.ErrOverloaded) tells why.
func New(opts *Options) llm.Middleware {
	g := newGroup(opts.withDefaults())
	return func(next llm.Model) llm.Model { return &model{next, g} }
}

type model struct {
	next  llm.Model
	group *group
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	p, err := m.admit(ctx, "generate", req)
	if err != nil {
		return nil, err
	}
	verdict := errNeutral
	defer func() { p.release(verdict) }()
	m.group.changes.deliver() // of a circuit that is half-open since this call

	resp, err := m.next.Generate(ctx, req)
	verdict = m.group.judge(ctx, err)
	return resp, err
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		p, err := m.admit(ctx, "stream", req)
		if err != nil {
			yield(nil, err)
			return
		}
		verdict, judged := errNeutral, false
		defer func() { p.release(verdict) }()
		m.group.changes.deliver()

		for ev, err := range m.next.Stream(ctx, req) {
			if _, finish := ev.(*llm.Finish); finish || err != nil {
				verdict, judged = m.group.judge(ctx, err), true
			}
			if !yield(ev, err) {
				return
			}
		}
		if !judged {
			verdict = m.group.judge(ctx, llm.ErrIncomplete)
		}
	})
}

// admit returns the permit of a call, which must be released, or its rejection.
func (m *model) admit(ctx context.Context, op string, req *llm.Request) (permit, error) {
	if ctx == nil || ctx.Err() != nil {
		return permit{}, nil // the model says so itself; a probe would be lost on it
	}
	info := m.next.Info()
	key := info
	if m.group.opts.Key != nil {
		key = llm.Info{Model: m.group.opts.Key(ctx, req, info)}
	}
	p, refusal := m.group.enter(key)
	if refusal == nil {
		return p, nil
	}
	refusal.Op, refusal.Provider, refusal.Model = op, info.Provider, info.Model
	hook.Tell(ctx, hook.Event{Kind: hook.Reject, Policy: "breaker", Code: string(refusal.Code),
		Wait: refusal.RetryAfter, Provider: info.Provider, Model: info.Model})
	return permit{}, refusal
}

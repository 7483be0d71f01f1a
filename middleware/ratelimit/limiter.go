package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Limiter decides when a call may be sent. [NewLimiter] returns one for this process;
// implement it for limits that several processes share, on a store such as Redis. It is
// safe for concurrent use. It stays at this one method.
//
// A store can be slow, or fail. Whether calls are then sent or not is the implementation's
// decision: an error refuses the call, and a release that does nothing lets it pass.
type Limiter interface {
	// Acquire waits until a call that reserves so many tokens may be sent, and returns a
	// function that takes note of its end. That is called once, from any goroutine, and the
	// call returns to its caller after it; nil is as good as one that does nothing.
	//
	// It returns an error, and no function, where the call is not to be sent: best an
	// [*llm.Error] of code [llm.ErrRejected] that says the way out, which reaches the
	// caller with the call's Op, Provider and Model filled in. An error that names no code
	// becomes the cause of one. Where ctx is done, it returns at once.
	Acquire(ctx context.Context, key string, tokens int) (release func(Result), err error)
}

// Result says how a call ended.
type Result struct {
	Tokens int   // what it used up of the quota; negative = not known, and the reservation stands
	Unsent bool  // nothing was sent: the request does not count either
	Err    error // nil = it succeeded, or its caller left
}

// NewLimiter returns the limiter that [New] makes of these options, for use in several
// News, or behind a Limiter of your own. Only the limits are used: RequestsPerMinute,
// TokensPerMinute, MaxConcurrent, RequestBurst, TokenBurst, MaxWait and Adaptive. Nil options limit
// nothing.
func NewLimiter(opts *Options) Limiter {
	l := &limiter{keys: map[string]*queue{}, sweepAt: manyKeys}
	if opts != nil {
		l.limits = *opts
	}
	o := &l.limits
	o.MaxConcurrent = max(o.MaxConcurrent, 0)
	if o.RequestBurst <= 0 {
		o.RequestBurst = max(1, o.RequestsPerMinute/6)
	}
	if o.TokenBurst <= 0 {
		o.TokenBurst = o.TokensPerMinute
	}
	return l
}

// manyKeys is the number of keys beyond which those that hold no information are dropped.
const manyKeys = 1024

type limiter struct {
	limits Options

	mu      sync.Mutex
	keys    map[string]*queue
	sweepAt int // how many keys there may be before the next sweep
}

// queue returns the queue of a key, a new one if there is none.
func (l *limiter) queue(now time.Time, key string) *queue {
	q := l.keys[key]
	if q != nil {
		return q
	}
	if len(l.keys) >= l.sweepAt {
		maps.DeleteFunc(l.keys, func(_ string, q *queue) bool { return q.idle(now) })
		l.sweepAt = max(manyKeys, 2*len(l.keys)) // so that a sweep costs a new key little
	}
	o := &l.limits
	q = &queue{
		requests: newBucket(o.RequestsPerMinute, o.RequestBurst),
		tokens:   newBucket(o.TokensPerMinute, o.TokenBurst),
		slots:    o.MaxConcurrent,
	}
	if o.Adaptive {
		q.throttle = &throttle{share: 1}
	}
	l.keys[key] = q
	return q
}

func (l *limiter) Acquire(ctx context.Context, key string, tokens int) (func(Result), error) {
	r, _, err := l.acquire(ctx, key, tokens)
	if err != nil {
		return nil, err
	}
	return r.release, nil
}

// acquire is Acquire, and says how long it waited: a call that need not wait then needs
// only one look at the clock.
func (l *limiter) acquire(ctx context.Context, key string, tokens int) (r releaser, waited time.Duration, err error) {
	if ctx.Err() != nil {
		return nil, 0, interrupted(ctx)
	}
	tokens = max(tokens, 0)
	if l.limits.TokensPerMinute > 0 && tokens > l.limits.TokenBurst {
		return nil, 0, refuseSize(tokens, l.limits.TokenBurst)
	}
	p := &permit{limiter: l, tokens: tokens}
	served, start, err := p.enter(ctx, key)
	if !served && err == nil {
		err = p.wait(ctx)
		waited = time.Since(start)
	}
	if err != nil {
		return nil, 0, err
	}
	return p, waited, nil
}

// tooLate refuses a wait that would pass the deadline, or last longer than MaxWait allows.
func (p *permit) tooLate(ctx context.Context, now time.Time, wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && !now.Add(wait).Before(deadline) {
		return refuseWait(wait, "its deadline is in "+short(deadline.Sub(now)).String())
	}
	if !p.until.IsZero() && now.Add(wait).After(p.until) {
		return refuseWait(wait, "it may wait for "+short(p.until.Sub(now)).String()+" (ratelimit.Options.MaxWait)")
	}
	return nil
}

func refuseWait(wait time.Duration, but string) error {
	return &llm.Error{Code: llm.ErrRejected, RetryAfter: wait, Message: fmt.Sprintf(
		"the call's turn would come in %v, and %s: allow it more time, or raise the limits", short(wait), but)}
}

// interrupted is the error of a call whose context was done before its turn came.
func interrupted(ctx context.Context) error {
	code := llm.ErrCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = llm.ErrTimeout
	}
	return &llm.Error{Code: code, Message: "nothing was sent: the call's turn had not come", Err: ctx.Err()}
}

// short is a duration without digits that nobody reads.
func short(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

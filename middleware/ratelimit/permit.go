package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// permit is a call that waits for its turn, or has had it.
type permit struct {
	limiter *limiter
	queue   *queue
	tokens  int           // reserved
	place   *list.Element // in the queue, if it had to wait
	wake    chan struct{} // has it look again, if it had to wait
	until   time.Time     // it waits no longer; zero = as long as its context lives
	settled bool
}

// enter takes what the call needs, or puts it into the queue.
func (p *permit) enter(ctx context.Context, key string) (served bool, now time.Time, err error) {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	now = time.Now() // under the lock, so that the time of a bucket does not go back
	q := p.limiter.queue(now, key)
	p.queue = q
	if q.waiting.Len() == 0 && q.take(now, p.tokens) {
		return true, now, nil
	}
	if most := p.limiter.limits.MaxWait; most > 0 {
		p.until = now.Add(most)
	}
	if err := p.tooLate(ctx, now, q.wait(now, p.tokens, float64(q.waiting.Len()), q.asked)); err != nil {
		return false, now, err
	}
	q.join(p)
	return false, now, nil
}

// wait waits in the queue until the call may be sent.
func (p *permit) wait(ctx context.Context) error {
	var timer *time.Timer
	var due <-chan time.Time
	for {
		served, after, err := p.look(ctx)
		if served || err != nil {
			return err
		}
		switch {
		case after == 0: // somebody will wake it
		case timer == nil:
			timer = time.NewTimer(after)
			defer timer.Stop()
			due = timer.C
		default:
			timer.Reset(after)
		}
		select {
		case <-p.wake:
		case <-due:
		case <-ctx.Done():
			p.limiter.mu.Lock()
			p.queue.leave(p)
			p.limiter.mu.Unlock()
			return interrupted(ctx)
		}
	}
}

// look takes what the call needs if it is the first in the queue. If that is not there it
// says when to look again, 0 where it has to be woken.
func (p *permit) look(ctx context.Context) (served bool, after time.Duration, err error) {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	q, now := p.queue, time.Now()
	if first := q.waiting.Front() == p.place; first {
		if q.take(now, p.tokens) {
			q.leave(p)
			return true, 0, nil
		}
		after = q.wait(now, p.tokens, 0, 0)
		err = p.tooLate(ctx, now, after)
		after = max(after, q.untilGrown(now)) // not told: a slot may well come sooner
	}
	if !p.until.IsZero() && err == nil {
		left := p.until.Sub(now)
		if left <= 0 {
			err = &llm.Error{Code: llm.ErrRejected, Message: fmt.Sprintf(
				"the call's turn had not come after %v (ratelimit.Options.MaxWait): allow it more time, or raise the limits", p.limiter.limits.MaxWait)}
		}
		if after == 0 || left < after {
			after = left
		}
	}
	if err != nil {
		q.leave(p)
	}
	return false, after, err
}

// release gives back what the call did not use. Only the first call does anything.
func (p *permit) release(r Result) {
	var limited bool
	var pause time.Duration
	if p.limiter.limits.Adaptive && llm.CodeOf(r.Err) == llm.ErrRateLimited { // not under the lock: errors are anybody's
		limited = true
		pause, _ = llm.RetryAfter(r.Err)
	}
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	if p.settled {
		return
	}
	p.settled = true
	q, now := p.queue, time.Now()
	q.settle(now, p.tokens, r)
	if limited {
		q.rateLimited(now, pause)
	}
	q.wake()
}

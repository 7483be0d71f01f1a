package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// call is one call on its way through its attempts.
type call struct {
	ctx       context.Context // the caller's
	opts      *Options
	next      llm.Model
	began     time.Time
	attempts  int   // that have failed
	malformed bool  // a malformed output was retried
	last      error // of the attempt before the one that is under way
}

// begin returns a call and the context for its first attempt.
func (m *model) begin(ctx context.Context) (call, context.Context) {
	m.opts.Budget.deposit()
	c := call{ctx: ctx, opts: m.opts, next: m.next, began: time.Now()}
	if hook.Attempt(ctx) > 1 { // that of a retry further out
		ctx = hook.WithAttempt(ctx, 1)
	}
	return c, ctx
}

// again takes the failure of an attempt. If there is to be another, it waits and returns the
// context for it, and else the error that the call ends with.
func (c *call) again(err error) (context.Context, error) {
	o := c.opts
	c.attempts++
	if o.MaxAttempts == 1 {
		return nil, err
	}
	if c.ctx.Err() != nil {
		return nil, c.cut(err)
	}
	retryable := o.Retryable(err)
	if !retryable && c.attempts == 1 {
		return nil, err
	}
	if !retryable || c.attempts == o.MaxAttempts {
		return nil, c.gaveUp(err, "")
	}
	delay := o.delay(c.attempts, err)
	if why := c.refuse(err, delay); why != "" {
		return nil, c.gaveUp(err, why)
	}
	if o.OnRetry != nil {
		o.OnRetry(Attempt{Context: c.ctx, Info: c.next.Info(), Number: c.attempts, Err: err, Delay: delay})
	}
	if done := wait(c.ctx, delay); done != nil {
		return nil, c.interrupted(done, err)
	}
	c.last = err
	n, info := c.attempts+1, c.next.Info()
	hook.Tell(c.ctx, hook.Event{Kind: hook.Retry, Policy: "retry", Attempt: n, Wait: delay, Code: string(llm.CodeOf(err)),
		Provider: info.Provider, Model: info.Model})
	return hook.WithAttempt(c.ctx, n), nil
}

// refuse says why an error that is retryable is not retried after the delay, or "".
func (c *call) refuse(err error, delay time.Duration) string {
	next := time.Now().Add(delay)
	if most := c.opts.MaxElapsed; most > 0 && next.Sub(c.began) > most {
		return fmt.Sprintf("another attempt would begin later than %v (retry.Options.MaxElapsed)", most)
	}
	if deadline, ok := c.ctx.Deadline(); ok && !next.Before(deadline) {
		return "the deadline leaves no time for another attempt"
	}
	if llm.CodeOf(err) == llm.ErrMalformedOutput {
		if c.malformed {
			return "malformed output is retried only once"
		}
		c.malformed = true
	}
	if !c.opts.Budget.withdraw() { // last, so that nothing is spent in vain
		return "the retry budget is spent (retry.Options.Budget)"
	}
	return ""
}

// gaveUp is the error of a call whose last attempt failed with err. Where that was not sent,
// what the one before it failed with is a cause too.
func (c *call) gaveUp(err error, why string) error {
	sent, cause := c.attempts, err
	if c.last != nil && unsent(err) {
		sent, cause = sent-1, errors.Join(err, c.last)
	}
	attempts := "1 attempt"
	if sent > 1 {
		attempts = fmt.Sprintf("%d attempts", sent)
	}
	message := fmt.Sprintf("gave up after %s in %v", attempts, rounded(time.Since(c.began)))
	if why != "" {
		message += ": " + why
	}
	e := llm.Annotate(err, message)
	e.Retryable, e.Err = new(false), cause
	return e
}

// unsent says of an attempt's error that a policy further in refused to send it.
func unsent(err error) bool {
	code := llm.CodeOf(err)
	return code == llm.ErrRejected || code == llm.ErrBudgetExceeded
}

// cut is the error of a call whose context was done when an attempt failed with err. Why there
// was that attempt is a cause too.
func (c *call) cut(err error) error {
	if c.last == nil {
		return err
	}
	e := llm.Annotate(err, fmt.Sprintf("ended in attempt %d", c.attempts))
	e.Retryable, e.Err = new(false), errors.Join(err, c.last)
	return e
}

// interrupted is the error of a call whose context was done, with an error of its own, in
// the delay after an attempt that failed with last.
func (c *call) interrupted(done, last error) error {
	e := llm.Annotate(last, fmt.Sprintf("ended in the delay before attempt %d", c.attempts+1))
	e.Code, e.Retryable, e.Err = llm.CodeOf(done), new(false), errors.Join(done, last)
	return e
}

// rounded is a duration as one reads it: 4.2s, 120ms.
func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// wait lets d pass. The error is that of the context, where it is done by then.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

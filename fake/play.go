package fake

import (
	"context"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// take is an answer, ready to be played.
type take struct {
	delay  time.Duration   // before the first event
	events []llm.Event     // made for this call, so that they may be given away
	err    error           // after the events; nil = incomplete, unless they finished
	pauses []time.Duration // before each event, and before the end; as many as there are
	usage  *llm.Usage      // told before an error; nil = estimated from what was delivered
	exact  bool            // err comes from a tape, and so does what was told before it
}

// play yields a take: the events, and at most one error, last.
func (c *call) play(ctx context.Context, t take, yield func(llm.Event, error) bool) {
	if err := c.wait(ctx, t.delay); err != nil {
		yield(nil, err)
		return
	}
	finished := false
	for i, ev := range t.events {
		if err := c.wait(ctx, t.pause(i)); err != nil && !finished {
			c.fail(t, t.events[:i], err, yield)
			return
		}
		if f, ok := ev.(*llm.Finish); ok {
			finished = true
			c.state.finish(f)
		}
		if !yield(ev, nil) {
			return
		}
	}
	if finished && t.err == nil {
		return
	}
	switch err := c.wait(ctx, t.pause(len(t.events))); {
	case err != nil:
		c.fail(t, t.events, err, yield)
	case t.err == nil:
		c.fail(t, t.events, c.fault(llm.ErrIncomplete, "the answer broke off"), yield)
	case t.exact:
		yield(nil, t.err)
	default:
		c.fail(t, t.events, t.err, yield)
	}
}

// pause is the time before the i-th event.
func (t take) pause(i int) time.Duration {
	if i < len(t.pauses) {
		return t.pauses[i]
	}
	return 0
}

// fail ends a stream with an error. Where something was delivered it tells the usage
// so far first, unless the events did.
func (c *call) fail(t take, delivered []llm.Event, err error, yield func(llm.Event, error) bool) {
	if u, ok := c.usageSoFar(t, delivered); ok && !yield(&llm.UsageUpdate{Usage: u}, nil) {
		return
	}
	yield(nil, err)
}

func (c *call) usageSoFar(t take, delivered []llm.Event) (llm.Usage, bool) {
	if len(delivered) == 0 {
		return llm.Usage{}, false
	}
	var acc llm.Accumulator
	for _, ev := range delivered {
		if _, told := ev.(*llm.UsageUpdate); told {
			return llm.Usage{}, false
		}
		// Events that break the grammar are left out of the estimate.
		_ = acc.Add(ev)
	}
	if t.usage != nil {
		return asEstimate(*t.usage), true
	}
	return asEstimate(estimate(c.req, acc.Response().Message.Content)), true
}

// finish notes that an answer ended, and how.
func (s *state) finish(f *llm.Finish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = s.paused || f.StopReason == llm.StopPause
}

// wait lets d pass, or returns the error of the context.
func (c *call) wait(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return c.interrupted(ctx)
}

package fake

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// take is an answer, ready to be played.
type take struct {
	delay  time.Duration               // before the first event
	pace   float64                     // tokens a second; 0 = at once
	events []llm.Event                 // made for this call, so that they may be given away
	pauses []time.Duration             // before each event, and before the end; as many as there are
	stream iter.Seq2[llm.Event, error] // in the place of events
	stall  bool                        // after the events, until the context ends
	err    error                       // after the events; nil = incomplete, unless they finished
	usage  *llm.Usage                  // told before an error; nil = estimated from what was delivered
	exact  bool                        // err comes from a tape, and so does what was told before it
}

// all are the events and, of a stream, its error.
func (t take) all() iter.Seq2[llm.Event, error] {
	if t.stream != nil {
		return t.stream
	}
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range t.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// play yields a take: the events, and at most one error, last.
func (c *call) play(ctx context.Context, t take, yield func(llm.Event, error) bool) {
	if err := c.wait(ctx, t.delay); err != nil {
		yield(nil, err)
		return
	}
	var delivered []llm.Event
	finished := false
	for ev, err := range t.all() {
		if err == nil && !finished {
			err = c.wait(ctx, t.pause(len(delivered), ev))
		}
		if err != nil {
			c.fail(t, delivered, err, yield)
			return
		}
		if f, ok := ev.(*llm.Finish); ok {
			finished = true
			c.state.finish(f)
		}
		if t.stream != nil {
			delivered = append(delivered, ev)
		} else {
			delivered = t.events[:len(delivered)+1]
		}
		if !yield(ev, nil) {
			return
		}
	}
	if finished && t.err == nil {
		return
	}
	if t.stall {
		<-ctx.Done()
	}
	switch err := c.wait(ctx, t.pause(len(delivered), nil)); {
	case err != nil:
		c.fail(t, delivered, err, yield)
	case t.err == nil:
		c.fail(t, delivered, c.fault(llm.ErrIncomplete, "the answer broke off"), yield)
	case t.exact:
		yield(nil, t.err)
	default:
		c.fail(t, delivered, t.err, yield)
	}
}

// pause is the time before the i-th event, or before the end: that of the tape, or what a
// model needs for it that makes so many tokens a second. A token is what it is in an
// estimate of usage.
func (t take) pause(i int, ev llm.Event) time.Duration {
	if i < len(t.pauses) {
		return t.pauses[i]
	}
	if t.pace == 0 {
		return 0
	}
	size := 0
	switch ev := ev.(type) {
	case *llm.TextDelta:
		size = len(ev.Text)
	case *llm.ReasoningDelta:
		size = len(ev.Text)
	case *llm.ToolCallDelta:
		size = len(ev.Input)
	}
	wait := float64(size) / bytesPerToken / t.pace * float64(time.Second)
	return time.Duration(min(wait, math.MaxInt64/2)) // what overflows would be no wait
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

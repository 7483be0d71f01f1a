package hedge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// race is one call of the caller, and the calls of the model that are to answer it. Each of
// these runs in a goroutine; all else is done by that of the caller.
type race struct {
	model *model
	ctx   context.Context
	op    string
	pace  *pace
	run   func(*call) // calls the model

	calls  []*call
	ready  chan *call // each call, once: it has an answer, or ended without one
	chosen *call      // whose answer or error is returned; nil until that is known
	told   bool       // OnLoser was
}

// call is one call of the model. What it brings may be read once it came through ready, or
// has ended.
type call struct {
	attempt int
	ctx     context.Context
	cancel  context.CancelFunc
	left    bool // resume is closed

	resp     *llm.Response // of Generate
	held     []llm.Event   // of a stream: what came before its first event
	usage    llm.Usage
	err      error
	answered bool // wholly, or with the first event of a stream
	sent     bool // through ready
	returned bool // and did not panic
	panicked any

	events chan item // of a stream, from its first event on; closed once the call has ended
	resume chan bool // after each event: whether to go on; closed is false
}

type item struct {
	event llm.Event
	err   error
}

// finish runs f, and ends what is left of the race however that ended. A panic in a
// goroutine becomes the caller's.
func (r *race) finish(f func()) {
	func() {
		defer r.end(nil)
		f()
	}()
	for _, c := range r.calls {
		switch {
		case c.panicked != nil:
			panic(c.panicked)
		case !c.returned:
			runtime.Goexit()
		}
	}
}

// decide makes calls until one has an answer, which is chosen, or none is left that may
// have one.
func (r *race) decide() {
	r.ready = make(chan *call)
	start, delay := time.Now(), r.pace.delay()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	r.begin(0)
	for running := 1; running > 0 && r.chosen == nil; {
		select {
		case c := <-r.ready:
			switch running--; {
			case c.answered:
				r.chosen = c
			case !c.returned:
				return // with a panic
			}
		case <-timer.C:
			if r.ctx.Err() != nil {
				continue // the calls are about to end
			}
			r.begin(time.Since(start))
			running++
			if len(r.calls) <= r.model.opts.Max {
				timer.Reset(delay)
			}
		}
	}
	if first := r.chosen == r.calls[0]; first || len(r.calls) > 1 {
		r.pace.saw(time.Since(start), !first)
	}
	for _, c := range r.calls {
		if c != r.chosen {
			c.stop()
		}
	}
}

// begin makes another call.
func (r *race) begin(waited time.Duration) {
	c := &call{attempt: len(r.calls) + 1, events: make(chan item), resume: make(chan bool)}
	ctx := r.ctx
	if c.attempt > 1 {
		info := r.model.Info()
		hook.Tell(ctx, hook.Event{Kind: hook.Hedge, Policy: "hedge", Attempt: c.attempt, Wait: waited, Provider: info.Provider, Model: info.Model})
		ctx = hook.WithAttempt(ctx, c.attempt)
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	r.calls = append(r.calls, c)
	go r.serve(c)
}

// serve is the goroutine of a call.
func (r *race) serve(c *call) {
	defer close(c.events)
	defer func() {
		if !c.returned {
			c.panicked = recover() // nil after runtime.Goexit
		}
		r.send(c)
	}()
	r.run(c)
	c.returned = true
}

// send tells the caller of a call that has an answer, or ended without one. It says
// whether the caller took it, and not another.
func (r *race) send(c *call) bool {
	if c.sent {
		return false
	}
	c.sent = true
	select {
	case r.ready <- c:
		return true
	case <-c.resume:
		return false
	}
}

// stream plays a stream as a call. From its first event on, which decides the race, it hands
// each to the caller and waits until that wants another. An iter.Pull that moved to the
// caller's goroutine would do so in a third of the time, but where the caller has locked its
// thread, or was called from C, resuming it there ends the process.
func (r *race) stream(c *call, seq iter.Seq2[llm.Event, error]) {
	for ev, err := range seq {
		if !c.answered {
			if err != nil {
				c.err = err
				return
			}
			switch ev := ev.(type) {
			case *llm.UsageUpdate:
				c.held = append(c.held, ev)
				c.usage = ev.Usage
				c.usage.Estimated = true
				continue
			case *llm.Finish:
				c.usage = ev.Usage
			}
			if c.answered = true; !r.send(c) {
				return
			}
		}
		if c.events <- (item{ev, err}); !<-c.resume {
			return
		}
	}
	if !c.answered {
		c.err = r.fault(&llm.Error{Code: llm.ErrIncomplete, Message: "ended before the answer did"})
	}
}

// play passes the stream on that begins first.
func (r *race) play(yield func(llm.Event, error) bool) {
	r.decide()
	failed := r.chosen == nil
	if failed {
		r.end(nil)
		if r.broken() {
			return
		}
	}
	for _, ev := range r.chosen.held {
		if !yield(ev, nil) {
			return
		}
	}
	if failed {
		yield(nil, r.err())
		return
	}
	if err := r.ctx.Err(); err != nil { // the first event was made before
		yield(nil, r.fault(&llm.Error{Code: llm.CodeOf(err), Err: err}))
		return
	}
	for it := range r.chosen.events {
		if _, last := it.event.(*llm.Finish); last {
			r.end(r.chosen)
		}
		if !yield(it.event, it.err) || it.err != nil {
			return
		}
		if r.ctx.Err() != nil {
			<-r.chosen.ctx.Done() // which may be a moment behind: nothing must come after the end
		}
		r.chosen.resume <- true
	}
}

// end ends all calls, or all but one, and tells of those that lost.
func (r *race) end(but *call) {
	for _, c := range r.calls {
		switch c {
		case but:
		case r.chosen:
			c.leave() // and is not cancelled
		default:
			c.stop()
		}
	}
	for _, c := range r.calls {
		if c != but {
			for range c.events {
			}
			c.cancel()
		}
	}
	if r.chosen == nil {
		r.chosen = r.lastWord()
	}
	if r.told || r.model.opts.OnLoser == nil {
		return
	}
	r.told = true
	for _, c := range r.calls {
		if c != r.chosen && c.returned {
			r.model.opts.OnLoser(Loser{Attempt: c.attempt, Usage: c.usage, Err: c.err})
		}
	}
}

// leave ends a stream's loop at its next event.
func (c *call) leave() {
	if !c.left {
		c.left = true
		close(c.resume)
	}
}

// stop cancels a call, and leaves it.
func (c *call) stop() {
	c.leave()
	c.cancel()
}

// broken says whether a call ended with a panic, or its goroutine.
func (r *race) broken() bool {
	return slices.ContainsFunc(r.calls, func(c *call) bool { return !c.returned })
}

// lastWord is the call whose error is that of a race without a winner: the first, or the
// first that has something of an answer to go with it; where the caller went away, of those
// that ended for that.
func (r *race) lastWord() *call {
	calls := r.calls
	if code := llm.CodeOf(r.ctx.Err()); code != "" {
		cut := slices.DeleteFunc(slices.Clone(calls), func(c *call) bool { return llm.CodeOf(c.err) != code })
		if len(cut) > 0 {
			calls = cut
		}
	}
	for _, c := range calls {
		if c.resp != nil || c.held != nil {
			return c
		}
	}
	return calls[0]
}

// err is the error of the race: that of the only call, or one that joins all.
func (r *race) err() error {
	if r.chosen.err == nil || len(r.calls) == 1 {
		return r.chosen.err
	}
	var errs []error
	for _, c := range r.calls {
		errs = append(errs, c.err)
	}
	e := llm.Annotate(r.chosen.err, fmt.Sprintf("all %d calls failed", len(errs)))
	e.Err = errors.Join(errs...)
	return r.fault(e)
}

// fault says in an error whose it is, where that is open.
func (r *race) fault(e *llm.Error) error {
	info := r.model.Info()
	e.Op, e.Provider, e.Model = cmp.Or(e.Op, r.op), cmp.Or(e.Provider, info.Provider), cmp.Or(e.Model, info.Model)
	return e
}

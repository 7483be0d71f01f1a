package llmtest

import (
	"context"
	"errors"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// releaseCases are the middleware's cases of calls that are left, cancelled or late.
func releaseCases() []testCase {
	return []testCase{
		{
			name: "middleware/break-passes",
			explain: "Leaving the outer loop leaves the inner one, before the outer is left: nothing is drained, and " +
				"permits and connections are free again. The model has stopped for 30 s. Look for a yield whose result " +
				"is not looked at, and for iter.Pull without its stop.",
			run: breakPasses,
		},
		{
			name: "middleware/break-before-first",
			explain: "A call may be left before its first event: at a UsageUpdate, or by a cancel while the model has said " +
				"nothing else for 30 s. It ends at once all the same, and the model's call with it. (A hedge may hold the " +
				"UsageUpdate back; then the loop is left later.) Look for the part of a loop that waits for the first " +
				"event, and for a yield there whose result is not looked at.",
			run: breakBeforeFirst,
		},
		{
			name: "middleware/cancel-passes",
			explain: "Cancelling the outer call ends the inner one, and its goroutines, before the outer returns. Look " +
				"for context.Background, context.WithoutCancel, and for a goroutine that runs the call and is not " +
				"waited for.",
			run: cancelPasses,
		},
		{
			name: "middleware/context-values",
			explain: "The inner call gets the context of the outer one, or one derived from it: traces, tags and " +
				"deadlines travel in it.",
			run: contextPasses,
		},
		{
			name: "middleware/deadline",
			explain: "The model sees a deadline no later than the caller's, since it plans by it, and a call that passes " +
				"the caller's fails with context.DeadlineExceeded, never with context.Canceled, on which applications " +
				"say nothing. The answer is 30 s away, stops half-way, or is asked for too late. A call without a deadline is " +
				"made an hour after the wrapper. Look for a cancel that is passed on in the place of the context, for errors of a " +
				"context that the wrapper itself has cancelled, and for a deadline that was reckoned when the wrapper was made.",
			run: deadlinePasses,
		},
		{
			name: "middleware/context-released",
			explain: "A context that the wrapper made for a call is cancelled when the call ends, however it ends: with an " +
				"answer, a failure, or a loop that was left. Until then it holds a timer and a place in its parent, which " +
				"in a server lives as long as the process. Look for a cancel function without defer.",
			run: contextReleased,
		},
		{
			name: "middleware/panic-passes",
			real: true,
			explain: "A panic passes through the wrapper as it is, or as an error that wraps it, be it of the loop or of the " +
				"model. Everything is released on its way: the model's call has ended, and the next ones are served, " +
				"however often it happened. Look for permits and locks that are given back without defer, and for a " +
				"model that is called in a goroutine, where a panic ends the process: recover there, and panic again in " +
				"the caller's.",
			run: panicPasses,
		},
	}
}

func breakPasses(c *run) {
	m, p := c.probed(stalled(), says("after"))
	base := goroutines()
	var left, ended bool
	c.within("a loop that is left at its first delta", func() {
		play(m.Stream(c.Context(), c.ask()), func(_ int, ev llm.Event) bool { return !isDelta(ev) })
		p.read(func() { left, ended = p.left, p.running == 0 })
	})
	if !left {
		c.Error("the model's stream was not left")
	}
	if !ended {
		c.Error("the model's stream has not ended, though the outer one has")
	}
	c.settled(base)
	c.serves(m, "after", "after a stream was left")
}

func breakBeforeFirst(c *run) {
	slow := Turn{Events: append(usageOnly(), pieces(reply(llm.Text("Four degrees.")))...)}
	slow.pause = func(at int) time.Duration {
		if at == 1 {
			return ages
		}
		return 0
	}
	m, p := c.probed(append([]Turn{slow}, repeated(says("after"))...)...) // a hedge may ask again
	base := goroutines()
	var left time.Time
	tp := play(m.Stream(c.Context(), c.ask()), func(int, llm.Event) bool {
		left = time.Now()
		return false
	})
	if d := time.Since(left); d > promptly {
		c.Errorf("a loop that was left at its first event ended %v later", d)
	}
	c.released(p, "a stream that is left at its first event")
	c.noFault("a stream that is left at its first event", tp)
	c.settled(base)
	c.serves(m, "after", "after a stream was left at its first event")

	for _, w := range ways() {
		m, p := c.probed(slow, says("after"))
		base := goroutines()
		ctx, cancel := context.WithCancel(c.Context())
		time.AfterFunc(moment, cancel)
		var err error
		c.within(w.name, func() { _, err = w.call(ctx, m, c.ask()) })
		c.released(p, w.name+" that was cancelled before its first event")
		c.wantCancel(w.name, err)
		c.settled(base)
		c.serves(m, "after", "after a call was cancelled before its first event")
	}
}

// released checks that the model's calls ended before the wrapper's did.
func (c *run) released(p *probe, what string) {
	c.Helper()
	if !p.ended() {
		c.Errorf("%s returned before the model's call had ended", what)
	}
}

func cancelPasses(c *run) {
	late := says("late")
	late.Delay = ages
	for _, turn := range []Turn{late, stalled()} {
		for _, w := range ways() {
			m, p := c.probed(turn, says("after"))
			base := goroutines()
			ctx, cancel := context.WithCancel(c.Context())
			timer := time.AfterFunc(moment, cancel)
			var err error
			var ended bool
			c.within(w.name, func() {
				_, err = w.call(ctx, m, c.ask())
				p.read(func() { ended = p.running == 0 })
			})
			timer.Stop()
			c.wantCancel(w.name, err)
			if !ended {
				c.Errorf("%s returned before the model's call had ended", w.name)
			}
			c.settled(base)
			c.serves(m, "after", "after a call was cancelled")
		}
	}
}

func contextPasses(c *run) {
	type key struct{}
	for _, w := range ways() {
		m, p := c.probed(says("ok"))
		ctx := context.WithValue(c.Context(), key{}, "value")
		if _, err := w.call(ctx, m, c.ask()); err != nil {
			c.Errorf("%s failed: %v", w.name, err)
		}
		p.read(func() {
			for _, ctx := range p.contexts {
				if ctx.Value(key{}) != "value" {
					c.Errorf("%s called the model with a context that is not derived from the caller's", w.name)
				}
			}
		})
	}
}

func deadlinePasses(c *run) {
	old, _ := c.probed(numbered(len(ways()))...)
	time.Sleep(time.Hour)
	for _, w := range ways() {
		if _, err := w.call(c.Context(), old, c.ask()); err != nil {
			c.Errorf("%s without a deadline, an hour after the wrapper was made: %v", w.name, err)
		}
	}
	late := says("late")
	late.Delay = ages
	slow := errors.New("that is too slow")
	for _, try := range []struct {
		turn Turn
		in   time.Duration
	}{{late, moment}, {stalled(), moment}, {late, 0}} {
		for _, w := range ways() {
			m, p := c.probed(repeated(try.turn)...)
			base := goroutines()
			ctx, cancel := context.WithTimeoutCause(c.Context(), try.in, slow)
			deadline, _ := ctx.Deadline()
			var err error
			c.within(w.name, func() { _, err = w.call(ctx, m, c.ask()) })
			cancel()
			c.released(p, w.name+" that passed its deadline")
			if c.wantCode(w.name, err, llm.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
				c.Errorf("%s: errors.Is(err, context.DeadlineExceeded) does not hold: %v", w.name, err)
			}
			if errors.Is(err, context.Canceled) {
				c.Errorf("%s passed its deadline, and errors.Is(err, context.Canceled) holds: %v", w.name, err)
			}
			p.read(func() {
				for _, ctx := range p.contexts {
					if d, ok := ctx.Deadline(); !ok || d.After(deadline) {
						c.Errorf("%s: the caller's deadline is %v, and the model's %v (it has one: %t)", w.name, deadline, d, ok)
					}
				}
			})
			c.settled(base)
		}
	}
}

func contextReleased(c *run) {
	denied := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}
	for _, try := range []struct {
		what string
		turn Turn
	}{
		{"an answer", says("ok")},
		{"a failure", Turn{Err: denied}},
		{"an answer that fails half-way", Turn{Events: halfway(), Err: denied}},
	} {
		for _, call := range []struct {
			name string
			run  func(ctx context.Context, m llm.Model)
		}{
			{"Generate", func(ctx context.Context, m llm.Model) { m.Generate(ctx, c.ask()) }},
			{"Stream", func(ctx context.Context, m llm.Model) { play(m.Stream(ctx, c.ask()), nil) }},
			{"a stream that is left", func(ctx context.Context, m llm.Model) {
				play(m.Stream(ctx, c.ask()), func(int, llm.Event) bool { return false })
			}},
		} {
			m, p := c.probed(repeated(try.turn)...)
			ctx, cancel := context.WithCancel(c.Context())
			call.run(ctx, m)
			p.read(func() {
				for _, inner := range p.contexts {
					// One that only adds values shares the channel of its parent.
					if own := inner.Done() != nil && inner.Done() != ctx.Done(); own && inner.Err() == nil {
						c.Errorf("%s of %s has ended, and the context that it gave the model has not", call.name, try.what)
					}
				}
			})
			cancel()
		}
	}
}

func panicPasses(c *run) {
	const times = 16
	// A panic in a goroutine ends the process, and its text is all that is printed.
	thrown := errors.New("llmtest: middleware/panic-passes has the model panic: call it in the caller's goroutine, or recover and panic again there")
	fails := func(at int) Turn {
		return Turn{Events: pieces(reply(llm.Text("Four degrees."))), pause: func(i int) time.Duration {
			if i == at {
				panic(thrown)
			}
			return 0
		}}
	}
	var turns []Turn
	for range times {
		turns = append(turns, fails(0), fails(2), fails(0), fails(2), says("loop"))
	}
	m, p := c.probed(append(turns, says("after"))...)
	base := goroutines()
	for range times {
		for i, f := range []func(){
			func() { m.Generate(c.Context(), small(c.ask())) },
			func() { m.Generate(c.Context(), small(c.ask())) },
			func() { llm.Collect(m.Stream(c.Context(), small(c.ask()))) },
			func() { llm.Collect(m.Stream(c.Context(), small(c.ask()))) },
			func() {
				for range m.Stream(c.Context(), small(c.ask())) {
					panic(thrown)
				}
			},
		} {
			what := []string{"a Generate whose model panics", "a Generate whose model panics half-way", "a stream whose model panics",
				"a stream whose model panics half-way", "a stream whose loop panics"}[i]
			var caught any
			c.within(what, func() {
				defer func() { caught = recover() }()
				f()
			})
			if err, ok := caught.(error); !ok || !errors.Is(err, thrown) {
				c.Errorf("%s: the panic came out as %v", what, caught)
			}
			c.released(p, what)
		}
	}
	c.settled(base)
	var text string
	c.within("the call after those that panicked", func() {
		if resp, err := m.Generate(c.Context(), c.ask()); err == nil {
			text = resp.Text()
		}
	})
	if text != "after" {
		c.Errorf("the call after those that panicked was answered with %q, want %q", text, "after")
	}
}

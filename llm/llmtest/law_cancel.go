package llmtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// law05: leaving a loop and cancelling release everything at once.
func law05() []testCase {
	return []testCase{
		{
			name:  "law05/break",
			needs: []Capability{Stalls},
			explain: "Leaving the loop ends the call at once: nothing is drained, and no goroutine, connection or " +
				"permit outlives it. The scripted stream stops half-way for 30 s when the loop is left. Look for code " +
				"after yield returned false that reads on, and for goroutines that nobody tells to stop. Closing is not " +
				"draining: close the body of the response.",
			run: breakInStall,
		},
		{
			name: "law05/break-anywhere",
			explain: "A loop may be left at any event. The stream must then return without another yield, which would " +
				"crash the application, and the model must serve the next call. Look for a yield whose result is not " +
				"looked at.",
			run: breakAnywhere,
		},
		{
			name: "law05/cancelled-before",
			explain: "A call whose context has ended already fails at once with an error that satisfies errors.Is(err, " +
				"context.Canceled), and whose code is canceled. Look for a context that is not passed on, and for " +
				"errors of the context that are hidden behind one of the connection.",
			run: cancelledBefore,
		},
		{
			name: "law05/cancel-while-waiting",
			explain: "Cancelling ends a call that waits for its answer, at once, on both ways, and leaves nothing " +
				"behind. The scripted answer is 30 s away. The error satisfies errors.Is(err, context.Canceled) " +
				"whatever cause the cancel was given, and its code is canceled. Look for sleeps and reads that do not " +
				"heed the context, and for context.Cause in the place of ctx.Err().",
			run: cancelWhileWaiting,
		},
		{
			name: "law05/cancel-in-loop",
			explain: "Cancelling in the loop ends the stream with context.Canceled, even if more of the answer lies " +
				"ready: who cancels does not want the rest. A long answer is cancelled at its first delta, and a few " +
				"events may follow. Look at the context before each event, since buffers do not.",
			run: cancelInLoop,
		},
		{
			name: "law05/cancel-in-buffer",
			explain: "An answer that is cancelled before its Finish was yielded ends with the context's error, though all " +
				"of it had come: else a cancel works or not as the network likes. A short answer is cancelled at each of " +
				"its events in turn, and once passes its deadline in the loop. Look at the context before each event, " +
				"Finish included.",
			run: cancelInBuffer,
		},
		{
			name: "law05/panic-in-loop",
			real: true,
			explain: "A panic in the loop reaches the application as it is, and what the stream held is released: the " +
				"next call works, and no goroutine is left. Look for a lock that is given back without defer after the " +
				"yield, and for a recover around it.",
			run: panicInLoop,
		},
		{
			name:  "law05/cancel-in-stall",
			needs: []Capability{Stalls},
			explain: "Cancelling ends a stream that has stopped half-way, at once, and leaves nothing behind. The " +
				"scripted stream stops for 30 s after its first delta. Look for a read of the connection that the " +
				"context does not end.",
			run: cancelInStall,
		},
		{
			name: "law05/deadline",
			explain: "A call that passes its deadline fails then, with an error that satisfies errors.Is(err, " +
				"context.DeadlineExceeded), and whose code is timeout. The scripted answer is 30 s away. Look for " +
				"errors of the client library that hide the context's.",
			run: deadline,
		},
		{
			name: "law05/never-ranged",
			explain: "A stream that is never ranged over holds nothing: nobody will ever close it. 32 are made and " +
				"dropped. Look for goroutines and connections that are started outside the function that Stream returns.",
			run: neverRanged,
		},
		{
			name: "law05/failures-release",
			explain: "A call that fails releases what it held as one that succeeds does. Calls fail before, within and " +
				"at the end of their answer, eight times each; the goroutines are counted after. Look for a return that " +
				"skips closing the body.",
			run: failuresRelease,
		},
	}
}

// warm makes the calls that a client's first connection is made with, and returns
// the goroutines that then run. It takes two turns.
func (c *run) warm(m llm.Model) stacks {
	c.Helper()
	for _, w := range ways() {
		c.must(w, m, c.ask())
	}
	return goroutines()
}

// stalled is an answer that stops for ages after its first delta.
func stalled() Turn {
	return Turn{Events: pieces(reply(llm.Text("Four degrees and raining."))), stall: ages}
}

func breakInStall(c *run) {
	m := c.model(says("a"), says("b"), stalled(), says("after"))
	base := c.warm(m)
	var tp *tape
	c.within("a loop that is left at its first delta", func() {
		tp = play(m.Stream(c.Context(), c.ask()), func(_ int, ev llm.Event) bool { return !isDelta(ev) })
	})
	c.noFault("a stream that is left", tp)
	c.settled(base)
	c.serves(m, "after", "after a stream was left")
}

// noFault checks a stream that was ranged over as far as the case wanted.
func (c *run) noFault(what string, tp *tape) {
	c.Helper()
	if tp.err != nil {
		c.Errorf("%s failed: %v", what, tp.err)
	}
	for _, f := range tp.faults {
		c.Errorf("%s: %s", what, f)
	}
}

func breakAnywhere(c *run) {
	parts := []llm.Part{llm.Text("Let me look.")}
	if !c.lacks(Tools) {
		parts = append(parts, call("call_1", "weather", `{"city":"Oslo"}`))
	}
	answer := Turn{Events: pieces(reply(parts...))}
	// How many events there are is the model's affair.
	n := len(play(c.model(answer).Stream(c.Context(), c.ask()), nil).events)
	turns := []Turn{says("a"), says("b")}
	for range n {
		turns = append(turns, answer)
	}
	m := c.model(append(turns, says("after"))...)
	base := c.warm(m)
	for at := 1; at <= n; at++ {
		tp := play(m.Stream(c.Context(), c.ask()), func(i int, _ llm.Event) bool { return i < at })
		c.noFault("a stream that is left", tp)
	}
	c.settled(base)
	c.serves(m, "after", "after streams were left")
}

func cancelledBefore(c *run) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	for _, w := range ways() {
		m := c.model(says("first"), says("first"))
		var resp *llm.Response
		var err error
		c.within(w.name, func() { resp, err = w.call(ctx, m, c.ask()) })
		c.wantCancel(w.name, err)
		if resp != nil {
			c.Errorf("%s returned a response: %s", w.name, stored(resp))
		}
		c.serves(m, "first", "after a call that was cancelled before it began")
	}
}

func (c *run) wantCancel(what string, err error) {
	c.Helper()
	if c.wantCode(what, err, llm.ErrCanceled) && !errors.Is(err, context.Canceled) {
		c.Errorf("%s: errors.Is(err, context.Canceled) does not hold: %v", what, err)
	}
}

func cancelWhileWaiting(c *run) {
	answer := says("late")
	answer.Delay = ages
	for _, w := range ways() {
		c.whileWaiting(func(wait time.Duration) (llm.Model, *requestLog) {
			m, log := c.logged(says("a"), says("b"), answer, says("after"))
			base := c.warm(m)
			ctx, cancel := context.WithCancelCause(c.Context())
			timer := time.AfterFunc(wait, func() { cancel(errors.New("the user went away")) })
			var err error
			c.withinTime(wait+promptly, w.name, func() { _, err = w.call(ctx, m, c.ask()) })
			timer.Stop()
			c.wantCancel(w.name, err)
			c.settled(base)
			return m, log
		}, "after a call was cancelled")
	}
}

// whileWaiting makes the third call of a model, which ends after some time of waiting,
// and checks that the next one is served. In a busy process the call may end before it has
// arrived, so that its turn is left over: then it is tried again with more time.
func (c *run) whileWaiting(call func(wait time.Duration) (llm.Model, *requestLog), why string) {
	c.Helper()
	waits := []time.Duration{moment, 10 * moment, 100 * moment}
	for i, wait := range waits {
		m, log := call(wait)
		if n := len(log.arrived()); n > 0 && n < 3 && i < len(waits)-1 {
			continue
		}
		c.serves(m, "after", why)
		return
	}
}

// few is how many events may follow a cancel: those that were made of one message.
const few = 3

// ended checks that a stream ended soon after an event, and not with a Finish.
func (c *run) ended(what string, tp *tape, at int) {
	c.Helper()
	for _, f := range tp.faults {
		c.Errorf("%s: %s", what, f)
	}
	if n := len(tp.events); n > at+few {
		c.Errorf("%s: %d events came after that", what, n-at)
	} else if n > at && tp.finished() {
		c.Errorf("%s: it went on to its Finish", what)
	}
}

func cancelInBuffer(c *run) {
	n := len(play(c.model(says("Four degrees.")).Stream(c.Context(), c.ask()), nil).events)
	for at := 1; at < n; at++ {
		what := fmt.Sprintf("a stream that is cancelled at its event %d of %d", at, n)
		m := c.model(says("Four degrees."), says("after"))
		ctx, cancel := context.WithCancel(c.Context())
		tp := play(m.Stream(ctx, c.ask()), func(i int, _ llm.Event) bool {
			if i == at {
				cancel()
			}
			return true
		})
		cancel()
		c.wantCancel(what, tp.err)
		c.ended(what, tp, at)
		c.serves(m, "after", "after a stream was cancelled in its loop")
	}
	const what = "a stream that passes its deadline in the loop"
	ctx, cancel := context.WithTimeout(c.Context(), 4*moment)
	defer cancel()
	tp := play(c.model(says("Four degrees.")).Stream(ctx, c.ask()), func(i int, _ llm.Event) bool {
		if i == 1 {
			<-ctx.Done()
		}
		return true
	})
	c.wantCode(what, tp.err, llm.ErrTimeout)
	c.ended(what, tp, 1)
}

func panicInLoop(c *run) {
	m := c.model(says("a"), says("b"), says("Four degrees."), says("after"))
	base := c.warm(m)
	thrown := errors.New("the loop's own")
	var caught any
	func() {
		defer func() { caught = recover() }()
		for range m.Stream(c.Context(), c.ask()) {
			panic(thrown)
		}
	}()
	if caught != thrown {
		c.Errorf("the panic of the loop came out of it as %v", caught)
	}
	c.settled(base)
	var text string
	c.within("the call after a loop that panicked", func() {
		if resp, err := m.Generate(c.Context(), c.ask()); err == nil {
			text = resp.Text()
		}
	})
	if text != "after" {
		c.Errorf("the call after a loop that panicked was answered with %q, want %q", text, "after")
	}
}

func cancelInLoop(c *run) {
	long := Turn{Events: pieces(reply(llm.Text(longText())))}
	m := c.model(says("a"), says("b"), long, says("after"))
	base := c.warm(m)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var tp *tape
	at := 0
	c.within("a stream that is cancelled in its loop", func() {
		tp = play(m.Stream(ctx, c.ask()), func(i int, ev llm.Event) bool {
			if isDelta(ev) && at == 0 {
				at = i
				cancel()
			}
			return true
		})
	})
	c.wantCancel("a stream that is cancelled in its loop", tp.err)
	c.ended("a stream that is cancelled in its loop", tp, at)
	c.settled(base)
	c.serves(m, "after", "after a stream was cancelled in its loop")
}

func cancelInStall(c *run) {
	m := c.model(says("a"), says("b"), stalled(), says("after"))
	base := c.warm(m)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var tp *tape
	c.within("a stream that is cancelled half-way", func() {
		begun := false
		tp = play(m.Stream(ctx, c.ask()), func(_ int, ev llm.Event) bool {
			if isDelta(ev) && !begun {
				begun = true
				time.AfterFunc(moment, cancel)
			}
			return true
		})
	})
	if tp.finished() {
		c.Fatal("the stream went on to its end before it was cancelled: a harness that does not play Script.Model() declares the lack Stalls")
	}
	c.wantCancel("a stream that is cancelled half-way", tp.err)
	c.settled(base)
	c.serves(m, "after", "after a stream was cancelled half-way")
}

func deadline(c *run) {
	answer := says("late")
	answer.Delay = ages
	for _, w := range ways() {
		c.whileWaiting(func(wait time.Duration) (llm.Model, *requestLog) {
			m, log := c.logged(says("a"), says("b"), answer, says("after"))
			base := c.warm(m)
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			var err error
			c.withinTime(wait+promptly, w.name, func() { _, err = w.call(ctx, m, c.ask()) })
			cancel()
			if c.wantCode(w.name, err, llm.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
				c.Errorf("%s: errors.Is(err, context.DeadlineExceeded) does not hold: %v", w.name, err)
			}
			c.settled(base)
			return m, log
		}, "after a call passed its deadline")
	}
}

func neverRanged(c *run) {
	const n = 32
	m := c.model(numbered(2 + n)...)
	base := c.warm(m)
	for range n {
		m.Stream(c.Context(), c.ask())
	}
	time.Sleep(moment)
	c.settled(base)
}

func failuresRelease(c *run) {
	const times = 8
	failure := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}
	for _, failing := range []Turn{{Err: failure}, {Events: halfway(), Err: failure}, {Events: halfway()}} {
		turns := []Turn{says("a"), says("b")}
		for range 2 * times {
			turns = append(turns, repeated(failing)...)
		}
		m := c.model(turns...)
		base := c.warm(m)
		for range times {
			for _, w := range ways() {
				if _, err := w.call(c.Context(), m, c.ask()); err == nil {
					c.Errorf("%s of a turn that fails: no error", w.name)
				}
			}
		}
		c.settled(base)
	}
}

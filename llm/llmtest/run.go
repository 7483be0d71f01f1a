package llmtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Times of the cases. In virtual time they cost nothing.
const (
	moment   = 50 * time.Millisecond // until a case cancels
	promptly = 2 * time.Second       // within which a model must react
	ages     = 30 * time.Second      // what a model that does not react waits for
)

// run is one run of a case.
type run struct {
	*testing.T
	suite *suite
	over  chan struct{} // closed at the end
	skip  string        // why it turned out that the case cannot run
	blind bool          // it could not be seen what arrived

	models    int
	problems  int
	questions atomic.Int64
}

// Errorf fails the case and says why. What goes wrong many times is told a few
// times, so that the explanation below it is found.
func (c *run) Errorf(format string, args ...any) {
	const most = 8
	c.Helper()
	switch c.problems++; {
	case c.problems <= most:
		c.T.Errorf(format, args...)
	case c.problems == most+1:
		c.T.Errorf("… and more of the kind")
	}
}

// caught reports a panic as the failure of the case, so that the other cases run.
func (c *run) caught() {
	if p := recover(); p != nil {
		c.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// skipf ends the case as skipped.
func (c *run) skipf(format string, args ...any) {
	c.skip = fmt.Sprintf(format, args...)
	c.SkipNow()
}

func (c *run) lacks(needs ...Capability) bool { return c.suite.lacks.missing(needs) != "" }

// isMiddleware says whether a middleware is tested. Some of them, such as a retry,
// rightly call the model again after a failure.
func (c *run) isMiddleware() bool { return c.suite.mw != nil }

// script returns a script with a name of its own, so that a middleware which keeps
// state for each model keeps none from one case, or one run, to the next.
func (c *run) script(turns ...Turn) Script {
	c.models++
	return Script{Name: fmt.Sprintf("%s#%d", c.Name(), c.models), Turns: turns, log: new(requestLog), over: c.over}
}

// model returns a model that plays these turns.
func (c *run) model(turns ...Turn) llm.Model {
	c.Helper()
	m, _ := c.logged(turns...)
	return m
}

// logged returns a model that plays these turns, and the log of what arrives at the
// model of the script: nothing where the harness does not play that one.
func (c *run) logged(turns ...Turn) (llm.Model, *requestLog) {
	c.Helper()
	s := c.script(turns...)
	m := c.suite.harness.New(c.T, s)
	if m == nil {
		c.suite.over = true // no case can do better
		c.Fatal("Harness.New returned a nil model: the cases after this one are not run")
	}
	return m, s.log
}

// seen returns the last request that arrived at the model of the script: nil where
// the harness does not play that one, so that it cannot be compared.
func (c *run) seen(log *requestLog) *llm.Request {
	req := log.last()
	c.blind = c.blind || req == nil
	return req
}

// ask returns a plain request. No two are the same, so that a cache has no part in
// the case.
func (c *run) ask() *llm.Request {
	text := fmt.Sprintf("Question %d of %s?", c.questions.Add(1), c.Name())
	return &llm.Request{Messages: []llm.Message{llm.UserText(text)}, MaxTokens: 1000}
}

// way is a way to call a model to the end. Most cases try both.
type way struct {
	name string
	call func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error)
}

func generate() way { return way{"Generate", generateCall} }
func collect() way  { return way{"Collect(Stream)", collectCall} }
func ways() []way   { return []way{generate(), collect()} }

func generateCall(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
	return m.Generate(ctx, req)
}

func collectCall(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

// must returns the answer of a call that has to succeed.
func (c *run) must(w way, m llm.Model, req *llm.Request) *llm.Response {
	c.Helper()
	resp, err := w.call(c.Context(), m, req)
	if err != nil {
		c.Fatalf("%s failed: %v", w.name, err)
	}
	if resp == nil {
		c.Fatalf("%s returned neither a response nor an error", w.name)
	}
	return resp
}

// serves checks that the model's next call is answered with this text: that a turn
// was not taken before its time, or that a call which ended has left the model
// usable.
func (c *run) serves(m llm.Model, want, why string) {
	c.Helper()
	resp, err := m.Generate(c.Context(), c.ask())
	if err != nil {
		c.Errorf("%s: the next call failed: %v", why, err)
		return
	}
	if got := resp.Text(); got != want {
		c.Errorf("%s: the next call was answered with %q, want %q", why, got, want)
	}
}

// wantCode checks that an error is one of the model's, with this verdict.
func (c *run) wantCode(what string, err error, want llm.Code) bool {
	c.Helper()
	if err == nil {
		c.Errorf("%s: no error, want %s", what, want)
		return false
	}
	if got := llm.CodeOf(err); got != want {
		c.Errorf("%s: the error's code is %q, want %q: %v", what, string(got), string(want), err)
		return false
	}
	if _, ok := errors.AsType[*llm.Error](err); !ok {
		c.Errorf("%s: the error is not, and does not wrap, an *llm.Error: it is a %T", what, err)
		return false
	}
	return true
}

// within runs f and ends the case where it does not return promptly. F must not
// fail the case itself.
func (c *run) within(what string, f func()) {
	c.Helper()
	c.withinTime(promptly, what, f)
}

// withinTime is within for what may take longer.
func (c *run) withinTime(limit time.Duration, what string, f func()) {
	c.Helper()
	before := goroutines()
	start := time.Now()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case p := <-done:
		if p != nil {
			c.Fatalf("%s: panic: %v", what, p)
		}
	case <-timer.C:
		c.Fatalf("%s has not returned after %v; its goroutines are here:\n%s", what, time.Since(start), goroutines().beyond(before))
	}
}

// tape is what came out of a stream.
type tape struct {
	events []llm.Event
	at     []time.Duration // when they came
	err    error           // the first error
	faults []string        // what breaks the protocol of a sequence
}

// finished says whether the last event is a Finish.
func (tp *tape) finished() bool {
	if len(tp.events) == 0 {
		return false
	}
	_, ok := tp.events[len(tp.events)-1].(*llm.Finish)
	return ok
}

// play ranges over a stream with a yield of its own, so that a sequence which goes
// on after its error, or after it was told to stop, is noted and does not crash the
// test. The loop is left once keep returns false; a nil keep never leaves it.
func play(seq iter.Seq2[llm.Event, error], keep func(n int, ev llm.Event) bool) *tape {
	tp := &tape{}
	if seq == nil {
		tp.faults = append(tp.faults, "Stream returned a nil sequence")
		return tp
	}
	start := time.Now()
	stopped := false
	seq(func(ev llm.Event, err error) bool {
		switch {
		case stopped:
			tp.faults = append(tp.faults, "the stream went on after the loop over it was left")
			return false
		case tp.err != nil:
			tp.faults = append(tp.faults, fmt.Sprintf("after its error the stream yielded (%T, %v)", ev, err))
			return true
		case err != nil:
			if ev != nil {
				tp.faults = append(tp.faults, fmt.Sprintf("the error came with a %T; the event must be nil", ev))
			}
			tp.err = err
			return true // a sequence that has ended does not look at this
		case ev == nil:
			tp.faults = append(tp.faults, "a nil event without an error")
			return true
		}
		tp.events = append(tp.events, ev)
		tp.at = append(tp.at, time.Since(start))
		if keep != nil && !keep(len(tp.events), ev) {
			stopped = true
			return false
		}
		return true
	})
	return tp
}

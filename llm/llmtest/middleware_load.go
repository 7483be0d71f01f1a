package llmtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// loadCases are the middleware's cases of many calls, and of long streams.
func loadCases() []testCase {
	return []testCase{
		{
			name: "middleware/allocations",
			explain: "A stream costs a wrapper no memory for each of its events: eight layers and a thousand events a second " +
				"for each user add up. The allocations of a stream of 4,100 events are counted, and those of one of 100 " +
				"taken off. A buffer that grows by doubling is allowed (under 0.05 allocations an event). Look for an " +
				"event that is copied, for a closure, a timer or a context made in the loop, and for arguments of a log " +
				"that is off.",
			run: allocatesNothingPerEvent,
		},
		{
			name: "middleware/concurrency",
			real: true, // a lock that is held would stop the clock of a bubble
			explain: "Many call one wrapped model at the same time and each gets the answer to its own question, from one " +
				"call of the model. 64 goroutines call Generate and Stream; some leave streams and cancel calls meanwhile. " +
				"All end, and nothing is left running. Look for state of a call that is kept in the wrapper, and for " +
				"permits that are lost when two things happen at once. Run with -race too.",
			run: servesMany,
		},
		{
			name: "middleware/reentrant",
			real: true,
			explain: "No lock is held while the model works or the loop runs: a model that takes a minute would stop all " +
				"callers, and an application that calls the model within its loop, as agents do, would stop for ever. " +
				"Another call is made from within the model, and from within the loop. It is answered, or, where a limit " +
				"lets only one run at a time, ends with its context. Look for a mutex that is held over next.Generate or " +
				"yield.",
			run: holdsNoLock,
		},
		{
			name: "middleware/unranged",
			explain: "Stream takes nothing before it is ranged over: no permit, no tokens of a limit, no slot of a probe. " +
				"Nobody would give them back. 1,000 streams are made and dropped, and the next call must be served at " +
				"once. Look for work outside of the function that Stream returns.",
			run: takesNothingUnranged,
		},
	}
}

func allocatesNothingPerEvent(c *run) {
	const (
		short, long = 100, 4100
		room        = 0.05 // for buffers that grow by doubling
		tries       = 20   // until one is not disturbed by the rest of the process
	)
	// perEvent is the least number of allocations for an event more, of some tries. It
	// stops trying once that is below what was asked for.
	perEvent := func(wrap llm.Middleware, enough float64) float64 {
		few, many := wrap(c.premade(short)), wrap(c.premade(long))
		c.allocations(few, short) // a first call may set things up
		c.allocations(many, long)
		least := [2]float64{math.Inf(1), math.Inf(1)}
		per := math.Inf(1)
		for try := 0; try < tries && per >= enough; try++ {
			least[0] = min(least[0], c.allocations(few, short))
			least[1] = min(least[1], c.allocations(many, long))
			per = (least[1] - least[0]) / (long - short)
		}
		return per
	}
	bare := perEvent(func(next llm.Model) llm.Model { return next }, room)
	wrapped := perEvent(func(next llm.Model) llm.Model { return apply(c.T, c.suite.mw, next) }, bare+room)
	if wrapped-bare >= room {
		c.Errorf("each event of a stream costs %.2f allocations more than without the middleware", wrapped-bare)
	}
}

// allocations is how many a stream of so many events takes.
func (c *run) allocations(m llm.Model, events int) float64 {
	c.Helper()
	req, seen := small(c.ask()), 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, err := range m.Stream(c.Context(), req) {
		if err != nil {
			c.Fatalf("the stream failed: %v", err)
		}
		seen++
	}
	runtime.ReadMemStats(&after)
	if seen != events {
		c.Fatalf("the stream has %d events, want %d", seen, events)
	}
	return float64(after.Mallocs - before.Mallocs)
}

// premade is a model whose streams cost nothing: it yields the same events each time.
type premade struct {
	info   llm.Info
	events []llm.Event
}

// premade returns one of so many events.
func (c *run) premade(events int) llm.Model {
	p := &premade{info: llm.Info{Provider: "llmtest", Model: c.script().Name}, events: []llm.Event{
		&llm.PartStart{Index: 0, Part: &llm.ReasoningPart{}},
		&llm.PartStart{Index: 1, Part: &llm.TextPart{}},
		&llm.PartStart{Index: 2, Part: &llm.ToolCallPart{ID: "call_1", Name: "weather"}},
		&llm.ToolCallDelta{Index: 2, Input: `{"city":"`},
	}}
	end := []llm.Event{
		&llm.ToolCallDelta{Index: 2, Input: `"}`}, &llm.PartStop{Index: 0}, &llm.PartStop{Index: 1}, &llm.PartStop{Index: 2},
		&llm.Finish{StopReason: llm.StopToolUse, Usage: llm.Usage{InputTokens: 25, OutputTokens: 7}},
	}
	for i := 0; len(p.events)+len(end) < events; i++ {
		p.events = append(p.events, []llm.Event{
			&llm.ReasoningDelta{Index: 0, Text: "Hm, "}, &llm.TextDelta{Index: 1, Text: "la "}, &llm.ToolCallDelta{Index: 2, Input: "o"},
		}[i%3])
	}
	p.events = append(p.events, end...)
	return p
}

func (p *premade) Info() llm.Info { return p.info }

func (p *premade) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(p.Stream(ctx, req))
}

func (p *premade) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for _, ev := range p.events {
			if !yield(ev, nil) {
				return
			}
		}
	})
}

func servesMany(c *run) {
	const n = 64
	e := &echo{info: llm.Info{Provider: "llmtest", Model: c.script().Name}, calls: map[string]int{}}
	m, p := c.watched(e)
	base := goroutines()
	var errs []error
	c.withinTime(ages, fmt.Sprintf("%d goroutines that call one model", n), func() {
		_, errs = parallel(n, func(i int) (string, error) { return "", c.visit(m, e, i) })
	})
	for _, err := range errs {
		if err != nil {
			c.Error(err)
		}
	}
	c.released(p, "the last of the calls")
	c.settled(base)
}

// visit calls the model in all ways, as one of many. It checks what must be true of its
// own calls, whatever the others do.
func (c *run) visit(m llm.Model, e *echo, i int) error {
	for _, w := range ways() {
		req, start := small(c.ask()), time.Now()
		resp, err := w.call(c.Context(), m, req)
		quick := time.Since(start) < moment // a hedge may take one that is slow, in a process that is busy, for a stall
		switch n := e.called(req); {
		case err != nil:
			return fmt.Errorf("one %s of many at the same time failed: %w", w.name, err)
		case resp.Text() != question(req):
			return fmt.Errorf("one %s of many at the same time asked %q and got the answer to %q", w.name, question(req), resp.Text())
		case n > 1 && quick:
			return fmt.Errorf("one %s of many at the same time called the model %d times", w.name, n)
		}
	}
	if i%4 != 0 {
		return nil
	}
	req := small(c.ask())
	tp := play(m.Stream(c.Context(), req), func(_ int, ev llm.Event) bool { return !isDelta(ev) })
	if tp.err != nil || len(tp.faults) > 0 {
		return fmt.Errorf("a stream of many that was left: error %v, faults %q", tp.err, tp.faults)
	}
	for _, w := range ways() {
		req := small(c.ask())
		ctx, cancel := context.WithCancel(c.Context())
		timer := time.AfterFunc(rand.N(2*time.Millisecond), cancel)
		resp, err := w.call(ctx, m, req)
		timer.Stop()
		cancel()
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			return fmt.Errorf("one %s of many that was cancelled failed: %w", w.name, err)
		case err == nil && resp.Text() != question(req):
			return fmt.Errorf("one %s of many asked %q and got the answer to %q", w.name, question(req), resp.Text())
		}
	}
	return nil
}

// echo is a model that answers with the question, after some short time.
type echo struct {
	info  llm.Info
	mu    sync.Mutex
	calls map[string]int // by question
}

// question is what a request of ask says.
func question(req *llm.Request) string { return req.Messages[0].Content[0].(*llm.TextPart).Text }

func (e *echo) called(req *llm.Request) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[question(req)]
}

func (e *echo) Info() llm.Info { return e.info }

func (e *echo) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(e.Stream(ctx, req))
}

func (e *echo) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if err := req.Validate(); err != nil {
			yield(nil, err)
			return
		}
		e.mu.Lock()
		e.calls[question(req)]++
		e.mu.Unlock()
		events := pieces(reply(llm.Text(question(req))))
		for i, ev := range events {
			if i == 0 || i == len(events)/2 {
				time.Sleep(rand.N(time.Millisecond))
			}
			if err := ctx.Err(); err != nil {
				yield(nil, &llm.Error{Code: llm.CodeOf(err), Op: "stream", Provider: e.info.Provider, Model: e.info.Model, Err: err})
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
	})
}

func holdsNoLock(c *run) {
	for _, outer := range ways() {
		for _, inner := range ways() {
			var m llm.Model
			var texts []string
			nested := func() {
				ctx, cancel := context.WithTimeout(c.Context(), moment)
				defer cancel()
				resp, err := inner.call(ctx, m, c.ask())
				switch {
				case err == nil:
					texts = append(texts, resp.Text())
				case ctx.Err() == nil && llm.CodeOf(err) != llm.ErrRejected:
					texts = append(texts, err.Error())
				}
			}
			busy := says("outer")
			busy.pause = func(at int) time.Duration {
				if at == 0 {
					nested()
				}
				return 0
			}
			m, _ = c.probed(append([]Turn{busy}, repeated(says("inner"))...)...)
			c.within(inner.name+" while the model works on "+outer.name, func() { outer.call(c.Context(), m, c.ask()) })
			c.within(inner.name+" in the loop over a stream", func() {
				play(m.Stream(c.Context(), c.ask()), func(i int, _ llm.Event) bool {
					if i == 1 {
						nested()
					}
					return true
				})
			})
			for _, text := range texts {
				if text != "inner" {
					c.Errorf("%s within another call was answered with %q, want %q", inner.name, text, "inner")
				}
			}
		}
	}
}

func takesNothingUnranged(c *run) {
	m, p := c.probed(says("first"))
	c.within("making streams that nobody ranges over", func() {
		for range 1000 {
			m.Stream(c.Context(), c.ask())
		}
	})
	time.Sleep(moment)
	if n := p.called(); n > 0 {
		c.Errorf("the model was called %d times before anything was ranged over", n)
	}
	var text string
	c.within("the call after streams that nobody ranged over", func() {
		if resp, err := m.Generate(c.Context(), c.ask()); err == nil {
			text = resp.Text()
		}
	})
	if text != "first" {
		c.Errorf("the call after streams that nobody ranged over was answered with %q, want %q", text, "first")
	}
}

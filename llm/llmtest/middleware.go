package llmtest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// middlewareCases are the cases of RunMiddleware beyond the laws: what a middleware
// has to pass through.
func middlewareCases() []testCase {
	return []testCase{
		{
			name: "middleware/unwrap",
			explain: "A wrapper implements Unwrap() llm.Model, so that llm.As finds the abilities of the model under " +
				"it. Without it a token counter is out of reach as soon as somebody adds a log.",
			run: unwraps,
		},
		{
			name:    "middleware/info",
			explain: "A wrapper's Info is that of the model it wraps: breakers, prices and traces are keyed by it.",
			run:     passesInfo,
		},
		{
			name: "middleware/embedding",
			explain: "A wrapper holds the next model in a named field. Where it embeds it, a method that was forgotten " +
				"compiles, and calls to it bypass the policy: mostly Stream, for months.",
			run: embedsNothing,
		},
		{
			name: "middleware/one-call",
			explain: "A call that succeeds calls the model once, be it Generate or Stream: each call costs. Look for a " +
				"Stream that is ranged over twice, or asked beside Generate.",
			run: callsOnce,
		},
		{
			name: "middleware/first-event",
			explain: "No middleware delays the events of a stream: the time to the first is what users feel. The model " +
				"stops for 30 s after its first delta, which must be out by then. Look for a stream that is collected " +
				"first, for a Stream built on Generate, and for a loop that holds one event back.",
			run: passesAtOnce,
		},
		{
			name: "middleware/errors-pass",
			explain: "An error that the middleware does not deal with passes unchanged in code, once, and with its " +
				"causes, request id and status: who debugs needs them. The scripted error is not retryable, so the " +
				"model must be called once. Look for fmt.Errorf with %v, and for a new error without the old one in Err.",
			run: errorsPass,
		},
		{
			name: "middleware/partial-passes",
			explain: "What had arrived survives a failure: Generate returns it beside the error, as the model did. Look " +
				"for `if err != nil { return nil, err }`, which is every wrapper's habit.",
			run: partialPasses,
		},
		{
			name: "middleware/events-pass",
			explain: "All events of a stream pass, in their order and unchanged, and so do those that the wrapper does " +
				"not know: ProviderDelta, UsageUpdate, and kinds that are yet to come. Finish may be replaced by one " +
				"that says more. Look for a switch whose default drops.",
			run: eventsPass,
		},
		{
			name: "middleware/response-passes",
			explain: "The response of a call that succeeds passes whole: content, usage, request id, latency, the " +
				"provider's own response and the model that served. Look for a response that is put together anew.",
			run: responsePasses,
		},
		{
			name: "middleware/request-unchanged",
			explain: "A wrapper that wants another request makes a Clone: neither the caller's request nor the one it " +
				"passed on changes afterwards. Both are compared with what they were. Look for writes to *req.",
			run: inputsUnchanged,
		},
		{
			name: "middleware/events-unchanged",
			explain: "An event belongs to nobody once yielded: a wrapper that wants another yields a new one. Those of " +
				"the model are compared with what they were. Look for assignments to the fields of an event.",
			run: innerEventsUnchanged,
		},
		{
			name: "middleware/break-passes",
			explain: "Leaving the outer loop leaves the inner one, before the outer is left: nothing is drained, and " +
				"permits and connections are free again. The model has stopped for 30 s. Look for a yield whose result " +
				"is not looked at, and for iter.Pull without its stop.",
			run: breakPasses,
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
	}
}

func unwraps(c *run) {
	m, p := c.probed(says("ok"))
	if got, ok := llm.As[*probe](m); !ok || got != p {
		c.Errorf("llm.As does not find the wrapped model under the %T that the middleware returned", m)
	}
}

func passesInfo(c *run) {
	m, p := c.probed(says("ok"))
	if got, want := m.Info(), p.Info(); got != want {
		c.Errorf("Info is %+v, want %+v", got, want)
	}
}

func embedsNothing(c *run) {
	m, p := c.probed(says("ok"))
	for m != nil && m != llm.Model(p) {
		t := reflect.TypeOf(m)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct {
			for f := range t.Fields() {
				if f.Anonymous && f.Type.Implements(reflect.TypeFor[llm.Model]()) {
					c.Errorf("%T embeds %v", m, f.Type)
				}
			}
		}
		w, ok := m.(interface{ Unwrap() llm.Model })
		if !ok {
			return
		}
		m = w.Unwrap()
	}
}

func callsOnce(c *run) {
	for _, w := range ways() {
		m, p := c.probed(says("ok"), says("again"))
		c.must(w, m, c.ask())
		p.read(func() {
			if p.calls != 1 {
				c.Errorf("%s called the model %d times, want once", w.name, p.calls)
			}
			if p.running != 0 {
				c.Errorf("%s returned before the model's call had ended", w.name)
			}
		})
	}
}

func passesAtOnce(c *run) {
	for _, first := range [][]llm.Event{nil, {&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}}} {
		turn := stalled()
		turn.Events = append(first, turn.Events...)
		m, _ := c.probed(turn)
		tp := play(m.Stream(c.Context(), c.ask()), nil)
		c.noFault("the stream", tp)
		seen := 0
		for i, ev := range tp.events {
			if !isDelta(ev) {
				continue
			}
			switch seen++; {
			case seen == 1 && tp.at[i] > promptly:
				c.Errorf("the first delta came after %v, though the model gave it at once", tp.at[i])
			case seen == 2 && tp.at[i] > ages+promptly:
				c.Errorf("the second delta came after %v, though the model gave it after %v", tp.at[i], ages)
			}
		}
		if seen == 0 {
			c.Error("the stream has no delta")
		}
	}
}

func errorsPass(c *run) {
	cause := errors.New("the cause")
	failure := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted", RequestID: "req-1", Status: 403, Err: cause}
	for _, turn := range []Turn{{Err: failure}, {Events: halfway(), Err: failure}} {
		for _, w := range ways() {
			m, p := c.probed(repeated(turn)...)
			_, err := w.call(c.Context(), m, c.ask())
			if !c.wantCode(w.name, err, llm.ErrPermissionDenied) {
				continue
			}
			if !errors.Is(err, cause) {
				c.Errorf("%s: the cause is lost: %v", w.name, err)
			}
			if !slices.ContainsFunc(tree(err), func(err error) bool {
				e, ok := err.(*llm.Error)
				return ok && e.RequestID == "req-1" && e.Status == 403
			}) {
				c.Errorf("%s: the request id or the status is lost: %v", w.name, err)
			}
			p.read(func() {
				if p.calls != 1 {
					c.Errorf("%s: an error that is not retryable, and the model was called %d times", w.name, p.calls)
				}
			})
		}
		m, _ := c.probed(repeated(turn)...)
		for _, f := range play(m.Stream(c.Context(), c.ask()), nil).faults {
			c.Errorf("Stream: %s", f)
		}
	}
}

func partialPasses(c *run) {
	turn := Turn{Events: append([]llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}}, halfway()...),
		Err: &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}}
	m, p := c.probed(turn, turn)
	got, err := m.Generate(c.Context(), c.ask())
	if err == nil {
		c.Error("no error")
	}
	want, _ := p.next.Generate(c.Context(), c.ask())
	c.same("the partial response beside the error", normal(want), normal(got))
}

func eventsPass(c *run) {
	events := append([]llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}},
		pieces(calling(llm.Text("Let me look."), call("call_1", "weather", exactArguments)))...)
	events = slices.Insert(events, 3,
		llm.Event(&llm.ProviderDelta{Index: 0, Provider: "llmtest", Kind: "delta", Data: json.RawMessage(`{"n":1.50}`)}),
		llm.Event(&llm.ProviderDelta{Index: -1, Kind: "of_a_later_release", Data: json.RawMessage(`{"type":"of_a_later_release"}`)}))
	m, _ := c.probed(Turn{Events: events})
	var passed []string // as they were when they came
	tp := play(m.Stream(c.Context(), c.ask()), func(_ int, ev llm.Event) bool {
		passed = append(passed, stored(ev))
		return true
	})
	c.noFault("the stream", tp)
	for i := range max(len(events), len(tp.events)) {
		switch {
		case i >= len(tp.events):
			c.Errorf("the stream has %d events, want %d: the next is %s", i, len(events), stored(events[i]))
			return
		case i >= len(events):
			c.Errorf("the stream has %d events, want %d: the next is %s", len(tp.events), i, passed[i])
			return
		}
		_, inner := events[i].(*llm.Finish)
		_, outer := tp.events[i].(*llm.Finish)
		if inner && outer {
			continue
		}
		if !c.same("an event that passed", stored(events[i]), passed[i]) {
			return
		}
	}
}

func responsePasses(c *run) {
	type own struct{ id string }
	raw := &own{"raw"}
	resp := calling(llm.Text("Let me look."), call("call_1", "weather", exactArguments))
	resp.Provider, resp.Model, resp.RequestID, resp.RawStopReason = "llmtest", "served", "req-1", "tool_calls"
	resp.Latency, resp.Raw = 42*time.Millisecond, raw
	resp.Warnings = []llm.Warning{{Code: llm.WarningDropped, Field: "top_k", Message: "no such setting"}}
	m, _ := c.probed(Turn{Response: resp}, Turn{Response: resp})
	for _, w := range ways() {
		got := c.must(w, m, c.ask())
		c.same(w.name, stored(resp), stored(got))
		if got.Raw != any(raw) {
			c.Errorf("%s: Raw is %v, want the provider's own response", w.name, got.Raw)
		}
	}
}

func inputsUnchanged(c *run) {
	for _, w := range ways() {
		m, p := c.probed(says("ok"), says("again"))
		got, want := full(c.suite.lacks), full(c.suite.lacks)
		c.must(w, m, got)
		if c.same("the caller's request after "+w.name, stored(want), stored(got)) && !reflect.DeepEqual(spread(got), spread(want)) {
			c.Errorf("%s has written into the array behind a slice of the caller's request", w.name)
		}
		// What it passed on may be its own, but the model may still hold it.
		c.must(w, m, c.ask())
		p.read(func() {
			for _, r := range p.requests {
				c.same("the request that "+w.name+" passed on, after the call", r.then, stored(r.value))
			}
		})
	}
}

func innerEventsUnchanged(c *run) {
	for _, a := range corpus() {
		m, p := c.probed(a.turns()...)
		for range a.turns() {
			for _, err := range m.Stream(c.Context(), c.ask()) {
				if err != nil {
					c.Errorf("the stream of %s failed: %v", a.name, err)
				}
			}
		}
		p.read(func() {
			for _, ev := range p.events {
				if now := stored(ev.value); now != ev.then {
					c.Errorf("a %T of the stream of %s was changed after the model yielded it: %s", ev.value, a.name, diff(ev.then, now))
					return
				}
			}
		})
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

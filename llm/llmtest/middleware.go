package llmtest

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// middlewareCases are the cases of RunMiddleware beyond the laws.
func middlewareCases() []testCase {
	return slices.Concat(passingCases(), failureCases(), releaseCases(), loadCases())
}

// passingCases check what a middleware has to pass on when all goes well.
func passingCases() []testCase {
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
			name: "middleware/every-event",
			explain: "Every event passes when it comes, not only the first. The model takes 5 s for each but the first. Look for a " +
				"buffer that is passed on when it is full, and for a ticker.",
			run: passesEachAtOnce,
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

func passesEachAtOnce(c *run) {
	const pace = 5 * time.Second
	events := []llm.Event{
		&llm.PartStart{Index: 0, Part: &llm.TextPart{}}, &llm.TextDelta{Index: 0, Text: "Four"}, &llm.TextDelta{Index: 0, Text: " degrees."},
		&llm.ProviderDelta{Index: -1, Provider: "llmtest", Kind: "ping"}, &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}},
		&llm.PartStop{Index: 0}, &llm.Finish{StopReason: llm.StopEndTurn},
	}
	m, _ := c.probed(Turn{Events: events, pause: func(at int) time.Duration { return min(pace, time.Duration(at)*pace) }})
	tp := play(m.Stream(c.Context(), c.ask()), nil)
	c.noFault("the stream", tp)
	for i, at := range tp.at {
		if given := time.Duration(i) * pace; at > given+promptly {
			c.Errorf("event %d, a %T, came after %v, though the model gave it after %v", i+1, tp.events[i], at, given)
		}
	}
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
	resp.Warnings = []llm.Warning{
		{Code: llm.WarningDropped, Field: "top_k", Message: "no such setting"}, {Code: llm.WarningClamped, Field: "max_tokens", Message: "too many"}}
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

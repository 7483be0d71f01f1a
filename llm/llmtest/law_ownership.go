package llmtest

import (
	"fmt"

	"github.com/parley-sdk/parley/llm"
)

// law11: responses belong to the caller, events to nobody.
func law11() []testCase {
	return []testCase{
		{
			name: "law11/response-owned",
			explain: "A returned response belongs to the caller, who may change everything in it but the bytes of its " +
				"payloads; whoever keeps it keeps a Clone. The same answer is asked for again after the first was " +
				"vandalised. Look for caches, recorders and scripts that hand out their own copy.",
			run: responseOwned,
		},
		{
			name: "law11/events-immutable",
			explain: "An event, and the part in it, never changes once yielded: consumers keep them, in recorders, " +
				"hedges and goroutines. Each event is compared with what it was when it came. Look for an event that is " +
				"reused for the next one, for a PartStart whose part is the one being built, and for wrappers that edit " +
				"events in place.",
			run: eventsImmutable,
		},
	}
}

// rich is an answer with much to change.
func (c *run) rich() *llm.Response {
	text := llm.Text("Rain is likely.")
	if !c.lacks(Citations) {
		text.Citations = []llm.Citation{{Kind: "document_char", Title: "forecast", Text: "rain", Document: new(0), Start: new(0), End: new(4)}}
	}
	if c.lacks(Tools) {
		return reply(text)
	}
	return calling(text, call("call_1", "weather", `{"city":"Oslo"}`))
}

func responseOwned(c *run) {
	for _, w := range ways() {
		script := c.rich()
		before := stored(script)
		turn := Turn{Response: script}
		m := c.model(turn, turn, turn)
		req := c.ask()
		first := c.must(w, m, req)
		want := answered(first)
		vandalise(first)
		for _, again := range ways() {
			// The same request, so that a cache may answer it.
			c.same(fmt.Sprintf("%s after the response of %s was changed", again.name, w.name), want, answered(c.must(again, m, req)))
		}
		c.same(w.name+": the response of the script after one that was returned was changed", before, stored(script))
	}
}

// vandalise changes everything in a response that belongs to the caller.
func vandalise(r *llm.Response) {
	for i, p := range r.Message.Content {
		switch p := p.(type) {
		case *llm.TextPart:
			p.Text = "vandalised"
			for i := range p.Citations {
				c := &p.Citations[i]
				c.Title = "vandalised"
				for _, n := range []*int{c.Document, c.Start, c.End} {
					if n != nil {
						*n = -1
					}
				}
			}
			p.Citations = append(p.Citations[:0], llm.Citation{Title: "vandalised"})
		case *llm.ToolCallPart:
			p.ID, p.Name, p.Input, p.Malformed = "vandalised", "vandalised", nil, "vandalised"
		}
		r.Message.Content[i] = llm.Text("vandalised")
	}
	for i := range r.Warnings {
		r.Warnings[i].Message = "vandalised"
	}
	r.Message.Role, r.StopReason, r.Usage = "vandalised", llm.StopOther, llm.Usage{OutputTokens: -1}
}

func eventsImmutable(c *run) {
	c.eachAnswer(func(a answer, m llm.Model) {
		var events []llm.Event
		var then []string
		for range a.turns() {
			tp := play(m.Stream(c.Context(), c.ask()), func(_ int, ev llm.Event) bool {
				then = append(then, stored(ev))
				return true
			})
			c.noFault("the stream of "+a.name, tp)
			events = append(events, tp.events...)
			// What is built of the events must not be built in them.
			var acc llm.Accumulator
			for _, ev := range tp.events {
				if err := acc.Add(ev); err != nil {
					break // law 6
				}
			}
			vandalise(acc.Response())
		}
		for i, ev := range events {
			if now := stored(ev); now != then[i] {
				c.Errorf("event %d of the streams of %s, a %T, has changed since it came: %s", i, a.name, ev, diff(then[i], now))
				return
			}
		}
	})
}

package fake

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Turn is one answer of a script; see [New]. It is a value: its methods return a
// changed copy, and a turn may stand in several scripts. What was put into a turn is
// copied, so that later changes to it do not reach the script. The zero Turn is an
// answer without content.
//
// A turn that cannot be played, such as Fail(nil), makes every call of its model
// fail with an [llm.ErrInternal] that names it.
type Turn struct {
	response *llm.Response // never changed, since copies of the turn share it
	events   []llm.Event   // likewise
	asEvents bool          // play events instead of response

	err   error // ends the turn, in the place of Finish
	usage *llm.Usage
	stop  llm.StopReason
	delay time.Duration
	chunk int  // runes a delta; 0 = defaultChunk
	cut   bool // after at most so many events:
	cutAt int
	stall bool    // instead of the error
	pace  float64 // tokens a second; 0 = at once

	matchers []Matcher // all must match
	times    int       // 0 = once
	always   bool

	faults string // why the turn cannot be played
}

// Text answers with a text.
func Text(s string) Turn { return Parts(llm.Text(s)) }

// ToolCall answers with the call of a tool. The calls of a model are numbered: their
// ids are call_1, call_2, in the order in which they are made, but for ids that the
// request has already.
//
// An input of type json.RawMessage, []byte or string is JSON and taken as it is; where
// it is not valid the call is malformed, see [llm.ToolCallPart]. Nil is {}. Anything
// else is encoded with json.Marshal.
func ToolCall(name string, input any) Turn {
	p := &llm.ToolCallPart{Name: name}
	var fault string
	switch v := input.(type) {
	case json.RawMessage:
		p.Input = v
	case []byte:
		p.Input = v
	case string:
		p.Input = json.RawMessage(v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			fault = "ToolCall: an input that json.Marshal refuses"
		}
		p.Input = b
	}
	if p.Input == nil || isNil(input) {
		p.Input = json.RawMessage("{}")
	}
	if name == "" {
		fault = "ToolCall: no name"
	}
	return Parts(p).faulty(fault)
}

// Parts answers with several parts, such as reasoning, text and tool calls. A tool
// call without an id is given the next one, as with [ToolCall].
func Parts(parts ...llm.Part) Turn {
	return Response(&llm.Response{Message: llm.Message{Content: parts}})
}

// Response answers with a response of your making. One that has a stop reason counts
// as whole, and is played as it is: usage, warnings, request id and all. In one that
// has none, what it leaves open is filled in as for any turn: the stop reason, the
// ids of tool calls, provider and model, the request id and the usage.
func Response(r *llm.Response) Turn {
	if r == nil {
		return Turn{}.faulty("Response: nil")
	}
	t := Turn{response: copyResponse(r)}
	if i, ok := nilPart(r.Message.Content); ok {
		t = t.faulty(fmt.Sprintf("content[%d]: nil part", i))
	}
	return t
}

// Events answers with these events as they are, legal or not: it is for tests of
// code that reads streams. Where no *llm.Finish is among them the stream ends as
// incomplete. WithUsage, StopWith and Chunk do not apply.
func Events(events ...llm.Event) Turn {
	t := Turn{events: copyEvents(events), asEvents: true}
	for i, ev := range events {
		if isNil(ev) {
			return t.faulty(fmt.Sprintf("events[%d]: nil event", i))
		}
	}
	return t
}

// Fail answers with an error, before any event. An [*llm.Error] is returned as it is,
// after [llm.Redact] where its message quotes something. Any other error is wrapped
// in one of the same code, llm.CodeOf(err); errors.Is finds it, but its text is not
// printed. Fail(llm.ErrRateLimited) is a failure of that kind.
func Fail(err error) Turn { return Turn{}.ThenFail(err) }

// ThenFail plays the turn without its Finish, and then fails with err, as [Fail]
// does. With [Turn.CutAfter] the error comes after that many events. The usage so
// far is told before the error, as an estimate.
func (t Turn) ThenFail(err error) Turn {
	if isNil(err) || err == llm.Code("") { // the latter is llm.CodeOf(nil)
		return t.faulty("Fail: nil error")
	}
	t.err = err
	return t
}

// CutAfter breaks the answer off after n events, of which the first is the start of a
// part: what follows is an error, by default [llm.ErrIncomplete]. The answer is cut in
// any case: where n is larger than the number of events, just before Finish. n is 0 or
// more.
func (t Turn) CutAfter(n int) Turn {
	if n < 0 {
		return t.faulty("CutAfter: a negative number of events")
	}
	t.stall, t.cut, t.cutAt = false, true, n
	return t
}

// WithUsage sets the usage that the answer reports, zero included. By default it is
// estimated; see the package comment. Where the answer fails, it is what was used
// until then.
func (t Turn) WithUsage(u llm.Usage) Turn {
	t.usage = &u
	return t.notOfEvents("WithUsage")
}

// StopWith sets the stop reason. By default it is StopToolUse where the answer calls
// tools, and StopEndTurn where it does not.
func (t Turn) StopWith(reason llm.StopReason) Turn {
	t.stop = reason
	return t.notOfEvents("StopWith")
}

// Chunk sets the size of the deltas of text, reasoning and tool arguments: at most n
// runes each, n being 1 or more. The default is 12.
func (t Turn) Chunk(n int) Turn {
	if n < 1 {
		return t.faulty("Chunk: fewer than one rune")
	}
	t.chunk = n
	return t.notOfEvents("Chunk")
}

// Delay lets d pass before the answer begins, with Generate and with Stream. A
// context that ends meanwhile ends the call.
func (t Turn) Delay(d time.Duration) Turn {
	if d < 0 {
		return t.faulty("Delay: negative")
	}
	t.delay = d
	return t
}

// Pace lets the answer come at so many tokens a second, more than 0, with Generate and
// with Stream. A token is four bytes of text, reasoning or tool arguments, as in the
// estimated usage.
func (t Turn) Pace(tokensPerSecond float64) Turn {
	if !(tokensPerSecond > 0) {
		return t.faulty("Pace: not more than 0 tokens a second")
	}
	t.pace = tokensPerSecond
	return t
}

// StallAfter lets the answer come to a stop after n events, counted as by
// [Turn.CutAfter], until the context ends; the error is that of the context. It goes
// before [Turn.ThenFail]; of StallAfter and CutAfter the last one counts.
func (t Turn) StallAfter(n int) Turn {
	if n < 0 {
		return t.faulty("StallAfter: a negative number of events")
	}
	t.stall, t.cut, t.cutAt = true, true, n
	return t
}

// Times plays the turn for n calls, 1 or more, before it is used up.
// Fail(err).Times(2) before Text("hello") fails twice and then succeeds.
func (t Turn) Times(n int) Turn {
	if n < 1 {
		return t.faulty("Times: less than once")
	}
	t.times, t.always = n, false
	return t
}

// Always plays the turn for ever: it is never used up, and [Model.AssertExhausted]
// does not ask for it. It comes last in a script, or has matchers.
func (t Turn) Always() Turn {
	t.times, t.always = 0, true
	return t
}

func (t Turn) notOfEvents(method string) Turn {
	if t.asEvents {
		return t.faulty(method + ": does not apply to Events")
	}
	return t
}

// faulty notes why a turn cannot be played; "" notes nothing.
func (t Turn) faulty(why string) Turn {
	switch {
	case why == "":
	case t.faults == "":
		t.faults = why
	default:
		t.faults += "; " + why
	}
	return t
}

// content is what the turn answers with, for descriptions.
func (t Turn) content() []llm.Part {
	if t.response == nil {
		return nil
	}
	return t.response.Message.Content
}

// take makes the turn's answer to a call.
func (t Turn) take(c *call) take {
	k := take{delay: t.delay, pace: t.pace, stall: t.stall, usage: t.usage}
	if t.asEvents {
		k.events = copyEvents(t.events)
	} else {
		k.events = responseEvents(t.answer(c), t.chunk)
	}
	if t.err == nil && !t.cut {
		return k
	}
	k.events = beforeFinish(k.events)
	if t.cut {
		k.events = k.events[:min(t.cutAt, len(k.events))]
	}
	if t.err != nil {
		k.err = c.typed(t.err)
	}
	if len(k.events) == 0 && t.usage != nil {
		k.events = append(k.events, &llm.UsageUpdate{Usage: asEstimate(*t.usage)})
	}
	return k
}

// answer is the response of the turn, complete.
func (t Turn) answer(c *call) *llm.Response {
	r := new(llm.Response)
	if t.response != nil {
		r = copyResponse(t.response)
	}
	whole := r.StopReason != ""
	if t.stop != "" {
		r.StopReason, r.RawStopReason = t.stop, string(t.stop)
	}
	if !whole {
		c.complete(r)
	}
	if t.usage != nil {
		r.Usage = *t.usage
	}
	return r
}

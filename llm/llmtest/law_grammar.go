package llmtest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// law06: the grammar of events.
func law06() []testCase {
	return []testCase{
		{
			name: "law06/grammar",
			explain: "Part indices are dense and ascend where parts start; text, reasoning and tool input arrive in " +
				"deltas only, between the start and the stop of their part; every part stops before Finish. Consumers keep " +
				"their parts in a slice and print deltas as they come: an index that jumps or a text in PartStart is lost " +
				"on them, and a part that never stops is never shown as whole. All answers of " +
				"the corpus are streamed. Look at blocks that the wire does not announce, and at indices of the wire " +
				"that count other things too.",
			run: grammatical,
		},
		{
			name: "law06/runes",
			explain: "A backend never splits a rune between two deltas: terminals and browsers show each delta as it " +
				"comes, and half a rune becomes U+FFFD for good. The script sends pieces that are whole. Look for bytes " +
				"that are cut at the size of a buffer; keep the incomplete end for the next delta.",
			run: wholeRunes,
		},
		{
			name: "law06/interleaved",
			explain: "Parts may interleave: deltas belong to the part of their index, not to the one that started last. " +
				"The scripted stream has two parts open at a time. Look for a decoder or an accumulator that keeps one " +
				"current part.",
			run: interleaved,
		},
		{
			name: "law06/usage-first",
			explain: "A *UsageUpdate may come before the first part, and the usage of Finish supersedes it: updates are " +
				"not added up. Look for a consumer that takes the first event for a part, or sums updates.",
			run: usageFirst,
		},
	}
}

func grammatical(c *run) {
	c.eachAnswer(func(a answer, m llm.Model) {
		for range a.turns() {
			tp := play(m.Stream(c.Context(), c.ask()), nil)
			for _, f := range grammarFaults(tp.events) {
				c.Errorf("the stream of %s: %s", a.name, f)
			}
		}
	})
}

// grammarFaults checks the events of a stream that succeeded. It is not built on
// the Accumulator, so that the two check each other.
func grammarFaults(events []llm.Event) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var parts []llm.Part
	stopped := map[int]bool{}
	finished := false
	// delta checks the index of an event that belongs to a part, and its kind.
	delta := func(ev llm.Event, i int, fits func(llm.Part) bool) {
		switch {
		case i < 0 || i >= len(parts):
			fault("%T at index %d, where no part has started", ev, i)
		case stopped[i]:
			fault("%T at index %d, where the part has stopped", ev, i)
		case !fits(parts[i]):
			fault("%T at index %d, where the part is a %T", ev, i, parts[i])
		}
	}
	for n, ev := range events {
		if finished {
			fault("event %d, a %T, comes after Finish", n, ev)
		}
		switch ev := ev.(type) {
		case *llm.PartStart:
			if ev.Index != len(parts) {
				fault("PartStart at index %d, where %d is next", ev.Index, len(parts))
			}
			if why := startFault(ev.Part); why != "" {
				fault("PartStart at index %d: %s", ev.Index, why)
			}
			parts = append(parts, ev.Part)
		case *llm.TextDelta:
			delta(ev, ev.Index, isA[*llm.TextPart])
		case *llm.CitationDelta:
			delta(ev, ev.Index, isA[*llm.TextPart])
		case *llm.ReasoningDelta:
			delta(ev, ev.Index, isA[*llm.ReasoningPart])
		case *llm.ToolCallDelta:
			delta(ev, ev.Index, isA[*llm.ToolCallPart])
		case *llm.MediaDelta:
			delta(ev, ev.Index, isA[*llm.MediaPart])
		case *llm.ProviderDelta:
			if ev.Index < -1 || ev.Index >= len(parts) {
				fault("ProviderDelta at index %d, where no part has started; -1 says that it belongs to none", ev.Index)
			}
		case *llm.PartStop:
			delta(ev, ev.Index, isA[llm.Part])
			stopped[ev.Index] = true
		case *llm.Finish:
			finished = true
			for i := range parts {
				if !stopped[i] {
					fault("the part at index %d has no PartStop", i)
				}
			}
		}
	}
	return faults
}

func isA[T llm.Part](p llm.Part) bool {
	_, ok := p.(T)
	return ok
}

// startFault says what is wrong with the part of a PartStart.
func startFault(p llm.Part) string {
	switch p := p.(type) {
	case nil:
		return "it has no part"
	case *llm.TextPart:
		if p.Text != "" {
			return "its text has content, which must come in deltas"
		}
	case *llm.ReasoningPart:
		if p.Text != "" || p.Signature != "" || len(p.Redacted) > 0 {
			return "its reasoning has content, which must come in deltas"
		}
	case *llm.ToolCallPart:
		if len(p.Input) > 0 || p.Malformed != "" {
			return "its tool call has input, which must come in deltas"
		}
		if p.ID == "" || p.Name == "" {
			return "its tool call has no id or no name"
		}
	}
	return ""
}

func wholeRunes(c *run) {
	text := strings.Repeat(unicodeText, 20) + everywhere()
	parts := []llm.Part{llm.Text(text)}
	if !c.lacks(Reasoning) {
		parts = append([]llm.Part{&llm.ReasoningPart{Text: text}}, parts...)
	}
	if !c.lacks(Tools) {
		parts = append(parts, call("call_1", "weather", exactArguments))
	}
	m := c.model(Turn{Events: pieces(reply(parts...))}, Turn{Response: reply(parts...)})
	for range 2 {
		tp := play(m.Stream(c.Context(), c.ask()), nil)
		c.noFault("the stream", tp)
		for i, ev := range tp.events {
			var text string
			switch ev := ev.(type) {
			case *llm.TextDelta:
				text = ev.Text
			case *llm.ReasoningDelta:
				text = ev.Text
			case *llm.ToolCallDelta:
				text = ev.Input
			}
			if !utf8.ValidString(text) {
				c.Errorf("event %d, a %T, holds part of a rune: %q", i, ev, text)
			}
		}
	}
}

// everywhere is a text that cannot be cut at regular places, up to 4 KiB apart, without
// cutting a rune: in each quarter its runes of four bytes begin at another remainder.
func everywhere() string {
	return strings.Repeat("|"+strings.Repeat("🌲", 2048), 4)
}

func interleaved(c *run) {
	if c.lacks(Tools) && c.lacks(SeveralTexts) {
		c.skipf("lacks tools and several_texts: an answer has one part")
	}
	second := llm.Part(call("call_1", "weather", ""))
	delta := func(s string) llm.Event { return &llm.ToolCallDelta{Index: 1, Input: s} }
	want := llm.Part(call("call_1", "weather", `{"city":"Oslo"}`))
	if c.lacks(Tools) {
		second = llm.Text("")
		delta = func(s string) llm.Event { return &llm.TextDelta{Index: 1, Text: s} }
		want = llm.Text(`{"city":"Oslo"}`)
	}
	usage := llm.Usage{InputTokens: 25, OutputTokens: 7}
	events := []llm.Event{
		&llm.PartStart{Index: 0, Part: &llm.TextPart{}},
		&llm.TextDelta{Index: 0, Text: "Let me "},
		&llm.PartStart{Index: 1, Part: second},
		delta(`{"city":`),
		&llm.TextDelta{Index: 0, Text: "look"},
		delta(`"Oslo"`),
		&llm.TextDelta{Index: 0, Text: "."},
		&llm.PartStop{Index: 0},
		delta(`}`),
		&llm.PartStop{Index: 1},
		&llm.Finish{StopReason: llm.StopToolUse, Usage: usage},
	}
	if c.lacks(Tools) {
		events[len(events)-1] = &llm.Finish{StopReason: llm.StopEndTurn, Usage: usage}
	}
	m := c.model(Turn{Events: events}, Turn{Events: events}, Turn{Events: events})
	for _, w := range ways() {
		resp := c.must(w, m, c.ask())
		c.same(w.name+" of parts that interleave", stored(reply(llm.Text("Let me look."), want).Message), stored(resp.Message))
	}
	for _, f := range grammarFaults(play(m.Stream(c.Context(), c.ask()), nil).events) {
		c.Errorf("%s", f)
	}
}

func usageFirst(c *run) {
	resp := reply(llm.Text("Four degrees."))
	events := append([]llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25, OutputTokens: 1}}}, pieces(resp)...)
	m := c.model(Turn{Events: events}, Turn{Events: events}, Turn{Events: events})
	for _, w := range ways() {
		c.same(w.name+" of a stream that begins with its usage", answered(resp), answered(c.must(w, m, c.ask())))
	}
	for _, f := range grammarFaults(play(m.Stream(c.Context(), c.ask()), nil).events) {
		c.Errorf("%s", f)
	}
}

package fake

import (
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// defaultChunk is some three tokens, so that anything longer than a few words comes
// in several deltas.
const defaultChunk = 12 // runes

// responseEvents streams a whole answer as [llm.Response.Events] does, but in deltas
// of at most chunk runes; 0 is the default.
func responseEvents(r *llm.Response, chunk int) []llm.Event {
	if chunk == 0 {
		chunk = defaultChunk
	}
	var out []llm.Event
	for ev, err := range r.Events() {
		if err != nil {
			break // of a response that was cut, which has no Finish either
		}
		switch ev := ev.(type) {
		case *llm.TextDelta:
			for _, s := range pieces(ev.Text, chunk) {
				out = append(out, &llm.TextDelta{Index: ev.Index, Text: s})
			}
		case *llm.ReasoningDelta:
			for _, s := range pieces(ev.Text, chunk) {
				out = append(out, &llm.ReasoningDelta{Index: ev.Index, Text: s})
			}
			// The signature comes after the reasoning that it signs.
			if ev.Signature != "" || len(ev.Redacted) > 0 {
				out = append(out, &llm.ReasoningDelta{Index: ev.Index, Signature: ev.Signature, Redacted: ev.Redacted})
			}
		case *llm.ToolCallDelta:
			for _, s := range pieces(ev.Input, chunk) {
				out = append(out, &llm.ToolCallDelta{Index: ev.Index, Input: s})
			}
		default:
			out = append(out, ev)
		}
	}
	return out
}

// pieces cuts s into strings of at most n runes.
func pieces(s string, n int) []string {
	var out []string
	start, runes := 0, 0
	for i := range s {
		if runes == n {
			out = append(out, s[start:i])
			start, runes = i, 0
		}
		runes++
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// beforeFinish is a stream up to its end, without it.
func beforeFinish(events []llm.Event) []llm.Event {
	for i, ev := range events {
		if _, ok := ev.(*llm.Finish); ok {
			return slices.Clip(events[:i])
		}
	}
	return events
}

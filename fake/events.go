package fake

import (
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// defaultChunk is some three tokens, so that anything longer than a few words comes
// in several deltas.
const defaultChunk = 12 // runes

// responseEvents streams a whole answer, in deltas of at most chunk runes; 0 is the default.
func responseEvents(r *llm.Response, chunk int) []llm.Event {
	return append(partEvents(r.Message.Content, chunk), &llm.Finish{
		StopReason: r.StopReason, RawStopReason: r.RawStopReason, Usage: r.Usage,
		Provider: r.Provider, Model: r.Model, RequestID: r.RequestID, Latency: r.Latency,
		Warnings: r.Warnings, Raw: r.Raw,
	})
}

// partEvents streams the parts of an answer one after the other. Text, reasoning and
// tool arguments come in deltas only, as law 6 of [llm.Model] says; a signature comes
// after the reasoning that it signs.
func partEvents(parts []llm.Part, chunk int) []llm.Event {
	if chunk == 0 {
		chunk = defaultChunk
	}
	var out []llm.Event
	add := func(ev llm.Event) { out = append(out, ev) }
	for i, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			add(&llm.PartStart{Index: i, Part: &llm.TextPart{Opaque: p.Opaque}})
			for _, s := range pieces(p.Text, chunk) {
				add(&llm.TextDelta{Index: i, Text: s})
			}
			for _, c := range p.Citations {
				add(&llm.CitationDelta{Index: i, Citation: c})
			}
		case *llm.ReasoningPart:
			add(&llm.PartStart{Index: i, Part: &llm.ReasoningPart{Opaque: p.Opaque}})
			for _, s := range pieces(p.Text, chunk) {
				add(&llm.ReasoningDelta{Index: i, Text: s})
			}
			if p.Signature != "" || len(p.Redacted) > 0 {
				add(&llm.ReasoningDelta{Index: i, Signature: p.Signature, Redacted: p.Redacted})
			}
		case *llm.ToolCallPart:
			add(&llm.PartStart{Index: i, Part: &llm.ToolCallPart{ID: p.ID, Name: p.Name, Opaque: p.Opaque}})
			// A call has one or the other. Who reads the stream finds out which.
			for _, s := range pieces(string(p.Input)+p.Malformed, chunk) {
				add(&llm.ToolCallDelta{Index: i, Input: s})
			}
		default:
			add(&llm.PartStart{Index: i, Part: p})
		}
		add(&llm.PartStop{Index: i})
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

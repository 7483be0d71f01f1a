package llm

import (
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
)

// ErrStreamReused is what the second range over a stream yields. It matches
// [ErrInvalidRequest] too.
var ErrStreamReused error = &Error{Code: ErrInvalidRequest, Op: "stream", Message: "ranged twice; call Stream again for another answer"}

// Once makes a stream single-use: a second range yields [ErrStreamReused] and does
// not run seq. Every wrapper that returns a function literal from Stream uses it,
// since ranging that literal twice would call the provider, and cost, twice.
func Once(seq iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	var used atomic.Bool
	return func(yield func(Event, error) bool) {
		if used.Swap(true) {
			yield(nil, ErrStreamReused)
			return
		}
		if seq == nil {
			yield(nil, nilStream())
			return
		}
		seq(yield)
	}
}

// Collect runs a stream to its end and returns the answer. On an error it returns
// what had arrived, or nil where nothing had, and the error. A stream that ends
// without [*Finish] is [ErrIncomplete].
func Collect(seq iter.Seq2[Event, error]) (*Response, error) {
	var acc Accumulator
	err := func() error {
		for ev, err := range Once(seq) {
			if err != nil {
				return err
			}
			if err := acc.Add(ev); err != nil {
				return err
			}
		}
		return acc.incomplete()
	}()
	if err != nil && acc.empty() {
		return nil, err
	}
	return acc.Response(), err
}

// TextStream yields the text of a stream as it arrives; joined, it is
// [Response.Text], unless several text parts arrive interleaved. Other events are passed over: to keep them, put an
// [Accumulator] in between with Tee. A stream that ends without [*Finish] yields
// [ErrIncomplete] last.
func TextStream(seq iter.Seq2[Event, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if seq == nil {
			yield("", nilStream())
			return
		}
		finished := false
		for ev, err := range seq {
			if err != nil {
				yield("", err)
				return
			}
			switch ev := ev.(type) {
			case *TextDelta:
				if ev.Text != "" && !yield(ev.Text, nil) {
					return
				}
			case *Finish:
				finished = true
			}
		}
		if !finished {
			yield("", incomplete())
		}
	}
}

// Events returns the response as a stream, for models and caches that have the
// whole answer at once. Collect(r.Events()) equals r. It is for one range. A response
// that came with an error, which has no stop reason and estimated usage, ends with
// [ErrIncomplete] again, so that nobody takes it for whole.
func (r *Response) Events() iter.Seq2[Event, error] {
	return Once(func(yield func(Event, error) bool) {
		if r == nil {
			yield(nil, &Error{Code: ErrInternal, Op: "events", Message: "nil response"})
			return
		}
		for i, p := range r.Message.Content {
			if isNil(p) {
				yield(nil, &Error{Code: ErrInternal, Op: "events", Message: fmt.Sprintf("message.content[%d]: nil part", i)})
				return
			}
			if !partEvents(i, p, func(ev Event) bool { return yield(ev, nil) }) {
				return
			}
		}
		if r.StopReason == "" && r.Usage.Estimated {
			if yield(&UsageUpdate{Usage: r.Usage}, nil) {
				yield(nil, incomplete())
			}
			return
		}
		yield(&Finish{
			StopReason: r.StopReason, RawStopReason: r.RawStopReason, Usage: r.Usage,
			Provider: r.Provider, Model: r.Model, RequestID: r.RequestID, Latency: r.Latency,
			Warnings: slices.Clone(r.Warnings), Raw: r.Raw,
		}, nil)
	})
}

// partEvents yields one part as events; false says that the loop was left.
func partEvents(i int, p Part, yield func(Event) bool) bool {
	start := clonePart(p)
	var deltas []Event
	switch p := start.(type) {
	case *TextPart:
		if p.Text != "" {
			deltas = append(deltas, &TextDelta{Index: i, Text: p.Text})
		}
		for _, c := range p.Citations {
			deltas = append(deltas, &CitationDelta{Index: i, Citation: c})
		}
		start = &TextPart{Opaque: p.Opaque}
	case *ReasoningPart:
		if p.Text != "" || p.Signature != "" || len(p.Redacted) > 0 {
			deltas = append(deltas, &ReasoningDelta{Index: i, Text: p.Text, Signature: p.Signature, Redacted: p.Redacted})
		}
		start = &ReasoningPart{Opaque: p.Opaque}
	case *ToolCallPart:
		input := string(p.Input)
		if p.Malformed != "" {
			input = p.Malformed
			if _, malformed := toolInput(input, true); malformed == "" {
				input = brokenOff // it must not come out as a call that may be run
			}
		}
		if input != "" {
			deltas = append(deltas, &ToolCallDelta{Index: i, Input: input})
		}
		start = &ToolCallPart{ID: p.ID, Name: p.Name, Opaque: p.Opaque}
	}
	if !yield(&PartStart{Index: i, Part: start}) {
		return false
	}
	for _, d := range deltas {
		if !yield(d) {
			return false
		}
	}
	return yield(&PartStop{Index: i})
}

func nilStream() error {
	return &Error{Code: ErrInternal, Op: "stream", Message: "nil stream", Retryable: new(false)}
}

func incomplete() error {
	return &Error{Code: ErrIncomplete, Op: "stream", Message: "ended before the answer did"}
}

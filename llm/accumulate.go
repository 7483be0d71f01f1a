package llm

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// Accumulator builds a [Response] from the events of one stream. The zero value is
// ready. It is not safe for concurrent use.
type Accumulator struct {
	parts    []*openPart
	usage    Usage
	finish   *Finish
	unmapped []Warning
}

// openPart is a part under construction. It owns its part.
type openPart struct {
	part      Part
	text      strings.Builder // of a text or reasoning part, or a tool call's arguments
	signature strings.Builder
	data      []byte // of a media part, or redacted reasoning
	stopped   bool
}

// Add takes the next event. An event that breaks the grammar of law 6 (see
// [Model]) is [ErrMalformedOutput], and is left out. A part that is still open at
// [*Finish] counts as one that broke off.
func (a *Accumulator) Add(ev Event) error {
	if isNil(ev) {
		return malformed("a nil event")
	}
	if a.finish != nil {
		return malformed("%T after the stream finished", ev)
	}
	switch ev := ev.(type) {
	case *PartStart:
		return a.start(ev)
	case *TextDelta:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			_, ok := o.part.(*TextPart)
			if ok {
				o.text.WriteString(ev.Text)
			}
			return ok
		})
	case *ReasoningDelta:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			_, ok := o.part.(*ReasoningPart)
			if ok {
				o.text.WriteString(ev.Text)
				o.signature.WriteString(ev.Signature)
				o.data = append(o.data, ev.Redacted...)
			}
			return ok
		})
	case *ToolCallDelta:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			_, ok := o.part.(*ToolCallPart)
			if ok {
				o.text.WriteString(ev.Input)
			}
			return ok
		})
	case *CitationDelta:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			p, ok := o.part.(*TextPart)
			if ok {
				p.Citations = append(p.Citations, cloneCitation(ev.Citation))
			}
			return ok
		})
	case *MediaDelta:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			p, ok := o.part.(*MediaPart)
			if ok {
				o.data = append(o.data, ev.Data...)
				if ev.URI != "" {
					p.URI = ev.URI
				}
			}
			return ok
		})
	case *ProviderDelta:
		a.noteUnmapped(ev)
	case *PartStop:
		return a.delta(ev, ev.Index, func(o *openPart) bool {
			o.stopped = true
			if ev.Opaque != nil {
				o.setOpaque(clonePtr(ev.Opaque))
			}
			return true
		})
	case *UsageUpdate:
		a.usage = ev.Usage
	case *Finish:
		a.finish = ev
		a.usage = ev.Usage
	}
	return nil
}

func (a *Accumulator) start(ev *PartStart) error {
	if isNil(ev.Part) {
		return malformed("part_start at index %d without a part", ev.Index)
	}
	if ev.Index != len(a.parts) {
		return malformed("part_start at index %d, where index %d is next", ev.Index, len(a.parts))
	}
	o := &openPart{part: clonePart(ev.Part)}
	whole := false
	switch p := o.part.(type) {
	case *TextPart:
		whole = p.Text != ""
	case *ReasoningPart:
		whole = p.Text != "" || p.Signature != "" || len(p.Redacted) > 0
	case *ToolCallPart:
		whole = len(p.Input) > 0 || p.Malformed != ""
	case *MediaPart:
		// Capped, so that deltas do not write into the event's array.
		o.data = slices.Clip(p.Data)
	}
	if whole {
		return malformed("part_start at index %d holds content that must come in deltas", ev.Index)
	}
	a.parts = append(a.parts, o)
	return nil
}

// delta applies f to the open part at index i; f says whether the event fits it.
func (a *Accumulator) delta(ev Event, i int, f func(*openPart) bool) error {
	if i < 0 || i >= len(a.parts) {
		return malformed("%T at index %d, where no part has started", ev, i)
	}
	o := a.parts[i]
	if o.stopped {
		return malformed("%T at index %d, where the part has stopped", ev, i)
	}
	if !f(o) {
		return malformed("%T at index %d, where the part is a %T", ev, i, o.part)
	}
	return nil
}

// noteUnmapped adds one warning a kind, so that their number stays small.
func (a *Accumulator) noteUnmapped(ev *ProviderDelta) {
	const most = 32
	w := Warning{Code: WarningUnmapped, Field: ev.Kind, Message: "an event of " + ev.Provider + " that the vocabulary cannot hold"}
	if len(a.unmapped) < most && !slices.Contains(a.unmapped, w) {
		a.unmapped = append(a.unmapped, w)
	}
}

// Response returns the answer so far, never nil; it may be asked for at any time, and
// belongs to the caller. Before [*Finish] it has no stop reason, its usage is marked as
// estimated, and a tool call that has not ended is malformed unless its arguments
// are already a whole object.
func (a *Accumulator) Response() *Response {
	r := &Response{Message: Message{Role: RoleAssistant}, Usage: a.usage, Warnings: slices.Clone(a.unmapped)}
	for _, o := range a.parts {
		r.Message.Content = append(r.Message.Content, o.build())
	}
	if f := a.finish; f != nil {
		r.StopReason, r.RawStopReason = f.StopReason, f.RawStopReason
		r.Provider, r.Model, r.RequestID, r.Latency = f.Provider, f.Model, f.RequestID, f.Latency
		r.Warnings = slices.Concat(f.Warnings, a.unmapped)
		r.Raw = f.Raw
	} else {
		r.Usage.Estimated = true
	}
	return r
}

// build returns the part as it stands, as a copy.
func (o *openPart) build() Part {
	c := clonePart(o.part)
	switch p := c.(type) {
	case *TextPart:
		p.Text = o.text.String()
	case *ReasoningPart:
		p.Text, p.Signature, p.Redacted = o.text.String(), o.signature.String(), slices.Clip(o.data)
	case *ToolCallPart:
		p.Input, p.Malformed = toolInput(o.text.String(), o.stopped)
	case *MediaPart:
		p.Data = slices.Clip(o.data)
	}
	return c
}

// brokenOff stands for the arguments of a call that broke off before any came. It
// keeps a call from looking like one without arguments, which may be run.
const brokenOff = "…"

// toolInput reads a tool call's arguments: a JSON object, or they are malformed. An
// object that is whole cannot go on, so it counts before the call has stopped too.
// Blank arguments are {}, as providers send none for a tool without parameters.
func toolInput(text string, stopped bool) (input json.RawMessage, malformed string) {
	switch blank := strings.TrimSpace(text) == ""; {
	case blank && stopped:
		return json.RawMessage("{}"), ""
	case blank:
		return nil, brokenOff
	case rawjson.IsObject([]byte(text)):
		return json.RawMessage(text), ""
	}
	return nil, asMalformed(text)
}

// asMalformed is text as a call's Malformed: in UTF-8, since saving would change it, and
// even so no object.
func asMalformed(text string) string {
	if text = strings.ToValidUTF8(text, "\uFFFD"); rawjson.IsObject([]byte(text)) {
		text += brokenOff
	}
	return text
}

func (o *openPart) setOpaque(v *Opaque) {
	switch p := o.part.(type) {
	case *TextPart:
		p.Opaque = v
	case *MediaPart:
		p.Opaque = v
	case *ToolCallPart:
		p.Opaque = v
	case *ReasoningPart:
		p.Opaque = v
	}
}

// Tee passes a stream on and keeps what passes, each event before it yields it. An event that [Accumulator.Add]
// refuses ends the stream with its error.
func (a *Accumulator) Tee(seq iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	return Once(func(yield func(Event, error) bool) {
		if seq == nil {
			yield(nil, nilStream())
			return
		}
		for ev, err := range seq {
			if err == nil {
				err = a.Add(ev)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
	})
}

// empty says whether nothing has arrived.
func (a *Accumulator) empty() bool {
	return len(a.parts) == 0 && a.finish == nil && a.usage == Usage{} && len(a.unmapped) == 0
}

// incomplete is the error of a stream that ended here.
func (a *Accumulator) incomplete() error {
	if a.finish == nil {
		return incomplete()
	}
	return nil
}

func malformed(format string, args ...any) error {
	return &Error{Code: ErrMalformedOutput, Op: "stream", Message: "the stream is out of order: " + fmt.Sprintf(format, args...)}
}

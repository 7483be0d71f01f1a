package fake

import (
	"bytes"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// The copies of package llm share payloads ([]byte and json.RawMessage), which must
// not be changed. A test may break that rule, or its subject may, and the record
// should still say what was sent: the copies of this file share nothing but the
// values in Options and Raw.

func copyRequest(r *llm.Request) *llm.Request {
	c := r.Clone()
	detach(c.System)
	for _, m := range c.Messages {
		detach(m.Content)
	}
	for i := range c.Tools {
		t := &c.Tools[i]
		t.Schema, t.Config = bytes.Clone(t.Schema), bytes.Clone(t.Config)
	}
	if c.Output != nil {
		c.Output.Schema = bytes.Clone(c.Output.Schema)
	}
	return c
}

func copyResponse(r *llm.Response) *llm.Response {
	c := r.Clone()
	detach(c.Message.Content)
	return c
}

func copyParts(parts ...llm.Part) []llm.Part {
	c := llm.Message{Content: parts}.Clone().Content
	detach(c)
	return c
}

// detach copies the payloads of parts that are already ours.
func detach(parts []llm.Part) {
	for _, p := range parts {
		if isNil(p) {
			continue
		}
		switch p := p.(type) {
		case *llm.TextPart:
			for i := range p.Citations {
				p.Citations[i].Data = bytes.Clone(p.Citations[i].Data)
			}
			detachOpaque(p.Opaque)
		case *llm.MediaPart:
			p.Data = bytes.Clone(p.Data)
			detachOpaque(p.Opaque)
		case *llm.DocumentPart:
			p.Data = bytes.Clone(p.Data)
		case *llm.ToolCallPart:
			p.Input = bytes.Clone(p.Input)
			detachOpaque(p.Opaque)
		case *llm.ToolResultPart:
			detach(p.Content)
		case *llm.ReasoningPart:
			p.Redacted = bytes.Clone(p.Redacted)
			detachOpaque(p.Opaque)
		case *llm.ProviderPart:
			p.Data = bytes.Clone(p.Data)
		}
	}
}

func detachOpaque(o *llm.Opaque) {
	if o != nil {
		o.Data = bytes.Clone(o.Data)
	}
}

// copyEvents copies events; nil ones stay nil.
func copyEvents(events []llm.Event) []llm.Event {
	out := make([]llm.Event, len(events))
	for i, ev := range events {
		out[i] = copyEvent(ev)
	}
	return out
}

func copyEvent(ev llm.Event) llm.Event {
	if isNil(ev) {
		return ev
	}
	switch ev := ev.(type) {
	case *llm.PartStart:
		c := *ev
		c.Part = copyParts(ev.Part)[0]
		return &c
	case *llm.TextDelta:
		return new(*ev)
	case *llm.ReasoningDelta:
		c := *ev
		c.Redacted = bytes.Clone(ev.Redacted)
		return &c
	case *llm.ToolCallDelta:
		return new(*ev)
	case *llm.CitationDelta:
		p := copyParts(&llm.TextPart{Citations: []llm.Citation{ev.Citation}})[0].(*llm.TextPart)
		return &llm.CitationDelta{Index: ev.Index, Citation: p.Citations[0]}
	case *llm.MediaDelta:
		c := *ev
		c.Data = bytes.Clone(ev.Data)
		return &c
	case *llm.ProviderDelta:
		c := *ev
		c.Data = bytes.Clone(ev.Data)
		return &c
	case *llm.PartStop:
		c := *ev
		if ev.Opaque != nil {
			c.Opaque = new(*ev.Opaque)
			detachOpaque(c.Opaque)
		}
		return &c
	case *llm.UsageUpdate:
		return new(*ev)
	case *llm.Finish:
		c := *ev
		c.Warnings = slices.Clone(ev.Warnings)
		return &c
	}
	// A kind of a later release of package llm.
	return ev
}

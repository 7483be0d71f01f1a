package llm

import (
	"encoding/json"
	"time"
)

// Event is a piece of a streamed answer: exactly one of [*PartStart], [*TextDelta],
// [*ReasoningDelta], [*ToolCallDelta], [*CitationDelta], [*MediaDelta],
// [*ProviderDelta], [*PartStop], [*UsageUpdate] and [*Finish]. The union is closed
// to other packages.
//
// An event never changes once yielded, nor does a part in it: who wants another
// yields another. Pass kinds that you do not know through.
type Event interface{ isEvent() }

// PartStart begins a part of the answer. Its index is the number of parts before
// it. Text, reasoning and tool input follow in deltas, and Part is empty of them;
// parts of other kinds may be whole here.
type PartStart struct {
	Index int  `json:"index,omitempty"`
	Part  Part `json:"part,omitempty"`
}

// TextDelta is the next piece of a text part.
type TextDelta struct {
	Index int    `json:"index,omitempty"`
	Text  string `json:"text,omitempty"`
}

// ReasoningDelta is the next piece of a reasoning part. Each field is appended to
// what came before.
type ReasoningDelta struct {
	Index     int    `json:"index,omitempty"`
	Text      string `json:"text,omitempty"`
	Signature string `json:"signature,omitempty"`
	Redacted  []byte `json:"redacted,omitempty"`
}

// ToolCallDelta is the next piece of a tool call's arguments: JSON text, cut
// anywhere.
type ToolCallDelta struct {
	Index int    `json:"index,omitempty"`
	Input string `json:"input,omitempty"`
}

// CitationDelta is another citation of a text part.
type CitationDelta struct {
	Index    int      `json:"index,omitempty"`
	Citation Citation `json:"citation,omitzero"`
}

// MediaDelta is the next piece of a media part: bytes to append, or its URI.
type MediaDelta struct {
	Index int    `json:"index,omitempty"`
	Data  []byte `json:"data,omitempty"`
	URI   string `json:"uri,omitempty"`
}

// ProviderDelta is something for which the vocabulary has no event. [Collect]
// keeps none of it, but adds a [Warning]. An event of a later release of this
// package loads as a ProviderDelta with an empty Provider and Index -1.
type ProviderDelta struct {
	Index    int             `json:"index,omitempty"` // -1 = not part of any block
	Provider string          `json:"provider,omitempty"`
	Kind     string          `json:"kind,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// PartStop ends a part.
type PartStop struct {
	Index  int     `json:"index,omitempty"`
	Opaque *Opaque `json:"opaque,omitempty"` // state that came at the part's end; nil leaves that of PartStart
}

// UsageUpdate is the usage so far. It is not the first event of an answer for
// timers and retries, and the usage of [Finish] supersedes it.
type UsageUpdate struct {
	Usage Usage `json:"usage,omitzero"`
}

// Finish ends a stream that succeeded. Its fields are those of [Response].
type Finish struct {
	StopReason    StopReason
	RawStopReason string
	Usage         Usage
	Provider      string
	Model         string
	RequestID     string
	Latency       time.Duration
	Warnings      []Warning
	Raw           any
}

func (*PartStart) isEvent()      {}
func (*TextDelta) isEvent()      {}
func (*ReasoningDelta) isEvent() {}
func (*ToolCallDelta) isEvent()  {}
func (*CitationDelta) isEvent()  {}
func (*MediaDelta) isEvent()     {}
func (*ProviderDelta) isEvent()  {}
func (*PartStop) isEvent()       {}
func (*UsageUpdate) isEvent()    {}
func (*Finish) isEvent()         {}

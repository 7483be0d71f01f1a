package llm

import (
	"slices"
	"strings"
	"time"
)

// Response is a model's answer. It belongs to the caller.
type Response struct {
	Message       Message       // the answer, ready to be appended to the conversation
	StopReason    StopReason    // why the model stopped
	RawStopReason string        // the provider's own word for it
	Usage         Usage         // what the call used
	Provider      string        // who served the call, where wrappers chose among several
	Model         string        // the model that served it
	RequestID     string        // the provider's id of the call, for support cases
	Latency       time.Duration // as the provider measured it; 0 = not reported
	Warnings      []Warning     // every setting that was dropped, clamped, downgraded or repaired
	Raw           any           // the provider's own response, see the backend; not stored; nil once a wrapper changed the content
}

// Text returns the text of the answer: its text parts, joined without a separator.
func (r *Response) Text() string {
	var b strings.Builder
	for p := range partsOf[*TextPart](r) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// ToolCalls returns the calls that the application must answer, malformed ones
// included. An answer cut by [StopMaxTokens] may hold some too. They are the parts of
// Message, not copies.
func (r *Response) ToolCalls() []*ToolCallPart {
	return slices.Collect(partsOf[*ToolCallPart](r))
}

// Reasoning returns the text of the model's reasoning: its reasoning parts, joined
// without a separator.
func (r *Response) Reasoning() string {
	var b strings.Builder
	for p := range partsOf[*ReasoningPart](r) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// partsOf ranges over the parts of one kind; typed nils are passed over.
func partsOf[T Part](r *Response) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		if r == nil {
			return
		}
		for _, p := range r.Message.Content {
			if t, ok := p.(T); ok && !isNil(p) && !yield(t) {
				return
			}
		}
	}
}

// Clone returns a copy that shares no struct, slice or part with the original.
// Payloads ([]byte and json.RawMessage) and Raw are shared and must not be changed.
func (r *Response) Clone() *Response {
	if r == nil {
		return nil
	}
	c := *r
	c.Message = r.Message.Clone()
	c.Warnings = slices.Clone(r.Warnings)
	return &c
}

// StopReason says why a model stopped. Switch with a default: reasons are added.
type StopReason string

const (
	StopEndTurn       StopReason = "end_turn"       // it had said what it had to say
	StopToolUse       StopReason = "tool_use"       // it wants tools run, and Message has the calls, whatever the provider's own reason says
	StopMaxTokens     StopReason = "max_tokens"     // the limit on output tokens; the last part may be cut short
	StopSequence      StopReason = "stop_sequence"  // it wrote one of [Request.StopSequences]
	StopContentFilter StopReason = "content_filter" // a filter or guardrail cut in; the text may be the filter's
	StopRefusal       StopReason = "refusal"        // the model declined; do not parse the text as an answer
	StopPause         StopReason = "pause"          // a long turn was interrupted: send the message back as it is to go on
	StopContextWindow StopReason = "context_window" // input and output filled the context window
	StopMalformed     StopReason = "malformed"      // it produced output or a tool call that the provider could not parse
	StopOther         StopReason = "other"          // see [Response.RawStopReason]
)

// Warning tells of a setting that was not honoured as asked, or of something that
// the vocabulary could not hold. The call went on without it.
type Warning struct {
	Code    WarningCode `json:"code,omitempty"`
	Field   string      `json:"field,omitempty"`   // what it is about, as a path: "top_k", "messages[2].content[0]"
	Message string      `json:"message,omitempty"` // what was done, and why
}

// String returns field, code and message: "reasoning dropped: …".
func (w Warning) String() string {
	return strings.Trim(w.Field+" "+string(w.Code)+": "+w.Message, ": ")
}

// WarningCode is the kind of a [Warning].
type WarningCode string

const (
	WarningDropped    WarningCode = "dropped"    // left out: the provider has no such setting
	WarningClamped    WarningCode = "clamped"    // moved to the nearest value that the provider takes
	WarningDowngraded WarningCode = "downgraded" // replaced by something weaker
	WarningRepaired   WarningCode = "repaired"   // changed so that the provider accepts it
	WarningUnmapped   WarningCode = "unmapped"   // received, but the vocabulary has no place for it
	WarningIncomplete WarningCode = "incomplete" // the answer is whole, but something about it was not reported
)

package llm

import (
	"encoding/json"
	"time"
)

// UnmarshalEvent loads an event. One of an unknown type becomes a [*ProviderDelta]
// with Index -1.
func UnmarshalEvent(b []byte) (Event, error) {
	if !json.Valid(b) {
		return nil, badJSON("not JSON", nil)
	}
	typ, err := typeOf(b)
	if err != nil {
		return nil, err
	}
	ev := newEvent(typ)
	if ev == nil {
		return &ProviderDelta{Index: -1, Kind: typ, Data: append(json.RawMessage(nil), b...)}, nil
	}
	if err := json.Unmarshal(b, ev); err != nil {
		return nil, asBadJSON(err)
	}
	return ev, nil
}

// newEvent returns an empty event of that type, or nil where the type is unknown.
func newEvent(typ string) Event {
	switch typ {
	case "part_start":
		return new(PartStart)
	case "text_delta":
		return new(TextDelta)
	case "reasoning_delta":
		return new(ReasoningDelta)
	case "tool_call_delta":
		return new(ToolCallDelta)
	case "citation_delta":
		return new(CitationDelta)
	case "media_delta":
		return new(MediaDelta)
	case "provider_delta":
		return new(ProviderDelta)
	case "part_stop":
		return new(PartStop)
	case "usage_update":
		return new(UsageUpdate)
	case "finish":
		return new(Finish)
	}
	return nil
}

// MarshalJSON encodes the event. A nil part, typed or not, is an error.
func (e PartStart) MarshalJSON() ([]byte, error) {
	type plain PartStart
	if isNil(e.Part) {
		return nil, &Error{Code: ErrInvalidRequest, Op: "save", Message: "part_start: nil part"}
	}
	return tagged("part_start", plain(e))
}

// UnmarshalJSON loads the event.
func (e *PartStart) UnmarshalJSON(b []byte) error {
	var v struct {
		Index int             `json:"index"`
		Part  json.RawMessage `json:"part"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	if v.Part == nil {
		return badJSON("part_start: no part", nil)
	}
	p, err := unmarshalPart(v.Part)
	if err != nil {
		return within("part", err)
	}
	*e = PartStart{v.Index, p}
	return nil
}

// MarshalJSON encodes the event in the storage format.
func (e TextDelta) MarshalJSON() ([]byte, error) {
	type plain TextDelta
	return tagged("text_delta", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e ReasoningDelta) MarshalJSON() ([]byte, error) {
	type plain ReasoningDelta
	return tagged("reasoning_delta", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e ToolCallDelta) MarshalJSON() ([]byte, error) {
	type plain ToolCallDelta
	return tagged("tool_call_delta", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e CitationDelta) MarshalJSON() ([]byte, error) {
	type plain CitationDelta
	return tagged("citation_delta", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e MediaDelta) MarshalJSON() ([]byte, error) {
	type plain MediaDelta
	return tagged("media_delta", plain(e))
}

// MarshalJSON encodes the event; one that was loaded from an unknown type is saved
// as it was.
func (e ProviderDelta) MarshalJSON() ([]byte, error) {
	type plain ProviderDelta
	if e.Provider == "" && e.Index == -1 && newEvent(e.Kind) == nil && foreign(e.Data, e.Kind) {
		return e.Data, nil
	}
	return tagged("provider_delta", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e PartStop) MarshalJSON() ([]byte, error) {
	type plain PartStop
	return tagged("part_stop", plain(e))
}

// MarshalJSON encodes the event in the storage format.
func (e UsageUpdate) MarshalJSON() ([]byte, error) {
	type plain UsageUpdate
	return tagged("usage_update", plain(e))
}

// MarshalJSON encodes the event, without Raw.
func (e Finish) MarshalJSON() ([]byte, error) {
	return tagged("finish", answerJSON{e.StopReason, e.RawStopReason, e.Usage,
		e.Provider, e.Model, e.RequestID, duration(e.Latency), e.Warnings})
}

// UnmarshalJSON loads the event.
func (e *Finish) UnmarshalJSON(b []byte) error {
	var v answerJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	*e = Finish{StopReason: v.StopReason, RawStopReason: v.RawStopReason, Usage: v.Usage, Provider: v.Provider,
		Model: v.Model, RequestID: v.RequestID, Latency: time.Duration(v.Latency), Warnings: v.Warnings}
	return nil
}

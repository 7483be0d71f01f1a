package llm

import (
	"encoding/json"
	"fmt"
	"time"
)

// MarshalJSON encodes the parts. A nil part, typed or not, is an error.
func (ps Parts) MarshalJSON() ([]byte, error) {
	for i, p := range ps {
		if isNil(p) {
			return nil, &Error{Code: ErrInvalidRequest, Op: "save", Message: fmt.Sprintf("content[%d]: nil part", i)}
		}
	}
	return json.Marshal([]Part(ps))
}

// UnmarshalJSON loads parts. One of an unknown type becomes a [*ProviderPart].
func (ps *Parts) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return badJSON("", err)
	}
	if raw == nil {
		*ps = nil
		return nil
	}
	parts := make(Parts, len(raw))
	for i, b := range raw {
		p, err := unmarshalPart(b)
		if err != nil {
			return within(fmt.Sprintf("content[%d]", i), err)
		}
		parts[i] = p
	}
	*ps = parts
	return nil
}

func unmarshalPart(b []byte) (Part, error) {
	typ, err := typeOf(b)
	if err != nil {
		return nil, err
	}
	var p Part
	switch typ {
	case "text":
		p = new(TextPart)
	case "media":
		p = new(MediaPart)
	case "document":
		p = new(DocumentPart)
	case "tool_call":
		p = new(ToolCallPart)
	case "tool_result":
		p = new(ToolResultPart)
	case "reasoning":
		p = new(ReasoningPart)
	case "cache_point":
		p = new(CachePointPart)
	case "provider":
		p = new(ProviderPart)
	default:
		return &ProviderPart{Kind: typ, Data: json.RawMessage(b)}, nil
	}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, asBadJSON(err)
	}
	return p, nil
}

// asBadJSON keeps an error of ours, which has a path, and wraps any other.
func asBadJSON(err error) error {
	if _, ok := err.(*Error); ok {
		return err
	}
	return badJSON("", err)
}

func (p TextPart) MarshalJSON() ([]byte, error) {
	type plain TextPart
	return tagged("text", plain(p))
}

func (p MediaPart) MarshalJSON() ([]byte, error) {
	type plain MediaPart
	return tagged("media", plain(p))
}

func (p DocumentPart) MarshalJSON() ([]byte, error) {
	type plain DocumentPart
	return tagged("document", plain(p))
}

// MarshalJSON encodes the call. Input that is not valid JSON is stored as
// malformed, so that no history becomes unsaveable.
func (p ToolCallPart) MarshalJSON() ([]byte, error) {
	type plain ToolCallPart
	if p.Input != nil && !json.Valid(p.Input) {
		p.Input, p.Malformed = nil, string(p.Input)
	}
	return tagged("tool_call", plain(p))
}

type toolResultJSON struct {
	CallID  string `json:"call_id,omitempty"`
	Name    string `json:"name,omitempty"`
	Content Parts  `json:"content,omitempty"`
	IsError bool   `json:"is_error,omitempty"`
}

func (p ToolResultPart) MarshalJSON() ([]byte, error) {
	return tagged("tool_result", toolResultJSON{p.CallID, p.Name, p.Content, p.IsError})
}

func (p *ToolResultPart) UnmarshalJSON(b []byte) error {
	var v toolResultJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	*p = ToolResultPart{v.CallID, v.Name, v.Content, v.IsError}
	return nil
}

func (p ReasoningPart) MarshalJSON() ([]byte, error) {
	type plain ReasoningPart
	return tagged("reasoning", plain(p))
}

type cachePointJSON struct {
	TTL duration `json:"ttl,omitzero"`
}

func (p CachePointPart) MarshalJSON() ([]byte, error) {
	return tagged("cache_point", cachePointJSON{duration(p.TTL)})
}

func (p *CachePointPart) UnmarshalJSON(b []byte) error {
	var v cachePointJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	p.TTL = time.Duration(v.TTL)
	return nil
}

// MarshalJSON encodes the part; one that was loaded from an unknown type is saved
// as it was.
func (p ProviderPart) MarshalJSON() ([]byte, error) {
	type plain ProviderPart
	if p.Provider == "" && foreign(p.Data, p.Kind) {
		return p.Data, nil
	}
	return tagged("provider", plain(p))
}

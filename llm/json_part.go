package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// MarshalJSON encodes the parts. A nil part, typed or not, is an error.
func (ps Parts) MarshalJSON() ([]byte, error) {
	if ps == nil {
		return []byte("null"), nil
	}
	return appendParts(nil, ps)
}

// UnmarshalJSON loads parts. One of an unknown type becomes a [*ProviderPart].
func (ps *Parts) UnmarshalJSON(b []byte) error {
	parts, err := loadParts(b)
	if err != nil {
		return err
	}
	*ps = parts
	return nil
}

func appendParts(dst []byte, parts []Part) ([]byte, error) {
	dst = append(dst, '[')
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendPart(dst, p); err != nil {
			return nil, within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return append(dst, ']'), nil
}

// loadParts reads a list of parts; nothing and null are no parts.
func loadParts(b []byte) ([]Part, error) {
	if b == nil {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, badJSON("", err)
	}
	if raw == nil {
		return nil, nil
	}
	parts := make([]Part, len(raw))
	for i, b := range raw {
		var err error
		if parts[i], err = unmarshalPart(b); err != nil {
			return nil, within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return parts, nil
}

// loadNested reads the parts within a tool's result, where no other result may stand:
// a file could nest them without end.
func loadNested(b []byte) ([]Part, error) {
	var raw []json.RawMessage
	if len(b) > 0 {
		if err := json.Unmarshal(b, &raw); err != nil {
			return nil, badJSON("", err)
		}
	}
	for i, b := range raw {
		if typ, err := typeOf(b); err == nil && typ == "tool_result" {
			return nil, within(fmt.Sprintf("[%d]", i), badJSON("a tool result within a tool result", nil))
		}
	}
	return loadParts(b)
}

func unmarshalPart(b []byte) (Part, error) {
	typ, err := typeOf(b)
	if err != nil {
		return nil, err
	}
	p := newPart(typ)
	if p == nil {
		return &ProviderPart{Kind: typ, Data: json.RawMessage(b)}, nil
	}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, asBadJSON(err)
	}
	return p, nil
}

// newPart returns an empty part of that type, or nil where the type is unknown.
func newPart(typ string) Part {
	switch typ {
	case "text":
		return new(TextPart)
	case "media":
		return new(MediaPart)
	case "document":
		return new(DocumentPart)
	case "tool_call":
		return new(ToolCallPart)
	case "tool_result":
		return new(ToolResultPart)
	case "reasoning":
		return new(ReasoningPart)
	case "cache_point":
		return new(CachePointPart)
	case "provider":
		return new(ProviderPart)
	}
	return nil
}

// asBadJSON keeps an error of ours, which has a path, and wraps any other.
func asBadJSON(err error) error {
	if _, ok := err.(*Error); ok {
		return err
	}
	return badJSON("", err)
}

// appendPart appends a part in the storage format.
func appendPart(dst []byte, p Part) ([]byte, error) {
	if isNil(p) {
		return nil, &Error{Code: ErrInvalidRequest, Op: "save", Message: "nil part"}
	}
	switch p := p.(type) {
	case *TextPart:
		type plain TextPart
		return appendTagged(dst, "text", (*plain)(p))
	case *MediaPart:
		type plain MediaPart
		return appendTagged(dst, "media", (*plain)(p))
	case *DocumentPart:
		type plain DocumentPart
		return appendTagged(dst, "document", (*plain)(p))
	case *ToolCallPart:
		type plain ToolCallPart
		c := *p
		c.settle() // so that no history becomes unsaveable
		return appendTagged(dst, "tool_call", (*plain)(&c))
	case *ToolResultPart:
		return appendTagged(dst, "tool_result", toolResultJSON{p.CallID, p.Name, p.Content, p.IsError})
	case *ReasoningPart:
		type plain ReasoningPart
		return appendTagged(dst, "reasoning", (*plain)(p))
	case *CachePointPart:
		return appendTagged(dst, "cache_point", cachePointJSON{duration(p.TTL)})
	case *ProviderPart:
		type plain ProviderPart
		if p.Provider == "" && newPart(p.Kind) == nil && foreign(p.Data, p.Kind) {
			var b bytes.Buffer
			err := json.Compact(&b, p.Data)
			return append(dst, b.Bytes()...), err
		}
		return appendTagged(dst, "provider", (*plain)(p))
	}
	return nil, &Error{Code: ErrInternal, Op: "save", Message: fmt.Sprintf("a %T has no stored form", p)}
}

type toolResultJSON struct {
	CallID  string `json:"call_id,omitempty"`
	Name    string `json:"name,omitempty"`
	Content Parts  `json:"content,omitempty"`
	IsError bool   `json:"is_error,omitempty"`
}

type cachePointJSON struct {
	TTL duration `json:"ttl,omitzero"`
}

// MarshalJSON encodes the part in the storage format.
func (p TextPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// MarshalJSON encodes the part in the storage format.
func (p MediaPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// MarshalJSON encodes the part in the storage format.
func (p DocumentPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// MarshalJSON encodes the call in the storage format. Input that is not a JSON object
// is stored as malformed.
func (p ToolCallPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// UnmarshalJSON loads a call. Input that is not a JSON object is malformed.
func (p *ToolCallPart) UnmarshalJSON(b []byte) error {
	type plain ToolCallPart
	var v plain
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	*p = ToolCallPart(v)
	p.settle()
	return nil
}

// settle leaves a call one of input and malformed. What is malformed must not be run.
func (p *ToolCallPart) settle() {
	switch {
	case p.Malformed != "":
		p.Input, p.Malformed = nil, asMalformed(p.Malformed)
	case string(p.Input) == "null":
		p.Input = nil
	case p.Input != nil && !rawjson.IsObject(p.Input):
		p.Input, p.Malformed = nil, asMalformed(string(p.Input))
	}
}

// MarshalJSON encodes the result in the storage format.
func (p ToolResultPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// UnmarshalJSON loads a result.
func (p *ToolResultPart) UnmarshalJSON(b []byte) error {
	var v struct {
		toolResultJSON
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	content, err := loadNested(v.Content)
	if err != nil {
		return within("content", err)
	}
	*p = ToolResultPart{v.CallID, v.Name, content, v.IsError}
	return nil
}

// MarshalJSON encodes the part in the storage format.
func (p ReasoningPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// MarshalJSON encodes the part in the storage format.
func (p CachePointPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

// UnmarshalJSON loads a cache point.
func (p *CachePointPart) UnmarshalJSON(b []byte) error {
	var v cachePointJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	p.TTL = time.Duration(v.TTL)
	return nil
}

// MarshalJSON encodes the part in the storage format; one that was loaded from an
// unknown type is saved as it was.
func (p ProviderPart) MarshalJSON() ([]byte, error) { return appendPart(nil, &p) }

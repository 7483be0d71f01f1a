package bedrocktest

import (
	"bytes"
	"encoding/json"
)

// jsonText is JSON that goes out as it is, every byte of it.
type jsonText []byte

// obj writes a JSON object of keys and values in turn. A nil value is left out with
// its key.
//
// Answers are put together from text, because encoding/json would compact what the
// model said in JSON, and a tool's arguments must arrive with the bytes that they
// have in a stream.
func obj(pairs ...any) jsonText {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, encode(pairs[i])...)
		b = append(b, ':')
		b = append(b, encode(pairs[i+1])...)
	}
	return append(b, '}')
}

// arr writes a JSON array.
func arr(items []jsonText) jsonText {
	b := []byte{'['}
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, ']')
}

// encode writes a value as Bedrock does, without the escapes for HTML.
func encode(v any) []byte {
	if t, ok := v.(jsonText); ok {
		return t
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, numbers and bytes only
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// optional is the text, or nil where it is empty, for [obj].
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

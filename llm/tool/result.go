package tool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// parts makes the content of a result of what a function returned.
func parts(out any) ([]llm.Part, error) {
	switch out := out.(type) {
	case nil:
		return nil, nil
	case []llm.Part:
		return out, nil
	case llm.Parts:
		return out, nil
	case llm.Part:
		return []llm.Part{out}, nil
	case string:
		if out == "" {
			return nil, nil
		}
		return []llm.Part{llm.Text(strings.ToValidUTF8(out, "\uFFFD"))}, nil
	}
	if v := reflect.ValueOf(out); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a model reads it, and pays for each character
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("the result does not encode as JSON: %w", err)
	}
	return []llm.Part{llm.Text(strings.TrimSuffix(b.String(), "\n"))}, nil
}

// sendable says whether content can stand in a result: a history that holds any other can be
// neither sent nor stored.
func sendable(content []llm.Part) error {
	result := llm.ToolResult("id", content...)
	if err := (&llm.Request{Messages: []llm.Message{llm.User(result)}}).Validate(); err != nil {
		return &Error{Message: "the tool returned what no result can hold", Err: err}
	}
	return nil
}

// isNil says whether a part is no part, by mistake of a tool.
func isNil(p llm.Part) bool { return p == nil || reflect.ValueOf(p).IsNil() }

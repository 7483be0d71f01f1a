package tool

import (
	"encoding/json"
	"fmt"
	"reflect"

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
		return []llm.Part{llm.Text(out)}, nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("the result does not encode as JSON: %w", err)
	}
	return []llm.Part{llm.Text(string(text))}, nil
}

// isNil says whether a part is no part, by mistake of a tool.
func isNil(p llm.Part) bool { return p == nil || reflect.ValueOf(p).IsNil() }

package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// The answers of chat completions, as far as this backend reads them. For all of the wire
// see https://platform.openai.com/docs/api-reference/chat

// answer is a whole answer, with a message, or a chunk of one, with a delta.
type answer struct {
	Model   string
	Choices []struct {
		Message, Delta *message
		FinishReason   string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt            int     `json:"prompt_tokens"`
		PromptDetails     details `json:"prompt_tokens_details"`
		Completion        int     `json:"completion_tokens"`
		CompletionDetails details `json:"completion_tokens_details"`
	}
	ServiceTier string         `json:"service_tier"`
	Error       map[string]any // with the members message, type and code
}

type details struct {
	Cached    int `json:"cached_tokens"`
	Reasoning int `json:"reasoning_tokens"`
}

type message struct {
	Content, Refusal string
	ReasoningContent string            `json:"reasoning_content"` // OpenAI shows none; DeepSeek, vLLM and others do,
	Reasoning        string            // in one of two members
	Annotations      []json.RawMessage // sources of the text
	ToolCalls        []struct {
		Index    *int // of a piece: which call of the message it belongs to
		ID       string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`

	others map[string]json.RawMessage // members that this backend does not know
}

// known are the members that it does, or that say nothing.
var known = []string{"role", "content", "refusal", "reasoning_content", "reasoning", "annotations", "tool_calls"}

// UnmarshalJSON keeps what the fields have no place for.
func (m *message) UnmarshalJSON(b []byte) error {
	type fields message
	if err := json.Unmarshal(b, (*fields)(m)); err != nil {
		return err
	}
	err := json.Unmarshal(b, &m.others)
	maps.DeleteFunc(m.others, func(name string, v json.RawMessage) bool {
		return slices.Contains(known, name) || slices.Contains([]string{"null", `""`, "[]", "{}"}, string(v))
	})
	return err
}

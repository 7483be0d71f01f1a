package main

import "encoding/json"

// The answers of the Messages API, as far as this backend reads them. For all of the wire
// see https://platform.claude.com/docs/en/api/messages

// event is one of a stream.
type event struct {
	Type    string
	Message struct { // of message_start
		Model string
		Usage *usage
	}
	Index int             // of a block, in the events about it
	Block json.RawMessage `json:"content_block"` // of content_block_start; empty of what comes in deltas
	Delta json.RawMessage // of content_block_delta and message_delta
	Usage *usage          // of message_delta
	Error wireError
}

// blockBody is a block of an answer. The kinds have different members.
type blockBody struct {
	Type      string
	Text      string            // of text
	Citations []json.RawMessage // of text
	Thinking  string            // of thinking; Signature too
	Signature string
	Data      string // of redacted_thinking
	ID, Name  string // of tool_use; Input too
	Input     json.RawMessage
}

// blockDelta is a piece of a block.
type blockDelta struct {
	Type        string
	Text        string          // of text_delta
	Thinking    string          // of thinking_delta
	Signature   string          // of signature_delta
	PartialJSON string          `json:"partial_json"` // of input_json_delta
	Citation    json.RawMessage // of citations_delta
}

// End is what the wire says of the end of an answer and the vocabulary has no place for.
// A response has it as its Raw.
type End struct {
	StopSequence string          `json:"stop_sequence,omitempty"` // the one that the model wrote
	StopDetails  json.RawMessage `json:"stop_details,omitempty"`  // why it refused
	Container    json.RawMessage `json:"container,omitempty"`     // where the provider ran code
}

type messageDelta struct {
	StopReason string `json:"stop_reason"`
	End
}

// usage counts tokens. Later counts replace earlier ones, and what is not said is nil.
type usage struct {
	Input         *int `json:"input_tokens"` // without those of the cache
	CacheRead     *int `json:"cache_read_input_tokens"`
	CacheCreation *int `json:"cache_creation_input_tokens"`
	Lifetimes     *struct {
		Hour int `json:"ephemeral_1h_input_tokens"` // the rest are for five minutes
	} `json:"cache_creation"`
	Output        *int `json:"output_tokens"`
	OutputDetails *struct {
		Thinking int `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	ServiceTier string `json:"service_tier"`
}

type wireError struct{ Type, Message string }

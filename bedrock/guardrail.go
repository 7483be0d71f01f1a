package bedrock

import (
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// Guardrail applies a guardrail to the request and the answer. The verdict is in
// [Details], and a guardrail that cuts in stops with [llm.StopContentFilter].
type Guardrail struct {
	ID         string `json:"id,omitempty"`          // id or ARN
	Version    string `json:"version,omitempty"`     // a number, or "DRAFT"
	Trace      string `json:"trace,omitempty"`       // "enabled", "disabled" or "enabled_full"; "" is Bedrock's default
	StreamMode string `json:"stream_mode,omitempty"` // "sync" or "async", for streams only; "" is Bedrock's default
}

// guardContent is the [llm.ProviderPart] kind of text for a guardrail.
const guardContent = "guardContent"

// GuardText returns text that a guardrail evaluates, for a message or the system
// prompt. Where a request holds any such part, the guardrail evaluates nothing else
// of it. Qualifiers are "grounding_source", "query" and "guard_content".
//
// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
func GuardText(text string, qualifiers ...string) llm.Part {
	type guardText struct {
		Text       string   `json:"text"`
		Qualifiers []string `json:"qualifiers,omitempty"`
	}
	// Strings always marshal.
	data, _ := json.Marshal(map[string]guardText{"text": {text, qualifiers}})
	return &llm.ProviderPart{Provider: Provider, Kind: guardContent, Data: data}
}

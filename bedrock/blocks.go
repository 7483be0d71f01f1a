package bedrock

import (
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

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

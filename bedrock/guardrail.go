package bedrock

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// Guardrail applies a guardrail to the request and the answer. The verdict is in
// [Details], and a guardrail that cuts in stops with [llm.StopContentFilter].
//
// ID and Version go together. Without them a guardrail that the account enforces is
// what Trace and StreamMode are for.
type Guardrail struct {
	ID         string `json:"id,omitempty"`          // id or ARN
	Version    string `json:"version,omitempty"`     // a number, or "DRAFT"
	Trace      string `json:"trace,omitempty"`       // "enabled", "disabled" or "enabled_full"; "" is Bedrock's default
	StreamMode string `json:"stream_mode,omitempty"` // "sync" or "async", for streams only; "" is Bedrock's default
}

// guardContent is the [llm.ProviderPart] kind of text for a guardrail.
const guardContent = "guardContent"

// config is the guardrail of a request; nil where nothing is asked for.
func (g *Guardrail) config() (*types.GuardrailConfiguration, error) {
	if g == nil || *g == (Guardrail{}) {
		return nil, nil
	}
	c := &types.GuardrailConfiguration{Trace: types.GuardrailTrace(g.Trace)}
	switch {
	case g.ID == "" && g.Version == "":
	case g.Version == "":
		return nil, invalid("version", "missing: a number, or DRAFT")
	case g.ID == "":
		return nil, invalid("id", "missing beside the version")
	default:
		c.GuardrailIdentifier, c.GuardrailVersion = &g.ID, &g.Version
	}
	return c, nil
}

// GuardText returns text that a guardrail evaluates, for a message or the system
// prompt. Where a request holds any such part, the guardrail evaluates nothing else
// of it. Qualifiers are "grounding_source", "query" and "guard_content".
//
// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
func GuardText(text string, qualifiers ...string) llm.Part {
	return nativePart(guardContent, map[string]any{"text": struct {
		Text       string   `json:"text"`
		Qualifiers []string `json:"qualifiers,omitempty"`
	}{text, qualifiers}})
}

// GuardImage is [GuardText] for an image, of media type "image/png" or "image/jpeg".
// An empty type is told from the data.
func GuardImage(mediaType string, data []byte) llm.Part {
	return nativePart(guardContent, map[string]any{"image": struct {
		Format string            `json:"format,omitempty"`
		Source map[string][]byte `json:"source"`
	}{imageFormat(mediaType, data), map[string][]byte{"bytes": data}}})
}

// imageFormat is Bedrock's name for an image's type.
func imageFormat(mediaType string, data []byte) string {
	mediaType = mediaTypeOf(mediaType, data)
	if f, ok := imageFormats[mediaType]; ok {
		return string(f)
	}
	return strings.TrimPrefix(mediaType, "image/") // the service may know more of them than we do
}

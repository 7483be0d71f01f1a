package bedrock

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
)

// rawDocument passes JSON text through the SDK as it is. The SDK's own documents
// would lose it: json.RawMessage becomes an array of numbers there, and key order
// goes. The embedded interface stays nil; it only opens the closed union.
type rawDocument struct {
	document.Interface
	text json.RawMessage
}

func (d *rawDocument) MarshalSmithyDocument() ([]byte, error) { return d.text, nil }

// canonical returns valid JSON in the one form in which it goes to the wire, that
// of json.Marshal(json.RawMessage(x)), so that live and reloaded histories send the
// same bytes and prompt caches hit.
func canonical(text json.RawMessage) (json.RawMessage, error) {
	if len(text) == 0 || isCanonical(text) {
		return text, nil
	}
	return json.Marshal(text)
}

// isCanonical says whether json.Marshal would leave valid JSON as it is: no space
// outside strings, and nothing that it escapes.
func isCanonical(text []byte) bool {
	inString, escaped := false, false
	for i, c := range text {
		switch {
		case c == '<' || c == '>' || c == '&':
			return false
		case c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]&^1 == 0xa8: // U+2028, U+2029
			return false
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			return false
		}
	}
	return true
}

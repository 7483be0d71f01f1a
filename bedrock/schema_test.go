package bedrock

import (
	"testing"
)

// Keys stay what they are, and the order of what is left, too.
func TestStrictSchema(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"z\"":{"type":"object","properties":{}},"a":{"minimum":1}}}`: `{"type":"object","properties":{"z\"":{"type":"object","properties":{},"additionalProperties":false},"a":{}},"additionalProperties":false}`,
		`{"type":["object","null"],"properties":{}}`:                                                 `{"type":["object","null"],"properties":{},"additionalProperties":false}`,
		`{"propertyNames":{"minimum":1}}`:                                                            `{"propertyNames":{}}`,
		`{"type":"array","minItems":1,"items":{"type":"string"}}`:                                    ``,
		`{"type":"object","properties":{},"additionalProperties":false}`:                             ``,
		`{"type":"object"}`:                               `open`,
		`{"type":"object","additionalProperties":true}`:   `open`,
		`{"anyOf":[{"additionalProperties":{}}]}`:         `open`,
		`{"type":"object","patternProperties":{"^a":{}}}`: `open`,
	} {
		got, _, ok := strictSchema([]byte(schema))
		switch {
		case !ok:
			got = []byte("open")
		case string(got) == schema:
			got = nil
		}
		if string(got) != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", schema, got, want)
		}
	}
}

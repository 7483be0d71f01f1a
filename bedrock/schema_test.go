package bedrock

import (
	"fmt"
	"strings"
	"testing"
)

// A schema that would not come to an end with is told before the call.
func TestSchemaWork(t *testing.T) {
	chain := `{"$ref":"#/$defs/d0"}`
	var defs []string
	for i := range 30 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%[2]d"}]}`, i, i+1))
	}
	defs = append(defs, `"d30":{"type":"string"}`)
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"next":{"$ref":"#"}}}`:                             "",
		`{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}],"$defs":{"a":{}}}`:           "",
		`{"$ref":"#/anyOf/0","anyOf":[{"type":"object"}]}`:                                 "",
		`{"$ref":"https://example.com"}`:                                                   "",
		`{"$ref":"#"}`:                                                                     "leads back",
		` {"type":"object","allOf":[{"$ref":"#"}]}`:                                        "leads back",
		`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`: "leads back",
		`{"properties":{"a":{"not":{"$ref":"#/properties/a"}}}}`:                           "leads back",
		`{"properties":{"a":` + chain + `},"$defs":{` + strings.Join(defs, ",") + `}}`:     "too involved",
		strings.Repeat(`{"items":`, 101) + `{}` + strings.Repeat("}", 101):                 "deeper",
	} {
		w := &schemaWork{root: value(strings.TrimSpace(schema)), done: map[*byte]int{}}
		if got := w.why(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%.80s: %q, want %q", schema, got, want)
		}
	}
}

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

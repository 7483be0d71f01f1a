package schema

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
		if _, err := Parse([]byte(schema)); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v, want %q", schema, err, want)
		}
	}
}

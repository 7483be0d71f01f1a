package schema_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm/schema"
)

// loops are schemas that refer to themselves in ways that a reader of pointers may miss. Held
// to one, a value would take the process down: no program can recover from a full stack.
var loops = map[string]string{
	"anchor":           `{"$anchor":"a","$ref":"#a"}`,
	"anchor below":     `{"$ref":"#a","$defs":{"x":{"$anchor":"a","$ref":"#a"}}}`,
	"two anchors":      `{"$ref":"#a","$defs":{"x":{"$anchor":"a","allOf":[{"$ref":"#b"}]},"y":{"$anchor":"b","anyOf":[{"$ref":"#a"}]}}}`,
	"dynamic":          `{"$dynamicAnchor":"a","$dynamicRef":"#a"}`,
	"dynamic pointer":  `{"$dynamicRef":"#"}`,
	"id":               `{"$id":"https://example.com/s","$ref":"https://example.com/s"}`,
	"relative id":      `{"$id":"https://example.com/s","$ref":"s"}`,
	"empty ref":        `{"$ref":""}`,
	"id and fragment":  `{"$id":"https://example.com/s","$ref":"https://example.com/s#"}`,
	"id below":         `{"$ref":"https://example.com/t","$defs":{"x":{"$id":"https://example.com/t","$ref":"#"}}}`,
	"escaped pointer":  `{"$ref":"#/%24defs/a","$defs":{"a":{"$ref":"#/%24defs/a"}}}`,
	"repeated name":    `{"$ref":"#/$defs/a","$defs":{"a":{}},"$defs":{"a":{"$ref":"#/$defs/a"}}}`,
	"repeated name 2":  `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{}}}`,
	"case":             `{"$REF":"#"}`,
	"case of a holder": `{"ALLOF":[{"$ref":"#"}]}`,
	"dependencies":     `{"dependencies":{"a":{"$ref":"#"}}}`,
	"draft 7 ref":      `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"}`,
	"items":            `{"items":{"$ref":"#"}}`,
	"content":          `{"contentSchema":{"$ref":"#"}}`,
	"property names":   `{"propertyNames":{"$ref":"#"}}`,
}

func TestLoops(t *testing.T) {
	if name := os.Getenv("PARLEY_LOOP"); name != "" {
		s, err := schema.Parse(json.RawMessage(loops[name]))
		if err == nil {
			for _, v := range []string{`{"a":1}`, `[[1]]`, `1`, `"x"`} {
				_ = s.Validate(json.RawMessage(v))
			}
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range loops {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestLoops$")
		cmd.Env = append(os.Environ(), "PARLEY_LOOP="+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			first, _, _ := strings.Cut(string(out), "\n\n")
			t.Errorf("%s: %v: %s", name, err, first[:min(len(first), 300)])
		}
	}
}

package sample_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A schema may come from a stranger: none may hold the generator for long. Each of these
// took from ten seconds to hours when steps were counted without what they cost.
func TestBounds(t *testing.T) {
	// list writes an item so many times: # is its number, @ that of the next.
	list := func(n int, item string) string {
		s := make([]string, n)
		for i := range s {
			s[i] = strings.NewReplacer("#", fmt.Sprint(i), "@", fmt.Sprint(i+1)).Replace(item)
		}
		return strings.Join(s, ",")
	}
	for name, schema := range map[string]string{
		"a million bytes of properties":   `{"properties":{` + list(40_000, `"p#":{"title":"@"}`) + `}}`,
		"many properties, many required":  `{"required":[` + list(3000, `"p#"`) + `],"properties":{` + list(9000, `"p#":{"const":@}`) + `}}`,
		"many schemas, many required":     `{"allOf":[` + list(5000, `{"required":["p#"],"title":"@"}`) + `]}`,
		"a long chain of references":      `{"$ref":"#/$defs/d0","$defs":{` + list(7000, `"d#":{"$ref":"\u0023/$defs/d@"}`) + `}}`,
		"branches times branches":         `{"anyOf":[` + strings.Repeat("false,", 9000) + `false],"oneOf":[` + strings.Repeat("false,", 9000) + `false]}`,
		"a large enum with nothing in it": `{"required":["a"],"properties":{"a":{"type":"string","enum":[` + list(30_000, `#,@`) + `]}}}`,
		"a large enum, many times":        `{"required":["a"],"properties":{"a":{"minItems":900,"items":{"enum":[` + list(20_000, `#`) + `]}}}}`,
		"a large list of what differs":    `{"required":["a"],"properties":{"a":{"uniqueItems":true,"const":[` + list(30_000, `#`) + `]}}}`,
		"an anchor far away":              `{"required":["a"],"properties":{"a":{"minItems":900,"items":{"$ref":"#z"}}},"$defs":{` + list(20_000, `"d#":0`) + `,"z":{"$anchor":"z"}}}`,
		"repetitions of nothing":          `{"required":["a"],"properties":{"a":{"pattern":"^(((((((\\b)*)*)*)*)*)*)*a\\b\\Bz$"}}}`,
		"a large program":                 `{"required":["a"],"properties":{"a":{"minItems":20,"items":{"pattern":"` + strings.Repeat("(?:.?){1000}", 300) + `"}}}}`,
		"many patterns":                   `{"required":["a"],"properties":{"a":{"allOf":[` + list(3000, `{"pattern":"^.{0,900}x#"}`) + `]}}}`,
		"many multiples":                  `{"required":["a"],"properties":{"a":{"allOf":[` + list(5000, `{"minimum":1,"multipleOf":3.#@}`) + `]}}}`,
		"much to contain":                 `{"required":["a"],"properties":{"a":{"minItems":999,"allOf":[` + list(200, `{"contains":{"const":"#"},"minContains":999}`) + `]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			text, err := value(`{"type":"object",`+schema[1:], 7, true)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if (err == nil) != (text != "") {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		})
	}
}

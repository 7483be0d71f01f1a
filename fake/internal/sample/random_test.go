package sample_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/parley-sdk/parley/fake/internal/sample"
)

// validator is what another implementation makes of a schema; nil where it cannot.
func validator(schema string) (validate func(document string) error) {
	defer func() {
		if recover() != nil {
			validate = nil
		}
	}()
	if misspelt(schema) {
		return nil
	}
	var s jsonschema.Schema
	if json.Unmarshal([]byte(schema), &s) != nil {
		return nil
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return nil
	}
	return func(document string) error {
		var v any
		if err := json.Unmarshal([]byte(document), &v); err != nil {
			return err
		}
		return resolved.Validate(v)
	}
}

// misspelt tells of keywords in the wrong case, which are none, but which the other
// implementation takes for those that they resemble; and of keywords that come twice.
func misspelt(schema string) bool {
	d := json.NewDecoder(strings.NewReader(schema))
	return misspeltNext(d)
}

func misspeltNext(d *json.Decoder) bool {
	t, err := d.Token()
	if err != nil || t != json.Delim('{') && t != json.Delim('[') {
		return false
	}
	names := make(map[string]bool)
	bad := false
	for d.More() {
		if t == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return false
			}
			name := key.(string)
			folded := strings.ToLower(name)
			bad = bad || names[folded] || camelCase[folded] != name && (folded != name || camelCase[folded] != "")
			names[folded] = true
		}
		bad = misspeltNext(d) || bad
	}
	_, err = d.Token()
	return bad && err == nil
}

// camelCase are the keywords that are not in lower case throughout, by what they are in it.
var camelCase = func() map[string]string {
	all := make(map[string]string)
	for word := range strings.FieldsSeq(`allOf anyOf oneOf minLength maxLength minItems maxItems minContains maxContains
		uniqueItems prefixItems additionalItems minProperties maxProperties propertyNames patternProperties
		additionalProperties dependentRequired dependentSchemas exclusiveMinimum exclusiveMaximum multipleOf`) {
		all[strings.ToLower(word)] = word
	}
	return all
}()

// holds makes a value, and reports whether there is one.
func holds(t *testing.T, schema string, seed uint64, optional bool) bool {
	t.Helper()
	got, err := value(schema, seed, optional)
	if again, _ := value(schema, seed, optional); again != got {
		t.Errorf("schema %s, seed %d: first %s, then %s", schema, seed, got, again)
	}
	if err != nil {
		if _, ok := err.(*sample.Error); !ok || got != "" {
			t.Errorf("schema %s: %q and %T", schema, got, err)
		}
		return false
	}
	validate := validator(schema)
	if validate == nil {
		return false
	}
	if err := validate(got); err != nil {
		t.Errorf("schema %s, seed %d, optional %v: %s does not satisfy it: %v", schema, seed, optional, got, err)
	}
	return true
}

// FuzzGenerate generates from any schema: what comes is valid in the eyes of another
// implementation, or there is an error that says why not.
func FuzzGenerate(f *testing.F) {
	for i, tt := range schemas {
		f.Add(tt.schema, uint64(i%3), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, schema string, seed uint64, optional bool) {
		holds(t, schema, seed, optional)
	})
}

// FuzzRandomSchemas does the same with schemas that a grammar makes.
func FuzzRandomSchemas(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { random(t, seed) })
}

func TestRandomSchemas(t *testing.T) {
	const n = 400
	made := 0
	for seed := range uint64(n) {
		if random(t, seed) {
			made++
		}
	}
	t.Logf("%d of %d schemas have a document", made, n)
	if made < n*6/10 {
		t.Errorf("%d of %d schemas have a document: the rest was refused", made, n)
	}
}

func random(t *testing.T, seed uint64) bool {
	g := &grammar{rand.New(rand.NewPCG(seed, 1))}
	s := g.schema(4)
	if o, ok := s.(map[string]any); ok {
		o["$defs"] = map[string]any{"a": g.schema(2), "b": g.schema(2), "c": map[string]any{"type": "integer"}}
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return holds(t, string(b), seed%4, seed%8 > 3)
}

// grammar makes schemas.
type grammar struct{ *rand.Rand }

func (g *grammar) chance(n int) bool { return g.IntN(n) == 0 }

func (g *grammar) schema(depth int) any {
	if g.chance(30) {
		return g.chance(2)
	}
	s := map[string]any{}
	if !g.chance(6) {
		s["type"] = []string{"object", "array", "string", "integer", "number", "boolean", "null"}[g.IntN(7)]
	} else if g.chance(3) {
		s["type"] = []string{"string", "null"}
	}
	if depth > 0 && g.chance(5) {
		key := []string{"allOf", "anyOf", "oneOf"}[g.IntN(3)]
		s[key] = []any{g.schema(depth - 1), g.schema(depth - 1)}
	}
	if depth > 0 && g.chance(15) {
		s["if"], s["then"], s["else"] = g.schema(depth-1), g.schema(depth-1), g.schema(depth-1)
	}
	if depth > 0 && g.chance(12) {
		s["not"] = g.schema(depth - 1)
	}
	if g.chance(12) {
		s["$ref"] = "#/$defs/" + []string{"a", "b", "c"}[g.IntN(3)]
	}
	if g.chance(12) {
		s["enum"] = []any{"a", 1, 2.5, nil, true, []any{1}, map[string]any{"a": 1}}[g.IntN(4):]
	}
	g.text(s)
	g.number(s)
	if depth > 0 && (s["type"] == "array" || g.chance(8)) {
		g.array(s, depth-1)
	}
	if depth > 0 && (s["type"] == "object" || g.chance(8)) {
		g.object(s, depth-1)
	}
	return s
}

func (g *grammar) text(s map[string]any) {
	if s["type"] != "string" {
		return
	}
	switch g.IntN(4) {
	case 0:
		s["pattern"] = []string{"^[a-z]{3,5}$", "a|b", "^(foo|bar)-\\d+$", "x*y+z?", "^[^\\s]{8,}$", "\\bword\\b", "^\\w+@\\w+\\.com$"}[g.IntN(7)]
	case 1:
		s["format"] = []string{"date", "date-time", "email", "uuid", "ipv6", "duration"}[g.IntN(6)]
	}
	if g.chance(3) {
		s["minLength"] = g.IntN(12)
	}
	if g.chance(4) {
		s["maxLength"] = 5 + g.IntN(40)
	}
}

func (g *grammar) number(s map[string]any) {
	if s["type"] != "integer" && s["type"] != "number" {
		return
	}
	if g.chance(3) {
		s[[]string{"minimum", "exclusiveMinimum"}[g.IntN(2)]] = float64(g.IntN(200)-100) / 4
	}
	if g.chance(3) {
		s[[]string{"maximum", "exclusiveMaximum"}[g.IntN(2)]] = float64(g.IntN(200)) / 4
	}
	if g.chance(4) {
		s["multipleOf"] = []float64{0.01, 0.1, 0.5, 3, 7, 100}[g.IntN(6)]
	}
}

func (g *grammar) array(s map[string]any, depth int) {
	if g.chance(2) {
		s["items"] = g.schema(depth)
	}
	if g.chance(4) {
		s["prefixItems"] = []any{g.schema(depth), g.schema(depth)}
	}
	if g.chance(5) {
		s["contains"] = g.schema(depth)
		if g.chance(2) {
			s["minContains"], s["maxContains"] = g.IntN(3), 2
		}
	}
	if g.chance(3) {
		s["minItems"] = g.IntN(4)
	}
	if g.chance(3) {
		s["maxItems"] = 1 + g.IntN(5)
	}
	if g.chance(4) {
		s["uniqueItems"] = true
	}
}

func (g *grammar) object(s map[string]any, depth int) {
	properties := map[string]any{}
	var required []string
	for i := range g.IntN(4) {
		name := fmt.Sprintf("p%d", i)
		properties[name] = g.schema(depth)
		if g.chance(2) {
			required = append(required, name)
		}
	}
	s["properties"] = properties
	if required != nil {
		s["required"] = required
	}
	if g.chance(5) {
		s["additionalProperties"] = g.schema(depth)
	}
	if g.chance(6) {
		s["patternProperties"] = map[string]any{"^x-": g.schema(depth), "1$": g.schema(depth)}
	}
	if g.chance(8) {
		s["propertyNames"] = map[string]any{"maxLength": 3}
	}
	if g.chance(6) {
		s["dependentRequired"] = map[string]any{"p0": []string{"p1"}}
	}
	if g.chance(8) {
		s["dependentSchemas"] = map[string]any{"p1": g.schema(depth)}
	}
	if g.chance(5) {
		s["minProperties"] = g.IntN(4)
	}
	if g.chance(6) {
		s["maxProperties"] = 2 + g.IntN(4)
	}
}

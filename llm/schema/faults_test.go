package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const order = `{"type":"object","properties":{
	"id":{"type":"string","pattern":"^A-"},
	"items":{"type":"array","items":{"$ref":"#/$defs/item"},"minItems":1},
	"note":{"anyOf":[{"type":"string","minLength":3},{"type":"null"}]},
	"paid":{"allOf":[{"type":"boolean"},{"const":true}]},
	"size":{"prefixItems":[{"type":"integer"},{"type":"integer"}],"items":false},
	"tags":{"type":"object","patternProperties":{"^x-":{"maxLength":2}},"additionalProperties":{"type":"integer"}}},
	"required":["id","items"],"additionalProperties":false,
	"$defs":{"item":{"type":"object","properties":{"price":{"type":"number","minimum":0,"multipleOf":0.5},"next":{"$ref":"#/$defs/item"}},"required":["price"]}}}`

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		schema, text string
		want         []string
	}{
		{order, `{"id":"B","items":[{"price":1},{"price":"2"},{"next":{"price":-0.25}}],"note":"x","paid":false,"size":[1,"2",3],"tags":{"x-a":"long","b":"c","d e":null},"colour":"red"}`, []string{
			`unexpected additional properties ["colour"]`,
			`.id: pattern: "B" does not match regular expression "^A-"`,
			`.items[1].price: type: 2 has type "string", want "number"`,
			`.items[2]: required: missing properties: ["price"]`,
			`.items[2].next.price: multipleOf: -1/4 is not a multiple of 0.500000`,
			`.items[2].next.price: minimum: -1/4 is less than 0.000000`,
			`.note: anyOf: did not validate against any of [<anonymous schema> <anonymous schema>]: validating /anyOf/0: minLength: "x" contains 1 Unicode code points, fewer than 3; validating /anyOf/1: type: x has type "string", want "null"`,
			`.paid: const: false does not equal true`,
			`there are more faults`,
		}},
		{order, `{"id":"A-","items":[{"price":1}],"size":[1,2,3],"tags":{"x-a":"long","b":"c","d e":null}}`, []string{
			`.size[2]: nothing may stand here`,
			`.tags.x-a: maxLength: "long" contains 4 Unicode code points, more than 2`,
			`.tags.b: type: c has type "string", want "integer"`,
			`.tags["d e"]: type: null has type "null", want "integer"`,
		}},
		{order, `7`, []string{`type: 7 has type "integer", want "object"`}},
		{`{"items":{"type":"integer","minimum":5}}`, `[1,"` + strings.Repeat("æ", 200) + `"]`, []string{
			`[0]: minimum: 1/1 is less than 5.000000`,
			`[1]: type: ` + strings.Repeat("æ", 57) + ` … ` + strings.Repeat("æ", 43) + ` has type "string", want "integer"`,
		}},
		{`{"minimum":2,"if":true,"then":{"minimum":3}}`, `1`, []string{`minimum: 1/1 is less than 2.000000`, `/then: minimum: 1/1 is less than 3.000000`}},
		// What the walk cannot say, the library does, and alone.
		{`{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}],"$defs":{"a":{"type":"string"}}}`, `1`, []string{`anyOf: did not validate against any of [<anonymous schema> <anonymous schema>]: validating /anyOf/0: validating /$defs/a: type: 1 has type "integer", want "string"; validating /anyOf/1: type: 1 has type "integer", want "null"`}},
		{`{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":{"type":"string"}}`, `{"a":1,"b":2}`, []string{`/unevaluatedProperties: type: 2 has type "integer", want "string"`}},
		// In draft-07 a reference hides what stands beside it.
		{`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","maximum":1,"definitions":{"a":{"items":[{"minimum":3}],"additionalItems":{"type":"string"}}}}`, `[2,3]`, []string{`/items/0: minimum: 2/1 is less than 3.000000`}},
	} {
		err := parse(t, c.schema).Validate(json.RawMessage(c.text))
		if err == nil {
			t.Errorf("%s passes", c.text)
			continue
		}
		got := strings.Split(err.(*Error).Detail, "\n")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		for range 5 {
			if again := parse(t, c.schema).Validate(json.RawMessage(c.text)); !cmp.Equal(err, again) {
				t.Fatalf("got  %+v\nthen %+v", err, again)
			}
		}
	}
}

// plan is a random schema with a value that satisfies it, and the ways to break the value, each
// by itself, with where that shows.
type plan struct {
	schema, good any
	breaks       []breach
}

type breach struct {
	at    string
	value func(v any) any // what becomes of the value of the plan
}

// grow makes one. All objects have an id, which a break takes away.
func grow(rng *rand.Rand, depth int) plan {
	replace := func(with any) breach { return breach{"", func(any) any { return with }} }
	kind := rng.IntN(6)
	if depth == 0 {
		kind = rng.IntN(3)
	}
	switch kind {
	case 0:
		return plan{map[string]any{"type": "string", "enum": []any{"a", "b"}}, "a", []breach{replace("c")}}
	case 1:
		return plan{map[string]any{"type": []any{"integer", "null"}, "minimum": 3}, 3.0, []breach{replace(2.0), replace("3")}[rng.IntN(2):][:1]}
	case 2:
		return plan{map[string]any{"anyOf": []any{map[string]any{"pattern": "^x"}, false}}, "x", []breach{replace("y")}}
	case 3: // a list
		item := grow(rng, depth-1)
		list := plan{map[string]any{"type": "array", "items": item.schema}, []any{item.good, item.good, item.good}, nil}
		for i := range 3 {
			for _, b := range item.breaks {
				list.breaks = append(list.breaks, breach{fmt.Sprintf("[%d]%s", i, b.at), func(v any) any {
					items := slices.Clone(v.([]any))
					items[i] = b.value(items[i])
					return items
				}})
			}
		}
		return list
	case 4: // the same, in other words
		inner := grow(rng, depth-1)
		wrapped := map[string]any{"allOf": []any{inner.schema, true}, "title": "x"}
		return plan{wrapped, inner.good, inner.breaks}
	}
	object := map[string]any{"id": 1.0}
	properties := map[string]any{"id": map[string]any{"type": "number"}}
	patterns := map[string]any{}
	o := plan{map[string]any{"type": "object", "properties": properties, "patternProperties": patterns, "additionalProperties": false, "required": []any{"id"}}, object, nil}
	set := func(at, name string, f func(any) any) {
		o.breaks = append(o.breaks, breach{at, func(v any) any {
			object := maps.Clone(v.(map[string]any))
			if f == nil {
				delete(object, name)
			} else {
				object[name] = f(object[name])
			}
			return object
		}})
	}
	set(" required", "id", nil)
	set(" additionalProperties", "extra", func(any) any { return 1.0 })
	for i := range 1 + rng.IntN(3) {
		name := fmt.Sprintf("p%d", i)
		inner := grow(rng, depth-1)
		object[name] = inner.good
		if rng.IntN(3) == 0 {
			patterns["^"+name+"$"] = inner.schema
		} else {
			properties[name] = inner.schema
		}
		for _, b := range inner.breaks {
			set("."+name+b.at, name, b.value)
		}
	}
	return o
}

// Of a value that is broken in several places each is told; one that is mended is no longer,
// and the others still are.
func TestFaultsArePlanted(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := grow(rng, 3)
		schema := p.schema
		if seed%2 == 0 { // behind a reference
			schema = map[string]any{"$ref": "#/$defs/it", "$defs": map[string]any{"it": p.schema}}
		}
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		s := parse(t, string(text))
		places := func(broken []breach) (found []string) {
			v := p.good
			for _, b := range broken {
				v = b.value(v)
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			invalid := s.Validate(text)
			if (invalid != nil) != (len(broken) > 0) {
				t.Fatalf("seed %d: %v of %s", seed, invalid, text)
			}
			var decoded any
			if err := json.Unmarshal(text, &decoded); err != nil {
				t.Fatal(err)
			}
			for _, f := range s.faults(decoded) {
				at := f.at
				if f.Keyword == "required" || f.Keyword == "additionalProperties" {
					at += " " + f.Keyword
				}
				found = append(found, at)
			}
			slices.Sort(found)
			return found
		}
		var broken []breach
		for _, i := range rng.Perm(len(p.breaks))[:min(len(p.breaks), rng.IntN(maxFaults+1))] {
			broken = append(broken, p.breaks[i])
		}
		for {
			var want []string
			for _, b := range broken {
				want = append(want, b.at)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, places(broken)); diff != "" {
				t.Fatalf("seed %d: %s (-want +got):\n%s", seed, text, diff)
			}
			if len(broken) == 0 {
				break
			}
			broken = broken[1:] // mended
		}
	}
}

// The library alone says whether a value satisfies a schema: where it does, there is no fault.
func FuzzFaults(f *testing.F) {
	f.Add(order, `{"id":"A-","items":[{"price":1}]}`)
	f.Add(`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","maximum":1,"definitions":{"a":{"items":[{"minimum":3}]}}}`, `[3,1]`)
	f.Add(`{"if":{"$ref":"#/$defs/a"},"then":false,"else":{"maximum":3},"$defs":{"a":{"type":"string"}}}`, `2`)
	f.Add(`{"contains":{"$ref":"#/$defs/a"},"minContains":2,"items":[false],"$defs":{"a":{"type":"string"}}}`, `["",""]`)
	f.Add(`{"patternProperties":{"^a":{"$ref":"#"}},"additionalProperties":false,"unevaluatedProperties":false,"":1}`, `{"ab":{"a":{}}}`)
	f.Add(`{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false,"dependentSchemas":{"a":{"required":["a"]}}}`, `{"a":1}`)
	f.Fuzz(func(t *testing.T, schema, text string) {
		var v any
		s, err := Parse(json.RawMessage(schema))
		if err != nil || !s.Checks() || json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		wrong := s.resolved.Validate(v)
		if found := s.faults(v); wrong == nil && len(found) > 0 {
			t.Fatalf("%s satisfies %s, and is said to break %s at %q", text, schema, found[0].Keyword, found[0].at)
		}
		if told := s.Validate(json.RawMessage(text)); wrong != nil && (told == nil || told.(*Error).Detail == "") {
			t.Fatalf("%s does not satisfy %s (%v), and is told %v", text, schema, wrong, told)
		}
	})
}

// The search ends early where it would take long: the fault of the last item is not looked for.
func TestFaultsAreBounded(t *testing.T) {
	s := parse(t, `{"type":"array","items":{"allOf":[`+strings.Repeat(`{"minimum":0},`, 900)+`true]},"maxItems":1}`)
	var items []any
	for range 40 {
		items = append(items, 1.0)
	}
	f := s.faults(append(items, -1.0))
	if len(f) != 1 || f[0].Keyword != "maxItems" {
		t.Errorf("found %v", f)
	}
}

// A dialect that the library does not know is not held against values.
func TestOtherDialects(t *testing.T) {
	for dialect, checks := range map[string]bool{
		"http://json-schema.org/draft-04/schema#":      false,
		"https://json-schema.org/draft/2019-09/schema": false,
		"http://json-schema.org/draft-07/schema#":      true,
		"https://json-schema.org/draft/2020-12/schema": true,
	} {
		s := parse(t, `{"$schema":"`+dialect+`","type":"object"}`)
		if err := s.Validate(json.RawMessage(`{}`)); err != nil || s.Checks() != checks {
			t.Errorf("%s: checks %v, and %v", dialect, s.Checks(), err)
		}
	}
}

package sample_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake/internal/sample"
	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// value is a value of a schema as Auto makes it.
func value(schema string, seed uint64, optional bool) (string, error) {
	v, err := sample.Generate(json.RawMessage(schema), rand.New(rand.NewPCG(seed, 1)), sample.Options{Vary: seed != 0, Optional: optional})
	return string(v), err
}

// inObject is a schema of an object whose property v has another.
func inObject(schema string) string {
	return `{"type":"object","properties":{"v":` + schema + `},"required":["v"]}`
}

// schemas of a property v, and the smallest values that they allow.
var schemas = []struct{ schema, want string }{
	{`true`, `"fake"`},
	{`{}`, `"fake"`},
	{`{"type":"string"}`, `"fake"`},
	{`{"type":"boolean"}`, `true`},
	{`{"type":"null"}`, `null`},
	{`{"type":["null","integer"]}`, `0`},
	{`{"type":["null"]}`, `null`},
	{`{"const":null}`, `null`},
	{`{"const":{"a":1.50}}`, `{"a":1.50}`},
	{`{"type":"string","enum":["red","green"]}`, `"red"`},
	{`{"type":"integer","default":7}`, `7`},
	{`{"type":"string","default":"x","pattern":"^x$"}`, `"x"`},
	{`{"type":"string","description":"any","x-order":1,"examples":["y"]}`, `"fake"`},

	{`{"type":"string","minLength":7}`, `"fakefak"`},
	{`{"type":"string","minLength":2,"maxLength":2}`, `"fa"`},
	{`{"type":"string","maxLength":0}`, `""`},
	{`{"type":"string","format":"date-time"}`, `"2006-01-02T15:04:05Z"`},
	{`{"type":"string","format":"uuid","minLength":36}`, `"00000000-0000-4000-8000-000000000000"`},

	{`{"type":"integer"}`, `0`},
	{`{"type":"integer","format":"int64"}`, `0`},
	{`{"type":"integer","minimum":3}`, `3`},
	{`{"type":"integer","minimum":9223372036854775807}`, `9223372036854775807`},
	{`{"type":"integer","minimum":2.5}`, `3`},
	{`{"type":"integer","minimum":1e3}`, `1000`},
	{`{"type":"integer","maximum":-2}`, `-2`},
	{`{"type":"integer","maximum":-2.5}`, `-3`},
	{`{"type":"integer","exclusiveMinimum":0}`, `1`},
	{`{"type":"integer","exclusiveMaximum":0}`, `-1`},
	{`{"type":"integer","minimum":5,"multipleOf":5}`, `5`},
	{`{"type":"number","minimum":0.25}`, `0.25`},
	{`{"type":"number","maximum":-1.5}`, `-1.5`},
	{`{"type":"number","exclusiveMinimum":0,"maximum":0.5}`, `0.5`},

	{`{"type":"array"}`, `["fake"]`},
	{`{"type":"array","items":{"type":"integer"}}`, `[0]`},
	{`{"items":{"type":"integer"},"minItems":3}`, `[0,0,0]`},
	{`{"type":"array","items":{"type":"integer"},"uniqueItems":true}`, `[0]`},
	{`{"type":"array","items":false,"maxItems":0}`, `[]`},

	{`{"type":"object"}`, `{}`},
	{`{"type":"object","properties":{"a":{"$ref":"#/x"}}}`, `{}`},
	{`{"properties":{"b":{"type":"integer"},"a":{"properties":{"c":{"type":"array","items":{"const":1}}},"required":["c"]}},"required":["a","b","a"]}`, `{"a":{"c":[1]},"b":0}`},
	{`{"type":"object","required":["any"]}`, `{"any":"fake"}`},
	{`{"type":"object","required":["n"],"additionalProperties":{"type":"integer"}}`, `{"n":0}`},
	{`{"type":"object","required":["a\"b"]}`, `{"a\"b":"fake"}`},

	{`{"type":"string","minLength":3,"pattern":"^x*$"}`, `"xxx"`},
	{`{"type":"string","pattern":"^[A-Z]{2}-\\d{4}$"}`, `"AA-0000"`},
	{`{"type":"string","pattern":"^(foo|bar)+$","minLength":4}`, `"barbar"`},
	{`{"type":"string","pattern":"secret"}`, `"secret"`},
	{`{"type":"string","pattern":"^$"}`, `""`},
	{`{"type":"string","pattern":"b","minLength":3}`, `"baa"`},
	{`{"type":"string","pattern":"^.{3}$","maxLength":3}`, `"aaa"`},
	{`{"type":"string","pattern":"^[^a-zA-Z0-9]$"}`, `"-"`},
	{`{"type":"string","pattern":"^\\p{Greek}$"}`, `"Ͱ"`},
	{`{"allOf":[{"type":"string","pattern":"^a"},{"pattern":"b$"}]}`, `"ab"`},
	{`{"type":"string","format":"ipv6"}`, `"2001:db8::1"`},
	{`{"type":"string","format":"duration"}`, `"PT1H"`},
	{`{"type":"string","const":"<&>"}`, `"<&>"`},

	{`{"type":"integer","minimum":4,"multipleOf":3}`, `6`},
	{`{"type":"integer","exclusiveMinimum":10,"multipleOf":5}`, `15`},
	{`{"type":"integer","minimum":1,"allOf":[{"multipleOf":4},{"multipleOf":6}]}`, `12`},
	{`{"type":"number","minimum":0.15,"multipleOf":0.1}`, `1`},
	{`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`, `0.5`},
	{`{"type":"integer","not":{"const":0}}`, `47`},
	{`{"type":["number","string"],"allOf":[{"type":["integer","boolean"]}]}`, `0`},

	{`{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"boolean"}}`, `[true,false]`},
	{`{"type":"array","minItems":3,"uniqueItems":true,"items":{"enum":[1,1.0,2,3]}}`, `[1,3,2]`},
	{`{"uniqueItems":true,"enum":[[1,1.0],[{"a":1},{"a":1}],[1,2]]}`, `[1,2]`},
	{`{"type":"array","uniqueItems":true,"default":[1,1],"items":{"type":"integer"}}`, `[0]`},
	{`{"contains":{"const":1},"maxContains":1,"enum":[[1,1],[1,2]]}`, `[1,2]`},
	{`{"dependentRequired":{"a":["b"]},"enum":[{"a":1},{"a":1,"b":2}]}`, `{"a":1,"b":2}`},
	{`{"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":false,"minItems":2}`, `[0,null]`},
	{`{"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"null"},"minItems":2}`, `[0,null]`},
	{`{"type":"array","items":{"type":"integer"},"contains":{"minimum":7}}`, `[7]`},
	{`{"type":"array","items":{"type":"integer"},"contains":{"minimum":7},"minContains":2,"minItems":3}`, `[7,7,0]`},
	{`{"type":"array","prefixItems":[{"type":"null"}],"contains":{"type":"boolean"}}`, `[null,true]`},
	{`{"type":"array","items":{"not":{}}}`, `[]`},

	{`{"type":"object","minProperties":2}`, `{"property1":"fake","property2":"fake"}`},
	{`{"properties":{"b":{"type":"null"}},"minProperties":1}`, `{"b":null}`},
	{`{"patternProperties":{"^x-[a-z]+$":{"type":"integer"}},"additionalProperties":false,"minProperties":1}`, `{"x-a":0}`},
	{`{"type":"object","propertyNames":{"pattern":"^[A-Z]$"},"minProperties":1}`, `{"A":"fake"}`},
	{`{"required":["a"],"properties":{"a":{"minimum":1}},"patternProperties":{"a":{"type":"integer"}}}`, `{"a":1}`},
	{`{"required":["a"],"dependentRequired":{"a":["b"]},"additionalProperties":{"type":"null"}}`, `{"a":null,"b":null}`},
	{`{"required":["a"],"dependentSchemas":{"a":{"required":["c"]}},"additionalProperties":{"type":"null"}}`, `{"a":null,"c":null}`},
	{`{"required":["a"],"dependencies":{"a":["b"]},"additionalProperties":{"type":"null"}}`, `{"a":null,"b":null}`},

	{`{"anyOf":[{"type":"integer"},{"type":"string"}]}`, `0`},
	{`{"anyOf":[false,{"type":"string","maxLength":2}]}`, `"fa"`},
	{`{"type":"integer","anyOf":[{"type":"string"},{"minimum":5}]}`, `5`},
	{`{"oneOf":[{"type":"integer"},{"type":"number"}]}`, `4.11`},
	{`{"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"}`, `{"a":"fake"}`},
	{`{"allOf":[{"required":["a"]},{"properties":{"a":{"type":"integer"}}}],"type":"object"}`, `{"a":0}`},
	{`{"not":{"type":"string"}}`, `0`},
	{`{"type":"string","not":{"enum":["fake"]}}`, `"daki"`},
	{`{"type":"object","properties":{"k":{"enum":["a","b"]}},"required":["k"],"if":{"properties":{"k":{"const":"a"}}},"then":{"required":["a"],"properties":{"a":{"type":"null"}}}}`, `{"k":"a","a":null}`},
	{`{"enum":[1,"x"],"type":"string"}`, `"x"`},
	{`{"type":"integer","minimum":5,"default":1}`, `5`},
	{`{"$ref":"#/properties/v/$defs/n","$defs":{"n":{"type":"integer"}}}`, `0`},
	{`{"$ref":"#n","$defs":{"x":{"$anchor":"n","type":"null"}}}`, `null`},
	{`{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"$ref":"#/properties/v"},{"type":"null"}]}}}`, `{"next":{"next":null}}`},
}

func TestGenerate(t *testing.T) {
	for _, tt := range schemas {
		t.Run(tt.schema, func(t *testing.T) {
			if got, err := value(inObject(tt.schema), 0, false); err != nil || got != `{"v":`+tt.want+`}` {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct{ schema, path string }{
		{`false`, ""},
		{`[]`, ""},
		{`{"$ref":"#/$defs/x"}`, ".$ref"},
		{`{"type":"string","format":"iri"}`, ".format"},
		{`{"type":"string","format":"date","maxLength":3}`, ".maxLength"},
		{`{"type":"string","minLength":1000000}`, ".minLength"},
		{`{"type":"string","minLength":3,"maxLength":2}`, ".minLength"},
		{`{"type":"money"}`, ".type"},
		{`{"type":7}`, ".type"},
		{`{"type":"integer","minimum":5,"maximum":3}`, ".minimum"},
		{`{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":1}`, ".exclusiveMinimum"},
		{`{"type":"number","exclusiveMinimum":0.1,"maximum":0.01}`, ".exclusiveMinimum"},
		{`{"type":"array","minItems":1000000}`, ".minItems"},
		{`{"items":{"items":{"items":{"type":"null"},"minItems":100},"minItems":100},"minItems":100}`, ".minItems"},
		{`{"required":["a","b"],"additionalProperties":{"items":{"type":"string","minLength":400},"minItems":100}}`, ".properties"},
		{`{"type":"array","minItems":2,"maxItems":1}`, ".maxItems"},
		{`{"type":"array","minItems":1,"items":{"type":"object","required":["a"],"properties":{"a":{"not":{}}}}}`, ".items.properties.a.not"},
		{`{"anyOf":[]}`, ".anyOf"},
		{`{"anyOf":[{"type":"string","format":"iri"},{"const":1,"minimum":2}]}`, ".anyOf[0].format"},
		{`{"oneOf":[{"type":"null"},{"type":["null"]}]}`, ".oneOf"},
		{`{"not":true}`, ".not"},
		{`{"const":"secret","maxLength":2}`, ".maxLength"},
		{`{"enum":["secret"],"type":"integer"}`, ".type"},
		{`{"enum":[]}`, ".enum"},
		{`{"type":["string"],"allOf":[{"type":"integer"}]}`, ".allOf[0].type"},
		{`{"type":"string","pattern":"^(?=secret)"}`, ".pattern"},
		{`{"type":"string","pattern":"^secret$","maxLength":2}`, ".pattern"},
		{`{"type":"string","format":"date","allOf":[{"format":"time"}]}`, ".allOf[0].format"},
		{`{"type":"string","minLength":"secret"}`, ".minLength"},
		{`{"type":"integer","minimum":1,"exclusiveMinimum":true}`, ".exclusiveMinimum"},
		{`{"type":"array","uniqueItems":true,"minItems":3,"items":{"type":"boolean"}}`, ".uniqueItems"},
		{`{"type":"array","contains":{"type":"null"},"items":{"type":"string"}}`, ".contains"},
		{`{"type":"object","unevaluatedProperties":false}`, ".unevaluatedProperties"},
		{`{"type":"object","minProperties":1,"additionalProperties":false}`, ".minProperties"},
		{`{"type":"object","required":["a"],"propertyNames":{"minLength":2}}`, ".propertyNames.minLength"},
		{`{"$ref":"https://secret.example.com/s.json"}`, ".$ref"},
		{`{"$ref":"#secret"}`, ".$ref"},
		{`{"anyOf":[{"type":"string"},{"$ref":"#/properties/v"}]}`, ""}, // validators loop
		{`{"$ref":"#/properties/v"}`, ".$ref.$ref"},
		{`{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/properties/v"}}}`, ".properties.n.$ref.properties.n.$ref"},
		{`{"type":"object","required":["a"],"additionalProperties":false}`, ".additionalProperties"},
		{`{"type":"object","required":"a"}`, ".required"},
		{`{"type":"object","properties":[]}`, ".properties"},
		{`{"type":"object","required":["a"],"maxProperties":0}`, ".maxProperties"},
	}
	for _, tt := range tests {
		t.Run(tt.schema, func(t *testing.T) {
			_, err := value(inObject(tt.schema), 0, false)
			if err == nil || !strings.HasPrefix(err.Error(), ".properties.v"+tt.path+": ") {
				t.Errorf("got %v, want %s", err, tt.path)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the schema is quoted: %v", err)
			}
		})
	}
	if v, err := value(`{"type":`, 0, false); err == nil {
		t.Errorf("no JSON: %s", v)
	}
	if v, err := value("", 0, false); err != nil || v != `"fake"` {
		t.Errorf("no schema: %s, %v", v, err)
	}
}

// What options do to the values: seeds vary them, and optional properties are added.
func TestOptions(t *testing.T) {
	const schema = `{"type":"object","required":["kind","n"],"properties":{
		"kind":{"enum":["a","b","c"]},"n":{"type":"integer","minimum":1,"maximum":1000},
		"note":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","pattern":"^[a-z]{4}$"}},
		"next":{"$ref":"#"},"never":false}}`
	got := map[string]bool{}
	for seed := range uint64(8) {
		text, err := value(schema, seed, false)
		if err != nil {
			t.Fatal(err)
		}
		got[text] = true
		if strings.Contains(text, "note") {
			t.Errorf("an optional property: %s", text)
		}
	}
	if len(got) < 7 {
		t.Errorf("8 seeds give %d values", len(got))
	}
	text, err := value(schema, 0, true)
	if want := `{"kind":"a","n":1,"note":"fake@example.com","tags":["aaaa"],"next":{"kind":"a","n":1,"note":"fake@example.com","tags":["aaaa"]}}`; text != want || err != nil {
		t.Errorf("got %s %v, want %s", text, err, want)
	}
}

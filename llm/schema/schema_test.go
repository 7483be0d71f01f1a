package schema_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm/schema"
)

type unit string

type search struct {
	Query string   `json:"query" jsonschema:"what to look for" minLength:"1"`
	Unit  unit     `json:"unit,omitempty" enum:"celsius,fahrenheit" default:"celsius"`
	Limit int      `json:"limit,omitempty" minimum:"1" maximum:"50"`
	Tags  []string `json:"tags,omitempty" maxItems:"5" uniqueItems:"true" pattern:"^[a-z]+$"`
	Step  *float64 `json:"step" exclusiveMinimum:"0" exclusiveMaximum:"1" multipleOf:"0.25"`
	Size  *int     `json:"size,omitempty" enum:"1,2"`
}

type node struct {
	Name     string           `json:"name" minLength:"2"`
	Children []*node          `json:"children,omitempty"`
	By       map[string]*node `json:"by,omitempty"`
}

type forest struct {
	Trees []node `json:"trees"`
	First *node  `json:"first,omitempty"`
}

type base struct {
	ID int `json:"id" minimum:"1"`
}

type special struct {
	base
	Raw    json.RawMessage `json:"raw"`
	Bytes  []byte          `json:"bytes"`
	When   time.Time       `json:"when"`
	Addr   netip.Addr      `json:"addr"`
	Any    any             `json:"any"`
	Pair   [2]int          `json:"pair"`
	Nested struct {
		Deep string `json:"deep" enum:"a,b"`
	} `json:"nested"`
	Plain bool
	Not   string `json:"-"`
}

func TestFor(t *testing.T) {
	for name, c := range map[string]struct {
		got  func() (*schema.Schema, error)
		want string
	}{
		"tags": {schema.For[search], `{"type":"object","properties":{
			"query":{"type":"string","description":"what to look for","minLength":1},
			"unit":{"type":"string","default":"celsius","enum":["celsius","fahrenheit"]},
			"limit":{"type":"integer","minimum":1,"maximum":50},
			"tags":{"type":"array","items":{"type":"string","pattern":"^[a-z]+$"},"maxItems":5,"uniqueItems":true},
			"step":{"type":["null","number"],"multipleOf":0.25,"exclusiveMinimum":0,"exclusiveMaximum":1},
			"size":{"type":"integer","enum":[1,2]}},
			"required":["query","step"],"additionalProperties":false}`},
		"recursive": {schema.For[node], `{"type":"object","properties":{
			"name":{"type":"string","minLength":2},
			"children":{"type":"array","items":{"$ref":"#/$defs/node"}},
			"by":{"type":"object","additionalProperties":{"$ref":"#/$defs/node"}}},
			"required":["name"],"additionalProperties":false,"$defs":{"node":{"type":"object","properties":{
				"name":{"type":"string","minLength":2},
				"children":{"type":"array","items":{"$ref":"#/$defs/node"}},
				"by":{"type":"object","additionalProperties":{"$ref":"#/$defs/node"}}},
				"required":["name"],"additionalProperties":false}}}`},
		"special": {schema.For[special], `{"type":"object","properties":{
			"id":{"type":"integer","minimum":1},"raw":true,"bytes":{"type":["null","string"],"contentEncoding":"base64"},
			"when":{"type":"string"},"addr":{"type":"string"},"any":true,
			"pair":{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2},
			"nested":{"type":"object","properties":{"deep":{"type":"string","enum":["a","b"]}},"required":["deep"],"additionalProperties":false},
			"Plain":{"type":"boolean"}},
			"required":["id","raw","bytes","when","addr","any","pair","nested","Plain"],"additionalProperties":false}`},
		"pointer": {schema.For[*base], `{"type":["null","object"],"properties":{"id":{"type":"integer","minimum":1}},"required":["id"],"additionalProperties":false}`},
		"string":  {schema.For[string], `{"type":"string"}`},
	} {
		s, err := c.got()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(value(t, c.want), value(t, string(s.JSON()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func value(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Properties stand in the order of the fields, in every run: prompt caches need that.
func TestOrder(t *testing.T) {
	s, err := schema.For[search]()
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, name := range []string{"query", "unit", "limit", "tags", "step", "size"} {
		at := strings.Index(string(s.JSON()), `"`+name+`":{`)
		if at <= last {
			t.Errorf("%s stands at %d, after %d", name, at, last)
		}
		last = at
	}
}

type (
	funcs   struct{ F func() }
	badEnum struct {
		N int `enum:"one"`
	}
	badBound struct {
		N int `minimum:"low"`
	}
	badPattern struct {
		S string `pattern:"("`
	}
	named struct {
		base `json:"base"`
	}
	quoted struct {
		N int `json:"n,string"`
	}
	list []list
)

func TestForErrors(t *testing.T) {
	for want, f := range map[string]func() (*schema.Schema, error){
		"func()":             schema.For[funcs],
		"badEnum.N: tag":     schema.For[badEnum],
		"badBound.N: tag":    schema.For[badBound],
		"badPattern.S: tag":  schema.For[badPattern],
		"named.base":         schema.For[named],
		"quoted.N":           schema.For[quoted],
		"list contains its":  schema.For[list],
		"map key type":       schema.For[map[float64]int],
		"unsupported by jso": schema.For[chan int],
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	of := func(s *schema.Schema, err error) *schema.Schema {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	query, trees := of(schema.For[search]()), of(schema.For[forest]())
	const secret = "secret"
	for _, c := range []struct {
		schema        *schema.Schema
		text          string
		path, keyword string // "" = valid
	}{
		{query, `{"query":"x","step":0.5}`, "", ""},
		{query, `{"query":"x","step":null,"tags":null,"size":null,"unit":"celsius"}`, "", ""},
		{query, `{"query":"secret"}`, "", "required"},
		{query, `{"query":"x","step":0.3}`, "/properties/step", "multipleOf"},
		{query, `{"query":"x","step":0.5,"unit":"secret"}`, "/properties/unit", "enum"},
		{query, `{"query":"x","step":0.5,"tags":["validating: secret: "]}`, "/properties/tags/items", "pattern"},
		{query, `{"query":"x","step":0.5,"secret":1}`, "", "additionalProperties"},
		{query, `{"query":["secret"],"step":0.5}`, "/properties/query", "type"},
		{query, `{"query":`, "", "json"},
		{query, ``, "", "json"},
		{trees, `{"trees":[{"name":"ab","children":[{"name":"cd"}]}]}`, "", ""},
		{trees, `{"trees":[{"name":"ab","children":[{"name":"c"}]}]}`, "/$defs/node/properties/name", "minLength"},
		{new(schema.Schema), `{"any":"thing"}`, "", ""},
		{of(schema.Parse(json.RawMessage(` {"type":"object","minProperties":1}`))), `{}`, "", "minProperties"},
		{of(schema.Parse(json.RawMessage(`false`))), `{}`, "", "not"},
		{of(schema.Parse(json.RawMessage(`{"anyOf":[{"type":"string"},{"type":"null"}]}`))), `1`, "", "anyOf"},
	} {
		err := c.schema.Validate(json.RawMessage(c.text))
		e, _ := errors.AsType[*schema.Error](err)
		switch {
		case c.keyword == "" && err != nil, c.keyword != "" && (e == nil || e.Path != c.path || e.Keyword != c.keyword):
			t.Errorf("%s: got %#v, want %q at %q", c.text, err, c.keyword, c.path)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("%s: the error quotes a value: %v", c.text, err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		``:             "object",
		`[]`:           "object",
		`{`:            "object",
		`"x"`:          "object",
		`{"$ref":"#"}`: "leads back",
		strings.Repeat(`{"not":`, 200) + `{}` + strings.Repeat(`}`, 200): "100 levels",
	} {
		if _, err := schema.Parse(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
	}
	for text, checks := range map[string]bool{`{"type":"object"}`: true, `true`: true, `{"$ref":"https://example.com/s.json"}`: false, `{"type":7}`: false} {
		s, err := schema.Parse(json.RawMessage(text))
		if err != nil || s.Checks() != checks || string(s.JSON()) != text {
			t.Errorf("%s: checks %v, %s, %v", text, s != nil && s.Checks(), s.JSON(), err)
		}
	}
}

func TestTypes(t *testing.T) {
	for text, want := range map[string][]string{
		`{"type":"object"}`:          {"object"},
		`{"type":["null","object"]}`: {"null", "object"},
		`{"type":7}`:                 nil,
		`{"type":""}`:                nil,
		`{}`:                         nil,
		`true`:                       nil,
	} {
		s, err := schema.Parse(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.Types()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

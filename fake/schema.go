package fake

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// generate returns a JSON value for a JSON Schema: a small one, always the same. The
// error begins with the path of the keyword that it cannot satisfy: ".properties.id.pattern".
func generate(raw json.RawMessage) (json.RawMessage, error) {
	switch string(bytes.TrimSpace(raw)) {
	case "", "true":
		return json.RawMessage(`"fake"`), nil
	case "false":
		return nil, keyword("", "nothing satisfies it")
	}
	var s schema
	if json.Unmarshal(raw, &s) != nil {
		return nil, keyword("", "not a schema that fake.Auto can read")
	}
	for _, v := range []json.RawMessage{s["const"], s.first("enum"), s["default"]} {
		if v != nil {
			return v, nil
		}
	}
	for _, k := range unknown {
		if s[k] != nil {
			return nil, keyword("."+k, "fake.Auto cannot satisfy it")
		}
	}
	switch t := s.valueType(); t {
	case "object":
		return s.object()
	case "array":
		return s.array()
	case "string":
		return s.string()
	case "integer", "number":
		return s.number(t == "integer")
	case "boolean":
		return json.RawMessage("true"), nil
	case "null":
		return json.RawMessage("null"), nil
	}
	return nil, keyword(".type", "fake.Auto does not know it")
}

// unknown are the keywords that restrict a value in ways that this generator does
// not follow. What stands neither here nor below restricts nothing.
var unknown = [...]string{"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if",
	"pattern", "prefixItems", "contains", "patternProperties", "propertyNames",
	"dependentRequired", "dependentSchemas", "dependencies"}

// keyword is an error about the keyword at a path.
func keyword(path, why string) error { return &keywordError{path, why} }

type keywordError struct{ path, why string }

func (e *keywordError) Error() string { return e.path + ": " + e.why }

// at puts a step before the path of a keyword error.
func at(step string, err error) error {
	if e, ok := err.(*keywordError); ok {
		return keyword(step+e.path, e.why)
	}
	return err
}

// schema is a JSON Schema object, by keyword.
type schema map[string]json.RawMessage

// first is the first value of a keyword that lists some.
func (s schema) first(key string) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(s[key], &list) != nil || len(list) == 0 {
		return nil
	}
	return list[0]
}

// valueType is the type to generate: of several the first that is not null, and
// where none is given the one that the other keywords are about.
func (s schema) valueType() string {
	var one string
	if json.Unmarshal(s["type"], &one) == nil {
		return one
	}
	var several []string
	if json.Unmarshal(s["type"], &several) == nil && len(several) > 0 {
		if i := slices.IndexFunc(several, func(t string) bool { return t != "null" }); i >= 0 {
			return several[i]
		}
		return several[0]
	}
	switch {
	case s["type"] != nil:
		return ""
	case s["properties"] != nil, s["required"] != nil:
		return "object"
	case s["items"] != nil:
		return "array"
	}
	return "string"
}

// limit is the number of a keyword, and whether it has one.
func (s schema) limit(key string) (float64, bool) {
	var v float64
	ok := s[key] != nil && json.Unmarshal(s[key], &v) == nil
	return v, ok
}

// size checks a length against two keywords.
func (s schema) size(n int, least, most string) error {
	if v, ok := s.limit(least); ok && float64(n) < v {
		return keyword("."+least, "more than fake.Auto makes")
	}
	if v, ok := s.limit(most); ok && float64(n) > v {
		return keyword("."+most, "less than fake.Auto makes")
	}
	return nil
}

// object generates the required properties, in the order in which they are required.
func (s schema) object() (json.RawMessage, error) {
	var required []string
	if s["required"] != nil && json.Unmarshal(s["required"], &required) != nil {
		return nil, keyword(".required", "not a list of names")
	}
	required = unique(required)
	var properties schema
	if s["properties"] != nil && json.Unmarshal(s["properties"], &properties) != nil {
		return nil, keyword(".properties", "not an object")
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range required {
		property, path := properties[name], ".properties."+name
		if property == nil {
			property, path = s["additionalProperties"], ".additionalProperties"
		}
		v, err := generate(property)
		if err != nil {
			return nil, at(path, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(name) // a string always encodes
		b.Write(key)
		b.WriteByte(':')
		b.Write(v)
		if b.Len() > maxBytes {
			return nil, keyword(".properties", tooLarge)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), s.size(len(required), "minProperties", "maxProperties")
}

// unique is a list of names without repetitions; it takes the list's memory.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

// array generates one item, or as many as there must be.
func (s schema) array() (json.RawMessage, error) {
	n := 1
	if v, ok := s.limit("minItems"); ok && v > 1 && v <= maxSize {
		n = int(math.Ceil(v))
	}
	if v, ok := s.limit("maxItems"); ok && v < 1 {
		n = 0
	}
	if n > 1 && string(s["uniqueItems"]) == "true" {
		return nil, keyword(".uniqueItems", "fake.Auto makes items that are all the same")
	}
	if err := s.size(n, "minItems", "maxItems"); err != nil {
		return nil, err
	}
	if n == 0 {
		return json.RawMessage("[]"), nil
	}
	item, err := generate(s["items"])
	if err != nil {
		return nil, at(".items", err)
	}
	if n*len(item) > maxBytes {
		return nil, keyword(".minItems", tooLarge)
	}
	items := slices.Repeat([][]byte{item}, n)
	return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]")), nil
}

// What a schema can make the generator produce is bounded: in an array by items, in a
// string by runes, and in all by bytes.
const (
	maxSize  = 1000
	maxBytes = 64 << 10
	tooLarge = "the value is larger than the 64 KiB that fake.Auto makes"
)

// formats are examples of the string formats that programs parse.
var formats = map[string]string{
	"date":      "2006-01-02",
	"date-time": "2006-01-02T15:04:05Z",
	"time":      "15:04:05Z",
	"email":     "fake@example.com",
	"uri":       "https://example.com/",
	"uuid":      "00000000-0000-4000-8000-000000000000",
}

// string generates a string of the format and of the length that is asked for.
func (s schema) string() (json.RawMessage, error) {
	text := "fake"
	var format string
	if json.Unmarshal(s["format"], &format) == nil && format != "" {
		if text = formats[format]; text == "" {
			return nil, keyword(".format", "fake.Auto does not know it")
		}
	} else {
		if v, ok := s.limit("minLength"); ok && v > 4 && v <= maxSize {
			text = strings.Repeat(text, int(v)/4+1)[:int(math.Ceil(v))]
		}
		if v, ok := s.limit("maxLength"); ok && v >= 0 && v < 4 {
			text = text[:int(v)]
		}
	}
	if err := s.size(utf8.RuneCountInString(text), "minLength", "maxLength"); err != nil {
		return nil, err
	}
	return json.Marshal(text)
}

// number generates 0, or a number at one of the bounds. Bounds are taken over digit
// by digit where the value is the bound itself.
func (s schema) number(integer bool) (json.RawMessage, error) {
	candidates := []string{"0"}
	for _, key := range []string{"minimum", "maximum"} {
		if v, ok := s.limit(key); ok {
			candidates = append(candidates, string(s[key]), decimal(math.Ceil(v)), decimal(math.Floor(v)))
		}
	}
	for _, key := range []string{"exclusiveMinimum", "exclusiveMaximum"} {
		if v, ok := s.limit(key); ok {
			candidates = append(candidates, decimal(math.Floor(v)+1), decimal(math.Ceil(v)-1))
		}
	}
	var first error
	for _, text := range candidates {
		err := s.allows(text, integer)
		if err == nil {
			return json.RawMessage(text), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// allows checks a number against the schema.
func (s schema) allows(text string, integer bool) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || integer && (v != math.Trunc(v) || strings.ContainsAny(text, ".eE")) {
		return keyword(".type", "fake.Auto finds no such number")
	}
	checks := []struct {
		key string
		ok  func(bound float64) bool
	}{
		{"minimum", func(b float64) bool { return v >= b }},
		{"maximum", func(b float64) bool { return v <= b }},
		{"exclusiveMinimum", func(b float64) bool { return v > b }},
		{"exclusiveMaximum", func(b float64) bool { return v < b }},
		{"multipleOf", func(b float64) bool { return b > 0 && math.Mod(v, b) == 0 }},
	}
	for _, c := range checks {
		if bound, ok := s.limit(c.key); ok && !c.ok(bound) {
			return keyword("."+c.key, "fake.Auto finds no number that satisfies it")
		}
	}
	return nil
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

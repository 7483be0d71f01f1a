package bedrock

import (
	"encoding/json"
	"slices"
)

// strictUnknown are the keywords that strict mode refuses; so is minItems over 1.
var strictUnknown = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"}

// strictSchema is a schema in the dialect of strict mode: every object says that it
// has no other properties, and bounds of numbers and lists are left out. The order of
// what is left stays, since models answer in it. Lost says that bounds were left out, and
// ok is false where the dialect cannot say the schema: of objects with properties of any
// name.
func strictSchema(schema json.RawMessage) (strict json.RawMessage, lost, ok bool) {
	v, ok := parse(schema)
	if !ok {
		return schema, false, false
	}
	var s strictWriter
	s.schema(v)
	if s.open || !s.changed {
		return schema, false, !s.open
	}
	return s.out, s.lost, true
}

type strictWriter struct {
	out     []byte
	changed bool
	lost    bool // bounds were left out
	open    bool // there is an object with properties of any name
}

// isObjectSchema says whether a schema is of objects, or may be.
func isObjectSchema(v value) bool {
	kind := v.get("type")
	if string(kind) == `"object"` {
		return true
	}
	for item := range kind.items() {
		if string(item) == `"object"` {
			return true
		}
	}
	return false
}

func (s *strictWriter) schema(v value) {
	if v.isNull() || v[0] != '{' {
		s.out = append(s.out, v...)
		return
	}
	s.out = append(s.out, '{')
	object, others := isObjectSchema(v), v.get("additionalProperties")
	if len(others) > 0 && string(others) != "false" || object && v.get("properties").isNull() || !v.get("patternProperties").isNull() {
		s.open = true
	}
	for key, member := range v.fields() {
		name := string(key)
		if slices.Contains(strictUnknown, name) || name == "minItems" && string(member) != "0" && string(member) != "1" {
			s.changed, s.lost = true, true
			continue
		}
		s.key(name)
		switch name {
		case "items", "not", "if", "then", "else", "contains", "propertyNames":
			s.schema(member)
		case "properties", "$defs", "definitions", "dependentSchemas":
			s.schemas(member)
		case "anyOf", "allOf", "oneOf", "prefixItems":
			s.list(member)
		default:
			s.out = append(s.out, member...)
		}
	}
	if object && len(others) == 0 {
		s.changed = true
		s.key("additionalProperties")
		s.out = append(s.out, "false"...)
	}
	s.out = append(s.out, '}')
}

// schemas writes an object of schemas by name.
func (s *strictWriter) schemas(v value) {
	if v.isNull() || v[0] != '{' {
		s.out = append(s.out, v...)
		return
	}
	s.out = append(s.out, '{')
	for key, member := range v.fields() {
		s.key(string(key))
		s.schema(member)
	}
	s.out = append(s.out, '}')
}

func (s *strictWriter) list(v value) {
	if v.isNull() || v[0] != '[' {
		s.out = append(s.out, v...)
		return
	}
	s.out = append(s.out, '[')
	for item := range v.items() {
		if s.out[len(s.out)-1] != '[' {
			s.out = append(s.out, ',')
		}
		s.schema(item)
	}
	s.out = append(s.out, ']')
}

// key writes the key of a member.
func (s *strictWriter) key(name string) {
	if s.out[len(s.out)-1] != '{' {
		s.out = append(s.out, ',')
	}
	key, _ := json.Marshal(name) // strings always marshal
	s.out = append(append(s.out, key...), ':')
}

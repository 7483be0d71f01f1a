package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// keywords read the tags of a field into its schema. Those about the whole of a slice go to the
// schema of the field, all others to that of what it holds.
var keywords = []struct {
	tag     string
	ofWhole bool
	read    func(s *jsonschema.Schema, text string) error
}{
	{"minItems", true, func(s *jsonschema.Schema, v string) error { return whole(&s.MinItems, v) }},
	{"maxItems", true, func(s *jsonschema.Schema, v string) error { return whole(&s.MaxItems, v) }},
	{"uniqueItems", true, func(s *jsonschema.Schema, v string) (err error) {
		s.UniqueItems, err = strconv.ParseBool(v)
		return err
	}},
	{"minimum", false, func(s *jsonschema.Schema, v string) error { return number(&s.Minimum, v) }},
	{"maximum", false, func(s *jsonschema.Schema, v string) error { return number(&s.Maximum, v) }},
	{"exclusiveMinimum", false, func(s *jsonschema.Schema, v string) error { return number(&s.ExclusiveMinimum, v) }},
	{"exclusiveMaximum", false, func(s *jsonschema.Schema, v string) error { return number(&s.ExclusiveMaximum, v) }},
	{"multipleOf", false, func(s *jsonschema.Schema, v string) error { return number(&s.MultipleOf, v) }},
	{"minLength", false, func(s *jsonschema.Schema, v string) error { return whole(&s.MinLength, v) }},
	{"maxLength", false, func(s *jsonschema.Schema, v string) error { return whole(&s.MaxLength, v) }},
	{"pattern", false, func(s *jsonschema.Schema, v string) error { s.Pattern = v; _, err := regexp.Compile(v); return err }},
	{"format", false, func(s *jsonschema.Schema, v string) error { s.Format = v; return nil }},
	{"enum", false, enum},
	{"default", true, func(s *jsonschema.Schema, v string) error {
		value, err := literal(s, v)
		if err == nil {
			s.Default, err = json.Marshal(value)
		}
		return err
	}},
}

// decorate adds what the tags of a type's fields say to its schema.
func decorate(t reflect.Type, s *jsonschema.Schema) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case s == nil || s.Ref != "":
		return nil
	case s.Items != nil:
		return decorate(t.Elem(), s.Items)
	case t.Kind() == reflect.Map:
		return decorate(t.Elem(), s.AdditionalProperties)
	case t.Kind() != reflect.Struct || s.Properties == nil:
		return nil
	}
	for _, f := range fieldsOf(t) {
		p := s.Properties[nameOf(f)]
		if p == nil {
			continue
		}
		for _, k := range keywords {
			text, ok := f.Tag.Lookup(k.tag)
			if !ok {
				continue
			}
			about := p
			if !k.ofWhole && p.Items != nil {
				about = p.Items
			}
			if err := k.read(about, text); err != nil {
				return fmt.Errorf("%v.%s: tag %s: %w", t, f.Name, k.tag, err)
			}
		}
		if err := decorate(f.Type, p); err != nil {
			return err
		}
	}
	return nil
}

func enum(s *jsonschema.Schema, text string) error {
	for v := range strings.SplitSeq(text, ",") {
		value, err := literal(s, v)
		if err != nil {
			return err
		}
		s.Enum = append(s.Enum, value)
	}
	if slices.Contains(s.Types, "null") {
		s.Enum = append(s.Enum, nil)
	}
	return nil
}

// literal reads a value as the schema's type has it: as text for strings, else as JSON.
func literal(s *jsonschema.Schema, text string) (any, error) {
	if s.Type == "string" || slices.Contains(s.Types, "string") {
		return text, nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("%q is no JSON", text)
	}
	return v, nil
}

func number(to **float64, text string) error {
	v, err := strconv.ParseFloat(text, 64)
	*to = &v
	return err
}

func whole(to **int, text string) error {
	v, err := strconv.ParseUint(text, 10, 31)
	*to = new(int(v))
	return err
}

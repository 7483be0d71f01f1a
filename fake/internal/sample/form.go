package sample

import (
	"encoding/json"
	"slices"
)

// keywordForms says what the value of a keyword must look like.
var keywordForms = map[string]func(v any) bool{
	"type":     isTypes,
	"required": isNames, "enum": is[[]any],
	"allOf": is[[]any], "anyOf": is[[]any], "oneOf": is[[]any], "prefixItems": is[[]any],
	"properties": is[*object], "patternProperties": is[*object], "dependentRequired": is[*object],
	"dependentSchemas": is[*object], "dependencies": is[*object],
	"pattern": is[string], "$ref": is[string], "format": is[string], "uniqueItems": is[bool],
	"minimum": isNumber, "maximum": isNumber, "exclusiveMinimum": isNumber, "exclusiveMaximum": isNumber, "multipleOf": isNumber,
	"minLength": isNumber, "maxLength": isNumber, "minItems": isNumber, "maxItems": isNumber,
	"minContains": isNumber, "maxContains": isNumber, "minProperties": isNumber, "maxProperties": isNumber,
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func isNames(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(v any) bool { return !is[string](v) })
}

// isTypes wants names of types that there are.
func isTypes(v any) bool {
	if _, ok := v.(string); ok {
		v = []any{v}
	}
	return isNames(v) && !slices.ContainsFunc(stringsOf(v), func(name string) bool {
		return !slices.Contains([]string{"object", "array", "string", "integer", "number", "boolean", "null"}, name)
	})
}

func isNumber(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	_, err := n.Float64()
	return err == nil
}

// checkForm is the check of the schema itself.
func (d *document) checkForm(s schema, _ any) error {
	for _, key := range s.v.(*object).keys {
		v, _ := s.has(key)
		if ok := keywordForms[key]; ok != nil && !ok(v) {
			return s.unknown(key, "fake.Auto cannot read it")
		}
	}
	return nil
}

package sample

import (
	"encoding/json"
	"math"
	"slices"
	"unicode/utf8"
)

// unsupported are the assertions that neither the check nor the generator knows.
var unsupported = [...]string{"$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"}

const beyond = "fake.Auto does not know this keyword"

// check is nil where a value satisfies a schema; else it names the keyword. It is how
// the generator knows that what it tried is right. Formats are the generator's.
// Numbers are compared as float64, which is what most validators do.
func (d *document) check(s schema, v any) error {
	d.depth++
	defer func() { d.depth-- }()
	if d.depth > maxDepth { // of a reference that leads to itself
		d.left = 0
	}
	if err := d.step(s); err != nil {
		return err
	}
	switch s.v {
	case true:
		return nil
	case false:
		return s.fault("", "nothing satisfies it")
	}
	if _, ok := s.v.(*object); !ok {
		return s.unknown("", "not a schema that fake.Auto can read")
	}
	if s.text("$ref") != "" {
		target, err := d.follow(s)
		if err == nil {
			err = d.check(target, v)
		}
		if err != nil || d.draft7 {
			return err
		}
	}
	for _, key := range unsupported {
		if _, ok := s.has(key); ok {
			return s.unknown(key, beyond)
		}
	}
	for _, check := range []func(schema, any) error{d.checkForm, d.checkValue, d.checkLogic} {
		if err := check(s, v); err != nil {
			return err
		}
	}
	switch v := v.(type) {
	case string:
		return d.checkString(s, v)
	case json.Number:
		return checkNumber(s, v)
	case []any:
		return d.checkArray(s, v)
	case *object:
		return d.checkObject(s, v)
	}
	return nil
}

func (d *document) checkValue(s schema, v any) error {
	if types, ok := s.types(); ok && !slices.ContainsFunc(types, func(t string) bool { return isType(v, t) }) {
		return s.fault("type", "fake.Auto finds no such value")
	}
	if list, ok := s.has("enum"); ok && !slices.ContainsFunc(list.([]any), func(e any) bool { return equal(e, v) }) {
		return s.fault("enum", "no value in it satisfies the schema")
	}
	if c, ok := s.has("const"); ok && !equal(c, v) {
		return s.fault("const", "the value does not satisfy the schema")
	}
	return nil
}

func isType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case []any:
		return name == "array"
	case *object:
		return name == "object"
	case json.Number:
		f, err := v.Float64()
		return name == "number" || name == "integer" && err == nil && f == math.Trunc(f)
	}
	return false
}

func (d *document) checkLogic(s schema, v any) error {
	for _, sub := range s.list("allOf") {
		if err := d.check(sub, v); err != nil {
			return err
		}
	}
	if _, ok := s.has("anyOf"); ok {
		if good, unknown := d.count(s.list("anyOf"), v); good == 0 {
			return either(unknown, s.fault("anyOf", "no branch of it can be satisfied"))
		}
	}
	if _, ok := s.has("oneOf"); ok {
		switch good, unknown := d.count(s.list("oneOf"), v); {
		case good > 1:
			return s.fault("oneOf", "fake.Auto finds no value that satisfies one branch only")
		case unknown != nil:
			return unknown
		case good == 0:
			return s.fault("oneOf", "no branch of it can be satisfied")
		}
	}
	if sub, ok := s.at("not"); ok {
		if err := d.check(sub, v); err == nil {
			return s.fault("not", "fake.Auto finds no value that it admits")
		} else if isUnknown(err) {
			return err
		}
	}
	if sub, ok := s.at("if"); ok {
		err := d.check(sub, v)
		if isUnknown(err) {
			return err
		}
		branch := "then"
		if err != nil {
			branch = "else"
		}
		if sub, ok := s.at(branch); ok {
			return d.check(sub, v)
		}
	}
	return nil
}

// count counts the schemas that a value satisfies.
func (d *document) count(list []schema, v any) (good int, unknown error) {
	for _, s := range list {
		switch err := d.check(s, v); {
		case err == nil:
			good++
		case isUnknown(err):
			unknown = err
		}
	}
	return good, unknown
}

func either(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (d *document) checkString(s schema, v string) error {
	if err := checkSize(s, utf8.RuneCountInString(v), "minLength", "maxLength"); err != nil {
		return err
	}
	if expr, ok := s.has("pattern"); ok {
		re, err := d.pattern(s, "pattern", expr.(string))
		if err != nil {
			return err
		}
		if !d.matches(re, v) {
			return s.fault("pattern", "fake.Auto finds no text that matches it and satisfies the rest")
		}
	}
	return nil
}

// checkSize checks a length against two keywords.
func checkSize(s schema, n int, least, most string) error {
	if v, ok := s.limit(least); ok && float64(n) < v {
		return s.fault(least, "more than fake.Auto can make of it")
	}
	if v, ok := s.limit(most); ok && float64(n) > v {
		return s.fault(most, "less than fake.Auto can make of it")
	}
	return nil
}

func checkNumber(s schema, n json.Number) error {
	v, err := n.Float64()
	if err != nil {
		return s.fault("type", "fake.Auto finds no such number")
	}
	for _, c := range [...]struct {
		key string
		ok  func(limit float64) bool
	}{
		{"minimum", func(l float64) bool { return v >= l }},
		{"maximum", func(l float64) bool { return v <= l }},
		{"exclusiveMinimum", func(l float64) bool { return v > l }},
		{"exclusiveMaximum", func(l float64) bool { return v < l }},
		{"multipleOf", func(l float64) bool { return l > 0 && v/l == math.Trunc(v/l) && !math.IsInf(v/l, 0) }},
	} {
		if l, ok := s.limit(c.key); ok && !c.ok(l) {
			return s.fault(c.key, "fake.Auto finds no number that satisfies it and the rest")
		}
	}
	return nil
}

func (d *document) checkArray(s schema, list []any) error {
	if err := checkSize(s, len(list), "minItems", "maxItems"); err != nil {
		return err
	}
	for i, v := range list {
		for _, sub := range s.item(i) {
			if err := d.check(sub, v); err != nil {
				return err
			}
		}
	}
	if u, _ := s.has("uniqueItems"); u == true {
		for i := range list {
			if !d.spend(i / perStep) {
				return s.unknown("uniqueItems", endless)
			}
			if slices.ContainsFunc(list[:i], func(v any) bool { return equal(v, list[i]) }) {
				return s.fault("uniqueItems", "fake.Auto finds too few items that differ")
			}
		}
	}
	sub, ok := s.at("contains")
	if !ok {
		return nil
	}
	good, unknown := 0, error(nil)
	for _, v := range list {
		switch err := d.check(sub, v); {
		case err == nil:
			good++
		case isUnknown(err):
			unknown = err
		}
	}
	switch {
	case unknown != nil:
		return unknown
	case good < s.size("minContains", 1):
		return s.fault("contains", "fake.Auto finds too few such items")
	case good > s.size("maxContains", len(list)):
		return s.fault("maxContains", "fake.Auto finds too many such items")
	}
	return nil
}

// item are the schemas for the i-th item of an array.
func (s schema) item(i int) []schema {
	prefix, rest := s.list("prefixItems"), "items"
	if v, _ := s.has("items"); is[[]any](v) { // as before draft 2020-12
		prefix, rest = s.list("items"), "additionalItems"
	}
	if i < len(prefix) {
		return prefix[i : i+1]
	}
	if sub, ok := s.at(rest); ok {
		return []schema{sub}
	}
	return nil
}

func (d *document) checkObject(s schema, o *object) error {
	if err := checkSize(s, len(o.keys), "minProperties", "maxProperties"); err != nil {
		return err
	}
	for _, name := range s.names("required") {
		if _, ok := o.get(name); !ok {
			return s.fault("required", "fake.Auto left one out")
		}
	}
	names, _ := s.at("propertyNames")
	for _, name := range o.keys {
		if names.v != nil {
			if err := d.check(names, name); err != nil {
				return err
			}
		}
		subs, err := d.property(s, name)
		if err != nil {
			return err
		}
		for _, sub := range subs {
			if err := d.check(sub, o.values[name]); err != nil {
				return err
			}
		}
		for _, other := range s.demanded(name) {
			if _, ok := o.get(other); !ok {
				return s.fault("dependentRequired", "fake.Auto left one out")
			}
		}
		for _, sub := range s.dependent(name) {
			if err := d.check(sub, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// property are the schemas for a property of that name.
func (d *document) property(s schema, name string) ([]schema, error) {
	var subs []schema
	if sub, ok := s.member("properties", name); ok {
		subs = append(subs, sub)
	}
	for expr, sub := range s.named("patternProperties") {
		re, err := d.pattern(s, "patternProperties", expr)
		if err != nil {
			return nil, err
		}
		if d.matches(re, name) {
			subs = append(subs, sub)
		}
	}
	if len(subs) == 0 {
		if sub, ok := s.at("additionalProperties"); ok {
			subs = append(subs, sub)
		}
	}
	return subs, nil
}

// demanded are the properties that must be there where name is.
func (s schema) demanded(name string) []string {
	var out []string
	for _, key := range []string{"dependentRequired", "dependencies"} {
		if sub, ok := s.member(key, name); ok {
			out = append(out, stringsOf(sub.v)...)
		}
	}
	return out
}

// dependent are the schemas that hold for the whole object where name is in it.
func (s schema) dependent(name string) []schema {
	var out []schema
	for _, key := range []string{"dependentSchemas", "dependencies"} {
		if sub, ok := s.member(key, name); ok && !is[[]any](sub.v) {
			out = append(out, sub)
		}
	}
	return out
}

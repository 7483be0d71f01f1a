package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// Bounds of what is told about a value, and of the work for it.
const (
	maxFaults = 8
	maxText   = 240    // bytes about one fault
	maxVisits = 20_000 // subschemas and the values that are held to them
)

// search looks for all faults of a value in which the library has found one. It walks to each
// property and item with what must hold there, and has the library judge the other keywords of
// a subschema by themselves. What stands within a choice, and refers to elsewhere, is left out:
// what is found is a fault, but not all need be found.
type search struct {
	root  *work
	draft []byte // what $schema says
	old   bool   // which is draft-07
	rules map[*byte]*rule
	at    []byte // in the value: .items[2].price
	left  int    // of maxVisits
	found []fault
}

// fault is an error with its place in the value.
type fault struct {
	*Error
	at string
}

// rule is a subschema, taken apart.
type rule struct {
	text              []byte
	ref               []byte // what it refers to
	all, prefix       [][]byte
	properties        []property
	patterns          []pattern
	items, additional []byte
	own               *jsonschema.Resolved // the other keywords; nil is none
}

type property struct {
	name   string
	schema []byte
}

type pattern struct {
	*regexp.Regexp
	schema []byte
}

// faults are those that are found, at most one more than are told.
func (s *Schema) faults(v any) []fault {
	root, err := json.Marshal(s.resolved.Schema())
	if err != nil {
		return nil
	}
	draft := member(root, "$schema")
	f := &search{root: newWork(root), draft: draft, old: bytes.Contains(draft, []byte("draft-07")), rules: make(map[*byte]*rule), left: maxVisits}
	f.visit(v, root)
	return f.found
}

// visit holds a value to a subschema.
func (f *search) visit(v any, s []byte) {
	if f.left--; f.done() || len(s) == 0 || string(s) == "true" {
		return
	}
	if string(s) == "false" {
		f.add(s, &Error{Keyword: "not", Detail: "nothing may stand here"})
		return
	}
	r := f.rule(s)
	if r.ref != nil {
		f.visit(v, r.ref)
		if f.old {
			return // there it hides what stands beside it
		}
	}
	f.judge(v, r)
	for _, sub := range r.all {
		f.visit(v, sub)
	}
	switch v := v.(type) {
	case map[string]any:
		f.object(v, r)
	case []any:
		for i, item := range v {
			sub := r.items
			if i < len(r.prefix) {
				sub = r.prefix[i]
			}
			if f.done() || sub == nil {
				break
			}
			f.below(fmt.Sprintf("[%d]", i), item, sub)
		}
	}
}

func (f *search) object(v map[string]any, r *rule) {
	var to []property
	extra := maps.Clone(v)
	for _, p := range r.properties {
		if _, ok := v[p.name]; ok {
			to = append(to, p)
			delete(extra, p.name)
		}
	}
	names := slices.Sorted(maps.Keys(v))
	for _, p := range r.patterns {
		for _, name := range names {
			if p.MatchString(name) {
				to = append(to, property{name, p.schema})
				delete(extra, name)
			}
		}
	}
	names = slices.Sorted(maps.Keys(extra))
	if string(r.additional) == "false" && len(names) > 0 {
		f.add(r.text, &Error{Keyword: "additionalProperties", Detail: fmt.Sprintf("unexpected additional properties %q", names)})
	} else if r.additional != nil {
		for _, name := range names {
			to = append(to, property{name, r.additional})
		}
	}
	for _, p := range to {
		f.below(step(p.name), v[p.name], p.schema)
	}
}

// below visits what a step leads to.
func (f *search) below(step string, v any, s []byte) {
	here := len(f.at)
	f.at = append(f.at, step...)
	f.visit(v, s)
	f.at = f.at[:here]
}

// step is the way to a property.
func step(name string) string {
	for i, r := range name {
		if !unicode.IsLetter(r) && r != '_' && r != '$' && (i == 0 || !unicode.IsDigit(r) && r != '-') {
			return "[" + strconv.Quote(name) + "]"
		}
	}
	return "." + name
}

// judge has the library say what breaks the keywords of a subschema itself: one after the other,
// without those that it has told of.
func (f *search) judge(v any, r *rule) {
	own := r.own
	for told := []string(nil); own != nil && !f.done(); own = f.own(r.text, told) {
		err := own.Validate(v)
		if err == nil {
			return
		}
		e := newError(err)
		within := e.Path != "" // a subschema of this one, such as what stands under then
		f.add(r.text, e)
		if within || e.Keyword == "type" || member(r.text, e.Keyword) == nil {
			return // nothing else can be said
		}
		told = append(told, e.Keyword)
	}
}

func (f *search) done() bool { return f.left < 0 || len(f.found) > maxFaults }

func (f *search) add(s []byte, e *Error) {
	at := strings.ToValidUTF8(string(f.at), "\uFFFD")
	for _, g := range f.found {
		if g.at == at && g.Detail == e.Detail {
			return // by two ways
		}
	}
	path, _ := pointer(f.root.root, s)
	e.Path = path + e.Path
	f.found = append(f.found, fault{e, at})
}

// rule takes a subschema apart, once.
func (f *search) rule(s []byte) *rule {
	if r := f.rules[&s[0]]; r != nil {
		return r
	}
	r := &rule{text: s, own: f.own(s, nil)}
	f.rules[&s[0]] = r
	for key, m := range rawjson.Fields(s) {
		switch string(key) {
		case "$ref":
			var ref string
			_ = json.Unmarshal(m, &ref)
			r.ref = f.root.target(ref)
		case "allOf":
			r.all = slices.Collect(rawjson.Items(m))
		case "prefixItems":
			if !f.old {
				r.prefix = slices.Collect(rawjson.Items(m))
			}
		case "items":
			if m[0] != '[' {
				r.items = m
			}
		case "properties":
			for name, sub := range rawjson.Fields(m) {
				r.properties = append(r.properties, property{string(name), sub})
			}
		case "patternProperties":
			for text, sub := range rawjson.Fields(m) {
				if re, err := regexp.Compile(string(text)); err == nil {
					r.patterns = append(r.patterns, pattern{re, sub})
				}
			}
		case "additionalProperties":
			r.additional = m
		}
	}
	return r
}

// own are the keywords that can be judged alone, but for some.
func (f *search) own(s []byte, without []string) *jsonschema.Resolved {
	keywords := make(map[string]json.RawMessage)
	for key, m := range rawjson.Fields(s) {
		switch key := string(key); key {
		case "properties", "patternProperties", "additionalProperties", "allOf", "prefixItems", "unevaluatedProperties", "unevaluatedItems",
			"definitions", "title", "description", "default", "examples", "format":
		case "items":
			if m[0] == '[' {
				keywords[key] = m
			}
		default:
			if !strings.HasPrefix(key, "$") && !slices.Contains(without, key) {
				keywords[key] = m
			}
		}
	}
	maps.DeleteFunc(keywords, func(_ string, m json.RawMessage) bool {
		return bytes.Contains(m, []byte(`"$ref"`)) || bytes.Contains(m, []byte(`"$dynamicRef"`))
	})
	if len(keywords) == 0 {
		return nil
	}
	if f.draft != nil {
		keywords["$schema"] = f.draft
	}
	text, _ := json.Marshal(keywords)
	var parsed jsonschema.Schema
	if json.Unmarshal(text, &parsed) != nil {
		return nil
	}
	own, err := parsed.Resolve(nil)
	if err != nil {
		return nil
	}
	return own
}

// pointer is where a subschema stands in a schema.
func pointer(s, sub []byte) (path string, ok bool) {
	if &s[0] == &sub[0] {
		return "", true
	}
	for key, m := range rawjson.Fields(s) {
		if path, ok := pointer(m, sub); ok {
			return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(string(key)) + path, true
		}
	}
	i := 0
	for item := range rawjson.Items(s) {
		if path, ok := pointer(item, sub); ok {
			return "/" + strconv.Itoa(i) + path, true
		}
		i++
	}
	return "", false
}

// told is the error that tells of all faults; of none, the other.
func told(faults []fault, other *Error) *Error {
	if len(faults) == 0 {
		other.Detail = clip(other.Detail)
		return other
	}
	var lines []string
	for _, g := range faults[:min(len(faults), maxFaults)] {
		line := clip(g.Detail)
		if g.at != "" {
			line = clip(g.at) + ": " + line
		}
		lines = append(lines, line)
	}
	if len(faults) > maxFaults {
		lines = append(lines, "there are more faults")
	}
	first := *faults[0].Error
	first.Detail = strings.Join(lines, "\n")
	return &first
}

// clip makes a line of a text, without the middle where it is long.
func clip(s string) string {
	s = strings.NewReplacer(":\n", ": ", "\n", "; ", "<invalid reflect.Value>", "null").Replace(s)
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText/2], "") + " … " + strings.ToValidUTF8(s[len(s)-maxText/2:], "")
}

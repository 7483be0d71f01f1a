package sample

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// schema is a schema and where it was found: ".properties.id".
type schema struct {
	v    any // bool or *object; anything else is no schema
	path string
}

// has returns the value of a keyword.
func (s schema) has(key string) (any, bool) {
	o, _ := s.v.(*object)
	return o.get(key)
}

// at is the schema that stands at a keyword.
func (s schema) at(key string) (schema, bool) {
	v, ok := s.has(key)
	return schema{v, s.path + "." + key}, ok
}

// list are the schemas of a keyword that lists some; none where it has another form.
func (s schema) list(key string) []schema {
	v, _ := s.has(key)
	items, _ := v.([]any)
	out := make([]schema, len(items))
	for i, item := range items {
		out[i] = schema{item, s.path + "." + key + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

// named are the schemas of a keyword that names some.
func (s schema) named(key string) func(yield func(string, schema) bool) {
	v, _ := s.has(key)
	o, _ := v.(*object)
	return func(yield func(string, schema) bool) {
		if o == nil {
			return
		}
		for _, name := range o.keys {
			if !yield(name, schema{o.values[name], s.path + "." + key + "." + name}) {
				return
			}
		}
	}
}

// member is the schema of that name, of a keyword that names some.
func (s schema) member(key, name string) (schema, bool) {
	v, _ := s.has(key)
	o, _ := v.(*object)
	sub, ok := o.get(name)
	if !ok {
		return schema{}, false
	}
	return schema{sub, s.path + "." + key + "." + name}, true
}

// names are the strings of a keyword that lists some.
func (s schema) names(key string) []string {
	v, _ := s.has(key)
	return stringsOf(v)
}

func stringsOf(v any) []string {
	items, _ := v.([]any)
	var out []string
	for _, item := range items {
		if name, ok := item.(string); ok {
			out = append(out, name)
		}
	}
	return out
}

// limit is the number of a keyword, and whether it has one.
func (s schema) limit(key string) (float64, bool) {
	v, _ := s.has(key)
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// size is the limit of a length, or otherwise where the schema has none.
func (s schema) size(key string, otherwise int) int {
	f, ok := s.limit(key)
	switch {
	case !ok:
		return otherwise
	case f > math.MaxInt32:
		return math.MaxInt32
	}
	return int(math.Ceil(f))
}

func (s schema) text(key string) string {
	v, _ := s.has(key)
	text, _ := v.(string)
	return text
}

// types are the types that the schema allows; ok is false where it does not say.
func (s schema) types() (types []string, ok bool) {
	v, ok := s.has("type")
	if one, is := v.(string); is {
		return []string{one}, true
	}
	return stringsOf(v), ok
}

// fault is the error of a schema at one of its keywords.
func (s schema) fault(key, why string) error {
	if key != "" {
		key = "." + key
	}
	return &Error{path: s.path + key, why: why}
}

// unknown is the error where it cannot be told what satisfies a keyword.
func (s schema) unknown(key, why string) error {
	e := s.fault(key, why).(*Error)
	e.unknown = true
	return e
}

// Error says which keyword stands in the way: ".properties.id.pattern: it cannot be read".
// It quotes no value of the schema.
type Error struct {
	path, why string
	unknown   bool // a value may satisfy it: this package cannot tell
}

func (e *Error) Error() string { return e.path + ": " + e.why }

func isUnknown(err error) bool {
	e, ok := err.(*Error)
	return ok && e.unknown
}

// document is the schema that references point into.
type document struct {
	root     any
	draft7   bool // siblings of $ref count for nothing
	anchors  map[string]any
	patterns map[string]*pattern
	depth    int // of the check
	left     int // steps that may still be taken, so that no schema takes for ever
}

func newDocument(root any) *document {
	s := schema{v: root}
	return &document{
		root:     root,
		draft7:   strings.Contains(s.text("$schema"), "draft-07"),
		patterns: make(map[string]*pattern),
		left:     maxSteps,
	}
}

// step counts a step: a look at a schema, which takes the longer the more is in it.
func (d *document) step(s schema) error {
	o, _ := s.v.(*object)
	if !d.spend(1 + o.size()/perStep) {
		return s.unknown("", endless)
	}
	return nil
}

// spend counts n steps, and says whether that many were left.
func (d *document) spend(n int) bool {
	d.left -= n
	return d.left >= 0
}

// follow returns what a $ref points to.
func (d *document) follow(s schema) (schema, error) {
	ref := s.text("$ref")
	target := schema{path: s.path + ".$ref"}
	pointer, local := strings.CutPrefix(ref, "#")
	switch {
	case !local:
		return target, s.unknown("$ref", "fake.Auto follows references within the schema only")
	case pointer != "" && pointer[0] != '/':
		v, ok := d.anchored(pointer)
		target.v = v
		if !ok {
			return target, s.unknown("$ref", "there is no such anchor")
		}
		return target, nil
	}
	v := d.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		var ok bool
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(unescapeURL(step))
		switch in := v.(type) {
		case *object:
			v, ok = in.get(step)
		case []any:
			i, err := strconv.Atoi(step)
			if ok = err == nil && i >= 0 && i < len(in); ok {
				v = in[i]
			}
		}
		if !ok {
			return target, s.unknown("$ref", "it points to nothing")
		}
	}
	target.v = v
	return target, nil
}

// anchored finds the schema of an $anchor.
func (d *document) anchored(name string) (any, bool) {
	if d.anchors == nil {
		d.anchors = make(map[string]any)
		d.findAnchors(d.root)
	}
	v, ok := d.anchors[name]
	return v, ok
}

func (d *document) findAnchors(v any) {
	switch v := v.(type) {
	case *object:
		name, ok := v.values["$anchor"].(string)
		if _, found := d.anchors[name]; ok && !found {
			d.anchors[name] = v
		}
		for _, key := range v.keys {
			d.findAnchors(v.values[key])
		}
	case []any:
		for _, item := range v {
			d.findAnchors(item)
		}
	}
}

package bedrock

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// outputSchemas reads the schema that the answer will be held to. One that the library
// does not read, or would not come to an end with, is told before the call.
func outputSchemas(d *draft) {
	if d.req.Output == nil {
		return
	}
	schema := d.req.Output.Schema
	if why := (&schemaWork{root: value(bytes.TrimSpace(schema)), done: map[*byte]int{}}).why(); why != "" {
		d.refuse(llm.ErrInvalidRequest, nil, "output.schema", "%s", why)
		return
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err == nil {
		if d.schema, err = s.Resolve(nil); err == nil {
			return
		}
	}
	d.schema = nil
	d.warn("output.schema", "the answer is held to being JSON only, since the schema has keywords or references that cannot be checked here")
}

// Bounds of a schema that answers are held to.
const (
	maxSchemaDepth = 100
	maxSchemaWork  = 10_000 // subschemas that are held against one value
)

// schemaWork counts the subschemas that are held against one and the same value. A
// reference that comes back to where it started would never end, and a few that branch
// would take for ever.
type schemaWork struct {
	root value
	done map[*byte]int // by where they begin; 0 is at work
}

func (w *schemaWork) why() string {
	if rawjson.Depth(w.root) > maxSchemaDepth {
		return "deeper than 100 levels"
	}
	return w.walk(w.root)
}

// walk looks at all schemas within a value, whatever keyword they stand under.
func (w *schemaWork) walk(v value) string {
	if why := w.cost(v); why != "" {
		return why
	}
	for _, member := range v.fields() {
		if why := w.walk(member); why != "" {
			return why
		}
	}
	for item := range v.items() {
		if why := w.walk(item); why != "" {
			return why
		}
	}
	return ""
}

// cost counts what a schema holds against the value that it is held against itself.
func (w *schemaWork) cost(v value) string {
	if len(v) == 0 || v[0] != '{' {
		return ""
	}
	switch n, seen := w.done[&v[0]]; {
	case seen && n == 0:
		return "a reference that leads back to itself"
	case seen:
		return ""
	}
	w.done[&v[0]] = 0
	total := 1
	for sub := range w.inPlace(v) {
		if why := w.cost(sub); why != "" {
			return why
		}
		if len(sub) > 0 && sub[0] == '{' {
			total += w.done[&sub[0]]
		}
		if total > maxSchemaWork {
			return "too involved: more than 10,000 subschemas are held against one value"
		}
	}
	w.done[&v[0]] = total
	return ""
}

// inPlace ranges over the schemas that are held against the same value.
func (w *schemaWork) inPlace(v value) func(func(value) bool) {
	return func(yield func(value) bool) {
		for key, member := range v.fields() {
			switch string(key) {
			case "$ref", "$dynamicRef":
				if !yield(w.target(string(member.appendString(nil)))) {
					return
				}
			case "allOf", "anyOf", "oneOf":
				for item := range member.items() {
					if !yield(item) {
						return
					}
				}
			case "not", "if", "then", "else":
				if !yield(member) {
					return
				}
			case "dependentSchemas":
				for _, sub := range member.fields() {
					if !yield(sub) {
						return
					}
				}
			}
		}
	}
}

// target is the schema that a reference within the document leads to; nil for others,
// which the library does not resolve.
func (w *schemaWork) target(ref string) value {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	v := w.root
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		next, i := v.get(step), 0
		for item := range v.items() {
			if strconv.Itoa(i) == step {
				next = item
			}
			i++
		}
		v = next
	}
	return v
}

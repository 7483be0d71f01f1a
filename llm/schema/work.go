package schema

import (
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// Bounds of a schema that values are held to.
const (
	maxDepth = 100
	maxWork  = 1000 // subschemas that are held against one value
)

// work counts the subschemas that are held against one and the same value. A reference that
// comes back to where it started would never end, and a few that branch would take for ever.
type work struct {
	root []byte
	done map[*byte]int // by where they begin; 0 is at work
	lost bool          // a reference leads where it cannot be followed
}

func newWork(schema []byte) *work {
	return &work{root: schema, done: make(map[*byte]int)}
}

// walk looks at all schemas within a value, whatever keyword they stand under.
func (w *work) walk(v []byte) string {
	if why := w.cost(v); why != "" {
		return why
	}
	for key, member := range rawjson.Fields(v) {
		if string(key) == "$id" && member[0] == '"' && &v[0] != &w.root[0] {
			w.lost = true // a document within the document, in which pointers start anew
		}
		if why := w.walk(member); why != "" {
			return why
		}
	}
	for item := range rawjson.Items(v) {
		if why := w.walk(item); why != "" {
			return why
		}
	}
	return ""
}

// cost counts what a schema holds against the value that it is held against itself.
func (w *work) cost(v []byte) string {
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
		if total > maxWork {
			return "too involved: more than 1,000 subschemas are held against one value"
		}
	}
	w.done[&v[0]] = total
	return ""
}

// inPlace ranges over the schemas that are held against the same value.
func (w *work) inPlace(v []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for key, member := range rawjson.Fields(v) {
			switch string(key) {
			case "$ref", "$dynamicRef":
				var ref string
				if json.Unmarshal(member, &ref) == nil && !yield(w.target(ref)) {
					return
				}
			case "allOf", "anyOf", "oneOf":
				for item := range rawjson.Items(member) {
					if !yield(item) {
						return
					}
				}
			case "not", "if", "then", "else":
				if !yield(member) {
					return
				}
			case "dependentSchemas":
				for _, sub := range rawjson.Fields(member) {
					if !yield(sub) {
						return
					}
				}
			}
		}
	}
}

// target is the schema that a pointer within the document leads to. Other references, such as
// to anchors and names, are lost; and so are pointers that lead nowhere.
func (w *work) target(ref string) []byte {
	path, ok := strings.CutPrefix(ref, "#")
	path, err := url.PathUnescape(path)
	if !ok || err != nil || path != "" && path[0] != '/' {
		w.lost = true
		return nil
	}
	v := w.root
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		v = member(v, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
	}
	w.lost = w.lost || v == nil
	return v
}

// member is the field of an object, or the item of an array, that a step leads to; nil if
// there is none.
func member(v []byte, step string) []byte {
	for key, m := range rawjson.Fields(v) {
		if string(key) == step {
			return m
		}
	}
	i := 0
	for item := range rawjson.Items(v) {
		if strconv.Itoa(i) == step {
			return item
		}
		i++
	}
	return nil
}

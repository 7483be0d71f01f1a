package sample

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"slices"
)

// What a schema can make the generator do is bounded: items in an array and runes in
// a string, bytes in all, depth, and steps of work, of a few microseconds each.
const (
	maxSize   = 1000
	maxBytes  = 64 << 10
	maxSchema = 256 << 10
	maxSteps  = 100_000
	maxDepth  = 256 // of schemas within each other, and of references
	attempts  = 24  // at a value that must satisfy more than its type can tell
	perStep   = 64  // things that are looked at in one step

	endless  = "too complex for fake.Auto, or it refers to itself without end"
	tooLarge = "the value is larger than the 64 KiB that fake.Auto makes"
)

// generator makes values that satisfy a schema. What cannot be had by construction
// (not, oneOf, if, uniqueItems) it has by trying: each value is checked.
type generator struct {
	*document
	Options
	rng   *rand.Rand
	plain bool // for now, make the smallest value there is, always the same

	open    map[string]int // the references that are being followed
	refs    int            // how many that are
	reentry int            // how often each may be, within itself
	deep    bool           // one was not followed for that reason
}

// Options are what a value may be like. The zero value makes the smallest one.
type Options struct {
	Vary     bool // take what the source of random numbers says, where the schema leaves a choice
	Optional bool // add the properties that are not required, where they can be made
}

// Generate returns a JSON value that satisfies a JSON Schema, or an [*Error]. The same schema,
// options and random numbers give the same value. An empty schema allows everything.
func Generate(raw json.RawMessage, rng *rand.Rand, o Options) (json.RawMessage, error) {
	var root any = true
	if len(raw) > maxSchema {
		return nil, schema{}.unknown("", "a schema of more than 256 KiB is too large for fake.Auto")
	}
	if len(raw) > 0 {
		var err error
		if root, err = decode(raw); err != nil {
			return nil, schema{}.fault("", "not JSON")
		}
	}
	g := &generator{document: newDocument(root), rng: rng, Options: o}
	var first error
	for g.reentry = 1; ; g.reentry *= 2 {
		g.plain, g.deep, g.open = !g.Vary, false, make(map[string]int)
		v, err := g.value([]schema{{v: root}})
		if err == nil {
			text := encode(v)
			if len(text) > maxBytes {
				return nil, schema{}.fault("", tooLarge)
			}
			return text, nil
		}
		if first = either(first, err); !g.deep || g.reentry >= 8 {
			return nil, first
		}
	}
}

// value makes a value that satisfies all the schemas.
func (g *generator) value(goal []schema) (any, error) {
	return g.expand(goal, nil, func(flat []schema) (any, error) { return g.try(flat, goal) })
}

// expand follows references, takes allOf apart and chooses branches, until what the
// value must satisfy is one flat list. It calls use with one list after the other
// until that makes a value.
func (g *generator) expand(todo, flat []schema, use func(flat []schema) (any, error)) (any, error) {
	if len(todo) == 0 {
		return use(flat)
	}
	s, rest := todo[0], todo[1:]
	g.spend((len(todo) + len(flat)) / perStep)
	if err := g.step(s); err != nil {
		return nil, err
	}
	switch s.v {
	case true:
		return g.expand(rest, flat, use)
	case false:
		return nil, s.fault("", "nothing satisfies it")
	}
	if !is[*object](s.v) {
		return nil, s.unknown("", "not a schema that fake.Auto can read")
	}
	if err := g.checkForm(s, nil); err != nil {
		return nil, err
	}
	for _, key := range unsupported {
		if _, ok := s.has(key); ok {
			return nil, s.unknown(key, beyond)
		}
	}
	own := s
	var more []schema
	if ref := s.text("$ref"); ref != "" {
		target, err := g.follow(s)
		if err != nil {
			return nil, err
		}
		if g.open[ref] >= g.reentry {
			g.deep = true
			return nil, s.fault("$ref", "it refers to itself without end")
		}
		if g.refs >= maxDepth {
			return nil, s.unknown("$ref", endless)
		}
		g.open[ref]++
		g.refs++
		defer func() { g.open[ref]--; g.refs-- }()
		more = append(more, target)
		if g.draft7 {
			own.v = new(object)
		}
	}
	more = append(more, own.list("allOf")...)
	flat = append(slices.Clip(flat), own)
	return g.choose(own.choices(), slices.Concat(more, rest), flat, use)
}

// choices are the branches of a schema: of each keyword that has some, one must hold.
func (s schema) choices() [][][]schema {
	var all [][][]schema
	for _, key := range []string{"anyOf", "oneOf"} {
		if _, ok := s.has(key); ok {
			branches := [][]schema{}
			for _, sub := range s.list(key) {
				branches = append(branches, []schema{sub})
			}
			all = append(all, branches)
		}
	}
	if cond, ok := s.at("if"); ok {
		yes, no := []schema{cond}, []schema{}
		if sub, ok := s.at("then"); ok {
			yes = append(yes, sub)
		}
		if sub, ok := s.at("else"); ok {
			no = append(no, sub)
		}
		all = append(all, [][]schema{yes, no})
	}
	return all
}

// choose goes through the branches.
func (g *generator) choose(choices [][][]schema, todo, flat []schema, use func([]schema) (any, error)) (any, error) {
	if len(choices) == 0 {
		return g.expand(todo, flat, use)
	}
	var first error
	for _, i := range g.order(len(choices[0])) {
		v, err := g.choose(choices[1:], slices.Concat(todo, choices[0][i]), flat, use)
		if err == nil {
			return v, nil
		}
		if first = either(first, err); g.left < 0 {
			break
		}
	}
	return nil, either(first, flat[len(flat)-1].fault("anyOf", "there are no branches"))
}

// order are the numbers below n, in the order in which to try them.
func (g *generator) order(n int) []int {
	if !g.plain {
		return g.rng.Perm(n)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// try makes values for the flat list until one satisfies the goal that it came from.
func (g *generator) try(flat, goal []schema) (any, error) {
	var first error
	good := func(v any, err error) bool {
		for _, s := range goal {
			if err == nil {
				err = g.check(s, v)
			}
			if err == nil && g.left <= 0 { // other branches would do, but validators get lost in this one
				err = s.unknown("", endless)
			}
		}
		first = either(first, err)
		return err == nil
	}
	if list, ok := given(flat); ok {
		for _, i := range g.order(len(list)) {
			if good(list[i], nil) {
				return list[i], nil
			}
		}
		return nil, either(first, flat[0].fault("enum", "it is empty"))
	}
	was := g.plain
	defer func() { g.plain = was }()
	for _, s := range flat {
		if v, ok := s.has("default"); ok && was && good(v, nil) {
			return v, nil
		}
	}
	first = nil
	kinds, err := g.kinds(flat)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		for n := range attempts {
			g.plain = n == 0 && !g.Vary || n == attempts-1
			v, err := g.make(kind, flat)
			if good(v, err) {
				return v, nil
			}
			if err != nil && n > 1 || g.left < 0 {
				break // the fault is in a part of the value, which has had its attempts
			}
		}
	}
	return nil, first
}

// given are the values that an enum or a const leaves.
func given(flat []schema) ([]any, bool) {
	for _, s := range flat {
		if v, ok := s.has("const"); ok {
			return []any{v}, true
		}
	}
	for _, s := range flat {
		if v, ok := s.has("enum"); ok {
			return v.([]any), true
		}
	}
	return nil, false
}

// keywordKinds are the types that keywords are about.
var keywordKinds = [...]struct {
	kind string
	keys []string
}{
	{"object", []string{"properties", "required", "patternProperties", "minProperties", "propertyNames", "dependentRequired", "dependentSchemas", "additionalProperties"}},
	{"array", []string{"items", "prefixItems", "minItems", "contains", "uniqueItems"}},
	{"string", []string{"pattern", "format", "minLength", "maxLength"}},
	{"number", []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
}

// kinds are the types to make, best first: those that all schemas allow, null last;
// where none says, those that keywords are about; else any.
func (g *generator) kinds(flat []schema) ([]string, error) {
	var kinds []string
	said := false
	for _, s := range flat {
		types, ok := s.types()
		switch {
		case !ok:
			continue
		case !said:
			kinds, said = slices.Clone(types), true
		default:
			kinds = meet(kinds, types)
		}
		if len(kinds) == 0 {
			return nil, s.fault("type", "no type is left")
		}
	}
	if said {
		if !g.plain {
			g.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		}
		last := func(kind string) int {
			if kind == "null" {
				return 1
			}
			return 0
		}
		slices.SortStableFunc(kinds, func(a, b string) int { return last(a) - last(b) })
		return kinds, nil
	}
	for _, k := range keywordKinds {
		for _, s := range flat {
			if slices.ContainsFunc(k.keys, func(key string) bool { _, ok := s.has(key); return ok }) {
				kinds = append(kinds, k.kind)
				break
			}
		}
	}
	if kinds == nil {
		kinds = []string{"string", "integer", "boolean", "object", "array", "number", "null"}
	}
	return kinds, nil
}

// meet are the types that both lists allow.
func meet(a, b []string) []string {
	var out []string
	for _, kind := range a {
		switch {
		case slices.Contains(b, kind), kind == "integer" && slices.Contains(b, "number"):
			out = append(out, kind)
		case kind == "number" && slices.Contains(b, "integer"):
			out = append(out, "integer")
		}
	}
	return out
}

func (g *generator) make(kind string, flat []schema) (any, error) {
	switch kind {
	case "object":
		return g.object(flat)
	case "array":
		return g.array(flat)
	case "string":
		return g.string(flat)
	case "integer", "number":
		return g.number(flat, kind == "integer")
	case "boolean":
		return g.plain || g.rng.IntN(2) == 0, nil
	}
	return nil, nil
}

// most is the largest of a length that the schemas allow at least.
func most(flat []schema, key string) int {
	n := 0
	for _, s := range flat {
		n = max(n, s.size(key, 0))
	}
	return n
}

// least is the smallest of a length that the schemas allow at most.
func least(flat []schema, key string, otherwise int) int {
	n := otherwise
	for _, s := range flat {
		if f, ok := s.limit(key); ok {
			n = max(0, min(n, int(min(f, maxBytes))))
		}
	}
	return n
}

func unescapeURL(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

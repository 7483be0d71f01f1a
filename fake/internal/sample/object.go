package sample

import (
	"fmt"
	"slices"
)

// object makes an object of the required properties, in the order in which they are
// required, and of others where there must be more, or where options ask for them.
func (g *generator) object(flat []schema) (any, error) {
	names := g.required(flat)
	if more := g.dependents(flat, names); len(more) > 0 {
		return g.expand(more, flat, g.object)
	}
	o, size := new(object), 0
	add := func(name string) error {
		goal, err := g.properties(flat, name)
		if err != nil {
			return err
		}
		v, err := g.value(goal)
		if err != nil {
			return err
		}
		o.set(name, v)
		if size += len(name) + len(encode(v)); size > maxBytes {
			return flat[0].fault("properties", tooLarge)
		}
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	need, room := most(flat, "minProperties"), least(flat, "maxProperties", maxSize)
	if !g.Optional && len(names) >= need {
		return o, nil
	}
	// An optional property that cannot be had is left out.
	offer := func(name string) {
		if _, ok := o.get(name); ok || len(g.dependents(flat, []string{name})) > 0 {
			return
		}
		if len(o.keys) < room && (g.Optional || len(o.keys) < need) && g.mayBeNamed(flat, name) {
			before := len(o.keys)
			err := add(name)
			for _, other := range g.demanded(flat, []string{name}) {
				if _, ok := o.get(other); !ok && err == nil {
					err = add(other)
				}
			}
			if err != nil {
				o.truncate(before)
			}
		}
	}
	for _, s := range flat {
		for name := range s.named("properties") {
			offer(name)
		}
	}
	for i := 0; len(o.keys) < need && i < need+attempts && i < maxSize; i++ {
		for _, name := range g.invented(flat, i) {
			if len(o.keys) < need {
				offer(name)
			}
		}
	}
	return o, nil
}

// truncate leaves the first n properties.
func (o *object) truncate(n int) {
	for _, key := range o.keys[n:] {
		delete(o.values, key)
	}
	o.keys = o.keys[:n]
}

// required are the names of the properties that must be there.
func (g *generator) required(flat []schema) []string {
	var names []string
	for _, s := range flat {
		names = append(names, s.names("required")...)
	}
	return g.demanded(flat, names)
}

// demanded are the names, and those that must be there because they are.
func (g *generator) demanded(flat []schema, names []string) []string {
	var out []string
	seen := make(map[string]bool)
	for len(names) > 0 && g.spend(len(flat)/perStep) {
		name := names[0]
		names = names[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, name)
		for _, s := range flat {
			names = append(names, s.demanded(name)...)
		}
	}
	return out
}

// dependents are the schemas that hold because of a property, and are not yet among
// those of the list.
func (g *generator) dependents(flat []schema, names []string) []schema {
	var out []schema
	for _, name := range names {
		if !g.spend((len(flat) + len(out)) / perStep) {
			break // which the next step tells
		}
		for _, s := range flat {
			for _, sub := range s.dependent(name) {
				known := func(s schema) bool { return s.path == sub.path }
				if sub.v != true && !slices.ContainsFunc(flat, known) && !slices.ContainsFunc(out, known) {
					out = append(out, sub)
				}
			}
		}
	}
	return out
}

// properties are the schemas for a property.
func (g *generator) properties(flat []schema, name string) ([]schema, error) {
	var goal []schema
	g.spend(len(flat) / perStep)
	for _, s := range flat {
		subs, err := g.property(s, name)
		if err != nil {
			return nil, err
		}
		goal = append(goal, subs...)
	}
	return goal, nil
}

func (g *generator) mayBeNamed(flat []schema, name string) bool {
	for _, s := range flat {
		if names, ok := s.at("propertyNames"); ok && g.check(names, name) != nil {
			return false
		}
	}
	return true
}

// invented are names for properties that no schema names.
func (g *generator) invented(flat []schema, n int) []string {
	var out []string
	was := g.plain
	g.plain = was && n == 0
	defer func() { g.plain = was }()
	var names []schema
	for _, s := range flat {
		for expr := range s.named("patternProperties") {
			re, err := g.pattern(s, "patternProperties", expr)
			if err != nil {
				continue
			}
			if name, ok := g.match(re, 0, maxSize); ok {
				out = append(out, name)
			}
		}
		if sub, ok := s.at("propertyNames"); ok {
			names = append(names, sub)
		}
	}
	if len(names) > 0 {
		// Names are strings, whatever their schema admits.
		v, err := g.value(append(names, schema{v: &object{keys: []string{"type"}, values: map[string]any{"type": "string"}}}))
		if name, ok := v.(string); ok && err == nil {
			out = append(out, name)
		}
	}
	return append(out, fmt.Sprintf("property%d", n+1))
}

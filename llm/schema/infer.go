package schema

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// For returns the schema of what encoding/json reads into a T; see the package comment. The
// error names the type that has none, or the tag that cannot be read. It is the same for every
// call, so that a program may treat it as a fault of its own.
//
// [Schema.Validate] is more lenient than the text says in one way: null passes for slices and
// for pointers that are optional, since encoding/json reads it as their absence.
func For[T any]() (*Schema, error) {
	t := reflect.TypeFor[T]()
	root, err := infer(t)
	if err != nil {
		return nil, fmt.Errorf("schema of %v: %w", t, err)
	}
	s := new(Schema)
	if s.resolved, err = root.CloneSchemas().Resolve(nil); err != nil {
		return nil, fmt.Errorf("schema of %v: %w", t, err)
	}
	sayLess(root)
	if s.text, err = json.Marshal(root); err != nil {
		return nil, fmt.Errorf("schema of %v: %w", t, err)
	}
	return s, nil
}

// infer makes the schema, in which whatever may be nil may be null.
func infer(t reflect.Type) (*jsonschema.Schema, error) {
	k := &known{schemas: make(map[reflect.Type]*jsonschema.Schema), seen: make(map[reflect.Type]bool)}
	if err := k.visit(t, nil); err != nil {
		return nil, err
	}
	root, err := k.of(t)
	if err != nil {
		return nil, err
	}
	for _, r := range k.recursive {
		def, err := k.of(r)
		if err != nil {
			return nil, err
		}
		if root.Defs == nil {
			root.Defs = make(map[string]*jsonschema.Schema)
		}
		root.Defs[k.names[r]] = def
	}
	return root, nil
}

// known collects what the library has to be told about types.
type known struct {
	schemas   map[reflect.Type]*jsonschema.Schema
	seen      map[reflect.Type]bool
	recursive []reflect.Type          // structs that contain themselves
	names     map[reflect.Type]string // of these, under $defs
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// visit looks at a type and at all that it contains. Path is the structs around it.
func (k *known) visit(t reflect.Type, path []reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if slices.Contains(path, t) {
		k.recurs(t)
		return nil
	}
	if k.seen[t] {
		return nil
	}
	k.seen[t] = true
	switch p := reflect.PointerTo(t); {
	case t == reflect.TypeFor[time.Time]():
		k.schemas[t] = &jsonschema.Schema{Type: "string"}
		return nil
	case t == reflect.TypeFor[json.Number]():
		k.schemas[t] = &jsonschema.Schema{Type: "number"}
		return nil
	case t == reflect.TypeFor[big.Int]():
		k.schemas[t] = &jsonschema.Schema{Type: "integer"}
		return nil
	case p.Implements(jsonUnmarshaler): // before the other, as encoding/json has it
		k.schemas[t] = &jsonschema.Schema{}
		return nil
	case p.Implements(textUnmarshaler):
		k.schemas[t] = &jsonschema.Schema{Type: "string"}
		return nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		k.schemas[t] = &jsonschema.Schema{Types: []string{"null", "string"}, ContentEncoding: "base64"}
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		if t.Name() != "" {
			path = append(slices.Clip(path), t)
		}
		return k.visit(t.Elem(), path)
	case reflect.Struct:
		path = append(slices.Clip(path), t)
		for _, f := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name != "" && name != "-" || strings.Contains(options, "string") {
				return fmt.Errorf("%v.%s: neither embedded fields with a name in JSON nor the option string have a schema: use a plain field", t, f.Name)
			}
		}
		for _, f := range fieldsOf(t) {
			if err := k.visit(f.Type, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// recurs notes a type that contains itself.
func (k *known) recurs(t reflect.Type) {
	if k.names[t] != "" {
		return
	}
	if k.names == nil {
		k.names = make(map[reflect.Type]string)
	}
	name := t.Name()
	if i := strings.IndexByte(name, '['); i >= 0 { // of a generic type
		name = name[:i]
	}
	for taken := slices.Collect(maps.Values(k.names)); slices.Contains(taken, name); {
		name += "_"
	}
	k.names[t] = name
	k.recursive = append(k.recursive, t)
	k.schemas[t] = &jsonschema.Schema{Ref: "#/$defs/" + name}
}

// of is the schema of a type itself, though others refer to it.
func (k *known) of(t reflect.Type) (*jsonschema.Schema, error) {
	if k.names[t] == "" {
		s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: k.schemas})
		if err != nil {
			return nil, err
		}
		mendNull(s)
		return s, decorate(t, s)
	}
	if t.Kind() != reflect.Struct {
		return nil, errors.New(t.String() + " contains itself, and is no struct")
	}
	// A type of the same fields, which no reference stands for.
	var fields []reflect.StructField
	for _, f := range fieldsOf(t) {
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	alike := reflect.StructOf(fields)
	s, err := jsonschema.ForType(alike, &jsonschema.ForOptions{TypeSchemas: k.schemas})
	if err != nil {
		return nil, err
	}
	mendNull(s)
	return s, decorate(alike, s)
}

// fieldsOf are the fields of a struct that encoding/json sees, those of embedded ones
// included.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Anonymous || !f.IsExported() || f.Tag.Get("json") == "-"
	})
}

// nameOf is the name of a field in JSON.
func nameOf(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}

// within visits the schemas that stand directly in one, and says of each whether a model has
// to know that its value may be null.
func within(s *jsonschema.Schema, visit func(s *jsonschema.Schema, nullable bool)) {
	for name, p := range s.Properties {
		visit(p, slices.Contains(s.Required, name) && !slices.Contains(p.Types, "array"))
	}
	for _, p := range []*jsonschema.Schema{s.Items, s.AdditionalProperties} {
		if p != nil {
			visit(p, false)
		}
	}
}

// mendNull writes what the library says of pointers to types whose schema it was told, which
// is that they must be null, as what is meant.
func mendNull(s *jsonschema.Schema) {
	if len(s.Types) == 1 && s.Types[0] == "null" {
		if s.Types = nil; s.Ref != "" {
			s.AnyOf = []*jsonschema.Schema{{Ref: s.Ref}, {Type: "null"}}
			s.Ref = ""
		}
	}
	within(s, func(p *jsonschema.Schema, _ bool) {
		mendNull(p)
		if p == s.Items || p == s.AdditionalProperties {
			notNull(p)
		}
	})
}

// sayLess takes null from what a model need not know may be null: slices and what they hold,
// and what is optional. Several providers take no lists of types.
func sayLess(s *jsonschema.Schema) {
	within(s, func(s *jsonschema.Schema, nullable bool) {
		if !nullable {
			notNull(s)
		}
		sayLess(s)
	})
	for _, p := range s.Defs {
		sayLess(p)
	}
}

func notNull(s *jsonschema.Schema) {
	switch {
	case len(s.Types) == 2 && s.Types[0] == "null":
		s.Type, s.Types = s.Types[1], nil
		s.Enum = slices.DeleteFunc(s.Enum, func(v any) bool { return v == nil })
	case len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null":
		s.Ref, s.AnyOf = s.AnyOf[0].Ref, nil
	}
}

package sample

import (
	"bytes"
	"encoding/json"
)

// A value is a JSON value as the generator decodes it: nil, bool, string, json.Number,
// []any or *object. Numbers keep their digits, and objects their order.

// object is a JSON object, or a schema that is one. The nil object is empty.
type object struct {
	keys   []string
	values map[string]any
	weight int // of what is in the values
}

// size is how much there is to look at in an object that is a schema.
func (o *object) size() int {
	if o == nil {
		return 0
	}
	return o.weight
}

// weigh counts what is in the value of a keyword, as deep as one looks.
func weigh(key string, v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v) / 16
	case []any:
		n += len(v)
		if key == "enum" || key == "const" || key == "default" {
			for _, item := range v {
				n += weigh(key, item)
			}
		}
	case *object:
		n += len(v.keys)
		if key == "enum" || key == "const" || key == "default" {
			for _, name := range v.keys {
				n += weigh(key, v.values[name])
			}
		}
	}
	return n
}

func (o *object) get(key string) (any, bool) {
	if o == nil {
		return nil, false
	}
	v, ok := o.values[key]
	return v, ok
}

func (o *object) set(key string, v any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	if o.values == nil {
		o.values = make(map[string]any)
	}
	o.values[key] = v
}

// MarshalJSON keeps the order of the keys.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for _, key := range o.keys {
		b.WriteByte(',')
		b.Write(encode(key))
		b.WriteByte(':')
		b.Write(encode(o.values[key]))
	}
	return append([]byte("{"), append(bytes.TrimPrefix(b.Bytes(), []byte(",")), '}')...), nil
}

// encode writes a value; text stands as it is, without escapes for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a value always encodes
	return bytes.TrimSpace(b.Bytes())
}

// decode reads a value, which is valid JSON.
func decode(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return decodeNext(d)
}

func decodeNext(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := new(object)
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeNext(d)
			if err != nil {
				return nil, err
			}
			o.set(key.(string), v)
			o.weight += weigh(key.(string), v)
		}
		_, err = d.Token()
		return o, err
	}
	return t, nil
}

// equal compares two values as JSON Schema does: numbers by what they are worth.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		return a == b || errX == nil && errY == nil && x == y
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *object:
		b, ok := b.(*object)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for key, v := range a.values {
			if w, ok := b.get(key); !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, *object:
		return false
	}
	return a == b
}

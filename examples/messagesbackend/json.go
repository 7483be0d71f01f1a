package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
)

// object is a JSON object that keeps its order, so that what came goes back as it was.
// What is zero is not written; a pointer to it is.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the object.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for _, m := range o {
		if m.value == nil || reflect.ValueOf(m.value).IsZero() {
			continue
		}
		name, _ := json.Marshal(m.name)
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads an object. Its values stay as they are, with every digit.
func (o *object) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); t != json.Delim('{') {
		return cmp.Or(err, errors.New("not an object"))
	}
	*o = object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		*o = append(*o, member{name.(string), value})
	}
	return nil
}

// members reads an object. It is nil where b is none.
func members(b json.RawMessage) object {
	var o object
	if json.Unmarshal(b, &o) != nil {
		return nil
	}
	return o
}

// without returns the members that have none of these names.
func (o object) without(names ...string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return slices.Contains(names, m.name) })
}

// said returns the members that say something.
func (o object) said() object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool {
		raw, _ := m.value.(json.RawMessage)
		return slices.Contains([]string{"null", "[]", "{}", `""`}, string(raw))
	})
}

// raw returns the object as it is written, and nil for one without members.
func (o object) raw() json.RawMessage {
	if len(o) == 0 {
		return nil
	}
	b, _ := json.Marshal(o) // of values that were read
	return b
}

package bedrock

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf8"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// value is one JSON value as text, without space around it, within a document that
// json.Valid has accepted: so nothing here needs to fail. It reads in place, where
// encoding/json would allocate for every event of a stream.
type value []byte

// parse returns the value that the document is, and whether it is JSON at all. Bytes
// that are not UTF-8 become U+FFFD: what is kept of the document must be sendable.
func parse(doc []byte) (value, bool) {
	if !json.Valid(doc) {
		return nil, false
	}
	if !utf8.Valid(doc) {
		doc = []byte(string([]rune(string(doc))))
	}
	return value(bytes.TrimSpace(doc)), true
}

// fields ranges over the members of an object: keys without quotes, and values.
// Anything but an object has none.
func (v value) fields() iter.Seq2[[]byte, value] { return rawjson.Fields(v) }

// items ranges over the elements of an array. Anything but an array has none.
func (v value) items() iter.Seq[value] { return rawjson.Items(v) }

// get returns the member of that name, or nil.
func (v value) get(name string) value {
	for key, member := range v.fields() {
		if string(key) == name {
			return member
		}
	}
	return nil
}

// only returns the single member of an object, as unions have, or "" and nil.
// Members that are null do not count.
func (v value) only() (key []byte, member value) {
	for k, m := range v.fields() {
		if !m.isNull() {
			return k, m
		}
	}
	return nil, nil
}

func (v value) isNull() bool { return len(v) == 0 || v[0] == 'n' }

// count returns a whole number from 0 up, and whether it is one. Numbers that a float
// could not hold exactly are nobody's count.
func (v value) count() (int, bool) {
	n, err := strconv.ParseUint(string(v), 10, 53)
	if err != nil {
		return 0, false
	}
	return int(n), true
}

// clone returns the text as a copy that outlives the document.
func (v value) clone() json.RawMessage { return json.RawMessage(bytes.Clone(v)) }

// appendString appends the content of a JSON string. Anything but a string has none.
func (v value) appendString(dst []byte) []byte { return rawjson.AppendString(dst, v) }

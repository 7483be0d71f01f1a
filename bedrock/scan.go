package bedrock

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// value is one JSON value as text, without space around it, within a document that
// json.Valid has accepted: so nothing here needs to fail. It reads in place, where
// encoding/json would allocate for every event of a stream.
type value []byte

// parse returns the value that the document is, and whether it is JSON at all.
func parse(doc []byte) (value, bool) {
	if !json.Valid(doc) {
		return nil, false
	}
	return value(bytes.TrimSpace(doc)), true
}

// fields ranges over the members of an object: keys as they are in the text, without
// quotes, and values. Anything but an object has none.
func (v value) fields() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if len(v) == 0 || v[0] != '{' {
			return
		}
		for i := skipSpace(v, 1); v[i] == '"'; {
			end := skipString(v, i)
			key := v[i+1 : end-1]
			i = skipSpace(v, end) // at the colon
			i = skipSpace(v, i+1) // at the value
			end = skipValue(v, i)
			if !yield(key, v[i:end]) {
				return
			}
			if i = skipSpace(v, end); v[i] == ',' {
				i = skipSpace(v, i+1)
			}
		}
	}
}

// items ranges over the elements of an array. Anything but an array has none.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if len(v) == 0 || v[0] != '[' {
			return
		}
		for i := skipSpace(v, 1); v[i] != ']'; {
			end := skipValue(v, i)
			if !yield(v[i:end]) {
				return
			}
			if i = skipSpace(v, end); v[i] == ',' {
				i = skipSpace(v, i+1)
			}
		}
	}
}

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
// Half a surrogate pair, or a byte that is not UTF-8, becomes U+FFFD.
func (v value) appendString(dst []byte) []byte {
	if len(v) < 2 || v[0] != '"' {
		return dst
	}
	s := v[1 : len(v)-1]
	for len(s) > 0 {
		if c := s[0]; c != '\\' {
			r, n := utf8.DecodeRune(s)
			dst = utf8.AppendRune(dst, r)
			s = s[n:]
			continue
		}
		switch c := s[1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[2:6])
			s = s[4:]
			if utf16.IsSurrogate(r) && len(s) >= 8 && s[2] == '\\' && s[3] == 'u' {
				if pair := utf16.DecodeRune(r, hex4(s[4:8])); pair != utf8.RuneError {
					r = pair
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a slash or a backslash
			dst = append(dst, c)
		}
		s = s[2:]
	}
	return dst
}

func hex4(s []byte) rune {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 32)
	return rune(n)
}

// quoted returns a key of fields as a string value.
func quoted(key []byte) value {
	return value(`"` + string(key) + `"`)
}

func skipSpace(v value, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' {
		i++
	}
	return i
}

// skipString returns where the string that starts at i ends.
func skipString(v value, i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns where the value that starts at i ends.
func skipValue(v value, i int) int {
	switch v[i] {
	case '"':
		return skipString(v, i)
	case '{', '[':
		for depth := 0; ; {
			switch v[i] {
			case '"':
				i = skipString(v, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if i++; depth == 0 {
				return i
			}
		}
	}
	for i < len(v) && v[i] != ',' && v[i] != '}' && v[i] != ']' && v[i] > ' ' {
		i++
	}
	return i
}

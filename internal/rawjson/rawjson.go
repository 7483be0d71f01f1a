// Package rawjson reads JSON text in place, where encoding/json would copy and allocate.
// But for [IsObject] its functions take text that json.Valid has accepted, so that none
// of them can fail.
package rawjson

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep JSON may be nested that is kept: encoding/json, which has to save
// it within a history, gives up at 10,000.
const MaxDepth = 1000

// IsObject says whether text is a JSON object, in valid UTF-8 and not too deep.
func IsObject(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && json.Valid(text) && utf8.Valid(text) && Depth(text) <= MaxDepth
}

// Depth is how deep the text is nested.
func Depth(text []byte) int {
	deepest, now := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = skipString(text, i) - 1
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		}
	}
	return deepest
}

// Fields ranges over the members of an object: keys without quotes and escapes, and
// values without space around them. Anything but an object has none.
func Fields[T ~[]byte](v T) iter.Seq2[[]byte, T] {
	return func(yield func([]byte, T) bool) {
		if len(v) == 0 || v[0] != '{' {
			return
		}
		for i := skipSpace(v, 1); v[i] == '"'; {
			end := skipString(v, i)
			key := []byte(v[i+1 : end-1])
			if bytes.IndexByte(key, '\\') >= 0 {
				key = AppendString(nil, v[i:end])
			}
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

// Items ranges over the elements of an array. Anything but an array has none.
func Items[T ~[]byte](v T) iter.Seq[T] {
	return func(yield func(T) bool) {
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

// AppendString appends the content of a string. Anything but a string has none. Half a
// surrogate pair, or a byte that is not UTF-8, becomes U+FFFD.
func AppendString(dst, text []byte) []byte {
	if len(text) < 2 || text[0] != '"' {
		return dst
	}
	s := text[1 : len(text)-1]
	for len(s) > 0 {
		plain := s // up to the next escape
		if i := bytes.IndexByte(s, '\\'); i >= 0 {
			plain = s[:i]
		}
		if s = s[len(plain):]; utf8.Valid(plain) {
			dst = append(dst, plain...)
		} else {
			dst = append(dst, string([]rune(string(plain)))...)
		}
		if len(s) == 0 {
			break
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

func skipSpace[T ~[]byte](v T, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' {
		i++
	}
	return i
}

// skipString returns where the string that starts at i ends.
func skipString[T ~[]byte](v T, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(v[i:], '"')
		escapes := 0
		for v[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// skipValue returns where the value that starts at i ends.
func skipValue[T ~[]byte](v T, i int) int {
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

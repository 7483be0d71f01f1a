package tracing

import (
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// cutter is content that can be made smaller: no text in it has more than limit bytes.
type cutter[T any] interface{ cut(limit int) T }

// order says which items of a list are kept where not all can be.
type order bool

const (
	oldestFirst order = false
	newestFirst order = true
)

const leastText = 16 // bytes of a text; what does not fit even so is left out

// list is the items as a JSON array of at most max bytes, the last of them or the first.
// Those that do not fit have their texts cut; and from the first that does not fit even so,
// one item says how many were left out.
func list[T cutter[T]](items []T, max int, first order, omitted func(count int) T) string {
	return listFunc(len(items), max, first, omitted, func(i int) T { return items[i] })
}

// listFunc is [list] of items that are made when their turn comes, so that of a long history
// no more is looked at than is shown.
func listFunc[T cutter[T]](n, max int, first order, omitted func(count int) T, item func(i int) T) string {
	left := max - len("[]") - len(encode(omitted(n))) - len(",")
	var kept [][]byte
	for k := range n {
		i := k
		if first == newestFirst {
			i = n - 1 - k
		}
		b := fit(item(i), left)
		if b == nil {
			kept = append(kept, encode(omitted(n-k)))
			break
		}
		left -= len(b) + len(",")
		kept = append(kept, b)
	}
	if first == newestFirst {
		slices.Reverse(kept)
	}
	array := []byte{'['}
	for i, b := range kept {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, b...)
	}
	return string(append(array, ']'))
}

// fit is an item as JSON of at most max bytes, or nil.
func fit[T cutter[T]](item T, max int) []byte {
	for limit := max; limit >= leastText; limit /= 2 {
		if b := encode(item.cut(limit)); len(b) <= max {
			return b
		}
	}
	return nil
}

func omittedPart(count int) part { return part{Type: partOmitted, Count: count} }

func omittedTool(count int) part {
	return part{Type: partOmitted, Name: "…", Count: count} // a definition must have a name
}

func omittedMessage(count int) message {
	return message{Role: "omitted", Parts: []part{omittedPart(count)}}
}

func (m message) cut(limit int) message {
	m.Parts = cutParts(m.Parts, limit)
	return m
}

func cutParts(parts []part, limit int) []part {
	short := make([]part, len(parts))
	for i, p := range parts {
		short[i] = p.cut(limit)
	}
	return short
}

func (p part) cut(limit int) part {
	if p.Content != nil {
		p.Content = new(cutText(*p.Content, limit))
	}
	p.Arguments = cutValue(p.Arguments, limit)
	p.Response = cutValue(p.Response, limit)
	p.Name, p.URI = cutText(p.Name, limit), cutText(p.URI, limit)
	return p
}

// value is a value that stands alone.
type value struct{ v any }

func (v value) MarshalJSON() ([]byte, error) { return encode(v.v), nil }
func (v value) cut(limit int) value          { return value{cutValue(v.v, limit)} }

// cutValue cuts a value. An object that is too large becomes the beginning of its text.
func cutValue(v any, limit int) any {
	switch v := v.(type) {
	case string:
		return cutText(v, limit)
	case json.RawMessage:
		if len(v) > limit {
			return cutText(string(v), limit)
		}
	case []part:
		return cutParts(v, limit)
	}
	return v
}

// cutText is the beginning of a text, of at most limit bytes, and splits no rune.
func cutText(text string, limit int) string {
	const mark = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

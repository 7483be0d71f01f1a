package fake

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// scrubber takes out of a call what must not get onto a tape.
type scrubber struct {
	own         func(string) string // the caller's; may be nil
	keepSecrets bool
}

// text scrubs what somebody wrote.
func (s scrubber) text(text string) string {
	if s.own != nil {
		text = s.own(text)
	}
	return s.secrets(text)
}

func (s scrubber) secrets(text string) string {
	if s.keepSecrets {
		return text
	}
	return scrubSecrets(text)
}

// stored scrubs a value in the storage format of package llm, as json.Marshal made it.
// It returns v itself, and false, where there is nothing to scrub.
func (s scrubber) stored(v []byte) ([]byte, bool) { return s.json(v, true) }

// raw scrubs JSON that somebody else made, which must be valid.
func (s scrubber) raw(v []byte) ([]byte, bool) { return s.json(v, false) }

func (s scrubber) json(v []byte, format bool) ([]byte, bool) {
	if s.own == nil && s.keepSecrets {
		return v, false
	}
	w := walker{scrubber: s}
	if out := w.append(nil, v, place{format: format}); w.changed {
		return out, true
	}
	return v, false
}

// walker copies JSON and scrubs the strings in it.
type walker struct {
	scrubber
	changed bool
}

// place is where in a value a walker is.
type place struct {
	format bool   // in an object of the storage format, not in JSON that somebody else made
	typ    string // the type of that object
	key    string // of the value
}

func (w *walker) append(dst, v []byte, at place) []byte {
	switch v[0] {
	case '{':
		dst = append(dst, '{')
		at.typ = ""
		for key, value := range rawjson.Fields(v) {
			if dst[len(dst)-1] != '{' {
				dst = append(dst, ',')
			}
			at.key = string(key)
			if at.key == "type" && at.typ == "" {
				at.typ = string(rawjson.AppendString(nil, value))
			}
			dst = append(appendString(dst, at.key), ':')
			dst = w.append(dst, value, at.below(value))
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for item := range rawjson.Items(v) {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst = w.append(dst, item, at)
		}
		return append(dst, ']')
	case '"':
		if at.untouched() {
			return append(dst, v...)
		}
		was := string(rawjson.AppendString(nil, v))
		is := w.string(was, at)
		if is == was {
			return append(dst, v...)
		}
		w.changed = true
		return appendString(dst, is)
	}
	return append(dst, v...)
}

func (w *walker) string(s string, at place) string {
	switch {
	case !w.keepSecrets && s != "" && secretKey.MatchString(at.key):
		return scrubbed
	case at.format && slices.Contains(identifiers, at.key):
		return w.secrets(s)
	}
	return w.text(s)
}

// identifiers are the keys of the storage format whose values no caller's function may
// rewrite: a call and its result would lose each other.
var identifiers = []string{"type", "role", "id", "call_id", "name", "mode", "media_type", "provider", "model", "kind",
	"stop_reason", "raw_stop_reason", "request_id", "code", "effort", "service_tier", "latency", "ttl"}

// below is the place of the value of a key.
func (at place) below(value []byte) place {
	switch at.key {
	case "input", "schema", "config", "options", "metadata":
		at.format = at.format && value[0] == '"' // else it is somebody else's
	case "data":
		at.format = at.format && at.binary()
	}
	return at
}

// binary says whether the object has bytes in its data.
func (at place) binary() bool {
	return at.typ == "media" || at.typ == "document" || at.typ == "media_delta"
}

// untouched says of a string that it is not text.
func (at place) untouched() bool {
	if !at.format {
		return false
	}
	switch at.key {
	case "data":
		return at.binary()
	case "redacted", "signature":
		return at.typ == "reasoning"
	}
	return false
}

func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...) // no string is refused
	}
	return append(dst, b...)
}

// deltas returns the events with the text of their deltas scrubbed. A secret may be cut
// between two deltas, so it is sought in all that a part says, and what stands for it is
// told where it begins. The number of events stays.
func (s scrubber) deltas(events []llm.Event) []llm.Event {
	type stream struct {
		index int
		kind  byte
	}
	pieces := map[stream][]string{}
	at := map[stream][]int{}
	for i, ev := range events {
		var k stream
		var piece string
		switch ev := ev.(type) {
		case *llm.TextDelta:
			k, piece = stream{ev.Index, 't'}, ev.Text
		case *llm.ReasoningDelta:
			k, piece = stream{ev.Index, 'r'}, ev.Text
		case *llm.ToolCallDelta:
			k, piece = stream{ev.Index, 'c'}, ev.Input
		default:
			continue
		}
		pieces[k], at[k] = append(pieces[k], piece), append(at[k], i)
	}
	out := slices.Clone(events)
	for k, was := range pieces {
		text := strings.Join(was, "")
		var is string
		if k.kind == 'c' && json.Valid([]byte(text)) {
			b, _ := s.raw(bytes.TrimSpace([]byte(text)))
			is = string(b)
		} else {
			is = s.text(text)
		}
		for j, piece := range spread(was, text, is) {
			if i := at[k][j]; piece != was[j] {
				out[i] = withText(out[i], piece)
			}
		}
	}
	return out
}

func withText(ev llm.Event, text string) llm.Event {
	switch ev := ev.(type) {
	case *llm.TextDelta:
		return &llm.TextDelta{Index: ev.Index, Text: text}
	case *llm.ReasoningDelta:
		c := *ev
		c.Text = text
		return &c
	case *llm.ToolCallDelta:
		return &llm.ToolCallDelta{Index: ev.Index, Input: text}
	}
	return ev
}

// spread cuts a text that has become another one in the places where it was cut before:
// what it still begins and ends with stays in its piece, and what is new stands where it
// begins. Runes are not cut, since JSON could not keep the halves.
func spread(pieces []string, was, is string) []string {
	prefix := 0
	for prefix < min(len(was), len(is)) && was[prefix] == is[prefix] {
		prefix++
	}
	suffix := 0
	for suffix < min(len(was), len(is))-prefix && was[len(was)-1-suffix] == is[len(is)-1-suffix] {
		suffix++
	}
	changed := is[prefix : len(is)-suffix]
	out := make([]string, len(pieces))
	start := 0
	rest := "" // of a rune that was cut
	for i, piece := range pieces {
		end := start + len(piece)
		b := rest + was[start:max(start, min(end, prefix))]
		if was != is && start <= prefix && (prefix < end || i == len(pieces)-1) {
			b += changed
			changed = ""
		}
		b += was[min(end, max(start, len(was)-suffix)):end]
		if rest = ""; i < len(pieces)-1 {
			n := cutRune(b)
			b, rest = b[:len(b)-n], b[len(b)-n:]
		}
		out[i], start = b, end
	}
	return out
}

// cutRune is the number of bytes at the end of s that begin a rune which goes on.
func cutRune(s string) int {
	for n := 1; n < min(utf8.UTFMax, len(s)+1); n++ {
		if b := s[len(s)-n]; utf8.RuneStart(b) {
			if !utf8.FullRuneInString(s[len(s)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

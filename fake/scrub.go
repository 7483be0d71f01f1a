package fake

import (
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
	w := walker{scrubber: s, in: []place{{format: format}}}
	return w.walk(v)
}

// walker copies JSON and scrubs the strings in it. All else, such as white space, stays.
type walker struct {
	scrubber
	in []place // the objects and arrays around what comes next
}

// place is an object or an array, or what is around the whole.
type place struct {
	format bool   // of the storage format, and not JSON that somebody else made
	object bool   // and not an array, which has the key and type of the object around it
	atKey  bool   // a key comes next
	key    string // of what comes next
	typ    string // of the object
}

// walk returns the copy, and whether it differs.
func (w *walker) walk(v []byte) ([]byte, bool) {
	out, changed := make([]byte, 0, len(v)), false
	for i := 0; i < len(v); i++ {
		at := &w.in[len(w.in)-1]
		switch v[i] {
		case '{', '[':
			w.in = append(w.in, at.below(v[i] == '{'))
		case '}', ']':
			w.in = w.in[:len(w.in)-1]
		case ',':
			at.atKey = at.object
		case '"':
			end := stringEnd(v, i)
			text := v[i:end]
			i = end - 1
			if is, differs := w.string(text, at); differs {
				out, changed = appendString(out, is), true
			} else {
				out = append(out, text...)
			}
			continue
		}
		out = append(out, v[i])
	}
	if !changed {
		return v, false
	}
	return out, true
}

// stringEnd is where the string ends that starts at i.
func stringEnd(v []byte, i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// string takes in a string, a key or a value, and scrubs it.
func (w *walker) string(text []byte, at *place) (is string, differs bool) {
	if !at.atKey && at.untouched() {
		return "", false
	}
	was := string(rawjson.AppendString(nil, text))
	switch {
	case at.atKey:
		at.atKey, at.key = false, was
		return "", false
	case at.key == "type" && at.object && at.typ == "":
		at.typ = was
	}
	switch {
	case !w.keepSecrets && was != "" && secretKey.MatchString(at.key):
		is = scrubbed
	case !w.keepSecrets && strings.Contains(was, "=") && cookieKey.MatchString(at.key):
		is = scrubbed
	case at.format && slices.Contains(identifiers, at.key):
		is = w.secrets(was)
	default:
		is = w.text(was)
	}
	return is, is != was
}

// identifiers are the keys of the storage format whose values no caller's function may
// rewrite: a call and its result would lose each other.
var identifiers = []string{"type", "role", "id", "call_id", "name", "mode", "media_type", "provider", "model", "kind",
	"stop_reason", "raw_stop_reason", "request_id", "code", "effort", "service_tier", "latency", "ttl"}

// foreign are the keys of the storage format whose objects and arrays are not of it.
var foreign = []string{"input", "schema", "config", "options", "metadata", "data"}

// below is an object or an array that is the next value.
func (at *place) below(object bool) place {
	in := place{format: at.format && !slices.Contains(foreign, at.key), object: object, atKey: object}
	if !object {
		in.key, in.typ = at.key, at.typ
	}
	return in
}

// untouched says of the next value, a string, that it is not text.
func (at *place) untouched() bool {
	switch {
	case !at.format:
		return false
	case at.key == "data":
		return at.typ == "media" || at.typ == "document" || at.typ == "media_delta"
	case at.key == "redacted", at.key == "signature":
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
			b, _ := s.raw([]byte(text))
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

package fake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// unrecorded is a call that found no recording.
type unrecorded struct {
	id      string
	request []byte     // scrubbed
	next    *recording // the first that was left; nil = none
}

// describe says to the author of a test in what the call differs from the recording that
// was to be played next.
func (u unrecorded) describe() string {
	if u.next == nil {
		return u.id + ": no recording was left"
	}
	recorded, asked := parsed(u.next.Request), parsed(u.request)
	path, recorded, asked := difference("", recorded, asked)
	if path == "" {
		path = ".(all of it)"
	}
	r, a := contrast(recorded, asked)
	return fmt.Sprintf("%s differs from the next recording in %s:\n      recorded %s\n      asked    %s", u.id, path[1:], r, a)
}

// parsed is JSON as values whose numbers keep their digits.
func parsed(b []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	_ = d.Decode(&v) // nil is shown as such
	return v
}

// absent stands for what one of two requests does not have.
type absent struct{}

// difference finds the first place in which two values differ, and what stands there. The
// path is empty where they have nothing in common, or do not differ.
func difference(path string, a, b any) (string, any, any) {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			break
		}
		keys := slices.Collect(maps.Keys(a))
		keys = slices.AppendSeq(keys, maps.Keys(b))
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			if x, y := member(a, key), member(b, key); !reflect.DeepEqual(x, y) {
				return difference(path+"."+key, x, y)
			}
		}
	case []any:
		b, ok := b.([]any)
		if !ok {
			break
		}
		for i := range max(len(a), len(b)) {
			if x, y := item(a, i), item(b, i); !reflect.DeepEqual(x, y) {
				return difference(path+"["+strconv.Itoa(i)+"]", x, y)
			}
		}
	}
	return path, a, b
}

func member(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return absent{}
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}

// contrast shows two values in short, from a little before the place where they part.
func contrast(a, b any) (string, string) {
	x, y := text(a), text(b)
	at := 0
	for at < min(len(x), len(y)) && x[at] == y[at] {
		at++
	}
	const before = 20
	if at = max(0, at-before); at > 0 {
		for at > 0 && !utf8.RuneStart(x[at]) {
			at--
		}
		return "…" + clip(x[at:], reportRunes), "…" + clip(y[at:], reportRunes)
	}
	return clip(x, reportRunes), clip(y, reportRunes)
}

func text(v any) string {
	if v == (absent{}) {
		return "(nothing)"
	}
	b, _ := json.Marshal(v) // as it was parsed
	return string(b)
}

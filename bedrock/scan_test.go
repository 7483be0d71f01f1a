package bedrock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decodeAny reads a value with the scanner, in the form of encoding/json with
// numbers as text.
func decodeAny(v value) any {
	switch v[0] {
	case '{':
		m := map[string]any{}
		for key, member := range v.fields() {
			m[string(key)] = decodeAny(member)
		}
		return m
	case '[':
		list := []any{}
		for item := range v.items() {
			list = append(list, decodeAny(item))
		}
		return list
	case '"':
		return string(v.appendString(nil))
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return json.Number(v)
}

// FuzzScan holds the scanner against encoding/json.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , -2.5e3 , true , false , null ] , "b" : { } } `, `"\u00e9\ud83d\ude42\n\"\\\/"`, `"\ud83d"`, `"\ud83d\u0041"`,
		`"\ude42\ud83d\ude42"`, "\"\xff\xc3\"", `{"a":1,"a":2}`, `{"\u0061":"x"}`, `[[[[]]]]`, `123`, `{"delta":{"text":"a}]\"{["}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, ok := parse(in)
		d := json.NewDecoder(bytes.NewReader(in))
		d.UseNumber()
		var want any
		err := d.Decode(&want)
		if !ok {
			if json.Valid(in) {
				t.Fatalf("refused %q", in)
			}
			return
		}
		if err != nil {
			t.Fatalf("took %q: %v", in, err)
		}
		if diff := cmp.Diff(want, decodeAny(v)); diff != "" {
			t.Fatalf("%q:\n%s", in, diff)
		}
		v.count()
		v.only()
		v.get("a")
	})
}

func TestCount(t *testing.T) {
	for _, in := range []string{"0", "7", "9007199254740991"} {
		if n, ok := value(in).count(); !ok || fmt.Sprint(n) != in {
			t.Errorf("%s is %d, %v", in, n, ok)
		}
	}
	for _, in := range []string{"-7", "1e3", "2.9", `"7"`, "null", "{}", "9007199254740992", "99999999999999999999", ""} {
		if n, ok := value(in).count(); ok {
			t.Errorf("%s is %d", in, n)
		}
	}
	if !value(nil).isNull() || value(nil).get("a") != nil {
		t.Error("nil is something")
	}
}

// FuzzCanonical holds the short cut against json.Marshal.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"a": 1}`, `{"a":"b c"}`, `{"a":"<"}`, `"\u003c"`, "\"\u2028\"", `"\\"`, `"\" "`, ` 1`, "\"\u2027\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		want, err := json.Marshal(json.RawMessage(in))
		if err != nil {
			t.Skip("encoding/json cannot encode it")
		}
		if got := isCanonical(in); got != bytes.Equal(in, want) {
			t.Fatalf("isCanonical(%q) = %v, but it becomes %q", in, got, want)
		}
		if got, err := canonical(in); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// Reading in place allocates nothing but, at times, what json.Valid has in a pool.
func TestScanAllocatesNothing(t *testing.T) {
	doc := []byte(`{"contentBlockIndex":0,"delta":{"text":"` + strings.Repeat("word ", 20) + `"},"p":"abcd"}`)
	var scratch [256]byte
	n := testing.AllocsPerRun(100, func() {
		v, _ := parse(doc)
		kind, member := v.get("delta").only()
		if n, ok := v.get("contentBlockIndex").count(); string(kind) != "text" || n != 0 || !ok {
			t.Error("misread")
		}
		member.appendString(scratch[:0])
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

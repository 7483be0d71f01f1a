package rawjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestIsObject(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"[":`, n) + "1" + strings.Repeat("}", n) }
	for text, want := range map[string]bool{
		"": false, "{": false, "[1]": false, "1": false, "{}": true, " \n{ }": true, "{} {}": false, "{\"a\":\"\xff\"}": false,
		nested(MaxDepth): true, nested(MaxDepth + 1): false,
	} {
		if got := IsObject([]byte(text)); got != want {
			t.Errorf("%.20q: %v", text, got)
		}
	}
}

func TestFields(t *testing.T) {
	var got []string
	for key, v := range Fields([]byte(`{ "a\\" : "\\\"}" , "\u0062":[1,{"c":2}], "":{"d":null} }`)) {
		got = append(got, fmt.Sprintf("%s=%s", key, v))
	}
	if want := `a\="\\\"}" b=[1,{"c":2}] ={"d":null}`; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// FuzzDepth: what encoding/json reads at some depth has that depth.
func FuzzDepth(f *testing.F) {
	f.Add([]byte(`{"a":["\\\"[",{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		if json.Unmarshal(text, &v) != nil {
			return
		}
		if got, want := Depth(text), depthOf(v); got < want || len(text) < 100 && !strings.Contains(string(text), `"`) && got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	})
}

func depthOf(v any) int {
	deepest := -1
	switch v := v.(type) {
	case []any:
		deepest = 0
		for _, v := range v {
			deepest = max(deepest, depthOf(v))
		}
	case map[string]any:
		deepest = 0
		for _, v := range v {
			deepest = max(deepest, depthOf(v))
		}
	}
	return deepest + 1
}

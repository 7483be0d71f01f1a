package structured

import (
	"encoding/json"
	"testing"
)

func TestCompleted(t *testing.T) {
	for text, want := range map[string]string{
		``:                          ``,
		`{`:                         `{}`,
		`{"na`:                      `{}`,
		`{"name"`:                   `{}`,
		`{"name": `:                 `{}`,
		`{"name": "Os`:              `{"name": "Os"}`,
		`{"name": "Os\`:             `{"name": "Os"}`,
		`{"name": "Os\u00e`:         `{"name": "Os"}`,
		`{"name": "Os\u00e9`:        `{"name": "Os\u00e9"}`,
		`{"name": "Oslo", "a`:       `{"name": "Oslo"}`,
		`{"n": 12`:                  `{}`,
		`{"n": 12,`:                 `{"n": 12}`,
		`{"n": tru`:                 `{}`,
		`{"n": [1, 2`:               `{"n": [1]}`,
		`{"n": [{"a":"x"}, {"b":"y`: `{"n": [{"a":"x"}, {"b":"y"}]}`,
		`{"n": {}}`:                 `{"n": {}}`,
		`["a","b`:                   `["a","b"]`,
		`{"a":"}{][\"","b":"{`:      `{"a":"}{][\"","b":"{"}`,
		`}`:                         ``,
	} {
		if got := string(completed([]byte(text))); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", text, got, want)
		}
	}
}

// Every prefix of a document is completed to a document.
func FuzzCompleted(f *testing.F) {
	f.Add(`{"a":[1,2.5e-3,{"b":"c\"\\\u00e9 "}],"d":null,"e":{"f":[]},"g":""}`)
	f.Add(`[{"x":true},false,"y",[[]]]`)
	f.Add(`{"\u0061":"\ud83d\ude00"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for i := range len(text) + 1 {
			got := completed([]byte(text[:i]))
			if json.Valid([]byte(text)) && (text[0] == '{' || text[0] == '[') && i > 0 && !json.Valid(got) {
				t.Fatalf("%s\nbecomes %s", text[:i], got)
			}
		}
	})
}

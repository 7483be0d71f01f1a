package schema_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm/schema"
)

// loops are schemas that refer to themselves in ways that a reader of pointers may miss. Held
// to one, a value would take the process down: no program can recover from a full stack.
var loops = map[string]string{
	"anchor":           `{"$anchor":"a","$ref":"#a"}`,
	"anchor below":     `{"$ref":"#a","$defs":{"x":{"$anchor":"a","$ref":"#a"}}}`,
	"two anchors":      `{"$ref":"#a","$defs":{"x":{"$anchor":"a","allOf":[{"$ref":"#b"}]},"y":{"$anchor":"b","anyOf":[{"$ref":"#a"}]}}}`,
	"dynamic":          `{"$dynamicAnchor":"a","$dynamicRef":"#a"}`,
	"dynamic pointer":  `{"$dynamicRef":"#"}`,
	"id":               `{"$id":"https://example.com/s","$ref":"https://example.com/s"}`,
	"relative id":      `{"$id":"https://example.com/s","$ref":"s"}`,
	"empty ref":        `{"$ref":""}`,
	"id and fragment":  `{"$id":"https://example.com/s","$ref":"https://example.com/s#"}`,
	"id below":         `{"$ref":"https://example.com/t","$defs":{"x":{"$id":"https://example.com/t","$ref":"#"}}}`,
	"escaped pointer":  `{"$ref":"#/%24defs/a","$defs":{"a":{"$ref":"#/%24defs/a"}}}`,
	"repeated name":    `{"$ref":"#/$defs/a","$defs":{"a":{}},"$defs":{"a":{"$ref":"#/$defs/a"}}}`,
	"repeated name 2":  `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{}}}`,
	"case":             `{"$REF":"#"}`,
	"case of a holder": `{"ALLOF":[{"$ref":"#"}]}`,
	"dependencies":     `{"dependencies":{"a":{"$ref":"#"}}}`,
	"draft 7 ref":      `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"}`,
	"items":            `{"items":{"$ref":"#"}}`,
	"content":          `{"contentSchema":{"$ref":"#"}}`,
	"property names":   `{"propertyNames":{"$ref":"#"}}`,
}

func TestLoops(t *testing.T) {
	if os.Getenv("PARLEY_LOOPS") != "" { // the process that may die
		for name, text := range loops {
			fmt.Println("loop:", name)
			if s, err := schema.Parse(json.RawMessage(text)); err == nil {
				for _, v := range []string{`{"a":1}`, `[[1]]`, `1`, `"x"`} {
					_ = s.Validate(json.RawMessage(v))
				}
			}
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestLoops$")
	cmd.Env = append(os.Environ(), "PARLEY_LOOPS=1")
	out, err := cmd.CombinedOutput()
	if seen := strings.Count(string(out), "loop: "); err != nil || seen != len(loops) {
		t.Errorf("%v after %d of %d schemas: %s", err, seen, len(loops), out[:min(len(out), 2000)])
	}
}

type chain[T any] struct {
	V    T         `json:"v"`
	Next *chain[T] `json:"next,omitempty"`
}

// Types of one name are told apart, however many there are.
func TestNamesUnderDefs(t *testing.T) {
	type many struct {
		A chain[int]    `json:"a"`
		B chain[string] `json:"b"`
		C chain[bool]   `json:"c"`
		D chain[[]int]  `json:"d"`
	}
	var first string
	for range 20 {
		s, err := schema.For[many]()
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(s.JSON())
		}
		if got := string(s.JSON()); got != first || strings.Count(got, `"required":["v"]`) != 4 {
			t.Fatalf("got  %s\nwant %s", got, first)
		}
		if err := s.Validate(json.RawMessage(`{"a":{"v":1},"b":{"v":"x","next":{"v":"y"}},"c":{"v":true,"next":{"v":false}},"d":{"v":[1]}}`)); err != nil {
			t.Fatal(err.(*schema.Error).Detail)
		}
	}
}

// What satisfies the schema of a number can be read into it.
func TestNumbersOfTheLibrary(t *testing.T) {
	type numbers struct {
		B *big.Int    `json:"b"`
		N json.Number `json:"n"`
		T time.Time   `json:"t"`
	}
	s, err := schema.For[numbers]()
	if err != nil {
		t.Fatal(err)
	}
	text := json.RawMessage(`{"b":123456789012345678901234567890,"n":1.50,"t":"2026-01-02T03:04:05Z"}`)
	var v numbers
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(text); err != nil {
		t.Errorf("%s: %s", s.JSON(), err.(*schema.Error).Detail)
	}
}

func TestDefaultOfASlice(t *testing.T) {
	s, err := schema.For[struct {
		L []string `json:"l,omitempty" default:"[\"a\"]" enum:"a,b"`
	}]()
	if err != nil {
		t.Fatal(err)
	}
	if want := `"items":{"type":"string","enum":["a","b"]},"default":["a"]}`; !strings.Contains(string(s.JSON()), want) {
		t.Errorf("got  %s\nwant %s", s.JSON(), want)
	}
	if _, err := schema.For[struct {
		S string `json:"s" maxLength:"-1"`
	}](); err == nil {
		t.Error("a negative length is taken")
	}
}

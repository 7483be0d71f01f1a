package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The list that is embedded is what the generator makes of its input.
func TestGenerated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "prices.json")
	if err := run("prices.json", out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../prices.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("go generate ./middleware/usage has not run (-want +got):\n%s", d)
	}
}

func TestTrim(t *testing.T) {
	list := `{"models": [{"id": "a", "notes": "n", "input": "1.50", "scopes": {"us": {"batch": null}}, "batch": null}, {"id": "b"}], "rules": {}, "as_of": "2026-10-07"}`
	want := "{\n\"as_of\":\"2026-10-07\",\n\"models\":[\n{\"id\":\"a\",\"input\":\"1.50\",\"batch\":null,\"scopes\":{\"us\":{\"batch\":null}}},\n{\"id\":\"b\"}\n]}\n"
	if got, err := trim([]byte(list)); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	for list, want := range map[string]string{
		`[]`: "cannot unmarshal", `{}`: "models: ", `{"models":[{"id":"a"},{"off_peak":"1"}]}`: `models[1]: field "off_peak" is neither`, `{"models":[],"new":1}`: `field "new" is neither`,
	} {
		if _, err := trim([]byte(list)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", list, err)
		}
	}
}

func TestRunErrors(t *testing.T) {
	if err := run("no such file", filepath.Join(t.TempDir(), "out")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

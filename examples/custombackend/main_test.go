package main

import (
	"os"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	// All tests talk to servers of their own, by any name of a model but this one.
	llm.ForbidSend(func(i llm.Info) bool { return i.Model != "forbidden" })
	os.Exit(leak.Run(m))
}

// The program runs offline, says so first, and gets through its tool loop.
func TestTalk(t *testing.T) {
	var out strings.Builder
	model, closeModel, err := open(&out, "", "", "m")
	if err != nil {
		t.Fatal(err)
	}
	defer closeModel()
	if err := talk(t.Context(), &out, model); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "Talking to a fake model behind a local server") {
		t.Error("the first line does not say who answers")
	}
	for _, want := range []string{"Norway is Oslo.\n(end_turn, ", "always come home.\n", `calls weather with {"city":"Bergen"}.`, "Yes, take one"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

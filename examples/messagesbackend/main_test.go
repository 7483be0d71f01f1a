package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	// All tests talk to servers of their own, by any name of a model but this one.
	llm.ForbidSend(func(i llm.Info) bool { return i.Model != "forbidden" })
	os.Exit(leak.Run(m))
}

const talked = `
== A question to think about ==
[391 = 400 - 9 = (20 - 3)(20 + 3).]
No: it is 17 times 23.

== A document, cited as the answer comes ==
The fog came at nine.
(Keeper's log: "Fog came at nine.")

== A tool ==
The model calls weather with {"city":"Bergen"}.
Yes, take one: it rains until the evening.
(1530 tokens in, 1420 of them from the cache)
`

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
	first, rest, _ := strings.Cut(out.String(), "\n")
	if !strings.HasPrefix(first, "Talking to a fake model behind a local server") {
		t.Errorf("the first line does not say who answers: %s", first)
	}
	if diff := cmp.Diff(talked, rest); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

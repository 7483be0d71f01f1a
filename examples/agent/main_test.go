package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func noon() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// What it prints offline.
func TestAnswer(t *testing.T) {
	files, closeFiles, err := open("")
	if err != nil {
		t.Fatal(err)
	}
	defer closeFiles()
	var out strings.Builder
	a := agent{model: fake.Auto(), tools: tools(files, noon), out: &out}
	if err := a.answer(t.Context(), "What do the groceries cost?"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"> What do the groceries cost?\n",
		"\n  → calculate {\"expression\":\"2*1.95 + 7.40 + 2*3.25\"}\n",
		"\n  ← list_files: [\"groceries.txt\",\"travel.txt\"]\n",
		"\n  ← calculate: 17.8\n",
		"\ncurrent_time answered: Sunday, 1 November 2026, 12:00 UTC\n",
		"2 calls of the model, ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

// A human decides about each call.
func TestAsk(t *testing.T) {
	var out strings.Builder
	model := fake.New(
		fake.Parts(&llm.ToolCallPart{ID: "1", Name: "calculate", Input: []byte(`{"expression":"1+1"}`)}, &llm.ToolCallPart{ID: "2", Name: "current_time", Input: []byte(`{}`)}),
		fake.Text("Done."),
	)
	a := agent{model: model, tools: tools(os.DirFS(t.TempDir()), noon), out: &out, in: bufio.NewReader(strings.NewReader("y\n"))}
	if err := a.answer(t.Context(), "?"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Run calculate with {"expression":"1+1"}? [y/N]`, "← calculate: 2\n", "← current_time: the call was not allowed: the user said no", "Done."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestTools(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), []byte("inside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hosts", filepath.Join(dir, "out.txt")); err != nil {
		t.Fatal(err)
	}
	files, closeFiles, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFiles()
	set, err := tool.NewSet(tools(files, noon)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ tool, input, want string }{
		{"list_files", `{}`, `["in.txt"]`},
		{"read_file", `{"path":"in.txt"}`, "inside"},
		{"read_file", `{"path":"../in.txt"}`, "there is no such file"},
		{"read_file", `{"path":"/etc/hosts"}`, "there is no such file"},
		{"read_file", `{"path":"out.txt"}`, "there is no such file"},
		{"calculate", `{"expression":"(1.1+2.2)*-3"}`, "-9.9"},
		{"calculate", `{"expression":"10/4 + 0x10"}`, "18.5"},
		{"calculate", `{"expression":"1/3"}`, "0.3333333333"},
		{"calculate", `{"expression":"123456789012345678901234567890*10"}`, "1234567890123456789012345678900"},
		{"calculate", `{"expression":"1/(2-2)"}`, "divides by zero"},
		{"calculate", `{"expression":"1e300*9"}`, "too large"},
		{"calculate", `{"expression":"os.Exit(1)"}`, "only numbers"},
		{"calculate", `{"expression":"'a'"}`, "only numbers"},
		{"calculate", `{"expression":"1 +"}`, "no arithmetic"},
		{"current_time", `{"zone":"UTC"}`, "Sunday, 1 November 2026, 12:00 UTC"},
		{"current_time", `{"zone":"Nowhere"}`, "no such time zone"},
	} {
		for r := range set.Run(context.Background(), nil, &llm.ToolCallPart{Name: c.tool, Input: []byte(c.input)}) {
			var got string
			if len(r.Content) > 0 {
				got = fmt.Sprint(r.Content[0].(*llm.TextPart).Text)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s(%s): %q, want %q", c.tool, c.input, got, c.want)
			}
		}
	}
}

package llmtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// misuse is the environment variable that tells TestMisused what to do wrong.
const misuse = "LLMTEST_MISUSE"

func misuses() map[string]func(t *testing.T) {
	return map[string]func(t *testing.T){
		"nil-middleware":   func(t *testing.T) { RunMiddleware(t, nil) },
		"nil-from-wrapper": func(t *testing.T) { RunMiddleware(t, func(llm.Model) llm.Model { return nil }) },
		"nil-new":          func(t *testing.T) { Run(t, Harness{}) },
		"nil-model":        func(t *testing.T) { Run(t, Harness{New: func(*testing.T, Script) llm.Model { return nil }}) },
		"unknown-lack":     func(t *testing.T) { Run(t, Harness{New: playScript, Lacks: []Capability{TopK, "telepathy"}}) },
		"unknown-reason":   func(t *testing.T) { Run(t, Harness{New: playScript, Lacks: []Capability{StopReason(llm.StopEndTurn)}}) },
		"forbidden": func(t *testing.T) {
			llm.ForbidSend()
			Run(t, Harness{New: func(t *testing.T, s Script) llm.Model { return &asking{next: s.Model().(*scriptModel)} }, Virtual: true})
		},
		// A body that the context ends reads like one that has ended.
		"quiet-cancel": func(t *testing.T) {
			Run(t, Harness{New: func(t *testing.T, s Script) llm.Model { return quiet{s.Model()} }, Virtual: true})
		},
		"panics": func(t *testing.T) {
			Run(t, Harness{New: func(*testing.T, Script) llm.Model { panic("no model today") }})
		},
	}
}

func TestMisused(t *testing.T) {
	if f := misuses()[os.Getenv(misuse)]; f != nil {
		f(t)
		return
	}
	t.Skip("run by TestMisuse, in a process of its own")
}

// TestMisuse checks that a harness which is wrong fails, and says in what.
func TestMisuse(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"nil-middleware":   "the middleware is nil",
		"nil-from-wrapper": "the middleware returned a nil model",
		"nil-new":          "Harness.New is nil",
		"nil-model":        "Harness.New returned a nil model",
		"unknown-lack":     `Harness.Lacks[1]: "telepathy" is no capability; there are any_tool, audio_input,`,
		"unknown-reason":   `Harness.Lacks[0]: "stop_reason/end_turn" is no capability`,
		"panics":           "panic: no model today",
		"forbidden":        "llm.ForbidSend is in force, and the model asks",
		"quiet-cancel":     "a stream that is cancelled half-way: no error, want canceled",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestMisused$", "-test.v", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), misuse+"="+name, "GORACE=atexit_sleep_ms=0")
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("the run passes")
			}
			if !strings.Contains(string(out), want) {
				t.Errorf("the output does not say %q:\n%s", want, out[:min(len(out), 3000)])
			}
			if name == "nil-model" && strings.Count(string(out), "--- FAIL") != 2 {
				t.Errorf("more than one case says so:\n%s", out[:min(len(out), 3000)])
			}
		})
	}
}

// quiet takes a cancel for the end of the answer.
type quiet struct{ llm.Model }

func (q quiet) Stream(ctx context.Context, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range q.Model.Stream(ctx, req) {
			if errors.Is(err, context.Canceled) || !yield(ev, err) {
				return
			}
		}
	})
}

// Names are unique, and each case says what it is about.
func TestCasesAreDescribed(t *testing.T) {
	named := regexp.MustCompile(`^(law(0[1-9]|1[0-2])|errors|answers|middleware)/[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	chapters := map[string]bool{}
	for _, c := range slices.Concat(laws(), middlewareCases()) {
		if seen[c.name] {
			t.Errorf("two cases are named %s", c.name)
		}
		seen[c.name] = true
		law, _, _ := strings.Cut(c.name, "/")
		chapters[law] = true
		if !named.MatchString(c.name) {
			t.Errorf("%s is not a name of law and case", c.name)
		}
		if len(c.explain) < 80 || !strings.HasSuffix(c.explain, ".") || strings.Contains(c.explain, "\n") || strings.Contains(c.explain, "  ") {
			t.Errorf("%s is not explained in a paragraph: %q", c.name, c.explain)
		}
	}
	if len(chapters) != 15 {
		t.Errorf("there are cases of %d laws and chapters, want 15", len(chapters))
	}
}

// Each capability can be lacked to some effect, and each that a case needs exists.
func TestCapabilitiesAreNeeded(t *testing.T) {
	needed := map[Capability]bool{GeneratePartial: true, GenerateMalformedArguments: true, ProviderBlocksBack: true, RemoteCount: true}
	for _, c := range slices.Concat(laws(), middlewareCases()) {
		for _, n := range c.needs {
			needed[n] = true
		}
	}
	for _, f := range features() {
		needed[f.capability] = true
	}
	known := sentences()
	for c := range needed {
		if known[c] == "" {
			t.Errorf("the capability %s is needed, but has no sentence", c)
		}
	}
	for c := range known {
		if !needed[c] {
			t.Errorf("no case needs the capability %s", c)
		}
	}
}

func TestDiff(t *testing.T) {
	got := diff(`{"a":1,"b":[1,2],"c":3}`, `{"a":1,"b":[1,3],"c":3}`)
	want := `they differ first at line 5:
      {
        "a": 1,
        "b": [
          1,
 want     2
 want   ],
 want   "c": 3
 want }
 got      3
 got    ],
 got    "c": 3
 got  }`
	if got != want {
		t.Errorf("diff is\n%s\nwant\n%s", got, want)
	}
	if got := diff("a", "a\nb"); !strings.Contains(got, "want (the end)") || !strings.Contains(got, "got  b") {
		t.Errorf("diff of a text that ends is\n%s", got)
	}
}

func TestGrammarFaults(t *testing.T) {
	start := func(i int, p llm.Part) llm.Event { return &llm.PartStart{Index: i, Part: p} }
	text := func(i int) llm.Event { return &llm.TextDelta{Index: i, Text: "x"} }
	stop := func(i int) llm.Event { return &llm.PartStop{Index: i} }
	finish := &llm.Finish{StopReason: llm.StopEndTurn}
	for name, try := range map[string]struct {
		want   string
		events []llm.Event
	}{
		"right":           {"", []llm.Event{&llm.UsageUpdate{}, start(0, llm.Text("")), text(0), stop(0), finish}},
		"unknown":         {"", []llm.Event{&llm.ProviderDelta{Index: -1}, start(0, llm.Text("")), &llm.ProviderDelta{Index: 0}, stop(0), finish}},
		"jump":            {"PartStart at index 1, where 0 is next", []llm.Event{start(1, llm.Text(""))}},
		"no start":        {"*llm.TextDelta at index 0, where no part has started", []llm.Event{text(0)}},
		"after stop":      {"*llm.TextDelta at index 0, where the part has stopped", []llm.Event{start(0, llm.Text("")), stop(0), text(0)}},
		"wrong part":      {"*llm.TextDelta at index 0, where the part is a *llm.ToolCallPart", []llm.Event{start(0, call("1", "n", "")), text(0)}},
		"text in start":   {"PartStart at index 0: its text has content, which must come in deltas", []llm.Event{start(0, llm.Text("x"))}},
		"input in start":  {"PartStart at index 0: its tool call has input, which must come in deltas", []llm.Event{start(0, call("1", "n", "{}"))}},
		"no name":         {"PartStart at index 0: its tool call has no id or no name", []llm.Event{start(0, call("1", "", ""))}},
		"thought":         {"PartStart at index 0: its reasoning has content, which must come in deltas", []llm.Event{start(0, &llm.ReasoningPart{Signature: "s"})}},
		"no part":         {"PartStart at index 0: it has no part", []llm.Event{start(0, nil)}},
		"no stop":         {"the part at index 0 has no PartStop", []llm.Event{start(0, llm.Text("")), finish}},
		"after finish":    {"event 1, a *llm.UsageUpdate, comes after Finish", []llm.Event{finish, &llm.UsageUpdate{}}},
		"unknown's index": {"ProviderDelta at index 3, where no part has started; -1 says that it belongs to none", []llm.Event{&llm.ProviderDelta{Index: 3}}},
	} {
		if got := strings.Join(grammarFaults(try.events), "; "); got != try.want {
			t.Errorf("%s: %q, want %q", name, got, try.want)
		}
	}
}

func TestUsageFault(t *testing.T) {
	for u, want := range map[llm.Usage]string{
		{}: "",
		{InputTokens: 10, CacheReadTokens: 6, CacheWriteTokens: 4, CacheWrite1hTokens: 4, OutputTokens: 3, ReasoningTokens: 3}: "",
		{InputTokens: -1}: "a count is negative",
		{InputTokens: 10, CacheReadTokens: 7, CacheWriteTokens: 4}: "more input was read from and written to the cache than there was input",
		{InputTokens: 10, CacheWrite1hTokens: 1}:                   "more input was written for an hour than was written",
		{OutputTokens: 1, ReasoningTokens: 2}:                      "there was more reasoning than output",
	} {
		if got := usageFault(u); got != want {
			t.Errorf("%+v: %q, want %q", u, got, want)
		}
	}
}

package fake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"github.com/google/go-cmp/cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// cassetteTB is a test within a test.
type cassetteTB struct {
	recorderTB
	cleanups []func()
	fatal    string
	logs     []string
}

func (t *cassetteTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }
func (t *cassetteTB) Failed() bool     { return t.errors != nil || t.fatal != "" }
func (t *cassetteTB) Fatalf(format string, args ...any) {
	t.fatal = fmt.Sprintf(format, args...)
}
func (t *cassetteTB) Logf(format string, args ...any) {
	t.logs = append(t.logs, fmt.Sprintf(format, args...))
}

func (t *cassetteTB) end() {
	for _, f := range t.cleanups {
		f()
	}
}

// record makes a cassette of these calls and returns its test, which has ended.
func record(t *testing.T, path string, live llm.Model, calls func(tb *cassetteTB, m llm.Model)) *cassetteTB {
	t.Helper()
	t.Setenv("PARLEY_RECORD", "1")
	var tb cassetteTB
	calls(&tb, fake.Cassette(&tb, path, live))
	tb.end()
	t.Setenv("PARLEY_RECORD", "")
	return &tb
}

func TestCassette(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "tape.jsonl")
	tb := record(t, path, fake.New(fake.Text("1"), fake.Text("2")), func(_ *cassetteTB, m llm.Model) {
		generate(t, m, ask("a "+apiKey))
		generate(t, m, ask("b"))
	})
	if tb.Failed() || len(tb.logs) != 1 || !strings.Contains(tb.logs[0], "2 calls recorded in "+path) {
		t.Fatalf("%q %q %q", tb.errors, tb.fatal, tb.logs)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), apiKey) {
		t.Fatalf("%v, %s", err, b)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}

	m := fake.Cassette(t, path, nil)
	if generate(t, m, ask("b")).Text()+generate(t, m, ask("a "+apiKey)).Text() != "21" {
		t.Error("it plays something else")
	}
}

func TestCassetteFailures(t *testing.T) {
	t.Setenv("PARLEY_RECORD", "")
	path := filepath.Join(t.TempDir(), "tape.jsonl")
	var tb cassetteTB
	m := fake.Cassette(&tb, path, nil)
	if want := "there is no cassette " + path + " yet: run the test once with PARLEY_RECORD=1"; !strings.Contains(tb.fatal, want) {
		t.Errorf("got %q, want %q", tb.fatal, want)
	}
	if _, err := m.Generate(t.Context(), ask("a")); err == nil {
		t.Error("it answers")
	}

	for _, live := range []llm.Model{nil, (*fake.Model)(nil)} {
		tb := record(t, path, live, func(*cassetteTB, llm.Model) {})
		if !strings.Contains(tb.fatal, "there is no live model") {
			t.Errorf("got %q", tb.fatal)
		}
	}

	tb = *record(t, path, fake.New(fake.Text("1")), func(_ *cassetteTB, m llm.Model) { generate(t, m, ask("first")) })
	failed := record(t, path, fake.New(fake.Text("2")), func(tb *cassetteTB, m llm.Model) {
		generate(t, m, ask("second"))
		tb.Errorf("it fails")
	})
	if len(failed.logs) != 1 || !strings.Contains(failed.logs[0], "left as it was") {
		t.Errorf("got %q", failed.logs)
	}

	// Neither a call that was not recorded nor a recording that is not played is passed over.
	tb = cassetteTB{}
	m = fake.Cassette(&tb, path, fake.New()) // the live model is not used
	_, err := m.Generate(t.Context(), ask("third"))
	wantError(t, err, llm.ErrInternal, "no recording is left")
	tb.end()
	want := "fake: the cassette " + path + ` is not of these calls; with PARLEY_RECORD=1 it is recorded anew: 1 not played:
  recording 1: user(text 5)
1 without an answer:
  fake-1 differs from the next recording in messages[0].content[0].text:
      recorded "first"
      asked    "third"
The request:
  fake-1
    messages[0].content[0] user: text "third"`
	if diff := cmp.Diff([]string{want}, tb.errors); diff != "" {
		t.Error(diff)
	}
	tb = cassetteTB{}
	m = fake.Cassette(&tb, path, nil)
	generate(t, m, ask("first"))
	_, _ = m.Generate(t.Context(), ask("first"))
	tb.end()
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "fake-2: no recording was left") {
		t.Errorf("got %q", tb.errors)
	}

	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	tb = cassetteTB{}
	fake.Cassette(&tb, path, nil)
	if !strings.Contains(tb.fatal, path+" cannot be played, with PARLEY_RECORD=1 it is recorded anew: replay: invalid request: line 1") {
		t.Errorf("got %q", tb.fatal)
	}
	// A file stands where a folder should.
	bad := record(t, filepath.Join(path, "x"), fake.New(), func(*cassetteTB, llm.Model) {})
	if len(bad.errors) != 1 || !strings.Contains(bad.errors[0], "could not be written") {
		t.Errorf("got %q", bad.errors)
	}
}

// What a model can do beyond the interface would be recorded by nobody, and code that
// asks for it would send other requests when it replays.
func TestCassetteHidesWhatNoTapeHas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tape.jsonl")
	counts := counting{fake.New(fake.Text("1"))}
	record(t, path, counts, func(_ *cassetteTB, m llm.Model) {
		if _, ok := llm.As[llm.TokenCounter](m); ok || m.Info() != counts.Info() {
			t.Error("the recorder counts tokens")
		}
		generate(t, m, ask("a"))
	})
	m := fake.Cassette(t, path, nil)
	if _, ok := llm.As[llm.TokenCounter](m); ok {
		t.Error("the tape counts tokens")
	}
	generate(t, m, ask("a"))
}

type counting struct{ *fake.Model }

func (counting) CountTokens(context.Context, *llm.Request) (int, error) { return 50, nil }

// A word that is none would replay where its author wants to record.
func TestCassetteRefusesOtherWords(t *testing.T) {
	t.Setenv("PARLEY_RECORD", "yes")
	var tb cassetteTB
	fake.Cassette(&tb, "tape.jsonl", fake.New())
	if !strings.Contains(tb.fatal, `PARLEY_RECORD="yes" in the environment: want 1 or 0`) {
		t.Errorf("got %q", tb.fatal)
	}
}

func TestRecording(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, "false": false, "no": false, "1": true, "true": true} {
		t.Setenv("PARLEY_RECORD", value)
		if fake.Recording() != want {
			t.Errorf("PARLEY_RECORD=%s: %v", value, !want)
		}
	}
}

// A stream of Amazon Bedrock is recorded once, and is the same stream ever after.
func TestCassetteOfBedrock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bedrock.jsonl")
	server := bedrocktest.NewServer(fake.New(
		fake.Parts(llm.Text("Let me look."), &llm.ToolCallPart{ID: "call_1", Name: "weather", Input: []byte(`{"city":"Oslo"}`)}),
		fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Message: "slow down"}),
	), nil)
	req := ask("How warm is it in Oslo?")
	req.Tools = []llm.Tool{{Name: "weather", Description: "the weather", Schema: []byte(`{"type":"object","properties":{"city":{"type":"string"}}}`)}}
	ways := func(m llm.Model) string {
		events, err := drain(t.Context(), m, req)
		_, refused := m.Generate(t.Context(), req)
		b, jerr := json.Marshal(events) // without Finish.Raw, which no tape has
		return fmt.Sprintf("%v %v %v %v\n%s %v", m.Info(), err, refused, llm.CodeOf(refused), b, jerr)
	}
	var live, replayed string
	tb := record(t, path, bedrock.New(server.Client(), "anthropic.claude-sonnet-4-5-20250929-v1:0", nil), func(_ *cassetteTB, m llm.Model) { live = ways(m) })
	server.Close()
	if tb.Failed() {
		t.Fatalf("%q %q", tb.errors, tb.fatal)
	}
	if replayed = ways(fake.Cassette(t, path, nil)); replayed != live || !strings.Contains(live, `"tool_call_delta"`) {
		t.Errorf("live\n%s\nreplayed\n%s", live, replayed)
	}
}

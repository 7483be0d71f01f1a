package fake_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func replay(t *testing.T, tape string) *fake.Model {
	t.Helper()
	m, err := fake.Replay(strings.NewReader(tape))
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	return m
}

func TestReplayOfAnAbandonedStream(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(fake.New(fake.Text("abcdef").Chunk(2)), &tape)
	n := 0
	for range m.Stream(t.Context(), ask("hi")) {
		if n++; n == 3 {
			break
		}
	}
	events, err := drain(t.Context(), replay(t, tape.String()), ask("hi"))
	wantError(t, err, llm.ErrIncomplete, "when the call was recorded")
	if got := kinds(events); got != "start text text usage" {
		t.Errorf("events %q", got)
	}
}

func TestReplayIsStrict(t *testing.T) {
	var tape bytes.Buffer
	rec := fake.Record(fake.New(fake.Text("1"), fake.Text("2"), fake.Text("3")), &tape)
	for _, q := range []string{"a", "b", "a"} {
		generate(t, rec, ask(q))
	}
	m := replay(t, "\n"+tape.String()+"\n\n")
	var got []string
	for _, q := range []string{"b", "a"} { // calls of different requests may change places
		got = append(got, generate(t, m, ask(q)).Text())
	}
	const secret = "hunter2"
	_, err := m.Generate(t.Context(), ask(secret))
	wantError(t, err, llm.ErrInternal, "no recording is left of this request: user(text 7); next on the tape: user(text 1)")
	if strings.Contains(err.Error(), secret) || llm.IsRetryable(err) {
		t.Errorf("got %v", err)
	}
	var tb recorderTB
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "recording 3: user(text 1)") {
		t.Errorf("got %q", tb.errors)
	}
	got = append(got, generate(t, m, ask("a")).Text())
	if diff := cmp.Diff([]string{"2", "1", "3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = m.Generate(t.Context(), ask("a"))
	wantError(t, err, llm.ErrInternal, "next on the tape: none")
	tb = recorderTB{}
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], "fake: 2 without an answer:\n  fake-3 differs from the next recording in messages[0].content[0].text:\n") ||
		!strings.Contains(tb.errors[0], "\n  fake-5: no recording was left\n") {
		t.Errorf("got %q", tb.errors)
	}
}

// A tape holds the provider's own verdicts: a conversation that it took is played.
func TestReplayDoesNotRefuse(t *testing.T) {
	var tape bytes.Buffer
	rec := fake.Record(model{generate: func() (*llm.Response, error) { return &llm.Response{Message: llm.AssistantText("x")}, nil }}, &tape)
	odd := conv(llm.AssistantText("prefill"))
	generate(t, rec, odd)
	m := replay(t, tape.String()).WithInfo(llm.Info{Provider: "p", Model: "m"})
	if got := generate(t, m, odd); got.Text() != "x" || m.Info().Provider != "p" {
		t.Errorf("got %+v", got)
	}
}

func TestReplayIsInterrupted(t *testing.T) {
	var tape bytes.Buffer
	generate(t, fake.Record(fake.New(fake.Text("a text of several deltas")), &tape), ask("hi"))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	var last error
	for _, err := range replay(t, tape.String()).Stream(ctx, ask("hi")) {
		last = err
		if n++; n == 2 {
			cancel()
		}
	}
	cancel()
	wantError(t, last, llm.ErrCanceled)
}

func TestMalformedTapes(t *testing.T) {
	var buf bytes.Buffer
	generate(t, fake.Record(fake.New(fake.Text("x")), &buf), ask("hi"))
	good := buf.String()
	tests := []struct{ name, tape, text string }{
		{"not JSON", good + "hunter2\n", "line 2 is no JSON"},
		{"torn", good + "\n" + good[:40], "line 3 is no JSON"},
		{"not a recording", `{}`, "line 1: not a recording that can be replayed: version 0"},
		{"another version", `{"v":3,"digest":"d"}`, "version 3, where this release reads versions 1 to 2"},
		{"no duration", `{"v":2,"digest":"d","after":"soon"}`, "a time that is no duration"},
		{"a negative pause", `{"v":2,"digest":"d","events":["-1s"]}`, "or a negative one"},
		{"a null event", `{"v":2,"digest":"d","events":[null]}`, "line 1: "},
		{"no digest", `{"v":1}`, "no digest"},
		{"both forms", `{"v":1,"digest":"d","response":{},"events":[]}`, "a response beside events"},
		{"an event without a type", `{"v":1,"digest":"d","events":[{}]}`, "an object without a type"},
		{"events of another kind", `{"v":1,"digest":"d","events":7}`, "line 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := fake.Replay(strings.NewReader(tt.tape))
			wantError(t, err, llm.ErrInvalidRequest, tt.text)
			if m != nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
	_, err := fake.Replay(nil)
	wantError(t, err, llm.ErrInvalidRequest, "nil reader")
	_, err = fake.Replay(iotestErr{})
	wantError(t, err, llm.ErrInvalidRequest, "cannot be read")
	// The request is there for people: a tape where it was scrubbed still plays.
	m := replay(t, `{"v":1,"digest":"d","request":7}`)
	_, err = m.Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrInternal, "a request that cannot be read")
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errors.New("hunter2") }

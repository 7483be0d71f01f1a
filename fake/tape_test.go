package fake_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A tape of the first version, which knew no times, plays as it did.
func TestReplayOfVersion1(t *testing.T) {
	b, err := os.ReadFile("testdata/tape_v1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, opts := range []*fake.TapeOptions{nil, {RealTime: true}, {InOrder: true}} {
		m, err := fake.ReplayWith(bytes.NewReader(b), opts)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
			var rec struct {
				Request   *llm.Request
				Response  *llm.Response
				Events    []json.RawMessage
				Error     *struct{ Code llm.Code }
				Abandoned bool
			}
			if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
				t.Fatal(err)
			}
			if rec.Response != nil {
				if diff := cmp.Diff(rec.Response, generate(t, m, rec.Request)); diff != "" {
					t.Errorf("(-recorded +replayed):\n%s", diff)
				}
				continue
			}
			events, err := drain(t.Context(), m, rec.Request)
			want := llm.Code("")
			if rec.Abandoned {
				want = llm.ErrIncomplete
			} else if rec.Error != nil {
				want = rec.Error.Code
			}
			if llm.CodeOf(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
			for i, ev := range rec.Events {
				if got, err := json.Marshal(events[i]); err != nil || string(got) != string(ev) {
					t.Errorf("event %d is %s, want %s", i, got, ev)
				}
			}
		}
		m.AssertExhausted(t)
	}
}

// The digest is that of the request, however it came to be.
func TestDigestSurvivesStorage(t *testing.T) {
	req := conv(llm.UserText("hi"), llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage("{ \"b\": 1.50,\n\"a\": \"<\u2028é\" }")}),
		llm.Message{Role: llm.RoleUser, Content: []llm.Part{llm.ToolResult("1", llm.Text("x"), llm.CachePoint())}})
	req.Tools = []llm.Tool{{Name: "f", Schema: json.RawMessage(`{ "type": "object" }`)}}
	req.Metadata = map[string]string{"b": "1", "a": "2"}
	req.Temperature = new(0.1)
	req.SetOptions(&llmOptions{Token: "<t>"})
	var tape bytes.Buffer
	generate(t, fake.Record(fake.New(fake.Text("x")), &tape), req)
	for range 2 {
		b, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		req = new(llm.Request)
		if err := json.Unmarshal(b, req); err != nil {
			t.Fatal(err)
		}
		generate(t, replay(t, tape.String()), req)
	}
}

func TestReplayInOrder(t *testing.T) {
	var tape bytes.Buffer
	rec := fake.Record(fake.New(fake.Text("1"), fake.Text("2")), &tape)
	generate(t, rec, ask("It is 10:04."))
	generate(t, rec, ask("It is 10:05."))
	m, err := fake.ReplayWith(&tape, &fake.TapeOptions{InOrder: true})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2"
	_, err = m.Generate(t.Context(), conv(llm.UserText(secret), llm.AssistantText("b"), llm.UserText("c")))
	wantError(t, err, llm.ErrInternal, "of another request than this: user(text 7) assistant(text 1) user(text 1); next on the tape: user(text 12)")
	if strings.Contains(err.Error(), secret) || llm.IsRetryable(err) {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"1", "2"} {
		if got := generate(t, m, ask("It is noon.")).Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_, err = m.Generate(t.Context(), ask("It is late."))
	wantError(t, err, llm.ErrInternal, "no recording is left")
	var tb recorderTB
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], "fake: 2 without an answer:\n") {
		t.Errorf("got %q", tb.errors)
	}
}

// In order means that no recording is passed over, and that requests for other tools are
// other requests.
func TestReplayInOrderPassesOverNothing(t *testing.T) {
	long := conv(llm.UserText("a"), llm.AssistantText("b"), llm.UserText("c"))
	tools := ask("a")
	tools.Tools = []llm.Tool{queryTool("x")}
	for _, recorded := range [][2]*llm.Request{{ask("a"), long}, {ask("a"), tools}, {tools, ask("a")}} {
		var tape bytes.Buffer
		rec := fake.Record(fake.New(fake.Text("1"), fake.Text("2")), &tape)
		generate(t, rec, recorded[0])
		generate(t, rec, recorded[1])
		m, err := fake.ReplayWith(&tape, &fake.TapeOptions{InOrder: true})
		if err != nil {
			t.Fatal(err)
		}
		second := recorded[1].Clone()
		second.Messages[0] = llm.UserText("said in other words")
		_, err = m.Generate(t.Context(), second)
		wantError(t, err, llm.ErrInternal, "the next recording is of another request than this")
		if got := generate(t, m, recorded[0]).Text() + generate(t, m, second).Text(); got != "12" {
			t.Errorf("got %q", got)
		}
	}
}

func TestReplayInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tape bytes.Buffer
		rec := fake.Record(fake.New(fake.Text("a").Delay(3*time.Second), fake.Text("b").Delay(3*time.Second), fake.Fail(llm.ErrOverloaded).Delay(time.Second)), &tape)
		for range rec.Stream(t.Context(), ask("a")) {
			time.Sleep(time.Minute) // the caller's time is not the model's
		}
		generate(t, rec, ask("b"))
		_, _ = drain(t.Context(), rec, ask("c"))

		play := func(m llm.Model, q string) (time.Duration, error) {
			start := time.Now()
			_, err := m.Generate(t.Context(), ask(q))
			return time.Since(start), err
		}
		for _, realTime := range []bool{true, false} {
			m, err := fake.ReplayWith(bytes.NewReader(tape.Bytes()), &fake.TapeOptions{RealTime: realTime})
			if err != nil {
				t.Fatal(err)
			}
			for q, want := range map[string]time.Duration{"a": 3 * time.Second, "b": 3 * time.Second, "c": time.Second} {
				took, err := play(m, q)
				if !realTime {
					want = 0
				}
				if took != want || q != "c" && err != nil {
					t.Errorf("real time %v: %s took %v, want %v: %v", realTime, q, took, want, err)
				}
			}
		}
		m, err := fake.ReplayWith(bytes.NewReader(tape.Bytes()), &fake.TapeOptions{RealTime: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"a", "b", "c"} {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			start := time.Now()
			_, err := m.Generate(ctx, ask(q))
			cancel()
			wantError(t, err, llm.ErrTimeout)
			if d := time.Since(start); d != 500*time.Millisecond {
				t.Errorf("%s: it ended after %v", q, d)
			}
		}
	})
}

func TestReplayIsNamedAsItsModelWas(t *testing.T) {
	info := llm.Info{Provider: "aws.bedrock", Model: "m"}
	var tape bytes.Buffer
	generate(t, fake.Record(fake.New(fake.Text("x")).WithInfo(info), &tape), ask("hi"))
	if got := replay(t, tape.String()).Info(); got != info {
		t.Errorf("got %+v", got)
	}
}

func FuzzReplay(f *testing.F) {
	b, err := os.ReadFile("testdata/tape_v1.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for line := range bytes.Lines(b) {
		f.Add(line)
	}
	f.Add([]byte(`{"v":2,"digest":"d","provider":"p","model":"m","request":{},"events":["1s",{"type":"part_start","part":{"type":"text"}},"1ms","2ms",{"type":"text_delta","text":"a"},"3s"],"error":{"code":"overloaded","causes":[null]}}`))
	f.Add([]byte(`{"v":2,"digest":"d","request":{"messages":null},"after":"1h","response":{"message":{"content":[]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := fake.ReplayWith(bytes.NewReader(b), &fake.TapeOptions{InOrder: true})
		if err != nil {
			wantError(t, err, llm.ErrInvalidRequest)
			return
		}
		// What can be read can be played, and recorded again.
		for line := range bytes.Lines(b) {
			var rec struct{ Request *llm.Request }
			if json.Unmarshal(line, &rec) != nil || rec.Request == nil {
				continue
			}
			var again bytes.Buffer
			_, err := drain(t.Context(), fake.Record(m, &again), rec.Request)
			if again.Len() == 0 {
				continue // it was refused
			}
			if _, second := drain(t.Context(), replay(t, again.String()), rec.Request); llm.CodeOf(err) != llm.CodeOf(second) {
				t.Errorf("replayed %v, and recorded and replayed again %v", err, second)
			}
		}
		m.AssertExhausted(new(recorderTB))
	})
}

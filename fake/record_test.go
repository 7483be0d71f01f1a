package fake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// model is a model made of functions, for answers that no fake gives.
type model struct {
	generate func() (*llm.Response, error)
	stream   iter.Seq2[llm.Event, error]
}

func (model) Info() llm.Info { return llm.Info{Provider: "p", Model: "m"} }
func (m model) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return m.generate()
}
func (m model) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] { return m.stream }

// failing writes nothing for as long as it fails.
type failing struct {
	bytes.Buffer
	err error
}

func (w *failing) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return w.Buffer.Write(b)
}

func TestRecordAndReplay(t *testing.T) {
	long := "an answer of several deltas"
	turns := map[string]fake.Turn{
		"text":      fake.Text(long),
		"nothing":   fake.Turn{},
		"parts":     fake.Parts(&llm.ReasoningPart{Text: long, Signature: "s", Redacted: []byte{1}}, llm.Text("<&>"), &llm.ToolCallPart{Name: "x", Input: json.RawMessage(`{"n":9223372036854775807}`)}),
		"malformed": fake.ToolCall("x", json.RawMessage(`{"a`)),
		"media":     fake.Parts(llm.Image("image/png", []byte{1}), &llm.ProviderPart{Kind: "k", Data: json.RawMessage(`1`)}),
		"warnings":  fake.Response(&llm.Response{Message: llm.AssistantText("x"), Latency: time.Second, Warnings: []llm.Warning{{Code: llm.WarningDropped}}}),
		"cut":       fake.Text(long).CutAfter(2),
		"overload":  fake.Text(long).ThenFail(&llm.Error{Code: llm.ErrOverloaded, Message: "busy", Status: 529, RetryAfter: 3 * time.Second, RequestID: "r", Provider: "p", Model: "m", Op: "o"}),
		"override":  fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Retryable: new(false)}),
		"code":      fake.Fail(llm.ErrContextTooLong),
		"deadline":  fake.Fail(context.DeadlineExceeded),
		"canceled":  fake.Fail(context.Canceled),
		"wrapped":   fake.Fail(&llm.Error{Code: llm.ErrRejected, Message: "open", Err: errors.Join(llm.ErrOverloaded, &llm.Error{Code: llm.ErrTimeout, Message: "late"})}),
	}
	call := map[string]func(llm.Model) (*llm.Response, error){
		"generate": func(m llm.Model) (*llm.Response, error) { return m.Generate(t.Context(), ask("hi")) },
		"stream":   func(m llm.Model) (*llm.Response, error) { return llm.Collect(m.Stream(t.Context(), ask("hi"))) },
	}
	for name, turn := range turns {
		for how, record := range call {
			var tape bytes.Buffer
			want, wantErr := record(fake.Record(fake.New(turn), &tape))
			live, liveErr := fake.New(turn).Generate(t.Context(), ask("hi"))
			if diff := cmp.Diff(live, want); diff != "" || llm.CodeOf(liveErr) != llm.CodeOf(wantErr) {
				t.Errorf("%s, %s: recording changed it: %v\n%s", name, how, wantErr, diff)
			}
			for again, play := range call {
				t.Run(name+" "+how+" "+again, func(t *testing.T) {
					m := replay(t, tape.String())
					got, err := play(m)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-recorded +replayed):\n%s", diff)
					}
					if (err == nil) != (wantErr == nil) {
						t.Fatalf("replayed %v, recorded %v", err, wantErr)
					}
					m.AssertExhausted(t)
					if err == nil {
						return
					}
					wantAfter, _ := llm.RetryAfter(wantErr)
					if after, _ := llm.RetryAfter(err); after != wantAfter || llm.IsRetryable(err) != llm.IsRetryable(wantErr) || llm.CodeOf(err) != llm.CodeOf(wantErr) {
						t.Errorf("replayed %#v, recorded %#v", err, wantErr)
					}
					if err.Error() != wantErr.Error() {
						t.Errorf("replayed %q, recorded %q", err, wantErr)
					}
					for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
						if errors.Is(err, cause) != errors.Is(wantErr, cause) {
							t.Errorf("%v: replayed %v, recorded %v", cause, err, wantErr)
						}
					}
				})
			}
		}
	}
}

func TestReplayIsTheSameStream(t *testing.T) {
	for name, turn := range map[string]fake.Turn{
		"whole":  fake.Parts(&llm.ReasoningPart{Text: "abc", Signature: "s"}, llm.Text("defgh")).Chunk(2),
		"failed": fake.Text("abcdef").Chunk(2).CutAfter(3),
		"events": fake.Events(&llm.UsageUpdate{}, &llm.ProviderDelta{Index: -1, Kind: "k", Provider: "p"}, &llm.PartStart{Part: llm.Text("")}, &llm.PartStop{}).ThenFail(llm.ErrInternal),
	} {
		var tape bytes.Buffer
		want, wantErr := drain(t.Context(), fake.Record(fake.New(turn), &tape), ask("hi"))
		got, err := drain(t.Context(), replay(t, tape.String()), ask("hi"))
		if diff := cmp.Diff(want, got); diff != "" || llm.CodeOf(err) != llm.CodeOf(wantErr) {
			t.Errorf("%s: %v, recorded %v (-recorded +replayed):\n%s", name, err, wantErr, diff)
		}
	}
	// A failure without usage is not given one.
	bare := model{stream: func(yield func(llm.Event, error) bool) {
		_ = yield(&llm.PartStart{Part: llm.Text("")}, nil) && yield(&llm.TextDelta{Text: "a"}, nil) && yield(nil, llm.ErrUnavailable)
	}}
	var tape bytes.Buffer
	_, err := drain(t.Context(), fake.Record(bare, &tape), ask("hi"))
	wantCode(t, err, llm.ErrUnavailable)
	got, err := drain(t.Context(), replay(t, tape.String()), ask("hi"))
	wantCode(t, err, llm.ErrUnavailable)
	if kinds(got) != "start text" {
		t.Errorf("events %q", kinds(got))
	}
}

func wantCode(t *testing.T, err error, code llm.Code) {
	t.Helper()
	if llm.CodeOf(err) != code {
		t.Errorf("got %v, want %v", err, code)
	}
}

func TestTapeFormat(t *testing.T) { synctest.Test(t, testTapeFormat) }

func testTapeFormat(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(fake.New(fake.Text("hello").Delay(1500*time.Microsecond), fake.Text("hello").Delay(time.Second), fake.Fail(errors.New("hunter2")), fake.Text("left")), &tape)
	_, _ = m.Generate(t.Context(), ask("a"))
	_, _ = drain(t.Context(), m, ask("b"))
	_, _ = m.Generate(t.Context(), ask("c"))
	for range m.Stream(t.Context(), ask("d")) {
		break
	}
	want := `{"v":2,"digest":"A","provider":"fake","model":"fake","request":{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]},"after":"1.5ms","response":{"message":{"role":"assistant","content":[{"type":"text","text":"hello"}]},"stop_reason":"end_turn","raw_stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2},"provider":"fake","model":"fake","request_id":"fake-1"}}
{"v":2,"digest":"B","provider":"fake","model":"fake","request":{"messages":[{"role":"user","content":[{"type":"text","text":"b"}]}]},"events":["1s",{"type":"part_start","part":{"type":"text"}},{"type":"text_delta","text":"hello"},{"type":"part_stop"},{"type":"finish","stop_reason":"end_turn","raw_stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2},"provider":"fake","model":"fake","request_id":"fake-2"}]}
{"v":2,"digest":"C","provider":"fake","model":"fake","request":{"messages":[{"role":"user","content":[{"type":"text","text":"c"}]}]},"error":{"code":"unknown","op":"generate","provider":"fake","model":"fake","request_id":"fake-3"}}
{"v":2,"digest":"D","provider":"fake","model":"fake","request":{"messages":[{"role":"user","content":[{"type":"text","text":"d"}]}]},"events":[{"type":"part_start","part":{"type":"text"}}],"abandoned":true}
`
	for _, q := range []string{"a", "b", "c", "d"} {
		b, err := json.Marshal(ask(q))
		if err != nil {
			t.Fatal(err)
		}
		want = strings.ReplaceAll(want, `"digest":"`+strings.ToUpper(q)+`"`, fmt.Sprintf(`"digest":"%x"`, sha256.Sum256(b)))
	}
	if diff := cmp.Diff(want, tape.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecordPassesEventsOnAtOnce(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(fake.New(fake.Text("x")), &tape)
	for ev, err := range m.Stream(t.Context(), ask("hi")) {
		if err != nil {
			t.Fatal(err)
		}
		_, finished := ev.(*llm.Finish)
		if written := tape.Len() > 0; written != finished {
			t.Errorf("at %T the tape is written: %v", ev, written)
		}
	}
	seq := m.Stream(t.Context(), ask("hi"))
	_, _ = llm.Collect(seq)
	if _, err := llm.Collect(seq); !errors.Is(err, llm.ErrStreamReused) {
		t.Errorf("second range: %v", err)
	}
}

func TestRecordIsAWrapper(t *testing.T) {
	next := fake.New().WithInfo(llm.Info{Provider: "p", Model: "m"})
	m := fake.Record(next, io.Discard)
	if found, ok := llm.As[*fake.Model](m); !ok || found != next || m.Info() != next.Info() {
		t.Error("the recorded model is hidden")
	}
}

func TestRecordWithNothing(t *testing.T) {
	var none *fake.Model
	var noTape *bytes.Buffer
	for _, m := range []llm.Model{fake.Record(nil, io.Discard), fake.Record(none, io.Discard), fake.Record(fake.New(), nil), fake.Record(fake.New(), noTape)} {
		_, err := m.Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "record")
		_, err = drain(t.Context(), m, ask("hi"))
		wantError(t, err, llm.ErrInternal, "record")
		_ = m.Info()
	}
	if _, ok := llm.As[*model](fake.Record(nil, nil)); ok {
		t.Error("found a model")
	}
	// A model that returns no stream.
	_, err := drain(t.Context(), fake.Record(model{}, io.Discard), ask("hi"))
	wantError(t, err, llm.ErrInternal)
}

type unmarshalable struct{ C chan int }

func (*unmarshalable) ProviderName() string { return "p" }

func TestRecordRefusesWhatItCannotWrite(t *testing.T) {
	var tape bytes.Buffer
	inner := fake.New(fake.Text("x"))
	m := fake.Record(inner, &tape)
	_, err := m.Generate(t.Context(), nil)
	wantError(t, err, llm.ErrInvalidRequest, "nil request")
	req := ask("hi")
	req.SetOptions(&unmarshalable{})
	_, err = m.Generate(t.Context(), req)
	wantError(t, err, llm.ErrInvalidRequest, "does not encode")
	_, err = replay(t, "").Generate(t.Context(), req)
	wantError(t, err, llm.ErrInvalidRequest, "does not encode")
	if tape.Len() != 0 || len(inner.Requests()) != 0 {
		t.Error("it was sent or recorded")
	}
}

func TestRecordWriteErrors(t *testing.T) {
	full := errors.New("disk full of hunter2")
	broken := func(turns ...fake.Turn) (llm.Model, *failing, *fake.Model) {
		w, m := &failing{err: full}, fake.New(turns...)
		return fake.Record(m, w), w, m
	}
	check := func(t *testing.T, err error) {
		t.Helper()
		wantError(t, err, llm.ErrInternal, "tape")
		if !errors.Is(err, full) || llm.IsRetryable(err) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
	t.Run("generate", func(t *testing.T) {
		m, w, _ := broken(fake.Text("x"), fake.Text("y"))
		r, err := m.Generate(t.Context(), ask("hi"))
		check(t, err)
		if r.Text() != "x" {
			t.Error("the answer is lost")
		}
		w.err = nil // the next call is written
		if generate(t, m, ask("hi")).Text() != "y" || w.Len() == 0 {
			t.Error("the next call fails too")
		}
	})
	t.Run("stream", func(t *testing.T) {
		m, _, _ := broken(fake.Text("x"))
		events, err := drain(t.Context(), m, ask("hi"))
		check(t, err)
		if got := kinds(events); got != "start text stop usage" {
			t.Errorf("events %q", got)
		}
	})
	t.Run("stream without an end", func(t *testing.T) {
		w := &failing{err: full}
		_, err := drain(t.Context(), fake.Record(model{stream: func(func(llm.Event, error) bool) {}}, w), ask("hi"))
		check(t, err)
	})
	t.Run("beside a failure", func(t *testing.T) {
		m, _, _ := broken(fake.Fail(llm.ErrOverloaded), fake.Fail(llm.ErrOverloaded))
		_, err := m.Generate(t.Context(), ask("hi"))
		check(t, err)
		_, serr := drain(t.Context(), m, ask("hi"))
		check(t, serr)
		if !errors.Is(err, llm.ErrOverloaded) || !errors.Is(serr, llm.ErrOverloaded) {
			t.Error("the call's own error is lost")
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		m, w, inner := broken(fake.Text("x"), fake.Text("y"))
		for range m.Stream(t.Context(), ask("hi")) {
			break
		}
		w.err = nil
		_, err := m.Generate(t.Context(), ask("hi"))
		check(t, err)
		if len(inner.Requests()) != 1 {
			t.Error("the call that was told of it was made")
		}
		generate(t, m, ask("hi")) // it is told once
	})
}

// What follows the end of a stream is passed on, and not recorded again.
func TestRecordOfStreamsBeyondTheirEnd(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(model{stream: func(yield func(llm.Event, error) bool) {
		_ = yield(&llm.Finish{}, nil) && yield(nil, llm.ErrInternal)
	}}, &tape)
	_, err := drain(t.Context(), m, ask("hi"))
	wantCode(t, err, llm.ErrInternal)
	if n := strings.Count(tape.String(), "\n"); n != 1 {
		t.Errorf("%d recordings", n)
	}
}

func TestRecordOfAnUnfinishedStream(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(model{stream: func(yield func(llm.Event, error) bool) {
		_ = yield(&llm.PartStart{Part: llm.Text("")}, nil) && yield(&llm.TextDelta{Text: "a"}, nil)
	}}, &tape)
	if events, err := drain(t.Context(), m, ask("hi")); kinds(events) != "start text" || err != nil {
		t.Errorf("%q, %v", kinds(events), err)
	}
	r, err := replay(t, tape.String()).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrIncomplete)
	if r.Text() != "a" {
		t.Errorf("got %+v", r)
	}
}

func TestRecordConcurrently(t *testing.T) {
	const n = 64
	var tape bytes.Buffer
	m := fake.Record(fake.Func(func(_ context.Context, r *llm.Request) (*llm.Response, error) {
		return &llm.Response{Message: llm.Assistant(r.Messages[0].Content...)}, nil
	}), &tape)
	questions := func(m llm.Model) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				q := strings.Repeat("x", i+1)
				r, err := llm.Collect(m.Stream(t.Context(), ask(q)))
				if err != nil || r.Text() != q {
					t.Errorf("%d: %v, %v", i, r, err)
				}
			})
		}
		wg.Wait()
	}
	questions(m)
	player := replay(t, tape.String())
	questions(player)
	player.AssertExhausted(t)
}

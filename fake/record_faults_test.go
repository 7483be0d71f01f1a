package fake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// What a replayed test prints are requests, and those may hold secrets, also where a
// report cuts one short.
func TestCassetteReportsAreScrubbed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tape.jsonl")
	record(t, path, fake.New(fake.Text("1"), fake.Text("2")), func(_ *cassetteTB, m llm.Model) {
		generate(t, m, ask("a"))
		generate(t, m, ask("b"))
	})
	var tb cassetteTB
	m := fake.Cassette(&tb, path, nil)
	generate(t, m, ask("a"))
	for _, said := range []string{"the key is " + apiKey, strings.Repeat("so ", 20) + apiKey} {
		_, err := m.Generate(t.Context(), ask(said))
		wantError(t, err, llm.ErrInternal)
	}
	tb.end()
	said := strings.Join(tb.errors, "\n")
	if strings.Contains(said, apiKey[:7]) || strings.Count(said, "the key is [scrubbed]") != 2 {
		t.Errorf("%s", said)
	}
}

// writerFunc is an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A writer that panics leaves the model as it was.
func TestRecordSurvivesWriter(t *testing.T) {
	var tape bytes.Buffer
	first := true
	m := fake.Record(fake.New(fake.Text("Hello.").Always()), writerFunc(func(p []byte) (int, error) {
		if first {
			first = false
			panic("the writer's own")
		}
		return tape.Write(p)
	}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = m.Generate(t.Context(), ask("Hi"))
	}()
	done := make(chan error, 1)
	go func() { _, err := m.Generate(t.Context(), ask("Hi")); done <- err }()
	select {
	case err := <-done:
		if err != nil || tape.Len() == 0 {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the next call hangs")
	}
}

// A line that is half on the tape is an error, also of a writer that does not say so.
func TestRecordShortWrite(t *testing.T) {
	m := fake.Record(fake.New(fake.Text("Hello.")), writerFunc(func(p []byte) (int, error) { return len(p) / 2, nil }))
	_, err := m.Generate(t.Context(), ask("Hi"))
	wantError(t, err, llm.ErrInternal, "could not be written")
	if !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}

// Events of no value, of a model that breaks the laws, reach the caller and not the tape.
func TestRecordNilEvents(t *testing.T) {
	var tape bytes.Buffer
	m := fake.Record(streamModel{(*llm.TextDelta)(nil), nil, (*llm.Finish)(nil)}, &tape)
	if events, err := drain(t.Context(), m, ask("Hi")); len(events) != 3 || err != nil {
		t.Errorf("%v, %v", events, err)
	}
	if _, err := fake.Replay(&tape); err != nil {
		t.Error(err)
	}
}

// streamModel streams events as they are.
type streamModel []llm.Event

func (streamModel) Info() llm.Info { return llm.Info{} }
func (streamModel) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return nil, llm.ErrUnsupported
}
func (m streamModel) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range m {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// The ids that a stream's calls are given differ from those that it has.
func TestStreamFuncNumbersCalls(t *testing.T) {
	m := fake.StreamFunc(func(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
		return streamModel{
			&llm.PartStart{Part: &llm.ToolCallPart{ID: "call_1", Name: "a"}}, &llm.PartStop{},
			&llm.PartStart{Index: 1, Part: &llm.ToolCallPart{Name: "b"}}, &llm.PartStop{Index: 1},
			&llm.Finish{},
		}.Stream(ctx, req)
	})
	calls := generate(t, m, ask("Hi")).ToolCalls()
	if len(calls) != 2 || calls[0].ID != "call_1" || calls[1].ID != "call_2" {
		t.Errorf("%+v", calls)
	}
}

package fake_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestStreamIsLazyAndSingleUse(t *testing.T) {
	m := fake.New(fake.Text("x"))
	seq := m.Stream(t.Context(), ask("hi"))
	if len(m.Requests()) != 0 {
		t.Error("a request was recorded before the loop")
	}
	if r, err := llm.Collect(seq); err != nil || r.Text() != "x" {
		t.Fatalf("got %v, %v", r, err)
	}
	_, err := llm.Collect(seq)
	if !errors.Is(err, llm.ErrStreamReused) {
		t.Errorf("second range: %v", err)
	}
	if len(m.Requests()) != 1 {
		t.Errorf("%d requests", len(m.Requests()))
	}
}

func TestLeavingTheLoop(t *testing.T) {
	for n := range 5 {
		m := fake.New(fake.Text("a text in several deltas").CutAfter(3), fake.Text("next"))
		left := 0
		for range m.Stream(t.Context(), ask("hi")) {
			if left == n {
				break
			}
			left++
		}
		if got := generate(t, m, ask("hi")).Text(); got != "next" {
			t.Errorf("left after %d: %q", n, got)
		}
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fake.New(fake.Text("a").Delay(time.Hour), fake.Text("b").Delay(time.Minute), fake.Fail(llm.ErrOverloaded).Delay(time.Second))
		start := time.Now()
		generate(t, m, ask("hi"))
		if got := time.Since(start); got != time.Hour {
			t.Errorf("Generate took %v", got)
		}
		start = time.Now()
		for range m.Stream(t.Context(), ask("hi")) {
			if got := time.Since(start); got != time.Minute {
				t.Errorf("an event after %v", got)
			}
		}
		start = time.Now()
		_, err := m.Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrOverloaded)
		if got := time.Since(start); got != time.Second {
			t.Errorf("the failure took %v", got)
		}
	})
}

func TestContextEndsTheDelay(t *testing.T) {
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		code llm.Code
		is   error
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, llm.ErrTimeout, context.DeadlineExceeded},
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, llm.ErrCanceled, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fake.New(fake.Text("late").Delay(time.Hour), fake.Text("late").Delay(time.Hour))
				for _, call := range []func(context.Context) (*llm.Response, error){
					func(ctx context.Context) (*llm.Response, error) { return m.Generate(ctx, ask("hi")) },
					func(ctx context.Context) (*llm.Response, error) { return llm.Collect(m.Stream(ctx, ask("hi"))) },
				} {
					ctx, cancel := tt.ctx(t.Context())
					start := time.Now()
					r, err := call(ctx)
					cancel()
					wantError(t, err, tt.code)
					if !errors.Is(err, tt.is) || r != nil || time.Since(start) != time.Second {
						t.Errorf("%v, %v after %v", r, err, time.Since(start))
					}
				}
				m.AssertExhausted(t) // a turn that was begun is consumed
			})
		})
	}
}

func TestContextEndsBeforeTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := fake.New(fake.Text("x"))
	_, err := m.Generate(ctx, ask("hi"))
	wantError(t, err, llm.ErrCanceled)
	if len(m.Requests()) != 0 {
		t.Error("the request was recorded")
	}
	var none context.Context
	_, err = m.Generate(none, ask("hi"))
	wantError(t, err, llm.ErrInvalidRequest, "nil context")
}

func TestContextEndsBetweenEvents(t *testing.T) {
	for _, turn := range []fake.Turn{
		fake.Text("a text that takes several deltas"),
		fake.Text("a text that takes several deltas").CutAfter(2),
		fake.Text("a text that takes several deltas").CutAfter(2).ThenFail(llm.ErrOverloaded),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var events []llm.Event
		var last error
		for ev, err := range fake.New(turn).Stream(ctx, ask("hi")) {
			if err != nil {
				last = err
				break
			}
			events = append(events, ev)
			if len(events) == 2 {
				cancel()
			}
		}
		wantError(t, last, llm.ErrCanceled)
		if got := kinds(events); got != "start text usage" {
			t.Errorf("events %q", got)
		}
		cancel()
	}
}

// The context no longer matters once the answer is whole.
func TestContextEndsAfterFinish(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ev, err := range fake.New(fake.Text("x")).Stream(ctx, ask("hi")) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := ev.(*llm.Finish); ok {
			cancel()
		}
	}
}

func TestEventsArePlayedAsTheyAre(t *testing.T) {
	doc := 1
	want := []llm.Event{
		&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 3}},
		&llm.PartStart{Part: llm.Text("")},
		&llm.PartStart{Index: 1, Part: &llm.MediaPart{MediaType: "image/png"}},
		&llm.PartStart{Index: 2, Part: &llm.ReasoningPart{}},
		&llm.PartStart{Index: 3, Part: &llm.ToolCallPart{ID: "x", Name: "y"}},
		&llm.TextDelta{Text: "a"},
		&llm.MediaDelta{Index: 1, Data: []byte{1}},
		&llm.ReasoningDelta{Index: 2, Redacted: []byte{2}},
		&llm.ToolCallDelta{Index: 3, Input: "{}"},
		&llm.CitationDelta{Citation: llm.Citation{Document: &doc, Data: []byte(`{}`)}},
		&llm.ProviderDelta{Index: -1, Kind: "k", Data: []byte(`{}`)},
		&llm.PartStop{Opaque: &llm.Opaque{Provider: "p", Data: []byte(`{}`)}},
		&llm.PartStop{Index: 1},
		&llm.Finish{StopReason: llm.StopEndTurn, Warnings: []llm.Warning{{Code: llm.WarningDropped}}},
	}
	got, err := drain(t.Context(), fake.New(fake.Events(want...)), ask("hi"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range want {
		if want[i] == got[i] {
			t.Errorf("event %d is shared with the script", i)
		}
	}

	// Illegal streams too: a part without a start, two ends, something after the end.
	for _, illegal := range [][]llm.Event{
		{&llm.TextDelta{Index: 4}, &llm.Finish{}},
		{&llm.Finish{}, &llm.Finish{}},
		{&llm.Finish{}, &llm.TextDelta{}},
		{&llm.PartStart{}, &llm.Finish{}},
	} {
		got, err := drain(t.Context(), fake.New(fake.Events(illegal...)), ask("hi"))
		if diff := cmp.Diff(illegal, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

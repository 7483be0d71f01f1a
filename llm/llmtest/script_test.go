package llmtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
)

func plain() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("hi")}} }

func TestScriptPlaysTurnsInOrder(t *testing.T) {
	m := Script{Name: "s", Turns: numbered(3)}.Model()
	if got, want := m.Info(), (llm.Info{Provider: "llmtest", Model: "s"}); got != want {
		t.Errorf("Info is %+v, want %+v", got, want)
	}
	for i, w := range []way{generate(), collect(), generate()} {
		resp, err := w.call(t.Context(), m, plain())
		if want := numbered(3)[i].Response.Text(); err != nil || resp.Text() != want {
			t.Errorf("call %d: %q, %v, want %q", i, resp.Text(), err, want)
		}
	}
	for range 2 {
		resp, err := m.Generate(t.Context(), plain())
		if resp != nil || llm.CodeOf(err) != llm.ErrInternal || llm.IsRetryable(err) {
			t.Errorf("a call beyond the script: %v, %v, want an internal error that is not retryable", resp, err)
		}
	}
}

func TestTurnEndings(t *testing.T) {
	boom := errors.New("boom")
	begun := halfway()
	whole := pieces(reply(llm.Text("Four")))
	for name, try := range map[string]struct {
		turn Turn
		text string
		code llm.Code
		is   error
	}{
		"response":                  {Turn{Response: reply(llm.Text("Four"))}, "Four", "", nil},
		"events":                    {Turn{Events: whole}, "Four", "", nil},
		"events win over response":  {Turn{Events: whole, Response: reply(llm.Text("other"))}, "Four", "", nil},
		"error at once":             {Turn{Err: llm.ErrOverloaded}, "", llm.ErrOverloaded, llm.ErrOverloaded},
		"error after events":        {Turn{Events: begun, Err: boom}, "Four degrees and", llm.ErrUnknown, boom},
		"error after response":      {Turn{Response: reply(llm.Text("Four")), Err: boom}, "Four", llm.ErrUnknown, boom},
		"error after a finish":      {Turn{Events: whole, Err: boom}, "Four", llm.ErrUnknown, boom},
		"context's error as script": {Turn{Err: context.DeadlineExceeded}, "", llm.ErrTimeout, context.DeadlineExceeded},
		"no finish":                 {Turn{Events: begun}, "Four degrees and", llm.ErrIncomplete, llm.ErrIncomplete},
		"no events":                 {Turn{Events: []llm.Event{}}, "", llm.ErrIncomplete, llm.ErrIncomplete},
		"nothing":                   {Turn{}, "", llm.ErrInternal, llm.ErrInternal},
		"a nil event":               {Turn{Events: []llm.Event{(*llm.TextDelta)(nil)}}, "", llm.ErrInternal, llm.ErrInternal},
		"a nil part":                {Turn{Response: reply(nil)}, "", llm.ErrInternal, llm.ErrInternal},
	} {
		for _, w := range ways() {
			resp, err := w.call(t.Context(), Script{Turns: []Turn{try.turn}}.Model(), plain())
			if resp.Text() != try.text || llm.CodeOf(err) != try.code || !errors.Is(err, try.is) {
				t.Errorf("%s, %s: %q, %v, want %q and the code %q", name, w.name, resp.Text(), err, try.text, string(try.code))
			}
			if _, typed := errors.AsType[*llm.Error](err); err != nil && !typed {
				t.Errorf("%s, %s: the error is a %T", name, w.name, err)
			}
			if resp != nil && err != nil && resp.StopReason != "" {
				t.Errorf("%s, %s: a stop reason beside the error", name, w.name)
			}
		}
	}
}

// What the script says of an error survives, but for what law 8 forbids.
func TestScriptedError(t *testing.T) {
	inner := &llm.Error{Code: llm.ErrRateLimited, Message: `quoting "` + secret + `"`}
	scripted := &llm.Error{Code: llm.ErrOverloaded, Op: "converse", Provider: "p", Model: "m", Message: `says "` + secret + `"`, RequestID: "r",
		Status: 529, RetryAfter: time.Minute, Retryable: new(false), Err: inner}
	_, err := Script{Turns: []Turn{{Err: scripted}}}.Model().Generate(t.Context(), plain())
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("the error is a %T", err)
	}
	if e.Code != scripted.Code || e.Op != "converse" || e.Provider != "p" || e.Model != "m" || e.RequestID != "r" || e.Status != 529 ||
		e.RetryAfter != time.Minute || llm.IsRetryable(err) || !errors.Is(err, llm.ErrRateLimited) {
		t.Errorf("the error lost something: %+v", e)
	}
	for _, err := range tree(err) {
		if e, ok := err.(*llm.Error); ok && strings.Contains(e.Message, secret) {
			t.Errorf("the message was not redacted: %q", e.Message)
		}
	}
	if !strings.Contains(scripted.Message, secret) {
		t.Error("the script's own error was changed")
	}
	// A verdict that is not that of the code is kept for errors of other types.
	joined := errors.Join(&llm.Error{Code: llm.ErrOverloaded, Retryable: new(false)}, errors.New("x"))
	_, err = Script{Turns: []Turn{{Err: joined}}}.Model().Generate(t.Context(), plain())
	if llm.CodeOf(err) != llm.ErrOverloaded || llm.IsRetryable(err) {
		t.Errorf("code %q, retryable %t, want overloaded and not", string(llm.CodeOf(err)), llm.IsRetryable(err))
	}
}

func TestDelayAndStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := stalled()
		turn.Delay = time.Second
		tp := play(Script{Turns: []Turn{turn}}.Model().Stream(t.Context(), plain()), nil)
		if tp.err != nil {
			t.Fatal(tp.err)
		}
		// PartStart and the first delta come after the delay, the rest after the stall.
		want := []time.Duration{time.Second, time.Second, time.Second + ages}
		if !slices.Equal(tp.at[:3], want) {
			t.Errorf("the first events came after %v, want %v", tp.at[:3], want)
		}
	})
}

// No event is shared between the script and who plays it.
func TestEventsAreCopied(t *testing.T) {
	events := []llm.Event{
		&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 1}},
		&llm.PartStart{Index: 0, Part: &llm.TextPart{Opaque: &llm.Opaque{Provider: "p"}}},
		&llm.TextDelta{Index: 0, Text: "a"},
		&llm.CitationDelta{Index: 0, Citation: llm.Citation{Title: "t", Start: new(1)}},
		&llm.ProviderDelta{Index: -1, Kind: "k"},
		&llm.PartStop{Index: 0, Opaque: &llm.Opaque{Provider: "p"}},
		&llm.PartStart{Index: 1, Part: &llm.ReasoningPart{}},
		&llm.ReasoningDelta{Index: 1, Text: "r"},
		&llm.PartStop{Index: 1},
		&llm.PartStart{Index: 2, Part: &llm.ToolCallPart{ID: "1", Name: "n"}},
		&llm.ToolCallDelta{Index: 2, Input: "{}"},
		&llm.PartStop{Index: 2},
		&llm.PartStart{Index: 3, Part: &llm.MediaPart{MediaType: "image/png"}},
		&llm.MediaDelta{Index: 3, URI: "u"},
		&llm.PartStop{Index: 3},
		&llm.Finish{StopReason: llm.StopEndTurn, Warnings: []llm.Warning{{Field: "f"}}},
	}
	tp := play(Script{Turns: []Turn{{Events: events}}}.Model().Stream(t.Context(), plain()), nil)
	if tp.err != nil || len(tp.events) != len(events) {
		t.Fatalf("%d events, %v, want %d", len(tp.events), tp.err, len(events))
	}
	for i, ev := range tp.events {
		if ev == events[i] {
			t.Errorf("event %d is the script's own %T", i, ev)
		}
		if stored(ev) != stored(events[i]) {
			t.Errorf("event %d is %s, want %s", i, stored(ev), stored(events[i]))
		}
	}
	start := tp.events[1].(*llm.PartStart).Part.(*llm.TextPart)
	start.Opaque.Provider = "changed"
	*tp.events[3].(*llm.CitationDelta).Citation.Start = 2
	tp.events[5].(*llm.PartStop).Opaque.Provider = "changed"
	tp.events[15].(*llm.Finish).Warnings[0].Field = "changed"
	for _, i := range []int{1, 3, 5, 15} {
		if stored(tp.events[i]) == stored(events[i]) {
			t.Errorf("event %d shares what it points to with the script", i)
		}
	}
}

// The pause of a turn comes before each event and before the end, in the model's time,
// and a cancel ends it.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []int
		turn := Turn{Events: halfway(), Err: llm.ErrOverloaded, pause: func(i int) time.Duration {
			at = append(at, i)
			return time.Second
		}}
		m := Script{Turns: []Turn{turn, turn}}.Model()
		tp := play(m.Stream(t.Context(), plain()), nil)
		if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(tp.at, want) || llm.CodeOf(tp.err) != llm.ErrOverloaded {
			t.Errorf("events at %v and the error %v, want events at %v and an overload", tp.at, tp.err, want)
		}
		if want := []int{0, 1, 2, 3}; !slices.Equal(at, want) {
			t.Errorf("asked at %v, want %v", at, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if tp := play(m.Stream(ctx, plain()), nil); len(tp.events) != 1 || llm.CodeOf(tp.err) != llm.ErrTimeout {
			t.Errorf("a deadline in the second pause: %d events and the error %v", len(tp.events), tp.err)
		}
	})
}

// A call that nobody waits for any more ends with its case, whatever its context.
func TestScriptEndsWithItsCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		turn := says("late")
		turn.Delay = ages
		m := Script{Turns: []Turn{turn}, over: over}.Model()
		time.AfterFunc(moment, func() { close(over) })
		start := time.Now()
		_, err := m.Generate(context.WithoutCancel(t.Context()), plain())
		if llm.CodeOf(err) != llm.ErrInternal || !strings.Contains(err.Error(), "the case has ended") || time.Since(start) != moment {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

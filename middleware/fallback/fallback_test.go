package fallback_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/fallback"
)

type caller = func(context.Context, llm.Model, *llm.Request) (*llm.Response, error)

func TestCodes(t *testing.T) {
	moves := map[llm.Code]bool{
		llm.ErrRateLimited: true, llm.ErrQuotaExhausted: true, llm.ErrOverloaded: true, llm.ErrUnavailable: true, llm.ErrNotReady: true,
		llm.ErrTimeout: true, llm.ErrRejected: true, llm.ErrContextTooLong: true, llm.ErrUnsupported: true,
		llm.ErrInternal: true, llm.ErrIncomplete: true,
		llm.ErrInvalidRequest: false, llm.ErrUnauthenticated: false, llm.ErrPermissionDenied: false, llm.ErrNotFound: false,
		llm.ErrCanceled: false, llm.ErrContentFiltered: false, llm.ErrMalformedOutput: false,
		llm.ErrBudgetExceeded: false, llm.ErrUnknown: false, "of_a_user": false,
	}
	for code, moves := range moves {
		for name, err := range map[string]error{
			"typed":     &llm.Error{Code: code},
			"bare":      code,
			"exhausted": &llm.Error{Code: code, Message: "3 attempts", Retryable: new(false), Err: &llm.Error{Code: code}},
			"wrapped":   fmt.Errorf("wrapped: %w", &llm.Error{Code: code}),
		} {
			t.Run(string(code)+"/"+name, func(t *testing.T) {
				if got := fallback.Eligible(err); got != moves {
					t.Errorf("Eligible is %t, want %t", got, moves)
				}
				eachWay(t, func(t *testing.T, call caller) {
					second := named("second", fake.Text("ok"))
					resp, got := call(t.Context(), fallback.New(&scripted{err: err}, second), ask())
					switch {
					case moves && (got != nil || resp.Text() != "ok"):
						t.Errorf("did not move on: %v", got)
					case !moves && got != err:
						t.Errorf("the error did not pass as it was: %v", got)
					case !moves && len(second.Requests()) > 0:
						t.Error("the second model was asked")
					}
				})
			})
		}
	}
	if fallback.Eligible(nil) {
		t.Error("nil is eligible")
	}
	if !fallback.Eligible(context.DeadlineExceeded) || fallback.Eligible(context.Canceled) {
		t.Error("the errors of package context do not count as timeout and canceled")
	}
}

// scripted plays the same events, and then exactly this error, to each call.
type scripted struct {
	info   llm.Info
	events []llm.Event
	err    error
	ended  int  // calls that have ended
	left   bool // a loop was left
}

func (s *scripted) Info() llm.Info { return s.info }

func (s *scripted) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(s.Stream(ctx, req))
}

func (s *scripted) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		defer func() { s.ended++ }()
		for _, ev := range s.events {
			if !yield(ev, nil) {
				s.left = true
				return
			}
		}
		if s.err != nil {
			yield(nil, s.err)
		}
	})
}

var begun = []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 7}}, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "half"}}

func TestStreamMovesOnBeforeTheFirstEventOnly(t *testing.T) {
	for events, moves := range map[int]bool{0: true, 1: true, 2: false, 3: false} {
		t.Run(fmt.Sprint(events), func(t *testing.T) {
			first := &scripted{events: begun[:events], err: llm.ErrOverloaded}
			second := named("second", fake.Text("ok"))
			var kinds []string
			var failure error
			for ev, err := range fallback.New(first, second).Stream(t.Context(), ask()) {
				if failure = err; err != nil {
					break
				}
				kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", ev), "*llm."))
				if len(kinds) == 1 && events > 0 && first.ended > 0 {
					t.Error("the update was held until the model had failed")
				}
			}
			want := []string{"UsageUpdate", "PartStart", "TextDelta"}[:events]
			if moves {
				want = append(want, "PartStart", "TextDelta", "PartStop", "Finish")
			}
			if d := cmp.Diff(want, kinds); d != "" {
				t.Errorf("events (-want +got): %s", d)
			}
			if moves != (failure == nil) || !moves && failure != error(llm.ErrOverloaded) {
				t.Errorf("the stream ended with %v", failure)
			}
			if asked := len(second.Requests()) > 0; asked != moves {
				t.Errorf("the second model was asked: %t", asked)
			}
		})
	}
}

// Of an answer that broke off Generate has shown nothing, so it moves on.
func TestGenerateMovesOnFromPartialAnswer(t *testing.T) {
	m := fallback.New(&scripted{events: begun, err: llm.ErrIncomplete}, named("second", fake.Text("whole")))
	if resp, err := m.Generate(t.Context(), ask()); err != nil || resp.Text() != "whole" || resp.Model != "second" {
		t.Errorf("Generate: %+v, %v", resp, err)
	}
	if resp, err := llm.Collect(m.Stream(t.Context(), ask())); llm.CodeOf(err) != llm.ErrIncomplete || resp.Text() != "half" {
		t.Errorf("Stream: %+v, %v", resp, err)
	}
}

// A model has let go of all it holds before the next is asked.
func TestFirstHasEndedBeforeSecondIsAsked(t *testing.T) {
	first := &scripted{err: llm.ErrOverloaded}
	second := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
		if first.ended != 1 {
			t.Error("the first model's stream has not ended")
		}
		return &llm.Response{Message: llm.AssistantText("ok")}, nil
	})
	if _, err := llm.Collect(fallback.New(first, second).Stream(t.Context(), ask())); err != nil {
		t.Error(err)
	}
}

func TestLeavingTheLoop(t *testing.T) {
	for name, leave := range map[string]func(){
		"break": func() {},
		"panic": func() { panic("the loop's own") },
	} {
		t.Run(name, func(t *testing.T) {
			// With an update alone the loop is left before it is known who answers.
			for _, first := range []*scripted{{events: begun, err: llm.ErrOverloaded}, {events: begun[:1], err: llm.ErrOverloaded}} {
				second := named("second", fake.Text("ok"))
				func() {
					defer func() {
						if p := recover(); name == "panic" && p != "the loop's own" {
							t.Errorf("the panic came out as %v", p)
						}
					}()
					for range fallback.New(first, second).Stream(t.Context(), ask()) {
						leave()
						break
					}
				}()
				if first.ended != 1 || len(second.Requests()) > 0 {
					t.Errorf("the first model ended %d times, the second was asked %d times", first.ended, len(second.Requests()))
				}
			}
		})
	}
}

func TestContextDone(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		t.Run("between models", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			overloaded := &llm.Error{Code: llm.ErrOverloaded}
			first := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
				cancel()
				return nil, overloaded
			})
			second := named("second", fake.Text("ok"))
			always := func(error) bool { t.Error("On was asked though the caller is gone"); return true }
			_, err := call(ctx, fallback.NewWithOptions(&fallback.Options{On: always}, first, second), ask())
			if err != error(overloaded) || len(second.Requests()) > 0 {
				t.Errorf("the error is %v, and the second model was asked %d times", err, len(second.Requests()))
			}
		})
		t.Run("in the second model", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				third := named("third", fake.Text("ok"))
				m := fallback.New(named("first", fake.Fail(llm.ErrRateLimited)), named("second", fake.Text("late").Delay(time.Minute)), third)
				start := time.Now()
				_, err := call(ctx, m, ask())
				if time.Since(start) != 10*time.Second || len(third.Requests()) > 0 {
					t.Errorf("the call took %v, and the third model was asked %d times", time.Since(start), len(third.Requests()))
				}
				if llm.CodeOf(err) != llm.ErrTimeout || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, llm.ErrRateLimited) {
					t.Errorf("the error is %v", err)
				}
			})
		})
		t.Run("a timeout of the first model's own", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fallback.New(&hasty{named("first", fake.Text("late").Delay(time.Minute))}, named("second", fake.Text("ok")))
				start := time.Now()
				resp, err := call(t.Context(), m, ask())
				if err != nil || resp.Text() != "ok" || time.Since(start) != time.Second {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		})
		t.Run("while an answer is judged", func(t *testing.T) {
			// There is an answer, and no context to ask for another.
			ctx, cancel := context.WithCancel(t.Context())
			second := named("second", fake.Text("ok"))
			m := fallback.NewWithOptions(&fallback.Options{OnResponse: func(*llm.Response) bool { cancel(); return true }},
				named("first", fake.Parts().StopWith(llm.StopRefusal)), second)
			resp, err := call(ctx, m, ask())
			if err != nil || resp.StopReason != llm.StopRefusal || len(resp.Warnings) != 1 || len(second.Requests()) > 0 {
				t.Errorf("%+v, %v, and the second model was asked %d times", resp, err, len(second.Requests()))
			}
		})
		t.Run("after a rejected answer", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused},
					named("first", fake.Parts().StopWith(llm.StopRefusal)), named("second", fake.Text("late").Delay(time.Minute)))
				_, err := call(ctx, m, ask())
				if llm.CodeOf(err) != llm.ErrCanceled || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "gave up after 2 of 2 models") {
					t.Errorf("the error is %v", err)
				}
			})
		})
	})
}

// hasty gives its model a second.
type hasty struct{ next llm.Model }

func (h *hasty) Info() llm.Info { return h.next.Info() }

func (h *hasty) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return h.next.Generate(ctx, req)
}

func (h *hasty) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		h.next.Stream(ctx, req)(yield)
	})
}

func TestOn(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		var asked []error
		opts := &fallback.Options{On: func(err error) bool { asked = append(asked, err); return llm.CodeOf(err) == llm.ErrInternal }}
		broken, limited := &scripted{err: &llm.Error{Code: llm.ErrInternal}}, &scripted{err: &llm.Error{Code: llm.ErrRateLimited}}
		m := fallback.NewWithOptions(opts, broken, limited, named("third", fake.Text("never")))
		opts.On = nil // what was given was copied
		_, err := call(t.Context(), m, ask())
		if d := cmp.Diff([]error{broken.err, limited.err}, asked, cmp.Comparer(func(a, b error) bool { return a == b })); d != "" {
			t.Errorf("On was asked (-want +got): %s", d)
		}
		if llm.CodeOf(err) != llm.ErrRateLimited || !errors.Is(err, llm.ErrInternal) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestWithoutModels(t *testing.T) {
	m := fallback.New(nil, nil)
	if m.Info() != (llm.Info{}) {
		t.Errorf("Info is %v", m.Info())
	}
	if _, ok := llm.As[llm.TokenCounter](m); ok {
		t.Error("a token counter was found")
	}
	eachWay(t, func(t *testing.T, call caller) {
		if _, err := call(t.Context(), m, ask()); llm.CodeOf(err) != llm.ErrInternal || llm.IsRetryable(err) {
			t.Errorf("the error is %v, retryable: %t", err, llm.IsRetryable(err))
		}
		m := fallback.New(nil, nil, named("first", fake.Fail(llm.ErrTimeout)), nil, named("second", fake.Text("ok")))
		if resp, err := call(t.Context(), m, ask()); err != nil || resp.Text() != "ok" {
			t.Errorf("with models left out: %v", err)
		}
		if m.Info().Model != "first" {
			t.Errorf("Info is %v", m.Info())
		}
	})
}

func TestObserver(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		var events []hook.Event
		ctx := hook.Observe(t.Context(), func(ev hook.Event) { events = append(events, ev) })
		m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused}, named("first", fake.Fail(llm.ErrTimeout)),
			named("second", fake.Parts().StopWith(llm.StopRefusal)), named("third", fake.Text("ok"), fake.Text("ok")))
		if _, err := call(ctx, m, ask()); err != nil {
			t.Fatal(err)
		}
		want := []hook.Event{
			{Kind: hook.Fallback, Policy: "fallback", Provider: "test", Model: "second", Code: "timeout"},
			{Kind: hook.Fallback, Policy: "fallback", Provider: "test", Model: "third"},
		}
		if d := cmp.Diff(want, events); d != "" {
			t.Errorf("events (-want +got): %s", d)
		}
	})
}

func TestConcurrent(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		m := fallback.NewWithOptions(&fallback.Options{On: fallback.Eligible, OnResponse: refused}, &broken{}, fake.Auto().Forget())
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if resp, err := call(t.Context(), m, ask()); err != nil || len(resp.Warnings) != 1 {
					t.Errorf("%+v, %v", resp, err)
				}
			})
		}
		wg.Wait()
	})
}

// broken is a model for many goroutines.
type broken struct{}

func (*broken) Info() llm.Info { return llm.Info{} }
func (*broken) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return nil, llm.ErrOverloaded
}
func (*broken) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) { yield(nil, llm.ErrOverloaded) })
}

func TestPanicInCallback(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		for name, opts := range map[string]*fallback.Options{
			"On":         {On: func(error) bool { panic("mine") }},
			"OnResponse": {OnResponse: func(*llm.Response) bool { panic("mine") }},
		} {
			first := &scripted{err: llm.ErrTimeout}
			if name == "OnResponse" {
				first.events, first.err = []llm.Event{&llm.Finish{StopReason: llm.StopRefusal}}, nil
			}
			func() {
				defer func() {
					if p := recover(); p != "mine" {
						t.Errorf("the panic of %s came out as %v", name, p)
					}
				}()
				_, _ = call(t.Context(), fallback.NewWithOptions(opts, first, fake.New()), ask())
			}()
			if first.ended != 1 {
				t.Errorf("after the panic of %s the model's stream has not ended", name)
			}
		}
	})
}

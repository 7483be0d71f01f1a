package hedge_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/hedge"
)

// tape notes what comes out of a stream, and when, until leave says so.
func tape(t *testing.T, m llm.Model, leave func(ev llm.Event) bool) (tape []string, failure error) {
	t.Helper()
	start := time.Now()
	for ev, err := range m.Stream(t.Context(), ask()) {
		if err != nil {
			return tape, err
		}
		what := strings.TrimPrefix(fmt.Sprintf("%T", ev), "*llm.")
		if u, ok := ev.(*llm.UsageUpdate); ok {
			what = fmt.Sprint(what, " ", u.Usage.InputTokens)
		}
		tape = append(tape, fmt.Sprintf("%v %s", time.Since(start), what))
		if leave != nil && leave(ev) {
			break
		}
	}
	return tape, nil
}

// What breaks the law comes to an end too.
func TestLawlessStreams(t *testing.T) {
	got, err := tape(t, hedge.New(raw{}, nil), nil)
	if len(got) > 0 || llm.CodeOf(err) != llm.ErrIncomplete {
		t.Errorf("a stream of nothing: %v, %v", got, err)
	}
	yields := 0
	hedge.New(raw{events: []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}, nil, &llm.PartStop{}}}, nil).
		Stream(t.Context(), ask())(func(llm.Event, error) bool { yields++; return true })
	if yields != 2 {
		t.Errorf("a stream that goes on after its error: %d yields", yields)
	}
	yields = 0
	func() {
		defer func() { _ = recover() }()
		hedge.New(newScript(step{usage: 7, panics: "mine"}), nil).
			Stream(t.Context(), ask())(func(llm.Event, error) bool { yields++; return true })
	}()
	if yields != 0 {
		t.Errorf("a stream that panics before its first event: %d yields", yields)
	}
}

// A loser that is slow to end delays the winner's Finish and nothing before it.
func TestStreamIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newScript(step{usage: 7, wait: never, lag: 20 * s}, step{usage: 8, wait: s, text: "two", rest: s})
		var told []string
		start := time.Now()
		got, err := tape(t, hedge.New(m, &hedge.Options{Delay: 2 * s, OnLoser: func(l hedge.Loser) {
			told = append(told, fmt.Sprintf("%v %d %d", time.Since(start), l.Attempt, l.Usage.InputTokens))
		}}), nil)
		want := []string{"3s UsageUpdate 8", "3s PartStart", "3s TextDelta", "4s PartStop", "23s Finish"}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("(-want +got): %s, %v", d, err)
		}
		if d := cmp.Diff([]string{"23s 1 7"}, told); d != "" {
			t.Errorf("losers (-want +got): %s", d)
		}
	})
}

// Where all fail, what was known comes out before the error.
func TestUsageOfAStreamThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := tape(t, hedge.New(newScript(step{usage: 7, wait: s, err: overloaded}), nil), nil)
		if d := cmp.Diff([]string{"1s UsageUpdate 7"}, got); d != "" || err != error(overloaded) {
			t.Errorf("(-want +got): %s, %v", d, err)
		}
		got, err = tape(t, hedge.New(newScript(step{wait: 3 * s, err: overloaded}, step{usage: 8, err: limited}), &hedge.Options{Delay: 2 * s}), nil)
		if d := cmp.Diff([]string{"3s UsageUpdate 8"}, got); d != "" || llm.CodeOf(err) != llm.ErrRateLimited {
			t.Errorf("(-want +got): %s, %v", d, err)
		}
		if left, _ := tape(t, hedge.New(newScript(step{usage: 7, wait: s, err: overloaded}), nil), always); len(left) != 1 {
			t.Errorf("a loop that was left went on: %v", left)
		}
	})
}

func always(llm.Event) bool { return true }

func TestLeavingTheLoop(t *testing.T) {
	steps := map[string][]step{
		"one call":            {{usage: 7, wait: s, text: "one", rest: never}},
		"two calls":           {{usage: 7, wait: 4 * s, text: "one", rest: never}, {wait: never}},
		"a slow loser":        {{usage: 7, wait: 4 * s, text: "one", rest: never}, {wait: never, lag: 9 * s}},
		"the second has won":  {{wait: never}, {usage: 7, wait: s, text: "two", rest: never}},
		"before it is asked":  {{usage: 7, wait: s, text: "one", rest: never}, {wait: never}},
		"an answer of Finish": {{usage: 7, wait: s}},
	}
	at := map[string]func(llm.Event) bool{
		"at a held update":   func(ev llm.Event) bool { _, ok := ev.(*llm.UsageUpdate); return ok },
		"at the first event": func(ev llm.Event) bool { _, ok := ev.(*llm.UsageUpdate); return !ok },
	}
	for what, steps := range steps {
		for when, at := range at {
			for _, how := range []string{"break", "panic"} {
				t.Run(strings.Join([]string{what, when, how}, "/"), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						m := newScript(steps...)
						losers := 0
						model := hedge.New(m, &hedge.Options{Delay: 3 * s, OnLoser: func(hedge.Loser) { losers++ }})
						func() {
							defer func() {
								if p := recover(); how == "panic" && p != "the loop's own" {
									t.Errorf("the panic came out as %v", p)
								}
							}()
							_, err := tape(t, model, func(ev llm.Event) bool {
								if at(ev) && how == "panic" {
									panic("the loop's own")
								}
								return at(ev)
							})
							if err != nil || how == "panic" {
								t.Errorf("the loop went on: %v", err)
							}
						}()
						began, running := m.calls()
						if running > 0 {
							t.Errorf("%d calls are still running", running)
						}
						if len(m.left) != 1 || m.left[0] != nil {
							t.Errorf("the winner was not left as it is by a break: %v", m.left)
						}
						if losers != len(began)-1 {
							t.Errorf("%d losers of %d calls", losers, len(began))
						}
					})
				})
			}
		}
	}
}

// A call that does not heed its cancel may answer too late.
func TestTooLate(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			m := newScript(step{usage: 7, wait: 9 * s, text: "one", deaf: true}, step{wait: s, text: "two"})
			var losers []hedge.Loser
			start := time.Now()
			resp, err := call(t.Context(), hedge.New(m, &hedge.Options{Delay: 2 * s, OnLoser: func(l hedge.Loser) { losers = append(losers, l) }}), ask())
			if err != nil || resp.Text() != "two" || time.Since(start) != 9*s {
				t.Errorf("%q after %v: %v", resp.Text(), time.Since(start), err)
			}
			if len(losers) != 1 || losers[0].Attempt != 1 || losers[0].Err != nil || losers[0].Usage.InputTokens != 7 {
				t.Errorf("losers: %+v", losers)
			}
		})
	})
}

// An answer that is nothing but its Finish has a usage that is whole.
func TestUsageOfALateFinish(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			m := newScript(step{usage: 7, wait: 9 * s, deaf: true}, step{wait: s, text: "two"})
			want := hedge.Loser{Attempt: 1, Usage: llm.Usage{InputTokens: 7, OutputTokens: 1}}
			if _, err := call(t.Context(), hedge.New(m, &hedge.Options{Delay: 2 * s, OnLoser: func(l hedge.Loser) {
				if l != want {
					t.Errorf("the loser is %+v, want %+v", l, want)
				}
			}}), ask()); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestPanicInOnLoser(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			m := newScript(step{wait: never}, step{wait: s, text: "two"})
			told := 0
			opts := &hedge.Options{Delay: 2 * s, OnLoser: func(hedge.Loser) { told++; panic("mine") }}
			func() {
				defer func() {
					if p := recover(); p != "mine" {
						t.Errorf("the panic came out as %v", p)
					}
				}()
				_, _ = call(t.Context(), hedge.New(m, opts), ask())
			}()
			if _, running := m.calls(); running > 0 || told != 1 {
				t.Errorf("%d calls are still running, and OnLoser was told %d times", running, told)
			}
		})
	})
}

// A goroutine that is ended, as by t.FailNow in a double, ends the caller's too.
func TestGoexit(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		returned, ended := false, make(chan bool)
		go func() {
			defer close(ended)
			_, _ = call(t.Context(), hedge.New(exiting{}, nil), ask())
			returned = true
		}()
		<-ended
		if returned {
			t.Error("the call returned")
		}
	})
}

// A coroutine may not be resumed on another thread than it was made on: that would end the
// process of who calls from C, or from the main thread of a window.
func TestCallerHoldsItsThread(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		m := newScript(step{wait: never}, step{text: "two"})
		if resp, err := call(t.Context(), hedge.New(m, &hedge.Options{Delay: time.Millisecond}), ask()); err != nil || resp.Text() != "two" {
			t.Errorf("%q, %v", resp.Text(), err)
		}
	})
}

func TestConcurrent(t *testing.T) {
	for name, steps := range map[string][]step{
		"the second wins":      {{wait: never}, {wait: time.Millisecond, text: "ok"}},
		"all at the same time": {{wait: 3 * time.Millisecond, text: "ok"}, {wait: 2 * time.Millisecond, text: "ok"}, {wait: time.Millisecond, text: "ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, call caller) {
				m := newScript(steps...)
				var mu sync.Mutex
				losers := 0
				model := hedge.New(m, &hedge.Options{Delay: time.Millisecond, Max: len(steps) - 1, Quantile: 0.5, OnLoser: func(hedge.Loser) {
					mu.Lock()
					defer mu.Unlock()
					losers++
				}})
				var wg sync.WaitGroup
				for range 64 {
					wg.Go(func() {
						if resp, err := call(t.Context(), model, ask()); err != nil || resp.Text() != "ok" {
							t.Errorf("%q, %v", resp.Text(), err)
						}
					})
				}
				wg.Wait()
				if began, running := m.calls(); running > 0 || losers != len(began)-64 {
					t.Errorf("of %d calls %d run, and %d have lost", len(began), running, losers)
				}
			})
		})
	}
}

// The events of the winner are those that the model yielded, and in its order.
func TestEventsPass(t *testing.T) {
	m := newIdle(97)
	i := 0
	for ev, err := range hedge.New(m, nil).Stream(t.Context(), ask()) {
		if err != nil || ev != m.events[i] {
			t.Fatalf("event %d is %#v, %v", i, ev, err)
		}
		i++
	}
	if i != len(m.events) {
		t.Errorf("%d events, want %d", i, len(m.events))
	}
}

// The contexts of the calls end a moment after that of the caller, who must get no further
// event all the same.
func TestContextsThatLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := &lagging{Context: t.Context(), done: make(chan struct{})}
		events := 0
		var failure error
		for _, err := range hedge.New(newScript(step{text: "one"}), nil).Stream(ctx, ask()) {
			if failure = err; err == nil {
				events++
			}
			if events == 1 && err == nil {
				ctx.expire()
			}
		}
		if events != 1 || llm.CodeOf(failure) != llm.ErrTimeout {
			t.Errorf("%d events, and then %v", events, failure)
		}
	})
}

// Who goes away at an update that was held gets no event that had come meanwhile.
func TestCancelAtAHeldUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events := 0
		var failure error
		for _, err := range hedge.New(newScript(step{usage: 7}), nil).Stream(ctx, ask()) {
			if failure = err; err == nil {
				events++
			}
			cancel()
		}
		if e, ok := failure.(*llm.Error); !ok || events != 1 || e.Code != llm.ErrCanceled || !errors.Is(e, context.Canceled) || e.Provider != "test" {
			t.Errorf("%d events, and then %v", events, failure)
		}
	})
}

// lagging is a context of which those that are derived from it end a second later than it.
type lagging struct {
	context.Context
	done  chan struct{}
	after []func()
}

func (l *lagging) Done() <-chan struct{} { return l.done }

func (l *lagging) Err() error {
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// AfterFunc is how package context is told.
func (l *lagging) AfterFunc(f func()) (stop func() bool) {
	l.after = append(l.after, f)
	return func() bool { return true }
}

func (l *lagging) expire() {
	close(l.done)
	go func() {
		time.Sleep(s)
		for _, f := range l.after {
			f()
		}
	}()
}

package hedge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/hedge"
)

const s = time.Second

var (
	overloaded = &llm.Error{Code: llm.ErrOverloaded, Provider: "test", Model: "m", RequestID: "req-1"}
	limited    = &llm.Error{Code: llm.ErrRateLimited, Provider: "test", Model: "m", RequestID: "req-2", RetryAfter: 7 * s}
	errSecret  = errors.New("secret")
)

// lost is what OnLoser was told.
type lost struct {
	Attempt int
	Tokens  int
	Code    llm.Code
}

// outcome is what became of a call.
type outcome struct {
	text  string
	err   error
	took  time.Duration
	began []time.Duration // the model's calls
	lost  []lost
}

// TestRace plays races to their ends, both ways.
func TestRace(t *testing.T) {
	canceled := llm.ErrCanceled
	cases := []struct {
		name  string
		opts  hedge.Options
		steps []step
		want  outcome // err: the same value, or one of its code that joins
		// Of a stream, where it differs.
		stream *outcome
	}{
		{"quick", hedge.Options{Delay: 2 * s}, []step{{wait: s, text: "one"}},
			outcome{"one", nil, s, []time.Duration{0}, nil}, nil},
		{"the first wins", hedge.Options{Delay: 2 * s}, []step{{wait: 3 * s, text: "one"}, {wait: 5 * s, usage: 7}},
			outcome{"one", nil, 3 * s, []time.Duration{0, 2 * s}, []lost{{2, 7, canceled}}}, nil},
		{"the second wins", hedge.Options{Delay: 2 * s}, []step{{wait: never}, {wait: s, text: "two"}},
			outcome{"two", nil, 3 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, canceled}}}, nil},
		{"the third wins", hedge.Options{Delay: 2 * s, Max: 5}, []step{{wait: never}, {wait: never}, {wait: s, text: "three"}},
			outcome{"three", nil, 5 * s, []time.Duration{0, 2 * s, 4 * s}, []lost{{1, 0, canceled}, {2, 0, canceled}}}, nil},
		{"no more than Max", hedge.Options{Delay: s, Max: 2}, []step{{wait: 10 * s, text: "one"}, {wait: never}, {wait: never}},
			outcome{"one", nil, 10 * s, []time.Duration{0, s, 2 * s}, []lost{{2, 0, canceled}, {3, 0, canceled}}}, nil},
		{"one by default", hedge.Options{Delay: s, Max: -1}, []step{{wait: 10 * s, text: "one"}, {wait: never}},
			outcome{"one", nil, 10 * s, []time.Duration{0, s}, []lost{{2, 0, canceled}}}, nil},
		{"the default delay", hedge.Options{}, []step{{wait: never}, {wait: s, text: "two"}},
			outcome{"two", nil, 31 * s, []time.Duration{0, 30 * s}, []lost{{1, 0, canceled}}},
			&outcome{"two", nil, 4 * s, []time.Duration{0, 3 * s}, []lost{{1, 0, canceled}}}},
		{"a negative delay", hedge.Options{Delay: -s}, []step{{wait: never}, {wait: s, text: "two"}},
			outcome{"two", nil, 31 * s, []time.Duration{0, 30 * s}, []lost{{1, 0, canceled}}},
			&outcome{"two", nil, 4 * s, []time.Duration{0, 3 * s}, []lost{{1, 0, canceled}}}},
		{"an answer of Finish alone", hedge.Options{Delay: 2 * s}, []step{{wait: never}, {wait: s}},
			outcome{"", nil, 3 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, canceled}}}, nil},
		// Generate waits for the whole answer, a stream for its beginning.
		{"slow to end", hedge.Options{Delay: 2 * s}, []step{{wait: s, text: "one", rest: 9 * s}, {wait: s, text: "two"}},
			outcome{"two", nil, 3 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, canceled}}},
			&outcome{"one", nil, 10 * s, []time.Duration{0}, nil}},
		{"the loser is waited for", hedge.Options{Delay: 2 * s}, []step{{wait: never, lag: 4 * s}, {wait: s, text: "two"}},
			outcome{"two", nil, 7 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, canceled}}}, nil},

		{"it fails at once", hedge.Options{Delay: 2 * s}, []step{{wait: s, err: overloaded}},
			outcome{"", overloaded, s, []time.Duration{0}, nil}, nil},
		{"the first fails, the second answers", hedge.Options{Delay: 2 * s}, []step{{wait: 3 * s, err: overloaded}, {wait: 3 * s, text: "two"}},
			outcome{"two", nil, 5 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, llm.ErrOverloaded}}}, nil},
		{"the second fails, the first answers", hedge.Options{Delay: 2 * s}, []step{{wait: 5 * s, text: "one"}, {usage: 7, err: limited}},
			outcome{"one", nil, 5 * s, []time.Duration{0, 2 * s}, []lost{{2, 7, llm.ErrRateLimited}}}, nil},
		{"two fail, the third answers", hedge.Options{Delay: 2 * s, Max: 2}, []step{{wait: 5 * s, err: overloaded}, {err: limited}, {wait: 3 * s, text: "three"}},
			outcome{"three", nil, 7 * s, []time.Duration{0, 2 * s, 4 * s}, []lost{{1, 0, llm.ErrOverloaded}, {2, 0, llm.ErrRateLimited}}}, nil},
		{"all fail", hedge.Options{Delay: 2 * s, Max: 5}, []step{{wait: 3 * s, err: overloaded}, {wait: s + s/2, err: limited}},
			outcome{"", errors.Join(overloaded, limited), 3*s + s/2, []time.Duration{0, 2 * s}, []lost{{2, 0, llm.ErrRateLimited}}}, nil},
		{"all fail, the last with a part", hedge.Options{Delay: 2 * s}, []step{{wait: 3 * s, err: overloaded}, {wait: 2 * s, usage: 7, text: "ha", cut: limited}},
			outcome{"ha", errors.Join(limited, overloaded), 4 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, llm.ErrOverloaded}}},
			&outcome{"ha", limited, 4 * s, []time.Duration{0, 2 * s}, []lost{{1, 0, llm.ErrOverloaded}}}},
		{"a stream that fails half-way", hedge.Options{Delay: 2 * s}, []step{{wait: s, text: "ha", cut: overloaded}},
			outcome{"ha", overloaded, s, []time.Duration{0}, nil}, nil},
		{"errors of nobody", hedge.Options{Delay: 2 * s}, []step{{wait: 3 * s, err: errSecret}, {wait: 3 * s, err: errSecret}},
			outcome{"", errors.Join(errSecret, errSecret), 5 * s, []time.Duration{0, 2 * s}, []lost{{2, 0, llm.ErrUnknown}}}, nil},
	}
	for _, c := range cases {
		for name, call := range map[string]caller{"Generate": generate, "Stream": collect} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				want := c.want
				if name == "Stream" && c.stream != nil {
					want = *c.stream
				}
				synctest.Test(t, func(t *testing.T) { race(t, t.Context(), call, c.opts, c.steps, want) })
			})
		}
	}
}

// race makes a call and compares what became of it.
func race(t *testing.T, ctx context.Context, call caller, opts hedge.Options, steps []step, want outcome) {
	t.Helper()
	var got outcome
	m := newScript(steps...)
	opts.OnLoser = func(l hedge.Loser) {
		if _, running := m.calls(); running > 1 {
			t.Errorf("OnLoser is told of attempt %d while %d calls run", l.Attempt, running)
		}
		if l.Usage != (llm.Usage{}) && !l.Usage.Estimated {
			t.Errorf("the usage of attempt %d is not marked as estimated", l.Attempt)
		}
		got.lost = append(got.lost, lost{l.Attempt, l.Usage.InputTokens, llm.CodeOf(l.Err)})
	}
	start := time.Now()
	resp, err := call(ctx, hedge.New(m, &opts), ask())
	got.took, got.err, got.text = time.Since(start), err, resp.Text()
	var running int
	if got.began, running = m.calls(); running > 0 {
		t.Errorf("%d calls are still running", running)
	}
	for i, ctx := range m.ctxs {
		if ctx.Err() == nil {
			t.Errorf("the context of call %d was not released", i+1)
		}
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(outcome{}), cmpopts.IgnoreFields(outcome{}, "err")); d != "" {
		t.Errorf("(-want +got): %s", d)
	}
	sameError(t, want.err, got.err)
}

// sameError checks that an error is this very one, or, for several, one that joins them
// with the verdict of the first.
func sameError(t *testing.T, want, got error) {
	t.Helper()
	several, ok := want.(interface{ Unwrap() []error })
	if _, one := want.(*llm.Error); one || !ok {
		if got != want {
			t.Errorf("the error is %v, want %v as it is", got, want)
		}
		return
	}
	causes := several.Unwrap()
	e, ok := got.(*llm.Error)
	if !ok {
		t.Fatalf("the error is a %T: %v", got, got)
	}
	if e.Code != llm.CodeOf(causes[0]) || e.Message != fmt.Sprintf("all %d calls failed", len(causes)) || llm.IsRetryable(e) != llm.IsRetryable(causes[0]) {
		t.Errorf("the error is %v, retryable: %t", e, llm.IsRetryable(e))
	}
	if e.Provider != "test" || e.Model != "m" || e.Op == "" || strings.Contains(e.Error(), "secret") {
		t.Errorf("the error is %v", e)
	}
	for _, cause := range causes {
		if !errors.Is(got, cause) {
			t.Errorf("the error lacks the cause %v", cause)
		}
	}
}

func TestJoinedInOrder(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			_, err := call(t.Context(), hedge.New(newScript(step{wait: 5 * s, err: overloaded}, step{err: limited}), &hedge.Options{Delay: s}), ask())
			const want = " m: overloaded: all 2 calls failed: test m (request id req-1); test m: rate limited (request id req-2) (request id req-1)"
			if !strings.HasSuffix(err.Error(), want) {
				t.Errorf("the error is %v, want it to end in %q", err, want)
			}
			if wait, ok := llm.RetryAfter(err); !ok || wait != 7*s {
				t.Errorf("it may be tried again after %v", wait)
			}
		})
	})
}

func TestCallerGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want llm.Code
		is   error
	}{
		"cancel": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(5*s, func() { cancel(errSecret) })
			return ctx, func() { cancel(nil) }
		}, llm.ErrCanceled, context.Canceled},
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*s)
		}, llm.ErrTimeout, context.DeadlineExceeded},
	} {
		for what, tc := range map[string]struct {
			steps []step
			began int
			lost  int
		}{
			"before a second call":         {[]step{{wait: never}}, 1, 0},
			"while both are slow":          {[]step{{wait: never}, {wait: never, lag: s}}, 2, 1},
			"while the second still tries": {[]step{{wait: 4 * s, err: overloaded}, {wait: never}}, 2, 1},
			"within the stream":            {[]step{{wait: s, text: "one", rest: never}, {wait: never}}, -1, -1},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				eachWay(t, func(t *testing.T, call caller) {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := c.ctx(t.Context())
						defer cancel()
						opts := &hedge.Options{Delay: 3 * s}
						if tc.began == 1 {
							opts.Delay = 10 * s
						}
						told := 0
						opts.OnLoser = func(hedge.Loser) { told++ }
						m := newScript(tc.steps...)
						_, err := call(ctx, hedge.New(m, opts), ask())
						if llm.CodeOf(err) != c.want || !errors.Is(err, c.is) {
							t.Errorf("the error is %v", err)
						}
						began, running := m.calls()
						if running > 0 || tc.began >= 0 && (len(began) != tc.began || told != tc.lost) {
							t.Errorf("%d calls began, %d of them run, and %d were lost", len(began), running, told)
						}
					})
				})
			})
		}
	}
}

// A caller who is gone is not hedged.
func TestNoCallForNobody(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), s)
			defer cancel()
			m := newScript(step{wait: never, lag: 9 * s})
			_, err := call(ctx, hedge.New(m, &hedge.Options{Delay: 3 * s}), ask())
			if began, _ := m.calls(); len(began) != 1 || llm.CodeOf(err) != llm.ErrTimeout {
				t.Errorf("%d calls began: %v", len(began), err)
			}
		})
	})
}

func TestStraight(t *testing.T) {
	withTools := ask()
	withTools.Tools = []llm.Tool{{Name: "clock"}}
	for name, c := range map[string]struct {
		req   *llm.Request
		tools bool
		calls int
	}{
		"no tools":            {ask(), false, 2},
		"tools":               {withTools, false, 1},
		"tools where allowed": {withTools, true, 2},
		"no request":          {nil, true, 1}, // is the model's to judge
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, call caller) {
				synctest.Test(t, func(t *testing.T) {
					m := newScript(step{wait: 5 * s, text: "one"}, step{wait: never})
					resp, err := call(t.Context(), hedge.New(m, &hedge.Options{Delay: s, Tools: c.tools}), c.req)
					if began, _ := m.calls(); err != nil || resp.Text() != "one" || len(began) != c.calls {
						t.Errorf("%d calls: %v", len(began), err)
					}
				})
			})
		})
	}
}

func TestNilContext(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		var ctx context.Context
		if _, err := call(ctx, hedge.New(fake.New(), nil), ask()); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("the error is %v", err)
		}
	})
}

// A model that does not heed its context may fail for another reason after that is done.
func TestDeafFailure(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*s)
			defer cancel()
			m := newScript(step{wait: 5 * s, err: overloaded, deaf: true}, step{wait: 5 * s, err: limited, deaf: true})
			_, err := call(ctx, hedge.New(m, &hedge.Options{Delay: 2 * s}), ask())
			sameError(t, errors.Join(overloaded, limited), err)
		})
	})
}

func TestObserverAndContext(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			var events []hook.Event
			ctx := hook.Observe(context.WithValue(t.Context(), keyOfTest{}, "v"), func(ev hook.Event) { events = append(events, ev) })
			m := newScript(step{wait: never}, step{wait: never}, step{wait: s, text: "three"})
			if _, err := call(ctx, hedge.New(m, &hedge.Options{Delay: 2 * s, Max: 2}), ask()); err != nil {
				t.Fatal(err)
			}
			want := []hook.Event{
				{Kind: hook.Hedge, Policy: "hedge", Attempt: 2, Wait: 2 * s, Provider: "test", Model: "m"},
				{Kind: hook.Hedge, Policy: "hedge", Attempt: 3, Wait: 4 * s, Provider: "test", Model: "m"},
			}
			if d := cmp.Diff(want, events); d != "" {
				t.Errorf("events (-want +got): %s", d)
			}
			if d := cmp.Diff([]any{"v", "v", "v"}, m.keys); d != "" {
				t.Errorf("values of the context (-want +got): %s", d)
			}
		})
	})
}

func TestPanics(t *testing.T) {
	for name, steps := range map[string][]step{
		"of the first":                 {{wait: s, panics: "mine"}},
		"while another is slow to end": {{wait: 3 * s, panics: "mine"}, {wait: never, lag: s}},
		"of the second":                {{wait: never, lag: s}, {wait: s, panics: "mine"}},
		"of a loser":                   {{wait: 10 * s, text: "one"}, {wait: never, throws: "mine"}},
		"of a call that has begun":     {{wait: s, text: "one", midway: "mine"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, call caller) {
				synctest.Test(t, func(t *testing.T) {
					m := newScript(steps...)
					opts := &hedge.Options{Delay: 2 * s, OnLoser: func(l hedge.Loser) {
						if l.Err == nil {
							t.Errorf("the call that panicked is a loser: %+v", l)
						}
					}}
					start := time.Now()
					caught := func() (p any) {
						defer func() { p = recover() }()
						_, err := call(t.Context(), hedge.New(m, opts), ask())
						t.Errorf("the call returned: %v", err)
						return nil
					}()
					if caught != "mine" || time.Since(start) > 10*s {
						t.Errorf("after %v the panic came out as %v", time.Since(start), caught)
					}
					if _, running := m.calls(); running > 0 {
						t.Errorf("%d calls are still running", running)
					}
				})
			})
		})
	}
}

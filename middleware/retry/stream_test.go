package retry_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

// onAttempt calls do when the n-th attempt begins.
type onAttempt struct {
	next llm.Model
	n    int
	do   func()
}

func (m *onAttempt) Info() llm.Info    { return m.next.Info() }
func (m *onAttempt) Unwrap() llm.Model { return m.next }

func (m *onAttempt) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (m *onAttempt) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		if hook.Attempt(ctx) == m.n {
			m.do()
		}
		m.next.Stream(ctx, req)(yield)
	}
}

func TestStream(t *testing.T) {
	cut := failure(llm.ErrIncomplete)
	unknown := &llm.ProviderDelta{Index: -1, Kind: "of_a_later_release"}
	cases := []struct {
		name     string
		turns    []turn
		want     []llm.Event
		wantErr  error
		attempts []int
	}{
		{"nothing fails", []turn{good}, good.events, nil, []int{1}},
		{"before the first event", []turn{fails(cut), good}, good.events, nil, []int{1, 2}},
		{"after usage", []turn{fails(cut, usage), fails(cut, usage, usage), good},
			append([]llm.Event{usage, usage, usage}, good.events...), nil, []int{1, 2, 3}},
		{"after a start", []turn{fails(cut, start), good}, []llm.Event{start}, cut, []int{1}},
		{"after usage and a start", []turn{fails(cut, usage, start, usage), good}, []llm.Event{usage, start, usage}, cut, []int{1}},
		{"after a delta", []turn{fails(cut, start, hello), good}, []llm.Event{start, hello}, cut, []int{1}},
		{"after an event of a later release", []turn{fails(cut, unknown), good}, []llm.Event{unknown}, cut, []int{1}},
		{"after the start of a later attempt", []turn{fails(cut), fails(cut, start)}, []llm.Event{start}, cut, []int{1, 2}},
		{"ends without a word", []turn{{}, good}, good.events, nil, []int{1, 2}},
		{"ends after usage", []turn{{events: []llm.Event{usage}}, good}, append([]llm.Event{usage}, good.events...), nil, []int{1, 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := plays(c.turns...)
				var got []llm.Event
				var gotErr error
				for ev, err := range llm.Wrap(b, retry.New(nil)).Stream(t.Context(), ask()) {
					if gotErr != nil {
						t.Error("something came after the error")
					}
					if gotErr = err; err == nil {
						got = append(got, ev)
					}
				}
				if gotErr != c.wantErr {
					t.Errorf("the error is %v, want the same value %v", gotErr, c.wantErr)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("the events (-want +got): %s", d)
				}
				b.wantAttempts(t, c.attempts...)
			})
		})
	}
}

// TestUsageIsNotDelayed: the usage of an attempt that fails comes before the delay.
func TestUsageIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := llm.Wrap(plays(fails(&llm.Error{Code: llm.ErrOverloaded, RetryAfter: time.Second}, usage), good), retry.New(&retry.Options{MaxDelay: time.Second}))
		began := time.Now()
		var at []time.Duration
		for _, err := range m.Stream(t.Context(), ask()) {
			if err != nil {
				t.Error(err)
			}
			at = append(at, time.Since(began))
		}
		if want := []time.Duration{0, time.Second, time.Second, time.Second, time.Second}; !cmp.Equal(want, at) {
			t.Errorf("the events came at %v, want %v", at, want)
		}
	})
}

// TestLeave leaves a stream that was retried: at usage of the first attempt, at usage of the
// second, and in the answer, by break and by panic.
func TestLeave(t *testing.T) {
	for at, attempts := range [][]int{{1}, {1, 2}, {1, 2}, {1, 2}} {
		for _, panics := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := plays(fails(llm.ErrOverloaded, usage), turn{events: append([]llm.Event{usage}, good.events...)})
				m := llm.Wrap(b, retry.New(nil))
				n := 0
				func() {
					defer func() {
						if r := recover(); (r != nil) != panics {
							t.Errorf("recovered %v", r)
						}
					}()
					for _, err := range m.Stream(t.Context(), ask()) {
						if err != nil {
							t.Error(err)
						}
						if n++; n > at {
							if panics {
								panic("the caller's")
							}
							break
						}
					}
				}()
				if n != at+1 {
					t.Errorf("%d events, want %d", n, at+1)
				}
				b.wantAttempts(t, attempts...)
			})
		}
	}
}

// TestAttemptEnds: a failed attempt is over before the delay begins.
func TestAttemptEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, call way) {
		b := plays(fails(llm.ErrOverloaded), good)
		m := llm.Wrap(b, retry.New(&retry.Options{OnRetry: func(retry.Attempt) { b.wantAttempts(t, 1) }}))
		if _, err := call(t.Context(), m); err != nil {
			t.Error(err)
		}
		b.wantAttempts(t, 1, 2)
	})
}

package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

// tripped returns a model of which b is behind a circuit that is open, and opts.OpenFor on from
// there: the next call is a probe.
func tripped(t *testing.T, b *backend, opts breaker.Options) llm.Model {
	t.Helper()
	do := b.do
	b.do = func(context.Context) error { return llm.ErrOverloaded }
	opts.Failures = 1
	m := llm.Wrap(b, breaker.New(&opts))
	fails(t, generate, m, llm.ErrOverloaded)
	wait, ok := llm.RetryAfter(fails(t, generate, m, llm.ErrRejected))
	if !ok {
		t.Fatal("the circuit is not open")
	}
	b.do = do
	time.Sleep(wait)
	return m
}

// state is that of the one circuit of a model.
func state(t *testing.T, m llm.Model) breaker.State {
	t.Helper()
	states := breaker.States(m)
	if len(states) != 1 {
		t.Fatalf("the states are %v, want one", states)
	}
	return states[""]
}

func TestProbesAmongManyCallers(t *testing.T) {
	for _, probes := range []int{1, 3} {
		for _, outcome := range []error{nil, llm.ErrInternal} {
			t.Run(fmt.Sprint(probes, outcome), func(t *testing.T) {
				inBothWays(t, func(t *testing.T, w way) {
					var sent atomic.Int64
					b := &backend{do: func(context.Context) error {
						sent.Add(1)
						time.Sleep(time.Second)
						return outcome
					}}
					m := tripped(t, b, breaker.Options{Probes: probes})
					var rejected atomic.Int64
					var callers sync.WaitGroup
					for range 1000 {
						callers.Go(func() {
							err := w.call(t.Context(), m)
							if passed(err) {
								return
							}
							rejected.Add(1)
							if wait, ok := llm.RetryAfter(err); ok {
								t.Errorf("with a probe under way RetryAfter is %v", wait)
							}
							if !errors.Is(err, llm.ErrOverloaded) {
								t.Errorf("the last fault is not in %v", err)
							}
						})
					}
					callers.Wait()
					if int(sent.Load()) != probes || int(rejected.Load()) != 1000-probes {
						t.Errorf("of 1,000 calls %d were let through and %d rejected, want %d probes", sent.Load(), rejected.Load(), probes)
					}
					want := breaker.Closed
					if outcome != nil {
						want = breaker.Open
					}
					if got := state(t, m); got != want {
						t.Errorf("the circuit is %s, want %s", got, want)
					}
				})
			})
		}
	}
}

func TestProbesInARow(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		b := script(nil, nil, llm.ErrTimeout, nil, nil, nil)
		m := tripped(t, b, breaker.Options{Probes: 3})
		succeeds(t, w, m)
		succeeds(t, w, m)
		fails(t, w, m, llm.ErrTimeout)
		wait, _ := llm.RetryAfter(fails(t, w, m, llm.ErrRejected))
		if want := 30*time.Second + time.Millisecond; wait != want {
			t.Errorf("after a failed probe RetryAfter is %v, want %v", wait, want)
		}
		time.Sleep(wait)
		for _, want := range []breaker.State{breaker.HalfOpen, breaker.HalfOpen, breaker.Closed} {
			succeeds(t, w, m)
			if got := state(t, m); got != want {
				t.Errorf("the circuit is %s, want %s", got, want)
			}
		}
	})
}

// A probe that says nothing gives its permit back: the next call is a probe again.
func TestAbandonedProbes(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name string
		do   func(context.Context) error
		call func(t *testing.T, m llm.Model)
	}{
		{"cancelled", hangs, func(t *testing.T, m llm.Model) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			for _, w := range []way{generate, stream} {
				if err := w.call(ctx, m); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", w.op, err)
				}
			}
		}},
		{"deadline", hangs, func(t *testing.T, m llm.Model) {
			for _, w := range []way{generate, stream} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := w.call(ctx, m); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", w.op, err)
				}
				cancel()
			}
		}},
		{"rejected further in", func(context.Context) error { return llm.ErrRejected }, func(t *testing.T, m llm.Model) {
			for _, w := range []way{generate, stream} {
				fails(t, w, m, llm.ErrRejected)
			}
		}},
		{"rate limited", func(context.Context) error { return llm.ErrRateLimited }, func(t *testing.T, m llm.Model) {
			for _, w := range []way{generate, stream} {
				fails(t, w, m, llm.ErrRateLimited)
			}
		}},
		{"panic of the model", func(context.Context) error { panic("mine") }, func(t *testing.T, m llm.Model) {
			for _, w := range []way{generate, stream} {
				recovered(t, func() { _ = w.call(t.Context(), m) })
			}
		}},
		{"panic in the loop", func(context.Context) error { return nil }, func(t *testing.T, m llm.Model) {
			recovered(t, func() {
				for range m.Stream(t.Context(), ask()) {
					panic("mine")
				}
			})
		}},
		{"left loop", func(context.Context) error { return nil }, func(t *testing.T, m llm.Model) {
			for range m.Stream(t.Context(), ask()) {
				break
			}
		}},
		{"never ranged over", func(context.Context) error { return nil }, func(t *testing.T, m llm.Model) {
			_ = m.Stream(t.Context(), ask())
		}},
	} {
		for _, probes := range []int{1, 3} {
			t.Run(fmt.Sprint(c.name, probes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := &backend{do: c.do}
					m := tripped(t, b, breaker.Options{Probes: probes})
					for range 3 {
						c.call(t, m)
						if got := state(t, m); got != breaker.HalfOpen {
							t.Fatalf("the circuit is %s, want half-open", got)
						}
					}
					b.do = func(context.Context) error { return nil }
					for range probes {
						succeeds(t, generate, m)
					}
					if got := state(t, m); got != breaker.Closed {
						t.Errorf("after good probes the circuit is %s", got)
					}
				})
			})
		}
	}
}

// While a consumer reads a stream that is a probe, other calls wait for its outcome.
func TestProbeHoldsUntilItsLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tripped(t, script(), breaker.Options{})
		for range m.Stream(t.Context(), ask()) {
			fails(t, generate, m, llm.ErrRejected)
		}
		succeeds(t, generate, m)
	})
}

// The outcome of calls that began in an earlier state of the circuit does not count.
func TestLateResults(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		outcomes := make(chan error)
		b := &backend{do: func(context.Context) error { return <-outcomes }}
		var changes []breaker.State
		m := llm.Wrap(b, breaker.New(&breaker.Options{Failures: 2, OnStateChange: func(c breaker.Change) { changes = append(changes, c.To) }}))
		var calls sync.WaitGroup
		begin := func(n int) {
			for range n {
				calls.Go(func() { _ = w.call(t.Context(), m) })
			}
			synctest.Wait()
		}
		end := func(err error, want breaker.State) {
			t.Helper()
			outcomes <- err
			synctest.Wait()
			if got := state(t, m); got != want {
				t.Fatalf("after %v the circuit is %s, want %s", err, got, want)
			}
		}
		begin(8)
		end(llm.ErrInternal, breaker.Closed)
		end(llm.ErrInternal, breaker.Open)
		end(nil, breaker.Open)
		end(llm.ErrInternal, breaker.Open)
		time.Sleep(31 * time.Second)
		end(nil, breaker.HalfOpen)
		end(llm.ErrInternal, breaker.HalfOpen)

		// An old call that is excluded frees no place for a second probe.
		end(llm.ErrCanceled, breaker.HalfOpen)
		hold := make(chan error)
		b.do = func(context.Context) error { return <-hold }
		begin(1)
		fails(t, w, m, llm.ErrRejected)
		hold <- nil
		synctest.Wait()

		// Nor does the last of them count for the circuit that has closed again.
		end(llm.ErrInternal, breaker.Closed)
		b.do = func(context.Context) error { return llm.ErrInternal }
		fails(t, w, m, llm.ErrInternal)
		if got := state(t, m); got != breaker.Closed {
			t.Errorf("after one fault the circuit is %s", got)
		}
		fails(t, w, m, llm.ErrInternal)
		calls.Wait()
		if want := []breaker.State{breaker.Open, breaker.HalfOpen, breaker.Closed, breaker.Open}; !slices.Equal(changes, want) {
			t.Errorf("the states were %v, want %v", changes, want)
		}
	})
}

package breaker_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

func TestChanges(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		var got []breaker.Change
		b := named(script(llm.ErrOverloaded, llm.ErrTimeout), "m")
		start := time.Now()
		m := llm.Wrap(b, breaker.New(&breaker.Options{Failures: 1, OpenFor: time.Second, OnStateChange: func(c breaker.Change) { got = append(got, c) }}))
		fails(t, w, m, llm.ErrOverloaded)
		time.Sleep(2 * time.Second)
		fails(t, w, m, llm.ErrTimeout)
		time.Sleep(2 * time.Second)
		succeeds(t, w, m)
		at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
		want := []breaker.Change{
			{Key: "acme/m", From: breaker.Closed, To: breaker.Open, At: at(0), Code: llm.ErrOverloaded},
			{Key: "acme/m", From: breaker.Open, To: breaker.HalfOpen, At: at(2)},
			{Key: "acme/m", From: breaker.HalfOpen, To: breaker.Open, At: at(2), Code: llm.ErrTimeout},
			{Key: "acme/m", From: breaker.Open, To: breaker.HalfOpen, At: at(4)},
			{Key: "acme/m", From: breaker.HalfOpen, To: breaker.Closed, At: at(4)},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the changes (-want +got): %s", d)
		}
	})
}

// An observer may call the model and ask for states, whatever state has begun.
func TestObserverCallsBack(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		type seen struct {
			Change breaker.State
			Passed bool
			State  breaker.State
		}
		var got []seen
		var m llm.Model
		m = llm.Wrap(script(llm.ErrInternal, llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1, OnStateChange: func(c breaker.Change) {
			if len(got) > 10 {
				t.Fatal("it does not end")
			}
			i := len(got)
			got = append(got, seen{Change: c.To})
			got[i].Passed = passed(w.call(t.Context(), m))
			got[i].State = state(t, m)
		}}))
		fails(t, w, m, llm.ErrInternal)
		time.Sleep(31 * time.Second)
		fails(t, w, m, llm.ErrInternal)
		time.Sleep(31 * time.Second)
		succeeds(t, w, m)
		want := []seen{
			{breaker.Open, false, breaker.Open},
			{breaker.HalfOpen, false, breaker.HalfOpen}, // the probe that has found it so is under way
			{breaker.Open, false, breaker.Open},
			{breaker.HalfOpen, false, breaker.HalfOpen},
			{breaker.Closed, true, breaker.Closed},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the observer saw (-want +got): %s", d)
		}
	})
}

// What changes while the observer runs is told after it has returned.
func TestObserverIsNotNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []breaker.State
		inside := false
		var m llm.Model
		m = llm.Wrap(script(llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1, OnStateChange: func(c breaker.Change) {
			if inside {
				t.Error("the observer runs within itself")
			}
			inside = true
			defer func() { inside = false }()
			got = append(got, c.To)
			if c.To == breaker.Open { // two more changes come of this
				time.Sleep(31 * time.Second)
				succeeds(t, generate, m)
				if len(got) != 1 {
					t.Errorf("the observer was told %v while it ran", got)
				}
			}
		}}))
		fails(t, generate, m, llm.ErrInternal)
		if d := cmp.Diff([]breaker.State{breaker.Open, breaker.HalfOpen, breaker.Closed}, got); d != "" {
			t.Errorf("the changes (-want +got): %s", d)
		}
	})
}

// An observer that panics does so in the call; the probe is given back, and later changes are told.
func TestObserverPanics(t *testing.T) {
	inBothWays(t, func(t *testing.T, w way) {
		var got []breaker.State
		m := llm.Wrap(script(llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1, OnStateChange: func(c breaker.Change) {
			if got = append(got, c.To); len(got) <= 2 {
				panic("mine")
			}
		}}))
		recovered(t, func() { _ = w.call(t.Context(), m) })
		fails(t, w, m, llm.ErrRejected)
		time.Sleep(31 * time.Second)
		recovered(t, func() { _ = w.call(t.Context(), m) })
		if got := state(t, m); got != breaker.HalfOpen {
			t.Errorf("the circuit is %s, want half-open", got)
		}
		succeeds(t, w, m)
		if d := cmp.Diff([]breaker.State{breaker.Open, breaker.HalfOpen, breaker.Closed}, got); d != "" {
			t.Errorf("the changes (-want +got): %s", d)
		}
	})
}

// A health check finds that a circuit is half-open, and tells so.
func TestStatesTellsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []breaker.State
		m := llm.Wrap(script(llm.ErrInternal), breaker.New(&breaker.Options{Failures: 1, OnStateChange: func(c breaker.Change) { got = append(got, c.To) }}))
		fails(t, generate, m, llm.ErrInternal)
		time.Sleep(31 * time.Second)
		if d := cmp.Diff(map[string]breaker.State{"": breaker.HalfOpen}, breaker.States(m)); d != "" {
			t.Errorf("the states (-want +got): %s", d)
		}
		if d := cmp.Diff([]breaker.State{breaker.Open, breaker.HalfOpen}, got); d != "" {
			t.Errorf("the changes (-want +got): %s", d)
		}
	})
}

// Under load the changes of each circuit form a chain, and are told one at a time.
func TestConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := map[string]breaker.State{}
		changes := 0
		var inside, sent, rejected atomic.Int64
		var recovered atomic.Bool
		mw := breaker.New(&breaker.Options{Failures: 3, OpenFor: 50 * time.Millisecond, Probes: 2, OnStateChange: func(c breaker.Change) {
			if inside.Add(1) != 1 {
				t.Error("the observer runs twice at a time")
			}
			defer inside.Add(-1)
			if from, ok := last[c.Key]; c.From != from && ok || !ok && c.From != breaker.Closed {
				t.Errorf("%s changes from %s, though it was %s", c.Key, c.From, from)
			}
			last[c.Key] = c.To
			changes++
		}})
		b := &backend{do: func(ctx context.Context) error {
			if sent.Add(1); recovered.Load() {
				return nil
			}
			select {
			case <-time.After(rand.N(20 * time.Millisecond)):
			case <-ctx.Done():
				return ctx.Err()
			}
			return []error{nil, nil, llm.ErrInternal, llm.ErrOverloaded, llm.ErrTimeout, llm.ErrRejected, &llm.Error{Code: llm.ErrInvalidRequest, Status: 400}}[rand.N(7)]
		}}
		models := []llm.Model{llm.Wrap(named(b, "a"), mw), llm.Wrap(named(b, "b"), mw), llm.Wrap(named(b, "b"), mw)}
		var callers sync.WaitGroup
		for range 64 {
			callers.Go(func() {
				for range 100 {
					m := models[rand.N(len(models))]
					ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
					switch rand.N(3) {
					case 0:
						if _, refused := llm.RetryAfter(generate.call(ctx, m)); refused {
							rejected.Add(1)
							time.Sleep(20 * time.Millisecond)
						}
					case 1:
						_ = stream.call(ctx, m)
					case 2:
						for range m.Stream(ctx, ask()) {
							break
						}
					}
					cancel()
				}
			})
		}
		callers.Wait()
		if changes < 10 || sent.Load() < 100 || rejected.Load() < 10 {
			t.Errorf("%d changes, %d calls and %d rejections prove little", changes, sent.Load(), rejected.Load())
		}
		time.Sleep(time.Second)
		for key, s := range breaker.States(models[0]) {
			if s != last[key] {
				t.Errorf("%s is %s, and was told to be %s", key, s, last[key])
			}
		}
		recovered.Store(true)
		for _, m := range models {
			for range 3 {
				succeeds(t, stream, m)
			}
		}
		for key, s := range breaker.States(models[0]) {
			if s != breaker.Closed {
				t.Errorf("%s is %s after good calls: a permit is lost", key, s)
			}
		}
	})
}

package hedge_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// step is what a call does, in this order.
type step struct {
	usage  int           // the input tokens that it tells at once; 0 = tells nothing
	wait   time.Duration // until it goes on
	panics any
	err    error         // ends it here
	text   string        // its answer, in one delta; "" = Finish alone
	rest   time.Duration // until it goes on
	midway any           // it panics here
	cut    error         // ends it here
	lag    time.Duration // how long it takes to end once it was cancelled
	throws any           // it then panics
	deaf   bool          // it does not heed its context
}

const never = 1000 * time.Hour

// script plays to the n-th attempt of a call the n-th step.
type script struct {
	steps []step

	mu      sync.Mutex
	start   time.Time
	began   []time.Duration // since the first call
	running int
	left    []error // loops that were left, with the state of their contexts
	keys    []any
	ctxs    []context.Context
}

type keyOfTest struct{}

func newScript(steps ...step) *script { return &script{steps: steps} }

func (s *script) Info() llm.Info { return llm.Info{Provider: "test", Model: "m"} }

func (s *script) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(s.Stream(ctx, req))
}

func (s *script) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		st := s.steps[hook.Attempt(ctx)-1]
		s.begin(ctx)
		defer s.end()
		if st.deaf {
			ctx = context.WithoutCancel(ctx)
		}
		defer func() {
			if ctx.Err() == nil {
				return
			}
			time.Sleep(st.lag)
			if st.throws != nil {
				panic(st.throws)
			}
		}()
		tell := func(events ...llm.Event) bool {
			for _, ev := range events {
				if ctx.Err() != nil {
					yield(nil, ended(ctx))
					return false
				}
				if !yield(ev, nil) {
					s.note(func() { s.left = append(s.left, ctx.Err()) })
					return false
				}
			}
			return true
		}
		fail := func(err error) bool {
			if err != nil {
				yield(nil, err)
			}
			return err != nil
		}
		if st.usage > 0 && !tell(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: st.usage}}) {
			return
		}
		if fail(sleep(ctx, st.wait)) {
			return
		}
		if st.panics != nil {
			panic(st.panics)
		}
		if fail(st.err) {
			return
		}
		if st.text != "" && !tell(&llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: st.text}) {
			return
		}
		if fail(sleep(ctx, st.rest)) {
			return
		}
		if st.midway != nil {
			panic(st.midway)
		}
		if fail(st.cut) {
			return
		}
		if st.text != "" && !tell(&llm.PartStop{}) {
			return
		}
		tell(&llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: st.usage, OutputTokens: 1}, Provider: "test", Model: "m"})
	})
}

// sleep waits, or returns the error of a model whose context ended meanwhile.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

func ended(ctx context.Context) error {
	return &llm.Error{Code: llm.CodeOf(ctx.Err()), Provider: "test", Model: "m", Op: "stream", Err: ctx.Err()}
}

func (s *script) begin(ctx context.Context) {
	s.note(func() {
		if s.began == nil {
			s.start = time.Now()
		}
		s.began = append(s.began, time.Since(s.start))
		s.running++
		s.keys = append(s.keys, ctx.Value(keyOfTest{}))
		s.ctxs = append(s.ctxs, ctx)
	})
}

func (s *script) end() { s.note(func() { s.running-- }) }

func (s *script) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// calls returns when each call began, and how many run.
func (s *script) calls() (began []time.Duration, running int) {
	s.note(func() { began, running = slices.Clone(s.began), s.running })
	return began, running
}

// exiting ends the goroutine that calls it.
type exiting struct{}

func (exiting) Info() llm.Info { return llm.Info{} }
func (exiting) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	runtime.Goexit()
	return nil, nil
}
func (exiting) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(func(llm.Event, error) bool) { runtime.Goexit() }
}

// raw yields what it is told, legal or not.
type raw struct {
	exiting
	events []llm.Event // nil is an error
}

func (r raw) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for _, ev := range r.events {
			var err error
			if ev == nil {
				err = overloaded
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

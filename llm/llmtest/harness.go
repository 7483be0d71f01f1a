package llmtest

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Harness tells [Run] how to make the models that it tests. Only New is needed: the
// zero value of the rest means real time, and nothing lacking.
type Harness struct {
	// New returns a model that answers as the script says. What it starts it also
	// ends, with t.Cleanup. It is called anew for each case, often several times.
	New func(t *testing.T, s Script) llm.Model

	// Virtual says that the model measures time with package time only, and has no
	// goroutine that waits for the network. Its cases then run in a bubble of
	// testing/synctest, where waiting costs nothing. Else they run in real time,
	// with short delays.
	Virtual bool

	// Lacks declares what the model cannot do. The cases that need it are skipped,
	// or check that the model refuses it. New is asked for answers that need it all
	// the same, after the cases: what comes through is no lack, and the report says so.
	Lacks []Capability
}

// Run tests that a backend keeps the laws of [llm.Model], one subtest a case. A case
// that fails prints what it checks, and why. At the end it logs what ran, what did not and
// why, and what is declared as lacking: look at it with go test -v.
//
// Goroutines are counted, so call it from a test that does not run in parallel with
// others. Where [llm.ForbidSend] is in force, its allow list names the models.
func Run(t *testing.T, h Harness) {
	t.Helper()
	s := newSuite(t, h)
	if s.maySend(t) {
		s.runAll(t, laws())
	}
}

// RunMiddleware tests that what mw makes of a model keeps the laws of [llm.Model]
// too, and that it passes through what is not its business: see the package's
// documentation. All but a few cases run in virtual time, so mw may wait as it likes,
// but it may not use the network, nor wait for goroutines that it started before the
// call.
//
// All cases share mw and so whatever state it keeps. Each model has an
// [llm.Info] of its own.
func RunMiddleware(t *testing.T, mw llm.Middleware) {
	t.Helper()
	if mw == nil {
		t.Fatal("llmtest: the middleware is nil")
	}
	apply(t, mw, Script{}.Model())
	s := newSuite(t, Harness{
		New:     func(t *testing.T, s Script) llm.Model { return apply(t, mw, s.Model()) },
		Virtual: true,
		Lacks: []Capability{
			OwnOptions.Because("the middleware stands before the model of a script"),
			ForeignState.Because("the middleware stands before the model of a script"),
		},
	})
	s.mw = mw
	s.runAll(t, slices.Concat(laws(), middlewareCases()))
}

func apply(t *testing.T, mw llm.Middleware, next llm.Model) llm.Model {
	t.Helper()
	m := mw(next)
	if m == nil {
		t.Fatal("llmtest: the middleware returned a nil model")
	}
	return m
}

// suite is one call of Run or RunMiddleware.
type suite struct {
	harness Harness
	lacks   lacks
	mw      llm.Middleware // nil in Run
	clock   time.Duration  // the virtual time that the cases so far have used
	over    bool           // there is no model to try

	cases   int // those that there are
	results []result
	carried []Capability // declared as lacking, and yet there
}

func newSuite(t *testing.T, h Harness) *suite {
	t.Helper()
	if h.New == nil {
		t.Fatal("llmtest: Harness.New is nil")
	}
	lacks, err := newLacks(h.Lacks)
	if err != nil {
		t.Fatalf("llmtest: %v", err)
	}
	return &suite{harness: h, lacks: lacks}
}

// maySend fails the run where [llm.ForbidSend] is in force for the models of the
// harness, since all cases would then fail for that one reason.
func (s *suite) maySend(t *testing.T) bool {
	if llm.MaySend(llm.Info{}) == nil {
		return true
	}
	return t.Run("may-send", func(t *testing.T) {
		s.within(t, false, func(t *testing.T) {
			c := &run{T: t, suite: s}
			m := c.model(says("yes"))
			_, err := m.Generate(c.Context(), c.ask())
			if errors.Is(err, llm.ErrRejected) && llm.MaySend(m.Info()) != nil {
				c.Fatal("llmtest: llm.ForbidSend is in force, and the model asks. Allow the models of this suite where it is called, " +
					"but not that of RunGuard: llm.ForbidSend(func(i llm.Info) bool { return i.Model != \"forbidden\" })")
			}
		})
	})
}

// testCase is one case of the suite.
type testCase struct {
	name    string       // the law it belongs to, and what it tries: "law05/break"
	explain string       // printed when it fails: what the law says, why it matters, what to look at
	needs   []Capability // it is skipped where one of these is lacking
	real    bool         // in real time always: a lock that is held stops the clock of a bubble
	run     func(c *run)
}

// runAll runs the cases, those in real time last: from there no bubble leads back in
// time, where a middleware that keeps its state would be lost.
func (s *suite) runAll(t *testing.T, cases []testCase) {
	for _, real := range []bool{false, true} {
		for _, c := range cases {
			if c.real == real && !s.over {
				s.run(t, c)
			}
		}
	}
	if s.mw == nil && !s.over {
		s.tryLacks(t)
	}
	t.Log(s.report())
}

// run runs a case as a subtest.
func (s *suite) run(t *testing.T, tc testCase) {
	s.cases++
	t.Run(tc.name, func(t *testing.T) {
		skip, r := s.lacks.missing(tc.needs), result{name: tc.name}
		defer func() {
			switch {
			case t.Failed():
				t.Logf("what %s checks: %s", tc.name, tc.explain)
				r.state = stateFailed
			case skip != "":
				r.state, r.why = stateSkipped, skip
				defer t.Skip(skip)
			}
			s.results = append(s.results, r)
		}()
		if skip != "" {
			return
		}
		s.within(t, tc.real, func(t *testing.T) {
			c := &run{T: t, suite: s, over: make(chan struct{})}
			defer func() {
				close(c.over)
				skip, r.blind = c.skip, c.blind
			}()
			defer c.caught()
			tc.run(c)
		})
	})
}

// within runs a case in a bubble, or in real time.
func (s *suite) within(t *testing.T, real bool, f func(t *testing.T)) {
	if real || !s.harness.Virtual {
		f(t)
		return
	}
	// A bubble whose goroutines wait for ever panics.
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the case did not end: %v", p)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		// Each bubble starts in the year 2000. A middleware keeps its state from one
		// case to the next, and for it the clock must not go back.
		start := time.Now()
		time.Sleep(s.clock)
		defer func() { s.clock = time.Since(start) }()
		// What is slow to end is the business of law 5's cases. In all others it
		// gets the time, since a bubble cannot be left before it has ended.
		defer time.Sleep(time.Minute)
		f(t)
	})
}

package fake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parley-sdk/parley/llm"
)

// New returns a model that plays the turns in order, one a call; see [Turn.On] for
// turns that wait for their request, and [Turn.Times] for those that are played again.
// A call for which no turn is left is an [llm.ErrInternal] that is not retryable. It
// shows the shape of the request (roles, kinds of parts, names of tools, lengths) but
// none of its content; [Model.AssertExhausted] shows that.
//
// The script decides, not the request: tool choice, output format, token limits and
// sampling settings change nothing in what a turn answers.
//
// A turn is consumed when the call takes it, also where the caller then leaves the
// loop, or the context ends during [Turn.Delay]. Of several calls at once each gets
// a turn of its own.
func New(turns ...Turn) *Model {
	s := &script{turns: slices.Clone(turns), played: make([]atomic.Int64, len(turns)), misses: make([]atomic.Pointer[miss], len(turns))}
	var faults []error
	for i, t := range turns {
		if t.faults != "" {
			faults = append(faults, &llm.Error{Code: llm.ErrInternal, Message: fmt.Sprintf("turns[%d]: %s", i, t.faults)})
		}
	}
	s.fault = errors.Join(faults...)
	return newModel(s)
}

// script plays turns.
type script struct {
	turns  []Turn
	played []atomic.Int64         // how often
	misses []atomic.Pointer[miss] // the last request that passed a turn over
	fault  error                  // what is wrong with the turns themselves

	mu         sync.Mutex
	unanswered []string // the first calls that found no turn, and why
}

// miss is a request that did not match a turn, and why.
type miss struct {
	arrived
	failed []Matcher
}

func (s *script) answer(_ context.Context, c *call) (take, error) {
	if s.fault != nil {
		e := s.unanswer(c, "the script cannot be played")
		e.Err = s.fault
		return take{}, e
	}
	if t, ok := s.next(c); ok {
		return t.take(c), nil
	}
	return take{}, s.unmatched(c)
}

// next takes the first turn left that matches. One pass is enough: what was passed
// over has been played, or does not match this request. Matchers belong to the
// user, so no lock may be held here; take settles which of two calls gets a turn.
func (s *script) next(c *call) (Turn, bool) {
	for i, t := range s.turns {
		if s.isPlayed(i) {
			continue
		}
		if len(t.matchers) > 0 {
			this := arrived{c.req, c.n}
			if failed := t.mismatch(this); failed != nil {
				s.misses[i].Store(&miss{this, failed})
				continue
			}
		}
		if s.take(i) {
			return t, true
		}
	}
	return Turn{}, false
}

// take uses a turn once, unless it is used up.
func (s *script) take(i int) bool {
	return s.turns[i].always || s.played[i].Add(1) <= s.turns[i].plays()
}

func (s *script) isPlayed(i int) bool {
	return !s.turns[i].always && s.played[i].Load() >= s.turns[i].plays()
}

// plays is how often a turn is played.
func (t Turn) plays() int64 { return int64(max(1, t.times)) }

// unmatched is the error of a call that finds no turn.
func (s *script) unmatched(c *call) error {
	left := 0
	for i := range s.turns {
		if !s.isPlayed(i) {
			left++
		}
	}
	why := "the script has been played to its end"
	switch {
	case len(s.turns) == 0:
		why = "no turns are scripted"
	case left > 0:
		why = fmt.Sprintf("none of the turns that are left matches (%d of %d)", left, len(s.turns))
	}
	return s.unanswer(c, why+"; the request: "+shape(c.req, 160))
}

// unanswer notes that a call has no answer, and why, and returns its error.
func (s *script) unanswer(c *call, why string) *llm.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unanswered) < reportUnanswered {
		s.unanswered = append(s.unanswered, c.id+": "+why)
	}
	return c.broken("%s", why)
}

func (s *script) left() (unused, unanswered []string) {
	shadow := -1 // a turn that leaves none to those behind it
	for i, t := range s.turns {
		if t.always && t.matchers == nil && shadow < 0 {
			shadow = i
		}
		if t.always || s.isPlayed(i) {
			continue
		}
		said := fmt.Sprintf("turns[%d]: %s", i, t.describe())
		if shadow >= 0 {
			said += fmt.Sprintf(", never reached: turns[%d] is for ever", shadow)
		}
		if n := s.played[i].Load(); n > 0 || t.plays() > 1 {
			said += fmt.Sprintf(", played %d of %d times", n, t.plays())
		}
		if m := s.misses[i].Load(); m != nil {
			said += m.diff()
		}
		unused = append(unused, said)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return unused, slices.Clone(s.unanswered)
}

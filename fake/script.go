package fake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/parley-sdk/parley/llm"
)

// New returns a model that plays the turns in order, one a call; see [Turn.When] for
// turns that wait for their request. A call for which no turn is left is an
// [llm.ErrInternal] that is not retryable. It shows the shape of the request (roles,
// kinds of parts, names of tools, lengths) but none of its content.
//
// The script decides, not the request: tool choice, output format, token limits and
// sampling settings change nothing in what a turn answers.
//
// A turn is consumed when the call takes it, also where the caller then leaves the
// loop, or the context ends during [Turn.Delay]. Of several calls at once each gets
// a turn of its own.
func New(turns ...Turn) *Model {
	s := &script{turns: slices.Clone(turns), played: make([]atomic.Bool, len(turns))}
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
	played []atomic.Bool
	fault  error // what is wrong with the turns themselves
}

func (s *script) answer(_ context.Context, c *call) (take, error) {
	if s.fault != nil {
		e := c.broken("the script cannot be played")
		e.Err = s.fault
		return take{}, e
	}
	if t, ok := s.next(c.req); ok {
		return t.take(c), nil
	}
	return take{}, s.unmatched(c)
}

// next takes the first turn left that matches. One pass is enough: what was passed
// over has been played, or does not match this request. Matchers belong to the
// user, so no lock may be held here; Swap settles which of two calls gets a turn.
func (s *script) next(req *llm.Request) (Turn, bool) {
	var shown *llm.Request // the copy for matchers
	for i, t := range s.turns {
		if s.played[i].Load() {
			continue
		}
		if t.match != nil {
			if shown == nil {
				shown = copyRequest(req)
			}
			if !t.match(shown) {
				continue
			}
		}
		if !s.played[i].Swap(true) {
			return t, true
		}
	}
	return Turn{}, false
}

// unmatched is the error of a call that finds no turn.
func (s *script) unmatched(c *call) error {
	left := 0
	for i := range s.played {
		if !s.played[i].Load() {
			left++
		}
	}
	why := fmt.Sprintf("all %d scripted turns have been played", len(s.turns))
	switch {
	case len(s.turns) == 0:
		why = "no turns are scripted"
	case left > 0:
		why = fmt.Sprintf("none of the %d turns left of %d matches", left, len(s.turns))
	}
	return c.broken("%s; the request: %s", why, shape(c.req, 160))
}

func (s *script) left() []string {
	var out []string
	for i, t := range s.turns {
		if !s.played[i].Load() {
			out = append(out, fmt.Sprintf("turns[%d]: %s", i, t.describe()))
		}
	}
	return out
}

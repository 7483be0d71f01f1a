package breaker

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/parley-sdk/parley/llm"
)

// circuit is the breaker of one key.
type circuit struct {
	key      llm.Info
	group    *group
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	calls    atomic.Int64            // that are under way; raised with the group's lock held
	tripped  atomic.Pointer[tripped] // nil while it is closed
	lastCode llm.Code                // of the last fault; with the breaker's lock held
}

// tripped is how a circuit has opened.
type tripped struct {
	probeAt time.Time // when the breaker lets a probe through
	code    llm.Code  // of the last fault
	after   string    // what, in words
}

// margin makes up for the breaker's open state including the moment at which it ends.
const margin = time.Millisecond

func newCircuit(key llm.Info, g *group) *circuit {
	c := &circuit{key: key, group: g}
	// All these functions run with the breaker's lock held.
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(min(g.opts.Probes, math.MaxInt32)),
		Timeout:     g.opts.OpenFor,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return int64(n.ConsecutiveFailures) >= int64(g.opts.Failures)
		},
		IsExcluded: func(verdict error) bool { return verdict == errNeutral },
		IsSuccessful: func(verdict error) bool {
			code, fault := verdict.(llm.Code)
			if fault {
				c.lastCode = code
			}
			return !fault
		},
		OnStateChange: c.changed,
	})
	return c
}

// changed notes a change of state. It runs with the breaker's lock held, so observers are told
// later.
func (c *circuit) changed(_ string, from, to gobreaker.State) {
	change := Change{Key: c.name(), From: states[from], To: states[to], At: time.Now()}
	switch to {
	case gobreaker.StateOpen:
		change.Code = c.lastCode
		t := &tripped{probeAt: change.At.Add(c.group.opts.OpenFor).Add(margin), code: c.lastCode}
		switch n := c.group.opts.Failures; {
		case from == gobreaker.StateHalfOpen:
			t.after = "a failed probe"
		case n == 1:
			t.after = "a failure"
		default:
			t.after = fmt.Sprintf("%d failures in a row", n)
		}
		c.tripped.Store(t)
	case gobreaker.StateClosed:
		c.tripped.Store(nil)
	}
	c.group.changes.add(change)
}

// name is the key in words.
func (c *circuit) name() string {
	if c.key.Provider == "" {
		return c.key.Model
	}
	return c.key.Provider + "/" + c.key.Model
}

// idle says whether nothing is lost with the circuit but faults in a row.
func (c *circuit) idle() bool { return c.calls.Load() == 0 && c.tripped.Load() == nil }

// rejection is the error of a call that the breaker refused with err.
func (c *circuit) rejection(err error) *llm.Error {
	e := &llm.Error{Code: llm.ErrRejected, Message: "the circuit breaker is half-open and waits for a probe to end"}
	t := c.tripped.Load()
	if t == nil {
		return e // it has closed since
	}
	e.Err = t.code
	if errors.Is(err, gobreaker.ErrOpenState) {
		e.RetryAfter = max(margin, time.Until(t.probeAt))
		e.Message = fmt.Sprintf("the circuit breaker is open after %s; it lets a probe through in %v",
			t.after, (e.RetryAfter - margin).Round(time.Millisecond))
	}
	return e
}

// permit is a call that a circuit let through. The zero permit is one that no circuit knows.
type permit struct {
	circuit *circuit
	done    func(verdict error)
}

// release ends the call. It is called once: the breaker would count a second time.
func (p permit) release(verdict error) {
	if p.circuit == nil {
		return
	}
	p.done(verdict)
	p.circuit.calls.Add(-1)
	p.circuit.group.changes.deliver()
}

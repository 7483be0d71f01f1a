package usage

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/parley-sdk/parley/llm"
)

// New returns middleware that books each call in the ledger, and refuses those for which a
// budget has no room. Several models may share a ledger. Put it innermost, as
// middleware.Standard does: there it sees every attempt that is billed, those too that were
// retried, hedged or fallen back from. With a nil ledger it does nothing.
func New(ledger *Ledger) llm.Middleware {
	return func(next llm.Model) llm.Model {
		if ledger == nil {
			return next
		}
		return &meter{next, ledger}
	}
}

// meter is a model whose calls are booked.
type meter struct {
	next   llm.Model
	ledger *Ledger
}

func (m *meter) Info() llm.Info    { return m.next.Info() }
func (m *meter) Unwrap() llm.Model { return m.next }

func (m *meter) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	c := attempt{ledger: m.ledger, ctx: ctx, req: req, info: m.next.Info(), op: "generate"}
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.book() // where the model panics too
	resp, err := m.next.Generate(ctx, req)
	c.generated(resp, err)
	return resp, err
}

func (m *meter) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	s := &stream{attempt: attempt{ledger: m.ledger, ctx: ctx, req: req, op: "stream"}, next: m.next}
	return s.run
}

// stream is a stream that is booked. It does itself what llm.Once would, in fewer
// allocations.
type stream struct {
	attempt
	next  llm.Model
	used  atomic.Bool
	yield func(llm.Event, error) bool
}

func (s *stream) run(yield func(llm.Event, error) bool) {
	if s.used.Swap(true) {
		yield(nil, llm.ErrStreamReused)
		return
	}
	s.info = s.next.Info()
	if err := s.begin(); err != nil {
		yield(nil, err)
		return
	}
	defer s.book() // where the loop is left, or something panics
	s.yield = yield
	s.next.Stream(s.ctx, s.req)(s.pass)
}

// pass books a call that has ended before its last event is passed on: who has seen it
// may count on it.
func (s *stream) pass(ev llm.Event, err error) bool {
	s.streamed(ev, err)
	if s.state != open {
		s.book()
		return s.yield(ev, err)
	}
	if !s.yield(ev, nil) {
		return false
	}
	if stopped := s.overdrawn(ev); stopped != nil {
		s.state, s.err = failed, stopped
		s.book()
		if s.yield(&llm.UsageUpdate{Usage: s.booked}, nil) {
			s.yield(nil, stopped)
		}
		return false
	}
	return true
}

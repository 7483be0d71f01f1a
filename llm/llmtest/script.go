package llmtest

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Script is what a model is made to answer. The n-th call plays the n-th turn;
// calls at the same time take their turns in no particular order, but each turn is
// played once.
type Script struct {
	Name  string // unique within a run; the model's name in [llm.Info]
	Turns []Turn

	// Set by Run.
	log  *requestLog     // to see what arrives at the model of this script
	over <-chan struct{} // closed when the case has ended: nobody waits for the answer any more
}

// Turn is one call's answer.
type Turn struct {
	// Response is the answer, played as its events.
	Response *llm.Response

	// Events, where not nil, are played as they are, instead of those of Response.
	// A turn whose events lack [*llm.Finish] is an answer that breaks off: the call
	// fails with ErrIncomplete, and over a wire the connection is cut.
	Events []llm.Event

	// Err, where set, ends the turn: after Events, or after the parts of Response,
	// or at once where both are nil. A Finish before it is left out, since a call
	// that failed has none.
	Err error

	// Delay passes before the answer begins.
	Delay time.Duration

	// stall passes after the first delta. Only the model of a script knows of it,
	// which is why the capability Stalls exists.
	stall time.Duration

	// pause is asked before each event, and before the end, how long to wait first. It
	// may do what it likes there, as the application or as a provider that fails: cancel
	// the call, make another, panic. The events count from 0.
	pause func(at int) time.Duration
}

// Model returns a model in memory that plays the script and keeps all laws itself.
// It takes every request that is valid, whatever features it uses. A call beyond
// the last turn is an [llm.ErrInternal] that is not retryable.
//
// A harness over a wire puts it behind its server. Time is that of time.Now and
// timers only, so it runs in a bubble of testing/synctest.
func (s Script) Model() llm.Model {
	name := s.Name
	if name == "" {
		name = "script"
	}
	return &scriptModel{info: llm.Info{Provider: "llmtest", Model: name}, turns: slices.Clone(s.Turns), log: s.log, over: s.over}
}

type scriptModel struct {
	info  llm.Info
	turns []Turn
	next  atomic.Int64
	log   *requestLog
	over  <-chan struct{}
}

func (m *scriptModel) Info() llm.Info { return m.info }

func (m *scriptModel) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.call(ctx, "generate", req))
}

func (m *scriptModel) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return m.call(ctx, "stream", req)
}

// call plays the next turn, once it is ranged over.
func (m *scriptModel) call(ctx context.Context, op string, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		turn, err := m.take(ctx, op, req)
		if err != nil {
			yield(nil, err)
			return
		}
		m.play(ctx, op, turn, yield)
	})
}

// take checks the request and takes the next turn for it.
func (m *scriptModel) take(ctx context.Context, op string, req *llm.Request) (Turn, error) {
	if err := req.Validate(); err != nil {
		return Turn{}, err
	}
	if err := m.alive(ctx, op); err != nil {
		return Turn{}, err
	}
	m.log.add(req)
	n := int(m.next.Add(1))
	if n > len(m.turns) {
		return Turn{}, m.fault(op, "this is call %d, and the script has turns for %d", n, len(m.turns))
	}
	turn := m.turns[n-1]
	if turn.Response == nil && turn.Events == nil && turn.Err == nil {
		return Turn{}, m.fault(op, "turn %d of the script has no response, no events and no error", n)
	}
	return turn, nil
}

// play yields a turn.
func (m *scriptModel) play(ctx context.Context, op string, turn Turn, yield func(llm.Event, error) bool) {
	if err := m.sleep(ctx, op, turn.Delay); err != nil {
		yield(nil, err)
		return
	}
	pause := func(at int) error {
		if turn.pause == nil {
			return nil
		}
		return m.sleep(ctx, op, turn.pause(at))
	}
	finished, stalled, at := false, false, 0
	for ev, err := range turn.events() {
		if err := pause(at); err != nil {
			yield(nil, err)
			return
		}
		at++
		if err == nil && ev == nil {
			err = m.fault(op, "a nil event in the script")
		}
		if err == nil {
			err = m.alive(ctx, op)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if _, ok := ev.(*llm.Finish); ok {
			if turn.Err != nil {
				continue
			}
			finished = true
		}
		if !yield(ev, nil) {
			return
		}
		if isDelta(ev) && !stalled {
			stalled = true
			if err := m.sleep(ctx, op, turn.stall); err != nil {
				yield(nil, err)
				return
			}
		}
	}
	if err := pause(at); err != nil {
		yield(nil, err)
		return
	}
	switch {
	case turn.Err != nil:
		yield(nil, m.scripted(op, turn.Err))
	case !finished:
		yield(nil, &llm.Error{Code: llm.ErrIncomplete, Op: op, Provider: m.info.Provider, Model: m.info.Model,
			Message: "the turn ends without a Finish"})
	}
}

// events returns copies of the turn's events, so that nobody who is handed one can
// change the script.
func (t Turn) events() iter.Seq2[llm.Event, error] {
	if t.Events == nil && t.Response != nil {
		return t.Response.Events()
	}
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range t.Events {
			if ev != nil && reflect.ValueOf(ev).IsNil() {
				ev = nil
			}
			if !yield(cloneEvent(ev), nil) {
				return
			}
		}
	}
}

// sleep waits, unless the context ends first, or the case: a server whose client does not
// heed its context can then be closed, so that the case fails and does not hang.
func (m *scriptModel) sleep(ctx context.Context, op string, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return m.alive(ctx, op)
	case <-m.over:
		return m.fault(op, "the case has ended, and this call has not")
	}
}

// alive returns the error of a context that has ended.
func (m *scriptModel) alive(ctx context.Context, op string) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	return &llm.Error{Code: llm.CodeOf(err), Op: op, Provider: m.info.Provider, Model: m.info.Model, Err: err}
}

// fault is the error of a script that cannot be played. Trying again cannot help.
func (m *scriptModel) fault(op, format string, args ...any) error {
	return &llm.Error{Code: llm.ErrInternal, Op: op, Provider: m.info.Provider, Model: m.info.Model,
		Message: fmt.Sprintf(format, args...), Retryable: new(false)}
}

// scripted makes of the script's error one of this model: typed, and with a message
// that quotes nothing, as law 8 wants. The verdict and the cause stay what they are.
func (m *scriptModel) scripted(op string, err error) error {
	e, ok := err.(*llm.Error)
	if !ok || e == nil {
		e = &llm.Error{Code: llm.CodeOf(err), Err: err}
		if _, bare := err.(llm.Code); bare {
			e.Err = nil
		}
		if llm.IsRetryable(err) != llm.IsRetryable(e.Code) {
			e.Retryable = new(llm.IsRetryable(err))
		}
	}
	c := *e
	c.Message = llm.Redact(e.Message)
	if inner, ok := e.Err.(*llm.Error); ok && inner != nil {
		c.Err = m.scripted(op, inner)
	}
	if c.Provider == "" && c.Model == "" {
		c.Provider, c.Model = m.info.Provider, m.info.Model
	}
	if c.Op == "" {
		c.Op = op
	}
	return &c
}

// isDelta says whether an event carries a piece of the answer.
func isDelta(ev llm.Event) bool {
	switch ev.(type) {
	case *llm.TextDelta, *llm.ReasoningDelta, *llm.ToolCallDelta, *llm.MediaDelta:
		return true
	}
	return false
}

// cloneEvent copies an event and everything in it but payloads, which nobody may
// change.
func cloneEvent(ev llm.Event) llm.Event {
	switch ev := ev.(type) {
	case *llm.PartStart:
		c := *ev
		c.Part = llm.Message{Content: []llm.Part{ev.Part}}.Clone().Content[0]
		return &c
	case *llm.TextDelta:
		return new(*ev)
	case *llm.ReasoningDelta:
		return new(*ev)
	case *llm.ToolCallDelta:
		return new(*ev)
	case *llm.CitationDelta:
		text := &llm.TextPart{Citations: []llm.Citation{ev.Citation}}
		clone := llm.User(text).Clone().Content[0].(*llm.TextPart)
		return &llm.CitationDelta{Index: ev.Index, Citation: clone.Citations[0]}
	case *llm.MediaDelta:
		return new(*ev)
	case *llm.ProviderDelta:
		return new(*ev)
	case *llm.PartStop:
		c := *ev
		if ev.Opaque != nil {
			c.Opaque = new(*ev.Opaque)
		}
		return &c
	case *llm.UsageUpdate:
		return new(*ev)
	case *llm.Finish:
		c := *ev
		c.Warnings = slices.Clone(ev.Warnings)
		return &c
	}
	return ev
}

// requestLog keeps what arrives at the model of a script. A nil log keeps nothing.
type requestLog struct {
	mu       sync.Mutex
	requests []*llm.Request
}

func (l *requestLog) add(req *llm.Request) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, req.Clone())
}

func (l *requestLog) arrived() []*llm.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.requests)
}

// last returns the last request that arrived, or nil.
func (l *requestLog) last() *llm.Request {
	requests := l.arrived()
	if len(requests) == 0 {
		return nil
	}
	return requests[len(requests)-1]
}

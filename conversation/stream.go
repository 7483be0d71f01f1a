package conversation

import (
	"context"
	"fmt"
	"iter"

	"github.com/parley-sdk/parley/llm"
)

// Send asks the model, runs the tools that it calls, and returns its answer when it has none
// more to call: the last step's message, with the usage of all steps. The turn is then
// committed. Without parts the model is asked to continue the history as it is.
//
// After an error, which comes with what had arrived as of [llm.Collect], the history is what it
// was before. Where [Options.Approve] deferred a call the response has [llm.StopToolUse]; see
// [Conversation.Pending].
func (c *Conversation) Send(ctx context.Context, parts ...llm.Part) (*llm.Response, error) {
	return c.send(ctx, silent{}, c.ask(parts))
}

// Stream is [Conversation.Send] as it happens: one stream over all steps, which keeps the laws
// of [llm.Model]. Indices run on from step to step, the result of a call is a part that starts
// whole and stops when the call has ended, and one [llm.Finish] with the usage of all steps
// comes when the turn has been committed. Nothing happens before the loop, and leaving it drops
// the turn.
func (c *Conversation) Stream(ctx context.Context, parts ...llm.Part) iter.Seq2[llm.Event, error] {
	return c.stream(ctx, c.ask(parts))
}

// send plays a turn. Start does what comes before the model is asked; it returns a response
// where that is all.
func (c *Conversation) send(ctx context.Context, s sink, start func(context.Context, *turn) (*llm.Response, error)) (r *llm.Response, err error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, invalid("the context is nil")
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	ctx, t, end := c.begin(ctx, s)
	err = &llm.Error{Code: llm.ErrInternal, Op: "conversation", Message: "the turn panicked"} // unless it returns
	defer func() { end(r, err) }()
	if r, err := start(ctx, t); r != nil || err != nil {
		return r, err
	}
	return t.play(ctx)
}

func (c *Conversation) stream(ctx context.Context, start func(context.Context, *turn) (*llm.Response, error)) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		s := &loud{yield: yield}
		r, err := c.send(ctx, s, start)
		switch {
		case s.left:
		case err != nil:
			if r == nil || r.Usage == (llm.Usage{}) || s.emit(&llm.UsageUpdate{Usage: r.Usage}) == nil {
				yield(nil, err)
			}
		default:
			_ = s.emit(&llm.Finish{StopReason: r.StopReason, RawStopReason: r.RawStopReason, Usage: r.Usage, Provider: r.Provider,
				Model: r.Model, RequestID: r.RequestID, Latency: r.Latency, Warnings: r.Warnings, Raw: r.Raw})
		}
	})
}

// ask begins a turn with a question.
func (c *Conversation) ask(parts []llm.Part) func(context.Context, *turn) (*llm.Response, error) {
	return func(_ context.Context, t *turn) (*llm.Response, error) {
		p := c.committed().pending
		if n := len(p.calls()); n > 0 {
			return nil, invalid(fmt.Sprintf("tool calls wait for results, %d of them: Resume, or Abandon the turn", n))
		}
		if p != nil { // it has its results, and no answer yet
			t.messages, t.usage = p.answered(), p.usage
		}
		if len(parts) == 0 {
			return nil, nil
		}
		question := llm.User(parts...).Clone()
		if err := (&llm.Request{Messages: []llm.Message{question}}).Validate(); err != nil {
			return nil, err
		}
		if err := paired([]llm.Message{question}, true); err != nil {
			return nil, err
		}
		t.messages = append(t.messages, question)
		return nil, nil
	}
}

// silent is the sink of Send.
type silent struct{}

func (silent) ask(ctx context.Context, m llm.Model, req *llm.Request, _ llm.Usage) (*llm.Response, bool, error) {
	r, err := m.Generate(ctx, req)
	if err == nil && r == nil {
		err = &llm.Error{Code: llm.ErrIncomplete, Op: "conversation", Message: "the model returned nothing"}
	}
	return r, false, err
}
func (silent) used(llm.Usage) error             { return nil }
func (silent) result(*llm.ToolResultPart) error { return nil }

// loud is the sink of Stream. It passes events on, in one row of indices.
type loud struct {
	yield func(llm.Event, error) bool
	left  bool
	parts int // that steps before this one have started
}

func (s *loud) emit(ev llm.Event) error {
	if s.left || !s.yield(ev, nil) {
		s.left = true
		return errLeft
	}
	return nil
}

func (s *loud) ask(ctx context.Context, m llm.Model, req *llm.Request, before llm.Usage) (*llm.Response, bool, error) {
	var acc llm.Accumulator
	arrived, begun, finished := false, false, false
	for ev, err := range acc.Tee(m.Stream(ctx, req)) {
		if err != nil && !arrived {
			return nil, false, err
		}
		arrived = true
		if err != nil {
			s.parts += len(acc.Response().Message.Content)
			return acc.Response(), begun, err
		}
		switch ev := ev.(type) {
		case *llm.Finish:
			finished = true
		case *llm.UsageUpdate:
			err = s.emit(&llm.UsageUpdate{Usage: before.Add(ev.Usage)})
		default:
			begun = true
			err = s.emit(moved(ev, s.parts))
		}
		if err != nil {
			return acc.Response(), begun, err
		}
	}
	r := acc.Response()
	s.parts += len(r.Message.Content)
	if !finished {
		return r, begun, &llm.Error{Code: llm.ErrIncomplete, Op: "conversation", Message: "the stream ended without a finish"}
	}
	return r, begun, nil
}

func (s *loud) used(u llm.Usage) error { return s.emit(&llm.UsageUpdate{Usage: u}) }

func (s *loud) result(r *llm.ToolResultPart) error {
	i := s.parts
	s.parts++
	if err := s.emit(&llm.PartStart{Index: i, Part: r}); err != nil {
		return err
	}
	return s.emit(&llm.PartStop{Index: i})
}

// moved is an event with its index moved on. Events are never changed, so it is a copy.
func moved(ev llm.Event, by int) llm.Event {
	if by == 0 {
		return ev
	}
	switch ev := ev.(type) {
	case *llm.PartStart:
		return &llm.PartStart{Index: ev.Index + by, Part: ev.Part}
	case *llm.TextDelta:
		return &llm.TextDelta{Index: ev.Index + by, Text: ev.Text}
	case *llm.ReasoningDelta:
		moved := *ev
		moved.Index += by
		return &moved
	case *llm.ToolCallDelta:
		return &llm.ToolCallDelta{Index: ev.Index + by, Input: ev.Input}
	case *llm.CitationDelta:
		return &llm.CitationDelta{Index: ev.Index + by, Citation: ev.Citation}
	case *llm.MediaDelta:
		moved := *ev
		moved.Index += by
		return &moved
	case *llm.ProviderDelta:
		if ev.Index < 0 {
			return ev
		}
		moved := *ev
		moved.Index += by
		return &moved
	case *llm.PartStop:
		return &llm.PartStop{Index: ev.Index + by, Opaque: ev.Opaque}
	}
	return ev
}

package conversation

import (
	"context"
	"iter"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// Pending returns the calls that wait for a result after a [Defer], in their order; nil if there
// are none, or they have their results and the turn lacks its answer only. They are stored, so that another process can open the conversation and resume it.
func (c *Conversation) Pending() []*llm.ToolCallPart {
	var calls []*llm.ToolCallPart
	for _, call := range c.committed().pending.calls() {
		calls = append(calls, clone(call))
	}
	return calls
}

func clone(call *llm.ToolCallPart) *llm.ToolCallPart {
	return llm.Assistant(call).Clone().Content[0].(*llm.ToolCallPart)
}

// Resume gives results for calls that were pending, see [Conversation.Pending], and goes on with
// the turn. [Options.Approve] is asked again about calls that have none. Where some still wait
// the results are kept, and the response has [llm.StopToolUse] again.
//
// Before it runs calls it commits that it does, and after them their results. So two that resume
// the same turn do not both run them: the slower gets an error that is [ErrConflict]. If the
// model fails after the calls, the next Resume, or Send, goes on from their results. If the
// process dies or the context ends within the calls, it is not known which took effect, and
// they are not run again: give their results, [Conversation.Abandon] the turn, or set
// [Options.RunAgain].
func (c *Conversation) Resume(ctx context.Context, results ...*llm.ToolResultPart) (*llm.Response, error) {
	return c.send(ctx, silent{}, c.resume(results))
}

// ResumeStream is [Conversation.Resume] as it happens, as [Conversation.Stream] does it.
func (c *Conversation) ResumeStream(ctx context.Context, results ...*llm.ToolResultPart) iter.Seq2[llm.Event, error] {
	return c.stream(ctx, c.resume(results))
}

// Abandon gives up the turn that waits. The history is what it was before the turn.
func (c *Conversation) Abandon(ctx context.Context) error {
	if ctx == nil {
		return invalid("the context is nil")
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if c.committed().pending == nil {
		return nil
	}
	return c.commit(ctx, record{Type: dropRecord})
}

// resume goes on with the turn that is pending.
func (c *Conversation) resume(given []*llm.ToolResultPart) func(context.Context, *turn) (*llm.Response, error) {
	return func(ctx context.Context, t *turn) (*llm.Response, error) {
		p := c.committed().pending
		if p == nil {
			return nil, invalid("no turn waits for results")
		}
		results, err := p.with(given)
		if err != nil {
			return nil, err
		}
		calls := p.all()
		if p.begun && len(results) < len(calls) && !c.opts.RunAgain {
			return nil, &llm.Error{Code: llm.ErrInternal, Op: "conversation", Retryable: new(false), Err: ErrConflict,
				Message: "a Resume has begun to run the calls that wait, and it is not known which took effect. If it is over, give their results, Abandon the turn, or set Options.RunAgain"}
		}
		t.messages, t.usage, t.steps = slices.Clip(p.messages), p.usage, p.steps
		if err := t.maxed(); err != nil {
			return t.failed(nil, err)
		}
		known, waits, err := t.decide(ctx, calls, results)
		if err != nil {
			return t.failed(nil, err)
		}
		if waits {
			r := &llm.Response{Message: p.messages[len(p.messages)-1].Clone(), StopReason: llm.StopToolUse}
			return t.deferred(ctx, r, &pending{messages: p.messages, results: results, begun: p.begun})
		}
		if err := t.answerOnce(ctx, calls, known); err != nil {
			return t.failed(nil, err)
		}
		if err := t.sink.used(t.usage); err != nil {
			return t.failed(nil, err)
		}
		return nil, nil
	}
}

// answerOnce is answer for calls that others may be about to run: it commits that they run
// before they do, and what is known of them after.
func (t *turn) answerOnce(ctx context.Context, calls []*llm.ToolCallPart, known map[string]*llm.ToolResultPart) error {
	if len(known) == len(calls) {
		return t.answer(ctx, calls, known)
	}
	p := &pending{messages: t.messages, usage: t.usage, steps: t.steps, results: known, begun: true}
	if err := t.c.commit(ctx, p.record()); err != nil {
		return err
	}
	err := t.answer(ctx, calls, known)
	if ctx.Err() != nil {
		return err
	}
	p.begun = len(known) < len(calls)
	if notKept := t.c.commit(ctx, p.record()); err == nil {
		err = notKept
	}
	return err
}

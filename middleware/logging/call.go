package logging

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// call is what is known of a call while it runs.
type call struct {
	m     *model
	ctx   context.Context
	op    string
	req   *llm.Request
	start time.Time

	err   error
	ended bool          // the model has returned
	left  bool          // the loop's body was entered and did not come back: it was left
	resp  *llm.Response // of Generate

	// Of a stream:
	begun  bool          // there was a first event,
	first  time.Duration // that long after the start
	usage  llm.Usage     // so far
	finish *llm.Finish
	answer *llm.Accumulator // where content is logged
}

func (m *model) begin(ctx context.Context, op string, req *llm.Request) call {
	return call{m: m, ctx: ctx, op: op, req: req, start: time.Now()}
}

// note takes down what a stream yields.
func (c *call) note(ev llm.Event, err error) {
	if err != nil {
		c.err = err
		return
	}
	usage, isUsage := ev.(*llm.UsageUpdate)
	if isUsage && usage != nil { // a nil event is for others to report
		c.usage = usage.Usage
	} else if !isUsage && !c.begun {
		c.begun, c.first = true, time.Since(c.start)
	}
	if finish, ok := ev.(*llm.Finish); ok && finish != nil {
		c.finish = finish
	}
	if c.m.opts.Content {
		if c.answer == nil {
			c.answer = new(llm.Accumulator)
		}
		_ = c.answer.Add(ev) // an event out of order is for others to report
	}
}

// outcome is how a call ended: with an answer where all is zero.
type outcome struct {
	code      llm.Code
	abandoned bool
	panicked  bool
}

func (c *call) outcome() outcome {
	switch {
	case c.err != nil:
		return outcome{code: llm.CodeOf(c.err)}
	case c.finish != nil, c.ended && c.op == "generate":
		return outcome{}
	case c.left:
		return outcome{abandoned: true}
	case c.ended:
		return outcome{code: llm.ErrIncomplete}
	}
	return outcome{panicked: true}
}

// end writes the line. It is deferred, so that it runs when a panic ends the call, too.
func (c *call) end() {
	if c.left {
		// Only a panic can be recovered, runtime.Goexit cannot.
		if v := recover(); v != nil {
			c.left = false
			defer panic(v)
		}
	}
	defer func() { _ = recover() }() // of the handler, or of Level; that of the call goes on
	o := c.outcome()
	code := o.code
	if o.panicked {
		code = llm.ErrUnknown
	}
	level := c.m.opts.Level(code)
	if !c.m.logger.Enabled(c.ctx, level) {
		return
	}
	var buf [most]slog.Attr
	c.m.logger.LogAttrs(c.ctx, level, c.m.opts.Message, c.describe(buf[:0], o)...)
}

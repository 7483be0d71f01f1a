package conversation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// turn is a turn at work: a question, and steps of the model with the results of its calls until
// it answers. Nothing of it reaches the conversation before it commits.
type turn struct {
	c    *Conversation
	sink sink

	messages []llm.Message // that the turn adds to the history
	usage    llm.Usage     // of all steps so far
	steps    int           // that were asked
	failures int           // steps in a row without a call that succeeded
	warnings []llm.Warning
	run      tool.Options
}

// sink is where a turn goes while it is at work: nowhere for Send, to the loop for Stream.
type sink interface {
	// ask asks the model, after steps that used as much as is said. With an error the response
	// is nil or partial, as of [llm.Collect].
	ask(ctx context.Context, m llm.Model, req *llm.Request, before llm.Usage) (r *llm.Response, begun bool, err error)
	// used tells the usage of all steps so far, when another begins.
	used(llm.Usage) error
	// result shows the result of a call.
	result(*llm.ToolResultPart) error
}

// errLeft ends a turn whose loop was left.
var errLeft = errors.New("the loop was left")

// begin starts a turn, under the lock of the conversation.
func (c *Conversation) begin(ctx context.Context, s sink) (context.Context, *turn, func(*llm.Response, error)) {
	t := &turn{c: c, sink: s, run: c.opts.Run}
	tracer, ok := llm.As[hook.Tracer](c.model)
	if !ok {
		return ctx, t, func(*llm.Response, error) {}
	}
	around := t.run.Around
	t.run.Around = func(ctx context.Context, spec llm.Tool, call *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
		ctx, endSpan := tracer.BeginTool(ctx, hook.Tool{Name: spec.Name, Description: spec.Description, CallID: call.ID, Arguments: call.Input})
		end := func(result []llm.Part, err error) { endSpan(result, err) }
		if around == nil {
			return ctx, end
		}
		ctx, endUser := around(ctx, spec, call)
		return ctx, func(result []llm.Part, err error) {
			defer end(result, err)
			if endUser != nil {
				endUser(result, err)
			}
		}
	}
	req := new(llm.Request)
	if c.opts.Request != nil {
		req = c.opts.Request
	}
	ctx, end := tracer.BeginAgent(ctx, hook.Agent{Name: c.opts.Name, Conversation: c.ID(), Request: req})
	return ctx, t, func(r *llm.Response, err error) {
		if errors.Is(err, errLeft) {
			err = nil
		}
		end(r, err)
	}
}

// play asks the model, and runs the calls that it makes, until it answers. It returns the last
// step's response, with the usage of all.
func (t *turn) play(ctx context.Context) (*llm.Response, error) {
	for {
		r, err := t.step(ctx)
		if err != nil {
			return t.failed(r, err)
		}
		calls := r.ToolCalls()
		switch {
		case len(calls) == 0 && r.StopReason != llm.StopPause || refused(r):
			return t.answered(ctx, r)
		case r.StopReason == llm.StopMaxTokens || r.StopReason == llm.StopContextWindow:
			return t.failed(r, &llm.Error{Code: llm.ErrIncomplete, Op: "conversation", Retryable: new(false),
				Message: "the answer was cut short within its tool calls: raise max_tokens, or ask for less"})
		}
		if err := t.maxed(); err != nil { // before tools run for nobody
			return t.failed(r, err)
		}
		if len(calls) > 0 {
			known, waits, err := t.decide(ctx, calls, nil)
			if waits {
				return t.deferred(ctx, r, &pending{messages: t.messages})
			}
			if err == nil {
				err = t.answer(ctx, calls, known)
			}
			if err != nil {
				return t.failed(r, err)
			}
		}
		if err := t.sink.used(t.usage); err != nil {
			return t.failed(r, err)
		}
	}
}

// maxed is the error of a turn that may not ask the model again.
func (t *turn) maxed() error {
	if t.steps < t.c.opts.MaxSteps {
		return nil
	}
	return &llm.Error{Code: llm.ErrIncomplete, Op: "conversation", Retryable: new(false),
		Message: fmt.Sprintf("the turn is not done after %d steps (conversation.Options.MaxSteps)", t.steps)}
}

// step asks the model once. A request that is too long is reduced and sent again, once.
func (t *turn) step(ctx context.Context) (*llm.Response, error) {
	t.steps++
	for overflow := false; ; overflow = true {
		req, err := t.request(ctx, overflow)
		if err != nil {
			return nil, err
		}
		r, begun, err := t.sink.ask(ctx, t.c.model, req, t.usage)
		if r != nil {
			t.usage = t.usage.Add(r.Usage)
			t.warnings = append(t.warnings, r.Warnings...)
		}
		if err == nil {
			if err = wellFormed(r); err == nil {
				t.messages = append(t.messages, r.Message.Clone())
				if t.c.opts.OnStep != nil {
					t.c.opts.OnStep(ctx, t.steps, r.Clone())
				}
			}
			return r, err
		}
		if overflow || begun || t.c.opts.Trim == nil || llm.CodeOf(err) != llm.ErrContextTooLong {
			return r, err
		}
	}
}

// request is what the next step sends.
func (t *turn) request(ctx context.Context, overflow bool) (*llm.Request, error) {
	o := &t.c.opts
	req := new(llm.Request)
	if o.Request != nil {
		req = o.Request.Clone()
	}
	req.System = slices.Concat(o.System, req.System)
	req.Tools = append(t.c.tools.Specs(), req.Tools...)
	history := t.c.committed().messages
	view := &View{
		Messages: slices.Concat(history, t.messages),
		Turn:     len(history),
		Request:  req,
		Model:    t.c.model,
		Overflow: overflow,
	}
	if o.Trim != nil {
		err := o.Trim(ctx, view)
		t.usage = t.usage.Add(view.Usage)
		if err != nil {
			return nil, err
		}
		if err := paired(view.Messages, false); err != nil {
			return nil, &llm.Error{Code: llm.ErrInternal, Op: "conversation", Retryable: new(false), Message: "options.trim left a history that is not valid", Err: err}
		}
		t.warnings = append(t.warnings, view.Warnings...)
	}
	req.Messages = view.Messages
	if o.Prepare != nil {
		req = req.Clone() // what it changes is not the history
		if err := o.Prepare(ctx, t.steps, req); err != nil {
			return nil, err
		}
	}
	return req, nil
}

// decide returns the results that are known before a step's calls run, which are those given and
// those of calls that are denied, and whether the step has to wait.
func (t *turn) decide(ctx context.Context, calls []*llm.ToolCallPart, given map[string]*llm.ToolResultPart) (known map[string]*llm.ToolResultPart, waits bool, err error) {
	if t.c.opts.FailUnknown {
		for _, call := range calls {
			if _, ok := t.c.tools.Lookup(call.Name); !ok && !t.c.external(call.Name) {
				return nil, false, &llm.Error{Code: llm.ErrMalformedOutput, Op: "conversation", Retryable: new(false), Message: "the model called a tool that there is not", Err: tool.ErrUnknown}
			}
		}
	}
	known = make(map[string]*llm.ToolResultPart)
	maps.Copy(known, given)
	waits, err = t.c.decide(ctx, calls, known)
	return known, waits, err
}

// answer runs the calls of a step that have no result, adds theirs to those that are known, and
// all of them to the turn.
func (t *turn) answer(ctx context.Context, calls []*llm.ToolCallPart, known map[string]*llm.ToolResultPart) error {
	var run []*llm.ToolCallPart
	for _, call := range calls {
		if known[call.ID] == nil {
			run = append(run, call)
		}
	}
	answer := llm.Message{Role: llm.RoleUser}
	show := func() error { // all that are there, in the order of their calls
		for _, call := range calls[len(answer.Content):] {
			result := known[call.ID]
			if result == nil {
				break
			}
			answer.Content = append(answer.Content, result)
			if err := t.sink.result(result); err != nil {
				return err
			}
		}
		return nil
	}
	if err := show(); err != nil {
		return err
	}
	var failures []error
	for result, err := range t.c.tools.Run(ctx, &t.run, run...) {
		if err != nil {
			failures = append(failures, err)
		}
		known[result.CallID] = result
		if err := show(); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	t.messages = append(t.messages, answer.Clone())
	return t.countFailures(answer, failures)
}

// countFailures ends a turn in which too many steps in a row had no call that succeeded.
func (t *turn) countFailures(answer llm.Message, failures []error) error {
	for _, p := range answer.Content {
		if result, ok := p.(*llm.ToolResultPart); ok && !result.IsError {
			t.failures = 0
			return nil
		}
	}
	if t.failures++; t.failures <= t.c.opts.MaxFailures {
		return nil
	}
	return &llm.Error{Code: llm.ErrIncomplete, Op: "conversation", Retryable: new(false), Err: errors.Join(failures...),
		Message: fmt.Sprintf("no tool call succeeded in %d steps in a row (conversation.Options.MaxFailures)", t.failures)}
}

// answered commits the turn.
func (t *turn) answered(ctx context.Context, r *llm.Response) (*llm.Response, error) {
	messages := t.messages
	if refused(r) {
		switch t.c.opts.Refused {
		case DropRefused:
			messages = nil
		case RedactRefused:
			messages = []llm.Message{llm.UserText(redactedQuestion), llm.AssistantText(redactedAnswer)}
		default:
			messages = Repair(messages) // its calls will not be run
		}
	}
	rec := record{Type: turnRecord, Messages: messages, Usage: t.usage}
	if messages == nil {
		if t.c.committed().pending == nil {
			return t.whole(r), nil
		}
		rec = record{Type: dropRecord}
	}
	if err := t.c.commit(ctx, rec); err != nil {
		return t.failed(r, err)
	}
	return t.whole(r), nil
}

// What is committed in the place of a turn that was refused.
const (
	redactedQuestion = "(This question was withheld.)"
	redactedAnswer   = "(It was not answered.)"
)

// deferred commits that the turn waits.
func (t *turn) deferred(ctx context.Context, r *llm.Response, p *pending) (*llm.Response, error) {
	p.usage, p.steps = t.usage, t.steps
	if err := t.c.commit(ctx, p.record()); err != nil {
		return t.failed(r, err)
	}
	r = t.whole(r)
	r.StopReason = llm.StopToolUse
	return r, nil
}

// whole is the response of the turn, which has the content of the last step.
func (t *turn) whole(r *llm.Response) *llm.Response {
	whole := *r
	whole.Usage, whole.Warnings = t.usage, t.warnings
	return &whole
}

// failed is what is known of a turn that failed.
func (t *turn) failed(r *llm.Response, err error) (*llm.Response, error) {
	if r == nil {
		if t.usage == (llm.Usage{}) {
			return nil, err
		}
		r = &llm.Response{Message: llm.Message{Role: llm.RoleAssistant}}
	}
	r = t.whole(r)
	r.Usage.Estimated = true
	return r, err
}

func refused(r *llm.Response) bool {
	return r.StopReason == llm.StopRefusal || r.StopReason == llm.StopContentFilter
}

package tool

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options say how calls are run. Zero fields, and nil Options, mean the defaults.
type Options struct {
	// Concurrency is how many calls run at a time. Default 8; 1 is one after the other.
	Concurrency int

	// Timeout is the limit on each call, as of [WithTimeout], which may set an earlier one for
	// a tool. Default: none but that of the context.
	Timeout time.Duration

	// ShowErrors lets the model read the text of every error. Default: of those that the
	// package comment names.
	ShowErrors bool

	// Around, where it is set, is called before each call of a tool with what is called, in
	// the goroutine of the call. The tool gets the context that it returns, and end, if it is
	// not nil, is called once with what came of it: for spans, logs and audits.
	Around func(ctx context.Context, spec llm.Tool, call *llm.ToolCallPart) (_ context.Context, end func(result []llm.Part, err error))
}

// Run runs the calls, several at a time, and yields the result of each in their order, as soon
// as it and all before it are there. Beside a result that is an error stands the error itself:
// it is not one of the loop, which goes on.
//
// Calls start when the loop does. Leaving it ends the context of those that run and waits for
// them; when the context ends, calls that have not begun do not. A call whose arguments are
// not JSON, or that names no tool of the set ([ErrUnknown]), is answered without being run.
func (s *Set) Run(ctx context.Context, opts *Options, calls ...*llm.ToolCallPart) iter.Seq2[*llm.ToolResultPart, error] {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	return func(yield func(*llm.ToolResultPart, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		runs := make([]outcome, len(calls))
		for i := range runs {
			runs[i].done = make(chan struct{})
		}
		defer func() {
			cancel()
			for i := range runs {
				<-runs[i].done
			}
		}()
		go func() {
			permits := make(chan struct{}, o.Concurrency)
			for i, call := range calls {
				if call == nil {
					call = new(llm.ToolCallPart) // of a tool that there is not
				}
				permits <- struct{}{} // here, so that calls begin in their order
				go func() {
					defer close(runs[i].done)
					defer func() { <-permits }()
					runs[i].end(&o, call, nil, &PanicError{}) // where the tool ends its goroutine
					content, err := guard(func() ([]llm.Part, error) { return s.call(ctx, &o, call) })
					runs[i].end(&o, call, content, err)
				}()
			}
		}()
		for i := range runs {
			<-runs[i].done
			if !yield(runs[i].result, runs[i].err) {
				return
			}
		}
	}
}

// outcome is what comes of a call.
type outcome struct {
	done   chan struct{} // closed when the rest is there
	result *llm.ToolResultPart
	err    error
}

// end makes the result.
func (r *outcome) end(o *Options, call *llm.ToolCallPart, content []llm.Part, err error) {
	r.result, r.err = &llm.ToolResultPart{CallID: call.ID, Name: call.Name, Content: content}, nil
	if err == nil {
		err = sendable(content)
	}
	if err != nil {
		r.result = llm.ToolError(call.ID, strings.ToValidUTF8(o.told(err), "\uFFFD"))
		r.result.Name = call.Name
		r.err = fmt.Errorf("tool %q: %w", call.Name, err)
	}
}

// call runs one call.
func (s *Set) call(ctx context.Context, o *Options, call *llm.ToolCallPart) (content []llm.Part, err error) {
	t, ok := s.Lookup(call.Name)
	switch {
	case !ok:
		return nil, &Error{Message: "there is no such tool" + s.choice(), Err: ErrUnknown}
	case call.Malformed != "":
		return nil, &Error{Message: "the arguments are not valid JSON: send a JSON object"}
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	if o.Around != nil {
		copied := *call
		around, end := o.Around(ctx, t.Spec(), &copied)
		ctx = around
		if end != nil {
			defer func() { end(content, err) }()
		}
	}
	err = &PanicError{} // what end is told where the tool ends its goroutine
	input := call.Input
	if len(input) == 0 {
		input = []byte("{}")
	}
	content, err = guard(func() ([]llm.Part, error) { return callWithin(ctx, o.Timeout, t, input) })
	return slices.DeleteFunc(slices.Clone(content), isNil), err
}

// guard makes an error of a panic.
func guard(f func() ([]llm.Part, error)) (content []llm.Part, err error) {
	returned := false
	defer func() {
		if !returned {
			content, err = nil, &PanicError{recover(), debug.Stack()}
		}
	}()
	content, err = f()
	returned = true
	return content, err
}

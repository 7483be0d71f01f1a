package fallback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// call is what has become of a call so far.
type call struct {
	model *model
	op    string
	asked []outcome // of the models that gave no answer that will do, in order
	over  bool      // the last error ended the call, whoever was left to ask
}

// outcome is what became of one model.
type outcome struct {
	info llm.Info
	err  error // nil: its answer was rejected
}

// goesOn notes what became of the model that was asked, and says whether to ask the next:
// not where part of an answer was shown already.
func (c *call) goesOn(ctx context.Context, err error, shown bool) bool {
	n := len(c.asked) + 1
	c.asked = append(c.asked, outcome{c.model.models[n-1].Info(), err})
	c.over = shown || ctx.Err() != nil || err != nil && !c.model.on(err)
	if c.over || n == len(c.model.models) {
		return false
	}
	next := c.model.models[n].Info()
	hook.Tell(ctx, hook.Event{Kind: hook.Fallback, Policy: "fallback", Provider: next.Provider, Model: next.Model, Code: string(llm.CodeOf(err))})
	return true
}

// failure is the error of a call that no model answered.
func (c *call) failure() error {
	last := c.asked[len(c.asked)-1]
	if len(c.asked) == 1 {
		return last.err
	}
	var errs []error
	retryable := false
	var wait time.Duration
	for _, o := range c.asked {
		if o.err == nil {
			continue
		}
		errs = append(errs, o.err)
		retryable = retryable || llm.IsRetryable(o.err)
		if d, ok := llm.RetryAfter(o.err); ok && (wait == 0 || d < wait) {
			wait = d
		}
	}
	message := fmt.Sprintf("gave up after %d of %d models", len(c.asked), len(c.model.models))
	if len(errs) == len(c.model.models) {
		message = fmt.Sprintf("all %d models failed", len(errs))
	}
	e := llm.Annotate(last.err, message)
	e.Op, e.Provider, e.Model = cmp.Or(e.Op, c.op), cmp.Or(e.Provider, last.info.Provider), cmp.Or(e.Model, last.info.Model)
	e.Err, e.RetryAfter = errors.Join(errs...), wait
	if retryable && !c.over {
		e.Retryable = new(true)
	}
	return e
}

// sign says in an answer who gave it, and why that was not the primary.
func (c *call) sign(by llm.Model, provider, model *string, warnings *[]llm.Warning) {
	if *provider == "" || *model == "" {
		info := by.Info()
		*provider, *model = cmp.Or(*provider, info.Provider), cmp.Or(*model, info.Model)
	}
	if len(c.asked) > 0 {
		*warnings = append(slices.Clip(*warnings), llm.Warning{Code: llm.WarningDowngraded, Field: "model",
			Message: "answered by " + name(llm.Info{Provider: *provider, Model: *model}) + ", since " + reasons(c.asked)})
	}
}

// signed is a Finish that says who gave the answer.
func (c *call) signed(by llm.Model, f *llm.Finish) *llm.Finish {
	if f.Provider != "" && f.Model != "" && len(c.asked) == 0 {
		return f
	}
	s := *f
	c.sign(by, &s.Provider, &s.Model, &s.Warnings)
	return &s
}

// rejects says whether an answer that is nothing but its Finish will not do.
func (m *model) rejects(f *llm.Finish) bool {
	if m.onResponse == nil {
		return false
	}
	var answer llm.Accumulator
	return answer.Add(f) == nil && m.onResponse(answer.Response())
}

// noBetter is the warning of an answer that will not do, and is returned all the same.
func (c *call) noBetter() llm.Warning {
	later := c.asked
	for i, o := range c.asked {
		if o.err == nil {
			later = c.asked[i+1:]
		}
	}
	w := llm.Warning{Code: llm.WarningDowngraded, Field: "model", Message: "returned though it will not do, since there was no other answer"}
	if len(later) > 0 {
		w.Message += ": " + reasons(later)
	}
	return w
}

// reasons says what became of some models: names and codes, never other text.
func reasons(of []outcome) string {
	var s []string
	for _, o := range of {
		if o.err == nil {
			s = append(s, "the answer of "+name(o.info)+" would not do")
			continue
		}
		code := &llm.Error{Code: llm.CodeOf(o.err)} // whose text is safe for codes of others too
		s = append(s, name(o.info)+" failed: "+code.Error())
	}
	return strings.Join(s, "; ")
}

// name is a model's name, with what does not print in quotes.
func name(i llm.Info) string {
	if i == (llm.Info{}) {
		return "a model without a name"
	}
	return (&llm.Error{Provider: i.Provider, Model: i.Model}).Error()
}

// empty is the error of a fallback without models.
func (m *model) empty(op string) error {
	return &llm.Error{Code: llm.ErrInternal, Op: op, Message: "a fallback without models: give it one that is not nil", Retryable: new(false)}
}

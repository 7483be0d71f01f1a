package usage

import (
	"cmp"
	"errors"

	"github.com/parley-sdk/parley/llm"
)

const (
	usualMedia = 1600    // tokens of an image or a page, as a guess
	absurd     = 1 << 40 // tokens that no call has
)

// state is how a call ended.
type state int

const (
	open     state = iota // it did not: the loop was left, or something panicked
	answered              // by an answer
	failed                // by an error
)

// outcome is what is known of a call.
type outcome struct {
	state     state
	err       error
	told      llm.Usage // by the provider, so far
	events    bool      // some of an answer came
	delivered size      // of the answer
	answer    answer
}

// answer is what the end of an answer says of itself.
type answer struct {
	model    string
	response *llm.Response // of Generate
	finish   *llm.Finish   // of a stream
}

func (o *outcome) generated(resp *llm.Response, err error) {
	o.state, o.err = answered, err
	if err != nil {
		o.state = failed
	}
	if resp == nil {
		return
	}
	o.told, o.events = resp.Usage, len(resp.Message.Content) > 0 || err == nil
	o.answer = answer{model: resp.Model, response: resp}
	if err != nil || o.unreported() {
		o.delivered.parts(resp.Message.Content)
	}
}

func (o *outcome) streamed(ev llm.Event, err error) {
	if err != nil {
		o.state, o.err = failed, err
		return
	}
	switch ev := ev.(type) { // it may be a nil pointer, as a part may
	case *llm.UsageUpdate:
		if ev != nil {
			o.told = ev.Usage
		}
		return
	case *llm.Finish:
		if ev == nil {
			return
		}
		o.state = answered
		if ev.Usage.TotalTokens() != 0 {
			o.told = ev.Usage
		} else {
			o.told.Estimated = true
		}
		o.answer = answer{model: ev.Model, finish: ev}
	case *llm.TextDelta:
		if ev != nil {
			o.delivered.bytes += len(ev.Text)
		}
	case *llm.ReasoningDelta:
		if ev != nil {
			o.delivered.bytes += len(ev.Text) + len(ev.Redacted)
		}
	case *llm.ToolCallDelta:
		if ev != nil {
			o.delivered.bytes += len(ev.Input)
		}
	case *llm.PartStart:
		if ev != nil {
			o.delivered.part(ev.Part)
		}
	}
	o.events = true
}

// unreported says that the provider did not tell what the call used, or nothing that
// can be true.
func (o *outcome) unreported() bool {
	return o.state != answered || o.told.Estimated || o.told.TotalTokens() == 0 || !plausible(&o.told)
}

func plausible(u *llm.Usage) bool {
	return nests(u) && u.InputTokens < absurd && u.OutputTokens < absurd && 0 <= u.ReasoningTokens && u.ReasoningTokens <= u.OutputTokens
}

// reached says whether the call reached the provider.
func (o *outcome) reached() bool {
	if !o.refused() {
		return true
	}
	if e, ok := errors.AsType[*llm.Error](o.err); ok && e != nil && (e.Status != 0 || e.RequestID != "") {
		return true
	}
	switch llm.CodeOf(o.err) {
	case llm.ErrInvalidRequest, llm.ErrUnsupported, llm.ErrRejected, llm.ErrBudgetExceeded, llm.ErrCanceled, llm.ErrUnauthenticated, llm.ErrUnavailable:
		return false
	}
	return true
}

// refused says that the call failed and nothing came of it.
func (o *outcome) refused() bool {
	return o.state == failed && !o.events && o.told.TotalTokens() == 0
}

// free says that the provider did no work that it bills.
func (o *outcome) free() bool {
	if !o.refused() {
		return false
	}
	switch llm.CodeOf(o.err) {
	case llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrUnsupported,
		llm.ErrContextTooLong, llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady,
		llm.ErrUnavailable, llm.ErrRejected, llm.ErrBudgetExceeded, llm.ErrInternal:
		return true
	}
	return false
}

// usage returns what the call used, Estimated where the provider did not tell all of it.
func (o *outcome) usage(input func() int) llm.Usage {
	switch {
	case o.free():
		return llm.Usage{}
	case !o.unreported():
		return o.told
	}
	u := o.told
	if !plausible(&u) {
		u = llm.Usage{}
	}
	if u.InputTokens == 0 {
		u.InputTokens = input()
	}
	u.OutputTokens = max(u.OutputTokens, perFour(o.delivered.bytes))
	u.Estimated = true
	return u
}

// model is the model that served the call, where anybody says, and else the one that was asked.
func (o *outcome) model(asked string) string {
	if e, ok := errors.AsType[*llm.Error](o.err); ok && e != nil {
		return cmp.Or(o.answer.model, e.Model, asked)
	}
	return cmp.Or(o.answer.model, asked)
}

// described is the answer without its content.
func (a *answer) described() *llm.Response {
	switch f := a.finish; {
	case a.response != nil:
		r := *a.response
		r.Message = llm.Message{}
		return &r
	case f != nil:
		return &llm.Response{StopReason: f.StopReason, RawStopReason: f.RawStopReason, Usage: f.Usage, Provider: f.Provider,
			Model: f.Model, RequestID: f.RequestID, Latency: f.Latency, Warnings: f.Warnings, Raw: f.Raw}
	}
	return nil
}

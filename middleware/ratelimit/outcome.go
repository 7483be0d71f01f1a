package ratelimit

import (
	"errors"

	"github.com/parley-sdk/parley/llm"
)

// outcome is how a call ended. The zero value is a call that panicked.
type outcome struct {
	usage   llm.Usage // as far as the provider told
	ended   bool      // the usage is that of the whole call
	bytes   int       // of text, reasoning and tool input that came
	started bool      // some of an answer came
	err     error
}

func (o *outcome) generated(resp *llm.Response, err error) {
	o.err = err
	if resp == nil {
		return
	}
	o.usage, o.ended, o.started = resp.Usage, err == nil && !resp.Usage.Estimated, len(resp.Message.Content) > 0
	var s size
	s.parts(resp.Message.Content)
	o.bytes = s.bytes
}

func (o *outcome) streamed(ev llm.Event, err error) {
	if err != nil {
		o.err, o.ended = err, false
		return
	}
	switch ev := ev.(type) { // a nil event is for others to report
	case *llm.UsageUpdate:
		if ev != nil {
			o.usage = ev.Usage
		}
		return
	case *llm.Finish: // supersedes what was told before
		if ev != nil {
			o.usage, o.ended = ev.Usage, !ev.Usage.Estimated
		}
	case *llm.TextDelta:
		if ev != nil {
			o.bytes += len(ev.Text)
		}
	case *llm.ReasoningDelta:
		if ev != nil {
			o.bytes += len(ev.Text)
		}
	case *llm.ToolCallDelta:
		if ev != nil {
			o.bytes += len(ev.Input)
		}
	}
	o.started = true
}

// known returns what the call used, if the provider told. What it told early in an answer
// that broke off says little of the output.
func (o *outcome) known() (llm.Usage, bool) {
	u := plausible(o.usage)
	if u.TotalTokens() <= 0 {
		return u, false
	}
	if !o.ended {
		u.OutputTokens = max(u.OutputTokens, o.bytes/4)
	}
	return u, true
}

// plausible is a usage with counters that no sum of a few can overflow.
func plausible(u llm.Usage) llm.Usage {
	const most = 1 << 28 // far beyond any call
	clamp := func(n int) int { return min(max(n, 0), most) }
	u.InputTokens, u.OutputTokens, u.ReasoningTokens = clamp(u.InputTokens), clamp(u.OutputTokens), clamp(u.ReasoningTokens)
	u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite1hTokens = clamp(u.CacheReadTokens), clamp(u.CacheWriteTokens), clamp(u.CacheWrite1hTokens)
	return u
}

// refused says that the call failed before the provider worked on it.
func (o *outcome) refused() bool {
	if o.err == nil || o.started {
		return false
	}
	switch llm.CodeOf(o.err) {
	case llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrUnsupported,
		llm.ErrContextTooLong, llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady,
		llm.ErrUnavailable, llm.ErrRejected, llm.ErrBudgetExceeded:
		return true
	}
	return false
}

// unsent says of a call that was refused that this happened before it was sent.
func (o *outcome) unsent() bool {
	if e, ok := errors.AsType[*llm.Error](o.err); ok && e != nil && (e.Status != 0 || e.RequestID != "") {
		return false
	}
	switch llm.CodeOf(o.err) {
	case llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrUnsupported, llm.ErrRejected, llm.ErrBudgetExceeded:
		return true
	}
	return false
}

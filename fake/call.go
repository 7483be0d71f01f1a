package fake

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/parley-sdk/parley/llm"
)

// call is one call of a model.
type call struct {
	op    string
	info  llm.Info
	n     int          // of the request; 0 until it has arrived
	id    string       // "fake-1"; "" until then
	req   *llm.Request // the recorded copy, which nobody may change
	state *state
}

// complete fills in what an answer leaves open, as a provider would.
func (c *call) complete(r *llm.Response) {
	r.Message.Role = llm.RoleAssistant
	c.number(r.Message.Content)
	if r.StopReason == "" {
		r.StopReason = llm.StopEndTurn
		if len(r.ToolCalls()) > 0 {
			r.StopReason = llm.StopToolUse
		}
	}
	if r.RawStopReason == "" {
		r.RawStopReason = string(r.StopReason)
	}
	if r.Provider == "" {
		r.Provider = c.info.Provider
	}
	if r.Model == "" {
		r.Model = c.info.Model
	}
	if r.RequestID == "" {
		r.RequestID = c.id
	}
	if r.Usage == (llm.Usage{}) {
		r.Usage = estimate(c.req, r.Message.Content)
	}
}

// number gives the tool calls of an answer that have no id the next ones: call_1,
// call_2. It passes over ids that the answer uses already, or the conversation before
// it, which another fake may have answered.
func (c *call) number(parts []llm.Part) {
	lacks := func(p llm.Part) bool { call, ok := p.(*llm.ToolCallPart); return ok && call.ID == "" }
	if !slices.ContainsFunc(parts, lacks) {
		return // as most answers
	}
	used := make(map[string]bool)
	for _, m := range append(slices.Clip(c.req.Messages), llm.Message{Content: parts}) {
		for _, p := range partsOf[*llm.ToolCallPart](m) {
			used[p.ID] = true
		}
	}
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	for _, p := range parts {
		p, ok := p.(*llm.ToolCallPart)
		for ok && p.ID == "" {
			c.state.calls++
			if id := "call_" + strconv.Itoa(c.state.calls); !used[id] {
				p.ID = id
			}
		}
	}
}

// fault is an error of this call. The message is shown to people: no content may go
// into it, only paths, kinds, names and lengths.
func (c *call) fault(code llm.Code, format string, args ...any) *llm.Error {
	return &llm.Error{Code: code, Op: c.op, Provider: c.info.Provider, Model: c.info.Model,
		RequestID: c.id, Message: fmt.Sprintf(format, args...)}
}

// broken is an error of the test's set-up, which trying again does not mend.
func (c *call) broken(format string, args ...any) *llm.Error {
	e := c.fault(llm.ErrInternal, format, args...)
	e.Retryable = new(false)
	return e
}

// interrupted is nil while the context lives.
func (c *call) interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return c.typed(err)
	}
	return nil
}

// typed makes an error one that a model may return: typed, with the verdicts of err,
// and with a text that is safe to log, since that of errors which are not of package
// llm is not printed. An [*llm.Error] stays what it is, but for what a message
// quotes: scripts repeat what providers say, and providers quote the request.
func (c *call) typed(err error) error {
	if e, ok := err.(*llm.Error); ok && e != nil {
		return redacted(e)
	}
	e := c.fault(llm.CodeOf(err), "")
	e.Err = err
	if retryable := llm.IsRetryable(err); retryable != llm.IsRetryable(e.Code) {
		e.Retryable = &retryable
	}
	return e
}

// redacted is e where there is nothing to redact, and else a copy.
func redacted(e *llm.Error) *llm.Error {
	c := *e
	c.Message = llm.Redact(e.Message)
	changed := c.Message != e.Message
	if inner, ok := e.Err.(*llm.Error); ok && inner != nil {
		shown := redacted(inner)
		c.Err, changed = shown, changed || shown != inner
	}
	if !changed {
		return e
	}
	return &c
}

// nilPart returns the index of the first part that is nil, typed or not.
func nilPart(parts []llm.Part) (int, bool) {
	for i, p := range parts {
		if isNil(p) {
			return i, true
		}
	}
	return 0, false
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Interface, reflect.Slice:
		return r.IsNil()
	}
	return false
}

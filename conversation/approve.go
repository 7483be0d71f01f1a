package conversation

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Decision says what becomes of a call: [Run], [Defer], or what [Deny] returns. The zero value
// is none, and ends the turn.
type Decision string

const (
	Run   Decision = "run"   // it is run
	Defer Decision = "defer" // it waits, and with it all calls of its step, for [Conversation.Resume]
)

// Deny answers a call with an error that the model reads, in which the reason stands.
func Deny(reason string) Decision { return Decision(denied + reason) }

const denied = "deny:"

// decide asks about the calls of a step which have no result. It returns results for those that
// are denied, and whether any is deferred.
func (c *Conversation) decide(ctx context.Context, calls []*llm.ToolCallPart, results map[string]*llm.ToolResultPart) (deferred bool, err error) {
	for _, call := range calls {
		if results[call.ID] != nil {
			continue
		}
		decision := Run
		if _, ours := c.tools.Lookup(call.Name); !ours && c.external(call.Name) {
			decision = Defer
		} else if c.opts.Approve != nil && call.Malformed == "" {
			if decision, err = c.opts.Approve(ctx, clone(call)); err != nil {
				return false, err
			}
		}
		switch reason, deny := strings.CutPrefix(string(decision), denied); {
		case deny:
			result := llm.ToolError(call.ID, "the call was not allowed"+because(strings.ToValidUTF8(reason, "\uFFFD")))
			result.Name = call.Name
			results[call.ID] = result
		case decision == Defer:
			deferred = true
		case decision != Run:
			return false, &llm.Error{Code: llm.ErrInternal, Op: "conversation", Retryable: new(false),
				Message: fmt.Sprintf("options.approve returned no decision about tool %q: return Run, Defer or Deny", call.Name)}
		}
	}
	return deferred, nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// external says whether a tool is one of the template that the application runs itself.
func (c *Conversation) external(name string) bool {
	if c.opts.Request == nil {
		return false
	}
	for _, t := range c.opts.Request.Tools {
		if t.Name == name && t.Provider == "" {
			return true
		}
	}
	return false
}

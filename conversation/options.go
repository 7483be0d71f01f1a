package conversation

import (
	"context"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// Options are what a conversation works with. They are copied by [New] and [Open]; zero fields
// mean the defaults.
type Options struct {
	// ID names the conversation in its store. Default: a random one.
	ID string

	// Store keeps what is committed. Default: none; the history lives with the value.
	Store Store

	// System is sent before the messages, and not part of the history.
	System []llm.Part

	// Tools are what the model may call. Their order is kept, for the sake of prompt caches.
	Tools []tool.Tool

	// Request is the template of each step's request: MaxTokens, Reasoning, Options and so on.
	// Its System and Tools come after those above. Calls of its tools that the provider does
	// not run are yours to run: they are deferred, as by [Defer]. It must have no Messages.
	Request *llm.Request

	// Prepare, where it is set, has the last word on each step's request, which is its own
	// copy. Steps of a turn count from 1. An error ends the turn and is returned as it is.
	Prepare func(ctx context.Context, step int, req *llm.Request) error

	// OnStep, where it is set, is shown each response of the model.
	OnStep func(ctx context.Context, step int, r *llm.Response)

	// Approve, where it is set, decides about each call before any of its step is run, one
	// call at a time. Default: [Run]. An error ends the turn and is returned as it is.
	Approve func(ctx context.Context, call *llm.ToolCallPart) (Decision, error)

	// RunAgain lets [Conversation.Resume] run calls that a Resume before it had begun to run, and
	// of which no result is known since it died or was cancelled. Set it where a call may take
	// effect twice. Default: such a Resume is an [ErrConflict].
	RunAgain bool

	// MaxSteps is how often the model may be asked in a turn. Default 16. A turn that needs
	// more is an [llm.ErrIncomplete], and nothing of it is committed.
	MaxSteps int

	// MaxFailures is how many steps in a row may have no call that succeeds. Default 3. One
	// more is an [llm.ErrIncomplete] that joins the errors of its calls.
	MaxFailures int

	// FailUnknown ends a turn in which the model calls a tool that there is not, with an
	// [llm.ErrMalformedOutput]. Default: the model is told, and goes on.
	FailUnknown bool

	// Run says how the calls of a step are run: how many at a time, how long, and what the
	// model reads of errors. See [tool.Options].
	Run tool.Options

	// Refused says what becomes of a turn whose answer was refused or filtered. Default
	// [KeepRefused].
	Refused Refused

	// Trim says what of a long history is sent. Default: all.
	Trim TrimFunc

	// Name is that of the agent in traces.
	Name string
}

// Refused says what becomes of a turn that ended with [llm.StopRefusal] or
// [llm.StopContentFilter]. The response is returned in any case.
type Refused string

const (
	KeepRefused   Refused = ""       // it is committed like any other
	DropRefused   Refused = "drop"   // nothing of it is committed
	RedactRefused Refused = "redact" // words that say so are committed in the place of question and answer
)

// Defaults of [Options].
const (
	defaultMaxSteps    = 16
	defaultMaxFailures = 3
)

package conversation

import (
	"context"

	"github.com/parley-sdk/parley/llm"
)

// TrimFunc changes what of a history is sent. It is called for each step with a view of its own,
// may run for several conversations at a time, and should decide alike for like histories, since
// a prompt cache hits only on what stays the same. An error ends the turn and is returned as it
// is. What it leaves must be valid: calls with their results, reasoning with its calls.
type TrimFunc func(ctx context.Context, v *View) error

// View is what a step is about to send. The log of the conversation stays whole.
type View struct {
	// Messages are the history and the turn at hand. Replace the slice, or messages in it; the
	// parts of messages must not be changed.
	Messages []llm.Message

	// Turn is the index in Messages at which the turn at hand begins. It moves with what is cut.
	Turn int

	// Request is the rest of what will be sent: System, Tools, MaxTokens. It must not be changed.
	Request *llm.Request

	// Model will be asked.
	Model llm.Model

	// Overflow says that the model has refused this view as too long, so that it must shrink.
	Overflow bool

	// Usage is what the function itself spent, by asking a model. It becomes part of the turn's.
	Usage llm.Usage

	// Warnings are added to those of the response: say what was left out.
	Warnings []llm.Warning
}

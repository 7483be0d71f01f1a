package hook

import (
	"context"
	"encoding/json"
)

// Tracer is told of what holds calls of models: the run of a tool, the turn of an agent.
// The models of package tracing are Tracers, which llm.As finds.
//
// Each method begins such an operation. What happens within it gets the context that is
// returned, so that spans nest; end is called once when it is over, whatever the outcome.
// The types of package llm come as any, since this package imports none of it; a value of
// another type counts as nil.
type Tracer interface {
	// BeginTool begins the run of a tool. It ends with its result, a []llm.Part.
	BeginTool(ctx context.Context, t Tool) (_ context.Context, end func(result any, err error))
	// BeginAgent begins a turn of an agent: calls of a model, and tools between them. It
	// ends with the answer, a *llm.Response that has the usage of all its calls.
	BeginAgent(ctx context.Context, a Agent) (_ context.Context, end func(response any, err error))
}

// Tool is the call of a tool that there is: what else a model calls for is text of its own,
// and shall name no span. Arguments are content: a tracer shows them only where it is asked to.
type Tool struct {
	Name        string
	Description string
	CallID      string
	Arguments   json.RawMessage
}

// Agent is who takes a turn, as far as it has names.
type Agent struct {
	Name         string
	ID           string
	Description  string
	Version      string
	Conversation string // the id of the conversation; the calls within the turn are marked with it
	Request      any    // a *llm.Request: the settings, and as content the input
}

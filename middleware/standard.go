package middleware

import (
	"slices"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// Config chooses the layers of [Standard]. In each field nil is that layer's default, [Off]
// leaves the layer out, and any other middleware stands in its place. The zero Config is good.
type Config struct {
	Tracing   llm.Middleware   // once a call, outermost; nil = tracing.New(nil), which does nothing until the process sets up OpenTelemetry
	PerCall   []llm.Middleware // once a call, first outermost: caches, redaction, guards
	Timeout   llm.Middleware   // of the whole call; nil = none, since long answers are legitimate
	Retry     llm.Middleware   // nil = retry.New(nil)
	Breaker   llm.Middleware   // nil = breaker.New(nil)
	RateLimit llm.Middleware   // nil = none, since only you know your quota

	AttemptTimeout llm.Middleware   // of one attempt; nil = timeout.New(nil): its first event, and between events
	PerAttempt     []llm.Middleware // once an attempt, first outermost: headers, logs
	Usage          llm.Middleware   // once an attempt, innermost; nil = none, since only you can read your ledger
}

// Standard returns middleware that applies the layers in their one right order:
//
//	tracing → PerCall → timeout → retry → breaker → ratelimit → attempt timeout → PerAttempt → usage → model
//
// The package documentation says why. What a layer remembers, such as the state of a
// breaker, belongs to this call of Standard and is shared by all models that are wrapped.
func Standard(c Config) llm.Middleware {
	layers := slices.Concat(
		[]llm.Middleware{or(c.Tracing, tracing.New(nil))},
		c.PerCall,
		[]llm.Middleware{c.Timeout, or(c.Retry, retry.New(nil)), or(c.Breaker, breaker.New(nil)), c.RateLimit, or(c.AttemptTimeout, timeout.New(nil))},
		c.PerAttempt,
		[]llm.Middleware{c.Usage},
	)
	return func(next llm.Model) llm.Model { return llm.Wrap(next, layers...) }
}

// Off leaves a layer out: it returns the model as it is.
func Off(next llm.Model) llm.Model { return next }

func or(chosen, standard llm.Middleware) llm.Middleware {
	if chosen != nil {
		return chosen
	}
	return standard
}

// Package hook lets one middleware learn what others do to a call, without knowing them.
// Who wants to know, such as tracing, puts an observer into the context of the call; who
// acts, such as a retry, tells it. Without an observer nothing happens.
package hook

import (
	"context"
	"time"
)

// Kind says what a policy did to a call.
type Kind string

const (
	Retry    Kind = "retry"    // another attempt begins: Attempt, Wait (the backoff that lies behind), Code (of the failure)
	Wait     Kind = "wait"     // the call got its permit after Wait
	Reject   Kind = "reject"   // the policy refused to send: Code, Wait (after which it may be tried again; 0 = not known)
	Timeout  Kind = "timeout"  // a limit ended the call: Wait (how long it lasted)
	Fallback Kind = "fallback" // another model is asked: Provider, Model, Code (of the failure)
	Hedge    Kind = "hedge"    // the same model is asked once more, beside: Attempt, Wait (how long the first had taken)
)

// Event is what a policy did.
type Event struct {
	Kind     Kind
	Policy   string        // the package of the policy: "retry"
	Attempt  int           // the number of the attempt that begins, from 1
	Wait     time.Duration // see the kinds
	Code     string        // an llm.Code
	Provider string        // of the model that is asked
	Model    string
}

// Observer is told of events. It is called by the goroutine of the call, for hedges by
// several at a time, and must be quick.
type Observer func(Event)

type (
	observerKey struct{}
	attemptKey  struct{}
)

// Observe returns a context whose call is watched by f, beside those who watch already.
func Observe(ctx context.Context, f Observer) context.Context {
	if outer, ok := ctx.Value(observerKey{}).(Observer); ok {
		inner := f
		f = func(ev Event) { inner(ev); outer(ev) }
	}
	return context.WithValue(ctx, observerKey{}, f)
}

// Tell tells the observers of a call of an event.
func Tell(ctx context.Context, ev Event) {
	if f, ok := ctx.Value(observerKey{}).(Observer); ok {
		f(ev)
	}
}

// WithAttempt returns a context for the n-th attempt of a call.
func WithAttempt(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptKey{}, n)
}

// Attempt returns the number of the attempt that a context is for: 1 where nobody set it.
func Attempt(ctx context.Context) int {
	if n, ok := ctx.Value(attemptKey{}).(int); ok {
		return n
	}
	return 1
}

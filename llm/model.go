package llm

import (
	"context"
	"iter"
)

// Model is a large language model: a request goes in, a response or a stream of
// events comes out.
//
// Whoever implements it keeps these laws; package llmtest checks them all.
//
//  1. It is safe for concurrent use, and neither changes nor keeps the request. (The
//     caller leaves the request alone until Generate returns, or the loop ends.)
//  2. Its constructor does no I/O. Stream sends nothing before the first iteration
//     and its sequence may be ranged once: a second range yields [ErrStreamReused].
//  3. Generate returns what [Collect] makes of Stream.
//  4. A stream yields at most one error, last, with a nil event. A stream that
//     succeeded ended with exactly one [*Finish]; one that ended in any other way
//     yields [ErrIncomplete].
//  5. Leaving the loop, or cancelling the context, releases everything at once. A
//     cancelled call satisfies errors.Is(err, context.Canceled), one past its
//     deadline errors.Is(err, context.DeadlineExceeded).
//  6. Part indices are dense, ascend where parts start, and may interleave. Text,
//     reasoning and tool input arrive in deltas only; other parts may arrive whole
//     in [*PartStart]. Every part stops before [*Finish]. A rune is never split
//     between deltas. A [*UsageUpdate] may come before everything else; timers
//     and retries that wait for the first event pass over it.
//  7. Nothing is lost in silence. What changes the meaning of a request and cannot
//     be honoured is [ErrUnsupported]; what only tunes it is a [Warning]. Blocks
//     and deltas that the vocabulary lacks are [*ProviderPart] and [*ProviderDelta].
//  8. Errors and their text carry no prompt, completion, tool argument, header or
//     credential.
//  9. A call that fails keeps what is known: the partial message and the usage so
//     far, the latter marked as estimated.
//  10. Tool arguments that are not a JSON object, or broke off, are
//     [ToolCallPart.Malformed]. Empty arguments are {}. A call that the provider runs itself is never a
//     [*ToolCallPart].
//  11. A returned response belongs to the caller; whoever keeps it keeps a
//     [Response.Clone]. Events, and the parts in them, never change once yielded.
//  12. Usage obeys the subset rules of [Usage].
type Model interface {
	// Generate calls the model and returns its whole answer. With an error the
	// response is nil or holds what had arrived, as with [Collect].
	Generate(ctx context.Context, req *Request) (*Response, error)

	// Stream calls the model and yields its answer as it arrives. The context
	// governs the whole loop. The sequence is for one range by one goroutine.
	Stream(ctx context.Context, req *Request) iter.Seq2[Event, error]

	// Info says which model this is. It does no I/O.
	Info() Info
}

// Info names a model. It is comparable, and stays so: use it as a map key.
type Info struct {
	Provider string // as OpenTelemetry names it in gen_ai.provider.name: "aws.bedrock"
	Model    string // the provider's own id for the model
}

// Middleware adds a policy to a model. The model that it returns keeps the laws
// of [Model], holds next in a named field (an embedded one would let a forgotten
// method bypass the policy), and implements Unwrap() Model for [As].
type Middleware func(next Model) Model

// Wrap applies middleware to a model; the first is the outermost:
// Wrap(m, a, b) is a(b(m)). Nil middleware is skipped.
func Wrap(m Model, mws ...Middleware) Model {
	for i := len(mws) - 1; i >= 0; i-- {
		if mws[i] != nil {
			m = mws[i](m)
		}
	}
	return m
}

// As finds the outermost model in a chain of wrappers that is a T: an ability such
// as [TokenCounter], or a concrete type such as *bedrock.Model. It follows methods
// of the form Unwrap() Model, as errors.As follows Unwrap() error.
//
// What it finds is called directly and so bypasses the policies of the wrappers
// above it. A wrapper for which that would be wrong implements the ability itself.
func As[T any](m Model) (T, bool) {
	const deepest = 1000 // a wrapper may unwrap to itself
	for range deepest {
		if m == nil {
			break
		}
		if t, ok := m.(T); ok {
			return t, true
		}
		w, ok := m.(interface{ Unwrap() Model })
		if !ok {
			break
		}
		m = w.Unwrap()
	}
	var zero T
	return zero, false
}

// TokenCounter is the ability to count the input tokens of a request without
// running it. Find it with [As].
type TokenCounter interface {
	// CountTokens returns the number of input tokens that the request would use.
	CountTokens(ctx context.Context, req *Request) (int, error)
}

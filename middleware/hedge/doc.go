// Package hedge asks a model once more where it is slow to answer, and takes the answer
// that comes first. It cuts the tail: the few calls that hang in a queue, or at a host that
// is about to fail, while most are quick.
//
//	model = hedge.New(model, &hedge.Options{Quantile: 0.95})
//
// After [Options.Delay] without an answer the same model is asked again, beside the first
// call. The first good answer is returned; the other calls are cancelled, and have ended
// before Generate returns.
//
// # What it costs
//
// Every further call is paid for: its whole input, and the output until it is cancelled,
// which providers bill too. The usage of the response is that of the winner only. The
// losers are booked by a usage layer inside the model, and [Options.OnLoser] is told what is
// known of them.
//
// With a fixed delay, an outage in which all calls are slow doubles the load when the
// provider can bear it least. [Options.Quantile] keeps to a share of the calls: the delay
// follows what was seen.
//
// Do not hedge where answers are slow because they are long: Generate waits for the last
// token, so a long answer is asked for twice, to no avail. Prefer streams, whose first event
// decides. Do not hedge what waits for a limit: a further call stands in the same queue.
//
// Requests with tools are not hedged unless [Options.Tools] is set.
//
// # Streams
//
// The stream that yields its first event wins. [*llm.UsageUpdate] is not one: those of the
// calls in the race are held, and those of the winner precede its first event. The other
// calls are cancelled at once. Nobody waits for them to end but the winner's Finish, and
// the end of the loop. A stream that fails after its first event fails: there is no way back.
//
// Every call of the model runs in a goroutine of its own, which hands its events over one
// by one, when the loop asks for them. That costs some 0.3 µs an event.
//
// # Errors
//
// A call that fails before another has begun is a matter for retries, and not for this
// package: its error is returned at once, as it is. Where one of several fails the others
// are waited for. Where all fail the error is an [*llm.Error] that joins theirs in the order
// of the calls, with the verdict of the first call, or of the first that has something of an
// answer to go with it. A panic of the model comes out of the caller's Generate, or loop.
//
// # Where it stands
//
// Outside of the layers that work for one call, so that each has its own retries, permits
// and verdict of the breaker, and inside of the trace, so that there is one:
//
//	hedged := func(next llm.Model) llm.Model { return hedge.New(next, nil) }
//	model = llm.Wrap(model, tracing, hedged, retry, breaker, ratelimit, usage)
//
// In the standard stack that is among the layers that run once a call. Below a retry each of
// its attempts would be hedged, so that their numbers multiply; below a limiter two calls
// would share a permit. To the layers inside, a loser is a call that its caller cancelled.
package hedge

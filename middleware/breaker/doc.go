// Package breaker stops calling a provider that fails, so that callers are told at once instead
// of waiting for the next failure, and the provider can recover.
//
// Each key, by default each provider and model, has a circuit. It is closed, and calls pass,
// until a number of them in a row fail. Then it is open, and calls are refused with
// [llm.ErrRejected]. After a while it is half-open: a probe is let through, whose outcome closes
// the circuit or opens it again.
//
// # What counts
//
// Calls are judged by what they say of the provider's health.
//
//   - A fault is an error of [llm.ErrOverloaded], [llm.ErrUnavailable], [llm.ErrTimeout],
//     [llm.ErrInternal] or [llm.ErrIncomplete], and with [Options.RateLimits] also of
//     [llm.ErrRateLimited].
//   - A success is an answer. So is a refusal by the provider itself, which has a status or a
//     request id: [llm.ErrInvalidRequest], [llm.ErrUnauthenticated], [llm.ErrPermissionDenied],
//     [llm.ErrNotFound], [llm.ErrContextTooLong], [llm.ErrContentFiltered], [llm.ErrUnsupported],
//     [llm.ErrMalformedOutput]. Were it not, expired credentials would keep a circuit half-open,
//     and hide behind its rejections.
//   - Everything else is neutral. That is what was refused before it was sent, by validation, a
//     limiter or a budget; [llm.ErrRateLimited], [llm.ErrQuotaExhausted] and [llm.ErrNotReady],
//     by which the provider asks to wait; [llm.ErrUnknown], so that a model has to type its
//     errors; a loop that was left; a panic, which goes on to the caller; and each
//     failure of a call whose own context is done, but see [Options.Deadlines].
//
// A neutral call leaves the faults in a row as they are, and as a probe it makes room for the
// next. As a fault, users who close their browsers would open the circuit; as a success, they
// would close it amid an outage.
//
// A stream is judged when its loop ends: by its error, or as a success where [*llm.Finish] came.
// An end without either is [llm.ErrIncomplete]. A stream that is not ranged over is no call.
// The outcome of a call that began before its circuit last changed is not counted.
//
// # Where it stands
//
// Inside retries, so that each attempt is judged, and an open circuit, whose error is not
// retryable, ends the attempts. Outside the rate limiter, so that a rejected call takes no
// permit, and waiting for one does not look like a slow provider. The timers of an attempt
// belong inside: without them a provider that never answers is not judged, and a probe that
// hangs keeps the circuit half-open.
//
// # Choosing values
//
// Faults are counted in a row, so that a provider which fails every other call stays in use;
// retries are the better answer to that. Failures: five are reached within seconds of an
// outage, and seldom by chance. Choose more for hundreds of calls at a time, since one hiccup
// fails many of them, and less for a few calls an hour. OpenFor: a provider that recovers is
// noticed so late, at most; one that does not costs a call each time, two a minute with 30 s. Probes:
// more than one where a single answer proves little, as with many hosts behind an address. A
// probe that streams a long answer keeps other calls out until it has ended.
//
// # Health checks
//
// [States] tells of the circuits of one chain of wrappers. A fallback unwraps to its first model,
// so ask each of its models. A key that is not there has had no call, or was dropped while it
// was closed: it is not unhealthy.
//
// # Keys
//
// The state belongs to the call of [New]. The models that its middleware wraps share it, and
// those of the same provider and model share a circuit. A region may fail while others do not:
// clients for several regions, accounts or endpoints get a New each, or, where one model
// serves them all, an [Options.Key].
//
// Up to 1,024 circuits are kept. Beyond that the least recently used go that are closed and have
// no call under way, by which no more is lost than a few faults. Those that are open or half-open
// stay, even if they are more.
package breaker

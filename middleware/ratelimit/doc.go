// Package ratelimit keeps calls within a provider's quotas: requests a minute, tokens a
// minute, and calls at a time. A call that does not fit waits for its turn, first come,
// first served.
//
//	model = llm.Wrap(model, ratelimit.New(&ratelimit.Options{
//		RequestsPerMinute: 250,
//		TokensPerMinute:   400_000,
//	}))
//
// # Tokens
//
// What a call will use is not known before it ends. So its input, as estimated, and the
// most it may generate (MaxTokens) are reserved before it is sent, and what it really used
// is settled after: the rest comes back at once, and what it used beyond the reservation
// is a debt that later calls wait for. Over time the real tokens keep to the limit, however
// wrong the estimates are; the reservations never exceed it. The debt of a key is at most
// what flows in within an hour, at the limit that is set: what is beyond that is forgotten,
// so that a report of absurd numbers does not close a key for ever.
//
// A limit is a bucket that holds a burst and fills at the rate of the limit. In any minute,
// what is reserved, less what came back, is at most the limit and the burst.
//
// Set MaxTokens close to what answers need: a bucket that reserves 64,000 tokens for an
// answer of 200 lets few calls through at a time. Providers reserve in the same way.
//
// What comes back of a call depends on how it ended:
//
//   - With usage, be it of a whole answer or of a partial one: [Options.Used] of it is
//     settled. An answer that broke off, or whose usage is marked as estimated, is taken to
//     have generated at least a token for each four bytes that came. The usage at the end
//     supersedes what was told before, also where it is none.
//   - Refused before it was worked on, which is an error without usage or any part of an
//     answer, of one of the codes ErrInvalidRequest, ErrUnauthenticated,
//     ErrPermissionDenied, ErrNotFound, ErrUnsupported, ErrContextTooLong, ErrRateLimited,
//     ErrQuotaExhausted, ErrOverloaded, ErrNotReady, ErrUnavailable, ErrRejected and
//     ErrBudgetExceeded: all its tokens come back. The request comes back too where nothing
//     was sent: for ErrInvalidRequest, ErrUnauthenticated, ErrUnsupported, ErrRejected and
//     ErrBudgetExceeded without status and request id.
//   - Otherwise, as after a timeout or where a provider reports no usage, the reservation
//     stands.
//
// # Waiting
//
// Each key ([Options.Key]; by default each model) has its own buckets and its own queue. A
// small call does not overtake a large one, so that large ones get their turn. A wait ends
// with the caller's context, as [llm.ErrCanceled] or [llm.ErrTimeout].
//
// A call is refused at once, with [llm.ErrRejected], where it reserves more tokens than the
// bucket can hold, and where its turn would come too late for the deadline of its context,
// as far as the calls before it tell; [llm.RetryAfter] then has the wait it would have had.
// How long others hold the slots of MaxConcurrent is not known: who waits for one waits
// until the deadline. [Options.MaxWait] refuses longer waits than that too, and keeps time
// for the call itself.
//
// Requests and tokens are taken when a call starts. The slot of a call is held until
// Generate returns, or the loop over the stream ends.
//
// Put it inside of retries, as middleware.Standard does: each attempt takes its turn.
//
// # Several processes
//
// The limits hold in one process. A quota that several share is divided between them, or
// kept in a store that they share: see [Limiter].
//
// # Amazon Bedrock
//
// Bedrock reserves the whole input, cached or not, and MaxTokens (the model's maximum where
// it is not set), and settles the input without cache reads and the output, each token of
// which counts as several for some models: five for Claude 3.7 and later, as of 2026. So set
// the quotas of the model, and Used: ratelimit.Burndown(5) for those models. Daily quotas are
// not kept here.
package ratelimit

// Package retry asks a model again after failures that are likely to pass.
//
//	m = llm.Wrap(m, retry.New(nil))
//
// # What is retried
//
// By default what [llm.IsRetryable] says: rate limits, overload, a model that is still being
// loaded, faults of the provider and of the way to it, the timeouts of a policy further in,
// and answers that broke off. [llm.ErrMalformedOutput] is retried where the backend says that
// a second try may help, and at most once a call: a model that fails twice to keep to a schema
// has a schema that it cannot keep to.
//
// Generate is retried also where part of the answer had arrived, since its caller has seen none
// of it. If no attempt succeeds, the partial response of the last one comes with the error.
//
// A stream is retried until it has yielded its first event. From then on everything passes as
// it comes: part of the answer has been shown, and another attempt would begin another answer.
// An [*llm.UsageUpdate] is no first event. It is passed on at once, that of a failed attempt
// too, so the usage of a stream may be told by several attempts; the last one told counts.
//
// # What is not
//
// No attempt begins once the caller's context is done. The same goes for errors that another
// try would not change: a wrong request, a refusal, a quota that is used up, and the
// [llm.ErrRejected] of a limiter or breaker, which know better when to try again.
//
// Each attempt may be billed, also one that failed or broke off. The usage of a response is
// that of the attempt it came from.
//
// # Delays
//
// Before attempt n+1 lies a random time of up to BaseDelay*2^(n-1), and never more than MaxDelay.
// It is random from zero on ("full jitter"), so that callers who failed together do not come
// back together. Where the provider said how long to wait, that is the delay, but never more
// than MaxDelay.
//
// If the delay would outlast the context's deadline, or MaxElapsed, the call fails at once:
// the time is better spent elsewhere, such as on a fallback.
//
// # Budgets
//
// Retries help where some calls fail. In an outage, where all fail, they multiply the load on a
// provider that may be down because of its load. A [Budget] keeps the two apart: retries are
// limited to a share of calls, 20 % by default, and a few a minute besides, so that who makes few
// calls gets all the retries. Without it, four attempts a call are four times the load; with it
// the load is about 1.2 times what it was.
//
// A budget belongs to a call of [New], and all models that its middleware wraps share it, unless
// [Options] has one that several calls of New share. It is kept in the process: ten processes
// have ten budgets, whose shares come to the same share of all calls, and whose floors add up.
//
// # Errors
//
// An error that is not retried passes unchanged. Where a retry was made, or called for and
// refused, the error is that of the last attempt with words in front: "gave up after 3 attempts
// in 4.2s", and the reason where it is another than their number. Its code, status, request id
// and causes are those of the last attempt. It is no longer retryable, so that a retry further
// out does not multiply attempts; a fallback goes by codes, and still takes over.
//
// A context that ends during a delay ends the call at once, with an [llm.ErrCanceled], or an
// [llm.ErrTimeout] for a deadline, that matches both the context's error and the last attempt's.
// One that ends during a later attempt ends the call with that attempt's error, "ended in attempt
// 2", and the failure that led to it is a cause too.
//
// # Choosing values
//
// The defaults are for a service that calls a hosted model: four attempts with at most 3.5 s of
// delays between them, unless the provider asks for more.
//
//   - Where somebody waits for the answer, put a deadline on the context or set MaxElapsed, and
//     leave the rest. A fallback does more for them than patience.
//   - A batch that may wait sets MaxAttempts to 8 or 10 and BaseDelay to some seconds, since
//     quotas that are counted by the minute need delays of that order; its Budget must allow
//     that many, and no breaker or total may end it before. A rate limit on this side is better
//     still, since it does not run into the quota at all. See the guide to resilience in docs.
//   - MaxDelay also limits what a provider may ask for. If it is below the time that a rate limit
//     really needs, retries only use up attempts.
//   - If whole bursts of failures are to be retried, raise the budget's Floor.
//
// # One retry only
//
// Layers multiply: four attempts over three of an SDK are twelve requests, on two schedules
// that know nothing of each other, and past the budget. So the AWS SDK's own retryer must be
// off, and package bedrock turns it off unless its option KeepSDKRetries is set. The clients of
// other providers mostly retry too: set them to one attempt.
//
// Retry belongs outside breaker, limiter and the timeouts of an attempt, which then act on
// each attempt, and inside tracing and the timeout of the whole call.
package retry

// Package middleware puts policies around a model in their one right order. The policies
// are the packages below it, each an [llm.Middleware] of its own:
//
//	defaults    fills what requests leave unset
//	timeout     limits on the whole call, one attempt, the first event, and between events
//	retry       tries again what may succeed, within a budget
//	breaker     stops asking a provider that is down
//	ratelimit   keeps requests, tokens and concurrent calls within a quota
//	fallback    asks other models when one fails
//	hedge       asks the same model twice where it is slow
//	logging     one line a call
//	tracing     OpenTelemetry spans and metrics
//	usage       a ledger of tokens and money, and budgets
//
// # Use
//
// [Standard] with the zero [Config] traces, retries, breaks the circuit and cuts attempts that
// stall. Every layer can be replaced or left out:
//
//	model = llm.Wrap(model, middleware.Standard(middleware.Config{
//		Timeout:    timeout.New(&timeout.Options{Total: 5 * time.Minute}),
//		RateLimit:  ratelimit.New(&ratelimit.Options{RequestsPerMinute: 500, TokensPerMinute: 1_000_000}),
//		PerAttempt: []llm.Middleware{logging.New(slog.Default(), nil)},
//	}))
//
// # The order, and what breaks in others
//
// Outermost first:
//
//	tracing → PerCall → timeout → retry → breaker → ratelimit → attempt timeout → PerAttempt → usage → model
//
// Each layer stands where it does for a reason:
//
//   - Tracing is outermost, so that one span is one call as the application sees it: inside
//     retry it would be one an attempt, and backoff and queues would be nowhere.
//   - PerCall stands before everything that costs or limits: a cache inside the limiter would
//     spend permits on its hits, and inside usage it would bill them.
//   - The timeout of the whole call is outside retry. Inside, each attempt would get all of it
//     anew, and a call could last as often as it is tried.
//   - Retry is outside breaker and limiter: each attempt takes a permit and is judged. Outside
//     it, the breaker would see one failure where the provider gave four, and retries would pass
//     the limiter uncounted, just when the provider is at its limit. What the breaker rejects is
//     not retryable, so an open breaker also ends the loop.
//   - The breaker is outside the limiter: while it is open no permits are spent and nobody queues
//     for a call that will not be made. Inside, probes would wait in the queue of a model that
//     is down.
//   - The timers of an attempt are inside the limiter: the wait for a permit is not the
//     provider's. Outside, a queue would look like a stall, and would be retried into the same
//     queue. They are inside breaker and retry, so that a stalled attempt is cut, counted as the
//     provider's fault, and tried again; outside retry a first attempt that stalls would be the
//     end of the call.
//   - PerAttempt is what must see each attempt on its own: logs and headers.
//   - Usage is innermost: it sees every attempt that reached the provider, and bills those that
//     were retried away too.
//
// Fallback and hedge join several calls, so they are models around models, not layers: give
// each model of a fallback its own stack, so that each has its own breaker and retries, and what
// its stack gives up goes to the next. Defaults belong in PerCall, or outside.
//
// # State
//
// What a layer remembers belongs to the constructor call that made it. Where one value of
// Standard wraps two models, they share its retry budget and its ledger. Its breaker and its
// limiter keep their books by provider and model, unless told otherwise: apart for two models,
// but one for the same model in two regions. Models that are to have nothing in common, such as
// those of a fallback, get a Standard each: write a function that returns a new one.
//
// # Writing your own
//
// A middleware keeps the next model in a named field, treats Generate and Stream with the same
// care, and implements Unwrap; llmtest.RunMiddleware checks it. Callbacks of the policies here
// run without a lock held.
package middleware

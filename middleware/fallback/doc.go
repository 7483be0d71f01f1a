// Package fallback asks another model where one fails: a second region, a second family, a
// second provider.
//
//	model := fallback.New(primary, second, third)
//
// The models are asked in order, each once, and the first answer is returned. What is
// returned says who served: Provider and Model are those of the model that answered, and
// where that is not the primary a [llm.Warning] of code [llm.WarningDowngraded] says why.
//
// # When another model is asked
//
// The code of an error decides, see [Eligible] and [Options.On]: by default where a model is
// limited, down, too slow, broken (ErrInternal), cut off (ErrIncomplete), or cannot do what is
// asked. Whether the error is retryable does not count, since retries that are exhausted mark
// their error as not retryable.
// An error that is not eligible ends the call: an invalid request is invalid elsewhere
// too, and a budget that is spent should not be spent again. A caller who gave up wants no
// other answer: once the context of the call is done, no further model is asked.
//
// A limit of time that covers the whole chain is used up by the first model that hangs.
// Give each model a timeout of its own, shorter than the caller's divided by the models.
//
// # Streams
//
// A stream moves on to another model only before its first event: once something of an
// answer was shown, its error is the stream's. [*llm.UsageUpdate] is passed on at once and
// is no first event. An update of the next model, and [*llm.Finish] in any case, supersede it.
//
// # Answers that will not do
//
// [Options.OnResponse] moves on for answers too, such as refusals. It is a preference and
// not a guard: where no other model answers, the last answer there was is returned, with a
// warning, since the application knows better than an error what to do with a refusal.
// So check what must never pass where the answer is used.
//
// A stream can be judged only where nothing has been shown of it yet: where Finish is its
// very first event, as with an answer that is empty, or a refusal without a text.
//
// # Errors
//
// Where only one model was asked, its error is returned as it is. Else the error is an
// [*llm.Error] that joins those of all models asked, in their order. It has the code and
// the identity of the last; RetryAfter is the shortest that any of them gave, since then
// the chain may answer again. Where the chain was exhausted, trying again may help if it may
// help with any of its models ([llm.IsRetryable]); where it ended for an error that is not
// eligible, within an answer, or with the caller's context, the last error alone decides. A
// partial response beside the error is that of the model asked last.
//
// # Where it stands
//
// Give each model its own layers, and put around the fallback only what belongs to the
// whole call, such as a cache, a total timeout and the trace:
//
//	model := fallback.New(llm.Wrap(a, newStack()), llm.Wrap(b, newStack()))
//	model = llm.Wrap(model, tracing.New(nil), timeout.New(&timeout.Options{Total: 2 * time.Minute}))
//
// Here newStack is a function that returns a new middleware.Standard each time, with its Tracing
// Off and a Total of less than half as much. One value around both models would be one retry
// budget for both. Retries of a model end before the next is asked, its breaker and its limits
// are its own (an open breaker and a full limiter are [llm.ErrRejected], and move on at once), and
// a usage layer inside books each attempt to the model that made it: rejected answers and
// failures cost too, and the usage of the response is only that of the model that served.
// Layers around the fallback see one model, whose Info is the primary's: a retry there
// repeats the whole chain, and a breaker, a limiter or a budget takes what others served
// for the primary's.
//
// # The request
//
// Every model gets the same request. [llm.Request.Options] and [llm.Opaque] state that
// belong to another provider are ignored by backends, so both may stay in it.
package fallback

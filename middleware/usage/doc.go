// Package usage says what calls use and cost, by model, tenant or whatever else they are for, and
// refuses those for which a budget has no room.
//
//	ledger := usage.NewLedger(&usage.Options{Budgets: []usage.Budget{
//		{Tags: map[string]string{"tenant": "acme"}, Limit: usage.MustUSD("25"), Period: 24 * time.Hour},
//	}})
//	model = llm.Wrap(model, middleware.Standard(middleware.Config{Usage: usage.New(ledger)}))
//
//	ctx = usage.WithTags(ctx, map[string]string{"tenant": "acme"})
//	resp, err := model.Generate(ctx, req)
//	fmt.Println(ledger.Total().Cost, ledger.By("tenant"))
//
// # Ledger
//
// A [Ledger] sums what is booked, in total ([Ledger.Total]), for each model and for each value
// of each tag ([Ledger.By]). Tags are those of [WithTags], which stay in the process, and of
// [llm.Request.Metadata], which may leave it. [Ledger.Snapshot] is all of it, for JSON,
// [Ledger.Reset] begins anew, and a Ledger is an http.Handler.
//
// Middleware made by [New] books each attempt that reached the provider, when it ends: before
// Generate returns, and before the last event of a stream is passed on. Every attempt counts
// but one of which nothing came (no event, usage, HTTP status or request id) and which failed
// with ErrInvalidRequest, ErrUnauthenticated, ErrUnsupported, ErrUnavailable, ErrRejected,
// ErrBudgetExceeded or ErrCanceled. What is booked of it depends on how it ended:
//
//   - An answer: its usage, exactly as the provider reported it.
//   - A failure of which nothing came, with one of the codes above or with ErrPermissionDenied,
//     ErrNotFound, ErrContextTooLong, ErrRateLimited, ErrQuotaExhausted, ErrOverloaded,
//     ErrNotReady or ErrInternal: a call and an error, without tokens, since providers do not
//     bill these.
//   - All else, such as a stream that was left, cut or cancelled, a timeout, and an answer
//     without usage: an estimate, marked as one. What the provider told so far counts as it is.
//     Otherwise the input is a token for each four bytes of the request and 1,600 for each
//     image or document, and the output is at least a token for each four bytes that were
//     delivered. Nothing is read from the provider to know better.
//
// Estimates are part of the totals, and are summed apart too: see [Summary]. The cost is by the
// prices of the moment, for the model that served. Memory is bounded: see [Options.MaxRows]; with
// GroupBy unset, rows are kept of 31 tags.
//
// With [Options.MeterProvider] the same is counted for OpenTelemetry, with the provider and
// the model as attributes, and the tags of [Options.MetricTags] as parley.tag.NAME:
//
//	parley.usage.calls           {call}
//	parley.usage.errors          {call}
//	parley.usage.unpriced_calls  {call}   cost unknown, or not all of it
//	parley.usage.cost            {USD}    a float: exact money is in the ledger; with parley.usage.estimated
//	parley.usage.tokens          {token}  by parley.token.type (uncached_input, cache_read, cache_write, output); with parley.usage.estimated
//
// # Budgets
//
// A [Budget] is held before money is spent. A call reserves the most that it may cost, in all
// of its budgets or in none: each byte of its input as a token ([Options.MediaTokens] for each
// image or document) and MaxTokens ([Options.AssumeMaxTokens] where it is not set), all at the
// dearest price that the model has for them ([Prices.WorstCase]). If that does not fit beside
// what is spent and what others have reserved, the call is refused with
// [llm.ErrBudgetExceeded], and nothing is sent. The error says which budget it was and what is
// left, as a [BudgetError] too. If the call will fit in the budget's next period, the error has
// the time until then as [llm.RetryAfter].
//
// When the call ends, what is booked of it takes the place of what it reserved. So a budget is
// overspent at most by what calls really cost beyond their reservations, and not at all where
// none does, however many run at a time. Set MaxTokens close to what answers need: reservations
// of long answers keep others out. Some things can cost more than is reserved: the few tokens
// that a provider adds to short prompts, long documents and videos, answers without a
// MaxTokens, tools that the provider runs and charges for. With [Options.StopStreams] a stream
// that costs more than was reserved, by the estimate, goes on only while there is room for it.
//
// A budget counts the calls of one process, and of the runs before it where the ledger has a
// file.
//
// # Persistence
//
// [OpenLedger] keeps a ledger in a file. A call is settled when Generate returns, or the last
// event of its stream, or its error, is passed on; for a loop that is left, when the loop ends.
// Each call is written before it is settled. So
//
//   - whenever the process dies, by kill -9 too, the calls that were settled are there when the
//     file is opened again, each once, and so is what is spent of budgets; of calls that were
//     being settled, each is there once or not at all;
//   - the same holds when the machine loses power, unless [Options.NoSync] is set: then the
//     last half minute or so may be lost, and the file may even be damaged, which OpenLedger
//     says. Without NoSync each call waits until it is on the disk, some milliseconds at most
//     on usual ones; calls that end at the same time share the wait.
//
// What is reserved by calls under way when the process dies is free afterwards, though the
// provider may bill them.
//
// A file that cannot be written fails no call: it is booked in memory, [Options.OnWarning] is
// told, and the file is written anew with all that it lacks as soon as it can be, which is
// tried every ten seconds that have calls. After 10,000 calls their sums take their place, by
// writing another file and renaming it; where that fails, calls are added to the old one. So
// it goes with a file that is removed, renamed or cut short while a ledger has it open: the next
// call has it written anew, or with NoSync the next one in another second, or Close. Another
// file that has its name by then is never overwritten: warnings ask to move that away. Do not
// write to the file.
//
// The file is for its owner only. It holds the values of the tags in [Options.GroupBy], of all
// tags where that is nil, and of the tags of budgets. A budget goes on with what was spent
// before if its tags and period are the same; one that is new begins at zero, and one that was
// left out for a while may.
//
// # Money
//
// [USD] is an exact amount of dollars: decimals go in, integers are added, decimals come
// out. There are no floats, nothing is rounded, and a sum that is too large is an error.
// The unit is 1e-18 dollars, and the largest amount 9.2e18 dollars.
//
// [Cost] is what something cost as far as its prices are known. A price that is not known
// makes a cost of which a part is unknown, never one that is lower: it prints as "unknown" or
// "1.25 + unknown", and [Cost.USD] says that there is no total.
//
// # Prices
//
// [DefaultPrices] are list prices of Amazon Bedrock's text models for [Prices.AsOf], a day
// that may lie long behind. [ParsePrices] reads others, [Prices.With] joins two lists, of
// which the later wins, and [Prices.WithAlias] says which model stands behind an ARN that
// does not tell. A list is immutable; each of these returns another.
//
// A model is looked up by its ID as it is, without a part match: "anthropic.claude-sonnet-5"
// says nothing about "anthropic.claude-sonnet-5-5". If that finds nothing, the geography at its
// front is taken off ("us.", "eu.", "global."), which then chooses among the prices of the
// model. Then aliases are tried, and last the ID that the ARN of a foundation model or of
// an inference profile of AWS ends in.
//
// [Prices.Cost] prices one call, never a sum of calls:
//
//   - Input that was read from the cache, written to it, and written for an hour have prices of
//     their own. Reasoning is billed as output.
//   - Some models have other prices for long prompts. One token more than the threshold,
//     cached ones included, reprices the whole request with its output.
//   - The service tier is the one that served, [llm.Usage.ServiceTier]. A tier without a price,
//     "reserved" too, is unknown.
//   - Batch and latency-optimized calls have other prices for input and output.
//
// Bedrock may leave out how long cache writes live. All of them then count as written for five
// minutes, and what was written for an hour is billed 37.5 % too low.
package usage

// Package usage says what calls cost.
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

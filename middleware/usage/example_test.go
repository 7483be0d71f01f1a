package usage_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func ExampleParseUSD() {
	price, err := usage.ParseUSD("0.000003")
	if err != nil {
		fmt.Println(err)
		return
	}
	var total usage.USD
	for range 1000 {
		if total, err = total.Add(price); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(total, total == usage.MustUSD("0.003000"))

	_, err = usage.ParseUSD("12,50")
	fmt.Println(err)
	// Output:
	// 0.003 true
	// parse usd: invalid request: not a decimal such as 12.50
}

func ExampleDefaultPrices() {
	prices := usage.DefaultPrices()
	fmt.Println("as of", prices.AsOf().Format(time.DateOnly))

	tokens := llm.Usage{InputTokens: 106_345, CacheReadTokens: 80_000, CacheWriteTokens: 14_000, CacheWrite1hTokens: 10_000, OutputTokens: 2_048}
	for _, model := range []string{"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "acme.writer-v1:0"} {
		fmt.Println(model, prices.Cost(usage.Call{Model: model, Usage: tokens}))
	}
	// Output:
	// as of 2026-10-07
	// us.anthropic.claude-sonnet-4-5-20250929-v1:0 0.1834305
	// global.anthropic.claude-sonnet-4-5-20250929-v1:0 0.166755
	// acme.writer-v1:0 unknown
}

// The price of a cache write that lives for an hour is not known of this model: the cost says
// so, and is not taken for a lower one.
func ExamplePrices_Cost() {
	cost := usage.DefaultPrices().Cost(usage.Call{
		Model: "us.anthropic.claude-opus-4-1-20250805-v1:0",
		Usage: llm.Usage{InputTokens: 6_000, CacheWriteTokens: 5_000, CacheWrite1hTokens: 5_000, OutputTokens: 100},
	})
	usd, known := cost.USD()
	fmt.Println(cost)
	fmt.Println(usd, known, cost.UnpricedTokens())
	// Output:
	// 0.0225 + unknown
	// 0.0225 false 5000
}

func ExampleParsePrices() {
	mine, err := usage.ParsePrices(strings.NewReader(`{
		"as_of": "2026-11-01",
		"models": [{"id": "acme.writer-v1:0", "input": "0.25", "output": "1", "scopes": {"eu": {"input": "0.3", "output": "1.2"}}}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	prices := usage.DefaultPrices().With(mine)
	tokens := llm.Usage{InputTokens: 10_000, OutputTokens: 500}
	for _, model := range []string{"acme.writer-v1:0", "eu.acme.writer-v1:0", "amazon.nova-lite-v1:0"} {
		fmt.Println(model, prices.Cost(usage.Call{Model: model, Usage: tokens}))
	}

	_, err = usage.ParsePrices(strings.NewReader(`{"models": [{"id": "a", "scopes": {"us": {"input": 0.25}}}]}`))
	fmt.Println(err)
	// Output:
	// acme.writer-v1:0 0.003
	// eu.acme.writer-v1:0 0.0036
	// amazon.nova-lite-v1:0 0.00072
	// parse prices: invalid request: models[0].scopes.us.input: want a decimal as a string
}

func ExamplePrices_WithAlias() {
	const arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
	call := usage.Call{Model: arn, Usage: llm.Usage{InputTokens: 10_000, OutputTokens: 500}}

	prices := usage.DefaultPrices()
	fmt.Println(prices.Cost(call))
	prices = prices.WithAlias(arn, "us.anthropic.claude-sonnet-4-6")
	fmt.Println(prices.Cost(call))
	// Output:
	// unknown
	// 0.04125
}

func ExamplePrices_InRegion() {
	call := usage.Call{Model: "eu.amazon.nova-pro-v1:0", Usage: llm.Usage{InputTokens: 10_000, OutputTokens: 500}}
	fmt.Println(usage.DefaultPrices().Cost(call))
	fmt.Println(usage.DefaultPrices().InRegion("eu-west-1").Cost(call))
	// Output:
	// 0.0126
	// 0.01104
}

func ExamplePrices_WorstCase() {
	worst, known := usage.DefaultPrices().WorstCase("us.anthropic.claude-sonnet-4-6", 20_000, 4_096)
	fmt.Println(worst, known) // 20,000 written to the cache for an hour at 6.6, 4,096 at 16.5
	// Output: 0.199584 true
}

package usage_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func BenchmarkCost(b *testing.B) {
	p := usage.DefaultPrices().WithAlias(profile, "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
	u := llm.Usage{InputTokens: 106_345, CacheReadTokens: 80_000, CacheWriteTokens: 14_000, CacheWrite1hTokens: 10_000, OutputTokens: 2048, ServiceTier: "default"}
	for _, c := range []struct{ name, model string }{
		{"geography", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"in region", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"alias", profile},
		{"unknown", "no.such-model-v1:0"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p.Cost(usage.Call{Model: c.model, Usage: u}) == (usage.Cost{}) {
					b.Fatal("free")
				}
			}
		})
	}
}

func BenchmarkWorstCase(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := usage.DefaultPrices().WorstCase("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 106_345, 4096); !ok {
			b.Fatal("unknown")
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	var total usage.Cost
	call := usage.KnownCost(usage.MustUSD("0.1834305"))
	for b.Loop() {
		total, _ = total.Add(call)
	}
}

func BenchmarkParsePrices(b *testing.B) {
	list, err := os.ReadFile("prices.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := usage.ParsePrices(bytes.NewReader(list)); err != nil {
			b.Fatal(err)
		}
	}
}

package usage_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// What is read is JSON, and no call costs less than nothing or more than its worst case.
func FuzzParsePrices(f *testing.F) {
	f.Add([]byte(`{}`), 1, 1)
	f.Add([]byte(list), 6*mtok, mtok)
	f.Add([]byte(`{"as_of":"2026-10-07","models":[{"id":"a.b","input":"1","scopes":{"us":{"tiers":[{"above_input_tokens":1}]}},"regions":{"x":{}}}]}`), 9, 9)
	f.Add([]byte(`{"models":[{"id":"m.all","service_tiers":{"flex":"1.75"},"output":"0.000000000001"}]}`), 9, 9)
	f.Fuzz(func(t *testing.T, list []byte, in, out int) {
		p, err := usage.ParsePrices(bytes.NewReader(list))
		if err != nil {
			if llm.CodeOf(err) != llm.ErrInvalidRequest || p != nil {
				t.Errorf("%v, %v", p, err)
			}
			return
		}
		if !json.Valid(list) {
			t.Error("it is no JSON")
		}
		for _, model := range []string{"m.all", "us.m.all", "a.b", "us.a.b"} {
			worst, ok := p.WorstCase(model, in, out)
			for _, tier := range []string{"", "flex", llm.TierMixed} {
				for _, batch := range []bool{false, true} {
					cost := p.Cost(usage.Call{Model: model, Batch: batch, Usage: llm.Usage{InputTokens: in, CacheReadTokens: in / 3, CacheWriteTokens: in / 3, CacheWrite1hTokens: in / 4, OutputTokens: out, ServiceTier: tier}})
					if usd, _ := cost.USD(); usd.Cmp(usage.USD{}) < 0 || ok && usd.Cmp(worst) > 0 {
						t.Errorf("%s costs %v, at worst %v", model, cost, worst)
					}
				}
			}
		}
	})
}

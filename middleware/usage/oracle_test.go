package usage_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

type object = map[string]any

// oracle prices a call a second time: straight from the list as it is written, by the rules
// as they are written, in fractions. It returns the known part and the unpriced tokens.
func oracle(model object, geography, region string, c usage.Call) (known *big.Rat, unpriced int) {
	place := placeOf(model, geography, region)
	u := c.Usage
	prices := place
	if tiers, ok := place["tiers"].([]any); ok {
		for _, t := range tiers {
			if above, _ := t.(object)["above_input_tokens"].(json.Number).Int64(); u.InputTokens > int(above) {
				prices = t.(object)
			}
		}
	}
	factors, stated := model["service_tiers"]
	factor := func(field string) *big.Rat { // nil = unknown
		switch u.ServiceTier {
		case "", "default":
			return big.NewRat(1, 1)
		case llm.TierMixed:
			if stated && (factors == nil || prices[field] == "0") {
				return big.NewRat(1, 1)
			}
			return nil // no other price is the same in two tiers
		}
		f, _ := factors.(object)
		s, ok := f[u.ServiceTier].(string)
		if !ok {
			return nil
		}
		if field == "cache_write_5m" || field == "cache_write_1h" {
			if prices[field] == "0" {
				return big.NewRat(1, 1)
			}
			return nil
		}
		return rat(s)
	}
	standard := u.ServiceTier == "" || u.ServiceTier == "default"
	special := object(nil)
	switch {
	case c.Batch:
		special, _ = specialOf(model, place, prices, "batch")
	case c.Latency == "optimized":
		special, _ = specialOf(model, place, prices, "latency_optimized")
	}
	price := func(field string) *big.Rat {
		from := prices
		if c.Batch || c.Latency == "optimized" {
			if !standard || special == nil || c.Batch && c.Latency == "optimized" {
				return nil
			}
			if field == "input" || field == "output" {
				from = special
			} else if c.Batch {
				return nil
			}
		}
		s, ok := from[field].(string)
		if !ok && field == "cache_write_5m" {
			s, ok = from["cache_write_30m"].(string)
		}
		f := factor(field)
		if !ok || f == nil {
			return nil
		}
		return new(big.Rat).Mul(rat(s), f)
	}
	known = new(big.Rat)
	for field, tokens := range map[string]int{
		"input": u.InputTokens - u.CacheReadTokens - u.CacheWriteTokens, "output": u.OutputTokens, "cache_read": u.CacheReadTokens,
		"cache_write_5m": u.CacheWriteTokens - u.CacheWrite1hTokens, "cache_write_1h": u.CacheWrite1hTokens,
	} {
		p := price(field)
		if p == nil {
			unpriced += tokens
			continue
		}
		known.Add(known, p.Mul(p, big.NewRat(int64(tokens), 1_000_000)))
	}
	return known, unpriced
}

func placeOf(model object, geography, region string) object {
	regions, _ := model["regions"].(object)
	scopes, _ := model["scopes"].(object)
	if r, ok := regions[region].(object); ok {
		return r
	}
	if geography == "" {
		geography = "regional"
	}
	if s, ok := scopes[geography].(object); ok {
		return s
	}
	switch geography {
	case "us-gov":
		return object{}
	case "regional":
		return model
	}
	if s, ok := scopes["us"].(object); ok {
		return s
	}
	return model
}

func specialOf(model, place, prices object, field string) (object, bool) {
	if v, ok := prices[field]; ok {
		o, ok := v.(object)
		return o, ok
	}
	if _, tier := prices["above_input_tokens"]; !tier && place["input"] == model["input"] && place["output"] == model["output"] {
		o, ok := model[field].(object)
		return o, ok
	}
	return nil, false
}

// Every model, geography, Region, tier and way to be served costs what the rules say, and never
// more than its worst case.
func TestAgainstOracle(t *testing.T) {
	f, err := os.Open("internal/genprices/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list struct{ Models []object }
	dec := json.NewDecoder(f)
	dec.UseNumber()
	if err := dec.Decode(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 104 {
		t.Errorf("%d models", len(list.Models))
	}
	rng := rand.New(rand.NewPCG(7, 11))
	edges := []int{0, 1, 99_999, 100_000, 100_001, 200_000, 200_001, 272_000, 272_001, 1_000_000, 1 << 40}
	count := func(most int) int {
		if rng.IntN(3) > 0 {
			return 0
		}
		return rng.IntN(most + 1)
	}
	calls, incomplete := 0, 0
	for _, region := range []string{"", "eu-west-1", "ap-southeast-2", "mars-1"} {
		prices := usage.DefaultPrices().InRegion(region)
		for _, m := range list.Models {
			for _, geography := range []string{"", "us", "eu", "apac", "au", "jp", "in", "ca", "global", "us-gov"} {
				id := m["id"].(string)
				if geography != "" {
					id = geography + "." + id
				}
				for _, tier := range []string{"", "default", "flex", "priority", "reserved", llm.TierMixed} {
					for range 2 {
						way := rng.IntN(4)
						u := llm.Usage{InputTokens: edges[rng.IntN(len(edges))], ServiceTier: tier, OutputTokens: count(1 << 20)}
						u.CacheReadTokens = count(u.InputTokens)
						u.CacheWriteTokens = count(u.InputTokens - u.CacheReadTokens)
						u.CacheWrite1hTokens = count(u.CacheWriteTokens)
						c := usage.Call{Model: id, Usage: u, Batch: way&1 != 0, Latency: []string{"", "optimized"}[way>>1]}
						known, unpriced := oracle(m, geography, region, c)
						got := prices.Cost(c)
						usd, all := got.USD()
						if rat(usd.String()).Cmp(known) != 0 || got.UnpricedTokens() != int64(unpriced) || all != (unpriced == 0) {
							t.Fatalf("%+v in %q costs %v with %d tokens unpriced; want %s, %d", c, region, got, got.UnpricedTokens(), known.FloatString(18), unpriced)
						}
						if worst, ok := prices.WorstCase(id, u.InputTokens, u.OutputTokens); ok && worst.Cmp(usd) < 0 {
							t.Fatalf("%+v in %q costs %v, more than %v", c, region, got, worst)
						}
						calls++
						if !all {
							incomplete++
						}
					}
				}
			}
		}
	}
	if complete := calls - incomplete; complete < calls/10 || incomplete < calls/10 {
		t.Errorf("of %d calls %d have a price: too few of one kind", calls, complete)
	}
}

package usage_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

const (
	mtok    = 1_000_000
	profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
)

func parse(t testing.TB, list string) *usage.Prices {
	t.Helper()
	p, err := usage.ParsePrices(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// input returns what a million tokens of input cost.
func input(p *usage.Prices, model string) string {
	return p.Cost(usage.Call{Model: model, Usage: llm.Usage{InputTokens: mtok}}).String()
}

func TestDefaultPrices(t *testing.T) {
	p := usage.DefaultPrices()
	if p != usage.DefaultPrices() {
		t.Error("the list is read twice")
	}
	if day := p.AsOf().Format(time.DateOnly); day != "2026-10-07" {
		t.Errorf("as of %s", day)
	}
	full, err := os.Open("internal/genprices/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if q, err := usage.ParsePrices(full); err != nil || !reflect.DeepEqual(p, q) {
		t.Errorf("the list with its sources has other prices: %v", err)
	}
}

func TestMatch(t *testing.T) {
	d := usage.DefaultPrices()
	aliased := d.WithAlias(profile, "eu.amazon.nova-lite-v1:0").WithAlias("arn:opaque", profile).WithAlias("mine", "global.anthropic.claude-sonnet-4-6").
		WithAlias("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6").
		WithAlias("anthropic.claude-sonnet-4-6", "amazon.nova-lite-v1:0").WithAlias("nowhere", "no.such-model").
		WithAlias("us.amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0").
		WithAlias("to-arn", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0")
	cases := []struct {
		prices      *usage.Prices
		model, want string
	}{
		{d, "anthropic.claude-sonnet-4-6", "3.3"},
		{d, "us.anthropic.claude-sonnet-4-6", "3.3"},
		{d, "global.anthropic.claude-sonnet-4-6", "3"},
		{d, "jp.anthropic.claude-sonnet-4-6", "3.3"}, // as us
		{d, "ca.meta.llama3-3-70b-instruct-v1:0", "0.72"},
		{d, "eu.amazon.nova-lite-v1:0", "0.078"},
		{d, "au.amazon.nova-lite-v1:0", "0.06"}, // as us
		{d, "in.openai.gpt-5.6-sol", "8.8"},     // a dot in the name, and a long prompt
		{d, "openai.gpt-5.6-sol", "8.8"},
		{d, "deepseek.v3.2", "0.62"},

		// GovCloud costs more, and nobody knows how much where it is not listed.
		{d, "us-gov.amazon.nova-pro-v1:0", "0.96"},
		{d, "us-gov.amazon.nova-lite-v1:0", "unknown"},
		{d.InRegion("us-gov-west-1"), "amazon.nova-pro-v1:0", "0.96"},
		{d.InRegion("us-gov-west-1"), "amazon.nova-lite-v1:0", "unknown"},

		// No part matches, and no geography that is not known.
		{d, "", "unknown"},
		{d, "anthropic.claude-sonnet-4", "unknown"},
		{d, "anthropic.claude-sonnet-4-6-v1:0", "unknown"},
		{d, "Anthropic.claude-sonnet-4-6", "unknown"},
		{d, "bedrock/anthropic.claude-sonnet-4-6", "unknown"},
		{d, "amazon.nova-lite-v1:0:300k", "unknown"},
		{d, "moon.amazon.nova-lite-v1:0", "unknown"},
		{d, "regional.amazon.nova-2-lite-v1:0", "0.33"}, // harmless
		{d, ".anthropic.claude-sonnet-4-6", "unknown"},
		{d, "us.us.anthropic.claude-sonnet-4-6", "unknown"},

		// Source Regions win over geographies.
		{d.InRegion("eu-west-1"), "eu.amazon.nova-lite-v1:0", "0.069"},
		{d.InRegion("eu-west-1"), "amazon.nova-lite-v1:0", "0.069"},
		{d.InRegion("eu-west-3"), "eu.amazon.nova-lite-v1:0", "0.078"},
		{d.InRegion("eu-west-1"), "global.anthropic.claude-sonnet-4-6", "3"},

		// ARNs.
		{d, "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6", "3.3"},
		{d, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-4-6", "3"},
		{d, "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0", "0.069"},
		{d.InRegion("eu-central-1"), "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0", "0.069"},
		{d.InRegion("eu-west-1"), "arn:aws:bedrock:::foundation-model/amazon.nova-lite-v1:0", "0.069"},
		{d, "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-pro-v1:0", "0.96"},
		{d, profile, "unknown"},
		{d, "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/a1b2c3d4e5f6", "unknown"},
		{d, "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3d4e5f6", "unknown"},
		{d, "arn:aws:sagemaker:us-east-1:123456789012:foundation-model/amazon.nova-lite-v1:0", "unknown"},
		{d, "arn:", "unknown"},
		{d, "arn:aws:bedrock:us-east-1:1", "unknown"},

		// Aliases.
		{aliased, profile, "0.078"},
		{aliased.InRegion("eu-west-1"), profile, "0.078"}, // the ARN says us-east-1
		{aliased.InRegion("eu-west-1"), "to-arn", "0.069"},
		{aliased, "to-arn", "0.069"},
		{aliased, "mine", "3"},
		{aliased, "arn:opaque", "unknown"}, // an alias of an alias
		{aliased, "nowhere", "unknown"},
		{aliased, "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6", "3"},
		{aliased, "anthropic.claude-sonnet-4-6", "3.3"}, // what has a price keeps it
		{aliased, "us.amazon.nova-pro-v1:0", "0.8"},
		{d, "mine", "unknown"}, // d is as it was

		{nil, "anthropic.claude-sonnet-4-6", "unknown"},
		{parse(t, `{}`), "anthropic.claude-sonnet-4-6", "unknown"},
	}
	for _, c := range cases {
		if got := input(c.prices, c.model); got != c.want {
			t.Errorf("%q costs %s, want %s", c.model, got, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	d := usage.DefaultPrices()
	mine := parse(t, `{"as_of":"2026-11-01","models":[{"id":"acme.tiny","input":"0.1"},{"id":"amazon.nova-lite-v1:0","input":"0.05"}]}`)
	undated := parse(t, `{"models":[{"id":"acme.tiny","input":"0.2"}]}`)
	older := parse(t, `{"as_of":"2025-01-01"}`).InRegion("eu-west-1").WithAlias("tiny", "acme.tiny")
	all := d.With(mine).With(undated).With(older).With(nil)
	cases := []struct {
		prices            *usage.Prices
		model, want, asOf string
	}{
		{d.With(mine), "acme.tiny", "0.1", "2026-10-07"},
		{d.With(mine), "eu.amazon.nova-lite-v1:0", "0.05", "2026-10-07"}, // the whole model is replaced
		{mine.With(d), "amazon.nova-lite-v1:0", "0.06", "2026-10-07"},
		{mine.With(undated), "acme.tiny", "0.2", "2026-11-01"},
		{undated.With(mine), "acme.tiny", "0.1", "2026-11-01"},
		{all, "tiny", "0.2", "2025-01-01"},
		{all, "eu.amazon.nova-pro-v1:0", "0.92", "2025-01-01"}, // in the Region
		{older.With(d), "eu.amazon.nova-pro-v1:0", "0.92", "2025-01-01"},
		{(*usage.Prices)(nil).With(mine), "acme.tiny", "0.1", "2026-11-01"},
		{(*usage.Prices)(nil).WithAlias("a", "b").InRegion("c"), "a", "unknown", "0001-01-01"},
		{nil, "a", "unknown", "0001-01-01"},
		{d, "acme.tiny", "unknown", "2026-10-07"},
	}
	for _, c := range cases {
		if got, asOf := input(c.prices, c.model), c.prices.AsOf().Format(time.DateOnly); got != c.want || asOf != c.asOf {
			t.Errorf("%s costs %s as of %s; want %s, %s", c.model, got, asOf, c.want, c.asOf)
		}
	}
}

// list is a model with a price for everything, so that each line tells itself by a digit.
const list = `{"models":[
{"id":"m.all","input":"1","output":"10","cache_read":"100","cache_write_5m":"1000","cache_write_1h":"10000",
 "batch":{"input":"2","output":"20"},"latency_optimized":{"input":"3","output":"30"},"service_tiers":{"priority":"2","flex":"0.5","gone":null,"free":"0","same":"1"},
 "tiers":[{"above_input_tokens":5000000,"input":"4","output":"40"},{"above_input_tokens":9000000,"input":"5","output":"50","batch":{"input":"6","output":"60"}}],
 "scopes":{"global":{"input":"1","output":"10"},"eu":{"input":"1","output":"10","batch":null,"tiers":[]},"jp":{"input":"1","output":"11","tiers":null},"us":{"input":"7"}},
 "regions":{"mars-1":{"input":"8","output":"80","tiers":[{"above_input_tokens":1,"input":"9"}]}}},
{"id":"m.one","input":"1","output":"10","cache_read":"0","cache_write_5m":"0","service_tiers":null},
{"id":"m.same","input":"1","output":"10","cache_write_5m":"1000","cache_write_1h":"0","service_tiers":{"flex":"1.000"}},
{"id":"m.free","input":"0","output":"10","cache_read":"0","cache_write_5m":"0","service_tiers":{"flex":"0.5"}},
{"id":"m.30","input":"1","output":"10","cache_write_30m":"1000"},
{"id":"m.null","input":null,"output":"10","cache_read":null,"batch":null,"latency_optimized":null}]}`

func TestCostOfCall(t *testing.T) {
	p := parse(t, list)
	each := llm.Usage{InputTokens: 4 * mtok, CacheReadTokens: mtok, CacheWriteTokens: 2 * mtok, CacheWrite1hTokens: mtok, OutputTokens: mtok}
	plain := llm.Usage{InputTokens: mtok, OutputTokens: mtok}
	served := func(u llm.Usage, tier string) llm.Usage { u.ServiceTier = tier; return u }
	long := func(n int) llm.Usage { return llm.Usage{InputTokens: n, OutputTokens: mtok} }
	cases := []struct {
		name     string
		call     usage.Call
		want     string
		unpriced int64
	}{
		{"every line", usage.Call{Model: "m.all", Usage: each}, "11111", 0},
		{"reasoning is output", usage.Call{Model: "m.all", Usage: llm.Usage{OutputTokens: mtok, ReasoningTokens: mtok}}, "10", 0},
		{"nothing", usage.Call{Model: "m.all"}, "0", 0},
		{"nothing, of no known model", usage.Call{Model: "x"}, "0", 0},
		{"estimated", usage.Call{Model: "m.all", Usage: llm.Usage{OutputTokens: 1, Estimated: true}}, "0.00001", 0},

		{"default", usage.Call{Model: "m.all", Usage: served(each, "default")}, "11111", 0},
		{"priority: no price for writes", usage.Call{Model: "m.all", Usage: served(each, "priority")}, "222 + unknown", 2 * mtok},
		{"flex", usage.Call{Model: "m.all", Usage: served(plain, "flex")}, "5.5", 0},
		{"a factor of one", usage.Call{Model: "m.all", Usage: served(each, "same")}, "11111", 0},
		{"a factor of zero", usage.Call{Model: "m.all", Usage: served(plain, "free")}, "0", 0},
		{"a tier that is null", usage.Call{Model: "m.all", Usage: served(plain, "gone")}, "unknown", 2 * mtok},
		{"reserved", usage.Call{Model: "m.all", Usage: served(plain, "reserved")}, "unknown", 2 * mtok},
		{"mixed", usage.Call{Model: "m.all", Usage: served(plain, llm.TierMixed)}, "unknown", 2 * mtok},
		{"mixed, one tier only", usage.Call{Model: "m.one", Usage: served(plain, llm.TierMixed)}, "11", 0},
		{"mixed, the same prices", usage.Call{Model: "m.same", Usage: served(plain, llm.TierMixed)}, "11", 0},
		{"mixed, some prices the same", usage.Call{Model: "m.free", Usage: served(plain, llm.TierMixed)}, "unknown", mtok},
		{"mixed, tiers not known", usage.Call{Model: "m.30", Usage: served(plain, llm.TierMixed)}, "unknown", 2 * mtok},
		{"a tier where there is none", usage.Call{Model: "m.one", Usage: served(plain, "flex")}, "unknown", 2 * mtok},
		{"a tier where none is known", usage.Call{Model: "m.30", Usage: served(plain, "flex")}, "unknown", 2 * mtok},
		{"free writes in a tier", usage.Call{Model: "m.free", Usage: served(llm.Usage{InputTokens: 2, CacheWriteTokens: 1, CacheReadTokens: 1}, "flex")}, "0", 0},
		{"no tokens of what is unknown", usage.Call{Model: "m.one", Usage: llm.Usage{InputTokens: mtok, CacheWriteTokens: mtok}}, "0", 0},
		{"some of what is unknown", usage.Call{Model: "m.one", Usage: llm.Usage{InputTokens: mtok, CacheWriteTokens: 9, CacheWrite1hTokens: 9}}, "0.999991 + unknown", 9},

		{"batch", usage.Call{Model: "m.all", Batch: true, Usage: plain}, "22", 0},
		{"batch has no caching", usage.Call{Model: "m.all", Batch: true, Usage: each}, "22 + unknown", 3 * mtok},
		{"batch, by default", usage.Call{Model: "m.all", Batch: true, Usage: served(plain, "default"), Latency: "standard"}, "22", 0},
		{"batch in a tier", usage.Call{Model: "m.all", Batch: true, Usage: served(plain, "flex")}, "unknown", 2 * mtok},
		{"batch, optimized", usage.Call{Model: "m.all", Batch: true, Usage: plain, Latency: "optimized"}, "unknown", 2 * mtok},
		{"batch not offered", usage.Call{Model: "m.null", Batch: true, Usage: plain}, "unknown", 2 * mtok},
		{"batch not known", usage.Call{Model: "m.one", Batch: true, Usage: plain}, "unknown", 2 * mtok},
		{"optimized", usage.Call{Model: "m.all", Usage: each, Latency: "optimized"}, "11133", 0},
		{"optimized in a tier", usage.Call{Model: "m.all", Usage: served(plain, "priority"), Latency: "optimized"}, "unknown", 2 * mtok},
		{"optimized, not offered", usage.Call{Model: "m.null", Usage: plain, Latency: "optimized"}, "unknown", 2 * mtok},
		{"optimized, not known", usage.Call{Model: "m.one", Usage: plain, Latency: "optimized"}, "unknown", 2 * mtok},
		{"another latency", usage.Call{Model: "m.all", Usage: plain, Latency: "warp"}, "unknown", 2 * mtok},

		{"at the threshold", usage.Call{Model: "m.all", Usage: long(5 * mtok)}, "15", 0},
		{"above it", usage.Call{Model: "m.all", Usage: long(5*mtok + 1)}, "60.000004", 0},
		{"at the next", usage.Call{Model: "m.all", Usage: long(9 * mtok)}, "76", 0},
		{"above that", usage.Call{Model: "m.all", Usage: long(9*mtok + 1)}, "95.000005", 0},
		{"in its tier", usage.Call{Model: "m.all", Usage: served(long(6*mtok), "flex")}, "32", 0},
		{"what a long prompt lacks", usage.Call{Model: "m.all", Usage: llm.Usage{InputTokens: 6 * mtok, CacheReadTokens: mtok}}, "20 + unknown", mtok},
		{"long batch", usage.Call{Model: "m.all", Batch: true, Usage: long(10 * mtok)}, "120", 0},
		{"long batch, not known", usage.Call{Model: "m.all", Batch: true, Usage: long(6 * mtok)}, "unknown", 7 * mtok},

		{"batch of the model, at its price", usage.Call{Model: "global.m.all", Batch: true, Usage: plain}, "22", 0},
		{"optimized of the model, at its price", usage.Call{Model: "global.m.all", Usage: plain, Latency: "optimized"}, "33", 0},
		{"caching is not taken from the model", usage.Call{Model: "global.m.all", Usage: each}, "11 + unknown", 3 * mtok},
		{"long prompts of the model", usage.Call{Model: "global.m.all", Usage: long(6 * mtok)}, "unknown", 7 * mtok},
		{"no long prompts", usage.Call{Model: "eu.m.all", Usage: long(6 * mtok)}, "16", 0},
		{"no batch", usage.Call{Model: "eu.m.all", Batch: true, Usage: plain}, "unknown", 2 * mtok},
		{"another price, another batch", usage.Call{Model: "jp.m.all", Batch: true, Usage: plain}, "unknown", 2 * mtok},
		{"tiers of the model", usage.Call{Model: "jp.m.all", Usage: served(plain, "flex")}, "6", 0},
		{"as us, which lacks output", usage.Call{Model: "apac.m.all", Usage: plain}, "7 + unknown", mtok},

		{"half an hour", usage.Call{Model: "m.30", Usage: llm.Usage{InputTokens: mtok, CacheWriteTokens: mtok}}, "1000", 0},
		{"half an hour is no hour", usage.Call{Model: "m.30", Usage: llm.Usage{InputTokens: mtok, CacheWriteTokens: mtok, CacheWrite1hTokens: 1}}, "999.999 + unknown", 1},
		{"null has no price", usage.Call{Model: "m.null", Usage: plain}, "10 + unknown", mtok},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := p.Cost(c.call)
			if got.String() != c.want || got.UnpricedTokens() != c.unpriced || got.UnpricedCalls() > 1 {
				t.Errorf("%v, %d tokens of %d calls unpriced; want %s, %d", got, got.UnpricedTokens(), got.UnpricedCalls(), c.want, c.unpriced)
			}
		})
	}
	if got := p.InRegion("mars-1").Cost(usage.Call{Model: "m.all", Usage: llm.Usage{InputTokens: 1, OutputTokens: 1}}); got.String() != "0.000088" {
		t.Errorf("in the Region: %v", got)
	}
	if got := p.InRegion("mars-1").Cost(usage.Call{Model: "eu.m.all", Usage: llm.Usage{InputTokens: 2, OutputTokens: 1}}); got.String() != "0.000018 + unknown" {
		t.Errorf("in the Region, a long prompt: %v", got)
	}
}

// A usage that contradicts itself has no price, least of all a negative one.
func TestCostOfImpossibleUsage(t *testing.T) {
	const maxInt = int(^uint(0) >> 1)
	for _, u := range []llm.Usage{
		{InputTokens: -1}, {OutputTokens: -1}, {InputTokens: 5, CacheReadTokens: 6}, {InputTokens: 5, CacheReadTokens: 3, CacheWriteTokens: 3},
		{InputTokens: 5, CacheWriteTokens: 1, CacheWrite1hTokens: 2}, {InputTokens: 5, CacheReadTokens: -1}, {InputTokens: 5, CacheWriteTokens: -1},
		{InputTokens: 5, CacheWrite1hTokens: -1}, {InputTokens: maxInt, OutputTokens: 1},
		{InputTokens: maxInt, CacheReadTokens: maxInt, CacheWriteTokens: maxInt}, {InputTokens: -maxInt, CacheReadTokens: maxInt}, {InputTokens: 5, CacheReadTokens: maxInt, CacheWriteTokens: maxInt},
	} {
		if c := usage.DefaultPrices().Cost(usage.Call{Model: "amazon.nova-lite-v1:0", Usage: u}); c != usage.UnknownCost(0) {
			t.Errorf("%+v costs %v", u, c)
		}
	}
}

func TestLargestBill(t *testing.T) {
	const maxInt = int(^uint(0) >> 1)
	p := parse(t, `{"models":[{"id":"m","input":"1000000","output":"1000000"}]}`)
	want := usage.MustUSD("9223372036854775807")
	if c := p.Cost(usage.Call{Model: "m", Usage: llm.Usage{InputTokens: maxInt - 5, OutputTokens: 5}}); c != usage.KnownCost(want) {
		t.Errorf("%v", c)
	}
	if worst, ok := p.WorstCase("m", 5, maxInt-5); !ok || worst != want {
		t.Errorf("%v, %v", worst, ok)
	}
	if worst, ok := p.WorstCase("m", 5, maxInt-4); ok || worst != (usage.USD{}) {
		t.Errorf("%v, %v", worst, ok)
	}
}

func TestWorstCase(t *testing.T) {
	p, d := parse(t, list), usage.DefaultPrices()
	cases := []struct {
		prices        *usage.Prices
		model         string
		input, output int
		want          string
		ok            bool
	}{
		{d, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_000, mtok, "17.82", true}, // 0.2 x 6.6, 16.5
		{d, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_001, mtok, "27.3900132", true},
		{d, "global.amazon.nova-2-lite-v1:0", mtok, mtok, "4.9", true}, // priority
		{d, "amazon.nova-pro-v1:0", mtok, mtok, "7", true},             // priority is dearer than optimized
		{d, "meta.llama3-1-70b-instruct-v1:0", mtok, mtok, "1.8", true},
		{d, "openai.gpt-5.6-sol", mtok, mtok, "44", true},
		{p, "m.all", mtok, mtok, "10030", true},
		{p, "m.all", 6 * mtok, mtok, "60030", true}, // a shorter prompt may be dearer
		{p, "m.all", 0, 0, "0", true},
		{p, "m.all", -1, -1, "0", true},
		{p, "m.null", 1, 1, "0", false},
		{p, "m.null", 0, 1, "0.00001", true},
		{p, "us.m.all", 1, 1, "0", false},
		{p, "us.m.all", 1, 0, "0.000014", true},
		{p, "eu.m.all", 9 * mtok, 0, "27", true},
		{p, "global.m.all", 6 * mtok, 0, "0", false}, // no price for long prompts
		{p, "no.such", 1, 1, "0", false},
		{p, "no.such", 0, 0, "0", false},
		{nil, "m.all", 1, 1, "0", false},
	}
	for _, c := range cases {
		if got, ok := c.prices.WorstCase(c.model, c.input, c.output); got.String() != c.want || ok != c.ok {
			t.Errorf("%s with %d and %d: %v, %v; want %s, %v", c.model, c.input, c.output, got, ok, c.want, c.ok)
		}
	}
}

func TestConcurrent(t *testing.T) {
	d := usage.DefaultPrices()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			p := d.WithAlias(profile, "us.amazon.nova-lite-v1:0").With(d).InRegion("us-east-1")
			for range 100 {
				if got := input(p, profile); got != "0.06" {
					t.Errorf("%s", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestParseLists(t *testing.T) {
	model := func(fields string) string { return `{"models":[{"id":"a"},{"id":"b",` + fields + `}]}` }
	cases := []struct{ list, path string }{ // path "" = it is read
		{`{}`, ""}, {" {\n} ", ""}, {`{"models":[]}`, ""}, {`{"as_of":"2026-10-07","currency":"USD","unit":"per 1M tokens","rules":[1],"sources":null,"base_region":""}`, ""},
		{model(`"input":"0.000000000001"`), ""}, {model(`"input":"1000000.000"`), ""}, {model(`"tiers":null`), ""}, {model(`"scopes":{},"regions":{}`), ""},
		{model(`"alt":{},"notes":1,"source":[],"status":"","effective_from":"","family":null`), ""}, {model(`"input":"1","service_tiers":{"flex":"0.000000000001"}`), ""},

		{``, "not valid JSON"}, {`[`, "not valid JSON"}, {`{}{}`, "not valid JSON, byte 3"}, {`{"models":[}`, "not valid JSON, byte 12"}, {"\xef\xbb\xbf{}", "not valid JSON"},
		{`null`, "want an object"}, {`[]`, "want an object"}, {`"x"`, "want an object"}, {`1`, "want an object"},
		{`{"model":[]}`, "model: no such field"}, {`{"Models":[]}`, "Models: no such field"}, {`{"models":{}}`, "models: want an array"}, {`{"models":null}`, "models: want an array"},
		{`{"models":[],"models":[]}`, "models: the field is there twice"}, {`{"models":[],"mod\u0065ls":[]}`, "models: the field is there twice"},
		{`{"as_of":"7.10.2026"}`, "as_of: want a day"}, {`{"as_of":20261007}`, "as_of: want a day"}, {`{"as_of":"2026-02-30"}`, "as_of: want a day"},
		{`{"currency":"EUR"}`, "currency: want USD"}, {`{"unit":"per 1K tokens"}`, "unit: want per 1M tokens"}, {`{"unit":1}`, "unit: want per 1M tokens"},
		{`{"models":[{"id":"a"},7]}`, "models[1]: want an object"}, {`{"models":[{"input":"1"}]}`, "models[0]: a model needs an id"}, {`{"models":[{"id":""}]}`, "models[0]: a model needs an id"},
		{`{"models":[{"id":7}]}`, "models[0].id: want a string"}, {`{"models":[{"id":"a"},{"id":"b"},{"id":"a"}]}`, "models[2]: the model is there twice"},
		{model(`"inptu":"1"`), "models[1].inptu: no such field"}, {model(`"input":"1","input":"2"`), "models[1].input: the field is there twice"},
		{model(`"input":1.5`), "models[1].input: want a decimal as a string"}, {model(`"input":true`), "models[1].input: want a decimal as a string"},
		{model(`"input":"1,5"`), "models[1].input: not a decimal"}, {model(`"input":""`), "models[1].input: not a decimal"}, {model(`"input":"1e-3"`), "models[1].input: not a decimal"},
		{model(`"input":"-1"`), "models[1].input: a price is not below 0"}, {model(`"output":"-0.000001"`), "models[1].output: a price is not below 0"},
		{model(`"cache_read":"0.0000000000001"`), "models[1].cache_read: a price for a million tokens has at most 12 decimals"},
		{model(`"cache_write_5m":"1000000.000001"`), "models[1].cache_write_5m: a price is at most"}, {model(`"cache_write_30m":"x"`), "models[1].cache_write_30m: "}, {model(`"cache_write_1h":"9223372036854775808"`), "models[1].cache_write_1h: beyond"},
		{model(`"batch":"0.5"`), "models[1].batch: want an object"}, {model(`"batch":{"cache_read":"1"}`), "models[1].batch.cache_read: no such field"}, {model(`"latency_optimized":{"output":"x"}`), "models[1].latency_optimized.output: not a decimal"},
		{model(`"scopes":null`), "models[1].scopes: want an object"}, {model(`"scopes":{"us":[]}`), "models[1].scopes.us: want an object"}, {model(`"scopes":{"us":{"input":3}}`), "models[1].scopes.us.input: want a decimal as a string"},
		{model(`"regions":{"":{}}`), "models[1].regions: want a name"}, {model(`"scopes":{"us":{},"us":{}}`), "models[1].scopes.us: the field is there twice"}, {model(`"scopes":{"us":{"service_tiers":null}}`), "models[1].scopes.us.service_tiers: no such field"},
		{model(`"scopes":{"us-gov":{"tiers":[{"above_input_tokens":1},{"above_input_tokens":2,"cache_write_5m":"x"}]}}`), "models[1].scopes.us-gov.tiers[1].cache_write_5m: not a decimal"},
		{model(`"regions":{"eu-west-1":{"input":""}}`), "models[1].regions.eu-west-1.input: not a decimal"},
		{model(`"tiers":{}`), "models[1].tiers: want an array"}, {model(`"tiers":[{}]`), "models[1].tiers[0].above_input_tokens: want a count above 0"}, {model(`"tiers":[{"above_input_tokens":0}]`), "models[1].tiers[0].above_input_tokens: want"},
		{model(`"tiers":[{"above_input_tokens":"1"}]`), "models[1].tiers[0].above_input_tokens: want a whole number"}, {model(`"tiers":[{"above_input_tokens":1.5}]`), "models[1].tiers[0].above_input_tokens: want a whole number"},
		{model(`"tiers":[{"above_input_tokens":99999999999999999999}]`), "models[1].tiers[0].above_input_tokens: want a whole number"},
		{model(`"tiers":[{"above_input_tokens":2},{"above_input_tokens":2}]`), "models[1].tiers[1].above_input_tokens: want"}, {model(`"tiers":[{"above_input_tokens":2,"tiers":[]}]`), "models[1].tiers[0].tiers: no such field"},
		{model(`"service_tiers":[]`), "models[1].service_tiers: want an object"}, {model(`"service_tiers":{"default":"1"}`), "models[1].service_tiers.default: not the name"}, {model(`"service_tiers":{"mixed":"1"}`), "models[1].service_tiers.mixed: not the name"},
		{model(`"service_tiers":{"":"1"}`), "not the name"}, {model(`"service_tiers":{"flex":0.5}`), "models[1].service_tiers.flex: want a decimal as a string"}, {model(`"service_tiers":{"flex":"-1"}`), "models[1].service_tiers.flex: a factor is not below 0"},
		{model(`"input":"1","service_tiers":{"flex":"0.0000000000001"}`), "models[1]: with the factor of the service tier flex"}, {model(`"input":"1000","service_tiers":{"x":"1000.1"}`), "models[1]: with the factor of the service tier x"},
		{model(`"input":"1","service_tiers":{"x":"9223372036854775807"}`), "models[1]: with the factor of the service tier x"},
		{model(`"scopes":{"eu":{"tiers":[{"above_input_tokens":1,"output":"0.0000001"}]}},"service_tiers":{"x":"0.0000001"}`), "models[1].scopes.eu.tiers[0]: with the factor"},
		{model(`"regions":{"r":{"cache_read":"0.00000000001"}},"service_tiers":{"x":"0.1"}`), ""}, {model(`"regions":{"r":{"cache_read":"0.000000000001"}},"service_tiers":{"x":"0.0000001"}`), "models[1].regions.r: with the factor"},
		{model(`"` + strings.Repeat("k", 99) + "\":1"), "models[1]." + strings.Repeat("k", 40) + "…: no such field"}, {model(`"a\nb":1`), `models[1].a\nb: no such field`},
	}
	for _, c := range cases {
		_, err := usage.ParsePrices(strings.NewReader(c.list))
		if c.path == "" && err == nil {
			continue
		}
		if c.path == "" || err == nil || llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.HasPrefix(err.Error(), "parse prices: invalid request: ") || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v; want %q", c.list, err, c.path)
		}
	}
}

// failing is a reader that fails after some bytes.
type failing struct{ bytes.Buffer }

func (f *failing) Read(b []byte) (int, error) {
	if n, err := f.Buffer.Read(b); err == nil {
		return n, nil
	}
	return 0, os.ErrClosed
}

func TestParseReadError(t *testing.T) {
	if p, err := usage.ParsePrices(nil); p != nil || llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("nil: %v, %v", p, err)
	}
	r := &failing{}
	r.WriteString(`{}`)
	if p, err := usage.ParsePrices(r); p != nil || llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v, %v", p, err)
	}
}

package usage

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/parley-sdk/parley/llm"
)

// The counters, and their attributes.
const (
	counterCalls    = "parley.usage.calls"
	counterErrors   = "parley.usage.errors"
	counterTokens   = "parley.usage.tokens"
	counterCost     = "parley.usage.cost"
	counterUnpriced = "parley.usage.unpriced_calls"

	attrProvider  = "gen_ai.provider.name"
	attrModel     = "gen_ai.response.model"
	attrEstimated = "parley.usage.estimated"
	attrToken     = "parley.token.type"
	attrTag       = "parley.tag." // and the tag's name
)

type counters struct {
	calls, errors, tokens, unpriced metric.Int64Counter
	cost                            metric.Float64Counter
}

func newCounters(provider metric.MeterProvider, warn func(key string, code llm.Code, message string)) *counters {
	meter := provider.Meter("github.com/parley-sdk/parley/middleware/usage")
	check := func(name string, err error) {
		if err != nil {
			warn(name, llm.ErrInternal, "the MeterProvider made no good counter "+name)
		}
	}
	count := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		check(name, err)
		return c
	}
	c := &counters{
		calls:    count(counterCalls, "{call}", "Attempts that reached the provider."),
		errors:   count(counterErrors, "{call}", "Attempts that reached the provider and failed."),
		tokens:   count(counterTokens, "{token}", "Tokens; the types add up to all of them."),
		unpriced: count(counterUnpriced, "{call}", "Attempts whose cost is not known, or not all of it."),
	}
	var err error
	c.cost, err = meter.Float64Counter(counterCost, metric.WithUnit("{USD}"), metric.WithDescription("Known cost, as a float: exact amounts are in the ledger."))
	check(counterCost, err)
	return c
}

func (c *counters) record(a *attempt, b *booking, tags []string) {
	if !c.calls.Enabled(a.ctx) && !c.tokens.Enabled(a.ctx) && !c.cost.Enabled(a.ctx) {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 4+len(tags))
	attrs = append(attrs, attribute.String(attrProvider, a.info.Provider), attribute.String(attrModel, b.model))
	for _, tag := range tags {
		if value, ok := a.tags.get(tag); ok && tag != modelTag {
			attrs = append(attrs, attribute.String(attrTag+tag, value))
		}
	}
	one := metric.WithAttributeSet(attribute.NewSet(slices.Clone(attrs)...))
	c.calls.Add(a.ctx, 1, one)
	if b.failed {
		c.errors.Add(a.ctx, 1, one)
	}
	if b.part.Cost.unpricedCalls > 0 {
		c.unpriced.Add(a.ctx, 1, one)
	}
	attrs = append(attrs, attribute.Bool(attrEstimated, b.estimated))
	if usd := b.part.Cost.known; usd != (USD{}) {
		c.cost.Add(a.ctx, float64(usd.dollars)+float64(usd.atto)/attoPerUSD, metric.WithAttributeSet(attribute.NewSet(slices.Clone(attrs)...)))
	}
	u := &b.part.Usage
	for _, t := range [...]struct {
		name   string
		tokens int
	}{
		{"uncached_input", u.InputTokens - u.CacheReadTokens - u.CacheWriteTokens},
		{"cache_read", u.CacheReadTokens},
		{"cache_write", u.CacheWriteTokens},
		{"output", u.OutputTokens},
	} {
		if t.tokens > 0 {
			c.tokens.Add(a.ctx, int64(t.tokens), metric.WithAttributeSet(attribute.NewSet(append(slices.Clone(attrs), attribute.String(attrToken, t.name))...)))
		}
	}
}

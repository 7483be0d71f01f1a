package usage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestCounters(t *testing.T) {
	reader := sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	defer provider.Shutdown(context.Background())
	l := usage.NewLedger(&usage.Options{Prices: dollars, MeterProvider: provider, MetricTags: []string{"team", "model"}})
	ctx := tagged(t, "team", "x", "user", "secret", "model", "secret")
	for range 2 {
		u := llm.Usage{InputTokens: 10, CacheReadTokens: 4, CacheWriteTokens: 3, OutputTokens: 5, ReasoningTokens: 2}
		llm.Wrap(answering(u), usage.New(l)).Generate(ctx, ask(1, 1))
	}
	u := llm.Usage{InputTokens: 1, OutputTokens: 2}
	llm.Wrap(answering(u), usage.New(l)).Generate(ctx, ask(1, 1))
	llm.Wrap(&scripted{llm.Info{Provider: "test", Model: "other"}, turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(t.Context(), ask(8, 1))
	llm.Wrap(&scripted{llm.Info{Provider: "test", Model: "other"}, turn{err: llm.ErrRejected}}, usage.New(l)).Generate(t.Context(), ask(8, 1))

	got := map[string][]string{}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	for _, scope := range data.ScopeMetrics {
		same(t, "scope", "github.com/parley-sdk/parley/middleware/usage", scope.Scope.Name)
		for _, m := range scope.Metrics {
			key := m.Name + " " + m.Unit
			point := func(attrs attribute.Set, v any) {
				got[key] = append(got[key], fmt.Sprint(attrs.Encoded(attribute.DefaultEncoder()), " ", v))
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					point(p.Attributes, p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					point(p.Attributes, p.Value)
				}
			}
			slices.Sort(got[key])
		}
	}
	const m, other = "gen_ai.provider.name=test,gen_ai.response.model=m,", "gen_ai.provider.name=test,gen_ai.response.model=other"
	same(t, "counters", map[string][]string{
		"parley.usage.calls {call}":          {m + "parley.tag.team=x 3", other + " 1"},
		"parley.usage.errors {call}":         {other + " 1"},
		"parley.usage.unpriced_calls {call}": {m + "parley.tag.team=x 2"}, // no price of a cache write
		"parley.usage.cost {USD}":            {m + "parley.tag.team=x,parley.usage.estimated=false 23", other + ",parley.usage.estimated=true 1"},
		"parley.usage.tokens {token}": {
			m + "parley.tag.team=x,parley.token.type=cache_read,parley.usage.estimated=false 8",
			m + "parley.tag.team=x,parley.token.type=cache_write,parley.usage.estimated=false 6",
			m + "parley.tag.team=x,parley.token.type=output,parley.usage.estimated=false 12",
			m + "parley.tag.team=x,parley.token.type=uncached_input,parley.usage.estimated=false 7",
			other + ",parley.token.type=uncached_input,parley.usage.estimated=true 2",
		},
	}, got)
}

// bad makes counters with an error.
type bad struct{ noop.Meter }

func (bad) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, errors.New("bad")
}

func TestBadCounters(t *testing.T) {
	var warnings []string
	l := usage.NewLedger(&usage.Options{Prices: dollars, MeterProvider: badProvider{}, OnWarning: func(err error) { warnings = append(warnings, err.Error()) }})
	llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(t.Context(), ask(1, 1))
	same(t, "booked", int64(1), l.Total().Calls)
	same(t, "warnings", 4, len(warnings))
	same(t, "a warning", "ledger: internal: the MeterProvider made no good counter parley.usage.calls", warnings[0])
}

type badProvider struct{ noop.MeterProvider }

func (badProvider) Meter(string, ...metric.MeterOption) metric.Meter { return bad{} }

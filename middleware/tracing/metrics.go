package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/parley-sdk/parley/llm"
)

// metrics are the instruments, and the attribute sets that they were used with.
type metrics struct {
	duration   metric.Float64Histogram
	tokens     metric.Int64Histogram
	firstChunk metric.Float64Histogram
	perChunk   metric.Float64Histogram
	cost       metric.Float64Histogram

	gaps sync.Pool // *[]time.Duration, for streams

	mu   sync.RWMutex
	sets map[setKey]*sets
}

func newMetrics(p metric.MeterProvider) *metrics {
	m := p.Meter(scopeName, metric.WithSchemaURL(schemaURL))
	seconds := metric.WithExplicitBucketBoundaries(secondBounds()...)
	float := func(name, unit, description string, bounds metric.HistogramOption) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description), bounds)
		if err != nil {
			otel.Handle(err)
			return noop.Float64Histogram{}
		}
		return h
	}
	tokens, err := m.Int64Histogram(metricTokens, metric.WithUnit(unitTokens), metric.WithDescription("Number of input and output tokens used."),
		metric.WithExplicitBucketBoundaries(tokenBounds()...))
	if err != nil {
		otel.Handle(err)
		tokens = noop.Int64Histogram{}
	}
	return &metrics{
		duration:   float(metricDuration, unitSeconds, "GenAI operation duration.", seconds),
		tokens:     tokens,
		firstChunk: float(metricFirstChunk, unitSeconds, "Time to receive the first chunk of a streamed answer.", seconds),
		perChunk:   float(metricPerChunk, unitSeconds, "Time per output chunk, after the first one.", seconds),
		cost:       float(metricCost, unitDollars, "Cost of an operation.", metric.WithExplicitBucketBoundaries(dollarBounds()...)),
		gaps:       sync.Pool{New: func() any { return new([]time.Duration) }},
		sets:       map[setKey]*sets{},
	}
}

// enabled says whether any instrument is in use.
func (m *metrics) enabled(ctx context.Context) bool {
	return m.duration.Enabled(ctx) || m.tokens.Enabled(ctx) || m.firstChunk.Enabled(ctx) || m.perChunk.Enabled(ctx) || m.cost.Enabled(ctx)
}

// record records a call that has ended.
func (m *metrics) record(ctx context.Context, asked llm.Info, o outcome, took time.Duration, cost float64, priced bool) {
	key := setKey{asked: asked, served: o.served.Model}
	s := m.setsFor(key)
	failed := s
	if o.err != nil {
		key.errorType = errorType(o.err)
		failed = m.setsFor(key)
	}
	m.duration.Record(ctx, took.Seconds(), failed.call...)
	if reported(o.usage.InputTokens, o.usage) {
		m.tokens.Record(ctx, int64(o.usage.InputTokens), s.input...)
	}
	if reported(o.usage.OutputTokens, o.usage) {
		m.tokens.Record(ctx, int64(o.usage.OutputTokens), s.output...)
	}
	if o.chunked {
		m.firstChunk.Record(ctx, o.first.Seconds(), s.call...)
	}
	for _, gap := range o.gaps {
		m.perChunk.Record(ctx, gap.Seconds(), s.call...)
	}
	if priced {
		m.cost.Record(ctx, cost, s.call...)
	}
}

// setKey is what the attributes of a metric depend on.
type setKey struct {
	asked     llm.Info
	served    string // model
	errorType string
}

// sets are the attributes of metrics, as options that are ready for use: to make them costs
// more than to record.
type sets struct{ call, input, output []metric.RecordOption }

const maxSets = 1000 // that are kept

func (m *metrics) setsFor(key setKey) *sets {
	m.mu.RLock()
	s := m.sets[key]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	attrs := identity(opChat, key.asked)
	attrs = appendString(attrs, keyResponseModel, key.served)
	attrs = valid(appendString(attrs, keyErrorType, key.errorType))
	option := func(more ...attribute.KeyValue) []metric.RecordOption {
		set := attribute.NewSet(append(more, attrs...)...)
		return []metric.RecordOption{metric.WithAttributeSet(set)}
	}
	s = &sets{
		call:   option(),
		input:  option(keyTokenType.String(tokenTypeInput)),
		output: option(keyTokenType.String(tokenTypeOutput)),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sets) < maxSets {
		m.sets[key] = s
	}
	return s
}

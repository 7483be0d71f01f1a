package tracing

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/llm"
)

// Options configures [New], which copies it. Nil or zero means the defaults. The functions
// are called by the goroutine of the call, several at a time, when the call has ended; a
// panic of theirs reaches the caller, after the span has ended and what is known without
// them is recorded.
type Options struct {
	// TracerProvider makes the spans. Nil: the global one of package otel. It is looked up
	// by New, and follows a global one that is set later.
	TracerProvider trace.TracerProvider

	// MeterProvider makes the metrics. Nil: the global one, likewise.
	MeterProvider metric.MeterProvider

	// CaptureContent puts prompts, answers, and the arguments and results of tools on the
	// spans that are recorded. Default off: they are sensitive, and large. The environment
	// variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, which New reads, turns it
	// on as well: "true", "span_only" or "span_and_event".
	CaptureContent bool

	// IgnoreEnvironment leaves that variable unread, so that CaptureContent alone decides:
	// where it is off too, nobody who starts the process can turn content on.
	IgnoreEnvironment bool

	// Redact changes each text of captured content before it is shown: texts, reasoning,
	// the URIs of media, the names of documents and, as JSON text, the arguments and results
	// of tools. Nil: nothing is changed.
	Redact func(text string) string

	// MaxContentBytes bounds each content attribute. What is larger is cut within its texts,
	// and then loses its oldest messages, and stays valid JSON. 0 = 65,536; less than 256
	// counts as 256; a negative number is no bound.
	MaxContentBytes int

	// Metadata lists the keys of [llm.Request.Metadata] that are shown, on spans as
	// parley.metadata.<key>. Default none.
	Metadata []string

	// Attributes returns more attributes for the span of a call, such as tags of the
	// application that the context carries. It must not change the request, which is never
	// nil. Nil: there are no more.
	Attributes func(ctx context.Context, req *llm.Request) []attribute.KeyValue

	// Cost prices a call: what usage costs with the model that served it, in dollars, and
	// whether that is known. It feeds the cost metric, and parley.cost_usd on the span.
	// These are floating-point numbers to look at; exact money is the affair of a ledger.
	// Nil: no cost is recorded.
	Cost func(served llm.Info, u llm.Usage) (usd float64, known bool)
}

const (
	defaultContentBytes = 64 << 10
	leastContentBytes   = 256
)

// New returns middleware that traces and measures calls; see the package comment. It stands
// outside of retries and fallbacks, so that a span is a call as the application made it.
// Models that it wraps share the instruments, and nothing else.
func New(opts *Options) llm.Middleware {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	switch n := o.MaxContentBytes; {
	case n == 0:
		o.MaxContentBytes = defaultContentBytes
	case n < 0:
		o.MaxContentBytes = math.MaxInt
	default:
		o.MaxContentBytes = max(n, leastContentBytes)
	}
	o.CaptureContent = o.CaptureContent || !o.IgnoreEnvironment && capturedByEnvironment()
	o.Metadata = slices.Clone(o.Metadata)
	t := &tracing{
		Options: o,
		tracer:  o.TracerProvider.Tracer(scopeName, trace.WithSchemaURL(schemaURL)),
		metrics: newMetrics(o.MeterProvider),
	}
	return func(next llm.Model) llm.Model { return &model{next: next, tracing: t} }
}

// tracing is what the models of one New share.
type tracing struct {
	Options
	tracer  trace.Tracer
	metrics *metrics
}

// capturedByEnvironment says whether the environment asks for content on spans.
func capturedByEnvironment() bool {
	switch strings.ToLower(strings.TrimSpace(os.Getenv(captureEnvironment))) {
	case "true", "span_only", "span_and_event":
		return true
	}
	return false
}

package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// call is one call of a model under way.
type call struct {
	*tracing
	ctx       context.Context // with the span
	span      trace.Span
	recording bool // the span is
	measuring bool // some instrument is
	streams   bool
	began     time.Time
	info      llm.Info
	req       *llm.Request

	mu    sync.Mutex // hedges tell of events at once
	asked []llm.Info // the models that a fallback turned to
}

// begin starts the span of a call. The context that it returns carries the span, and an
// observer of what policies do to the call. The call is nil where nobody wants to know of
// it; the span must be ended in any case.
func (m *model) begin(ctx context.Context, req *llm.Request, streams bool) (context.Context, trace.Span, *call) {
	s := m.start()
	ctx, span := m.tracing.tracer.Start(ctx, s.name, s.opts...)
	recording, measuring := span.IsRecording(), m.tracing.metrics.enabled(ctx)
	if !recording && !measuring {
		return ctx, span, nil
	}
	c := &call{
		tracing: m.tracing, span: span, recording: recording, measuring: measuring,
		streams: streams, began: time.Now(), info: s.info, req: req,
	}
	c.ctx = hook.Observe(ctx, c.observe)
	if recording {
		span.SetAttributes(c.requestAttributes()...)
	}
	return c.ctx, span, c
}

// observe makes a span event of what a policy did.
func (c *call) observe(ev hook.Event) {
	if ev.Kind == hook.Fallback && ev.Model != "" {
		c.mu.Lock()
		c.asked = append(c.asked, llm.Info{Provider: ev.Provider, Model: ev.Model})
		c.mu.Unlock()
	}
	if c.recording {
		c.span.AddEvent(eventPrefix+string(ev.Kind), trace.WithAttributes(eventAttributes(ev)...))
	}
}

// outcome is how a call ended, as far as it is known.
type outcome struct {
	err       error
	abandoned bool // the caller left the loop
	message   *llm.Message
	stop      llm.StopReason
	usage     llm.Usage
	served    llm.Info // empty fields are not known
	requestID string
	chunked   bool            // a chunk of a stream came
	first     time.Duration   // until it did
	gaps      []time.Duration // between chunks
}

// generated is the outcome of a call of Generate.
func generated(resp *llm.Response, err error) outcome {
	if resp == nil {
		resp = &llm.Response{}
	}
	return outcome{
		err: err, message: &resp.Message, stop: resp.StopReason, usage: resp.Usage,
		served: llm.Info{Provider: resp.Provider, Model: resp.Model}, requestID: resp.RequestID,
	}
}

// end ends the span and then records the metrics, which do not depend on sampling. What is
// known without the functions of the options comes first: should one of them panic, it is
// not lost.
func (c *call) end(o outcome) {
	took := time.Since(c.began)
	asked := c.askedAtLast(o.served)
	cost, priced := 0.0, false
	var attrs []attribute.KeyValue
	defer func() {
		if c.recording {
			c.span.SetAttributes(valid(attrs)...)
		}
		c.span.End()
		if c.measuring {
			c.metrics.record(c.ctx, asked, o, took, cost, priced)
		}
	}()
	if c.recording {
		attrs = c.describe(asked, o)
	}
	if c.Cost != nil && known(o.usage) {
		if cost, priced = c.price(asked, o); priced {
			attrs = append(attrs, keyCost.Float64(cost))
		}
	}
	if !c.recording {
		return
	}
	attrs = append(attrs, c.optionAttributes(asked.Provider)...)
	if c.CaptureContent {
		attrs = append(attrs, c.inputContent(c.req)...)
		attrs = append(attrs, c.outputContent(o)...)
	}
}

// askedAtLast is the model that the request went to in the end: the one that is wrapped, or
// one of those a fallback turned to. The provider is that which served.
func (c *call) askedAtLast(served llm.Info) llm.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.info
	if n := len(c.asked); n > 0 && served.Model != c.info.Model {
		asked = c.asked[n-1]
		for _, a := range c.asked { // with hedges, an earlier one may have won
			if a.Model == served.Model {
				asked = a
			}
		}
	}
	if served.Provider != "" {
		asked.Provider = served.Provider
	}
	return asked
}

// price asks what the call cost.
func (c *call) price(asked llm.Info, o outcome) (usd float64, known bool) {
	served := asked
	if o.served.Model != "" {
		served.Model = o.served.Model
	}
	usd, known = c.Cost(served, o.usage)
	return usd, known && usd >= 0 && usd <= maxCost // not a NaN either
}

// maxCost keeps infinities out of the sums.
const maxCost = 1e12

// describe says how the call ended: on the span its name and status, and the attributes.
func (c *call) describe(asked llm.Info, o outcome) []attribute.KeyValue {
	attrs := c.responseAttributes(asked, o)
	if asked.Model != c.info.Model {
		c.span.SetName(spanName(opChat, asked.Model))
		attrs = append(attrs, keyRequestModel.String(asked.Model), keyPrimaryModel.String(c.info.Model))
	}
	if asked.Provider != c.info.Provider {
		attrs = append(attrs, keyProvider.String(asked.Provider))
	}
	fail(c.span, o.err)
	return attrs
}

// fail marks a span as failed, by the code of the error alone: its message may say more than
// is good for a trace.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	t := errorType(err)
	span.SetStatus(codes.Error, t)
	span.SetAttributes(keyErrorType.String(t))
}

// optionAttributes are those that the application and the provider's options add.
func (c *call) optionAttributes(provider string) []attribute.KeyValue {
	if c.req == nil {
		return nil
	}
	var attrs []attribute.KeyValue
	for _, key := range c.Metadata {
		if v, ok := c.req.Metadata[key]; ok {
			attrs = append(attrs, attribute.String(keyMetadataPrefix+key, v))
		}
	}
	for _, o := range c.req.Options {
		if d, ok := o.(describer); ok && o.ProviderName() == provider {
			for key, v := range d.SpanAttributes() {
				attrs = append(attrs, attribute.String(key, v))
			}
		}
	}
	if c.Attributes != nil {
		attrs = append(attrs, c.Attributes(c.ctx, c.req)...)
	}
	return attrs
}

// describer is what options of a provider may be, to name attributes that its conventions
// have for them, such as aws.bedrock.guardrail.id.
type describer interface {
	SpanAttributes() map[string]string
}

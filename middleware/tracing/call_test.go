package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/tracing"
)

func TestConformance(t *testing.T) {
	t.Run("global providers", func(t *testing.T) { llmtest.RunMiddleware(t, tracing.New(nil)) })
	t.Run("recorded", func(t *testing.T) {
		tm := newTelemetry(t)
		llmtest.RunMiddleware(t, tracing.New(&tracing.Options{TracerProvider: tm.tp, MeterProvider: tm.mp}))
	})
	t.Run("captured", func(t *testing.T) {
		tm := newTelemetry(t)
		llmtest.RunMiddleware(t, tracing.New(&tracing.Options{TracerProvider: tm.tp, MeterProvider: tm.mp, CaptureContent: true,
			Redact: strings.ToUpper, MaxContentBytes: 1000, Metadata: []string{"tenant"},
			Cost: func(llm.Info, llm.Usage) (float64, bool) { return 1, true }}))
	})
	t.Run("unsampled", func(t *testing.T) {
		tm := newTelemetry(t, sdktrace.WithSampler(sdktrace.NeverSample()))
		llmtest.RunMiddleware(t, tracing.New(&tracing.Options{TracerProvider: tm.tp, MeterProvider: tm.mp}))
	})
}

// guarded are options of a provider that name an attribute.
type guarded struct{ Name, Guardrail string }

func (g *guarded) ProviderName() string { return g.Name }
func (g *guarded) SpanAttributes() map[string]string {
	return map[string]string{"aws.bedrock.guardrail.id": g.Guardrail}
}

// full sets all that shows on a span.
func full() *llm.Request {
	r := ask()
	r.MaxTokens, r.Temperature, r.TopP, r.TopK = 500, new(0.0), new(0.9), new(40)
	r.StopSequences = []string{"END"}
	r.Output = &llm.OutputFormat{Schema: []byte(`{"type":"object"}`)}
	r.Metadata = map[string]string{"tenant": "acme", "secret": "hidden"}
	r.Options = []llm.ProviderOptions{nil, &guarded{"openai", "of another"}, &guarded{"aws.bedrock", "gr-1"}}
	return r
}

func TestAttributes(t *testing.T) {
	resp := response()
	resp.Usage = llm.Usage{InputTokens: 100, OutputTokens: 20, CacheReadTokens: 60, CacheWriteTokens: 30, CacheWrite1hTokens: 10,
		ReasoningTokens: 5, ServiceTier: "flex"}
	resp.Model = "nova-2"
	want := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock",
		"gen_ai.request.model": "nova", "gen_ai.response.model": "nova-2",
		"gen_ai.request.max_tokens": int64(500), "gen_ai.request.temperature": 0.0, "gen_ai.request.top_p": 0.9, "gen_ai.request.top_k": 40.0,
		"gen_ai.request.stop_sequences": []string{"END"}, "gen_ai.output.type": "json",
		"gen_ai.response.finish_reasons": []string{"end_turn"},
		"gen_ai.usage.input_tokens":      int64(100), "gen_ai.usage.output_tokens": int64(20),
		"gen_ai.usage.cache_read.input_tokens": int64(60), "gen_ai.usage.cache_creation.input_tokens": int64(30),
		"gen_ai.usage.reasoning.output_tokens": int64(5),
		"aws.request_id":                       "8c1e8e6f-7d0a-4c3b-9a52-5f2f9d3b6a11", "aws.bedrock.guardrail.id": "gr-1",
		"parley.service_tier": "flex", "parley.metadata.tenant": "acme", "parley.cost_usd": 0.25, "team": "weather",
	}
	for name, call := range ways {
		t.Run(name, func(t *testing.T) {
			tm := newTelemetry(t)
			m := tm.wrap(answers(nil, resp), &tracing.Options{
				Metadata: []string{"tenant", "absent"},
				Attributes: func(ctx context.Context, req *llm.Request) []attribute.KeyValue {
					return []attribute.KeyValue{attribute.String("team", ctx.Value(teamKey{}).(string))}
				},
				Cost: func(served llm.Info, u llm.Usage) (float64, bool) {
					same(t, "what is priced", llm.Info{Provider: "aws.bedrock", Model: "nova-2"}, served)
					same(t, "usage", resp.Usage, u)
					return 0.25, true
				},
			})
			if _, err := call(context.WithValue(t.Context(), teamKey{}, "weather"), m, full()); err != nil {
				t.Fatal(err)
			}
			span := tm.span()
			got := attributes(span.Attributes)
			if name == "stream" {
				want["gen_ai.request.stream"] = true
				if d, ok := got["gen_ai.response.time_to_first_chunk"].(float64); !ok || d <= 0 || d > 60 {
					t.Errorf("the time to the first chunk is %v", got["gen_ai.response.time_to_first_chunk"])
				}
				delete(got, "gen_ai.response.time_to_first_chunk")
			} else {
				delete(want, "gen_ai.request.stream")
			}
			same(t, "attributes", want, got)
			same(t, "name", "chat nova", span.Name)
			same(t, "kind", trace.SpanKindClient, span.SpanKind)
			same(t, "status", sdktrace.Status{}, span.Status)
			same(t, "scope", "github.com/parley-sdk/parley/middleware/tracing", span.InstrumentationScope.Name)
			same(t, "schema", "https://opentelemetry.io/schemas/1.41.0", span.InstrumentationScope.SchemaURL)
			if len(span.Events) > 0 {
				t.Errorf("an uneventful call has events: %v", span.Events)
			}
		})
	}
}

type teamKey struct{}

func TestBareCall(t *testing.T) {
	tm := newTelemetry(t)
	r := &llm.Response{Message: llm.AssistantText("Cold."), StopReason: llm.StopOther}
	m := tm.wrap(&stub{info: llm.Info{Provider: "acme"}, stream: answers(nil, r).stream}, nil)
	if _, err := m.Generate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	span := tm.span()
	same(t, "name", "chat", span.Name)
	same(t, "attributes", map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme",
		"gen_ai.response.finish_reasons": []string{"other"}}, attributes(span.Attributes))
	if p := tm.points("gen_ai.client.token.usage"); p != nil {
		t.Errorf("usage that nobody knows is recorded: %v", p)
	}
}

func TestSamplersSeeWhatIsAsked(t *testing.T) {
	s := &sampler{Sampler: sdktrace.AlwaysSample()}
	tm := newTelemetry(t, sdktrace.WithSampler(s))
	if _, err := tm.wrap(answers(nil, response()), nil).Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	same(t, "attributes at the start", map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock",
		"gen_ai.request.model": "nova"}, attributes(s.seen.Attributes))
	same(t, "name at the start", "chat nova", s.seen.Name)
	same(t, "kind at the start", trace.SpanKindClient, s.seen.Kind)
}

type sampler struct {
	sdktrace.Sampler
	seen sdktrace.SamplingParameters
}

func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.seen = p
	return s.Sampler.ShouldSample(p)
}

func TestRequestID(t *testing.T) {
	for id, shown := range map[string]bool{
		"req_011CQ": true, "8c1e8e6f-7d0a": true, "": false, "a sentence, 1": false, "nodigits": false, strings.Repeat("1", 65): false,
	} {
		tm := newTelemetry(t)
		next := &stub{info: llm.Info{Provider: "acme", Model: "m"}, stream: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
			yield(nil, &llm.Error{Code: llm.ErrInternal, RequestID: id})
		}}
		_, _ = tm.wrap(next, nil).Generate(t.Context(), ask())
		got, ok := attributes(tm.span().Attributes)["parley.request_id"]
		if ok != shown || shown && got != id {
			t.Errorf("request id %q is shown as %v", id, got)
		}
	}
}

// allCodes are the codes of package llm, read from its source so that none is forgotten.
func allCodes(t *testing.T) []llm.Code {
	f, err := parser.ParseFile(token.NewFileSet(), "../../llm/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []llm.Code
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, llm.Code(s))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d codes are found", len(all))
	}
	return all
}

func TestErrors(t *testing.T) {
	type failure struct {
		err  error
		want string
	}
	failures := []failure{
		{errors.New("plain"), "unknown"},
		{context.Canceled, "canceled"},
		{fmt.Errorf("wrapped: %w", context.DeadlineExceeded), "timeout"},
		{&llm.Error{Code: "of another package"}, "_OTHER"},
	}
	for _, code := range allCodes(t) {
		failures = append(failures, failure{&llm.Error{Code: code, Message: "a message"}, string(code)})
	}
	for _, f := range failures {
		for name, call := range ways {
			t.Run(name+"/"+f.want, func(t *testing.T) {
				tm := newTelemetry(t)
				next := &stub{stream: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) { yield(nil, f.err) }}
				if _, err := call(t.Context(), tm.wrap(next, nil), ask()); err != f.err {
					t.Fatalf("the error is %v, want that of the model", err)
				}
				span := tm.span()
				same(t, "status", sdktrace.Status{Code: codes.Error, Description: f.want}, span.Status)
				same(t, "error.type", any(f.want), attributes(span.Attributes)["error.type"])
				if len(span.Events) > 0 {
					t.Errorf("the span has events: %v", span.Events)
				}
				same(t, "duration", []map[string]any{{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock",
					"gen_ai.request.model": "nova", "error.type": f.want}}, attrsOf(tm.points("gen_ai.client.operation.duration")))
				if p := tm.points("gen_ai.client.token.usage"); p != nil {
					t.Errorf("usage that nobody knows is recorded: %v", p)
				}
			})
		}
	}
}

func attrsOf(points []point) []map[string]any {
	var attrs []map[string]any
	for _, p := range points {
		attrs = append(attrs, p.Attrs)
	}
	return attrs
}

func TestPartialAnswer(t *testing.T) {
	for name, call := range ways {
		t.Run(name, func(t *testing.T) {
			tm := newTelemetry(t)
			m := tm.wrap(fake.New(fake.Text("Cold, and it will").WithUsage(llm.Usage{InputTokens: 9}).CutAfter(3)), nil)
			resp, err := call(t.Context(), m, ask())
			if llm.CodeOf(err) != llm.ErrIncomplete || resp == nil {
				t.Fatalf("got %v, %v", resp, err)
			}
			got := attributes(tm.span().Attributes)
			same(t, "error.type", any("incomplete"), got["error.type"])
			same(t, "input", any(int64(9)), got["gen_ai.usage.input_tokens"])
			same(t, "estimated", any(true), got["parley.usage.estimated"])
			if v, ok := got["gen_ai.usage.output_tokens"]; ok {
				t.Errorf("output that nobody reported is %v", v)
			}
			same(t, "tokens", []point{{Attrs: map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "fake", "gen_ai.request.model": "fake",
				"gen_ai.token.type": "input"}, Count: 1, Sum: 9}}, tm.points("gen_ai.client.token.usage"))
		})
	}
}

// TestSpanInContext checks that what the backend does nests under the call.
func TestSpanInContext(t *testing.T) {
	for name, call := range ways {
		t.Run(name, func(t *testing.T) {
			tm := newTelemetry(t)
			m := tm.wrap(answers(func(ctx context.Context) {
				_, http := tm.tp.Tracer("http").Start(ctx, "POST")
				http.End()
			}, response()), nil)
			ctx, parent := tm.tp.Tracer("app").Start(t.Context(), "handler")
			if _, err := call(ctx, m, ask()); err != nil {
				t.Fatal(err)
			}
			parent.End()
			spans := tm.spans.GetSpans()
			var names []string
			for _, s := range spans {
				names = append(names, s.Name)
			}
			same(t, "spans in the order in which they ended", []string{"POST", "chat nova", "handler"}, names)
			same(t, "parent of the call", spans[2].SpanContext.SpanID(), spans[1].Parent.SpanID())
			same(t, "parent of the HTTP call", spans[1].SpanContext.SpanID(), spans[0].Parent.SpanID())
		})
	}
}

func TestPolicies(t *testing.T) {
	events := []hook.Event{
		{Kind: hook.Retry, Policy: "retry", Attempt: 2, Wait: 1500 * time.Millisecond, Code: "rate_limited"},
		{Kind: hook.Wait, Policy: "ratelimit", Wait: time.Second},
		{Kind: hook.Reject, Policy: "breaker", Code: "rejected", Wait: time.Minute},
		{Kind: hook.Timeout, Policy: "timeout", Wait: 2 * time.Second},
		{Kind: hook.Hedge, Policy: "hedge", Attempt: 2, Wait: 250 * time.Millisecond},
		{Kind: hook.Fallback, Policy: "fallback", Provider: "openai", Model: "gpt", Code: "of another package"},
	}
	want := []struct {
		Name  string
		Attrs map[string]any
	}{
		{"parley.retry", map[string]any{"parley.policy": "retry", "parley.attempt": int64(2), "parley.wait_seconds": 1.5, "error.type": "rate_limited"}},
		{"parley.wait", map[string]any{"parley.policy": "ratelimit", "parley.wait_seconds": 1.0}},
		{"parley.reject", map[string]any{"parley.policy": "breaker", "parley.wait_seconds": 60.0, "error.type": "rejected"}},
		{"parley.timeout", map[string]any{"parley.policy": "timeout", "parley.wait_seconds": 2.0}},
		{"parley.hedge", map[string]any{"parley.policy": "hedge", "parley.attempt": int64(2), "parley.wait_seconds": 0.25}},
		{"parley.fallback", map[string]any{"parley.policy": "fallback", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt", "error.type": "_OTHER"}},
	}
	for name, call := range ways {
		t.Run(name, func(t *testing.T) {
			tm := newTelemetry(t)
			m := tm.wrap(answers(func(ctx context.Context) {
				for _, ev := range events {
					hook.Tell(ctx, ev)
				}
			}, response()), nil)
			if _, err := call(t.Context(), m, ask()); err != nil {
				t.Fatal(err)
			}
			got := tm.span().Events
			if len(got) != len(want) {
				t.Fatalf("%d events, want %d", len(got), len(want))
			}
			for i, w := range want {
				same(t, "name", w.Name, got[i].Name)
				same(t, w.Name, w.Attrs, attributes(got[i].Attributes))
			}
		})
	}
}

// TestFallback checks which model a call is booked on.
func TestFallback(t *testing.T) {
	turn := func(provider, model string) hook.Event {
		return hook.Event{Kind: hook.Fallback, Policy: "fallback", Provider: provider, Model: model}
	}
	cases := []struct {
		name             string
		turns            []hook.Event
		served           llm.Info
		err              error
		model, provider  string // of the request, as it shows in the end
		primary, respond any
	}{
		{"none", nil, llm.Info{Provider: "aws.bedrock", Model: "nova"}, nil, "nova", "aws.bedrock", nil, "nova"},
		{"a router says who served", nil, llm.Info{Provider: "openai", Model: "gpt"}, nil, "nova", "openai", nil, "gpt"},
		{"another model serves", []hook.Event{turn("openai", "gpt")}, llm.Info{Provider: "openai", Model: "gpt"}, nil, "gpt", "openai", "nova", "gpt"},
		{"the second of two", []hook.Event{turn("openai", "gpt"), turn("anthropic", "claude")}, llm.Info{Provider: "anthropic", Model: "claude-5"}, nil,
			"claude", "anthropic", "nova", "claude-5"},
		{"beside a hedge the first won", []hook.Event{turn("openai", "gpt")}, llm.Info{Provider: "aws.bedrock", Model: "nova"}, nil,
			"nova", "aws.bedrock", nil, "nova"},
		{"beside a hedge an earlier one won", []hook.Event{turn("openai", "gpt"), turn("anthropic", "claude")}, llm.Info{Model: "gpt"}, nil,
			"gpt", "openai", "nova", "gpt"},
		{"all fail", []hook.Event{turn("openai", "gpt")}, llm.Info{}, llm.ErrOverloaded, "gpt", "openai", "nova", nil},
		{"one without a name", []hook.Event{turn("", "")}, llm.Info{}, llm.ErrOverloaded, "nova", "aws.bedrock", nil, nil},
	}
	for _, c := range cases {
		for name, call := range ways {
			for _, sampled := range []bool{true, false} {
				t.Run(fmt.Sprint(c.name, "/", name, "/", sampled), func(t *testing.T) {
					var opts []sdktrace.TracerProviderOption
					if !sampled {
						opts = append(opts, sdktrace.WithSampler(sdktrace.NeverSample()))
					}
					tm := newTelemetry(t, opts...)
					resp := response()
					resp.Provider, resp.Model = c.served.Provider, c.served.Model
					next := answers(nil, resp)
					play := next.stream
					next.stream = func(ctx context.Context, req *llm.Request, yield func(llm.Event, error) bool) {
						var wg sync.WaitGroup
						wg.Go(func() { // as a hedge would
							for _, ev := range c.turns {
								hook.Tell(ctx, ev)
							}
						})
						wg.Wait()
						if c.err != nil {
							yield(nil, c.err)
							return
						}
						play(ctx, req, yield)
					}
					_, _ = call(t.Context(), tm.wrap(next, nil), ask())
					p := tm.points("gen_ai.client.operation.duration")
					if len(p) != 1 || p[0].Attrs["gen_ai.request.model"] != c.model || p[0].Attrs["gen_ai.provider.name"] != c.provider ||
						p[0].Attrs["gen_ai.response.model"] != c.respond {
						t.Errorf("the metrics have %v", p)
					}
					if !sampled {
						return
					}
					span := tm.span()
					got := attributes(span.Attributes)
					same(t, "name", "chat "+c.model, span.Name)
					same(t, "request model", any(c.model), got["gen_ai.request.model"])
					same(t, "provider", any(c.provider), got["gen_ai.provider.name"])
					same(t, "response model", c.respond, got["gen_ai.response.model"])
					same(t, "primary model", c.primary, got["parley.primary_model"])
				})
			}
		}
	}
}

func TestModelChangesItsName(t *testing.T) {
	tm := newTelemetry(t)
	next := answers(nil, response())
	m := tm.wrap(next, nil)
	for _, name := range []string{"one", "two", "two"} {
		next.info = llm.Info{Provider: "aws.bedrock", Model: name}
		_, _ = m.Generate(t.Context(), ask())
		same(t, "name", "chat "+name, tm.span().Name)
	}
}

func TestCallbackPanics(t *testing.T) {
	options := map[string]tracing.Options{
		"Attributes": {Attributes: func(context.Context, *llm.Request) []attribute.KeyValue { panic("mine") }},
		"Cost":       {Cost: func(llm.Info, llm.Usage) (float64, bool) { panic("mine") }},
		"Redact":     {Redact: func(string) string { panic("mine") }, CaptureContent: true},
	}
	for name, o := range options {
		for way, call := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				tm := newTelemetry(t)
				m := tm.wrap(answers(nil, response()), &o)
				func() {
					defer func() {
						if p := recover(); p != "mine" {
							t.Errorf("the panic is %v", p)
						}
					}()
					_, _ = call(t.Context(), m, ask())
				}()
				tm.span() // it has ended
			})
		}
	}
}

func TestOptionsAreCopied(t *testing.T) {
	tm := newTelemetry(t)
	o := &tracing.Options{TracerProvider: tm.tp, MeterProvider: tm.mp, Metadata: []string{"tenant"}}
	m := llm.Wrap(answers(nil, response()), tracing.New(o))
	o.Metadata[0], o.CaptureContent = "secret", true
	if _, err := m.Generate(t.Context(), full()); err != nil {
		t.Fatal(err)
	}
	got := attributes(tm.span().Attributes)
	if got["parley.metadata.tenant"] != "acme" || got["parley.metadata.secret"] != nil || got["gen_ai.input.messages"] != nil {
		t.Errorf("the options changed with the caller's: %v", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	tm := newTelemetry(t)
	mw := tracing.New(&tracing.Options{TracerProvider: tm.tp, MeterProvider: tm.mp, CaptureContent: true})
	models := []llm.Model{llm.Wrap(answers(nil, response()), mw), llm.Wrap(fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
		return response(), nil
	}), mw)}
	const callers, calls = 64, 10
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := range calls {
				for _, call := range ways {
					if _, err := call(t.Context(), models[(i+n)%2], ask()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(tm.spans.GetSpans()); n != callers*calls*len(ways) {
		t.Errorf("%d spans, want %d", n, callers*calls*len(ways))
	}
	var count uint64
	for _, p := range tm.points("gen_ai.client.operation.duration") {
		count += p.Count
	}
	if count != callers*calls*uint64(len(ways)) {
		t.Errorf("%d durations, want %d", count, callers*calls*len(ways))
	}
}

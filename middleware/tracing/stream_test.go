package tracing_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// halfway yields the beginning of an answer, and what was used so far.
func halfway(yield func(llm.Event, error) bool) bool {
	return yield(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}, nil) &&
		yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) &&
		yield(&llm.TextDelta{Text: "Cold"}, nil)
}

// TestEndings ends streams in each way there is.
func TestEndings(t *testing.T) {
	whole := func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
		for ev, err := range response().Events() {
			if !yield(ev, err) {
				return
			}
		}
	}
	cases := []struct {
		name      string
		model     func(ctx context.Context, req *llm.Request, yield func(llm.Event, error) bool)
		loop      func(ev llm.Event, err error, cancel func()) (goOn bool)
		err       string
		abandoned bool
		input     any
		finish    any
	}{
		{name: "finish", model: whole, input: int64(100), finish: []string{"end_turn"}},
		{name: "error before anything", err: "overloaded",
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				yield(nil, llm.ErrOverloaded)
			}},
		{name: "error midway", err: "overloaded", input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				_ = halfway(yield) && yield(nil, llm.ErrOverloaded)
			}},
		{name: "error midway, and the loop is left", err: "overloaded", input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				_ = halfway(yield) && yield(nil, llm.ErrOverloaded)
			},
			loop: func(_ llm.Event, err error, _ func()) bool { return err == nil }},
		{name: "cut by a model that breaks law 4", err: "incomplete", input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) { halfway(yield) }},
		{name: "break at the first event", abandoned: true, input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) { halfway(yield) },
			loop:  func(llm.Event, error, func()) bool { return false }},
		{name: "break midway", abandoned: true, model: whole,
			loop: func(ev llm.Event, _ error, _ func()) bool { _, delta := ev.(*llm.TextDelta); return !delta }},
		{name: "break at finish", model: whole, input: int64(100), finish: []string{"end_turn"},
			loop: func(ev llm.Event, _ error, _ func()) bool { _, finish := ev.(*llm.Finish); return !finish }},
		{name: "cancel", err: "canceled", input: int64(25),
			model: func(ctx context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				if halfway(yield) {
					<-ctx.Done()
					yield(nil, &llm.Error{Code: llm.ErrCanceled, Err: ctx.Err()})
				}
			},
			loop: func(ev llm.Event, _ error, cancel func()) bool {
				if _, delta := ev.(*llm.TextDelta); delta {
					cancel()
				}
				return true
			}},
		{name: "panic in the loop", abandoned: true, input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) { halfway(yield) },
			loop: func(ev llm.Event, _ error, _ func()) bool {
				if _, delta := ev.(*llm.TextDelta); delta {
					panic("mine")
				}
				return true
			}},
		{name: "the loop's goroutine exits", abandoned: true, input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) { halfway(yield) },
			loop: func(ev llm.Event, _ error, _ func()) bool {
				if _, delta := ev.(*llm.TextDelta); delta {
					runtime.Goexit()
				}
				return true
			}},
		{name: "panic in the model", err: "internal", input: int64(25),
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				if halfway(yield) {
					panic("mine")
				}
			}},
		{name: "panic in the model after its answer", err: "internal", finish: []string{"end_turn"},
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				if yield(&llm.Finish{StopReason: llm.StopEndTurn}, nil) {
					panic("mine")
				}
			}},
		{name: "nil events", err: "incomplete",
			model: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
				for _, ev := range []llm.Event{nil, (*llm.Finish)(nil), (*llm.UsageUpdate)(nil), (*llm.PartStart)(nil), (*llm.ProviderDelta)(nil)} {
					if !yield(ev, nil) {
						return
					}
				}
			}},
	}
	for _, c := range cases {
		for _, capture := range []bool{false, true} {
			if capture && c.name == "nil events" {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				tm := newTelemetry(t)
				m := tm.wrap(&stub{stream: c.model}, &tracing.Options{CaptureContent: capture})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() {
						if p := recover(); p != nil && p != "mine" {
							t.Errorf("panic: %v", p)
						}
					}()
					for ev, err := range m.Stream(ctx, ask()) {
						if c.loop != nil && !c.loop(ev, err, cancel) {
							break
						}
					}
				})
				wg.Wait()
				span := tm.span()
				got := attributes(span.Attributes)
				status := sdktrace.Status{}
				var errorType, abandoned any
				if c.err != "" {
					status, errorType = sdktrace.Status{Code: codes.Error, Description: c.err}, c.err
				}
				if c.abandoned {
					abandoned = true
				}
				same(t, "status", status, span.Status)
				same(t, "error.type", errorType, got["error.type"])
				same(t, "abandoned", abandoned, got["parley.abandoned"])
				same(t, "input tokens", c.input, got["gen_ai.usage.input_tokens"])
				same(t, "finish reasons", c.finish, got["gen_ai.response.finish_reasons"])
				var estimated any
				if c.input != nil && c.finish == nil {
					estimated = true
				}
				same(t, "estimated", estimated, got["parley.usage.estimated"])
				d := tm.points("gen_ai.client.operation.duration")
				if len(d) != 1 || d[0].Count != 1 {
					t.Fatalf("durations: %v", d)
				}
				same(t, "error.type of the metric", errorType, d[0].Attrs["error.type"])
				if _, ok := d[0].Attrs["parley.abandoned"]; ok {
					t.Error("the metrics tell abandoned calls apart")
				}
			})
		}
	}
}

func TestGeneratePanics(t *testing.T) {
	tm := newTelemetry(t)
	m := tm.wrap(&stub{stream: func(context.Context, *llm.Request, func(llm.Event, error) bool) { panic("mine") }}, nil)
	func() {
		defer func() {
			if p := recover(); p != "mine" {
				t.Errorf("the panic is %v", p)
			}
		}()
		_, _ = m.Generate(t.Context(), ask())
	}()
	same(t, "error.type", any("internal"), attributes(tm.span().Attributes)["error.type"])
}

// TestLazy checks that nothing is traced of a stream that nobody ranges over, and the first
// range only where it is ranged over again.
func TestLazy(t *testing.T) {
	tm := newTelemetry(t)
	seq := tm.wrap(answers(nil, response()), nil).Stream(t.Context(), ask())
	if n := len(tm.spans.GetSpans()); n != 0 {
		t.Errorf("%d spans before the loop", n)
	}
	for range 2 {
		for _, err := range seq {
			if err != nil && !errors.Is(err, llm.ErrStreamReused) {
				t.Error(err)
			}
		}
	}
	tm.span()
}

// timed is a stream whose events come at known times.
func timed(ctx context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
	for _, step := range []struct {
		wait time.Duration
		ev   llm.Event
	}{
		{time.Second, &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 1}}},
		{time.Second, &llm.PartStart{Part: &llm.ReasoningPart{}}},
		{time.Second, &llm.ReasoningDelta{Text: "hm"}}, // the first chunk, after 3 s
		{10 * time.Millisecond, &llm.PartStop{}},
		{10 * time.Millisecond, &llm.PartStart{Index: 1, Part: &llm.TextPart{}}},
		{480 * time.Millisecond, &llm.TextDelta{Index: 1, Text: "Cold"}}, // 0.5 s
		{30 * time.Millisecond, &llm.CitationDelta{Index: 1}},            // 0.03 s
		{time.Second, &llm.ProviderDelta{Index: -1}},                     // not part of the answer
		{time.Second, &llm.ProviderDelta{Index: 1}},                      // 2 s
		{0, &llm.PartStop{Index: 1}},
		{time.Second, &llm.PartStart{Index: 2, Part: &llm.ToolCallPart{ID: "1", Name: "f"}}},
		{time.Second, &llm.ToolCallDelta{Index: 2, Input: "{}"}}, // 2 s
		{0, &llm.PartStop{Index: 2}},
		{time.Second, &llm.PartStart{Index: 3, Part: &llm.ProviderPart{Kind: "k", Data: json.RawMessage("1")}}}, // 1 s, comes whole
		{0, &llm.PartStop{Index: 3}},
		{time.Second, &llm.PartStart{Index: 4, Part: &llm.MediaPart{MediaType: "image/png"}}}, // 1 s
		{time.Second, &llm.MediaDelta{Index: 4, Data: []byte("x")}},                           // 1 s
		{0, &llm.PartStop{Index: 4}},
		{time.Second, &llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 1, OutputTokens: 2}, Model: "served"}},
	} {
		time.Sleep(step.wait)
		if !yield(step.ev, nil) {
			return
		}
	}
}

func TestTimes(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var opts []sdktrace.TracerProviderOption
			if !sampled {
				opts = append(opts, sdktrace.WithSampler(sdktrace.NeverSample()))
			}
			tm := newTelemetry(t, opts...)
			m := tm.wrap(&stub{stream: timed}, nil)
			for range 2 {
				for _, err := range m.Stream(t.Context(), ask()) {
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			attrs := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock",
				"gen_ai.request.model": "nova", "gen_ai.response.model": "served"}
			near := func(name string, count uint64, sum float64) {
				t.Helper()
				p := tm.points(name)
				if len(p) != 1 || p[0].Count != 2*count || math.Abs(p[0].Sum-2*sum) > 1e-9 {
					t.Errorf("%s has %v, want twice %d points that sum to %v", name, p, count, sum)
					return
				}
				same(t, name, attrs, p[0].Attrs)
			}
			near("gen_ai.client.operation.duration", 1, 11.53)
			near("gen_ai.client.operation.time_to_first_chunk", 1, 3)
			near("gen_ai.client.operation.time_per_output_chunk", 7, 0.5+0.03+2+2+1+1+1)
			spans := tm.spans.GetSpans()
			if !sampled {
				if len(spans) > 0 {
					t.Errorf("%d spans that were not sampled", len(spans))
				}
				return
			}
			for _, s := range spans {
				same(t, "time to first chunk", any(3.0), attributes(s.Attributes)["gen_ai.response.time_to_first_chunk"])
				same(t, "the span's duration", 11530*time.Millisecond, s.EndTime.Sub(s.StartTime))
			}
		})
	}
}

// TestFirstChunkAtOnce checks that no time at all is a time too.
func TestFirstChunkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTelemetry(t)
		if _, err := llm.Collect(tm.wrap(answers(nil, response()), nil).Stream(t.Context(), ask())); err != nil {
			t.Fatal(err)
		}
		same(t, "time to first chunk", any(0.0), attributes(tm.span().Attributes)["gen_ai.response.time_to_first_chunk"])
		if p := tm.points("gen_ai.client.operation.time_to_first_chunk"); len(p) != 1 || p[0].Count != 1 {
			t.Errorf("time to first chunk: %v", p)
		}
	})
}

// TestNoChunks checks what is not recorded: of calls that are no streams, and of streams
// that brought nothing.
func TestNoChunks(t *testing.T) {
	tm := newTelemetry(t)
	m := tm.wrap(answers(nil, response()), nil)
	if _, err := m.Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	fails := tm.wrap(&stub{stream: func(_ context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
		_ = yield(&llm.UsageUpdate{}, nil) && yield(nil, llm.ErrOverloaded)
	}}, nil)
	_, _ = llm.Collect(fails.Stream(t.Context(), ask()))
	for _, name := range []string{"gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.operation.time_per_output_chunk"} {
		if p := tm.points(name); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestViewsDrop checks that spans alone, and single metrics alone, work too.
func TestViewsDrop(t *testing.T) {
	for _, keep := range []string{"none", "gen_ai.client.token.usage", "gen_ai.client.operation.time_per_output_chunk"} {
		synctest.Test(t, func(t *testing.T) {
			tm := newTelemetry(t)
			drop := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
				return sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}, i.Name != keep
			}
			tm.reader = sdkmetric.NewManualReader()
			tm.mp = sdkmetric.NewMeterProvider(sdkmetric.WithReader(tm.reader), sdkmetric.WithView(drop))
			if _, err := llm.Collect(tm.wrap(&stub{stream: timed}, nil).Stream(t.Context(), ask())); err != nil {
				t.Fatal(err)
			}
			same(t, "time to first chunk", any(3.0), attributes(tm.span().Attributes)["gen_ai.response.time_to_first_chunk"])
			if keep != "none" && len(tm.points(keep)) == 0 {
				t.Errorf("%s is not recorded", keep)
			}
			metrics := tm.metrics()
			delete(metrics, keep)
			if len(metrics) > 0 {
				t.Errorf("keeping %s: %v", keep, metrics)
			}
		})
	}
}

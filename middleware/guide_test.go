package middleware_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// The tests of this file hold what docs/resilience.md says.

var ask = &llm.Request{Messages: []llm.Message{llm.UserText("Go.")}, MaxTokens: 300}

// TestBatchAndLess starts 200 calls at once, into 90 seconds in which the provider refuses all.
func TestBatchAndLess(t *testing.T) {
	longer := &retry.Options{MaxAttempts: 8, BaseDelay: 5 * time.Second, MaxDelay: 2 * time.Minute}
	for _, c := range []struct {
		name        string
		code        llm.Code
		layers      func() llm.Middleware
		least, most int64 // calls that fail
	}{
		{"newBatch, rate limited", llm.ErrRateLimited, newBatch, 0, 0},
		{"newBatch, overloaded", llm.ErrOverloaded, newBatch, 0, 0},
		{"defaults, rate limited", llm.ErrRateLimited, func() llm.Middleware { return middleware.Standard(middleware.Config{}) }, 200, 200},
		{"more attempts only, rate limited", llm.ErrRateLimited, func() llm.Middleware {
			return middleware.Standard(middleware.Config{Retry: retry.New(longer)}) // the retry budget refuses
		}, 190, 200},
		{"more attempts only, overloaded", llm.ErrOverloaded, func() llm.Middleware {
			return middleware.Standard(middleware.Config{Retry: retry.New(longer)}) // the breaker opens
		}, 200, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var attempts, failed atomic.Int64
				model := llm.Wrap(fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
					attempts.Add(1)
					if time.Since(begin) < 90*time.Second {
						return nil, &llm.Error{Code: c.code, Status: 429}
					}
					time.Sleep(2 * time.Second)
					return &llm.Response{Message: llm.AssistantText("Done."), StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 500, OutputTokens: 300}}, nil
				}), c.layers())
				var calls sync.WaitGroup
				for range 200 {
					calls.Go(func() {
						if _, err := model.Generate(t.Context(), ask); err != nil {
							failed.Add(1)
						}
					})
				}
				calls.Wait()
				t.Logf("%d of 200 calls failed, %d attempts in %v", failed.Load(), attempts.Load(), time.Since(begin).Round(time.Second))
				if n := failed.Load(); n < c.least || n > c.most {
					t.Errorf("%d of 200 calls failed, want %d to %d", n, c.least, c.most)
				}
			})
		})
	}
}

// TestServiceInTime hangs one model of newService, and then both.
func TestServiceInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(name string) *fake.Model {
			return fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}).WithInfo(llm.Info{Provider: "acme", Model: name})
		}
		begin := time.Now()
		resp, err := newService(hangs("a"), fake.New(fake.Text("Here."))).Generate(t.Context(), ask)
		if took := time.Since(begin); err != nil || resp.Text() != "Here." || took != 50*time.Second {
			t.Errorf("one model hangs: %v after %v", err, took)
		}

		begin = time.Now()
		_, err = newService(hangs("a"), hangs("b")).Generate(t.Context(), ask)
		if took := time.Since(begin); llm.CodeOf(err) != llm.ErrTimeout || took != 100*time.Second {
			t.Errorf("both models hang: %v after %v", err, took)
		}

		begin = time.Now()
		each := func() llm.Middleware {
			return middleware.Standard(middleware.Config{Timeout: timeout.New(&timeout.Options{Total: 2 * time.Minute})})
		}
		_, err = fallback.New(llm.Wrap(hangs("a"), each()), llm.Wrap(hangs("b"), each())).Generate(t.Context(), ask)
		if took := time.Since(begin); llm.CodeOf(err) != llm.ErrTimeout || took != 4*time.Minute {
			t.Errorf("with the total of a call in each stack: %v after %v", err, took)
		}
	})
}

// TestSpansOfFallback traces outside of a fallback, and in each of its stacks.
func TestSpansOfFallback(t *testing.T) {
	for _, c := range []struct {
		outside bool
		want    int
	}{{true, 1}, {false, 2}} {
		spans := tracetest.NewInMemoryExporter()
		trace := tracing.New(&tracing.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
		inner, outer := trace, middleware.Off
		if c.outside {
			inner, outer = middleware.Off, trace
		}
		each := func() llm.Middleware {
			return middleware.Standard(middleware.Config{Tracing: inner, Retry: middleware.Off})
		}
		model := llm.Wrap(fallback.New(
			llm.Wrap(fake.New(fake.Fail(llm.ErrOverloaded)), each()),
			llm.Wrap(fake.New(fake.Text("Here.")), each()),
		), outer)
		if _, err := model.Generate(t.Context(), ask); err != nil {
			t.Error(err)
		}
		roots := 0
		for _, s := range spans.GetSpans() {
			if !s.Parent.IsValid() {
				roots++
			}
		}
		if roots != c.want {
			t.Errorf("traced outside %v: %d root spans, want %d", c.outside, roots, c.want)
		}
	}
}

// TestFirstMinute counts the tokens that are used in the first minute, of calls of 10,000.
func TestFirstMinute(t *testing.T) {
	for _, c := range []struct {
		rate, burst int
		want        int64
	}{{400_000, 0, 800_000}, {350_000, 50_000, 400_000}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var used atomic.Int64
			model := llm.Wrap(fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
				used.Add(10_000)
				return &llm.Response{Message: llm.AssistantText("Done."), StopReason: llm.StopEndTurn, Usage: llm.Usage{OutputTokens: 10_000}}, nil
			}), ratelimit.New(&ratelimit.Options{TokensPerMinute: c.rate, TokenBurst: c.burst, Estimate: func(*llm.Request) int { return 0 }}))
			var calls sync.WaitGroup
			for range 100 {
				calls.Go(func() {
					_, _ = model.Generate(ctx, &llm.Request{Messages: ask.Messages, MaxTokens: 10_000}) // who would wait for longer is refused
				})
			}
			calls.Wait()
			if got := used.Load(); got > c.want || got < c.want-10_000 {
				t.Errorf("rate %d, burst %d: %d tokens in the first minute, want %d", c.rate, c.burst, got, c.want)
			}
		})
	}
}

// TestLargestCall asks for more than a bucket holds, and as much while the limits are cut.
func TestLargestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := fake.New(fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Status: 429}), fake.Text("Done."))
		model := llm.Wrap(backend, ratelimit.New(&ratelimit.Options{
			TokensPerMinute: 35_000, TokenBurst: 5_000, Adaptive: true, Estimate: func(*llm.Request) int { return 0 },
		}))
		ask := func(maxTokens int) error {
			_, err := model.Generate(t.Context(), &llm.Request{Messages: ask.Messages, MaxTokens: maxTokens})
			return err
		}
		if err := ask(5_001); llm.CodeOf(err) != llm.ErrRejected {
			t.Errorf("more than the burst: %v", err)
		}
		if err := ask(0); llm.CodeOf(err) != llm.ErrRateLimited { // reserved as 4,096
			t.Errorf("without MaxTokens: %v", err)
		}
		if err := ask(5_000); err != nil {
			t.Errorf("the burst, after a cut: %v", err)
		}
	})
}

// TestTenantKey gives a limiter a key of its own, and wraps two models with it.
func TestTenantKey(t *testing.T) {
	limit := ratelimit.New(&ratelimit.Options{RequestsPerMinute: 1, MaxWait: time.Second, Key: func(context.Context, *llm.Request) string { return "acme" }})
	a := llm.Wrap(fake.New(fake.Text("Done.")).WithInfo(llm.Info{Provider: "acme", Model: "a"}), limit)
	b := llm.Wrap(fake.New(fake.Text("Done.")).WithInfo(llm.Info{Provider: "acme", Model: "b"}), limit)
	_, first := a.Generate(t.Context(), ask)
	_, second := b.Generate(t.Context(), ask)
	if first != nil || llm.CodeOf(second) != llm.ErrRejected {
		t.Errorf("the second model has a quota of its own: %v, %v", first, second)
	}
}

// TestShared wraps two models with one Standard, and with one each.
func TestShared(t *testing.T) {
	config := func() middleware.Config {
		return middleware.Config{
			Retry:   retry.New(&retry.Options{BaseDelay: time.Nanosecond, MaxAttempts: 2, Budget: &retry.Budget{Share: -1, Floor: 1}}),
			Breaker: breaker.New(&breaker.Options{Failures: 3}),
		}
	}
	fails := func(name string) *fake.Model {
		return fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, llm.ErrOverloaded }).
			WithInfo(llm.Info{Provider: "acme", Model: name})
	}
	attempts := func(a, b *fake.Model, first, second llm.Middleware) string {
		_, _ = llm.Wrap(a, first).Generate(t.Context(), ask)
		_, _ = llm.Wrap(b, second).Generate(t.Context(), ask)
		return fmt.Sprint(len(a.Requests()), " and ", len(b.Requests()))
	}
	one := middleware.Standard(config())
	if got := attempts(fails("a"), fails("b"), one, one); got != "2 and 1" {
		t.Errorf("the retry budget of one Standard is not shared: %s attempts", got)
	}
	if got := attempts(fails("a"), fails("b"), middleware.Standard(config()), middleware.Standard(config())); got != "2 and 2" {
		t.Errorf("the retry budgets of two are: %s attempts", got)
	}
	want := map[string]breaker.State{"acme/a": breaker.Closed, "acme/b": breaker.Closed}
	if d := cmp.Diff(want, breaker.States(llm.Wrap(fails("a"), one))); d != "" {
		t.Errorf("the circuits of one Standard: %s", d)
	}
	if got := attempts(fails("a"), fails("a"), one, one); got != "1 and 0" {
		t.Errorf("a model of the same name has a circuit of its own: %s attempts", got)
	}
}

// TestStatesOfFallback looks at a fallback, and at its models.
func TestStatesOfFallback(t *testing.T) {
	config := middleware.Config{Breaker: breaker.New(&breaker.Options{Failures: 1}), Retry: middleware.Off}
	first := llm.Wrap(fake.New(fake.Fail(llm.ErrOverloaded)).WithInfo(llm.Info{Provider: "acme", Model: "a"}), middleware.Standard(config))
	config.Breaker = breaker.New(nil)
	second := llm.Wrap(fake.New(fake.Text("Here.")).WithInfo(llm.Info{Provider: "acme", Model: "b"}), middleware.Standard(config))
	model := fallback.New(first, second)

	if got := breaker.States(model); got == nil || len(got) > 0 {
		t.Errorf("before the first call: %v", got)
	}
	if _, err := model.Generate(t.Context(), ask); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(map[string]breaker.State{"acme/a": breaker.Open}, breaker.States(model)); d != "" {
		t.Errorf("the states of a fallback: %s", d)
	}
	if d := cmp.Diff(map[string]breaker.State{"acme/b": breaker.Closed}, breaker.States(second)); d != "" {
		t.Errorf("the states of its second model: %s", d)
	}
}

package compare

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
)

// idle is a model that does nothing.
type idle struct{ resp llm.Response }

func (m *idle) Info() llm.Info { return llm.Info{Provider: "idle", Model: "idle"} }

func (m *idle) Generate(context.Context, *llm.Request) (*llm.Response, error) { return &m.resp, nil }

func (m *idle) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return m.resp.Events()
}

// failsafe is a model behind failsafe-go's policies.
type failsafeModel struct {
	next llm.Model
	exec failsafe.Executor[*llm.Response]
}

func newFailsafe(next llm.Model) *failsafeModel {
	return &failsafeModel{next, failsafe.With[*llm.Response](
		retrypolicy.NewBuilder[*llm.Response]().HandleIf(func(_ *llm.Response, err error) bool { return llm.IsRetryable(err) }).
			WithMaxAttempts(4).WithBackoff(500*time.Millisecond, 30*time.Second).WithJitterFactor(0.5).Build(),
		circuitbreaker.NewBuilder[*llm.Response]().WithFailureThreshold(5).WithDelay(30*time.Second).Build(),
		ratelimiter.NewBursty[*llm.Response](1e9, time.Minute),
	)}
}

func (m *failsafeModel) generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.exec.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[*llm.Response]) (*llm.Response, error) {
		return m.next.Generate(e.Context(), req)
	})
}

func ours(next llm.Model) llm.Model {
	return llm.Wrap(next, retry.New(nil), breaker.New(nil), ratelimit.New(&ratelimit.Options{RequestsPerMinute: 1e9}))
}

// BenchmarkGenerate is a call that succeeds, through retry, breaker and limiter.
func BenchmarkGenerate(b *testing.B) {
	next := &idle{llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn}}
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Do nothing.")}, MaxTokens: 100}
	for _, c := range []struct {
		name     string
		generate func(context.Context, *llm.Request) (*llm.Response, error)
	}{{"none", next.Generate}, {"parley", ours(next).Generate}, {"failsafe", newFailsafe(next).generate}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.generate(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSame looks that both do what they are compared for: they try again, and stop asking
// a model that is down.
func TestSame(t *testing.T) {
	for name, wrap := range map[string]func(llm.Model) func(context.Context, *llm.Request) (*llm.Response, error){
		"parley": func(m llm.Model) func(context.Context, *llm.Request) (*llm.Response, error) { return ours(m).Generate },
		"failsafe": func(m llm.Model) func(context.Context, *llm.Request) (*llm.Response, error) {
			return newFailsafe(m).generate
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &failing{}
			generate := wrap(m)
			for range 3 {
				if _, err := generate(t.Context(), &llm.Request{}); err == nil {
					t.Error("no error")
				}
			}
			if m.calls != 5 {
				t.Errorf("%d attempts, want the 5 that open the breaker", m.calls)
			}
		})
	}
}

// failing asks to be tried again at once.
type failing struct {
	idle
	calls int
}

func (m *failing) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	m.calls++
	return nil, &llm.Error{Code: llm.ErrOverloaded, RetryAfter: time.Millisecond}
}

package breaker_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"testing"
	"testing/synctest"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// backend is a model that does as its function says, with both methods, and counts the calls.
type backend struct {
	info llm.Info
	do   func(ctx context.Context) error
}

func (b *backend) Info() llm.Info { return b.info }

func (b *backend) Generate(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
	if err := b.do(ctx); err != nil {
		return nil, err
	}
	return answer(), nil
}

func (b *backend) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if !yield(&llm.UsageUpdate{}, nil) {
			return
		}
		if err := b.do(ctx); err != nil {
			yield(nil, err)
			return
		}
		answer().Events()(yield)
	})
}

func answer() *llm.Response {
	return &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn}
}

// script is a backend that ends call after call as its errors say, and succeeds from then on.
func script(errs ...error) *backend {
	return &backend{do: func(context.Context) error {
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}}
}

func named(b *backend, model string) *backend {
	return &backend{info: llm.Info{Provider: "acme", Model: model}, do: b.do}
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// way is a way to call a model to the end.
type way struct {
	op   string
	call func(ctx context.Context, m llm.Model) error
}

var (
	generate = way{"generate", func(ctx context.Context, m llm.Model) error {
		_, err := m.Generate(ctx, ask())
		return err
	}}
	stream = way{"stream", func(ctx context.Context, m llm.Model) error {
		_, err := llm.Collect(m.Stream(ctx, ask()))
		return err
	}}
)

func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("?")}} }

// inBothWays runs a test in virtual time, with Generate and with Stream.
func inBothWays(t *testing.T, test func(t *testing.T, w way)) {
	for _, w := range []way{generate, stream} {
		t.Run(w.op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, w) })
		})
	}
}

// fails calls a model, which has to fail with this code, and returns the error.
func fails(t *testing.T, w way, m llm.Model, want llm.Code) error {
	t.Helper()
	err := w.call(t.Context(), m)
	if got := llm.CodeOf(err); got != want {
		t.Fatalf("the call ended with %q (%v), want %q", got, err, want)
	}
	return err
}

func succeeds(t *testing.T, w way, m llm.Model) {
	t.Helper()
	if err := w.call(t.Context(), m); err != nil {
		t.Fatalf("the call failed: %v", err)
	}
}

// passed says whether a call was let through.
func passed(err error) bool {
	e, ok := errors.AsType[*llm.Error](err)
	return !ok || e.Code != llm.ErrRejected
}

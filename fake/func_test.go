package fake_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// returns is a model whose function returns these.
func returns(r *llm.Response, err error) *fake.Model {
	return fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return r, err })
}

func TestFunc(t *testing.T) {
	t.Run("what is left open is filled in", func(t *testing.T) {
		m := returns(&llm.Response{Message: llm.Message{Content: []llm.Part{&llm.ToolCallPart{Name: "x"}}}}, nil)
		want := &llm.Response{
			Message:    llm.Assistant(&llm.ToolCallPart{ID: "call_1", Name: "x", Input: []byte("{}")}),
			StopReason: llm.StopToolUse, RawStopReason: "tool_use",
			Usage:    llm.Usage{InputTokens: 1, OutputTokens: 1},
			Provider: "fake", Model: "fake", RequestID: "fake-1",
		}
		if diff := cmp.Diff(want, generate(t, m, ask("hi"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what is given stays", func(t *testing.T) {
		want := &llm.Response{Message: llm.AssistantText("x"), StopReason: llm.StopRefusal, RawStopReason: "no", Usage: llm.Usage{InputTokens: 4},
			Provider: "p", Model: "m", RequestID: "r"}
		if diff := cmp.Diff(want, generate(t, returns(want, nil), ask("hi"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("an error passes", func(t *testing.T) {
		want := &llm.Error{Code: llm.ErrNotFound}
		if r, err := returns(nil, want).Generate(t.Context(), ask("hi")); err != error(want) || r != nil {
			t.Errorf("got %v, %v", r, err)
		}
	})
	t.Run("a typed nil error is an error", func(t *testing.T) {
		var none *llm.Error
		_, err := returns(nil, none).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrUnknown)
	})
	t.Run("a context error is typed", func(t *testing.T) {
		_, err := returns(nil, context.DeadlineExceeded).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrTimeout)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the cause is lost")
		}
	})
	t.Run("a response beside an error is partial", func(t *testing.T) {
		for _, given := range []llm.Usage{{}, {InputTokens: 7}} {
			m := returns(&llm.Response{Message: llm.AssistantText("half of"), Usage: given}, llm.ErrOverloaded)
			r, err := m.Generate(t.Context(), ask("hi"))
			wantError(t, err, llm.ErrOverloaded)
			want := llm.Usage{InputTokens: 1, OutputTokens: 2, Estimated: true}
			if given != (llm.Usage{}) {
				want = llm.Usage{InputTokens: 7, Estimated: true}
			}
			if r.Text() != "half of" || r.Usage != want || r.StopReason != "" {
				t.Errorf("got %+v", r)
			}
		}
	})
	t.Run("the context reaches the function", func(t *testing.T) {
		type key struct{}
		m := fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
			return &llm.Response{Message: llm.AssistantText(ctx.Value(key{}).(string))}, nil
		})
		r, err := m.Generate(context.WithValue(t.Context(), key{}, "value"), ask("hi"))
		if err != nil || r.Text() != "value" {
			t.Errorf("got %v, %v", r, err)
		}
	})
	t.Run("a context that ends in the function ends the call", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
			cancel()
			return &llm.Response{}, nil
		})
		_, err := m.Generate(ctx, ask("hi"))
		wantError(t, err, llm.ErrCanceled)
	})
	t.Run("nothing", func(t *testing.T) {
		_, err := returns(nil, nil).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "neither")
		_, err = fake.Func(nil).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "nil function")
		_, err = returns(&llm.Response{Message: llm.Assistant(nil)}, nil).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "content[0]")
	})
	t.Run("a panic is the caller's", func(t *testing.T) {
		m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { panic("mine") })
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v", r)
			}
			m.Requests() // no lock is left behind
		}()
		_, _ = m.Generate(t.Context(), ask("hi"))
	})
}

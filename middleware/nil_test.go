package middleware_test

import (
	"context"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A nil context is refused by the model, and panics in no layer.
func TestNilContext(t *testing.T) {
	for _, s := range stacks() {
		t.Run(s.name, func(t *testing.T) {
			m := llm.Wrap(fake.New(), s.mw)
			var ctx context.Context
			req := &llm.Request{Messages: []llm.Message{llm.UserText("Go.")}}
			if _, err := m.Generate(ctx, req); llm.CodeOf(err) != llm.ErrInvalidRequest {
				t.Errorf("Generate: %v", err)
			}
			if _, err := llm.Collect(m.Stream(ctx, req)); llm.CodeOf(err) != llm.ErrInvalidRequest {
				t.Errorf("Stream: %v", err)
			}
		})
	}
}

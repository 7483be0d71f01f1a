package llmtest

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// slowToSend needs its time until a call arrives, as a client in a busy process does.
type slowToSend struct{ next llm.Model }

func (s *slowToSend) Info() llm.Info { return s.next.Info() }

func (s *slowToSend) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(s.Stream(ctx, req))
}

func (s *slowToSend) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if err := req.Validate(); err == nil {
			select {
			case <-time.After(2 * moment):
			case <-ctx.Done():
			}
		}
		s.next.Stream(ctx, req)(yield)
	})
}

// A call that was cancelled before it had arrived is no fault of the model.
func TestModelThatIsSlowToSend(t *testing.T) {
	Run(t, Harness{
		New:     func(t *testing.T, s Script) llm.Model { return &slowToSend{next: s.Model()} },
		Virtual: true,
		Lacks:   doubles(),
	})
}

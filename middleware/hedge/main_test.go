package hedge_test

import (
	"context"
	"iter"
	"os"
	"testing"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/hedge"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("?")}} }

type caller = func(context.Context, llm.Model, *llm.Request) (*llm.Response, error)

func generate(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
	return m.Generate(ctx, req)
}

func collect(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

// eachWay runs f as a subtest for each way to call a model to its end.
func eachWay(t *testing.T, f func(t *testing.T, call caller)) {
	t.Run("Generate", func(t *testing.T) { f(t, generate) })
	t.Run("Stream", func(t *testing.T) { f(t, collect) })
}

// The suite's models answer each call with the next turn of a script, so a second call in
// earnest would take a turn too many. Its cases cancel within 200 ms, or have the first
// event by then.
func TestConformance(t *testing.T) {
	sets := map[string]*hedge.Options{
		"nil":   nil,
		"long":  {Delay: time.Minute, Max: 3, Tools: true},
		"short": {Delay: 250 * time.Millisecond, Tools: true},
	}
	for name, opts := range sets {
		t.Run(name, func(t *testing.T) {
			llmtest.RunMiddleware(t, func(next llm.Model) llm.Model { return hedge.New(next, opts) })
		})
	}
	// Here there are second calls, of which only one reaches the script.
	opts := &hedge.Options{Delay: time.Millisecond, Max: 3, Tools: true}
	quantile := &hedge.Options{Delay: time.Millisecond, Quantile: 0.95, Tools: true}
	for _, c := range []struct {
		name   string
		serves int
		opts   *hedge.Options
	}{{"the first answers", 1, opts}, {"the second answers", 2, opts}, {"the fourth answers", 4, opts}, {"quantile", 1, quantile}} {
		t.Run(c.name, func(t *testing.T) {
			llmtest.RunMiddleware(t, func(next llm.Model) llm.Model {
				return &grouped{hedge.New(&only{next, c.serves}, c.opts)}
			})
		})
	}
}

// only passes one of several attempts on. The others hang until they are cancelled, or
// until that one has failed, and then fail as it did.
type only struct {
	next   llm.Model
	serves int
}

func (o *only) Info() llm.Info    { return o.next.Info() }
func (o *only) Unwrap() llm.Model { return o.next }

func (o *only) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	g := ctx.Value(groupKey{}).(*group)
	if hook.Attempt(ctx) != o.serves && req != nil {
		return g.wait(ctx)
	}
	resp, err := o.next.Generate(ctx, req)
	if err != nil {
		g.partial = resp.Clone()
		g.fail(err)
	}
	return resp, err
}

func (o *only) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		g := ctx.Value(groupKey{}).(*group)
		if hook.Attempt(ctx) != o.serves && req != nil {
			_, err := g.wait(ctx)
			yield(nil, err)
			return
		}
		for ev, err := range o.next.Stream(ctx, req) {
			if err != nil {
				g.fail(err)
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

// group is what the attempts of one call know of each other.
type group struct {
	failed  chan struct{}
	err     error
	partial *llm.Response
}

type groupKey struct{}

func (g *group) fail(err error) {
	g.err = err
	close(g.failed)
}

func (g *group) wait(ctx context.Context) (*llm.Response, error) {
	select {
	case <-ctx.Done():
		return nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: ctx.Err()}
	case <-g.failed:
		return g.partial.Clone(), g.err
	}
}

// grouped makes a group of each call.
type grouped struct{ next llm.Model }

func (g *grouped) Info() llm.Info    { return g.next.Info() }
func (g *grouped) Unwrap() llm.Model { return g.next }

func withGroup(ctx context.Context) context.Context {
	return context.WithValue(ctx, groupKey{}, &group{failed: make(chan struct{})})
}

func (g *grouped) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return g.next.Generate(withGroup(ctx), req)
}

func (g *grouped) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return g.next.Stream(withGroup(ctx), req)
}

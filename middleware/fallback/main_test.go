package fallback_test

import (
	"context"
	"iter"
	"os"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/fallback"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("?")}} }

// named is a fake that plays these turns under the name test/<model>.
func named(model string, turns ...fake.Turn) *fake.Model {
	return fake.New(turns...).WithInfo(llm.Info{Provider: "test", Model: model})
}

// ways are the two ways to call a model to its end.
var ways = []struct {
	name string
	call func(context.Context, llm.Model, *llm.Request) (*llm.Response, error)
}{
	{"Generate", func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
		return m.Generate(ctx, req)
	}},
	{"Stream", func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
		return llm.Collect(m.Stream(ctx, req))
	}},
}

// eachWay runs f as a subtest for each way.
func eachWay(t *testing.T, f func(t *testing.T, call func(context.Context, llm.Model, *llm.Request) (*llm.Response, error))) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { f(t, w.call) })
	}
}

func TestConformance(t *testing.T) {
	never := func(error) bool { return false }
	sets := map[string]llm.Middleware{
		"alone":  func(next llm.Model) llm.Model { return fallback.New(next) },
		"twice":  func(next llm.Model) llm.Model { return fallback.New(next, next) },
		"nested": func(next llm.Model) llm.Model { return fallback.New(fallback.New(next, next), next) },
		"On never": func(next llm.Model) llm.Model {
			return fallback.NewWithOptions(&fallback.Options{On: never}, next, fake.New())
		},
		"all do": func(next llm.Model) llm.Model { return satisfied(fallback.Options{}, next) },
		// The laws hold for the second model too, but for the warning that it was not the first.
		"second": func(next llm.Model) llm.Model { return &quiet{fallback.New(&down{next}, next)} },
	}
	for name, mw := range sets {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, mw) })
	}
}

func satisfied(opts fallback.Options, next llm.Model) llm.Model {
	opts.OnResponse = func(*llm.Response) bool { return false }
	return fallback.NewWithOptions(&opts, next, next)
}

// down is a model that is out of reach.
type down struct{ next llm.Model }

func (d *down) Info() llm.Info    { return d.next.Info() }
func (d *down) Unwrap() llm.Model { return d.next }

func (d *down) Generate(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, &llm.Error{Code: llm.CodeOf(err), Err: err}
	}
	return nil, &llm.Error{Code: llm.ErrUnavailable}
}

func (d *down) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if yield(&llm.UsageUpdate{}, nil) {
			_, err := d.Generate(ctx, req)
			yield(nil, err)
		}
	})
}

// quiet takes the last warning from an answer.
type quiet struct{ next llm.Model }

func (q *quiet) Info() llm.Info    { return q.next.Info() }
func (q *quiet) Unwrap() llm.Model { return q.next }

func (q *quiet) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	r, err := q.next.Generate(ctx, req)
	if err == nil {
		r.Warnings = r.Warnings[:len(r.Warnings)-1]
	}
	return r, err
}

func (q *quiet) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		first := true
		for ev, err := range q.next.Stream(ctx, req) {
			if first {
				first = false
				continue // the usage that down tells
			}
			if f, ok := ev.(*llm.Finish); ok {
				c := *f
				c.Warnings = c.Warnings[:len(c.Warnings)-1]
				ev = &c
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

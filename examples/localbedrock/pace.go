package main

import (
	"context"
	"iter"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// paced waits before each piece of a streamed answer, so that it comes as a real one
// does.
type paced struct {
	next llm.Model
	wait time.Duration
}

func (p *paced) Info() llm.Info    { return p.next.Info() }
func (p *paced) Unwrap() llm.Model { return p.next }

func (p *paced) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return p.next.Generate(ctx, req)
}

func (p *paced) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range p.next.Stream(ctx, req) {
			switch ev.(type) {
			case *llm.TextDelta, *llm.ReasoningDelta, *llm.ToolCallDelta:
				select {
				case <-time.After(p.wait):
				case <-ctx.Done():
					yield(nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Op: "stream", Err: ctx.Err()})
					return
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

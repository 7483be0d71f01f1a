package llmtest

import (
	"context"
	"iter"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// probe stands between a middleware and the model of a script, and notes what the
// middleware does to it.
type probe struct {
	next llm.Model

	mu       sync.Mutex
	calls    int  // calls of Generate, and ranges over Stream
	running  int  // those that have not ended
	left     bool // the loop over a stream was left before the stream ended
	contexts []context.Context
	requests []kept[*llm.Request]
	events   []kept[llm.Event]
}

// kept is a value and its stored form at the time when it passed.
type kept[T any] struct {
	value T
	then  string
}

func (p *probe) Info() llm.Info { return p.next.Info() }

func (p *probe) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	p.begin(ctx, req)
	defer p.end()
	return p.next.Generate(ctx, req)
}

func (p *probe) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		p.begin(ctx, req)
		defer p.end()
		for ev, err := range p.next.Stream(ctx, req) {
			if err == nil {
				p.mu.Lock()
				p.events = append(p.events, kept[llm.Event]{ev, stored(ev)})
				p.mu.Unlock()
			}
			if !yield(ev, err) {
				p.mu.Lock()
				p.left = true
				p.mu.Unlock()
				return
			}
		}
	})
}

func (p *probe) begin(ctx context.Context, req *llm.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	p.running++
	p.contexts = append(p.contexts, ctx)
	if req != nil {
		p.requests = append(p.requests, kept[*llm.Request]{req, stored(req)})
	}
}

func (p *probe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
}

// read runs f while nothing is noted.
func (p *probe) read(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// ended says whether no call of the model runs.
func (p *probe) ended() (yes bool) {
	p.read(func() { yes = p.running == 0 })
	return yes
}

// called returns how often the model was called.
func (p *probe) called() (n int) {
	p.read(func() { n = p.calls })
	return n
}

// probed returns what the middleware makes of a model that plays these turns, and
// the probe in between.
func (c *run) probed(turns ...Turn) (llm.Model, *probe) {
	c.Helper()
	return c.watched(c.script(turns...).Model())
}

// watched returns what the middleware makes of a model, and a probe in between.
func (c *run) watched(next llm.Model) (llm.Model, *probe) {
	c.Helper()
	p := &probe{next: next}
	return apply(c.T, c.suite.mw, p), p
}

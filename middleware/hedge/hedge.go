package hedge

import (
	"context"
	"iter"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options configures a hedge. The zero value has all defaults.
type Options struct {
	// Delay is how long a call may go without an answer until the model is asked again, and
	// then between further calls. A stream's answer begins with its first event; that of
	// Generate has to be whole, which takes longer; 0 or less means 3 s for streams and 30 s
	// for Generate, and what is set holds for both.
	Delay time.Duration

	// Quantile takes the delay from what was seen of the model: with 0.95 it is the time
	// within which 95 of 100 calls were answered, so that some 5 are hedged. It follows a model
	// that slows down within a few hundred calls. Streams and Generate are kept apart; of each
	// the last 256 calls count, and Delay holds until 20 were seen. The delay is then 10 ms at
	// least, and has no upper bound. 0, and what else does not lie between 0 and 1, means off.
	Quantile float64

	// Max is how many further calls there may be beside the first; 0 or less means 1.
	Max int

	// Tools hedges requests with tools too; false means that they are not: their calls can
	// differ from one answer to the next, and tools that the provider runs would run twice.
	Tools bool

	// OnLoser is told of each call that was made and is not the one returned, once it has
	// ended; nil means nobody is. It is told before Generate returns, and in a stream before Finish is yielded or the loop is
	// left. It runs in the goroutine of the caller, and several callers may be in it at once.
	OnLoser func(Loser)
}

// Loser is a call whose answer is not the one returned.
type Loser struct {
	Attempt int       // 1 is the first call
	Usage   llm.Usage // what is known of it: often nothing, which is the zero value, since it was cut off
	Err     error     // how it ended: mostly [llm.ErrCanceled]; nil = with an answer, or the beginning of one, that came too late
}

// Defaults of [Options].
const (
	streamDelay   = 3 * time.Second
	generateDelay = 30 * time.Second
)

// New returns a model that asks next, and asks it again where it is slow to answer. The
// options are copied; nil is the zero value. What is seen of how long answers take belongs
// to the returned model.
func New(next llm.Model, opts *Options) llm.Model {
	m := &model{next: next}
	if opts != nil {
		m.opts = *opts
	}
	m.opts.Max = max(m.opts.Max, 1)
	m.whole.quantile, m.first.quantile = m.opts.Quantile, m.opts.Quantile
	m.whole.fixed, m.first.fixed = generateDelay, streamDelay
	if m.opts.Delay > 0 {
		m.whole.fixed, m.first.fixed = m.opts.Delay, m.opts.Delay
	}
	return m
}

type model struct {
	next  llm.Model
	opts  Options
	whole pace // of Generate: the time until the whole answer
	first pace // of streams: the time until the first event
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

// straight says whether a request is not hedged. What is nil is the model's to judge.
func (m *model) straight(ctx context.Context, req *llm.Request) bool {
	return ctx == nil || req == nil || len(req.Tools) > 0 && !m.opts.Tools
}

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if m.straight(ctx, req) {
		return m.next.Generate(ctx, req)
	}
	r := &race{model: m, ctx: ctx, op: "generate", pace: &m.whole, run: func(c *call) {
		c.resp, c.err = m.next.Generate(c.ctx, req)
		c.answered = c.err == nil
		if c.resp != nil {
			c.usage = c.resp.Usage
		}
	}}
	r.finish(r.decide)
	return r.chosen.resp, r.err()
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if m.straight(ctx, req) {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		r := &race{model: m, ctx: ctx, op: "stream", pace: &m.first}
		r.run = func(c *call) { r.stream(c, m.next.Stream(c.ctx, req)) }
		r.finish(func() { r.play(yield) })
	})
}

package fallback

import (
	"context"
	"iter"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// Options configures a fallback. The zero value is that of [New].
type Options struct {
	// On says whether the error of a model is a reason to ask the next one; nil means
	// [Eligible]. It is not called where no other could be asked anyway: once the context of
	// the call is done, or an answer has begun to stream.
	On func(err error) bool

	// OnResponse says whether an answer will not do, so that the next model is asked; nil
	// means that every answer will. It must neither change nor keep the response, whose
	// Provider and Model say who gave it. See the package's documentation for streams, and
	// for what happens where there is no better answer.
	OnResponse func(r *llm.Response) bool
}

// Eligible says whether an error is, by default, a reason to ask another model: where its
// code ([llm.CodeOf]) is [llm.ErrRateLimited], [llm.ErrQuotaExhausted], [llm.ErrOverloaded],
// [llm.ErrUnavailable], [llm.ErrNotReady], [llm.ErrTimeout], [llm.ErrInternal],
// [llm.ErrIncomplete], [llm.ErrRejected], [llm.ErrContextTooLong] or [llm.ErrUnsupported].
// A stream moves on before its first event only, whatever the code, so ErrIncomplete is there
// a connection that was cut before any answer came. Generate has shown nothing, and moves on
// from a partial answer too. Call it from an [Options.On] that adds to these codes, or takes
// from them.
func Eligible(err error) bool {
	switch llm.CodeOf(err) {
	case llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrUnavailable, llm.ErrNotReady,
		llm.ErrTimeout, llm.ErrInternal, llm.ErrIncomplete, llm.ErrRejected, llm.ErrContextTooLong, llm.ErrUnsupported:
		return true
	}
	return false
}

// New returns a model that asks primary and, where that fails, the others in order. It has
// the primary's Info, and unwraps to the primary.
//
// Models that are nil are left out; the first that is not is then the primary. Without any
// model all calls fail with [llm.ErrInternal].
func New(primary llm.Model, others ...llm.Model) llm.Model {
	return NewWithOptions(nil, primary, others...)
}

// NewWithOptions is [New] with options, which are copied; nil is the same as New. Their
// functions may be called by several goroutines at once.
func NewWithOptions(opts *Options, primary llm.Model, others ...llm.Model) llm.Model {
	if opts == nil {
		opts = &Options{}
	}
	m := &model{on: opts.On, onResponse: opts.OnResponse}
	if m.on == nil {
		m.on = Eligible
	}
	for _, next := range slices.Concat([]llm.Model{primary}, others) {
		if next != nil {
			m.models = append(m.models, next)
		}
	}
	return m
}

type model struct {
	models     []llm.Model // the primary first; none is nil
	on         func(error) bool
	onResponse func(*llm.Response) bool // nil: every answer will do
}

func (m *model) Info() llm.Info {
	if len(m.models) == 0 {
		return llm.Info{}
	}
	return m.models[0].Info()
}

// Unwrap returns the primary, nil where there is no model.
func (m *model) Unwrap() llm.Model {
	if len(m.models) == 0 {
		return nil
	}
	return m.models[0]
}

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if ctx == nil && len(m.models) > 0 {
		return m.models[0].Generate(ctx, req) // which refuses it
	}
	c := call{model: m, op: "generate"}
	var kept *llm.Response // the last answer that will not do
	for _, next := range m.models {
		resp, err := next.Generate(ctx, req)
		rejected := false
		if err == nil && resp != nil {
			c.sign(next, &resp.Provider, &resp.Model, &resp.Warnings)
			rejected = m.onResponse != nil && m.onResponse(resp)
		}
		switch {
		case rejected:
			kept = resp
		case err == nil:
			return resp, nil
		}
		if c.goesOn(ctx, err, false) {
			continue
		}
		if rejected || kept != nil && ctx.Err() == nil {
			kept.Warnings = append(slices.Clip(kept.Warnings), c.noBetter())
			return kept, nil
		}
		return resp, c.failure()
	}
	return nil, m.empty("generate")
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if ctx == nil && len(m.models) > 0 {
		return m.models[0].Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c := call{model: m, op: "stream"}
		var kept *llm.Finish // that of the last answer that will not do
		for _, next := range m.models {
			shown, rejected := false, false
			var failure error
			for ev, err := range next.Stream(ctx, req) {
				if err != nil {
					failure = err
					break
				}
				switch e := ev.(type) {
				case *llm.UsageUpdate: // is not the first event
				case *llm.Finish:
					if e == nil { // whoever reads it refuses it
						shown = true
						break
					}
					e = c.signed(next, e)
					if rejected = !shown && m.rejects(e); rejected {
						kept = e
						continue // to the stream's own end, since it is not abandoned
					}
					ev = e
				default:
					shown = true
				}
				if !yield(ev, nil) {
					return
				}
			}
			if failure == nil && !rejected {
				return
			}
			if c.goesOn(ctx, failure, shown) {
				continue
			}
			if rejected || kept != nil && !shown && ctx.Err() == nil {
				f := *kept
				f.Warnings = append(slices.Clip(f.Warnings), c.noBetter())
				yield(&f, nil)
				return
			}
			yield(nil, c.failure())
			return
		}
		yield(nil, m.empty("stream"))
	})
}

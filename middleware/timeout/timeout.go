// Package timeout ends calls that take too long.
//
// An answer of a language model may take minutes and be in good order, so one limit does not
// fit all. [Options] has four: on the whole call, on one unary attempt, on the time until a
// stream begins, and on the silences within one. The last two need not grow with the answer.
//
// # What a limit does
//
// It cancels the context of the call, so that the provider's work ends, and waits for the
// model to return: no goroutine is started and none is left. A model that ignores its context
// is therefore waited for, and where it answers after all the answer passes.
//
// Else the call ends with an [llm.Error] whose code is [llm.ErrTimeout] and whose message
// names the limit. It satisfies errors.Is(err, context.DeadlineExceeded), and not
// errors.Is(err, context.Canceled), since it was not the caller who gave up. It is retryable.
// What had arrived is kept, as with any error.
//
// All other errors pass unchanged: the provider's own, that of a caller who cancelled or whose
// deadline came first, and that of another timeout further in.
//
// # Where to put it
//
// Total belongs outside retries and the other limits inside, so that an attempt which stalls
// is tried again while the whole call stays bounded. middleware.Standard does that.
package timeout

import (
	"context"
	"iter"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options are the limits. In each, 0 or less is no limit: the defaults of [New] are those of
// nil options only.
type Options struct {
	// Total bounds the whole call, Generate or Stream. With Stream it runs from the start of
	// the loop to its end and includes the time that the loop's body takes. Inner layers see
	// it as the deadline of the context.
	Total time.Duration

	// Generate bounds a call of Generate; streams have the two limits below. Inner layers see
	// it as the deadline of the context.
	Generate time.Duration

	// FirstEvent bounds the wait for the first event of a stream. A [*llm.UsageUpdate] is not
	// one, and the time that the loop's body takes over it does not count.
	FirstEvent time.Duration

	// BetweenEvents bounds each wait for another event after the first, any event, a
	// [*llm.UsageUpdate] too. The time that the loop's body takes does not count: a slow
	// reader is not the provider's fault.
	BetweenEvents time.Duration
}

// New returns middleware that ends calls which exceed a limit. Nil options are Generate 10
// minutes, FirstEvent and BetweenEvents 60 seconds, and no Total.
func New(opts *Options) llm.Middleware {
	o := Options{Generate: 10 * time.Minute, FirstEvent: time.Minute, BetweenEvents: time.Minute}
	if opts != nil {
		o = *opts
	}
	limits := model{
		total:    newLimit(o.Total, "not done after %v (timeout.Options.Total)"),
		generate: newLimit(o.Generate, "no answer for %v (timeout.Options.Generate)"),
		first:    newLimit(o.FirstEvent, "no first event for %v (timeout.Options.FirstEvent)"),
		between:  newLimit(o.BetweenEvents, "no event for %v (timeout.Options.BetweenEvents)"),
	}
	if t := limits.total; limits.generate == nil || t != nil && t.after < limits.generate.after {
		limits.generate = t // of two deadlines only the earlier one can pass
	}
	return func(next llm.Model) llm.Model {
		m := limits
		m.next = next
		return &m
	}
}

type model struct {
	next                            llm.Model
	total, generate, first, between *limit // nil = none; generate is never later than total
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if ctx == nil || !m.generate.before(ctx) {
		return m.next.Generate(ctx, req)
	}
	limited, cancel := context.WithTimeoutCause(ctx, m.generate.after, m.generate)
	defer cancel()
	resp, err := m.next.Generate(limited, req)
	return resp, m.verdict(ctx, limited, "generate", err)
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if m.total == nil && m.first == nil && m.between == nil || ctx == nil {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		limited := ctx
		if m.total.before(ctx) {
			withTotal, cancel := context.WithTimeoutCause(ctx, m.total.after, m.total)
			defer cancel()
			limited = withTotal
		}
		limited, cancel := context.WithCancelCause(limited)
		defer cancel(nil)

		w := watch{cancel: cancel}
		defer w.pause()
		begun, finished := false, false
		w.use(m.first, true)
		w.resume()
		for ev, err := range m.next.Stream(limited, req) {
			w.pause()
			if err != nil {
				yield(nil, m.verdict(ctx, limited, "stream", err))
				return
			}
			if !begun && !isUsage(ev) {
				begun = true
				w.use(m.between, false)
			}
			_, finished = ev.(*llm.Finish)
			if !yield(ev, nil) {
				return
			}
			if ctx.Err() != nil {
				<-limited.Done() // which may be a moment behind: nothing must come after the end
			}
			w.resume()
		}
		if finished || limited.Err() == nil {
			return
		}
		// The model obeyed without a word.
		if err := m.verdict(ctx, limited, "stream", llm.ErrCanceled); err != error(llm.ErrCanceled) {
			yield(nil, err)
		}
	})
}

func isUsage(ev llm.Event) bool {
	_, ok := ev.(*llm.UsageUpdate)
	return ok
}

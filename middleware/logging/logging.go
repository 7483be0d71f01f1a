// Package logging writes one line for each call of a model.
//
// # The line
//
// It is written when the call ends, whichever way: with an answer, with an error, by a loop
// that is left early, or by a panic. Its attributes, each left out where there is nothing to
// say:
//
//	op                      "generate" or "stream"
//	provider, model         who served the call, or else whose model it is
//	attempt                 the number of the attempt, from the second: without it, it is the first
//	duration_ms             of the call; of a stream, that of the loop, its body included
//	time_to_first_event_ms  of a stream; a usage update is not an event here
//	stop_reason             of an answer
//	code                    of a failure
//	error                   its text, where it is an *llm.Error: of other errors the text may hold anything
//	status                  the HTTP status of a failure
//	retry_after_ms          how long the provider asks to wait
//	abandoned               true: the loop was left before the stream ended, by runtime.Goexit too, as in t.FailNow
//	panic                   true: a panic ended the call, that of the model or of the loop's body, or runtime.Goexit in the model
//	input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens
//	service_tier
//	estimated               true: the provider did not report all of the usage
//	warnings                how many the answer has
//	request_id
//	metadata                a group: what Options.Metadata selects
//	…                       what Options.Attributes returns
//	input, output           see Options.Content
//
// Times are whole milliseconds, as numbers, whatever the handler. Prompts, answers and
// arguments of tools are in none of them, unless [Options.Content] asks for it.
//
// # Where to put it
//
// Inside retry (PerAttempt of middleware.Config) there is a line for each attempt that is
// made, with its number from the second on. What a breaker or a limiter further out refuses
// is no attempt there, and makes no line.
//
// Outside (PerCall) there is one line for the whole call, refused or not, and none has a
// number. Put one in both places, with different messages, to see both.
package logging

import (
	"context"
	"iter"
	"log/slog"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// Options say what is logged, and how.
type Options struct {
	// Message is the message of the line; "" means "model call".
	Message string

	// Level is the level of a line; nil means [DefaultLevel]. The code is that of the failure,
	// "" for an answer and an abandoned stream, and [llm.ErrUnknown] for a panic. It may be
	// called by several goroutines at a time.
	Level func(code llm.Code) slog.Level

	// Metadata are the keys of [llm.Request.Metadata] that are logged, in this order; nil
	// means none.
	Metadata []string

	// Attributes returns what else to log of a call, such as tags, a tenant or a trace id that
	// its context carries; nil means nothing. It is called when the line is written, and not
	// where its level is off, by several goroutines at a time. The request may be nil, and must
	// not be changed; what is taken from its messages is content.
	Attributes func(ctx context.Context, req *llm.Request) []slog.Attr

	// Content logs the text of prompts and answers, tool calls and results included. Of media
	// and documents the kind and the size are logged, never the bytes. Whoever may read the
	// log may then read what users write. Streams are kept until they end.
	Content bool

	// MaxContent is the most bytes of the input, and of the output, that Content logs; 0 means
	// 4,096, and less than 0 no limit. A longer input loses its beginning, since what was
	// said last is at its end, and a longer output loses its end.
	MaxContent int
}

// DefaultLevel is Info for an answer and where the caller gave up, Error where the provider or
// a backend has a fault or nothing is known ([llm.ErrInternal], [llm.ErrUnknown]), and Warn for
// all other failures.
func DefaultLevel(code llm.Code) slog.Level {
	switch code {
	case "", llm.ErrCanceled:
		return slog.LevelInfo
	case llm.ErrInternal, llm.ErrUnknown:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// New returns middleware that logs calls. A nil logger logs nothing. Nil options are the zero
// Options.
//
// The line is written by the goroutine of the call, with its context, before Generate returns
// or the loop ends. A handler, a Level or Attributes that panics costs the line and nothing
// else: an answer that was paid for is returned all the same, and the layers around settle the
// call as what it was. The panic is not passed on, so test handlers by themselves.
func New(logger *slog.Logger, opts *Options) llm.Middleware {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	o := Options{}
	if opts != nil {
		o = *opts
	}
	o.Metadata = slices.Clone(o.Metadata)
	if o.Message == "" {
		o.Message = "model call"
	}
	if o.Level == nil {
		o.Level = DefaultLevel
	}
	if o.MaxContent == 0 {
		o.MaxContent = 4096
	}
	return func(next llm.Model) llm.Model { return &model{next, logger, &o} }
}

type model struct {
	next   llm.Model
	logger *slog.Logger
	opts   *Options
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if ctx == nil {
		return m.next.Generate(ctx, req) // which refuses it
	}
	c := m.begin(ctx, "generate", req)
	defer c.end()
	c.resp, c.err = m.next.Generate(ctx, req)
	c.ended = true
	return c.resp, c.err
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if ctx == nil {
		return m.next.Stream(ctx, req)
	}
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c := m.begin(ctx, "stream", req)
		defer c.end()
		for ev, err := range m.next.Stream(ctx, req) {
			c.note(ev, err)
			c.left = true // until the loop's body comes back for more
			if !yield(ev, err) {
				return
			}
			c.left = false
			if err != nil {
				break
			}
		}
		c.ended = true
	})
}

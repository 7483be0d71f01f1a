package fake

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Record returns a model that passes calls to next and writes each to a tape, from
// which [Replay] answers. A tape is JSON lines, one object a call, written in one
// Write when the call ends: the format's version, a digest of the request, the name of
// the model, the request, and the response or the events and error that came of it,
// with the time that each took to come, where it is 100 µs or more. The same calls in
// the same order make the same tape, but for times, and for what a provider numbers.
//
// Events are passed on as they come; only Finish waits until it is written. A stream
// that the caller leaves is recorded as abandoned, with what had arrived. Where the
// tape cannot be written the call fails with [llm.ErrInternal], which holds the cause
// and, if there was one, the error of the call; where that is too late, because the
// loop had been left, the next call fails and is not made.
//
// The tape holds prompts and answers; of secrets in them see the package comment. What
// the caller does between two events takes no time on it. [llm.Response.Raw] and the
// text of errors that are not of package llm are not recorded. A request that does
// not validate, or whose options do not encode, is refused and not recorded.
//
// It is safe for concurrent use if next is; w is used by one call at a time.
func Record(next llm.Model, w io.Writer) llm.Model { return RecordWith(next, w, nil) }

// RecordWith is [Record] with options; nil options are those of Record.
func RecordWith(next llm.Model, w io.Writer, opts *TapeOptions) llm.Model {
	return &recorder{next: next, w: w, scrubber: opts.scrubber()}
}

type recorder struct {
	next     llm.Model
	scrubber scrubber

	mu   sync.Mutex
	w    io.Writer
	owed error // a failure to write that no call has returned yet
}

// Unwrap returns the recorded model, for [llm.As].
func (r *recorder) Unwrap() llm.Model { return r.next }

func (r *recorder) Info() llm.Info {
	if isNil(r.next) {
		return llm.Info{}
	}
	return r.next.Info()
}

func (r *recorder) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	rec, err := r.begin(req)
	if err != nil {
		return nil, err
	}
	var clock stopwatch
	clock.start()
	resp, err := r.next.Generate(ctx, req)
	rec.After = formatPause(clock.stop())
	rec.Response = resp
	return resp, r.end(rec, err)
}

func (r *recorder) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		rec, err := r.begin(req)
		if err != nil {
			yield(nil, err)
			return
		}
		var clock stopwatch
		ended := false
		defer func() {
			if !ended {
				rec.Abandoned = true
				r.owe(r.end(rec, nil))
			}
		}()
		clock.start()
		// Once, because a model may return a nil stream.
		for ev, err := range llm.Once(r.next.Stream(ctx, req)) {
			pause := clock.stop()
			if err != nil {
				if !ended {
					ended = true
					rec.Events = rec.Events.ended(pause)
					err = r.end(rec, err)
				}
				yield(nil, err)
				return
			}
			if isNil(ev) {
				// Of a model that breaks the laws: a tape could not tell what it was.
				if !yield(ev, nil) {
					return
				}
				continue
			}
			rec.Events = append(rec.Events, tapeEvent{pause, ev})
			if f, ok := ev.(*llm.Finish); ok && !ended {
				ended = true
				if err := r.end(rec, nil); err != nil {
					if yield(&llm.UsageUpdate{Usage: asEstimate(f.Usage)}, nil) {
						yield(nil, err)
					}
					return
				}
			}
			if !yield(ev, nil) {
				return
			}
			clock.start()
		}
		if !ended {
			ended = true
			rec.Events = rec.Events.ended(clock.stop())
			if err := r.end(rec, nil); err != nil {
				yield(nil, err)
			}
		}
	})
}

// begin starts a recording, or says why the call cannot be made.
func (r *recorder) begin(req *llm.Request) (*recording, error) {
	if isNil(r.next) || isNil(r.w) {
		return nil, r.fault(llm.ErrInternal, "no model, or no tape to write to", nil)
	}
	r.mu.Lock()
	owed := r.owed
	r.owed = nil
	r.mu.Unlock()
	if owed != nil {
		return nil, owed
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	_, request, err := encodeRequest(req, r.scrubber)
	if err != nil {
		return nil, r.fault(llm.ErrInvalidRequest, "the request does not encode as JSON", err)
	}
	info := r.Info()
	return &recording{Version: tapeVersion, Digest: digest(request), Provider: info.Provider, Model: info.Model, Request: request}, nil
}

// end writes a recording. It returns the error of the call, or that of writing.
func (r *recorder) end(rec *recording, err error) error {
	if err != nil {
		rec.Error = newTapeError(err)
	}
	line, werr := rec.line(r.scrubber)
	if werr == nil {
		werr = r.write(line)
	}
	if werr != nil {
		return r.fault(llm.ErrInternal, "the call could not be written to the tape", errors.Join(werr, err))
	}
	return err
}

// write writes a line, whole or with an error.
func (r *recorder) write(line []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock() // also where the writer panics
	n, err := r.w.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	return err
}

// owe keeps the error of a call that is past returning it, for the next one.
func (r *recorder) owe(err error) {
	if err != nil {
		r.mu.Lock()
		r.owed = err
		r.mu.Unlock()
	}
}

// fault is an error of the recorder, which trying again does not mend.
func (r *recorder) fault(code llm.Code, message string, cause error) error {
	info := r.Info()
	return &llm.Error{Code: code, Op: "record", Provider: info.Provider, Model: info.Model,
		Message: message, Retryable: new(false), Err: cause}
}

// grain is the shortest time that a tape tells: what is shorter is the machine's doing.
const grain = 100 * time.Microsecond

// stopwatch measures the pauses of a stream.
type stopwatch struct {
	started time.Time
	waited  time.Duration // not told yet
}

func (w *stopwatch) start() { w.started = time.Now() }

// stop returns the pause since start. What is too short to be told is kept for the next.
func (w *stopwatch) stop() time.Duration {
	w.waited += time.Since(w.started)
	if w.waited < grain {
		return 0
	}
	pause := w.waited
	w.waited = 0
	return pause
}

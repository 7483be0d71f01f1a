package tracing

import (
	"time"

	"github.com/parley-sdk/parley/llm"
)

// stream is a streamed call under way.
type stream struct {
	*call
	at     where
	err    error
	finish *llm.Finish
	usage  llm.Usage
	first  time.Time // the first chunk
	last   time.Time // the latest
	gaps   *[]time.Duration
	answer *llm.Accumulator // nil where content is not captured
}

// where tells whose fault it is when the stream ends without a word.
type where int

const (
	inModel where = iota // the model panicked
	inLoop               // the caller left its loop, or panicked in it
	over                 // the stream came to its end
)

func newStream(c *call) *stream {
	s := &stream{call: c}
	if c.recording && c.CaptureContent {
		s.answer = new(llm.Accumulator)
	}
	return s
}

// see takes note of what the model yields.
func (s *stream) see(ev llm.Event, err error) {
	if err != nil {
		s.err = err
		return
	}
	switch ev := ev.(type) {
	case *llm.Finish:
		if ev != nil {
			s.finish = ev
		}
	case *llm.UsageUpdate:
		if ev != nil {
			s.usage = ev.Usage
		}
	default:
		if isChunk(ev) {
			s.tick()
		}
	}
	if s.answer != nil {
		_ = s.answer.Add(ev) // what is out of order is for others to refuse
	}
}

// isChunk says whether an event brings a piece of the answer: a delta, or a part that comes
// whole where it starts.
func isChunk(ev llm.Event) bool {
	switch ev := ev.(type) {
	case *llm.TextDelta, *llm.ReasoningDelta, *llm.ToolCallDelta, *llm.CitationDelta, *llm.MediaDelta:
		return true
	case *llm.ProviderDelta:
		return ev != nil && ev.Index >= 0
	case *llm.PartStart:
		if ev == nil {
			return false
		}
		switch ev.Part.(type) {
		case *llm.TextPart, *llm.ReasoningPart, *llm.ToolCallPart:
			return false
		}
		return true
	}
	return false
}

// tick notes the time of a chunk. The gaps are recorded when the stream has ended: only then
// is it known which model gave the answer.
func (s *stream) tick() {
	if !s.first.IsZero() && !s.measuring {
		return
	}
	now := time.Now()
	if s.first.IsZero() {
		s.first = now
	} else {
		if s.gaps == nil {
			s.gaps = s.metrics.gaps.Get().(*[]time.Duration)
		}
		*s.gaps = append(*s.gaps, now.Sub(s.last))
	}
	s.last = now
}

// end ends the span of the stream, and records its metrics.
func (s *stream) end() {
	o := outcome{err: s.err, usage: s.usage}
	o.usage.Estimated = true
	if f := s.finish; f != nil {
		o.stop, o.usage, o.requestID = f.StopReason, f.Usage, f.RequestID
		o.served = llm.Info{Provider: f.Provider, Model: f.Model}
	}
	switch {
	case s.err != nil:
	case s.at == inModel:
		o.err = llm.ErrInternal
	case s.finish != nil:
	case s.at == inLoop:
		o.abandoned = true
	default:
		o.err = llm.ErrIncomplete // law 4
	}
	if !s.first.IsZero() {
		o.chunked, o.first = true, s.first.Sub(s.began)
	}
	if s.answer != nil {
		o.message = &s.answer.Response().Message
	}
	if s.gaps != nil {
		o.gaps = *s.gaps
		defer func() {
			*s.gaps = o.gaps[:0]
			s.metrics.gaps.Put(s.gaps)
		}()
	}
	s.call.end(o)
}

package bedrocktest

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// stream plays a model's events over the wire as they come, so that their timing
// and their division pass through.
type stream struct {
	a      *answer
	since  time.Time
	frames *frames // nil until the first event, while an error can still be an HTTP status
	parts  map[int]*streamPart
	left   []int // indices of parts that have no wire form
	tool   bool  // whether a tool is called
}

// streamPart is a part that has started and not stopped.
type streamPart struct {
	part llm.Part
	sent bool              // whether anything was sent of it
	tail map[string]string // by kind of delta: the bytes of a rune that has not ended
}

// serveStream answers ConverseStream.
func serveStream(a *answer, model llm.Model, req *llm.Request, since time.Time) {
	s := &stream{a: a, since: since, parts: make(map[int]*streamPart)}
	err := s.play(a.r.Context(), model, req)
	switch {
	case a.over: // the client has left, or the fault wants no more
	case a.r.Context().Err() != nil:
		a.abort = true
	case err == nil:
		s.frames.end()
	case llm.CodeOf(err) == llm.ErrIncomplete:
		s.begin()
		a.abort = true
	case s.frames == nil:
		fromModel(err).write(a)
	default:
		_ = s.frames.exception(inStream(fromModel(err))) // nothing follows
	}
}

// inStream makes an exception that of a stream: ModelErrorException has a twin
// there.
func inStream(e *exception) *exception {
	if e.name == "ModelErrorException" {
		e.name = "ModelStreamErrorException"
	}
	return e
}

// play returns nil only after *llm.Finish. It leaves the model's stream when the
// answer is over.
func (s *stream) play(ctx context.Context, model llm.Model, req *llm.Request) error {
	for ev, err := range llm.Once(model.Stream(ctx, req)) { // which may be nil
		if err != nil {
			return err
		}
		if err := s.event(ev); err != nil {
			return err
		}
		if _, ok := ev.(*llm.Finish); ok {
			return nil
		}
	}
	return llm.ErrIncomplete
}

// begin sends what comes before the first event.
func (s *stream) begin() error {
	if s.frames != nil {
		return nil
	}
	s.frames = newFrames(s.a)
	return s.frames.event("messageStart", obj("role", "assistant"))
}

func (s *stream) event(ev llm.Event) error {
	if _, ok := ev.(*llm.UsageUpdate); ok {
		return nil // no wire form, and not the first event either
	}
	if err := s.begin(); err != nil {
		return err
	}
	switch ev := ev.(type) {
	case *llm.PartStart:
		return s.start(ev)
	case *llm.TextDelta:
		return s.text(ev.Index, "text", ev.Text)
	case *llm.ReasoningDelta:
		return s.reasoning(ev.Index, ev)
	case *llm.ToolCallDelta:
		return s.text(ev.Index, "toolUse", ev.Input)
	case *llm.CitationDelta:
		return s.delta(ev.Index, obj("citation", encodeCitation(ev.Citation)))
	case *llm.MediaDelta:
		return s.media(ev.Index, ev.Data, ev.URI)
	case *llm.ProviderDelta:
		return s.provider(ev)
	case *llm.PartStop:
		return s.stop(ev.Index)
	case *llm.Finish:
		return s.finish(ev)
	}
	return cannotStream(ev)
}

// start begins a part. Text and reasoning have no start event in the protocol.
func (s *stream) start(ev *llm.PartStart) error {
	if p, ok := ev.Part.(*llm.ProviderPart); ok && p.Provider != provider {
		s.left = append(s.left, ev.Index)
		return nil
	}
	s.parts[ev.Index] = &streamPart{part: ev.Part, tail: make(map[string]string)}
	switch p := ev.Part.(type) {
	case *llm.TextPart, *llm.ReasoningPart:
		return nil
	case *llm.ToolCallPart:
		s.tool = true
		return s.startEvent(ev.Index, obj("toolUse", obj("toolUseId", p.ID, "name", p.Name)))
	case *llm.ToolResultPart:
		if err := s.startEvent(ev.Index, obj("toolResult", obj("toolUseId", p.CallID, "status", status(p)))); err != nil {
			return err
		}
		return s.delta(ev.Index, obj("toolResult", arr(encodeBlocks(p.Content))))
	case *llm.MediaPart:
		kind, format := formatOf(mediaTypeOf(p.MediaType, p.Data))
		if kind != "image" {
			return cannotStream(p)
		}
		if err := s.startEvent(ev.Index, obj("image", obj("format", optional(format)))); err != nil {
			return err
		}
		return s.media(ev.Index, p.Data, p.URI)
	case *llm.ProviderPart:
		return s.startEvent(ev.Index, obj(p.Kind, verbatim(p.Data)))
	}
	return cannotStream(ev.Part)
}

func (s *stream) startEvent(i int, start jsonText) error {
	s.parts[i].sent = true
	return s.frames.event("contentBlockStart", obj("contentBlockIndex", s.index(i), "start", start))
}

func (s *stream) delta(i int, delta jsonText) error {
	if p := s.parts[i]; p != nil {
		p.sent = true
	}
	return s.frames.event("contentBlockDelta", obj("contentBlockIndex", s.index(i), "delta", delta))
}

// text sends a piece of text of one kind. The bytes of a rune that goes on in the
// next piece wait for it, since JSON can hold no part of a rune.
func (s *stream) text(i int, kind, piece string) error {
	if p := s.parts[i]; p != nil {
		piece, p.tail[kind] = splitRune(p.tail[kind] + piece)
		if piece == "" && p.tail[kind] != "" {
			return nil
		}
	}
	switch kind {
	case "toolUse":
		return s.delta(i, obj("toolUse", obj("input", piece)))
	case "reasoning":
		return s.delta(i, obj("reasoningContent", obj("text", piece)))
	}
	return s.delta(i, obj("text", piece))
}

// splitRune cuts the start of an unfinished rune off the end of s.
func splitRune(s string) (whole, tail string) {
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if i := len(s) - n; utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return s[:i], s[i:]
			}
			break
		}
	}
	return s, ""
}

// reasoning sends a delta for each field, since the wire has one for each.
func (s *stream) reasoning(i int, ev *llm.ReasoningDelta) error {
	if ev.Text != "" {
		if err := s.text(i, "reasoning", ev.Text); err != nil {
			return err
		}
	}
	if ev.Signature != "" {
		if err := s.delta(i, obj("reasoningContent", obj("signature", ev.Signature))); err != nil {
			return err
		}
	}
	if len(ev.Redacted) > 0 {
		return s.delta(i, obj("reasoningContent", obj("redactedContent", ev.Redacted)))
	}
	return nil
}

func (s *stream) media(i int, data []byte, uri string) error {
	if len(data) == 0 && uri == "" {
		return nil
	}
	return s.delta(i, obj("image", obj("source", source(data, uri))))
}

// provider sends what the vocabulary has no event for, if it is Bedrock's own.
func (s *stream) provider(ev *llm.ProviderDelta) error {
	switch {
	case ev.Provider != provider:
		return nil
	case ev.Index < 0:
		return s.frames.event(ev.Kind, verbatim(ev.Data))
	}
	return s.delta(ev.Index, obj(ev.Kind, verbatim(ev.Data)))
}

// stop ends a part. A text or reasoning part of which nothing was sent is made known
// by an empty delta, as it has had no start event.
func (s *stream) stop(i int) error {
	if slices.Contains(s.left, i) {
		return nil
	}
	if p := s.parts[i]; p != nil {
		for kind, tail := range p.tail {
			p.tail[kind] = ""
			if tail != "" {
				if err := s.text(i, kind, strings.ToValidUTF8(tail, "\uFFFD")); err != nil {
					return err
				}
			}
		}
		if !p.sent {
			kind := "text"
			if _, ok := p.part.(*llm.ReasoningPart); ok {
				kind = "reasoning"
			}
			if err := s.text(i, kind, ""); err != nil {
				return err
			}
		}
		delete(s.parts, i)
	}
	return s.frames.event("contentBlockStop", obj("contentBlockIndex", s.index(i)))
}

// finish ends the parts that are still open, as *llm.Finish does, and the message.
func (s *stream) finish(ev *llm.Finish) error {
	open := make([]int, 0, len(s.parts))
	for i := range s.parts {
		open = append(open, i)
	}
	slices.Sort(open)
	for _, i := range open {
		if err := s.stop(i); err != nil {
			return err
		}
	}
	reason := stopReason(ev.StopReason, ev.RawStopReason, s.tool)
	if err := s.frames.event("messageStop", obj("stopReason", reason)); err != nil {
		return err
	}
	return s.frames.event("metadata", obj("usage", encodeUsage(ev.Usage), "metrics", metrics(ev.Latency, s.since),
		"serviceTier", serviceTier(ev.Usage)))
}

// index is a part's index on the wire: its own, less the parts before it that have
// no wire form.
func (s *stream) index(i int) int {
	n := i
	for _, left := range s.left {
		if left < i {
			n--
		}
	}
	return n
}

func cannotStream(what any) error {
	return &llm.Error{Code: llm.ErrInternal, Message: fmt.Sprintf("bedrocktest: a %T has no form in a Bedrock stream", what)}
}

// source is where the bytes of media are.
func source(data []byte, uri string) jsonText {
	if uri != "" {
		return obj("s3Location", obj("uri", uri))
	}
	return obj("bytes", base64.StdEncoding.EncodeToString(data))
}

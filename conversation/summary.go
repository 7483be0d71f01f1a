package conversation

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// SummaryOptions are those of [Summarize]. Zero fields mean the defaults.
type SummaryOptions struct {
	// Limit is how many input tokens, by the estimate of [EstimateTokens], are sent before
	// turns are summarised: take some 70 % of what the model can read. Default 100,000.
	Limit int

	// Model writes the summaries. Default: the one of the conversation.
	Model llm.Model

	// Instructions say how. Default: to keep facts, decisions, open questions and names.
	Instructions string

	// MaxTokens bounds a summary. Default 1,000.
	MaxTokens int
}

const summaryInstructions = "Summarise this conversation so that it can go on without it. Keep facts, numbers, names, decisions, what was tried and what is still open. Write plain prose, without a preamble."

// Summarize puts a summary into the place of the oldest turns when a history grows over a limit,
// a quarter of the limit or more at a time. The summary stands before the first question that is
// sent whole. It is written once and remembered, for the last 1,000 by all conversations that
// share the function; after that, or in another process, it is written again. What it costs is
// part of the turn's usage.
//
// A summary that cannot be had is a warning, and all is sent; after an overflow the turns are
// left out.
func Summarize(opts *SummaryOptions) TrimFunc {
	var o SummaryOptions
	if opts != nil {
		o = *opts
	}
	if o.Limit <= 0 {
		o.Limit = 100_000
	}
	if o.Instructions == "" {
		o.Instructions = summaryInstructions
	}
	if o.MaxTokens <= 0 {
		o.MaxTokens = 1000
	}
	s := &summaries{opts: o, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, texts: make(map[digest]string)}
	return s.trim
}

// summaries remembers the text for each start of a history.
type summaries struct {
	opts  SummaryOptions
	seeds [2]maphash.Seed

	mu    sync.Mutex
	texts map[digest]string
	order []digest // oldest first
}

// digest stands for the start of a history. Its seeds are secret and never leave the process, so
// that nobody can make another history with the digest of one; SHA-256 would take longer than
// all else that a step does.
type digest [2]uint64

// digestOf is the digest of what b says.
func (s *summaries) digestOf(b []byte) digest {
	return digest{maphash.Bytes(s.seeds[0], b), maphash.Bytes(s.seeds[1], b)}
}

const maxSummaries = 1000

func (s *summaries) trim(ctx context.Context, v *View) error {
	limit := s.opts.Limit
	estimate := EstimateTokens(v.Request, v.Messages...)
	if v.Overflow {
		limit = min(limit, estimate/2)
	}
	if estimate <= limit {
		return nil
	}
	whole := *v
	v.keepTokens(estimate, limit, float64(limit)/float64(estimate))
	at := whole.Turn - v.Turn // what is cut
	if at == 0 || !isQuestion(v.Messages[0]) {
		*v = whole
		return nil
	}
	v.Warnings = whole.Warnings
	text, err := s.of(ctx, v, whole.Messages[:at], whole.turns())
	switch {
	case err == nil:
		first := llm.Message{Role: llm.RoleUser, Content: append([]llm.Part{llm.Text("Summary of the conversation so far:\n" + text)}, v.Messages[0].Content...)}
		v.Messages = append([]llm.Message{first}, v.Messages[1:]...)
		v.warn(fmt.Sprintf("messages[0:%d]", at), "these messages are sent as a summary")
	case ctx.Err() != nil:
		return err
	case v.Overflow:
		v.warn(fmt.Sprintf("messages[0:%d]", at), fmt.Sprintf("these messages are not sent, and a summary of them could not be had (%s)", llm.CodeOf(err)))
	default:
		whole.Usage = v.Usage
		*v = whole
		v.warn("messages", fmt.Sprintf("a summary could not be had (%s), so all is sent", llm.CodeOf(err)))
	}
	return nil
}

// of is the summary of messages, built upon the longest one that is remembered.
func (s *summaries) of(ctx context.Context, v *View, messages []llm.Message, starts []int) (string, error) {
	var summary string
	from := 0
	sums := make(map[int]digest) // of the messages before a turn: of the turn, and of what came before it
	var buf []byte               // reused
	for i := range len(messages) + 1 {
		if i > 0 && (i == len(messages) || isQuestion(messages[i])) {
			sums[i] = s.digestOf(buf)
			if text, ok := s.recall(sums[i]); ok {
				summary, from = text, i
			}
			buf = binary.LittleEndian.AppendUint64(buf[:0], sums[i][0])
			buf = binary.LittleEndian.AppendUint64(buf, sums[i][1])
		}
		if i < len(messages) {
			buf = append(buf, messages[i].Role...)
			buf = appendParts(buf, messages[i].Content)
		}
	}
	// A long history is read in pieces that the model can take.
	for from < len(messages) {
		to := from
		for _, start := range append(starts, len(messages)) {
			if start <= from || start > len(messages) {
				continue
			}
			if to > from && EstimateTokens(nil, messages[from:start]...) > s.opts.Limit/2 {
				break
			}
			to = start
		}
		text, err := s.ask(ctx, v, summary, messages[from:to])
		if err != nil {
			return "", err
		}
		summary, from = text, to
		s.remember(sums[to], text)
	}
	return summary, nil
}

// ask has a summary written.
func (s *summaries) ask(ctx context.Context, v *View, before string, messages []llm.Message) (string, error) {
	var b strings.Builder
	if before != "" {
		fmt.Fprintf(&b, "[What came before, as a summary]\n%s\n\n", before)
	}
	for _, m := range messages {
		fmt.Fprintf(&b, "[%s]\n%s\n", m.Role, transcript(m.Content))
	}
	m := s.opts.Model
	if m == nil {
		m = v.Model
	}
	r, err := m.Generate(ctx, &llm.Request{
		System:    []llm.Part{llm.Text(s.opts.Instructions)},
		Messages:  []llm.Message{llm.UserText(b.String())},
		MaxTokens: s.opts.MaxTokens,
	})
	if r != nil {
		v.Usage = v.Usage.Add(r.Usage)
	}
	if err != nil {
		return "", err
	}
	if r == nil || refused(r) || strings.TrimSpace(r.Text()) == "" {
		return "", llm.ErrMalformedOutput
	}
	return strings.TrimSpace(r.Text()), nil
}

// transcript is content as text.
func transcript(parts []llm.Part) string {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			b.WriteString(p.Text)
		case *llm.ToolCallPart:
			fmt.Fprintf(&b, "(calls %s with %s)", p.Name, p.Input)
		case *llm.ToolResultPart:
			fmt.Fprintf(&b, "(result: %s)", transcript(p.Content))
		case *llm.MediaPart, *llm.DocumentPart:
			b.WriteString("(a file)")
		default:
			continue
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// appendParts appends what parts are, so that no two lists come to the same. It is called for a
// whole history at each step, and so spares encoding/json where it can.
func appendParts(b []byte, parts []llm.Part) []byte {
	text := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(append(b, ' '), s...)
	}
	b = append(strconv.AppendInt(b, int64(len(parts)), 10), ';')
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			b = append(b, 't')
			text(p.Text)
		case *llm.ToolResultPart:
			b = append(b, 'r')
			text(p.CallID)
			b = appendParts(strconv.AppendBool(b, p.IsError), p.Content)
		case *llm.ToolCallPart:
			b = append(b, 'c')
			text(p.ID)
			text(p.Name)
			text(string(p.Input))
		case *llm.ReasoningPart: // it is in no summary
		default:
			encoded, _ := json.Marshal(p) // what does not encode cannot be in a history
			b = append(append(b, 'p'), encoded...)
		}
	}
	return b
}

func (s *summaries) recall(d digest) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.texts[d]
	return text, ok
}

func (s *summaries) remember(d digest, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.texts[d]; !known {
		s.order = append(s.order, d)
	}
	s.texts[d] = text
	if len(s.order) > maxSummaries {
		delete(s.texts, s.order[0])
		s.order = s.order[1:]
	}
}

package logging_test

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/logging"
)

// scripted is a model of one answer.
type scripted struct {
	resp   *llm.Response
	err    error
	events []llm.Event
}

func (*scripted) Info() llm.Info { return llm.Info{Provider: "p", Model: "m"} }

func (s *scripted) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return s.resp, s.err
}

func (s *scripted) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range s.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// What a server calls an id, a reason or a tier may be any text.
func TestTextsOfAServer(t *testing.T) {
	const secret = "the patient has cancer"
	for _, m := range []*scripted{
		{err: &llm.Error{Code: llm.ErrInternal, RequestID: "id 7: " + secret}},
		{resp: &llm.Response{RequestID: "id 7: " + secret, StopReason: secret, Usage: llm.Usage{InputTokens: 1, ServiceTier: secret}}},
	} {
		var out bytes.Buffer
		_, _ = llm.Wrap(m, logging.New(slog.New(slog.NewTextHandler(&out, nil)), nil)).Generate(t.Context(), &llm.Request{})
		if strings.Contains(out.String(), "patient") || !strings.Contains(out.String(), "request_id=…") {
			t.Errorf("the line is %s", &out)
		}
	}
}

// Nil events break the law, and are passed on for others to report.
func TestNilEvents(t *testing.T) {
	events := []llm.Event{(*llm.UsageUpdate)(nil), (*llm.TextDelta)(nil), (*llm.Finish)(nil)}
	for _, opts := range []*logging.Options{nil, {Content: true}} {
		var out bytes.Buffer
		m := llm.Wrap(&scripted{events: events}, logging.New(slog.New(slog.NewTextHandler(&out, nil)), opts))
		passed := 0
		for range m.Stream(t.Context(), &llm.Request{}) {
			passed++
		}
		if passed != len(events) || !strings.Contains(out.String(), "code=incomplete") {
			t.Errorf("%d events passed, and the line is %s", passed, &out)
		}
	}
}

package fake_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// ask is a request with one question.
func ask(s string) *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText(s)}} }

// conv is a request with these messages.
func conv(msgs ...llm.Message) *llm.Request { return &llm.Request{Messages: msgs} }

// generate fails the test on an error.
func generate(t *testing.T, m llm.Model, req *llm.Request) *llm.Response {
	t.Helper()
	r, err := m.Generate(t.Context(), req)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	return r
}

// drain ranges a stream to its end.
func drain(ctx context.Context, m llm.Model, req *llm.Request) ([]llm.Event, error) {
	var events []llm.Event
	for ev, err := range m.Stream(ctx, req) {
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
	return events, nil
}

// wantError checks the code of an error, and that its text says something.
func wantError(t *testing.T, err error, code llm.Code, text ...string) {
	t.Helper()
	if llm.CodeOf(err) != code {
		t.Fatalf("error %v has code %q, want %q", err, llm.CodeOf(err), code)
	}
	if _, ok := errors.AsType[*llm.Error](err); !ok {
		t.Errorf("error %v is a %T without an *llm.Error in it", err, err)
	}
	for _, s := range text {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

// recorderTB keeps what a test would have printed.
type recorderTB struct{ errors []string }

func (t *recorderTB) Helper() {}
func (t *recorderTB) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

// kinds are the events of a stream in short: "start text text stop finish".
func kinds(events []llm.Event) string {
	var out []string
	for _, ev := range events {
		switch ev.(type) {
		case *llm.PartStart:
			out = append(out, "start")
		case *llm.TextDelta:
			out = append(out, "text")
		case *llm.ReasoningDelta:
			out = append(out, "reasoning")
		case *llm.ToolCallDelta:
			out = append(out, "input")
		case *llm.CitationDelta:
			out = append(out, "citation")
		case *llm.PartStop:
			out = append(out, "stop")
		case *llm.UsageUpdate:
			out = append(out, "usage")
		case *llm.Finish:
			out = append(out, "finish")
		default:
			out = append(out, fmt.Sprintf("%T", ev))
		}
	}
	return strings.Join(out, " ")
}

var _ llm.Model = (*fake.Model)(nil)

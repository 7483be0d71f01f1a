package logging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/logging"
)

// secretive is a request in which everything that users and applications may write holds a
// secret.
func secretive() *llm.Request {
	return &llm.Request{
		System: []llm.Part{llm.Text("You know secret-1.")},
		Messages: []llm.Message{
			llm.User(llm.Text("Tell secret-2."), llm.Image("image/png", []byte("secret-bytes")), llm.Document("secret-name", "application/pdf", []byte("secret-bytes")), llm.CachePoint()),
			llm.Assistant(&llm.ReasoningPart{Text: "secret-3", Signature: "secret-signature"}, &llm.ToolCallPart{ID: "c1", Name: "look", Input: json.RawMessage(`{"q":"secret-4"}`)}),
			llm.User(llm.ToolResult("c1", llm.Text("It is secret-5."))),
		},
		Metadata: map[string]string{"secret-key": "secret-tag"},
	}
}

func answer() fake.Turn {
	return fake.Parts(&llm.ReasoningPart{Text: "secret-6"}, llm.Text("It is secret-7."), &llm.ToolCallPart{Name: "tell", Input: json.RawMessage(`{"to":"secret-8"}`)})
}

// Of prompts, answers, arguments and the errors of others nothing is logged.
func TestNoContent(t *testing.T) {
	logger, out := newLogger(slog.LevelDebug)
	foreign := &failing{err: fmt.Errorf("secret-9: %w", errors.New("secret-10"))}
	for _, m := range []llm.Model{fake.New(answer(), answer().CutAfter(6), answer()), foreign} {
		m = llm.Wrap(m, logging.New(logger, nil))
		_, _ = m.Generate(t.Context(), secretive())
		_, _ = llm.Collect(m.Stream(t.Context(), secretive()))
		for range m.Stream(t.Context(), secretive()) {
			break
		}
	}
	got := out.take()
	if strings.Contains(got, "secret") {
		t.Errorf("it holds a secret: %s", got)
	}
	if n := strings.Count(got, "\n"); n != 6 {
		t.Errorf("%d lines, want 6", n)
	}
}

func TestContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, out := newLogger(slog.LevelInfo)
		m := llm.Wrap(fake.New(answer(), answer(), answer()), logging.New(logger, &logging.Options{Content: true}))
		input := ` input="system: You know secret-1.\nuser: Tell secret-2.\nuser: [media image/png, 12 bytes]\nuser: [document application/pdf, 12 bytes]\nassistant: [reasoning] secret-3\nassistant: [call look] {\"q\":\"secret-4\"}\nuser: [result] It is secret-5."`
		output := ` output="[reasoning] secret-6\nIt is secret-7.\n[call tell] {\"to\":\"secret-8\"}"`
		_, _ = m.Generate(t.Context(), secretive())
		_, _ = llm.Collect(m.Stream(t.Context(), secretive()))
		for range m.Stream(t.Context(), secretive()) {
			break
		}
		var got []string
		for line := range strings.Lines(out.take()) {
			_, content, _ := strings.Cut(strings.TrimSpace(line), " input=")
			got = append(got, " input="+content)
		}
		if d := cmp.Diff([]string{input + output, input + output, input + ` output="[reasoning] "`}, got); d != "" {
			t.Errorf("(-want +got): %s", d)
		}
	})
}

// Each part has a text, and none its bytes.
func TestParts(t *testing.T) {
	var typedNil *llm.TextPart
	for _, c := range []struct {
		part llm.Part
		want string
	}{
		{&llm.MediaPart{MediaType: "video/mp4", URI: "https://host/secret?signature"}, "[media video/mp4, 0 bytes]"},
		{&llm.DocumentPart{Text: "Read this."}, "[document] Read this."},
		{&llm.ToolCallPart{Name: "f", Malformed: `{"a`}, `[call f] {"a`},
		{llm.ToolError("c1", "out of order"), "[error] out of order"},
		{&llm.ToolResultPart{Content: []llm.Part{llm.Text("a"), llm.Image("image/png", []byte("bytes")), llm.Text("b")}}, "[result] a\n[media image/png, 5 bytes]\nb"},
		{&llm.ReasoningPart{Redacted: []byte("bytes")}, "[reasoning] "},
		{&llm.ProviderPart{Provider: "p", Kind: "search", Data: json.RawMessage(`{"bytes":1}`)}, "[search, 11 bytes]"},
		{llm.CachePoint(), ""},
		{nil, "[nil]"},
		{typedNil, "[nil]"},
	} {
		h := &records{}
		m := llm.Wrap(&failing{}, logging.New(slog.New(h), &logging.Options{Content: true}))
		_, _ = m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.User(c.part)}})
		want := "user: " + c.want
		if c.want == "" {
			want = ""
		}
		if got := h.text("input"); got != want {
			t.Errorf("%T: %q, want %q", c.part, got, want)
		}
	}
}

// records keeps the attributes of the last line.
type records struct {
	free
	last slog.Record
}

func (h *records) Handle(_ context.Context, r slog.Record) error { h.last = r; return nil }

func (h *records) text(key string) (s string) {
	for a := range h.last.Attrs {
		if a.Key == key {
			s = a.Value.String()
		}
	}
	return s
}

// Long content is cut, the input before and the output behind, and no rune is.
func TestMaxContent(t *testing.T) {
	long := strings.Repeat("ü–😀.", 1000) // of 2, 3, 4 and 1 bytes
	h := &records{}
	for limit := -1; limit < 40; limit++ {
		most := limit
		switch {
		case limit < 0:
			most = 1 << 30
		case limit == 0:
			most = 4096
		}
		resp := &llm.Response{Message: llm.AssistantText(long), StopReason: llm.StopEndTurn}
		m := llm.Wrap(fake.New(fake.Response(resp)), logging.New(slog.New(h), &logging.Options{Content: true, MaxContent: limit}))
		_, _ = m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText(long)}})
		input, output := h.text("input"), h.text("output")
		for _, s := range []string{input, output} {
			if !utf8.ValidString(s) || len(s) > max(most, len("…")) {
				t.Errorf("MaxContent %d: %d bytes, valid: %t", limit, len(s), utf8.ValidString(s))
			}
			if limit >= 0 && len(s) < most-len("…") {
				t.Errorf("MaxContent %d: only %d bytes", limit, len(s))
			}
		}
		if limit < 0 {
			if input != "user: "+long || output != long {
				t.Error("without a limit something was cut")
			}
			continue
		}
		if rest, ok := strings.CutPrefix(input, "…"); !ok || !strings.HasSuffix(long, rest) {
			t.Errorf("MaxContent %d: the input is %q", limit, input)
		}
		if rest, ok := strings.CutSuffix(output, "…"); !ok || !strings.HasPrefix(long, rest) {
			t.Errorf("MaxContent %d: the output is %q", limit, output)
		}
	}
}

package tracing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/tracing"
)

// contentKeys are the attributes that hold content.
var contentKeys = []string{"gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions",
	"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}

// content is the JSON that attributes hold of content.
func content(t *testing.T, attrs map[string]any) map[string]any {
	t.Helper()
	got := map[string]any{}
	for _, key := range contentKeys {
		text, ok := attrs[key].(string)
		if !ok {
			continue
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("%s is no JSON: %s", key, text)
			continue
		}
		got[key] = json.RawMessage(text)
	}
	return got
}

// golden compares v, as JSON, with a file.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, path, string(want), b.String())
}

var pixels = []byte("\x89PNG\r\n\x1a\n of some picture")

// everyPart is a request that holds a part of each kind.
func everyPart() *llm.Request {
	return &llm.Request{
		System: []llm.Part{llm.Text("Be brief & <plain>."), llm.CachePoint()},
		Messages: []llm.Message{
			llm.User(llm.Text("Look:"), llm.Image("", pixels), &llm.MediaPart{MediaType: "video/mp4", URI: "s3://bucket/clip.mp4"},
				&llm.MediaPart{URI: "DATA:image/png;base64,AAAA"},
				&llm.DocumentPart{Name: "report", MediaType: "application/pdf", Data: []byte("%PDF-")},
				&llm.DocumentPart{Name: "notes", Text: "Short notes."},
				&llm.ProviderPart{Provider: "aws.bedrock", Kind: "guardContent", Data: json.RawMessage(`{"text":"guarded"}`)}),
			llm.Assistant(&llm.ReasoningPart{Text: "Two cities.", Signature: "signed"},
				&llm.ReasoningPart{Redacted: []byte("encrypted"), Opaque: &llm.Opaque{Data: json.RawMessage(`"opaque"`)}},
				&llm.ToolCallPart{ID: "1", Name: "weather", Input: json.RawMessage(`{"city": "Oslo", "id": 12345678901234567890}`)},
				&llm.ToolCallPart{ID: "2", Name: "weather"},
				&llm.ToolCallPart{ID: "3", Name: "weather", Malformed: `{"city":"Os`}),
			llm.User(llm.ToolResult("1", llm.Text(`{"degrees": -3.10}`)), llm.CachePoint(),
				llm.ToolResult("2", llm.Text("no such city"), llm.Image("", pixels)), llm.ToolResult("3"), llm.ToolError("4", "down")),
			llm.System(llm.Text("Speak Norwegian now.")),
			llm.User(llm.ToolResult("5", llm.Image("image/png", pixels)), llm.Text("Well?")),
		},
		Tools: []llm.Tool{{Name: "weather", Description: "described", Schema: json.RawMessage(`{"type":"object"}`)},
			{Name: "search", Provider: "anthropic", Kind: "web_search"}},
	}
}

func everyAnswer() *llm.Response {
	r := response()
	r.Message = llm.Assistant(&llm.ReasoningPart{Text: "Now in Norwegian."}, llm.Text("Kaldt."),
		&llm.ToolCallPart{ID: "6", Name: "weather", Input: json.RawMessage(`{"city":"Bergen"}`)})
	r.StopReason = llm.StopToolUse
	return r
}

func TestCapture(t *testing.T) {
	for name, call := range ways {
		t.Run(name, func(t *testing.T) {
			tm := newTelemetry(t)
			m := tm.wrap(answers(nil, everyAnswer()), &tracing.Options{CaptureContent: true})
			if _, err := call(t.Context(), m, everyPart()); err != nil {
				t.Fatal(err)
			}
			golden(t, "content", content(t, attributes(tm.span().Attributes)))
		})
	}
}

// TestRedact checks that each text passes through the redactor, once it is readable.
func TestRedact(t *testing.T) {
	req, resp := everyPart(), everyAnswer()
	req.Messages = append(req.Messages, llm.Assistant(&llm.ToolCallPart{ID: "7", Name: "login",
		Input: json.RawMessage(`{"password":"\u0068unter2","pin":1234}`)}))
	tm := newTelemetry(t)
	digits := regexp.MustCompile(`[0-9]{4,}|hunter2`)
	letters := regexp.MustCompile(`[A-Za-z]+ `)
	m := tm.wrap(answers(nil, resp), &tracing.Options{CaptureContent: true, Redact: func(text string) string {
		return letters.ReplaceAllString(digits.ReplaceAllString(text, "0"), "x ")
	}})
	if _, err := m.Generate(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	golden(t, "redacted", content(t, attributes(tm.span().Attributes)))
}

// TestRedactBreaksJSON checks that arguments which the redactor made unreadable come as text.
func TestRedactBreaksJSON(t *testing.T) {
	tm := newTelemetry(t)
	m := tm.wrap(answers(nil, everyAnswer()), &tracing.Options{CaptureContent: true, Redact: func(string) string { return `gone "` }})
	if _, err := m.Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	same(t, "answer", `[{"role":"assistant","parts":[{"type":"reasoning","content":"gone \""},{"type":"text","content":"gone \""},`+
		`{"type":"tool_call","id":"6","name":"weather","arguments":"gone \""}],"finish_reason":"tool_call"}]`,
		attributes(tm.span().Attributes)["gen_ai.output.messages"].(string))
}

func TestFinishReasons(t *testing.T) {
	for stop, want := range map[llm.StopReason]string{
		llm.StopEndTurn: "stop", llm.StopSequence: "stop", llm.StopMaxTokens: "length", llm.StopContextWindow: "length",
		llm.StopToolUse: "tool_call", llm.StopContentFilter: "content_filter", llm.StopRefusal: "content_filter",
		llm.StopMalformed: "error", llm.StopPause: "pause", llm.StopOther: "other",
	} {
		tm := newTelemetry(t)
		r := response()
		r.StopReason = stop
		if _, err := tm.wrap(answers(nil, r), &tracing.Options{CaptureContent: true}).Generate(t.Context(), ask()); err != nil {
			t.Fatal(err)
		}
		got := attributes(tm.span().Attributes)
		same(t, string(stop), `[{"role":"assistant","parts":[{"type":"text","content":"Cold."}],"finish_reason":"`+want+`"}]`, got["gen_ai.output.messages"].(string))
		same(t, string(stop), []string{string(stop)}, got["gen_ai.response.finish_reasons"].([]string))
	}
}

// TestBoundFinishReason checks that not even a backend's own word breaks the bound.
func TestBoundFinishReason(t *testing.T) {
	r := response()
	r.StopReason = llm.StopReason(strings.Repeat("s", 1000))
	tm := newTelemetry(t)
	m := tm.wrap(answers(nil, r), &tracing.Options{CaptureContent: true, MaxContentBytes: 256})
	if _, err := m.Generate(t.Context(), ask()); err != nil {
		t.Fatal(err)
	}
	got := attributes(tm.span().Attributes)
	content(t, got)
	if text := got["gen_ai.output.messages"].(string); len(text) > 256 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// TestCapturePartial checks what is captured of answers that broke off.
func TestCapturePartial(t *testing.T) {
	next := fake.New(fake.Text("Cold, and it will").Chunk(4).CutAfter(2), fake.Text("Cold, and it will").Chunk(4).CutAfter(2),
		fake.Text("Cold, and it will").Chunk(4), fake.Fail(llm.ErrOverloaded))
	tm := newTelemetry(t)
	m := tm.wrap(next, &tracing.Options{CaptureContent: true})
	captured := func() any { return attributes(tm.span().Attributes)["gen_ai.output.messages"] }
	const broke = `[{"role":"assistant","parts":[{"type":"text","content":"Cold"}],"finish_reason":"error"}]`
	_, _ = m.Generate(t.Context(), ask())
	same(t, "generate", any(broke), captured())
	_, _ = llm.Collect(m.Stream(t.Context(), ask()))
	same(t, "stream", any(broke), captured())
	for ev := range m.Stream(t.Context(), ask()) {
		if _, ok := ev.(*llm.TextDelta); ok {
			break
		}
	}
	same(t, "left", any(strings.Replace(broke, "error", "incomplete", 1)), captured())
	_, _ = m.Generate(t.Context(), ask())
	same(t, "nothing came", nil, captured())
}

// TestFaultyRequest checks that what the model refuses is no trouble here.
func TestFaultyRequest(t *testing.T) {
	tm := newTelemetry(t)
	m := tm.wrap(fake.New(), &tracing.Options{CaptureContent: true})
	for _, req := range []*llm.Request{
		nil, {},
		{System: []llm.Part{nil, (*llm.TextPart)(nil)}, Messages: []llm.Message{llm.User(nil, (*llm.ToolResultPart)(nil)), {}}},
		{Messages: []llm.Message{llm.User(llm.ToolResult("1", (*llm.TextPart)(nil)), llm.Text("\xff"), &llm.ProviderPart{}, &llm.MediaPart{})}},
		{Messages: []llm.Message{llm.Assistant(&llm.ToolCallPart{Name: "f", Input: json.RawMessage(`{"broken`)})}},
	} {
		if _, err := m.Generate(t.Context(), req); err == nil {
			t.Error("the fake took a faulty request")
		}
		content(t, attributes(tm.span().Attributes))
	}
}

// TestBound fills requests with random content, and bounds it at random.
func TestBound(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	text := func() string {
		alphabet := []string{"a", "é", "\"", "<", "\n", "😀", "\xff", "\\"}
		return strings.Repeat(alphabet[rnd.IntN(len(alphabet))], rnd.IntN(1<<rnd.IntN(12)))
	}
	part := func() llm.Part {
		switch rnd.IntN(5) {
		case 0:
			return llm.Image("image/png", pixels)
		case 1:
			return &llm.MediaPart{URI: "s3://" + text()}
		case 2:
			b, _ := json.Marshal(map[string]string{"x": text()})
			return &llm.ToolCallPart{ID: "1", Name: "f", Input: b}
		case 3:
			return llm.ToolResult("1", llm.Text(text()), llm.Text(text()))
		}
		return llm.Text(text())
	}
	parts := func() []llm.Part {
		parts := make([]llm.Part, 1+rnd.IntN(1<<rnd.IntN(8)))
		for i := range parts {
			parts[i] = part()
		}
		return parts
	}
	tm := newTelemetry(t)
	for range 300 {
		r := response()
		r.Message.Content = parts()
		req := &llm.Request{System: parts()}
		for range 1 + rnd.IntN(20) {
			req.Messages = append(req.Messages, llm.User(parts()...))
		}
		for i := range rnd.IntN(100) {
			req.Tools = append(req.Tools, llm.Tool{Name: fmt.Sprint("tool", i)})
		}
		limit := 256 << rnd.IntN(10)
		m := tm.wrap(answers(nil, r), &tracing.Options{CaptureContent: true, MaxContentBytes: limit})
		if _, err := m.Generate(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		attrs := attributes(tm.span().Attributes)
		content(t, attrs)
		for _, key := range contentKeys[:4] {
			text, ok := attrs[key].(string)
			if len(text) > limit || !utf8.ValidString(text) || !ok && key != "gen_ai.tool.definitions" {
				t.Fatalf("limit %d: %s has %d bytes: %s", limit, key, len(text), text)
			}
		}
	}
}

func TestBoundKeepsTheNewest(t *testing.T) {
	req := &llm.Request{System: []llm.Part{llm.Text("first rule"), llm.Text(strings.Repeat("r", 1000)), llm.Text("last rule")}}
	for i := range 10 {
		req.Messages = append(req.Messages, llm.UserText(fmt.Sprint("question ", i)), llm.AssistantText(strings.Repeat("answer ", 20)))
	}
	tm := newTelemetry(t)
	m := tm.wrap(answers(nil, response()), &tracing.Options{CaptureContent: true, MaxContentBytes: 500})
	if _, err := m.Generate(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	golden(t, "bounded", content(t, attributes(tm.span().Attributes)))
}

func TestBoundValues(t *testing.T) {
	large := strings.Repeat("x", 70_000)
	for limit, want := range map[int]int{0: 65536, -1: 70_000, 1: 256, 1000: 1000} {
		tm := newTelemetry(t)
		m := tm.wrap(answers(nil, response()), &tracing.Options{CaptureContent: true, MaxContentBytes: limit})
		if _, err := m.Generate(t.Context(), &llm.Request{System: []llm.Part{llm.Text(large)}}); err != nil {
			t.Fatal(err)
		}
		n := len(attributes(tm.span().Attributes)["gen_ai.system_instructions"].(string))
		if limit < 0 && n < want || limit >= 0 && (n > want || n < want/4) {
			t.Errorf("MaxContentBytes %d: %d bytes, want about %d", limit, n, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for value, want := range map[string]bool{"": false, "true": true, "TRUE": true, " true ": true, "false": false, "1": false, "yes": false,
		"no_content": false, "NO_CONTENT": false, "event_only": false, "SPAN_ONLY": true, "span_and_event": true} {
		t.Setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
		tm := newTelemetry(t)
		m := tm.wrap(answers(nil, response()), nil)
		t.Setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", fmt.Sprint(!want)) // it was read once
		if _, err := m.Generate(t.Context(), ask()); err != nil {
			t.Fatal(err)
		}
		if got := len(content(t, attributes(tm.span().Attributes))) > 0; got != want {
			t.Errorf("%q: content is captured: %v", value, got)
		}
	}
}

// TestEnvironmentIgnored checks that the program can have the last word.
func TestEnvironmentIgnored(t *testing.T) {
	t.Setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
	for _, capture := range []bool{false, true} {
		tm := newTelemetry(t)
		m := tm.wrap(answers(nil, response()), &tracing.Options{CaptureContent: capture, IgnoreEnvironment: true})
		if _, err := m.Generate(t.Context(), ask()); err != nil {
			t.Fatal(err)
		}
		if got := len(content(t, attributes(tm.span().Attributes))) > 0; got != capture {
			t.Errorf("CaptureContent %v: content is captured: %v", capture, got)
		}
	}
}

const secret = "hunter2-correct-horse"

// secrets plants one wherever content may stand, and calls in each way that ends otherwise.
func secrets(t *testing.T, m llm.Model) {
	req := ask()
	req.System = []llm.Part{llm.Text(secret)}
	req.Messages = []llm.Message{
		llm.User(llm.Text(secret), llm.Image("image/png", append(pixels, secret...)), &llm.MediaPart{MediaType: "image/png", URI: "s3://" + secret},
			&llm.MediaPart{MediaType: "image/png", URI: "data:" + secret}, &llm.DocumentPart{Text: secret},
			&llm.ProviderPart{Kind: "k", Data: json.RawMessage(`"` + secret + `"`)}),
		llm.Assistant(&llm.ReasoningPart{Text: secret, Signature: secret}, &llm.ToolCallPart{ID: "1", Name: "login", Input: json.RawMessage(`{"p":"` + secret + `"}`)}),
		llm.User(llm.ToolResult("1", llm.Text(secret))),
	}
	req.Tools = []llm.Tool{{Name: "login", Description: secret, Schema: json.RawMessage(`{"description":"` + secret + `"}`)}}
	req.Output = &llm.OutputFormat{Name: "o", Description: secret, Schema: json.RawMessage(`{"description":"` + secret + `"}`)}
	req.Metadata = map[string]string{"tenant": secret}
	for _, call := range ways {
		for range 4 { // the answers of revealing
			_, _ = call(t.Context(), m, req)
		}
	}
	for range m.Stream(t.Context(), req) {
		break
	}
	tracer, ok := llm.As[hook.Tracer](m)
	if !ok {
		t.Fatal("the model is no tracer")
	}
	fails := &llm.Error{Code: llm.ErrInternal, Message: secret, Err: fmt.Errorf("%s", secret)}
	for _, err := range []error{nil, fails, fmt.Errorf("%s", secret)} {
		_, end := tracer.BeginTool(t.Context(), hook.Tool{Name: "login", CallID: "1", Arguments: json.RawMessage(`{"p":"` + secret + `"}`)})
		end([]llm.Part{llm.Text(secret)}, err)
		_, end = tracer.BeginAgent(t.Context(), hook.Agent{Name: "a", Request: req})
		end(&llm.Response{Message: llm.AssistantText(secret)}, err)
	}
}

// revealing is a model whose answers and errors are full of secrets.
func revealing() llm.Model {
	n := 0
	return &stub{stream: func(ctx context.Context, _ *llm.Request, yield func(llm.Event, error) bool) {
		n++
		hook.Tell(ctx, hook.Event{Kind: hook.Retry, Policy: "retry", Code: secret})
		r := everyAnswer()
		r.Message = llm.Assistant(&llm.ReasoningPart{Text: secret}, llm.Text(secret), &llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{"p":"` + secret + `"}`)})
		r.RawStopReason, r.Raw = secret, secret
		r.Warnings = []llm.Warning{{Code: llm.WarningDropped, Field: secret, Message: secret}}
		if n%4 == 1 {
			r.RequestID = secret + " " // no id
		}
		fails := []error{nil, nil, fmt.Errorf("%s", secret), &llm.Error{Code: secret, Op: secret, Message: secret, RawCode: secret,
			RequestID: secret + "!", Err: fmt.Errorf("%s", secret)}}[n%4]
		for ev, err := range r.Events() {
			if _, ok := ev.(*llm.Finish); ok && fails != nil {
				ev, err = nil, fails
			}
			if !yield(ev, err) {
				return
			}
		}
	}}
}

func TestSecretsStayHidden(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		var opts []sdktrace.TracerProviderOption
		if !sampled {
			opts = append(opts, sdktrace.WithSampler(sdktrace.NeverSample()))
		}
		tm := newTelemetry(t, opts...)
		secrets(t, tm.wrap(revealing(), nil))
		if sampled && len(tm.spans.GetSpans()) < 15 {
			t.Errorf("only %d spans were looked at", len(tm.spans.GetSpans()))
		}
		if all := tm.everything(); strings.Contains(all, secret) {
			t.Errorf("the secret is out: %s", all)
		}
	}
	t.Run("redacted", func(t *testing.T) {
		tm := newTelemetry(t)
		secrets(t, tm.wrap(revealing(), &tracing.Options{CaptureContent: true, Redact: func(s string) string {
			return strings.ReplaceAll(s, secret, "…")
		}}))
		if all := tm.everything(); strings.Contains(all, secret) {
			t.Errorf("the secret is out: %s", all)
		}
	})
	t.Run("captured", func(t *testing.T) { // so that the other cases prove something
		tm := newTelemetry(t)
		secrets(t, tm.wrap(revealing(), &tracing.Options{CaptureContent: true}))
		for _, key := range []string{"system_instructions", "input.messages", "output.messages", "tool.call.arguments", "tool.call.result"} {
			found := false
			for _, s := range tm.spans.GetSpans() {
				v, _ := attributes(s.Attributes)["gen_ai."+key].(string)
				found = found || strings.Contains(v, secret)
			}
			if !found {
				t.Errorf("gen_ai.%s does not hold what was planted", key)
			}
		}
	})
}

// TestMediaIsHashed checks that bytes are shown by a hash alone, at once and not again.
func TestMediaIsHashed(t *testing.T) {
	tm := newTelemetry(t)
	m := tm.wrap(answers(nil, response()), &tracing.Options{CaptureContent: true})
	big := make([]byte, 1<<20)
	begin := time.Now()
	if _, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.User(llm.Image("image/png", big))}}); err != nil {
		t.Fatal(err)
	}
	t.Logf("a MiB of media took %v", time.Since(begin))
	same(t, "input", `[{"role":"user","parts":[{"type":"file","modality":"image","mime_type":"image/png",`+
		`"file_id":"sha256:30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"}]}]`,
		attributes(tm.span().Attributes)["gen_ai.input.messages"].(string))
}

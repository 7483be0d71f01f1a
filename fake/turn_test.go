package fake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestTurnsAnswer(t *testing.T) {
	call := func(id, name, input string) *llm.ToolCallPart {
		return &llm.ToolCallPart{ID: id, Name: name, Input: json.RawMessage(input)}
	}
	type weather struct {
		City string `json:"city"`
	}
	cited := &llm.TextPart{Text: "four degrees", Citations: []llm.Citation{{Kind: "web", Title: "met", Start: new(0)}}, Opaque: &llm.Opaque{Provider: "p"}}
	thought := &llm.ReasoningPart{Text: "look it up", Signature: "sig", Redacted: []byte{1, 2}, Opaque: &llm.Opaque{Provider: "p"}}
	tests := []struct {
		name string
		turn fake.Turn
		want []llm.Part
		stop llm.StopReason
	}{
		{"zero", fake.Turn{}, nil, llm.StopEndTurn},
		{"text", fake.Text("hello there, how are you today?"), []llm.Part{llm.Text("hello there, how are you today?")}, llm.StopEndTurn},
		{"no text", fake.Text(""), []llm.Part{llm.Text("")}, llm.StopEndTurn},
		{"invalid UTF-8", fake.Text("a\xffb").Chunk(1), []llm.Part{llm.Text("a\xffb")}, llm.StopEndTurn},
		{"runes", fake.Text("héllo wörld ☃☃☃").Chunk(1), []llm.Part{llm.Text("héllo wörld ☃☃☃")}, llm.StopEndTurn},
		{"tool call", fake.ToolCall("weather", weather{"Oslo"}), []llm.Part{call("call_1", "weather", `{"city":"Oslo"}`)}, llm.StopToolUse},
		{"raw input", fake.ToolCall("weather", json.RawMessage(`{"n": 9223372036854775807}`)), []llm.Part{call("call_1", "weather", `{"n": 9223372036854775807}`)}, llm.StopToolUse},
		{"string", fake.ToolCall("weather", `{"x":1.50}`), []llm.Part{call("call_1", "weather", `{"x":1.50}`)}, llm.StopToolUse},
		{"malformed string", fake.ToolCall("weather", "Oslo"), []llm.Part{&llm.ToolCallPart{ID: "call_1", Name: "weather", Malformed: "Oslo"}}, llm.StopToolUse},
		{"bytes", fake.ToolCall("weather", []byte(`{"x":1.50}`)), []llm.Part{call("call_1", "weather", `{"x":1.50}`)}, llm.StopToolUse},
		{"nil input", fake.ToolCall("now", nil), []llm.Part{call("call_1", "now", `{}`)}, llm.StopToolUse},
		{"nil raw input", fake.ToolCall("now", json.RawMessage(nil)), []llm.Part{call("call_1", "now", `{}`)}, llm.StopToolUse},
		{"nil pointer", fake.ToolCall("now", (*weather)(nil)), []llm.Part{call("call_1", "now", `{}`)}, llm.StopToolUse},
		{"nil map", fake.ToolCall("now", map[string]any(nil)), []llm.Part{call("call_1", "now", `{}`)}, llm.StopToolUse},
		{"malformed input", fake.ToolCall("weather", json.RawMessage(`{"city":"Os`)), []llm.Part{&llm.ToolCallPart{ID: "call_1", Name: "weather", Malformed: `{"city":"Os`}}, llm.StopToolUse},
		{"parts", fake.Parts(thought, cited, &llm.ToolCallPart{Name: "a"}, call("call_2", "b", "{}"), &llm.ToolCallPart{Name: "c"}),
			[]llm.Part{thought, cited, call("call_1", "a", "{}"), call("call_2", "b", "{}"), call("call_3", "c", "{}")}, llm.StopToolUse},
		{"whole parts", fake.Parts(llm.Image("image/png", []byte{1}), &llm.ProviderPart{Kind: "k", Data: json.RawMessage(`{}`)}),
			[]llm.Part{llm.Image("image/png", []byte{1}), &llm.ProviderPart{Kind: "k", Data: json.RawMessage(`{}`)}}, llm.StopEndTurn},
		{"stop reason", fake.Text("long").StopWith(llm.StopMaxTokens), []llm.Part{llm.Text("long")}, llm.StopMaxTokens},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := generate(t, fake.New(tt.turn), ask("how are you?"))
			want := llm.Message{Role: llm.RoleAssistant, Content: tt.want}
			if diff := cmp.Diff(want, r.Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if r.StopReason != tt.stop || r.RawStopReason != string(tt.stop) {
				t.Errorf("stop reason %q, raw %q, want %q", r.StopReason, r.RawStopReason, tt.stop)
			}
			if r.Provider != "fake" || r.Model != "fake" || r.RequestID != "fake-1" {
				t.Errorf("served by %q %q %q", r.Provider, r.Model, r.RequestID)
			}
			if r.Usage.InputTokens < 1 || r.Usage.OutputTokens < 1 || r.Usage.Estimated {
				t.Errorf("usage %+v", r.Usage)
			}
		})
	}
}

// Law 3: every turn is the same through Generate and through Stream, errors too.
func TestGenerateIsCollectOfStream(t *testing.T) {
	long := "a text that is long enough for several deltas"
	turns := map[string]fake.Turn{
		"text":         fake.Text(long),
		"tool call":    fake.ToolCall("weather", map[string]string{"city": "Oslo"}),
		"reasoning":    fake.Parts(&llm.ReasoningPart{Text: long, Signature: "s"}, llm.Text(long)),
		"chunks":       fake.Text(long).Chunk(1),
		"usage":        fake.Text(long).WithUsage(llm.Usage{InputTokens: 7}),
		"failure":      fake.Fail(llm.ErrRateLimited),
		"plain error":  fake.Fail(errors.New("boom")),
		"cut at 0":     fake.Text(long).CutAfter(0),
		"cut":          fake.Text(long).CutAfter(3),
		"cut call":     fake.ToolCall("weather", map[string]string{"city": "Oslo"}).CutAfter(2),
		"cut late":     fake.Text(long).CutAfter(100),
		"then fail":    fake.Text(long).ThenFail(llm.ErrOverloaded),
		"cut and fail": fake.Text(long).WithUsage(llm.Usage{InputTokens: 7}).CutAfter(2).ThenFail(llm.ErrOverloaded),
		"used failure": fake.Fail(llm.ErrOverloaded).WithUsage(llm.Usage{InputTokens: 7}),
		"response":     fake.Response(&llm.Response{Message: llm.AssistantText(long), Latency: time.Second, Warnings: []llm.Warning{{Code: llm.WarningDropped}}}),
		"events":       fake.Events(&llm.PartStart{Part: llm.Text("")}, &llm.TextDelta{Text: "x"}, &llm.Finish{StopReason: llm.StopOther}),
		"unfinished":   fake.Events(&llm.PartStart{Part: llm.Text("")}, &llm.TextDelta{Text: "x"}),
		"illegal":      fake.Events(&llm.TextDelta{Text: "x"}),
		"no events":    fake.Events(),
		"broken":       fake.Fail(nil),
	}
	for name, turn := range turns {
		t.Run(name, func(t *testing.T) {
			a, aerr := fake.New(turn).Generate(t.Context(), ask("hi"))
			b, berr := llm.Collect(fake.New(turn).Stream(t.Context(), ask("hi")))
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("Generate, Collect(Stream) (-, +):\n%s", diff)
			}
			if llm.CodeOf(aerr) != llm.CodeOf(berr) || llm.IsRetryable(aerr) != llm.IsRetryable(berr) {
				t.Errorf("Generate: %v; Stream: %v", aerr, berr)
			}
		})
	}
}

func TestResponseIsPlayedWhole(t *testing.T) {
	want := &llm.Response{
		Message:    llm.AssistantText("as it was"),
		StopReason: llm.StopSequence, RawStopReason: "stop_sequence_found",
		Usage:    llm.Usage{InputTokens: 9, CacheReadTokens: 3, OutputTokens: 4, ServiceTier: "flex"},
		Provider: "aws.bedrock", Model: "m", RequestID: "id", Latency: time.Second,
		Warnings: []llm.Warning{{Code: llm.WarningClamped, Field: "top_k"}},
		Raw:      "raw",
	}
	if diff := cmp.Diff(want, generate(t, fake.New(fake.Response(want)), ask("hi"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithUsage(t *testing.T) {
	for _, want := range []llm.Usage{{}, {InputTokens: 5, OutputTokens: 6, ReasoningTokens: 2}} {
		if got := generate(t, fake.New(fake.Text("x").WithUsage(want)), ask("hi")).Usage; got != want {
			t.Errorf("usage %+v, want %+v", got, want)
		}
	}
}

func TestMethodsReturnChangedCopies(t *testing.T) {
	plain := fake.Text("a text of several deltas")
	_ = plain.Chunk(1).CutAfter(0).Delay(time.Hour).StopWith(llm.StopOther).WithUsage(llm.Usage{}).ThenFail(llm.ErrOverloaded).
		When(func(*llm.Request) bool { return false })
	r := generate(t, fake.New(plain), ask("hi"))
	if r.Text() != "a text of several deltas" || r.StopReason != llm.StopEndTurn || r.Usage.OutputTokens == 0 {
		t.Errorf("the turn was changed: %+v", r)
	}
	// One turn value may stand in a script several times.
	m := fake.New(plain, plain)
	generate(t, m, ask("hi"))
	generate(t, m, ask("hi"))
}

func TestUnplayableTurns(t *testing.T) {
	var noText *llm.TextPart
	var noFinish *llm.Finish
	var noError *llm.Error
	tests := []struct {
		name string
		turn fake.Turn
		text string
	}{
		{"nil part", fake.Parts(llm.Text("a"), nil), "content[1]: nil part"},
		{"typed nil part", fake.Parts(noText), "content[0]: nil part"},
		{"nil response", fake.Response(nil), "Response: nil"},
		{"nil event", fake.Events(&llm.Finish{}, nil), "events[1]: nil event"},
		{"typed nil event", fake.Events(noFinish), "events[0]: nil event"},
		{"nil error", fake.Fail(nil), "Fail: nil error"},
		{"typed nil error", fake.Fail(noError), "Fail: nil error"},
		{"code of nil", fake.Fail(llm.CodeOf(nil)), "Fail: nil error"},
		{"then nil", fake.Text("a").ThenFail(nil), "Fail: nil error"},
		{"negative chunk", fake.Text("a").Chunk(-1), "Chunk"},
		{"no chunk", fake.Text("a").Chunk(0), "Chunk"},
		{"negative cut", fake.Text("a").CutAfter(-1), "CutAfter"},
		{"negative delay", fake.Text("a").Delay(-1), "Delay"},
		{"nil matcher", fake.Text("a").When(nil), "When"},
		{"nil matcher after another", fake.Text("a").When(func(*llm.Request) bool { return true }).When(nil), "When"},
		{"no tool name", fake.ToolCall("", nil), "ToolCall"},
		{"input that does not encode", fake.ToolCall("x", make(chan int)), "ToolCall"},
		{"usage of events", fake.Events().WithUsage(llm.Usage{}), "WithUsage"},
		{"stop reason of events", fake.Events().StopWith(llm.StopOther), "StopWith"},
		{"chunks of events", fake.Events().Chunk(2), "Chunk"},
		{"two faults", fake.Text("a").Chunk(0).CutAfter(-1), "Chunk: fewer than one rune; CutAfter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := fake.New(fake.Text("fine"), tt.turn).Generate(t.Context(), ask("hi"))
			wantError(t, err, llm.ErrInternal, "turns[1]: ", tt.text)
			if r != nil || llm.IsRetryable(err) {
				t.Errorf("response %v, retryable %v", r, llm.IsRetryable(err))
			}
		})
	}
}

func TestFail(t *testing.T) {
	t.Run("an llm.Error passes as it is", func(t *testing.T) {
		want := &llm.Error{Code: llm.ErrRateLimited, RetryAfter: time.Second, Status: 429}
		r, err := fake.New(fake.Fail(want)).Generate(t.Context(), ask("hi"))
		if err != error(want) || r != nil {
			t.Errorf("got %v, %v", r, err)
		}
	})
	t.Run("a code is wrapped", func(t *testing.T) {
		_, err := fake.New(fake.Fail(llm.ErrOverloaded)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrOverloaded, "fake", "request id fake-1")
		if !llm.IsRetryable(err) {
			t.Error("not retryable")
		}
	})
	t.Run("a wrapped error keeps its verdicts, but its text is not printed", func(t *testing.T) {
		inner := &llm.Error{Code: llm.ErrRateLimited, Retryable: new(false), RetryAfter: time.Second}
		_, err := fake.New(fake.Fail(fmt.Errorf("hunter2: %w", inner))).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrRateLimited)
		if after, _ := llm.RetryAfter(err); after != time.Second || llm.IsRetryable(err) || !errors.Is(err, inner) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what messages quote is left out", func(t *testing.T) {
		cause := &llm.Error{Code: llm.ErrInvalidRequest, Message: `the value "hunter2" is wrong`}
		scripted := &llm.Error{Code: llm.ErrInvalidRequest, Status: 400, Err: cause}
		_, err := fake.New(fake.Fail(scripted)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInvalidRequest, "the value", "status 400")
		if e := err.(*llm.Error).Err.(*llm.Error); strings.Contains(e.Message, "hunter2") {
			t.Errorf("got %q", e.Message)
		}
		if cause.Message != `the value "hunter2" is wrong` || scripted.Err != error(cause) {
			t.Error("the author's error was changed")
		}
	})
	t.Run("any other error is unknown, and not quoted", func(t *testing.T) {
		secret := errors.New("the prompt was hunter2")
		_, err := fake.New(fake.Fail(secret)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrUnknown)
		if !errors.Is(err, secret) || cmp.Diff("fake generate fake: unknown (request id fake-1)", err.Error()) != "" {
			t.Errorf("got %q", err)
		}
	})
}

func TestMidStreamFailureTellsUsage(t *testing.T) {
	text := "twelve runes" + "and eight more"
	tests := []struct {
		name   string
		turn   fake.Turn
		events string
		code   llm.Code
		text   string
		usage  llm.Usage
	}{
		{"before anything", fake.Text(text).CutAfter(0), "", llm.ErrIncomplete, "", llm.Usage{}},
		{"in the middle", fake.Text(text).CutAfter(2), "start text usage", llm.ErrIncomplete, "twelve runes", llm.Usage{InputTokens: 1, OutputTokens: 3, Estimated: true}},
		{"late", fake.Text(text).CutAfter(99), "start text text text stop usage", llm.ErrIncomplete, text, llm.Usage{InputTokens: 1, OutputTokens: 7, Estimated: true}},
		{"failure", fake.Text(text).CutAfter(2).ThenFail(llm.ErrOverloaded), "start text usage", llm.ErrOverloaded, "twelve runes", llm.Usage{InputTokens: 1, OutputTokens: 3, Estimated: true}},
		{"failure at the end", fake.Text(text).ThenFail(llm.ErrOverloaded), "start text text text stop usage", llm.ErrOverloaded, text, llm.Usage{InputTokens: 1, OutputTokens: 7, Estimated: true}},
		{"given usage", fake.Text(text).WithUsage(llm.Usage{InputTokens: 8, OutputTokens: 9}).CutAfter(2), "start text usage", llm.ErrIncomplete, "twelve runes", llm.Usage{InputTokens: 8, OutputTokens: 9, Estimated: true}},
		{"failure with usage", fake.Fail(llm.ErrContentFiltered).WithUsage(llm.Usage{InputTokens: 8}), "usage", llm.ErrContentFiltered, "", llm.Usage{InputTokens: 8, Estimated: true}},
		{"events that tell", fake.Events(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 4}}).ThenFail(llm.ErrInternal), "usage", llm.ErrInternal, "", llm.Usage{InputTokens: 4, Estimated: true}},
		{"finished events", fake.Events(&llm.PartStart{Part: llm.Text("")}, &llm.Finish{}).ThenFail(llm.ErrInternal), "start usage", llm.ErrInternal, "", llm.Usage{InputTokens: 1, OutputTokens: 1, Estimated: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := drain(t.Context(), fake.New(tt.turn), ask("hi"))
			wantError(t, err, tt.code)
			if got := kinds(events); got != tt.events {
				t.Errorf("events %q, want %q", got, tt.events)
			}
			r, err := fake.New(tt.turn).Generate(t.Context(), ask("hi"))
			wantError(t, err, tt.code)
			if r == nil {
				r = &llm.Response{}
			}
			if r.Text() != tt.text || r.Usage != tt.usage {
				t.Errorf("partial response %q with usage %+v, want %q with %+v", r.Text(), r.Usage, tt.text, tt.usage)
			}
		})
	}
}

// Law 6: what comes in deltas is not in PartStart, and no rune is split.
func TestChunks(t *testing.T) {
	tests := []struct {
		name string
		turn fake.Turn
		want string
	}{
		{"short text is one delta", fake.Text("hello"), "start text stop finish"},
		{"longer text is several", fake.Text("how are you today?"), "start text text stop finish"},
		{"longer arguments too", fake.ToolCall("weather", map[string]string{"city": "Oslo"}), "start input input stop finish"},
		{"a rune each", fake.Text("☃☃☃").Chunk(1), "start text text text stop finish"},
		{"exactly one piece", fake.Text("☃☃☃").Chunk(3), "start text stop finish"},
		{"huge", fake.Text("how are you today?").Chunk(1 << 40), "start text stop finish"},
		{"reasoning, then its signature", fake.Parts(&llm.ReasoningPart{Text: "abcd", Signature: "s"}).Chunk(2), "start reasoning reasoning reasoning stop finish"},
		{"arguments", fake.ToolCall("x", json.RawMessage(`{"a":1}`)).Chunk(3), "start input input input stop finish"},
		{"citations", fake.Parts(&llm.TextPart{Text: "a", Citations: []llm.Citation{{}}}), "start text citation stop finish"},
		{"nothing", fake.Text(""), "start stop finish"},
		{"whole", fake.Parts(llm.Image("image/png", []byte{1})), "start stop finish"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := drain(t.Context(), fake.New(tt.turn), ask("hi"))
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(events); got != tt.want {
				t.Errorf("events %q, want %q", got, tt.want)
			}
		})
	}
}

// listError is an error that == panics on.
type listError []string

func (listError) Error() string { return "several" }

func TestFailWithUncomparableErrors(t *testing.T) {
	for _, err := range []error{listError{"a"}, &llm.Error{Code: llm.ErrInternal, Message: `"hunter2"`, Err: listError{"a"}}} {
		_, got := fake.New(fake.Fail(err)).Generate(t.Context(), ask("hi"))
		if _, ok := errors.AsType[listError](got); !ok {
			t.Errorf("got %v", got)
		}
	}
}

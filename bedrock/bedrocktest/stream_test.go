package bedrocktest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// streamed plays events and returns what went over the wire between messageStart and
// messageStop, one event a line.
func streamed(t *testing.T, events ...llm.Event) string {
	t.Helper()
	s := serve(t, plays(nil, append(events, &llm.Finish{StopReason: llm.StopEndTurn})...), nil)
	var lines []string
	for _, f := range frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body) {
		if f.kind != "event" {
			t.Errorf("%+v", f)
		}
		lines = append(lines, strings.TrimPrefix(f.name, "contentBlock")+" "+f.payload)
	}
	if len(lines) < 3 || !strings.HasPrefix(lines[len(lines)-1], "metadata ") {
		t.Fatal(lines)
	}
	return strings.Join(lines[1:len(lines)-2], "\n")
}

func TestStreamForms(t *testing.T) {
	text, reasoning, call := &llm.TextPart{}, &llm.ReasoningPart{}, &llm.ToolCallPart{ID: "t", Name: "f"}
	for _, c := range []struct {
		name   string
		events []llm.Event
		want   string
	}{
		{"chunks pass through", []llm.Event{
			&llm.PartStart{Part: text}, &llm.TextDelta{Text: "a"}, &llm.TextDelta{Text: ""}, &llm.TextDelta{Text: "b"}, &llm.PartStop{},
		}, `Delta {"contentBlockIndex":0,"delta":{"text":"a"}}
Delta {"contentBlockIndex":0,"delta":{"text":""}}
Delta {"contentBlockIndex":0,"delta":{"text":"b"}}
Stop {"contentBlockIndex":0}`},
		{"a rune is never split", []llm.Event{
			&llm.PartStart{Part: text}, &llm.TextDelta{Text: "x\xf0\x9f"}, &llm.TextDelta{Text: "\x98"}, &llm.TextDelta{Text: "\x80y"}, &llm.PartStop{},
		}, `Delta {"contentBlockIndex":0,"delta":{"text":"x"}}
Delta {"contentBlockIndex":0,"delta":{"text":"😀y"}}
Stop {"contentBlockIndex":0}`},
		{"not even in arguments", []llm.Event{
			&llm.PartStart{Part: call}, &llm.ToolCallDelta{Input: "{\"a\":\"\xc3"}, &llm.ToolCallDelta{Input: "\xa9\"}"}, &llm.PartStop{},
		}, `Start {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}
Delta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\":\""}}}
Delta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"é\"}"}}}
Stop {"contentBlockIndex":0}`},
		{"half a rune at the end", []llm.Event{
			&llm.PartStart{Part: text}, &llm.TextDelta{Text: "\xe2\x82"}, &llm.PartStop{},
		}, `Delta {"contentBlockIndex":0,"delta":{"text":"` + "\uFFFD" + `"}}
Stop {"contentBlockIndex":0}`},
		{"one delta for each field", []llm.Event{
			&llm.PartStart{Part: reasoning}, &llm.ReasoningDelta{Text: "a", Signature: "s", Redacted: []byte{1}}, &llm.PartStop{},
		}, `Delta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"a"}}}
Delta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}
Delta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"AQ=="}}}
Stop {"contentBlockIndex":0}`},
		{"empty parts are made known", []llm.Event{
			&llm.PartStart{Part: text}, &llm.PartStop{}, &llm.PartStart{Index: 1, Part: reasoning}, &llm.PartStop{Index: 1},
		}, `Delta {"contentBlockIndex":0,"delta":{"text":""}}
Stop {"contentBlockIndex":0}
Delta {"contentBlockIndex":1,"delta":{"reasoningContent":{"text":""}}}
Stop {"contentBlockIndex":1}`},
		{"parts interleave, and Finish ends them", []llm.Event{
			&llm.PartStart{Part: text}, &llm.PartStart{Index: 1, Part: call}, &llm.ToolCallDelta{Index: 1, Input: "{"},
			&llm.TextDelta{Text: "a"}, &llm.UsageUpdate{}, &llm.ToolCallDelta{Index: 1, Input: "}"},
		}, `Start {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}
Delta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}}
Delta {"contentBlockIndex":0,"delta":{"text":"a"}}
Delta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"}"}}}
Stop {"contentBlockIndex":0}
Stop {"contentBlockIndex":1}`},
		{"images", []llm.Event{
			&llm.PartStart{Part: &llm.MediaPart{MediaType: "image/png"}}, &llm.MediaDelta{Data: []byte{1}}, &llm.MediaDelta{Data: []byte{2}}, &llm.PartStop{},
		}, `Start {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
Delta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AQ=="}}}}
Delta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"Ag=="}}}}
Stop {"contentBlockIndex":0}`},
		{"results of tools", []llm.Event{
			&llm.PartStart{Part: llm.ToolError("t", "no")}, &llm.PartStop{},
		}, `Start {"contentBlockIndex":0,"start":{"toolResult":{"toolUseId":"t","status":"error"}}}
Delta {"contentBlockIndex":0,"delta":{"toolResult":[{"text":"no"}]}}
Stop {"contentBlockIndex":0}`},
		{"Bedrock's own", []llm.Event{
			&llm.ProviderDelta{Index: -1, Provider: "aws.bedrock", Kind: "brandNew", Data: json.RawMessage(`{"b":1,  "a":2}`)},
			&llm.PartStart{Part: &llm.ProviderPart{Provider: "aws.bedrock", Kind: "hologram", Data: json.RawMessage(`{"w":1}`)}},
			&llm.ProviderDelta{Provider: "aws.bedrock", Kind: "beam", Data: json.RawMessage(`[1]`)}, &llm.PartStop{},
		}, `brandNew {"b":1,  "a":2}
Start {"contentBlockIndex":0,"start":{"hologram":{"w":1}}}
Delta {"contentBlockIndex":0,"delta":{"beam":[1]}}
Stop {"contentBlockIndex":0}`},
		{"another provider's are left out", []llm.Event{
			&llm.ProviderDelta{Index: -1, Provider: "other", Kind: "x"},
			&llm.PartStart{Part: &llm.ProviderPart{Provider: "other", Kind: "x"}}, &llm.ProviderDelta{Provider: "other", Kind: "y"}, &llm.PartStop{},
			&llm.PartStart{Index: 1, Part: text}, &llm.TextDelta{Index: 1, Text: "a"}, &llm.PartStop{Index: 1},
		}, `Delta {"contentBlockIndex":0,"delta":{"text":"a"}}
Stop {"contentBlockIndex":0}`},
		{"what breaks the grammar is played too", []llm.Event{
			&llm.TextDelta{Index: 7, Text: "a"}, &llm.PartStop{Index: 9},
		}, `Delta {"contentBlockIndex":7,"delta":{"text":"a"}}
Stop {"contentBlockIndex":9}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, streamed(t, c.events...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whole and streamed answers name the reason in the same way.
func TestStopReasons(t *testing.T) {
	call := llm.Assistant(&llm.ToolCallPart{ID: "t", Name: "f"})
	for _, c := range []struct {
		message llm.Message
		reason  llm.StopReason
		raw     string
		want    string
	}{
		{hello.Message, llm.StopEndTurn, "", "end_turn"},
		{hello.Message, llm.StopEndTurn, "stop", "end_turn"},
		{call, llm.StopToolUse, "", "tool_use"},
		{call, llm.StopToolUse, "end_turn", "end_turn"},
		{hello.Message, llm.StopMaxTokens, "length", "max_tokens"},
		{hello.Message, llm.StopSequence, "", "stop_sequence"},
		{hello.Message, llm.StopContentFilter, "", "content_filtered"},
		{hello.Message, llm.StopContentFilter, "guardrail_intervened", "guardrail_intervened"},
		{hello.Message, llm.StopContextWindow, "", "model_context_window_exceeded"},
		{hello.Message, llm.StopMalformed, "", "malformed_model_output"},
		{call, llm.StopMalformed, "", "malformed_tool_use"},
		{hello.Message, llm.StopRefusal, "", "refusal"},
		{hello.Message, llm.StopPause, "", "pause_turn"},
		{hello.Message, llm.StopOther, "because", "because"},
		{hello.Message, llm.StopOther, "", "other"},
		{hello.Message, "", "", "end_turn"},
		{call, "", "", "tool_use"},
	} {
		s := serve(t, says(&llm.Response{Message: c.message, StopReason: c.reason, RawStopReason: c.raw}), nil)
		want := `"stopReason":"` + c.want + `"`
		if got := read(t, post(t, s, "/model/m/converse", helloBody)); !strings.Contains(got, want) {
			t.Errorf("%s (%s): %s", c.reason, c.raw, got)
		}
		if got := read(t, post(t, s, "/model/m/converse-stream", helloBody)); !strings.Contains(got, want) {
			t.Errorf("%s (%s) in a stream: %q", c.reason, c.raw, got)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		usage llm.Usage
		want  string
	}{
		{llm.Usage{}, `{"inputTokens":0,"outputTokens":0,"totalTokens":0}`},
		{llm.Usage{InputTokens: 10, OutputTokens: 3, ReasoningTokens: 2}, `{"inputTokens":10,"outputTokens":3,"totalTokens":13}`},
		{llm.Usage{InputTokens: 10, OutputTokens: 3, CacheReadTokens: 4},
			`{"cacheReadInputTokens":4,"cacheWriteInputTokens":0,"inputTokens":6,"outputTokens":3,"totalTokens":13}`},
		{llm.Usage{InputTokens: 10, CacheWriteTokens: 7},
			`{"cacheDetails":[{"inputTokens":7,"ttl":"5m"}],"cacheReadInputTokens":0,"cacheWriteInputTokens":7,"inputTokens":3,"outputTokens":0,"totalTokens":10}`},
		{llm.Usage{InputTokens: 10, CacheWriteTokens: 7, CacheWrite1hTokens: 7},
			`{"cacheDetails":[{"inputTokens":7,"ttl":"1h"}],"cacheReadInputTokens":0,"cacheWriteInputTokens":7,"inputTokens":3,"outputTokens":0,"totalTokens":10}`},
		{llm.Usage{InputTokens: 1, CacheReadTokens: 4}, // against the subset rules
			`{"cacheReadInputTokens":4,"cacheWriteInputTokens":0,"inputTokens":0,"outputTokens":0,"totalTokens":4}`},
	} {
		s := serve(t, says(&llm.Response{Message: hello.Message, Usage: c.usage}), nil)
		for _, op := range []string{"converse", "converse-stream"} {
			if got := read(t, post(t, s, "/model/m/"+op, helloBody)); !strings.Contains(got, `"usage":`+c.want) {
				t.Errorf("%+v: %q", c.usage, got)
			}
		}
	}
}

package bedrock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-sdk/parley/llm"
)

// decodeStream runs the decoder over the bytes of a stream.
func decodeStream(body io.Reader) (*llm.Response, []llm.Event, error) {
	var acc llm.Accumulator
	var events []llm.Event
	var addErr error
	d := &streamDecoder{ctx: context.Background(), jsonDecoder: jsonDecoder{modelID: "m"}, requestID: "r", frames: frameReader{r: body},
		yield: func(ev llm.Event, err error) bool {
			events = append(events, ev)
			if err := acc.Add(ev); err != nil {
				addErr = err
			}
			return true
		}}
	err := d.run()
	if addErr != nil {
		err = addErr
	}
	return acc.Response(), events, err
}

// stream makes a body from lines of the form "eventType payload".
func stream(t testing.TB, lines string) []byte {
	var b []byte
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, payload, _ := strings.Cut(line, " ")
		if strings.HasSuffix(name, "Exception") {
			b = append(b, exceptionFrame(t, name, payload)...)
		} else {
			b = append(b, eventFrame(t, name, payload)...)
		}
	}
	return b
}

const end = `
	messageStop {"stopReason":"end_turn"}
	metadata {"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"metrics":{"latencyMs":12},"p":"abc"}`

func TestStreamContent(t *testing.T) {
	opaque := &llm.Opaque{Provider: Provider, Model: "m"}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	cases := []struct {
		name   string
		stream string
		want   []llm.Part
	}{
		{"text", `
			messageStart {"role":"assistant","p":"abcdefgh"}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Hello, \"wörld\"\n"}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"\ud83d\ude42"}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{llm.Text("Hello, \"wörld\"\n🙂")}},
		{"empty text before a tool call leaves nothing", `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"text":""}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"clock"}}}
			contentBlockStop {"contentBlockIndex":1}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "clock", Input: raw(`{}`)}}},
		{"interleaved, with gaps", `
			contentBlockDelta {"contentBlockIndex":7,"delta":{"text":"a"}}
			contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"n\":92233720368"}}}
			contentBlockDelta {"contentBlockIndex":7,"delta":{"text":"b"}}
			contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"54775807,\"x\":1.50}"}}}
			contentBlockStop {"contentBlockIndex":3}
			contentBlockStop {"contentBlockIndex":7}`,
			[]llm.Part{llm.Text("ab"), &llm.ToolCallPart{ID: "t1", Name: "f", Input: raw(`{"n":9223372036854775807,"x":1.50}`)}}},
		{"malformed call", `
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"city\":\"Os"}}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "f", Malformed: `{"city":"Os`}}},
		{"blocks that never stop", `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
			contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}`,
			[]llm.Part{llm.Text("a"), &llm.ToolCallPart{ID: "t1", Name: "f", Input: raw(`{}`)}}},
		{"reasoning", `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"m."}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"AQI="}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"Aw=="}}}
			contentBlockStop {"contentBlockIndex":1}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"reasoningContent":{"text":""}}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"reasoningContent":{"signature":"only"}}}
			contentBlockStop {"contentBlockIndex":2}`,
			[]llm.Part{&llm.ReasoningPart{Text: "Hmm.", Signature: "c2ln", Opaque: opaque}, &llm.ReasoningPart{Redacted: []byte{1, 2, 3}, Opaque: opaque},
				&llm.ReasoningPart{Signature: "only", Opaque: opaque}}},
		{"citations", `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"cited"}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{"title":"t","source":"s","sourceContent":[{"text":"x"}],"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{"location":{"web":{"url":"https://example.com","domain":"example.com"}}}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{"location":{"moon":{"x":1}}}}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{&llm.TextPart{Text: "cited", Opaque: opaque, Citations: []llm.Citation{
				{Kind: "document_page", Title: "t", Source: "s", Text: "x", Document: new(0), Start: new(1), End: new(2)},
				{Kind: "web", URL: "https://example.com", Data: raw(`{"location":{"web":{"url":"https://example.com","domain":"example.com"}}}`)},
				{Kind: "moon", Data: raw(`{"location":{"moon":{"x":1}}}`)},
			}}}},
		{"image", `
			contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AQI="}}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"Aw=="}}}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{&llm.MediaPart{MediaType: "image/png", Data: []byte{1, 2, 3}}}},
		{"a tool that Bedrock ran", `
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"s1","name":"nova_grounding","type":"server_tool_use"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"q\""}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"meanwhile"}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":":1}"}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockStart {"contentBlockIndex":2,"start":{"toolResult":{"toolUseId":"s1","status":"success"}}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"toolResult":[{"text":"found"},{"json":{"a":1}}]}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"toolResult":[{"text":"more"}]}}
			contentBlockStop {"contentBlockIndex":2}`,
			[]llm.Part{llm.Text("meanwhile"),
				&llm.ProviderPart{Provider: Provider, Kind: "toolUse", Data: raw(`{"toolUseId":"s1","name":"nova_grounding","type":"server_tool_use","input":{"q":1}}`)},
				&llm.ProviderPart{Provider: Provider, Kind: "toolResult", Data: raw(`{"toolUseId":"s1","status":"success","content":[{"text":"found"},{"json":{"a":1}},{"text":"more"}]}`)}}},
		{"unknown block", `
			contentBlockStart {"contentBlockIndex":0,"start":{"hologram":{"v":1}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"a"}}`,
			[]llm.Part{&llm.ProviderPart{Provider: Provider, Kind: "hologram", Data: raw(`{"v":1}`)}, llm.Text("a")}},
		{"nothing", ``, nil},
		{"an image of which nothing comes", `
			contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{&llm.ProviderPart{Provider: Provider, Kind: "image", Data: raw(`{"format":"png"}`)}}},
		{"arguments in the start", `
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":1}}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t2","name":"f","input":{}}}}
			contentBlockStop {"contentBlockIndex":0}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "f", Input: raw(`{"a":1}`)}, &llm.ToolCallPart{ID: "t2", Name: "f", Input: raw(`{}`)}}},
		{"arguments in the start that are no object", `
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"f","input":"{\"path\":\"/et"}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t2","name":"f","input":[1,2]}}}
			contentBlockStop {"contentBlockIndex":1}
			contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t3","name":"f","input":{ }}}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":" "}}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":1}"}}}
			contentBlockStop {"contentBlockIndex":2}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "f", Malformed: `{"path":"/et`}, &llm.ToolCallPart{ID: "t2", Name: "f", Malformed: `[1,2]`},
				&llm.ToolCallPart{ID: "t3", Name: "f", Input: raw(`{"a":1}`)}}},
		{"keys with escapes", `
			contentBlockStart {"contentBlockIndex":0,"start":{"\u0074oolUse":{"toolUseId":"t1","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"inp\u0075t":"{}"}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"t\u0065xt":"hello"}}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "f", Input: raw(`{}`)}, llm.Text("hello")}},
		{"an unknown block that is not UTF-8", "contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"hologram\":{\"v\":\"\xff\"}}}",
			[]llm.Part{&llm.ProviderPart{Provider: Provider, Kind: "hologram", Data: raw("{\"v\":\"\uFFFD\"}")}}},
		{"a call without arguments that never stops", `
			contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}`,
			[]llm.Part{&llm.ToolCallPart{ID: "t1", Name: "f", Malformed: "…"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := decodeStream(bytes.NewReader(stream(t, c.stream+end)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Message.Content); diff != "" {
				t.Error(diff)
			}
			if got.Usage != (llm.Usage{InputTokens: 3, OutputTokens: 4}) || got.Latency != 12*time.Millisecond || got.Model != "m" || got.RequestID != "r" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A call that the answer's end cut before its arguments came does not look like one
// of a tool without parameters.
func TestCallsCutShort(t *testing.T) {
	started := func(id string) string {
		return `contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"` + id + `","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"\n"}}}
			contentBlockStop {"contentBlockIndex":0}
			`
	}
	for reason, want := range map[string]string{"max_tokens": "…", "malformed_tool_use": "…", "model_context_window_exceeded": "…",
		"guardrail_intervened": "…", "content_filtered": "…", "a_new_reason": "…", "tool_use": "", "end_turn": "", "stop_sequence": ""} {
		got, _, err := decodeStream(bytes.NewReader(stream(t, started("a")+started("b")+`messageStop {"stopReason":"`+reason+`"}`)))
		if err != nil || len(got.ToolCalls()) != 2 || got.ToolCalls()[0].Malformed != "" || got.ToolCalls()[1].Malformed != want {
			t.Errorf("%s: %+v, %v", reason, got.ToolCalls(), err)
		}
		c := &call{model: &Model{modelID: "m"}}
		whole, err := c.decodeAnswer([]byte(`{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}},{"toolUse":{"toolUseId":"b","name":"f","input":{ }}}]}},"stopReason":"` + reason + `"}`))
		if err != nil || whole.ToolCalls()[0].Malformed != "" || whole.ToolCalls()[1].Malformed != want {
			t.Errorf("%s: %+v, %v", reason, whole.ToolCalls(), err)
		}
	}
}

// A frame that arrived whole and says nothing that the API can say ends the stream:
// leaving it out would make a shorter answer of it.
func TestStreamRefuses(t *testing.T) {
	text := func(s string) []byte {
		return eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"`+s+`"}}`)
	}
	cases := map[string][]byte{
		"broken JSON":              eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"tw`),
		"no payload":               eventFrame(t, "contentBlockDelta", ``),
		"a list":                   eventFrame(t, "contentBlockDelta", `[]`),
		"no headers":               encodeFrame(t, `{}`),
		"no message type":          encodeFrame(t, `{}`, ":event-type", "contentBlockDelta"),
		"unknown message type":     encodeFrame(t, `{}`, ":message-type", "bogus"),
		"no event type":            encodeFrame(t, `{}`, ":message-type", "event"),
		"text that is a number":    eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":5}}`),
		"no delta":                 eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0}`),
		"empty delta":              eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{}}`),
		"no index":                 eventFrame(t, "contentBlockDelta", `{"delta":{"text":"two"}}`),
		"index that is a string":   eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":"0","delta":{"text":"two"}}`),
		"index that is negative":   eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":-1,"delta":{"text":"two"}}`),
		"index that is a fraction": eventFrame(t, "contentBlockStop", `{"contentBlockIndex":0.5}`),
		"index that is huge":       eventFrame(t, "contentBlockStop", `{"contentBlockIndex":99999999999}`),
		"a block that starts twice": append(eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}`),
			eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"b","name":"f"}}}`)...),
		"a call without an id":   eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"name":"f"}}}`),
		"a call without a name":  eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a"}}}`),
		"a result that is 5":     eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolResult":5}}`),
		"an image of no format":  eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"image":{}}}`),
		"no stop reason":         eventFrame(t, "messageStop", `{}`),
		"a stop reason of 5":     eventFrame(t, "messageStop", `{"stopReason":5}`),
		"broken messageStop":     eventFrame(t, "messageStop", `{"stop`),
		"arguments in an object": append(eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"rm"}}}`), eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"toolUse":{"input":{"path":"/"}}}}`)...),
		"arguments in a string":  append(eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"rm"}}}`), eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"toolUse":"{}"}}`)...),
		"arguments after the call": stream(t, `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}
			contentBlockStop {"contentBlockIndex":1}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"late\":1}"}}}`),
		"a second end": stream(t, `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}
			contentBlockStop {"contentBlockIndex":1}
			messageStop {"stopReason":"max_tokens"}
			messageStop {"stopReason":"tool_use"}`),
		"a call after the end": stream(t, `messageStop {"stopReason":"tool_use"}
			contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f","input":{"a":1}}}}`),
		"text of 5 after the end": stream(t, `messageStop {"stopReason":"tool_use"}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"text":5}}`),
		"a start that is text":       eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":"lost"}`),
		"a citation that is text":    eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"citation":"lost"}}`),
		"a location that is text":    eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"citation":{"location":"lost"}}}`),
		"a page that is text":        eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"citation":{"location":{"documentPage":"p. 5"}}}}`),
		"reasoning that is text":     eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"reasoningContent":"lost"}}`),
		"a result without an id":     eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"toolResult":{}}}`),
		"an unknown block, too deep": eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"hologram":`+strings.Repeat("[", 1001)+strings.Repeat("]", 1001)+`}}`),
		"an image in two places": stream(t, `contentBlockStart {"contentBlockIndex":1,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"image":{"source":{"bytes":"AQI="}}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"image":{"source":{"s3Location":{"uri":"s3://x/y"}}}}}`),
		"a native call, too deep": stream(t, `contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f","type":"server_tool_use"}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`"}}}
			contentBlockStop {"contentBlockIndex":1}`),
		"bytes that are none": append(eventFrame(t, "contentBlockStart", `{"contentBlockIndex":1,"start":{"image":{"format":"png"}}}`),
			eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":1,"delta":{"image":{"source":{"bytes":"!!"}}}}`)...),
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			body := append(append(text("one "), bad...), text("three")...)
			got, _, err := decodeStream(bytes.NewReader(append(body, stream(t, end)...)))
			if code := llm.CodeOf(err); code != llm.ErrMalformedOutput && !errors.Is(err, errCorrupt) || got.Text() != "one " {
				t.Errorf("%q, %v", got.Text(), err)
			}
			for _, call := range got.ToolCalls() {
				if call.Input != nil {
					t.Errorf("a call that may be run: %s", call.Input)
				}
			}
		})
	}
}

// What Bedrock runs itself is kept until it is whole, but not without end.
func TestNativeCallsAreBounded(t *testing.T) {
	start := stream(t, `contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f","type":"server_tool_use"}}}`)
	delta := eventFrame(t, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"toolUse":{"input":"`+strings.Repeat("x", 1<<20)+`"}}}`)
	endless := io.MultiReader(bytes.NewReader(start), bytes.NewReader(bytes.Repeat(delta, 20)))
	if _, _, err := decodeStream(endless); llm.CodeOf(err) != llm.ErrMalformedOutput {
		t.Errorf("%v", err)
	}
}

func TestStreamUnmapped(t *testing.T) {
	got, events, err := decodeStream(bytes.NewReader(stream(t, `
		brandNewEvent {"x":1}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"sparkle":{"y":2}}}
		contentBlockDelta {"contentBlockIndex":5,"delta":{"toolUse":{"input":"orphan"}}}`+end)))
	if err != nil {
		t.Fatal(err)
	}
	var deltas []llm.Event
	for _, ev := range events {
		if d, ok := ev.(*llm.ProviderDelta); ok {
			deltas = append(deltas, d)
		}
	}
	want := []llm.Event{
		&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: "brandNewEvent", Data: json.RawMessage(`{"x":1}`)},
		&llm.ProviderDelta{Index: 0, Provider: Provider, Kind: "sparkle", Data: json.RawMessage(`{"y":2}`)},
		&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: "toolUse", Data: json.RawMessage(`{"input":"orphan"}`)},
	}
	if diff := cmp.Diff(want, deltas); diff != "" {
		t.Error(diff)
	}
	if len(got.Warnings) != 3 || got.Warnings[0].Code != llm.WarningUnmapped {
		t.Errorf("%v", got.Warnings)
	}
}

func TestStreamEndings(t *testing.T) {
	text := `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}` + "\n"
	cases := []struct {
		name, stream string
		stop         llm.StopReason
		usage        llm.Usage
		warned       bool
	}{
		{"no metadata", text + `messageStop {"stopReason":"max_tokens"}`, llm.StopMaxTokens, llm.Usage{Estimated: true}, true},
		{"an exception after the answer", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `internalServerException {"message":"late"}`, llm.StopEndTurn, llm.Usage{Estimated: true}, true},
		{"metadata without usage", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {}`, llm.StopEndTurn, llm.Usage{Estimated: true}, true},
		{"metadata first", text + `metadata {"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}` + "\n" + `messageStop {"stopReason":"stop_sequence"}`,
			llm.StopSequence, llm.Usage{InputTokens: 1, OutputTokens: 2}, false},
		{"unknown reason", text + `messageStop {"stopReason":"bored"}` + "\n" + `metadata {"usage":{"inputTokens":0,"outputTokens":0}}`, llm.StopOther, llm.Usage{}, false},
		{"usage that is none", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {"usage":{"inputTokens":-5,"outputTokens":"lots","totalTokens":3}}`, llm.StopEndTurn, llm.Usage{Estimated: true}, true},
		{"no usage", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {"usage":null,"metrics":{"latencyMs":-3}}`, llm.StopEndTurn, llm.Usage{Estimated: true}, true},
		{"caches beyond reason", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {"usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":99999999999999999999}}`, llm.StopEndTurn, llm.Usage{InputTokens: 1, OutputTokens: 2, Estimated: true}, true},
		{"tier and caches", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {"serviceTier":{"type":"flex"},"usage":{"inputTokens":10,"outputTokens":2,"totalTokens":19,"cacheReadInputTokens":3,"cacheWriteInputTokens":4,"cacheDetails":[{"ttl":"1h","inputTokens":1},{"ttl":"5m","inputTokens":3}]}}`,
			llm.StopEndTurn, llm.Usage{InputTokens: 17, OutputTokens: 2, CacheReadTokens: 3, CacheWriteTokens: 4, CacheWrite1hTokens: 1, ServiceTier: "flex"}, false},
		{"caches counted in", text + `messageStop {"stopReason":"end_turn"}` + "\n" + `metadata {"usage":{"inputTokens":10,"outputTokens":2,"totalTokens":12,"cacheReadInputTokens":3}}`,
			llm.StopEndTurn, llm.Usage{InputTokens: 10, OutputTokens: 2, CacheReadTokens: 3}, false},
		{"after the end", text + end + "\n" + text + `contentBlockDelta nonsense`, llm.StopEndTurn, llm.Usage{InputTokens: 3, OutputTokens: 4}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := decodeStream(bytes.NewReader(stream(t, c.stream)))
			if err != nil {
				t.Fatal(err)
			}
			if got.Text() != "a" || got.StopReason != c.stop || got.Usage != c.usage || (len(got.Warnings) == 1) != c.warned {
				t.Errorf("%q %+v", got.Text(), got)
			}
		})
	}
}

func TestStopReason(t *testing.T) {
	for _, c := range []struct {
		raw   string
		calls bool
		want  llm.StopReason
	}{
		{"end_turn", false, llm.StopEndTurn}, {"end_turn", true, llm.StopToolUse}, {"tool_use", true, llm.StopToolUse}, {"tool_use", false, llm.StopEndTurn},
		{"max_tokens", true, llm.StopMaxTokens}, {"guardrail_intervened", false, llm.StopContentFilter}, {"content_filtered", false, llm.StopContentFilter},
		{"malformed_model_output", false, llm.StopMalformed}, {"malformed_tool_use", true, llm.StopMalformed}, {"model_context_window_exceeded", false, llm.StopContextWindow},
		{"", false, llm.StopOther}, {"new_reason", true, llm.StopOther},
	} {
		if got := stopReason(c.raw, c.calls); got != c.want {
			t.Errorf("%s, %v: %s", c.raw, c.calls, got)
		}
	}
	// Every stop reason of the SDK has its word.
	for _, r := range types.StopReason("").Values() {
		if stopReason(string(r), false) == llm.StopOther {
			t.Errorf("%s is not mapped", r)
		}
	}
}

// A cut anywhere before the end of messageStop is an error that keeps the text; one
// after it is harmless.
func TestStreamCutAnywhere(t *testing.T) {
	head := stream(t, `
		messageStart {"role":"assistant"}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Hello, "}}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"world"}}
		contentBlockStop {"contentBlockIndex":0}
		messageStop {"stopReason":"end_turn"}`)
	whole := append(bytes.Clone(head), stream(t, `metadata {"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}`)...)
	for cut := range whole {
		got, _, err := decodeStream(bytes.NewReader(whole[:cut]))
		if cut < len(head) {
			if err != io.EOF && err != io.ErrUnexpectedEOF || !strings.HasPrefix("Hello, world", got.Text()) || !got.Usage.Estimated {
				t.Fatalf("cut at %d: %q, %v", cut, got.Text(), err)
			}
		} else if err != nil || got.Text() != "Hello, world" || got.StopReason != llm.StopEndTurn {
			t.Fatalf("cut at %d: %q, %v", cut, got.Text(), err)
		}
	}
}

func TestStreamExceptions(t *testing.T) {
	c := &call{model: &Model{modelID: "m"}, op: "stream"}
	c.status = 200
	cases := []struct {
		name, payload string
		code          llm.Code
		status        int
		typed         func(error) bool
	}{
		{"throttlingException", `{"message":"Too many requests"}`, llm.ErrRateLimited, 429, is[*types.ThrottlingException]},
		{"ThrottlingException", `{"Message":"Too many requests"}`, llm.ErrRateLimited, 429, is[*types.ThrottlingException]},
		{"throttlingException", ``, llm.ErrRateLimited, 429, is[*types.ThrottlingException]},
		{"throttlingException", `not JSON`, llm.ErrRateLimited, 429, is[*types.ThrottlingException]},
		{"modelStreamErrorException", `{"message":"x","originalStatusCode":500}`, llm.ErrInternal, 424, is[*types.ModelStreamErrorException]},
		{"modelStreamErrorException", `{"message":"Model produced invalid sequence as part of ToolUse. Please refer to the guide."}`, llm.ErrMalformedOutput, 424, is[*types.ModelStreamErrorException]},
		{"internalServerException", `{"message":"x"}`, llm.ErrInternal, 500, is[*types.InternalServerException]},
		{"serviceUnavailableException", `{"message":"x"}`, llm.ErrOverloaded, 503, is[*types.ServiceUnavailableException]},
		{"validationException", `{"message":"x"}`, llm.ErrInvalidRequest, 400, is[*types.ValidationException]},
		{"validationException", `{"message":"Input is too long for requested model."}`, llm.ErrContextTooLong, 400, is[*types.ValidationException]},
		{"modelTimeoutException", `{"message":"x"}`, llm.ErrTimeout, 408, is[*types.ModelTimeoutException]},
		{"modelNotReadyException", `{"message":"x"}`, llm.ErrNotReady, 429, is[*types.ModelNotReadyException]},
		{"modelErrorException", `{"message":"x"}`, llm.ErrInternal, 424, is[*types.ModelErrorException]},
		{"accessDeniedException", `{"message":"x"}`, llm.ErrPermissionDenied, 403, is[*smithy.GenericAPIError]},
		{"madeUpException", `{"message":"x"}`, llm.ErrUnknown, 200, is[*smithy.GenericAPIError]},
	}
	for _, x := range cases {
		body := append(stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"so far"}}`), exceptionFrame(t, x.name, x.payload)...)
		partial, _, err := decodeStream(bytes.NewReader(append(body, stream(t, end)...)))
		if partial.Text() != "so far" {
			t.Errorf("%s: %q is kept", x.name, partial.Text())
		}
		got := c.fail(t.Context(), err)
		if e, _ := errors.AsType[*llm.Error](got); e.Code != x.code || e.Status != x.status || !x.typed(got) {
			t.Errorf("%s %s: %v", x.name, x.payload, got)
		}
	}
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// FuzzStream: whatever the events say, what is yielded obeys the grammar, and a
// success has exactly one finish.
func FuzzStream(f *testing.F) {
	f.Add("contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n" + end)
	f.Add("contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\"}}}\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{\"}}}\n" + end)
	f.Add("contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"type\":\"server_tool_use\"}}}\ncontentBlockStop {\"contentBlockIndex\":1}\n" + end)
	f.Add("contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"toolResult\":{}}}\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolResult\":[{}]}}\ncontentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":{\"redactedContent\":\"AQ==\"}}}\n" + end)
	f.Add("contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"image\":{\"format\":\"png\"}}}\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"image\":{\"source\":{\"bytes\":\"AQ==\"}}}}\ncontentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"citation\":{\"location\":{\"web\":{}}}}}\nthrottlingException {}")
	f.Fuzz(func(t *testing.T, lines string) {
		for line := range strings.Lines(lines) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); len(name) > 255 {
				t.Skip("not a header")
			}
		}
		r, events, err := decodeStream(bytes.NewReader(stream(t, lines)))
		if err == nil {
			if _, err := goBack(r.Message); err != nil {
				t.Fatalf("the answer cannot go back: %v", err)
			}
		}
		if e, ok := errors.AsType[*llm.Error](err); ok && e.Op == "stream" {
			t.Fatal(err) // the accumulator's: the events are out of order
		}
		finishes := 0
		for i, ev := range events {
			if _, ok := ev.(*llm.Finish); ok {
				if finishes++; i != len(events)-1 {
					t.Fatal("events after the finish")
				}
			}
			if _, err := json.Marshal(ev); err != nil {
				t.Fatalf("%T: %v", ev, err)
			}
		}
		if (err == nil) != (finishes == 1) {
			t.Fatalf("%d finishes, %v", finishes, err)
		}
	})
}

// Whole answers and streams are read by the same code; this holds their results
// together.
func TestWholeAnswers(t *testing.T) {
	m := &call{model: &Model{modelID: "m"}}
	opaque := &llm.Opaque{Provider: Provider, Model: "m"}
	r, err := m.decodeAnswer([]byte(`{"output":{"message":{"role":"assistant","content":[
		{"text":""},{"text":"a"},
		{"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}},{"reasoningContent":{"redactedContent":"AQI="}},{"reasoningContent":{"new":1}},
		{"toolUse":{"toolUseId":"1","name":"f","input":{"b":1.50,"a":9223372036854775807}}},{"toolUse":{"toolUseId":"2","name":"f"}},
		{"toolUse":{"toolUseId":"3","name":"f","input":"{\"a"}},{"toolUse":{"toolUseId":"5","name":"f","input":[1],"type":null}},{"toolUse":{"toolUseId":"6","name":"f","input":"{\"a\":1.50}"}},{"toolUse":{"toolUseId":"4","name":"g","type":"server_tool_use","input":{}}},
		{"citationsContent":{"content":[{"text":"c"},{"text":"d"}],"citations":[{"title":"t","location":{"searchResultLocation":{"searchResultIndex":1,"start":2,"end":3}}},{"sourceContent":[{"text":"x"},{"text":"y"}]}]}},
		{"image":{"format":"png","source":{"bytes":"AQID"}}},{"image":{"format":"png","error":{"message":"no"}}},{"hologram":{"v":1}},{}]}},
		"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":5},
		"additionalModelResponseFields":{"stop_sequence":"END"},"performanceConfig":{"latency":"optimized"},"serviceTier":{"type":"priority"},
		"trace":{"promptRouter":{"invokedModelId":"served"},"guardrail":{"actionReason":"blocked","inputAssessment":{}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	want := &llm.Response{
		Message: llm.Assistant(llm.Text("a"),
			&llm.ReasoningPart{Text: "r", Signature: "s", Opaque: opaque}, &llm.ReasoningPart{Redacted: []byte{1, 2}, Opaque: opaque},
			&llm.ProviderPart{Provider: Provider, Kind: "reasoningContent", Data: raw(`{"new":1}`)},
			&llm.ToolCallPart{ID: "1", Name: "f", Input: raw(`{"b":1.50,"a":9223372036854775807}`)}, &llm.ToolCallPart{ID: "2", Name: "f", Input: raw(`{}`)},
			&llm.ToolCallPart{ID: "3", Name: "f", Malformed: `{"a`}, &llm.ToolCallPart{ID: "5", Name: "f", Malformed: `[1]`}, &llm.ToolCallPart{ID: "6", Name: "f", Input: raw(`{"a":1.50}`)},
			&llm.ProviderPart{Provider: Provider, Kind: "toolUse", Data: raw(`{"toolUseId":"4","name":"g","type":"server_tool_use","input":{}}`)},
			&llm.TextPart{Text: "cd", Opaque: opaque, Citations: []llm.Citation{
				{Kind: "search_result", Title: "t", Document: new(1), Start: new(2), End: new(3)},
				{Text: "xy", Data: raw(`{"sourceContent":[{"text":"x"},{"text":"y"}]}`)}}},
			&llm.MediaPart{MediaType: "image/png", Data: []byte{1, 2, 3}},
			&llm.ProviderPart{Provider: Provider, Kind: "image", Data: raw(`{"format":"png","error":{"message":"no"}}`)},
			&llm.ProviderPart{Provider: Provider, Kind: "hologram", Data: raw(`{"v":1}`)}),
		StopReason: llm.StopToolUse, RawStopReason: "tool_use", Usage: llm.Usage{InputTokens: 1, OutputTokens: 2, ServiceTier: "priority"},
		Provider: Provider, Model: "served", Latency: 5 * time.Millisecond,
	}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreFields(llm.Response{}, "Raw")); diff != "" {
		t.Error(diff)
	}
	d, ok := Details(r)
	if !ok || d.InvokedModel != "served" || d.ServiceTier != "priority" || d.Latency != "optimized" || string(d.AdditionalFields) != `{"stop_sequence":"END"}` ||
		d.Guardrail == nil || *d.Guardrail.ActionReason != "blocked" {
		t.Errorf("%+v, %v", d, ok)
	}
	if b, ok := RawJSON(r); !ok || !json.Valid(b) {
		t.Errorf("%s, %v", b, ok)
	}
	if out, ok := Output(r); !ok || out.StopReason != types.StopReasonToolUse || *out.Metrics.LatencyMs != 5 {
		t.Errorf("%v, %v", out, ok)
	}

	// As in a stream, usage that is not reported is not taken for none.
	if r, err := m.decodeAnswer([]byte(`{"output":{"message":{"content":[{"text":"a"}]}},"stopReason":"end_turn"}`)); err != nil || !r.Usage.Estimated || len(r.Warnings) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	block := func(s string) string {
		return `{"output":{"message":{"content":[` + s + `]}},"stopReason":"end_turn"}`
	}
	for _, body := range []string{``, `{}`, `null`, `<html>`, `{"output":{}}`, `{"output":{"message":{}}`, `{"output":{"message":null}}`, `{"output":{"message":{"content":"Hello!"}}}`,
		`{"output":{"message":{"content":[]}},"stopReason":5}`, block(`{"text":{"value":"x"}}`), block(`{"image":{"format":"png","source":{"bytes":"!!"}}}`),
		block(`{"toolUse":{"name":"f"}}`), block(`{"toolUse":{"toolUseId":"a"}}`),
		`{"output":{"message":5},"stopReason":"end_turn"}`, `{"output":{"message":[{"text":"hello"}]},"stopReason":"end_turn"}`, `{"output":{"message":{"content":[{"text":"cut"}]}}}`,
		block(`1`), block(`"lost"`), block(`[{"text":"x"}]`), block(`{"":"x"}`), block(`{"toolUse":"lost"}`), block(`{"citationsContent":"lost"}`), block(`{"citationsContent":{"citations":"lost"}}`),
		block(`{"citationsContent":{"content":["lost"]}}`), block(`{"reasoningContent":{"reasoningText":"lost"}}`), block(`{"image":{"source":{"bytes":"AQI="}}}`), block(`{"image":{"format":"png","source":{"bytes":""}}}`),
		block(`{"hologram":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`)} {
		if r, err := m.decodeAnswer([]byte(body)); r != nil || llm.CodeOf(err) != llm.ErrMalformedOutput {
			t.Errorf("%q: %v, %v", body, r, err)
		}
	}
}

func TestDetailsOfStreams(t *testing.T) {
	r, _, err := decodeStream(bytes.NewReader(stream(t, `
		contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
		messageStop {"stopReason":"guardrail_intervened","additionalModelResponseFields":{"a":1.50}}
		metadata {"usage":{},"performanceConfig":{"latency":"standard"},"serviceTier":{"type":"flex"},"trace":{"guardrail":{"actionReason":"x"}}}`)))
	if err != nil {
		t.Fatal(err)
	}
	d, ok := Details(r)
	if !ok || d.ServiceTier != "flex" || d.Latency != "standard" || string(d.AdditionalFields) != `{"a":1.50}` || d.Guardrail == nil || *d.Guardrail.ActionReason != "x" {
		t.Errorf("%+v, %v", d, ok)
	}
	if out, ok := Output(r); ok || out != nil {
		t.Error("a stream has no Converse output")
	}
	if _, ok := RawJSON(r); ok {
		t.Error("a stream has no body")
	}
	for _, r := range []*llm.Response{nil, {}, {Raw: "of another"}} {
		if _, ok := Details(r); ok {
			t.Errorf("details of %v", r)
		}
		if _, ok := Output(r); ok {
			t.Errorf("an output of %v", r)
		}
	}
}

// Reading a stream in place costs little: what is allocated is what is yielded.
func TestStreamAllocations(t *testing.T) {
	const n = 500
	var body []byte
	for range n {
		body = append(body, stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a \"word\" "},"p":"abcd"}`)...)
	}
	body = append(body, stream(t, end)...)
	allocs := testing.AllocsPerRun(10, func() {
		d := &streamDecoder{ctx: t.Context(), frames: frameReader{r: bytes.NewReader(body)}, yield: func(llm.Event, error) bool { return true }}
		if err := d.run(); err != nil {
			t.Error(err)
		}
	})
	if perEvent := allocs / n; perEvent > 4 {
		t.Errorf("%.2f allocations an event", perEvent)
	}
}

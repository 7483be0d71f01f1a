package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

var hi = &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}, MaxTokens: 100}

// answering returns a model whose every answer has this body.
func answering(t *testing.T, body string) *Model {
	t.Helper()
	return newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Request-Id", "req_1")
		io.WriteString(w, body)
	}), "m")
}

// ways are both ways of calling a model, by their Op.
func ways(m *Model) map[string]func(context.Context, *llm.Request) (*llm.Response, error) {
	return map[string]func(context.Context, *llm.Request) (*llm.Response, error){
		"generate": m.Generate,
		"stream": func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			return llm.Collect(m.Stream(ctx, req))
		},
	}
}

// sse joins the data of events to the body of a stream.
func sse(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		var ev struct{ Type string }
		json.Unmarshal([]byte(d), &ev)
		b.WriteString("event: " + ev.Type + "\ndata: " + d + "\n\n")
	}
	return b.String()
}

const (
	begun   = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-1","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":700,"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":100},"output_tokens":1,"service_tier":"standard"}}}`
	ping    = `{"type": "ping"}`
	ended   = `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":50,"output_tokens_details":{"thinking_tokens":40}}}`
	stopped = `{"type":"message_stop"}`
)

// spoken is a stream in the form in which the endpoint sends it.
var spoken = []string{begun, ping,
	`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"A greeting."}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`,
	`{"type":"content_block_stop","index":0}`,
	`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
	`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello, "}}`,
	`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"wörld"}}`,
	`{"type":"content_block_stop","index":1}`,
	ended, stopped,
}

func TestAnswer(t *testing.T) {
	want := llm.Response{
		Message: llm.Assistant(&llm.ReasoningPart{Text: "A greeting.", Signature: "EqQB", Opaque: &llm.Opaque{Provider: Provider, Model: "claude-1"}},
			llm.Text("Hello, wörld")),
		StopReason: llm.StopEndTurn, RawStopReason: "end_turn",
		Usage: llm.Usage{InputTokens: 1012, OutputTokens: 50, CacheReadTokens: 700, CacheWriteTokens: 300, CacheWrite1hTokens: 100,
			ReasoningTokens: 40, ServiceTier: "standard"},
		Provider: Provider, Model: "claude-1", RequestID: "req_1",
	}
	for op, call := range ways(answering(t, sse(spoken...))) {
		r, err := call(t.Context(), hi)
		if err != nil {
			t.Fatal(op, err)
		}
		got := *r
		got.Raw = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", op, diff)
		}
	}
}

// A stream is cut at each byte, in two ways. None of them is a short answer, and what had
// arrived is kept.
func TestCuts(t *testing.T) {
	stream := sse(spoken...)
	kept, done := strings.Index(stream, ended), len(stream)
	var bytes atomic.Int64
	var abort atomic.Bool
	m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, stream[:bytes.Load()])
		if abort.Load() {
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}), "m")
	for n := range done {
		abort.Store(n%2 == 0)
		bytes.Store(int64(n))
		r, err := llm.Collect(m.Stream(t.Context(), hi))
		if llm.CodeOf(err) != llm.ErrIncomplete || !llm.IsRetryable(err) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if r != nil && (r.StopReason != "" || !r.Usage.Estimated) || n >= kept && r.Text() != "Hello, wörld" {
			t.Fatalf("%d bytes: %+v", n, r)
		}
	}
}

// Who cancels gets nothing more, though an event of the wire holds two of ours.
func TestCancelWithinAnEvent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var last error
	text := false
	for ev, err := range answering(t, sse(begun, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}`)).Stream(ctx, hi) {
		if _, ok := ev.(*llm.PartStart); ok {
			cancel()
		}
		_, ok := ev.(*llm.TextDelta)
		last, text = err, text || ok
	}
	if cancel(); text || llm.CodeOf(last) != llm.ErrCanceled {
		t.Errorf("text came: %t, %v", text, last)
	}
}

// answered returns the content, as stored, of an answer with these blocks.
func answered(t *testing.T, events ...string) (*llm.Response, string) {
	t.Helper()
	body := append(append([]string{begun}, events...), ended, stopped)
	r, err := answering(t, sse(body...)).Generate(t.Context(), hi)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(llm.Parts(r.Message.Content))
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func TestBlocks(t *testing.T) {
	const close0, close1 = `{"type":"content_block_stop","index":0}`, `{"type":"content_block_stop","index":1}`
	const ours = `,"opaque":{"provider":"anthropic","model":"claude-1"}`
	start := func(block string) string {
		return `{"type":"content_block_start","index":0,"content_block":` + block + `}`
	}
	delta := func(d string) string { return `{"type":"content_block_delta","index":0,"delta":` + d + `}` }
	for _, c := range []struct {
		name   string
		events []string
		want   string
	}{
		{"a call in pieces", []string{start(`{"type":"tool_use","id":"toolu_1","name":"f","input":{}}`),
			delta(`{"type":"input_json_delta","partial_json":""}`), delta(`{"type":"input_json_delta","partial_json":"{\"x\": 1"}`),
			delta(`{"type":"input_json_delta","partial_json":".50}"}`), close0},
			`[{"type":"tool_call","id":"toolu_1","name":"f","input":{"x":1.50}}]`},
		{"a call without arguments", []string{start(`{"type":"tool_use","id":"toolu_1","name":"f","input":{}}`), close0},
			`[{"type":"tool_call","id":"toolu_1","name":"f","input":{}}]`},
		{"a call that is whole at once", []string{start(`{"type":"tool_use","id":"toolu_1","name":"f","input":{"x":1}}`), close0},
			`[{"type":"tool_call","id":"toolu_1","name":"f","input":{"x":1}}]`},
		{"arguments that are cut", []string{start(`{"type":"tool_use","id":"toolu_1","name":"f","input":{}}`),
			delta(`{"type":"input_json_delta","partial_json":"{\"x"}`), close0},
			`[{"type":"tool_call","id":"toolu_1","name":"f","malformed":"{\"x"}]`},
		{"text that is there at the start", []string{start(`{"type":"text","text":"He"}`), delta(`{"type":"text_delta","text":"llo"}`), close0},
			`[{"type":"text","text":"Hello"}]`},
		{"thinking that is not shown", []string{start(`{"type":"thinking","thinking":"","signature":""}`),
			delta(`{"type":"signature_delta","signature":"EqQB"}`), close0},
			`[{"type":"reasoning","signature":"EqQB"` + ours + `}]`},
		{"redacted thinking", []string{start(`{"type":"redacted_thinking","data":"AAEC"}`), close0},
			`[{"type":"reasoning","redacted":"AAEC"` + ours + `}]`},
		{"redacted thinking that base64 would not bring back", []string{start(`{"type":"redacted_thinking","data":"a b"}`), close0},
			`[{"type":"provider","provider":"anthropic","kind":"redacted_thinking","data":{"data":"a b"}}]`},
		{"a search that the provider runs", []string{
			start(`{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}`),
			delta(`{"type":"input_json_delta","partial_json":"{\"query\":"}`), delta(`{"type":"input_json_delta","partial_json":" \"fog\"}"}`), close0,
			`{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}}`, close1},
			`[{"type":"provider","provider":"anthropic","kind":"server_tool_use","data":{"id":"srvtoolu_1","name":"web_search","input":{"query":"fog"}}},` +
				`{"type":"provider","provider":"anthropic","kind":"web_search_tool_result","data":{"tool_use_id":"srvtoolu_1","content":[]}}]`},
		{"input of the provider's own call that is not JSON", []string{start(`{"type":"server_tool_use","id":"s","name":"web_search","input":{}}`),
			delta(`{"type":"input_json_delta","partial_json":"{\"que"}`), close0},
			`[{"type":"provider","provider":"anthropic","kind":"server_tool_use","data":{"id":"s","name":"web_search","input":{"malformed_arguments":"{\"que"}}}]`},
	} {
		if _, got := answered(t, c.events...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Members that the vocabulary lacks are kept with the part, and go back with it.
func TestCaller(t *testing.T) {
	r, got := answered(t, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{},`+
		`"caller":{"type":"code_execution_20250825","tool_id":"srvtoolu_1"},"note":null}}`, `{"type":"content_block_stop","index":0}`)
	const caller = `{"caller":{"type":"code_execution_20250825","tool_id":"srvtoolu_1"}}`
	if want := `[{"type":"tool_call","id":"toolu_1","name":"f","input":{},"opaque":{"provider":"anthropic","model":"claude-1","data":` + caller + `}}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	body, warned, err := encoded(&llm.Request{MaxTokens: 1, Messages: []llm.Message{hi.Messages[0], r.Message}})
	if err != nil || warned != nil || !strings.Contains(body, strings.Trim(caller, "{}")) {
		t.Errorf("%s, %q, %v", body, warned, err)
	}
}

func TestCitations(t *testing.T) {
	const found = `{"type":"web_search_result_location","cited_text":"Fog.","url":"https://met.no","title":"Met","encrypted_index":"Eo8B"}`
	r, _ := answered(t, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":[]}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":`+found+`}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Fog."}}`, `{"type":"content_block_stop","index":0}`)
	want := &llm.TextPart{Text: "Fog.", Opaque: &llm.Opaque{Provider: Provider, Model: "claude-1"},
		Citations: []llm.Citation{{Kind: "web", Title: "Met", URL: "https://met.no", Text: "Fog.", Data: json.RawMessage(found)}}}
	if diff := cmp.Diff(llm.Part(want), r.Message.Content[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	body, warned, err := encoded(&llm.Request{MaxTokens: 1, Messages: []llm.Message{hi.Messages[0], r.Message}})
	if err != nil || warned != nil || !strings.Contains(body, `"citations":[`+found+`]`) {
		t.Errorf("%s, %q, %v", body, warned, err)
	}
}

// What is not known is told of.
func TestUnknown(t *testing.T) {
	r, got := answered(t, `{"type":"weather","sky":"grey"}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"colour_delta","colour":"red"}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`, `{"type":"content_block_stop","index":0}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"compaction"}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"b"}}`, `{"type":"content_block_stop","index":1}`)
	if got != `[{"type":"text","text":"a"},{"type":"provider","provider":"anthropic","kind":"compaction"}]` || len(r.Warnings) != 4 || r.Warnings[0].Code != llm.WarningUnmapped {
		t.Errorf("%s, %+v", got, r.Warnings)
	}
	body, warned, err := encoded(&llm.Request{MaxTokens: 1, Messages: []llm.Message{hi.Messages[0], r.Message}})
	if err != nil || warned != nil || !strings.Contains(body, `[{"type":"text","text":"a"},{"type":"compaction"}]`) {
		t.Errorf("%s, %q, %v", body, warned, err)
	}
}

func TestEnds(t *testing.T) {
	for delta, want := range map[string]struct {
		reason llm.StopReason
		end    End
	}{
		`{"stop_reason":"stop_sequence","stop_sequence":"END"}`:         {llm.StopSequence, End{StopSequence: "END"}},
		`{"stop_reason":"refusal","stop_details":{"category":"cyber"}}`: {llm.StopRefusal, End{StopDetails: json.RawMessage(`{"category":"cyber"}`)}},
		`{"stop_reason":"pause_turn","container":{"id":"c"}}`:           {llm.StopPause, End{Container: json.RawMessage(`{"id":"c"}`)}},
		`{"stop_reason":"model_context_window_exceeded"}`:               {llm.StopContextWindow, End{}},
		`{"stop_reason":"max_tokens"}`:                                  {llm.StopMaxTokens, End{}},
		`{"stop_reason":"full_moon"}`:                                   {llm.StopOther, End{}},
	} {
		r, err := answering(t, sse(begun, `{"type":"message_delta","delta":`+delta+`,"usage":{"output_tokens":3}}`, stopped)).Generate(t.Context(), hi)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want.end, r.Raw); r.StopReason != want.reason || diff != "" || r.Usage.Estimated {
			t.Errorf("%s: %s, %+v (-want +got)\n%s", delta, r.StopReason, r.Usage, diff)
		}
	}
}

// Streams that break the grammar of the wire are no answers.
func TestBroken(t *testing.T) {
	for _, events := range [][]string{
		{begun, stopped},
		{begun, `{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":3}}`, stopped},
		{begun, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"secret"}}`, ended, stopped}, // it never stops
		{begun, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"secret"}}`, ended, stopped},
		{begun, `{"type":"content_block_stop","index":0}`, ended, stopped},
		{begun, `{"type":"content_block_start","index":0,"content_block":"secret"}`},
		{begun, `{"type":"content_block_start","index":0,"content_block":{"type":"text"}}`, `{"type":"content_block_start","index":0,"content_block":{"type":"text"}}`,
			`{"type":"content_block_stop","index":0}`, ended, stopped},
		{begun, `"secret"`}, {`[]`}, {`null`}, {`{}`}, {},
	} {
		_, err := answering(t, sse(events...)).Generate(t.Context(), hi)
		if llm.CodeOf(err) != llm.ErrIncomplete || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", events, err)
		}
	}
}

// Usage nests, whatever a server says, and what it does not say is marked.
func TestUsage(t *testing.T) {
	for events, want := range map[[2]string]llm.Usage{
		{`{"input_tokens":5,"output_tokens":1}`, `{"output_tokens":2}`}:                                              {InputTokens: 5, OutputTokens: 2},
		{`{"input_tokens":5,"output_tokens":1}`, `null`}:                                                             {InputTokens: 5, OutputTokens: 1, Estimated: true},
		{`null`, `{"output_tokens":2}`}:                                                                              {OutputTokens: 2, Estimated: true},
		{`{"input_tokens":5,"cache_read_input_tokens":null,"cache_creation":null}`, `{"output_tokens":2}`}:           {InputTokens: 5, OutputTokens: 2},
		{`{"input_tokens":-5}`, `{"output_tokens":2,"output_tokens_details":{"thinking_tokens":9}}`}:                 {OutputTokens: 2, ReasoningTokens: 2},
		{`{"input_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":9}}`, `{"output_tokens":2}`}:               {InputTokens: 5, OutputTokens: 2},
		{`{"input_tokens":5,"output_tokens":1}`, `{"input_tokens":9,"cache_read_input_tokens":1,"output_tokens":2}`}: {InputTokens: 10, CacheReadTokens: 1, OutputTokens: 2},
	} {
		r, err := answering(t, sse(`{"type":"message_start","message":{"usage":`+events[0]+`}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":`+events[1]+`}`, stopped)).Generate(t.Context(), hi)
		if err != nil || r.Usage != want || (len(r.Warnings) == 1) != want.Estimated {
			t.Errorf("%s: %+v, %v, %v; want %+v", events, r.Usage, r.Warnings, err, want)
		}
	}
}

// Whatever comes, the stream keeps the grammar of events, and what is neither an end nor
// an error of the endpoint is a cut.
func FuzzStream(f *testing.F) {
	f.Add(sse(spoken...))
	f.Add(sse(begun, `{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"s","input":{},"x":[1.50]}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}`, `{"type":"content_block_stop","index":3}`,
		`{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1},"caller":{}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a","citations":[{"type":"char_location"},3]}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta"}}`, `{"type":"x","y":null}`, `{"type":"error","error":{}}`))
	f.Fuzz(func(t *testing.T, body string) {
		var acc llm.Accumulator
		finished := false
		c := New("", "", "m", nil).newCall(t.Context(), "stream", func(ev llm.Event, _ error) bool {
			if err := acc.Add(ev); err != nil {
				t.Errorf("%T: %v", ev, err)
			}
			_, finished = ev.(*llm.Finish)
			return true
		})
		for data, err := range frames(strings.NewReader(body)) {
			if err != nil {
				break
			}
			if done, err := c.event(data); done || err != nil {
				if done && err == nil != finished {
					t.Errorf("done, %v, and finished: %t", err, finished)
				}
				break
			}
		}
		if _, err := json.Marshal(acc.Response()); err != nil {
			t.Errorf("the answer cannot be stored: %v", err)
		}
	})
}

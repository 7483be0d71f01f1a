package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

var hi = &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}}

// answering returns a model whose every answer has this body.
func answering(t *testing.T, body string) *Model {
	t.Helper()
	return newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "req_1")
		io.WriteString(w, body)
	}), "m")
}

// events joins chunks to the body of a stream.
func events(chunks ...string) string {
	var b strings.Builder
	for _, c := range chunks {
		b.WriteString("data: " + c + "\n\n")
	}
	return b.String()
}

// spoken is a stream as OpenAI sends it, and whole the same answer in one piece.
var spoken = []string{
	`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}`,
	`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[{"index":0,"delta":{"content":"Hello, "},"logprobs":null,"finish_reason":null}],"usage":null}`,
	`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[{"index":0,"delta":{"content":"wörld"},"logprobs":null,"finish_reason":null}],"usage":null}`,
	`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`,
	`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[],"usage":` + spokenUsage + `}`,
	`[DONE]`,
}

const (
	spokenUsage = `{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"cached_tokens":900,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":40}}`
	whole       = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m-2026-01-01","service_tier":"default","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, wörld","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":` + spokenUsage + `}`
)

func TestAnswer(t *testing.T) {
	for op, body := range map[string]string{"generate": whole, "stream": events(spoken...)} {
		r, err := ways(answering(t, body))[op](t.Context(), hi)
		if err != nil {
			t.Fatal(op, err)
		}
		want := llm.Response{Message: llm.AssistantText("Hello, wörld"), StopReason: llm.StopEndTurn, RawStopReason: "stop",
			Usage:    llm.Usage{InputTokens: 1000, OutputTokens: 50, CacheReadTokens: 900, ReasoningTokens: 40, ServiceTier: "default"},
			Provider: Provider, Model: "m-2026-01-01", RequestID: "req_1"}
		got, _ := json.Marshal(r)
		if want, _ := json.Marshal(want); string(got) != string(want) {
			t.Errorf("%s: %s, want %s", op, got, want)
		}
	}
}

// An answer is cut at each byte, in three ways. None of them is a short answer, and a
// stream keeps what had arrived.
func TestCuts(t *testing.T) {
	stream := events(spoken...)
	for _, c := range []struct {
		op, body   string
		from, done int // the first cut, and how many bytes are the whole answer
		kept       string
	}{
		{"stream", stream, len(events(spoken[:3]...)), strings.LastIndex(stream, "[DONE]") + len("[DONE]"), "Hello, wörld"},
		{"generate", whole + "\n", 0, len(whole), ""},
	} {
		var bytes, way atomic.Int64
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cut := c.body[:bytes.Load()]
			switch way.Load() {
			case 0: // the body ends in proper form
				io.WriteString(w, cut)
			case 1: // the connection breaks off
				io.WriteString(w, cut)
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			case 2: // more was announced
				w.Header().Set("Content-Length", fmt.Sprint(len(cut)+1))
				io.WriteString(w, cut)
			}
		}), "m")
		for n := c.from; n < len(c.body); n++ {
			for h := range 3 {
				bytes.Store(int64(n))
				way.Store(int64(h))
				r, err := ways(m)[c.op](t.Context(), hi)
				switch {
				case n >= c.done:
					if err != nil || r.Text() != "Hello, wörld" {
						t.Fatalf("%s, %d bytes, way %d: the answer was whole: %v", c.op, n, h, err)
					}
				case llm.CodeOf(err) != llm.ErrIncomplete || !llm.IsRetryable(err):
					t.Fatalf("%s, %d bytes, way %d: %v", c.op, n, h, err)
				case r != nil && (r.Text() != c.kept || r.StopReason != "" || !r.Usage.Estimated), r == nil && c.kept != "":
					t.Fatalf("%s, %d bytes, way %d: %+v", c.op, n, h, r)
				}
			}
		}
	}
}

// Servers that are compatible differ in details.
func TestDialects(t *testing.T) {
	const stop = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	for _, c := range []struct {
		name, body, want string
		stop             llm.StopReason
	}{
		{"other line ends, comments and fields", ": waiting\r\n\r\nevent: x\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n",
			`[{"type":"text","text":"a"}]`, llm.StopEndTurn},
		{"calls that interleave", events(
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}},{"index":0,"function":{"arguments":":1}"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}}]}`, stop, "[DONE]"),
			`[{"type":"tool_call","id":"a","name":"f","input":{"x":1}},{"type":"tool_call","id":"b","name":"g","input":{}}]`, llm.StopToolUse},
		{"an id in every chunk", events(
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}]}}]}`, stop, "[DONE]"),
			`[{"type":"tool_call","id":"a","name":"f","input":{"x":1}}]`, llm.StopToolUse},
		{"arguments that are not JSON", events(`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{x"}}]}}]}`, stop, "[DONE]"),
			`[{"type":"tool_call","id":"a","name":"f","malformed":"{x"}]`, llm.StopToolUse},
		{"calls that are not there", events(`{"choices":[{"delta":{"content":"a","tool_calls":null},"finish_reason":"tool_calls"}]}`, "[DONE]"),
			`[{"type":"text","text":"a"}]`, llm.StopEndTurn},
		{"a call that the limit cut", events(`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]},"finish_reason":"length"}]}`, "[DONE]"),
			`[{"type":"tool_call","id":"a","name":"f","malformed":"{"}]`, llm.StopMaxTokens},
		{"a reason of its own", events(`{"choices":[{"delta":{},"finish_reason":"full_moon"}]}`, "[DONE]"), `null`, llm.StopOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := collect(answering(t, c.body))(t.Context(), hi)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(llm.Parts(r.Message.Content)); string(got) != c.want || r.StopReason != c.stop {
				t.Errorf("%s, %s, want %s, %s", got, r.StopReason, c.want, c.stop)
			}
			if !r.Usage.Estimated || len(r.Warnings) != 1 || r.Warnings[0].Field != "usage" {
				t.Errorf("the usage, which was not reported, is not marked as estimated: %+v, %v", r.Usage, r.Warnings)
			}
		})
	}
}

// A refusal is told from an answer.
func TestRefusal(t *testing.T) {
	for op, body := range map[string]string{
		"generate": `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I cannot."},"finish_reason":"stop"}]}`,
		"stream":   events(`{"choices":[{"delta":{"role":"assistant","refusal":"I "}}]}`, `{"choices":[{"delta":{"refusal":"cannot."}}]}`, `{"choices":[{"delta":{},"finish_reason":"stop"}]}`, "[DONE]"),
	} {
		r, err := ways(answering(t, body))[op](t.Context(), hi)
		if err != nil || r.StopReason != llm.StopRefusal || r.Text() != "I cannot." {
			t.Errorf("%s: %+v, %v", op, r, err)
		}
	}
}

// Reasoning comes in a member of two names, and says whose it is.
func TestReasoning(t *testing.T) {
	const want = `[{"type":"reasoning","text":"Hm. Oslo.","opaque":{"provider":"openai","model":"r1"}},{"type":"text","text":"Oslo"}]`
	for op, body := range map[string]string{
		"generate": `{"model":"r1","choices":[{"message":{"content":"Oslo","reasoning":"Hm. Oslo."},"finish_reason":"stop"}]}`,
		"stream": events(`{"model":"r1","choices":[{"delta":{"content":null,"reasoning_content":"Hm. "}}]}`,
			`{"model":"r1","choices":[{"delta":{"reasoning_content":"Oslo."}}]}`, `{"choices":[{"delta":{"content":"Oslo"},"finish_reason":"stop"}]}`, "[DONE]"),
	} {
		r, err := ways(answering(t, body))[op](t.Context(), hi)
		if got, _ := json.Marshal(llm.Parts(r.Message.Content)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", op, got, err, want)
		}
	}
}

// Citations of the web come as such, other kinds as they are.
func TestCitations(t *testing.T) {
	const found = `{"type":"url_citation","url_citation":{"url":"https://met.no","title":"Met","start_index":0,"end_index":4}}`
	want := []llm.Citation{{Kind: "web", Title: "Met", URL: "https://met.no", Data: json.RawMessage(found)}, {Kind: "rune", Data: json.RawMessage(`{"type":"rune"}`)}, {Data: json.RawMessage(`3`)}}
	for op, body := range map[string]string{
		"generate": `{"choices":[{"message":{"content":"Rain","annotations":[` + found + `,{"type":"rune"},3]},"finish_reason":"stop"}]}`,
		"stream":   events(`{"choices":[{"delta":{"content":"Rain"}}]}`, `{"choices":[{"delta":{"annotations":[`+found+`,{"type":"rune"},3]},"finish_reason":"stop"}]}`, "[DONE]"),
	} {
		r, err := ways(answering(t, body))[op](t.Context(), hi)
		if err != nil {
			t.Fatal(op, err)
		}
		if text, ok := r.Message.Content[0].(*llm.TextPart); !ok || !reflect.DeepEqual(text.Citations, want) {
			t.Errorf("%s: %+v, want %+v", op, r.Message.Content[0], want)
		}
	}
	said := &llm.Response{Message: llm.Assistant(&llm.TextPart{Text: "Rain", Citations: []llm.Citation{{Kind: "web", Title: "Met", URL: "https://met.no"}}})}
	for op, call := range ways(newModel(t, Handler(fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return said, nil })), "m")) {
		r, err := call(t.Context(), hi)
		if err != nil || r.Message.Content[0].(*llm.TextPart).Citations[0].URL != "https://met.no" {
			t.Errorf("%s over the server: %+v, %v", op, r, err)
		}
	}
}

// What a message has besides is told of, unless it says nothing.
func TestUnknownMembers(t *testing.T) {
	const body = `{"choices":[{"message":{"content":"a","audio":null,"images":[],"function_call":{"n":1.50}},"finish_reason":"stop"}],"usage":` + spokenUsage + `}`
	r, err := answering(t, body).Generate(t.Context(), hi)
	if err != nil || r.Text() != "a" || len(r.Warnings) != 1 || r.Warnings[0].Code != llm.WarningUnmapped {
		t.Errorf("%+v, %v", r, err)
	}
}

// The parts of usage are no more than the whole, whatever a server says.
func TestUsage(t *testing.T) {
	for wire, want := range map[string]llm.Usage{
		`null`: {Estimated: true},
		`{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}`:                                                         {InputTokens: 5, OutputTokens: 2},
		`{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null}`:            {InputTokens: 5, OutputTokens: 2},
		`{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":9},"completion_tokens_details":{"reasoning_tokens":3}}`: {InputTokens: 5, CacheReadTokens: 5},
	} {
		r, err := answering(t, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":`+wire+`}`).Generate(t.Context(), hi)
		if err != nil || r.Usage != want {
			t.Errorf("%s: %+v, %v", wire, r.Usage, err)
		}
	}
}

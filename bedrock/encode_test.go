package bedrock_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

var update = flag.Bool("update", false, "write the golden files")

// answering returns a server whose model gives the same short answer for ever.
func answering(t *testing.T, opts *bedrocktest.Options) *bedrocktest.Server {
	t.Helper()
	s := bedrocktest.NewServer(anyAnswer(), opts)
	t.Cleanup(s.Close)
	return s
}

func anyAnswer() llm.Model {
	return replies{Message: llm.AssistantText("{}"), StopReason: llm.StopEndTurn}
}

// golden compares JSON with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, got, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	b.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (run the tests with -update to accept it):\n%s", path, diff)
	}
}

var png = []byte("\x89PNG\r\n\x1a\nrest")

// The wire form of every feature, one file each.
func TestEncode(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	ask := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(append([]llm.Part{llm.Text("x")}, parts...)...)}}
	}
	history := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.UserText("x"), llm.Assistant(parts...), llm.UserText("y")}}
	}
	with := func(o *bedrock.RequestOptions) *llm.Request {
		r := ask()
		r.SetOptions(o)
		return r
	}
	weather := llm.Tool{Name: "weather", Description: "the weather", Schema: raw(`{"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string", "description": "<b>"}}}`)}
	withTools := func(c llm.ToolChoice, tools ...llm.Tool) *llm.Request {
		r := ask()
		r.Tools, r.ToolChoice = tools, c
		return r
	}
	withSystemTool := func(r *llm.Request) *llm.Request {
		r.Tools = []llm.Tool{{Name: "nova_grounding", Provider: bedrock.Provider, Kind: "systemTool"}}
		return r
	}
	opaque := &llm.Opaque{Provider: bedrock.Provider, Model: "m"}
	cases := []struct {
		name     string
		req      *llm.Request
		opts     *bedrock.Options
		warnings string // fields, joined by spaces
	}{
		{"text", ask(), nil, ""},
		{"system", &llm.Request{System: []llm.Part{llm.Text("s"), llm.CachePoint(), bedrock.GuardText("g", "query")}, Messages: []llm.Message{llm.UserText("x"), llm.System(llm.Text("now")), llm.UserText("y")}}, nil, ""},
		{"media", ask(llm.Image("", png), llm.Image("image/jpeg", []byte{1}), &llm.MediaPart{MediaType: "video/mp4", URI: "s3://b/k"}, &llm.MediaPart{MediaType: "Audio/WAV; rate=8000", Data: []byte{2}},
			&llm.MediaPart{MediaType: "image/gif", URI: "s3://b/i"}, &llm.MediaPart{MediaType: "video/webm", Data: []byte{3}}, &llm.MediaPart{MediaType: "audio/mpeg", URI: "s3://b/a"}), nil, ""},
		{"documents", ask(llm.Document("report", "application/pdf", []byte{1}), &llm.DocumentPart{Name: "notes", Text: "t", Context: "c", Cite: true},
			&llm.DocumentPart{Name: "sheet", MediaType: "text/csv", URI: "s3://b/d"}, &llm.DocumentPart{Name: "uncited", MediaType: "text/markdown", Text: "# t"}), nil, ""},
		{"tools", withTools(llm.ToolChoice{}, weather, llm.Tool{Name: "clock", Strict: true, Cache: &llm.CachePointPart{TTL: time.Hour}}, llm.Tool{Name: "nova_grounding", Provider: bedrock.Provider, Kind: "systemTool"}), nil, ""},
		{"tool_choice_any", withTools(llm.ToolChoice{Mode: llm.ToolChoiceAny}, weather), nil, ""},
		{"tool_choice_tool", withTools(llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "weather"}, weather), nil, ""},
		{"tool_choice_none", withTools(llm.ToolChoice{Mode: llm.ToolChoiceNone}, weather), nil, ""},
		{"tool_loop", &llm.Request{Tools: []llm.Tool{weather}, Messages: []llm.Message{llm.UserText("x"),
			llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "weather", Input: raw(`{"z": 9223372036854775807, "a": 1.50, "s": "<&>"}`)}, &llm.ToolCallPart{ID: "2", Name: "weather"}, &llm.ToolCallPart{ID: "3", Name: "weather", Malformed: `{"city":"Os`}),
			llm.User(llm.ToolResult("1", llm.Text("4C"), llm.Image("", png), llm.Document("d", "application/pdf", []byte{1}), &llm.MediaPart{MediaType: "video/mp4", URI: "s3://b/k"},
				&llm.ProviderPart{Provider: bedrock.Provider, Kind: "json", Data: raw(`{"z": 1.50, "a": 2}`)}), llm.ToolResult("2"), llm.ToolError("3", "no such city")),
		}}, nil, "messages[1].content[2].malformed"},
		{"odd_answers", &llm.Request{Tools: []llm.Tool{weather}, Messages: []llm.Message{llm.UserText("x"), llm.Assistant(), llm.UserText("still there?"),
			llm.Assistant(llm.Text("\n\n"), &llm.ToolCallPart{ID: "1", Name: "weather", Malformed: `[1, 2]`}, &llm.ToolCallPart{ID: "2", Name: "weather", Malformed: "…"}),
			llm.User(llm.ToolResult("1", llm.Text("")), llm.ToolResult("2", llm.Text(" "), llm.Text("ok"))),
			llm.Assistant(&llm.ReasoningPart{Text: "only"}), llm.UserText("y"),
			llm.Assistant(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "hologram", Data: raw(`{"v":1}`)}, llm.Text("z")), llm.UserText("y"),
		}}, nil, "messages[7].content[0] messages[5].content[0] messages[3].content[1].malformed messages[3].content[2].malformed messages[3].content[0] messages[4].content[0].content[0] messages[4].content[1].content[0] messages[1] messages[5] messages[2] messages[6]"},
		{"reasoning", history(&llm.ReasoningPart{Text: "r", Signature: "s", Opaque: opaque}, &llm.ReasoningPart{Redacted: []byte{1, 2}, Opaque: opaque},
			&llm.ReasoningPart{Text: "unsigned"}, &llm.ReasoningPart{Text: "foreign", Signature: "s", Opaque: &llm.Opaque{Provider: "openai"}}, llm.Text("a")), nil, "messages[1].content[2] messages[1].content[3]"},
		{"reasoning_unsigned", history(&llm.ReasoningPart{Text: "unsigned"}, llm.Text("a")), &bedrock.Options{Profile: &bedrock.Profile{UnsignedReasoning: true}}, ""},
		{"citations", history(&llm.TextPart{Text: "cited", Opaque: opaque, Citations: []llm.Citation{
			{Kind: "document_char", Title: "t", Source: "s", Text: "x", Document: new(0), Start: new(1), End: new(2)}, {Kind: "web", URL: "https://example.com"},
			{Kind: "web", Data: raw(`{"location":{"web":{"url":"https://example.com","domain":"example.com"}}}`)}, {Kind: "search_result", Document: new(3)}}},
			&llm.TextPart{Text: "of another", Opaque: &llm.Opaque{Provider: "openai"}, Citations: []llm.Citation{{Title: "lost"}}}), nil, "messages[1].content[0].citations[3] messages[1].content[1].citations"},
		{"cache_points", &llm.Request{System: []llm.Part{llm.Text("s"), &llm.CachePointPart{TTL: 5 * time.Minute}}, Messages: []llm.Message{llm.User(llm.Text("x"), &llm.CachePointPart{TTL: 2 * time.Hour}, llm.Text("y"), &llm.CachePointPart{TTL: time.Hour})}}, nil, "messages[0].content[1].ttl messages[0].content[3].ttl"},
		{"provider_parts", ask(bedrock.GuardText("g"), &llm.ProviderPart{Provider: bedrock.Provider, Kind: "searchResult", Data: raw(`{"source":"s","title":"t","content":[{"text":"x"}]}`)},
			&llm.ProviderPart{Provider: "openai", Kind: "web_search_call", Data: raw(`{}`)}), nil, "messages[0].content[3]"},
		{"server_tool", withSystemTool(history(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "toolUse", Data: raw(`{"toolUseId":"s1","name":"nova_grounding","type":"server_tool_use","input":{"q":1}}`)},
			&llm.ProviderPart{Provider: bedrock.Provider, Kind: "toolResult", Data: raw(`{"toolUseId":"s1","status":"success","content":[{"text":"found"}]}`)}, llm.Text("a"))), nil, ""},
		{"inference", &llm.Request{Messages: ask().Messages, MaxTokens: 2000, Temperature: new(0.7), TopP: new(0.9), StopSequences: []string{"END"}}, nil, ""},
		{"inference_zero", &llm.Request{Messages: ask().Messages, Temperature: new(0.0)}, nil, ""},
		{"tuning", &llm.Request{Messages: ask().Messages, TopK: new(40), Reasoning: &llm.Reasoning{Effort: llm.EffortHigh}}, nil, "reasoning top_k"},
		{"top_k", func() *llm.Request {
			r := with(&bedrock.RequestOptions{AdditionalFields: raw(`{"z": 1, "a": [1.50]}`)})
			r.TopK = new(40)
			return r
		}(), &bedrock.Options{Profile: &bedrock.Profile{TopKField: "top_k"}}, ""},
		{"output", &llm.Request{Messages: ask().Messages, Output: &llm.OutputFormat{Name: "answer", Description: "d", Schema: raw(`{"type": "object", "properties": {}}`)}}, nil, ""},
		{"metadata", &llm.Request{Messages: ask().Messages, Metadata: map[string]string{"tenant": "a b", "bad": "ü", "": "x"}}, nil, "metadata metadata.bad"},
		{"options", with(&bedrock.RequestOptions{
			Guardrail: &bedrock.Guardrail{ID: "g", Version: "1", Trace: "enabled", StreamMode: "async"}, ServiceTier: "flex", Latency: "optimized",
			PromptVariables: map[string]string{"v": "w"}, AdditionalFields: raw(`{"z":1,"a":9223372036854775807}`), ResponseFieldPaths: []string{"/stop_sequence"},
			ClientOptions: []func(*bedrockruntime.Options){nil, func(o *bedrockruntime.Options) { o.AppID = "app" }}}), nil, ""},
		{"modify_input", ask(), &bedrock.Options{ModifyInput: func(in *bedrockruntime.ConverseInput) {
			in.RequestMetadata = map[string]string{"from": "modify"}
		}}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, nil)
			opts := c.opts
			if opts == nil {
				opts = &bedrock.Options{Profile: able()}
			}
			m := bedrock.New(s.Client(), "m", opts)
			before, _ := json.Marshal(c.req)
			r, err := m.Generate(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			var fields []string
			for _, w := range r.Warnings {
				fields = append(fields, w.Field)
			}
			if got := strings.Join(fields, " "); got != c.warnings {
				t.Errorf("warnings %q, want %q", got, c.warnings)
			}
			streamed, err := llm.Collect(m.Stream(t.Context(), c.req))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.Warnings, streamed.Warnings); diff != "" {
				t.Errorf("the stream's warnings differ:\n%s", diff)
			}
			wire := s.Exchanges()
			golden(t, filepath.Join("encode", c.name+".json"), wire[0].Body)
			if c.name == "options" {
				golden(t, filepath.Join("encode", c.name+"_stream.json"), wire[1].Body)
			} else if !bytes.Equal(wire[0].Body, wire[1].Body) {
				t.Errorf("the stream's request differs:\n%s", cmp.Diff(string(wire[0].Body), string(wire[1].Body)))
			}
			if after, _ := json.Marshal(c.req); !bytes.Equal(before, after) {
				t.Error("the request was changed")
			}
		})
	}
}

// What Bedrock would refuse, or cannot do, is told before anything is sent, with the
// path, and without the content.
func TestRefused(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	ask := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(parts...)}}
	}
	with := func(f func(*llm.Request)) *llm.Request {
		r := ask(llm.Text("x"))
		f(r)
		return r
	}
	tool := llm.Tool{Name: "f"}
	cases := []struct {
		name string
		req  *llm.Request
		code llm.Code
		want string
	}{
		{"nil", nil, llm.ErrInvalidRequest, "nil request"},
		{"no messages", &llm.Request{}, llm.ErrInvalidRequest, "messages: empty"},
		{"structure", ask(nil, (*llm.TextPart)(nil)), llm.ErrInvalidRequest, "messages[0].content[1]: nil *llm.TextPart"},
		{"media type", ask(&llm.MediaPart{MediaType: "image/SECRET", Data: []byte{1}}), llm.ErrUnsupported, "messages[0].content[0].media_type: not an image"},
		{"no media type", ask(&llm.MediaPart{Data: []byte("SECRET")}), llm.ErrInvalidRequest, "messages[0].content[0].media_type: missing"},
		{"uri", ask(&llm.MediaPart{MediaType: "image/png", URI: "https://SECRET"}), llm.ErrUnsupported, "messages[0].content[0].uri: Bedrock reads s3:// only"},
		{"document type", ask(llm.Text("x"), llm.Document("n", "application/zip", []byte{1})), llm.ErrUnsupported, "messages[0].content[1].media_type: not a document type"},
		{"document without type", ask(llm.Text("x"), llm.Document("n", "", []byte{1})), llm.ErrInvalidRequest, "messages[0].content[1].media_type: missing"},
		{"20 MB image", ask(llm.Image("", append(bytes.Clone(png), make([]byte, 20<<20)...))), llm.ErrInvalidRequest, "messages[0].content[0]: too large"},
		{"two images too many", ask(llm.Image("image/png", make([]byte, 10<<20)), llm.Image("image/png", make([]byte, 10<<20))), llm.ErrInvalidRequest, "messages[0].content[1]: too large"},
		{"unknown block in a result", &llm.Request{Tools: []llm.Tool{tool}, Messages: []llm.Message{llm.UserText("x"), llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "f"}), llm.User(llm.ToolResult("1", &llm.ProviderPart{Provider: bedrock.Provider, Kind: "hologram", Data: raw(`{}`)}))}}, llm.ErrUnsupported, "messages[2].content[0].content[0].data: holds something that this version"},
		{"unknown block", ask(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "hologram", Data: raw(`{"SECRET":1}`)}), llm.ErrUnsupported, "messages[0].content[0].kind: unknown to this version"},
		{"broken block", ask(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "guardContent", Data: raw(`"SECRET"`)}), llm.ErrInvalidRequest, "messages[0].content[0].data: not what Bedrock knows"},
		{"unknown member", ask(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "guardContent", Data: raw(`{"text":{"text":"x","SECRET":1}}`)}), llm.ErrUnsupported, "messages[0].content[0].data: holds something that this version"},
		{"nothing left", ask(&llm.ProviderPart{Provider: "q", Kind: "k"}), llm.ErrInvalidRequest, "messages[0].content[0]: blank, or nothing that can be sent"},
		{"image in system", &llm.Request{System: []llm.Part{llm.Image("image/png", png)}, Messages: ask(llm.Text("x")).Messages}, llm.ErrUnsupported, "system[0]: a *llm.MediaPart cannot stand"},
		{"block in system", &llm.Request{System: []llm.Part{&llm.ProviderPart{Provider: bedrock.Provider, Kind: "searchResult", Data: raw(`{"source":"s","title":"t","content":[]}`)}}, Messages: ask(llm.Text("x")).Messages}, llm.ErrUnsupported, "system[0]: a *llm.ProviderPart cannot stand"},
		{"tool of another", with(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "s", Provider: "openai", Kind: "web_search"}}
		}), llm.ErrUnsupported, "tools[0].kind: not a tool that Bedrock runs"},
		{"system tool with a config", with(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "nova_grounding", Provider: bedrock.Provider, Kind: "systemTool", Config: raw(`{"depth":1}`)}}
		}), llm.ErrUnsupported, "tools[0].config: a system tool of Bedrock has a name"},
		{"system tool without name", with(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Provider: bedrock.Provider, Kind: "systemTool"}}
		}), llm.ErrInvalidRequest, "tools[0].name: missing"},
		{"single", with(func(r *llm.Request) { r.Tools, r.ToolChoice.Single = []llm.Tool{tool}, true }), llm.ErrUnsupported, "tool_choice.single: Converse has no switch"},
		{"nothing but an empty answer", &llm.Request{Messages: []llm.Message{llm.Assistant()}}, llm.ErrInvalidRequest, "messages: empty, or with nothing that can be sent"},
		{"options in invalid UTF-8", with(func(r *llm.Request) {
			r.SetOptions(&bedrock.RequestOptions{Guardrail: &bedrock.Guardrail{ID: "\xff", Version: "1"}})
		}), llm.ErrInvalidRequest, "options.guardrail: invalid UTF-8"},
		{"int32", with(func(r *llm.Request) { r.MaxTokens = 1 << 31 }), llm.ErrInvalidRequest, "max_tokens: beyond the 32 bits"},
		{"additional fields", with(func(r *llm.Request) { r.SetOptions(&bedrock.RequestOptions{AdditionalFields: raw(`{"SECRET`)}) }), llm.ErrInvalidRequest, "options.additional_fields: not valid JSON"},
		{"additional fields not an object", with(func(r *llm.Request) { r.SetOptions(&bedrock.RequestOptions{AdditionalFields: raw(`[1]`)}) }), llm.ErrInvalidRequest, "options.additional_fields: not a JSON object"},
		{"options of another type", with(func(r *llm.Request) { r.Options = []llm.ProviderOptions{wrongOptions{}} }), llm.ErrInvalidRequest, "options[0]: a bedrock_test.wrongOptions, where a *bedrock.RequestOptions is wanted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, nil)
			m := bedrock.New(s.Client(), "m", &bedrock.Options{Profile: able()})
			_, generate := m.Generate(t.Context(), c.req)
			_, stream := llm.Collect(m.Stream(t.Context(), c.req))
			_, count := m.CountTokens(t.Context(), c.req)
			for op, err := range map[string]error{"generate": generate, "stream": stream, "count": count} {
				e := asError(t, err)
				if e.Code != c.code || llm.IsRetryable(err) || !strings.Contains(err.Error(), c.want) || e.Provider != bedrock.Provider || e.Model != "m" || e.Op == "" {
					t.Errorf("%s: %v\nwant %s: %s", op, err, c.code, c.want)
				}
				if strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%s: content shows: %v", op, err)
				}
			}
			if n := len(s.Exchanges()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

type wrongOptions struct{}

func (wrongOptions) ProviderName() string { return bedrock.Provider }

// A stored prompt has messages of its own.
func TestPromptNeedsNoMessages(t *testing.T) {
	s := answering(t, nil)
	req := &llm.Request{}
	req.SetOptions(&bedrock.RequestOptions{PromptVariables: map[string]string{"genre": "pop"}})
	_, err := bedrock.New(s.Client(), "arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT1234:1", nil).Generate(t.Context(), req)
	if err != nil {
		t.Error(err)
	}
}

// A history that went through storage sends the bytes that the live one sends.
func TestReloadedHistorySendsTheSameBytes(t *testing.T) {
	live := &llm.Request{
		Tools: []llm.Tool{{Name: "f", Schema: json.RawMessage("{ \"type\" : \"object\",\n \"properties\": {\"q\":{\"type\":\"string\",\"description\":\"a<b\"}} }")}},
		Messages: []llm.Message{llm.UserText("x"),
			llm.Assistant(&llm.ReasoningPart{Text: "r", Signature: "s<>"}, &llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{ "q": "a<b && c>d \u2028", "n": 1.50 }`)}),
			llm.User(llm.ToolResult("1", llm.Text("a<b"), &llm.ProviderPart{Provider: bedrock.Provider, Kind: "json", Data: json.RawMessage(`{ "k": "<" }`)}))},
	}
	b, err := json.Marshal(live)
	if err != nil {
		t.Fatal(err)
	}
	var stored llm.Request
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	s := answering(t, nil)
	m := bedrock.New(s.Client(), "m", &bedrock.Options{Profile: able()})
	for _, req := range []*llm.Request{live, &stored} {
		if _, err := m.Generate(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	wire := s.Exchanges()
	if diff := cmp.Diff(string(wire[0].Body), string(wire[1].Body)); diff != "" {
		t.Error(diff)
	}
}

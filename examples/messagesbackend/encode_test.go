package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

var update = flag.Bool("update", false, "write the golden files")

const png = "\x89PNG\r\n\x1a\n"

// encoded returns the body for a request, what is warned of, and why it is refused.
func encoded(req *llm.Request) (body string, warned []string, err error) {
	c := New("", "", "m", nil).newCall(context.Background(), "stream", nil)
	options, _, err := llm.OptionsFor[*Options](req)
	if err != nil {
		return "", nil, err
	}
	if options == nil {
		options = &Options{}
	}
	b, err := json.Marshal(c.encode(req, options))
	if err != nil {
		return "", nil, err
	}
	for _, w := range c.finish.Warnings {
		warned = append(warned, string(w.Code)+" "+w.Field)
	}
	return string(b), warned, c.refusal
}

func ours(data string) *llm.Opaque {
	if data == "" {
		return &llm.Opaque{Provider: Provider, Model: "m"}
	}
	return &llm.Opaque{Provider: Provider, Model: "m", Data: json.RawMessage(data)}
}

func everything() *llm.Request {
	return &llm.Request{
		System: []llm.Part{llm.Text("Be brief."), &llm.CachePointPart{TTL: time.Hour}},
		Messages: []llm.Message{
			llm.User(llm.Text("What is this?"), llm.Image("", []byte(png)), &llm.MediaPart{URI: "https://example.org/a.png"},
				&llm.DocumentPart{Name: "log", Text: "Fog at nine.", Context: "Of 1912.", Cite: true},
				llm.Document("", "", []byte("%PDF-")), &llm.DocumentPart{URI: "https://example.org/a.pdf"},
				llm.Document("notes", "text/markdown", []byte("# Fog")), llm.CachePoint()),
			llm.Assistant(
				&llm.ReasoningPart{Text: "Look first.", Signature: "EqQB", Opaque: ours("")},
				&llm.ReasoningPart{Signature: "hidden", Opaque: ours("")},
				&llm.ReasoningPart{Redacted: []byte{0, 1, 2}, Opaque: ours("")},
				&llm.TextPart{Text: "Let me look.", Opaque: ours(""), Citations: []llm.Citation{{Data: json.RawMessage(`{"type":"char_location","cited_text":"Fog"}`)}}},
				&llm.ProviderPart{Provider: Provider, Kind: "server_tool_use", Data: json.RawMessage(`{"id":"srvtoolu_1","name":"web_search","input":{"query":"fog"}}`)},
				&llm.ProviderPart{Provider: Provider, Kind: "web_search_tool_result", Data: json.RawMessage(`{"tool_use_id":"srvtoolu_1","content":[]}`)},
				&llm.ToolCallPart{ID: "toolu_1", Name: "look", Input: json.RawMessage(`{"n": 9223372036854775807, "x": 1.50}`), Opaque: ours(`{"caller":{"type":"direct"}}`)},
				&llm.ToolCallPart{ID: "toolu_2", Name: "wait"}),
			llm.User(llm.ToolResult("toolu_1", llm.Text("a"), llm.Image("", []byte(png))), llm.ToolError("toolu_2", "too late"),
				llm.CachePoint(), llm.Text("Go on.")),
			llm.System(llm.Text("In French.")),
		},
		Tools: []llm.Tool{
			{Name: "look", Description: "Looks.", Schema: json.RawMessage(`{"type":"object","properties":{}}`), Strict: true},
			{Name: "web_search", Provider: Provider, Kind: "web_search_20250305", Config: json.RawMessage(`{"max_uses":3}`)},
			{Name: "wait", Cache: &llm.CachePointPart{TTL: 5 * time.Minute}},
		},
		ToolChoice:    llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "look", Single: true},
		MaxTokens:     100,
		Temperature:   new(0.0),
		TopP:          new(0.5),
		TopK:          new(40),
		StopSequences: []string{"END"},
		Reasoning:     &llm.Reasoning{Effort: llm.EffortHigh, BudgetTokens: 2048},
		Output:        &llm.OutputFormat{Schema: json.RawMessage(`{"type":"object"}`)},
		Metadata:      map[string]string{"user_id": "u1"},
		Options:       []llm.ProviderOptions{&Options{Betas: []string{"a", "b"}, ServiceTier: "standard_only"}},
	}
}

// The whole of a request, as it goes over the wire.
func TestRequestGolden(t *testing.T) {
	body, warned, err := encoded(everything())
	if err != nil || warned != nil {
		t.Errorf("%v, warnings about %q", err, warned)
	}
	var got bytes.Buffer
	json.Indent(&got, []byte(body), "", "\t")
	got.WriteByte('\n')
	const file = "testdata/request.json"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("run go test -update, and look at the difference (-want +got)\n%s", diff)
	}
}

// A conversation that was stored and loaded sends the same bytes, or prompt caches
// would miss.
func TestStoredConversationSendsTheSame(t *testing.T) {
	b, err := json.Marshal(everything())
	if err != nil {
		t.Fatal(err)
	}
	loaded := new(llm.Request)
	if err := json.Unmarshal(b, loaded); err != nil {
		t.Fatal(err)
	}
	want, _, _ := encoded(everything())
	if got, _, err := encoded(loaded); err != nil || got != want {
		t.Errorf("%v: live   %s\nloaded %s", err, want, got)
	}
}

// What is not set is not sent.
func TestSmallestRequest(t *testing.T) {
	const want = `{"model":"m","max_tokens":16000,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"stream":true}`
	for _, req := range []*llm.Request{
		{Messages: hi.Messages},
		{Messages: hi.Messages, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceNone, Single: true}}, // the endpoint refuses a choice without tools
	} {
		if body, warned, err := encoded(req); err != nil || body != want || !slices.Equal(warned, []string{"repaired max_tokens"}) {
			t.Errorf("%s, %q, %v; want %s", body, warned, err, want)
		}
	}
}

// What goes beside the body.
func TestHeaders(t *testing.T) {
	header := make(chan http.Header, 1)
	m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header <- r.Header
		io.WriteString(w, sse(spoken...))
	}), "m")
	if _, err := m.Generate(t.Context(), everything()); err != nil {
		t.Fatal(err)
	}
	got := <-header
	for name, want := range map[string]string{"X-Api-Key": "sk-ant-secret", "Anthropic-Version": "2023-06-01", "Anthropic-Beta": "a,b", "Content-Type": "application/json"} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestReasoning(t *testing.T) {
	for _, c := range []struct {
		reasoning llm.Reasoning
		want      string
	}{
		{llm.Reasoning{}, `"thinking":{"type":"adaptive"}`},
		{llm.Reasoning{Effort: llm.EffortNone}, `"thinking":{"type":"disabled"}`},
		{llm.Reasoning{Effort: llm.EffortMax}, `"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}`},
		{llm.Reasoning{BudgetTokens: 1024}, `"thinking":{"type":"enabled","budget_tokens":1024}`},
	} {
		if body, warned, err := encoded(&llm.Request{Messages: hi.Messages, MaxTokens: 1, Reasoning: &c.reasoning}); err != nil || warned != nil ||
			!strings.HasSuffix(body, c.want+`,"stream":true}`) {
			t.Errorf("%+v: %s, %q, %v; want %s", c.reasoning, body, warned, err, c.want)
		}
	}
}

// otherOptions say that they are this provider's, and are not.
type otherOptions struct{ Guard string }

func (*otherOptions) ProviderName() string { return Provider }

// What changes the meaning and cannot be said is refused, with its path.
func TestUnsupported(t *testing.T) {
	user := func(p llm.Part) *llm.Request { return &llm.Request{Messages: []llm.Message{llm.User(p)}} }
	with := func(set func(r *llm.Request)) *llm.Request { r := user(llm.Text("a")); set(r); return r }
	image := llm.Image("", []byte(png))
	for _, c := range []struct {
		path string
		req  *llm.Request
	}{
		{"messages[0].content[0]", user(llm.Image("audio/wav", []byte("RIFF")))},
		{"messages[0].content[0]", user(&llm.MediaPart{Data: []byte("??")})},
		{"messages[0].content[0]", user(&llm.MediaPart{MediaType: "image/png", URI: "s3://bucket/key"})},
		{"messages[0].content[0]", user(&llm.DocumentPart{URI: "s3://bucket/key"})},
		{"messages[0].content[0]", user(llm.Document("a", "application/zip", []byte("PK")))},
		{"messages[0].content[0]", user(llm.Document("a", "text/plain", []byte("\xff")))},
		{"messages[0].content[0]", user(&llm.ProviderPart{Provider: "elsewhere", Kind: "input_audio"})},
		{"messages[0].content[0].content[0]", user(llm.ToolResult("toolu_1", &llm.MediaPart{MediaType: "video/mp4", Data: []byte("a")}))},
		{"messages[1].content[0]", with(func(r *llm.Request) { r.Messages = append(r.Messages, llm.Assistant(image)) })},
		{"system[0]", with(func(r *llm.Request) { r.System = []llm.Part{image} })},
		{"tools[0]", with(func(r *llm.Request) { r.Tools = []llm.Tool{{Provider: "elsewhere", Kind: "web_search"}} })},
		{"options[0]", with(func(r *llm.Request) { r.SetOptions(&otherOptions{}) })},
	} {
		_, err := New("http://127.0.0.1:1", "", "m", nil).Generate(t.Context(), c.req)
		want := llm.ErrUnsupported
		if c.req.Options != nil {
			want = llm.ErrInvalidRequest
		}
		if llm.CodeOf(err) != want || !strings.Contains(err.Error(), " "+c.path+": ") {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

// What only tunes, or can be put another way, goes with a warning.
func TestWarnings(t *testing.T) {
	body, got, err := encoded(&llm.Request{
		System: []llm.Part{llm.CachePoint(), llm.Text("Be brief."), &llm.CachePointPart{TTL: 10 * time.Minute}, llm.CachePoint()},
		Messages: []llm.Message{
			llm.UserText("Hi"),
			llm.Assistant(llm.Text(" \n")), // nothing is left of it
			llm.Assistant(
				&llm.ReasoningPart{Text: "hm", Signature: "s", Opaque: &llm.Opaque{Provider: "elsewhere"}},
				&llm.ReasoningPart{Text: "cut", Opaque: ours("")},
				&llm.ProviderPart{Provider: "elsewhere", Kind: "web_search_call"},
				&llm.TextPart{Text: "Looking.", Citations: []llm.Citation{{Title: "a"}}},
				&llm.ToolCallPart{ID: "toolu_1", Name: "look", Malformed: `{"a`}),
			llm.User(llm.Text("And?"), llm.ToolError("toolu_1", "not JSON")),
			llm.Assistant(&llm.ReasoningPart{Redacted: []byte{0}, Opaque: ours("")}, llm.CachePoint(), llm.Text("Well.")),
		},
		MaxTokens: 1,
		Output:    &llm.OutputFormat{Name: "n", Description: "d", Schema: json.RawMessage(`{}`)},
		Metadata:  map[string]string{"team": "blue"},
	})
	want := []string{"dropped system[0]", "clamped system[2]", "dropped system[3]", "dropped messages[1].content[0]", "dropped messages[1].content",
		"dropped messages[2].content[0]", "dropped messages[2].content[1]", "dropped messages[2].content[2]", "dropped messages[2].content[3].citations",
		"repaired messages[2].content[4]", "repaired messages[3].content[1]", "dropped messages[4].content[1]", "dropped metadata", "dropped output.name", "dropped output.description"}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	const wire = `{"model":"m","max_tokens":1,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],` +
		`"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"text","text":"Looking."},` +
		`{"type":"tool_use","id":"toolu_1","name":"look","input":{"malformed_arguments":"{\"a"}}]},` +
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"not JSON"}],"is_error":true},{"type":"text","text":"And?"}]},` +
		`{"role":"assistant","content":[{"type":"redacted_thinking","data":"AA=="},{"type":"text","text":"Well."}]}],` +
		`"output_config":{"format":{"type":"json_schema","schema":{}}},"stream":true}`
	if diff := cmp.Diff(wire, body); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// counter is a model that counts.
type counter struct{ *fake.Model }

func (counter) CountTokens(context.Context, *llm.Request) (int, error) { return 4711, nil }

func TestCountTokens(t *testing.T) {
	if n, err := newModel(t, Handler(counter{fake.New()}), "m").CountTokens(t.Context(), everything()); n != 4711 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, c := range []struct {
		handler http.Handler
		code    llm.Code
	}{
		{Handler(fake.New()), llm.ErrNotFound},
		{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }), llm.ErrIncomplete},
	} {
		if n, err := newModel(t, c.handler, "m").CountTokens(t.Context(), hi); n != 0 || llm.CodeOf(err) != c.code {
			t.Errorf("%d, %v, want %s", n, err, c.code)
		}
	}
}

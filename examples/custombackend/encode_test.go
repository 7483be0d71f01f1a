package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

var update = flag.Bool("update", false, "write the golden files")

const png = "\x89PNG\r\n\x1a\n"

// encoded returns the body for a request, what is warned of, and why it is refused.
func encoded(req *llm.Request, op string) (body []byte, warned []string, err error) {
	c := &call{Model: New("", "", "m", nil), failure: llm.Error{Op: op}}
	body, err = c.encode(req)
	for _, w := range c.finish.Warnings {
		warned = append(warned, string(w.Code)+" "+w.Field)
	}
	return body, warned, err
}

func everything() *llm.Request {
	return &llm.Request{
		System: []llm.Part{llm.Text("Be brief."), llm.Text("Be kind.")},
		Messages: []llm.Message{
			llm.User(llm.Text("What is this?"), llm.Image("", []byte(png)), &llm.MediaPart{URI: "https://example.org/a.png"},
				llm.Image("audio/wav", []byte("RIFF")), llm.Document("a.pdf", "", []byte("%PDF-")), &llm.DocumentPart{Text: "b"}),
			llm.Assistant(&llm.ReasoningPart{Text: "hm", Opaque: &llm.Opaque{Provider: Provider, Model: "m"}},
				&llm.ReasoningPart{Text: ", look", Opaque: &llm.Opaque{Provider: Provider, Model: "m"}}, llm.Text("Let me look."),
				&llm.ToolCallPart{ID: "call_1", Name: "look", Input: json.RawMessage(`{"n": 9223372036854775807, "x": 1.50, "tag": "<b>"}`)},
				&llm.ToolCallPart{ID: "call_2", Name: "wait"},
				&llm.ToolCallPart{ID: "call_3", Name: "look", Malformed: `{"n":`}),
			llm.User(llm.ToolResult("call_1", llm.Text("a"), llm.Text("b")), llm.ToolResult("call_2"),
				llm.ToolResult("call_3", llm.Text("")), llm.Text("Go on.")),
			llm.System(llm.Text("In French.")),
			llm.UserText("Please."),
		},
		Tools: []llm.Tool{
			{Name: "look", Description: "Looks.", Schema: json.RawMessage(`{"type":"object"}`), Strict: true},
			{Name: "wait"},
		},
		ToolChoice:    llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "look", Single: true},
		MaxTokens:     100,
		Temperature:   new(0.0),
		TopP:          new(0.5),
		StopSequences: []string{"END"},
		Reasoning:     &llm.Reasoning{Effort: llm.EffortMax},
		Output:        &llm.OutputFormat{Description: "Why.", Schema: json.RawMessage(`{"type":"object"}`)},
		Options:       []llm.ProviderOptions{&Options{ServiceTier: "flex", PromptCacheKey: "looks"}},
	}
}

// The whole of a request, as it goes over the wire.
func TestRequestGolden(t *testing.T) {
	body, warned, err := encoded(everything(), "stream")
	if err != nil || warned != nil {
		t.Errorf("%v, warnings about %q", err, warned)
	}
	var got bytes.Buffer
	json.Indent(&got, body, "", "\t")
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
	if got.String() != string(want) {
		t.Errorf("run go test -update, and look at the difference; got\n%s", got.String())
	}
}

// What is not set is not sent.
func TestSmallestRequest(t *testing.T) {
	body, _, err := encoded(hi, "generate")
	if want := `{"messages":[{"content":"Hi","role":"user"}],"model":"m"}`; err != nil || string(body) != want {
		t.Errorf("%s, %v; want %s", body, err, want)
	}
	// The endpoint refuses a choice without tools.
	idle, _, err := encoded(&llm.Request{Messages: hi.Messages, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceNone, Single: true}}, "generate")
	if err != nil || !bytes.Equal(idle, body) {
		t.Errorf("%s, %v", idle, err)
	}
}

func stored(t *testing.T, req *llm.Request) *llm.Request {
	t.Helper()
	b, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	loaded := new(llm.Request)
	if err := json.Unmarshal(b, loaded); err != nil {
		t.Fatal(err)
	}
	return loaded
}

// sentArguments returns the arguments of the last call of a conversation, as the model reads them.
func sentArguments(t *testing.T, req *llm.Request) string {
	t.Helper()
	body, _, _ := encoded(req, "generate")
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	calls := in.Messages[len(in.Messages)-1].ToolCalls
	return calls[len(calls)-1].Function.Arguments
}

func called(input string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{hi.Messages[0], llm.Assistant(&llm.ToolCallPart{ID: "a", Name: "f", Input: json.RawMessage(input)})}}
}

// Arguments reach the model without the escapes of HTML, live or loaded, and without
// white space that means nothing. All else stays as the model wrote it.
func TestArguments(t *testing.T) {
	for input, want := range map[string]string{
		``:                                        `{}`,
		` { "a" : [ 1.50 , 1e400 ] } `:            `{"a":[1.50,1e400]}`,
		`{"a":"<b>&amp;</b>"}`:                    `{"a":"<b>&amp;</b>"}`,
		`{"a":"\u003cb\u003e\u0026"}`:             `{"a":"<b>&"}`,
		"{\"a\":\"\u2028\u2029\"}":                "{\"a\":\"\u2028\u2029\"}",
		`{"a":"\u2028\u2029"}`:                    "{\"a\":\"\u2028\u2029\"}",
		`{"a":"\\u003c \\\u003c \\\\u003c"}`:      `{"a":"\\u003c \\< \\\\u003c"}`,
		`{"a":"\u003C \u00e9 \n \/ \" \\"}`:       `{"a":"\u003C \u00e9 \n \/ \" \\"}`,
		`{"\u003ckey\\":"\\","\\\u0026":"u003c"}`: `{"<key\\":"\\","\\&":"u003c"}`,
	} {
		live := called(input)
		if got := sentArguments(t, live); got != want {
			t.Errorf("%s: %s, want %s", input, got, want)
		}
		if got := sentArguments(t, stored(t, live)); got != want {
			t.Errorf("%s, loaded: %s, want %s", input, got, want)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add(`{"a":"\\u003c<\u2028"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, input string) {
		var want, got map[string]any
		if json.Unmarshal([]byte(input), &want) != nil || want == nil || !utf8.ValidString(input) {
			t.Skip("a request with it is not valid")
		}
		live := called(input)
		sent := sentArguments(t, live)
		if loaded := sentArguments(t, stored(t, live)); loaded != sent {
			t.Errorf("live %s, loaded %s", sent, loaded)
		}
		if err := json.Unmarshal([]byte(sent), &got); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%s became %s: %v", input, sent, err)
		}
	})
}

// A conversation that was stored and loaded sends the same bytes, or prompt caches
// would miss.
func TestStoredConversationSendsTheSame(t *testing.T) {
	live, _, _ := encoded(everything(), "stream")
	loaded, _, _ := encoded(stored(t, everything()), "stream")
	if !bytes.Equal(live, loaded) {
		t.Errorf("live   %s\nloaded %s", live, loaded)
	}
}

// own are options that say they are this provider's, and are not.
type own struct{ Guard string }

func (*own) ProviderName() string { return Provider }

// What changes the meaning and cannot be said is refused, with its path.
func TestUnsupported(t *testing.T) {
	user := func(p llm.Part) *llm.Request { return &llm.Request{Messages: []llm.Message{llm.User(p)}} }
	with := func(set func(r *llm.Request)) *llm.Request { r := user(llm.Text("a")); set(r); return r }
	image := llm.Image("", []byte(png))
	for _, c := range []struct {
		path string
		req  *llm.Request
	}{
		{"messages[0].content[0]", user(&llm.DocumentPart{URI: "https://example.org/a.pdf"})},
		{"messages[0].content[0].context", user(&llm.DocumentPart{Text: "a", Context: "b"})},
		{"messages[0].content[0]", user(llm.Image("audio/flac", []byte("fLaC")))},
		{"messages[0].content[0]", user(&llm.MediaPart{MediaType: "audio/wav", URI: "https://example.org/a.wav"})},
		{"messages[0].content[0]", user(&llm.MediaPart{Data: []byte("??")})},
		{"messages[0].content[0]", user(&llm.MediaPart{MediaType: "image/png", URI: "s3://bucket/key"})},
		{"messages[0].content[0]", user(&llm.MediaPart{MediaType: "video/mp4", URI: "https://example.org/a"})},
		{"messages[0].content[0]", user(&llm.ProviderPart{Provider: Provider, Kind: "input_audio"})},
		{"messages[0].content[0].content[1]", user(llm.ToolResult("call_1", llm.Text("a"), image))},
		{"messages[1].content[0]", with(func(r *llm.Request) { r.Messages = append(r.Messages, llm.Assistant(image)) })},
		{"system[0]", with(func(r *llm.Request) { r.System = []llm.Part{image} })},
		{"tools[0]", with(func(r *llm.Request) { r.Tools = []llm.Tool{{Provider: Provider, Kind: "web_search"}} })},
		{"options[0]", with(func(r *llm.Request) { r.SetOptions(&own{}) })},
		{"options[0]", stored(t, with(func(r *llm.Request) { r.SetOptions(&own{Guard: "on"}) }))},
	} {
		_, err := New("http://127.0.0.1:1", "", "m", nil).Generate(t.Context(), c.req)
		want := llm.ErrUnsupported
		if c.req.Options != nil {
			want = llm.ErrInvalidRequest
		}
		if llm.CodeOf(err) != want || !strings.Contains(err.Error(), " "+c.path+": ") {
			t.Errorf("%s %v", c.path, err)
		}
	}
}

// What only tunes, or can be put another way, goes with a warning.
func TestWarnings(t *testing.T) {
	req := &llm.Request{
		System: []llm.Part{llm.Text("Be brief."), llm.CachePoint()},
		Messages: []llm.Message{
			llm.User(llm.CachePoint()), // nothing is left of it
			llm.UserText("Hi"),
			llm.Assistant(
				&llm.ReasoningPart{Text: "hm", Signature: "s", Opaque: &llm.Opaque{Provider: "elsewhere"}},
				&llm.ToolCallPart{ID: "call_1", Name: "look"},
				&llm.TextPart{Text: "Looking.", Citations: []llm.Citation{{Title: "a"}}}),
			llm.User(llm.Text("And?"), llm.ToolError("call_1", "dark")),
			llm.Assistant(&llm.ReasoningPart{Text: "hm", Opaque: &llm.Opaque{Provider: Provider}}, llm.Text("Well.")), // no calls
			llm.User(&llm.DocumentPart{Name: "a", Text: "b", Cite: true}),
		},
		Tools:     []llm.Tool{{Name: "look", Cache: llm.CachePoint()}},
		TopK:      new(40),
		Reasoning: &llm.Reasoning{BudgetTokens: 1024},
		Metadata:  map[string]string{"team": "blue"},
	}
	body, got, err := encoded(req, "generate")
	want := []string{"dropped system[1]", "dropped messages[0].content[0]", "dropped messages[2].content[0]",
		"dropped messages[2].content[2].citations", "repaired messages[2].content[2]", "repaired messages[3].content[1]",
		"dropped messages[3].content[1].is_error", "dropped messages[4].content[0]", "dropped messages[5].content[0].cite",
		"dropped tools[0].cache", "dropped top_k", "dropped reasoning.budget_tokens", "dropped metadata"}
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, warnings about\n%q, want\n%q", err, got, want)
	}
	const wire = `{"messages":[{"content":"Be brief.","role":"system"},{"content":"Hi","role":"user"},` +
		`{"content":"Looking.","role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"look"},"id":"call_1","type":"function"}]},` +
		`{"content":"dark","role":"tool","tool_call_id":"call_1"},{"content":"And?","role":"user"},` +
		`{"content":"Well.","role":"assistant"},{"content":[{"file":{"file_data":"data:text/plain;base64,Yg==","filename":"a"},"type":"file"}],"role":"user"}],` +
		`"model":"m","reasoning_effort":"medium","tools":[{"function":{"name":"look"},"type":"function"}]}`
	if string(body) != wire {
		t.Errorf("the body is\n%s, want\n%s", body, wire)
	}
}

func TestToolChoice(t *testing.T) {
	for mode, want := range map[llm.ToolChoiceMode]string{
		llm.ToolChoiceAuto: ``,
		llm.ToolChoiceAny:  `"required"`,
		llm.ToolChoiceNone: `"none"`,
		llm.ToolChoiceTool: `{"function":{"name":"look"},"type":"function"}`,
	} {
		body, _, err := encoded(&llm.Request{Messages: hi.Messages, Tools: []llm.Tool{{Name: "look"}},
			ToolChoice: llm.ToolChoice{Mode: mode, Name: "look"}}, "generate")
		var in request
		json.Unmarshal(body, &in)
		if err != nil || string(in.ToolChoice) != want || in.ParallelToolCalls != nil {
			t.Errorf("%s: %s, want %s, %v", mode, in.ToolChoice, want, err)
		}
	}
}

func TestReasoningEffort(t *testing.T) {
	for effort, want := range map[string]string{"": "medium", llm.EffortNone: "none", llm.EffortLow: "low", llm.EffortMax: "xhigh", "minimal": "minimal"} {
		body, warned, err := encoded(&llm.Request{Messages: hi.Messages, Reasoning: &llm.Reasoning{Effort: effort}}, "generate")
		var in request
		json.Unmarshal(body, &in)
		if err != nil || warned != nil || in.ReasoningEffort != want {
			t.Errorf("%q: %q, want %q; %v, %q", effort, in.ReasoningEffort, want, err, warned)
		}
	}
}

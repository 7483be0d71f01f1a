package bedrocktest_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// testdata/request.json has every member of Converse. Its neutral form is golden,
// and is a request that package llm finds valid.
func TestGoldenRequest(t *testing.T) {
	body, err := os.ReadFile("testdata/request.json")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, says(hello), nil)
	for _, op := range []string{"converse", "converse-stream"} {
		if resp := post(t, s, "/model/m/"+op, string(body)); resp.StatusCode != 200 {
			t.Fatal(read(t, resp))
		}
	}
	requests := s.Requests()
	if diff := cmp.Diff(requests[0], requests[1]); diff != "" {
		t.Error(diff)
	}
	if err := requests[0].Validate(); err != nil {
		t.Error(err)
	}
	b, err := json.Marshal(requests[0])
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "request.neutral.json", indent(t, b))
}

// Tool input, schemas and unknown blocks keep every byte.
func TestVerbatimInput(t *testing.T) {
	const (
		input  = `{"z":1.50,  "a":12345678901234567890,"e":1E-7,"u":"\u0041<&>"}`
		schema = `{"type":"object",  "properties":{"z":{},"a":{}}}`
		block  = `{"later":  "1.0"}`
	)
	s := serve(t, says(hello), nil)
	resp := post(t, s, "/model/m/converse", `{"messages":[
		{"role":"user","content":[{"text":"Hi"},{"brandNew":`+block+`}]},
		{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":`+input+`}}]},
		{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":`+input+`}]}}]}],
		"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":`+schema+`}}}]}}`)
	if resp.StatusCode != 200 {
		t.Fatal(read(t, resp))
	}
	r := s.Requests()[0]
	for _, c := range []struct{ name, want, got string }{
		{"input", input, string(r.Messages[1].Content[0].(*llm.ToolCallPart).Input)},
		{"result", input, r.Messages[2].Content[0].(*llm.ToolResultPart).Content[0].(*llm.TextPart).Text},
		{"schema", schema, string(r.Tools[0].Schema)},
		{"block", block, string(r.Messages[0].Content[1].(*llm.ProviderPart).Data)},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, sent was %s", c.name, c.got, c.want)
		}
	}
}

// full is an answer with one of everything that Bedrock can answer with.
var full = &llm.Response{
	Message: llm.Assistant(
		&llm.ReasoningPart{Text: "Let me think.", Signature: "c2ln"},
		&llm.ReasoningPart{Redacted: []byte{0, 1, 2, 255}},
		llm.Text("An <answer> & more: 日本語 😀"),
		&llm.TextPart{Text: "It is so.", Citations: []llm.Citation{
			{Kind: "document_char", Title: "A", Source: "s", Text: "so it is", Document: new(0), Start: new(3), End: new(11)},
			{Kind: "document_page", Title: "B", Document: new(1), Start: new(0), End: new(2)},
			{Kind: "document_chunk", Document: new(0), Start: new(1)},
			{Kind: "search_result", Document: new(2), Start: new(0), End: new(1)},
			{Kind: "web", URL: "https://example.com/a?b&c", Data: json.RawMessage(`{"location":{"web":{"domain":"example.com"}}}`)},
			{Title: "C", Data: json.RawMessage(`{"location":{"moon":{"crater":7}}}`)},
		}},
		&llm.ToolCallPart{ID: "tooluse_1", Name: "weather", Input: json.RawMessage(`{"z":1.50, "a":12345678901234567890}`)},
		&llm.ToolCallPart{ID: "tooluse_2", Name: "time"},
		&llm.ToolCallPart{ID: "tooluse_3", Name: "weather", Malformed: `{"city": "Pa`},
		&llm.MediaPart{MediaType: "image/png", Data: []byte("\x89PNG\r\n\x1a\n")},
		&llm.MediaPart{MediaType: "image/webp", URI: "s3://bucket/key.webp"},
		&llm.ProviderPart{Provider: "aws.bedrock", Kind: "brandNew", Data: json.RawMessage(`{"b":1,  "a":2}`)},
		&llm.ProviderPart{Provider: "another", Kind: "web_search_call", Data: json.RawMessage(`{}`)},
		llm.Text("Done."),
	),
	StopReason: llm.StopToolUse,
	Usage: llm.Usage{InputTokens: 1000, OutputTokens: 50, CacheReadTokens: 600, CacheWriteTokens: 300, CacheWrite1hTokens: 100,
		ServiceTier: "priority"},
	Latency: 1234 * time.Millisecond,
}

func TestGoldenAnswer(t *testing.T) {
	s := serve(t, says(full), nil)
	golden(t, "answer.json", indent(t, []byte(read(t, post(t, s, "/model/m/converse", helloBody)))))
}

// The same in a stream, one frame a line.
func TestGoldenStream(t *testing.T) {
	s := serve(t, says(full), nil)
	var got string
	for _, f := range frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body) {
		got += f.kind + " " + f.name + " " + f.payload + "\n"
	}
	golden(t, "answer.stream", got)
}

type frame struct{ kind, name, payload string }

// frames reads an event stream with the decoder of the SDK's core, which checks both
// checksums.
func frames(t *testing.T, r io.Reader) []frame {
	t.Helper()
	got, err := readFrames(r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func readFrames(r io.Reader) ([]frame, error) {
	var all []frame
	d := eventstream.NewDecoder()
	for {
		m, err := d.Decode(r, nil)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		kind := m.Headers.Get(":message-type").String()
		name := m.Headers.Get(":" + kind + "-type").String()
		all = append(all, frame{kind, name, string(m.Payload)})
	}
}

// Byte for byte, a tool's arguments are the same whole and streamed.
func TestToolInputIsTheSame(t *testing.T) {
	s := serve(t, says(full), nil)
	whole := read(t, post(t, s, "/model/m/converse", helloBody))
	input := regexp.MustCompile(`"input":(\{"z".*?\})`).FindStringSubmatch(whole)[1]
	for _, f := range frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body) {
		var p struct {
			Delta struct {
				ToolUse struct{ Input string }
			}
		}
		if json.Unmarshal([]byte(f.payload), &p) == nil && p.Delta.ToolUse.Input == input {
			return
		}
	}
	t.Errorf("%s is not in the stream", input)
}

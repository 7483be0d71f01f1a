package bedrock

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// The benchmarks compare Parley with the raw AWS client, the floor, in one run: the
// same call, the same bytes, over loopback. docs/benchmarks.md has the results.

// cannedServer answers every request with the same bytes. It is a bare loop that
// allocates nothing, so that what is measured is the client's.
func cannedServer(b *testing.B, contentType string, body []byte) *bedrockruntime.Client {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\nX-Amzn-Requestid: r\r\n"
	var answer []byte
	if contentType == "application/json" {
		answer = append([]byte(head+"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	} else {
		answer = fmt.Appendf([]byte(head+"Transfer-Encoding: chunked\r\n\r\n"), "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveCanned(conn, answer)
		}
	}()
	// The SDK's client has no HTTP client of its own to be closed, so one is given.
	http := newHTTPClient()
	b.Cleanup(http.CloseIdleConnections)
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + l.Addr().String()), HTTPClient: cured{http},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), Retryer: aws.NopRetryer{},
	})
}

func serveCanned(conn net.Conn, answer []byte) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if line = bytes.TrimSpace(line); len(line) == 0 {
				break
			}
			if name, v, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
				for _, c := range v {
					length = length*10 + int(c-'0')
				}
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// bench runs the raw client and Parley on the same server.
func bench(b *testing.B, contentType string, body []byte, raw func(*bedrockruntime.Client) error, req *llm.Request, parley func(*Model, *llm.Request) error) {
	client := cannedServer(b, contentType, body)
	model := New(client, "anthropic.claude", nil)
	run := func(call func() error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("raw", run(func() error { return raw(client) }))
	b.Run("parley", run(func() error { return parley(model, req) }))
}

const answerJSON = `{"output":{"message":{"role":"assistant","content":[{"text":"I'm doing well, thanks for asking!"}]}},"stopReason":"end_turn","usage":{"inputTokens":12,"outputTokens":9,"totalTokens":21},"metrics":{"latencyMs":420}}`

func generate(m *Model, req *llm.Request) error {
	r, err := m.Generate(ctx, req)
	if err == nil && r.Text() == "" {
		return io.ErrUnexpectedEOF
	}
	return err
}

func converse(in func() *bedrockruntime.ConverseInput) func(*bedrockruntime.Client) error {
	return func(c *bedrockruntime.Client) error {
		out, err := c.Converse(ctx, in())
		if err == nil && len(out.Output.(*types.ConverseOutputMemberMessage).Value.Content) == 0 {
			return io.ErrUnexpectedEOF
		}
		return err
	}
}

func BenchmarkShortUnary(b *testing.B) {
	raw := func() *bedrockruntime.ConverseInput {
		return &bedrockruntime.ConverseInput{
			ModelId:         aws.String("anthropic.claude"),
			Messages:        []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "How are you today?"}}}},
			InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(2000), Temperature: aws.Float32(0)},
		}
	}
	req := &llm.Request{Messages: []llm.Message{llm.UserText("How are you today?")}, MaxTokens: 2000, Temperature: new(0.0)}
	bench(b, "application/json", []byte(answerJSON), converse(raw), req, generate)
}

var benchSchema = `{"type":"object","properties":{"city":{"type":"string","description":"the city's name"},"unit":{"type":"string","enum":["celsius","fahrenheit"]},"days":{"type":"integer","minimum":1,"maximum":14},"include":{"type":"array","items":{"type":"string"}}},"required":["city"]}`

const (
	benchMessages = 40
	benchTools    = 10
)

func Benchmark40MessagesWith10Tools(b *testing.B) {
	text := strings.TrimSpace(strings.Repeat("some words of a conversation ", 10))
	var schema, input map[string]any
	if err := json.Unmarshal([]byte(benchSchema), &schema); err != nil {
		b.Fatal(err)
	}
	callInput := `{"city":"Oslo","unit":"celsius","days":3,"include":["wind","rain"]}`
	if err := json.Unmarshal([]byte(callInput), &input); err != nil {
		b.Fatal(err)
	}
	raw := func() *bedrockruntime.ConverseInput {
		in := &bedrockruntime.ConverseInput{ModelId: aws.String("anthropic.claude"), ToolConfig: &types.ToolConfiguration{}}
		in.System = []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: text}}
		for i := range benchMessages {
			m := types.Message{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}
			id := aws.String(fmt.Sprint("call_", i/4))
			switch i % 4 {
			case 1:
				m.Role = types.ConversationRoleAssistant
				m.Content = append(m.Content, &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{ToolUseId: id, Name: aws.String("tool_1"), Input: document.NewLazyDocument(input)}})
			case 2:
				m.Content = []types.ContentBlock{&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: id, Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: text}}}}}
			case 3:
				m.Role = types.ConversationRoleAssistant
			}
			in.Messages = append(in.Messages, m)
		}
		for i := range benchTools {
			in.ToolConfig.Tools = append(in.ToolConfig.Tools, &types.ToolMemberToolSpec{Value: types.ToolSpecification{
				Name: aws.String(fmt.Sprint("tool_", i)), Description: aws.String("the weather of a city"),
				InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(schema)},
			}})
		}
		return in
	}
	bench(b, "application/json", []byte(answerJSON), converse(raw), benchConversation(), generate)
}

// benchConversation has 40 messages and 10 tools.
func benchConversation() *llm.Request {
	text := strings.TrimSpace(strings.Repeat("some words of a conversation ", 10))
	callInput := `{"city":"Oslo","unit":"celsius","days":3,"include":["wind","rain"]}`
	req := &llm.Request{System: []llm.Part{llm.Text(text)}}
	for i := range benchMessages {
		id := fmt.Sprint("call_", i/4)
		switch i % 4 {
		case 0:
			req.Messages = append(req.Messages, llm.UserText(text))
		case 1:
			req.Messages = append(req.Messages, llm.Assistant(llm.Text(text), &llm.ToolCallPart{ID: id, Name: "tool_1", Input: json.RawMessage(callInput)}))
		case 2:
			req.Messages = append(req.Messages, llm.User(llm.ToolResult(id, llm.Text(text))))
		case 3:
			req.Messages = append(req.Messages, llm.AssistantText(text))
		}
	}
	for i := range benchTools {
		req.Tools = append(req.Tools, llm.Tool{Name: fmt.Sprint("tool_", i), Description: "the weather of a city", Schema: json.RawMessage(benchSchema)})
	}
	return req
}

// benchProfile is that of a model that needs no repairs here.
func benchProfile() *Profile {
	return &Profile{Family: "bench", StreamTools: true, Prefill: true, ToolResultStatus: true, EmptyToolResult: true}
}

// BenchmarkNormalize is what the rules cost where nothing needs repair; the check of the
// structure and the canonical form of JSON come on top.
func BenchmarkNormalize(b *testing.B) {
	req := benchConversation()
	m := New(nil, "anthropic.claude-sonnet-4-5-20250929-v1:0", &Options{Profile: benchProfile()})
	b.Run("rules", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d, err := m.normalize(req, nil, true); err != nil || len(d.warnings) > 0 {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := req.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("canonical", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, t := range req.Tools {
				if _, err := canonical(t.Schema); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func Benchmark4MBImage(b *testing.B) {
	image := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, 4<<20)...)
	raw := func() *bedrockruntime.ConverseInput {
		return &bedrockruntime.ConverseInput{
			ModelId: aws.String("anthropic.claude"),
			Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{
				&types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: image}}},
				&types.ContentBlockMemberText{Value: "Describe it."}}}},
		}
	}
	req := &llm.Request{Messages: []llm.Message{llm.User(llm.Image("image/png", image), llm.Text("Describe it."))}}
	bench(b, "application/json", []byte(answerJSON), converse(raw), req, generate)
}

// rawStream reads a stream with the SDK's reader; count says what was read.
func rawStream(in *bedrockruntime.ConverseStreamInput, count func(types.ConverseStreamOutput), firstOnly bool) func(*bedrockruntime.Client) error {
	return func(c *bedrockruntime.Client) error {
		out, err := c.ConverseStream(ctx, in)
		if err != nil {
			return err
		}
		s := out.GetStream()
		defer s.Close()
		for ev := range s.Events() {
			if count != nil {
				count(ev)
			}
			if firstOnly {
				return nil
			}
		}
		return s.Err()
	}
}

func parleyStream(firstOnly bool) func(*Model, *llm.Request) error {
	return func(m *Model, req *llm.Request) error {
		for _, err := range m.Stream(ctx, req) {
			if err != nil {
				return err
			}
			if firstOnly {
				return nil
			}
		}
		return nil
	}
}

func streamInputs() (*bedrockruntime.ConverseStreamInput, *llm.Request) {
	return &bedrockruntime.ConverseStreamInput{
		ModelId:  aws.String("anthropic.claude"),
		Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "Tell me."}}}},
	}, &llm.Request{Messages: []llm.Message{llm.UserText("Tell me.")}}
}

// textBody is a stream of n text deltas, each with the padding that Bedrock adds.
func textBody(b *testing.B, n int) []byte {
	body := stream(b, `messageStart {"role":"assistant","p":"abcdefghijklmnop"}`)
	delta := stream(b, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":" several words of text"},"p":"abcdefghijklmnopqrstuvwxyz"}`)
	body = append(body, bytes.Repeat(delta, n)...)
	return append(body, stream(b, `contentBlockStop {"contentBlockIndex":0,"p":"abc"}`+end)...)
}

const eventStreamType = "application/vnd.amazon.eventstream"

func BenchmarkStreamOf500Deltas(b *testing.B) {
	in, req := streamInputs()
	bench(b, eventStreamType, textBody(b, 500), rawStream(in, nil, false), req, parleyStream(false))
}

func BenchmarkToolStreamOf200Fragments(b *testing.B) {
	body := stream(b, `messageStart {"role":"assistant"}
		contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"write"}}}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\":[0"}}}`)
	body = append(body, bytes.Repeat(stream(b, `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":", \"a \\\"quoted\\\" word\""}},"p":"abcdefghijkl"}`), 198)...)
	body = append(body, stream(b, `contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"]}"}}}
		contentBlockStop {"contentBlockIndex":0}
		messageStop {"stopReason":"tool_use"}
		metadata {"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"metrics":{"latencyMs":12}}`)...)
	in, req := streamInputs()
	var input strings.Builder
	raw := func(c *bedrockruntime.Client) error {
		input.Reset()
		return rawStream(in, func(ev types.ConverseStreamOutput) {
			if d, ok := ev.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
				if call, ok := d.Value.Delta.(*types.ContentBlockDeltaMemberToolUse); ok {
					input.WriteString(*call.Value.Input)
				}
			}
		}, false)(c)
	}
	bench(b, eventStreamType, body, raw, req, func(m *Model, req *llm.Request) error {
		r, err := llm.Collect(m.Stream(ctx, req))
		if err == nil && (len(r.ToolCalls()) != 1 || r.ToolCalls()[0].Malformed != "") {
			return io.ErrUnexpectedEOF
		}
		return err
	})
}

// BenchmarkFirstEvent is the time from the call to its first event, on a stream
// that is then left: each turn opens a connection of its own.
func BenchmarkFirstEvent(b *testing.B) {
	in, req := streamInputs()
	bench(b, eventStreamType, textBody(b, 500), rawStream(in, nil, true), req, parleyStream(true))
}

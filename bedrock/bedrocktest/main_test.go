package bedrocktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"iter"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go/transport/http/protocol/restjson1"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// leaked waits for the goroutines of tests to end and returns the stacks of those
// that do not.
func leaked(wait time.Duration) string {
	deadline := time.Now().Add(wait)
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		var left []string
		for _, s := range stacks[1:] { // the first is this one
			if !strings.Contains(s, "testing.") && !strings.Contains(s, "os/signal") && !strings.Contains(s, "runtime.") {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			return ""
		}
		if time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// model is an llm.Model made of a function for each answer.
type model struct {
	generate func(context.Context, *llm.Request) (*llm.Response, error)
	stream   func(context.Context, *llm.Request) iter.Seq2[llm.Event, error]
}

func (m model) Info() llm.Info { return llm.Info{Provider: "test", Model: "test"} }

func (m model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if m.generate == nil {
		return llm.Collect(m.Stream(ctx, req))
	}
	return m.generate(ctx, req)
}

func (m model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	if m.stream == nil {
		resp, err := m.Generate(ctx, req)
		if err != nil {
			return func(yield func(llm.Event, error) bool) { yield(nil, err) }
		}
		return resp.Events()
	}
	return m.stream(ctx, req)
}

// says always gives the same answer.
func says(r *llm.Response) model {
	return model{generate: func(context.Context, *llm.Request) (*llm.Response, error) { return r, nil }}
}

// fails always fails.
func fails(err error) model {
	return model{generate: func(context.Context, *llm.Request) (*llm.Response, error) { return nil, err }}
}

// plays yields the events, and then the error if there is one.
func plays(err error, events ...llm.Event) model {
	return model{stream: func(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
		return func(yield func(llm.Event, error) bool) {
			for _, ev := range events {
				if !yield(ev, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		}
	}}
}

var hello = &llm.Response{
	Message:    llm.AssistantText("Hello!"),
	StopReason: llm.StopEndTurn,
	Usage:      llm.Usage{InputTokens: 5, OutputTokens: 2},
}

func serve(t testing.TB, m llm.Model, opts *bedrocktest.Options) *bedrocktest.Server {
	t.Helper()
	if opts == nil {
		opts = &bedrocktest.Options{}
	}
	if opts.Latency == 0 {
		opts.Latency = -1
	}
	s := bedrocktest.NewServer(m, opts)
	t.Cleanup(s.Close)
	return s
}

// faulty is a server whose every answer has the fault.
func faulty(t testing.TB, m llm.Model, f bedrocktest.Fault) *bedrocktest.Server {
	return serve(t, m, &bedrocktest.Options{Fault: func(int, *http.Request) *bedrocktest.Fault { return &f }})
}

const someModel = "anthropic.claude-sonnet-4-5-20250929-v1:0"

func hi() []types.Message {
	return []types.Message{{Role: types.ConversationRoleUser,
		Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "Hi"}}}}
}

func converse(ctx context.Context, c *bedrockruntime.Client) (*bedrockruntime.ConverseOutput, error) {
	return c.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(someModel), Messages: hi()})
}

// freshProtocol cures the SDK's data race between concurrent streams.
func freshProtocol(o *bedrockruntime.Options) {
	o.Protocol = restjson1.New(schemas.AmazonBedrockFrontendService)
}

// collect runs a stream of the raw SDK to its end.
func collect(ctx context.Context, c *bedrockruntime.Client) ([]types.ConverseStreamOutput, error) {
	out, err := c.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String(someModel), Messages: hi()}, freshProtocol)
	if err != nil {
		return nil, err
	}
	stream := out.GetStream()
	defer stream.Close()
	var events []types.ConverseStreamOutput
	for ev := range stream.Events() {
		events = append(events, ev)
	}
	return events, stream.Err()
}

const helloBody = `{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}`

// post sends a body as no AWS SDK would.
func post(t testing.TB, s *bedrocktest.Server, path, body string) *http.Response {
	t.Helper()
	return do(t, http.DefaultClient, newPost(t, s, path, body))
}

func newPost(t testing.TB, s *bedrocktest.Server, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 secret")
	return r
}

func do(t testing.TB, c *http.Client, r *http.Request) *http.Response {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func indent(t testing.TB, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "\t"); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return out.String() + "\n"
}

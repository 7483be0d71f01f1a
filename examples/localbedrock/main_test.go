package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	os.Unsetenv("AWS_BEARER_TOKEN_BEDROCK") // as the program's text advises
	os.Exit(leak.Run(m))
}

// started serves until stop is called, and returns the address that it prints.
func started(t *testing.T, c config) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(ctx, w, c); w.Close() }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-done)
	}
	go io.Copy(io.Discard, r)
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// client is one of the AWS SDK, as a program has it.
func client(t *testing.T, url string) *bedrockruntime.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""), Retryer: aws.NopRetryer{}})
}

// A tool loop through the server, as a program would run it.
func TestServe(t *testing.T) {
	url, stop := started(t, config{})
	m := bedrock.New(client(t, url), "any", nil)
	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("Weather in Oslo?")},
		Tools:    []llm.Tool{{Name: "weather", Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)}},
	}
	resp, err := m.Generate(t.Context(), req)
	if err != nil || len(resp.ToolCalls()) != 1 || resp.ToolCalls()[0].Name != "weather" {
		t.Fatalf("%+v, %v", resp, err)
	}
	req.Messages = append(req.Messages, resp.Message, llm.User(llm.ToolResult(resp.ToolCalls()[0].ID, llm.Text("4 degrees"))))
	resp, err = llm.Collect(m.Stream(t.Context(), req))
	if err != nil || resp.Text() == "" || resp.StopReason != llm.StopEndTurn {
		t.Errorf("%+v, %v", resp, err)
	}
	stop()
}

// Requests fail as the list says; what is recorded tells no secret.
func TestFaultsAndRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "traffic.txt")
	url, stop := started(t, config{faults: "throttle:2s, AccessDeniedException,503,cut:3,break:2,delay:1ms,ok", record: file, pace: time.Millisecond})
	m := bedrock.New(client(t, url), "amazon.nova-lite-v1:0", nil)
	for i, want := range []llm.Code{llm.ErrRateLimited, llm.ErrPermissionDenied, llm.ErrOverloaded, llm.ErrIncomplete, llm.ErrInternal, "", "", ""} {
		_, err := llm.Collect(m.Stream(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}}))
		if got := llm.CodeOf(err); got != want {
			t.Errorf("request %d: %v, want %q", i, err, string(want))
		}
		if wait, _ := llm.RetryAfter(err); i == 0 && wait != 2*time.Second {
			t.Errorf("%v", wait)
		}
	}
	stop()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "ConverseStream amazon.nova-lite-v1:0\n"); n != 8 || strings.Contains(string(text), "Signature") {
		t.Errorf("%d exchanges:\n%s", n, text)
	}
}

// A request that the model of -model refuses is refused, whatever it calls its own.
func TestModel(t *testing.T) {
	for model, refused := range map[string]bool{"": false, "amazon.titan-text-express-v1": true} {
		url, stop := started(t, config{model: model})
		_, err := client(t, url).Converse(t.Context(), &bedrockruntime.ConverseInput{
			ModelId:  aws.String("mine"),
			System:   []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: "Be brief."}},
			Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "Hi"}}}},
		})
		if _, invalid := errors.AsType[*types.ValidationException](err); invalid != refused || err != nil != refused {
			t.Errorf("-model %q: a system prompt: %v", model, err)
		}
		stop()
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &paced{fake.New(fake.Text("four times, a second apart").Chunk(8)), time.Second}
		start := time.Now()
		resp, err := llm.Collect(m.Stream(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}}))
		if err != nil || resp.Text() != "four times, a second apart" || time.Since(start) != 4*time.Second {
			t.Errorf("%v, %v after %v", resp, err, time.Since(start))
		}

		m = &paced{fake.New(fake.Text("never")), time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := llm.Collect(m.Stream(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}})); llm.CodeOf(err) != llm.ErrTimeout {
			t.Error(err)
		}
	})
}

func TestBadFlags(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, c := range map[string]config{
		"a port in use":      {port: l.Addr().(*net.TCPAddr).Port},
		"a file in no place": {record: filepath.Join(t.TempDir(), "none", "traffic.txt")},
		"an unknown model":   {model: "mine"},
		"no fault":           {faults: "throttle,,ok"},
		"an unknown fault":   {faults: "explode"},
		"no count":           {faults: "cut"},
		"a bad count":        {faults: "stall:-1"},
		"no time":            {faults: "delay:soon"},
		"a time before now":  {faults: "delay:-1s"},
		"a wait of less":     {faults: "throttle:-1s"},
		"a pace backwards":   {pace: -time.Second},
		"a status of none":   {faults: "200"},
		"too much said":      {faults: "ok:1"},
		"a word too many":    {faults: "ThrottlingException:2s"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := serve(ctx, io.Discard, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

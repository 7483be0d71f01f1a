package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	os.Unsetenv("AWS_BEARER_TOKEN_BEDROCK") // as the program's text advises
	os.Exit(leak.Run(m))
}

// A tool loop through the server, as a program would run it.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(ctx, w, "127.0.0.1:0") }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, r)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)

	transport := &http.Transport{}
	client := bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""), Retryer: aws.NopRetryer{}})
	m := bedrock.New(client, "any", nil)
	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("Weather in Oslo?")},
		Tools:    []llm.Tool{{Name: "weather", Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)}},
	}
	resp, err := m.Generate(ctx, req)
	if err != nil || len(resp.ToolCalls()) != 1 || resp.ToolCalls()[0].Name != "weather" {
		t.Fatalf("%+v, %v", resp, err)
	}
	req.Messages = append(req.Messages, resp.Message, llm.User(llm.ToolResult(resp.ToolCalls()[0].ID, llm.Text("4 degrees"))))
	resp, err = llm.Collect(m.Stream(ctx, req))
	if err != nil || resp.Text() == "" || resp.StopReason != llm.StopEndTurn {
		t.Errorf("%+v, %v", resp, err)
	}

	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	w.Close()
	transport.CloseIdleConnections()
}

// An address that others can reach is warned of.
func TestWarning(t *testing.T) {
	for addr, want := range map[string]string{"0.0.0.0:0": "Warning: it listens on 0.0.0.0:", ":0": "Warning: it listens on 0.0.0.0:", "127.0.0.1:0": "", "localhost:0": ""} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out strings.Builder
		if err := serve(ctx, &out, addr); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); want != "" && !strings.Contains(got, want) || want == "" && strings.Contains(got, "Warning") {
			t.Errorf("%s: %s", addr, got)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := serve(t.Context(), io.Discard, l.Addr().String()); err == nil {
		t.Error("no error for an address that is in use")
	}
}

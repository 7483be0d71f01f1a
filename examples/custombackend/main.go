// Custombackend shows how to write a backend: an llm.Model over any endpoint that
// speaks OpenAI's chat completions, in the standard library alone. Start reading in
// backend.go. The program asks a question, streams an answer, and lets the model call
// a tool.
//
//	go run ./examples/custombackend     # offline: a server of its own, over a fake model
//	OPENAI_API_KEY=… go run ./examples/custombackend -url https://api.openai.com/v1 -model gpt-5-mini
//
// # What is mapped
//
// Text, images, sound and files from the user, tools, reasoning and its effort, structured
// output, sampling settings but top_k, refusals, citations of the web, usage with cached and
// reasoning tokens and the service tier, and errors with request id and time to wait. Members
// of an answer that are not known are told of.
//
// # What is not
//
// What the wire has no words for: conformance_test.go lists it with reasons. Of what it has:
// several choices, log probabilities, sound in the answer, stored answers and their tags.
// For a wire of blocks see examples/messagesbackend.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

const defaultModel = "gpt-5-mini"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	url := flag.String("url", "", "the base `URL` of the endpoint, such as https://api.openai.com/v1; the key is read from OPENAI_API_KEY")
	name := flag.String("model", defaultModel, "with -url: the `name` of the model")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Custombackend talks to an endpoint of OpenAI's chat completions, or to one of its own.\n\n"+
			"usage: custombackend [-url URL [-model name]]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || *url == "" && *name != defaultModel { // its own has one model
		flag.Usage()
		os.Exit(2)
	}

	model, closeModel, err := open(os.Stdout, *url, os.Getenv("OPENAI_API_KEY"), *name)
	if err == nil {
		err = talk(ctx, os.Stdout, model)
		closeModel()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "custombackend:", err)
		os.Exit(1)
	}
}

// open returns the model to talk to, and what closes it. Without a URL it is behind a
// server of this example's own.
func open(w io.Writer, url, key, name string) (llm.Model, func(), error) {
	if url != "" {
		fmt.Fprintf(w, "Talking to %s.\n", name)
		return New(url, key, name, nil), func() {}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: Handler(fake.Func(reply))}
	go server.Serve(l) // until it is closed
	transport := &http.Transport{}
	url = "http://" + l.Addr().String() + "/v1"
	fmt.Fprintf(w, "Talking to a fake model behind a local server, %s. Run with -url for a real one.\n", url)
	return New(url, "", name, &http.Client{Transport: transport}), func() { transport.CloseIdleConnections(); server.Close() }, nil
}

// talk does what most applications do. Nothing in it knows which backend it uses.
func talk(ctx context.Context, w io.Writer, model llm.Model) error {
	fmt.Fprintln(w, "\n== A question ==")
	resp, err := model.Generate(ctx, &llm.Request{
		System:   []llm.Part{llm.Text("Answer in one sentence.")},
		Messages: []llm.Message{llm.UserText("What is the capital of Norway?")},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, resp.Text())
	fmt.Fprintf(w, "(%s, %d tokens)\n", resp.StopReason, resp.Usage.TotalTokens())

	fmt.Fprintln(w, "\n== An answer as it comes ==")
	story := &llm.Request{Messages: []llm.Message{llm.UserText("Tell me a very short story about a lighthouse.")}}
	for text, err := range llm.TextStream(model.Stream(ctx, story)) {
		if err != nil {
			fmt.Fprintln(w)
			return err
		}
		fmt.Fprint(w, text)
	}

	fmt.Fprint(w, "\n\n== A tool ==\n")
	req := &llm.Request{
		Messages: []llm.Message{llm.UserText("Do I need an umbrella in Bergen?")},
		Tools: []llm.Tool{{Name: "weather", Description: "Tells the weather of a city.",
			Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`)}},
	}
	for range 5 { // a model may ask again and again
		resp, err := model.Generate(ctx, req)
		if err != nil {
			return err
		}
		if resp.StopReason != llm.StopToolUse {
			fmt.Fprintln(w, resp.Text())
			return nil
		}
		results := llm.Message{Role: llm.RoleUser}
		for _, call := range resp.ToolCalls() {
			fmt.Fprintf(w, "The model calls %s with %s.\n", call.Name, cmp.Or(call.Malformed, string(call.Input)))
			results.Content = append(results.Content, weather(call))
		}
		req.Messages = append(req.Messages, resp.Message, results)
	}
	return fmt.Errorf("the model asked for tools five times")
}

// weather is the tool. What goes wrong in it is told to the model, which may try again.
func weather(call *llm.ToolCallPart) *llm.ToolResultPart {
	var in struct{ City string }
	if call.Malformed != "" || json.Unmarshal(call.Input, &in) != nil || in.City == "" {
		return llm.ToolError(call.ID, "give the city as {\"city\": …}")
	}
	return llm.ToolResult(call.ID, llm.Text(in.City+": 7 degrees, rain until the evening"))
}

// reply is the fake model behind the local server.
func reply(_ context.Context, req *llm.Request) (*llm.Response, error) {
	last := req.Messages[len(req.Messages)-1].Content[0]
	if _, ok := last.(*llm.ToolResultPart); ok {
		return &llm.Response{Message: llm.AssistantText("Yes, take one: it rains until the evening.")}, nil
	}
	switch {
	case len(req.Tools) > 0:
		return &llm.Response{Message: llm.Assistant(&llm.ToolCallPart{Name: "weather", Input: json.RawMessage(`{"city":"Bergen"}`)})}, nil
	case len(req.System) > 0:
		return &llm.Response{Message: llm.AssistantText("The capital of Norway is Oslo.")}, nil
	}
	return &llm.Response{Message: llm.AssistantText("Every night the lighthouse counted the ships, and every morning it hoped to have counted wrong, for one more had always come home.")}, nil
}

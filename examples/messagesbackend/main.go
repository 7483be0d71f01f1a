// Messagesbackend is a backend for the wire of Anthropic's Messages API, in the standard
// library alone, and a program that uses it: it asks a question that takes reasoning, has
// a document read and cited, and lets the model call a tool.
//
//	go run ./examples/messagesbackend     # offline: a server of its own, over a fake model
//	ANTHROPIC_API_KEY=… go run ./examples/messagesbackend -url https://api.anthropic.com -model claude-sonnet-4-6
//
// How to write a backend is told in examples/custombackend. This one shows a wire that is
// close to the vocabulary of package llm, block by block.
//
// # What is mapped
//
// Text with citations, images, documents, tools and their results, also with images and
// failed ones, thinking with its signature, redacted thinking, cache points with both
// lifetimes, structured output, all sampling settings, tools that the provider runs, usage
// with what was read from the cache, written to it and thought, stop reasons, and errors with
// request id and time to wait. Tokens can be counted. Blocks and members that are not known, such as the calls
// that the provider runs itself, come as they are and go back as they came.
//
// # What is not
//
// Sound and video, tags but for a user_id, files by their ids, search results as content,
// and batches.
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

const defaultModel = "claude-sonnet-4-6"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	url := flag.String("url", "", "the base `URL` of the endpoint, such as https://api.anthropic.com; the key is read from ANTHROPIC_API_KEY")
	name := flag.String("model", defaultModel, "with -url: the `name` of the model")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Messagesbackend talks to an endpoint of Anthropic's Messages API, or to one of its own.\n\n"+
			"usage: messagesbackend [-url URL [-model name]]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || *url == "" && *name != defaultModel { // its own has one model
		flag.Usage()
		os.Exit(2)
	}

	model, closeModel, err := open(os.Stdout, *url, os.Getenv("ANTHROPIC_API_KEY"), *name)
	if err == nil {
		err = talk(ctx, os.Stdout, model)
		closeModel()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "messagesbackend:", err)
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
	url = "http://" + l.Addr().String()
	fmt.Fprintf(w, "Talking to a fake model behind a local server, %s. Run with -url for a real one.\n", url)
	return New(url, "", name, &http.Client{Transport: transport}), func() { transport.CloseIdleConnections(); server.Close() }, nil
}

// talk does what applications do. Nothing in it knows which backend it uses.
func talk(ctx context.Context, w io.Writer, model llm.Model) error {
	fmt.Fprintln(w, "\n== A question to think about ==")
	resp, err := model.Generate(ctx, &llm.Request{
		Messages:  []llm.Message{llm.UserText("Is 391 a prime number?")},
		Reasoning: &llm.Reasoning{},
		MaxTokens: 8000,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "[%s]\n%s\n", resp.Reasoning(), resp.Text())

	fmt.Fprintln(w, "\n== A document, cited as the answer comes ==")
	notes := &llm.DocumentPart{Name: "Keeper's log", Text: "The lamp was lit at six. Fog came at nine.", Cite: true}
	for ev, err := range model.Stream(ctx, &llm.Request{
		Messages:  []llm.Message{llm.User(notes, llm.Text("When did the fog come?"))},
		MaxTokens: 1000,
	}) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case *llm.TextDelta:
			fmt.Fprint(w, ev.Text)
		case *llm.CitationDelta:
			fmt.Fprintf(w, "\n(%s: %q)\n", ev.Citation.Title, ev.Citation.Text)
		}
	}

	fmt.Fprintln(w, "\n== A tool ==")
	req := &llm.Request{
		System:    []llm.Part{llm.Text("Look before you advise."), llm.CachePoint()},
		Messages:  []llm.Message{llm.UserText("Do I need an umbrella in Bergen?")},
		MaxTokens: 1000,
		Tools: []llm.Tool{{Name: "weather", Description: "Tells the weather of a city.",
			Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`)}},
	}
	for range 5 { // a model may ask again and again
		resp, err := model.Generate(ctx, req)
		if err != nil {
			return err
		}
		if resp.StopReason != llm.StopToolUse {
			fmt.Fprintf(w, "%s\n(%d tokens in, %d of them from the cache)\n", resp.Text(), resp.Usage.InputTokens, resp.Usage.CacheReadTokens)
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

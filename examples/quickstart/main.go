// Quickstart is the walk-through of "Getting started with the Amazon Bedrock Converse
// API" in Go: a first message, a second turn, an image, a system prompt, and the
// metadata of the last answer.
//
//	go run ./examples/quickstart            # offline: a local stand-in for Bedrock
//	go run ./examples/quickstart -bedrock   # Bedrock, with your AWS credentials
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

//go:embed image.webp
var image []byte

const defaultModel = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	onBedrock := flag.Bool("bedrock", false, "call Bedrock, with the default AWS credentials and region")
	modelID := flag.String("model", defaultModel, "with -bedrock: the `id` of the model")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Quickstart has a conversation with a model, offline or on Bedrock.\n\n"+
			"usage: quickstart [-bedrock [-model id]]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || !*onBedrock && *modelID != defaultModel { // the stand-in has one model
		flag.Usage()
		os.Exit(2)
	}

	model, closeModel, err := open(ctx, os.Stdout, *onBedrock, *modelID)
	if err == nil {
		err = walkThrough(ctx, os.Stdout, model)
		closeModel()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// open returns the model to talk to, and what closes it. Either way it is the same
// adapter over the same AWS client; only the other end differs.
func open(ctx context.Context, w io.Writer, onBedrock bool, modelID string) (llm.Model, func(), error) {
	if !onBedrock {
		fmt.Fprintln(w, "Talking to a local stand-in for Bedrock, whose answers are scripted. Run with -bedrock for the real one.")
		server := newStandIn()
		return bedrock.New(server.Client(), modelID, nil), server.Close, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case modelID == "":
		return nil, nil, errors.New("no model: the Bedrock console lists the ids of your region")
	case cfg.Region == "":
		return nil, nil, errors.New("no AWS region: set AWS_REGION, or a region in your AWS profile")
	}
	client := bedrockruntime.NewFromConfig(cfg)
	fmt.Fprintf(w, "Talking to %s on Bedrock in %s", modelID, cfg.Region)
	if url := client.Options().BaseEndpoint; url != nil {
		fmt.Fprintf(w, ", at %s", *url)
	}
	fmt.Fprintln(w, ".")
	return bedrock.New(client, modelID, nil), func() {}, nil
}

// walkThrough has the conversation, and prints it.
func walkThrough(ctx context.Context, w io.Writer, model llm.Model) error {
	// A request holds the whole conversation: the model keeps nothing between calls.
	req := &llm.Request{MaxTokens: 2000, Temperature: new(0.0)}

	section(w, "A basic call")
	req.Messages = append(req.Messages, llm.UserText("How are you today?"))
	resp, err := model.Generate(ctx, req)
	if err != nil {
		return err
	}
	printJSON(w, resp.Message)

	section(w, "Alternating user and assistant messages")
	req.Messages = append(req.Messages, resp.Message)
	printJSON(w, req.Messages)
	req.Messages = append(req.Messages, llm.UserText("What could we talk about? Answer in one sentence."))
	message, err := stream(ctx, w, model, req)
	if err != nil {
		return err
	}
	req.Messages = append(req.Messages, message)

	section(w, "Including an image in a message")
	req.Messages = append(req.Messages, llm.User(
		llm.Text("Image 1:"),
		llm.Image("image/webp", image), // llm.ImageFile reads one from a file
		llm.Text("Please describe the image."),
	))
	if resp, err = model.Generate(ctx, req); err != nil {
		return err
	}
	printJSON(w, resp.Message)
	req.Messages = append(req.Messages, resp.Message)

	section(w, "Setting a system prompt")
	req.System = []llm.Part{llm.Text("Please respond to all requests in the style of a pirate.")}
	req.Messages = append(req.Messages, llm.UserText("Can you please summarize our conversation so far?"))
	if resp, err = model.Generate(ctx, req); err != nil {
		return err
	}
	printJSON(w, resp.Message)

	section(w, "Getting response metadata and token counts")
	usage, err := json.Marshal(struct {
		InputTokens  int `json:"inputTokens"`
		OutputTokens int `json:"outputTokens"`
		TotalTokens  int `json:"totalTokens"`
	}{resp.Usage.InputTokens, resp.Usage.OutputTokens, resp.Usage.TotalTokens()})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "Stop Reason:", resp.StopReason)
	fmt.Fprintf(w, "Usage: %s\n", usage)
	return nil
}

// stream prints an answer as it arrives, and returns it whole.
func stream(ctx context.Context, w io.Writer, model llm.Model, req *llm.Request) (llm.Message, error) {
	fmt.Fprint(w, "\nStreamed as it comes: ")
	var answer llm.Accumulator
	for text, err := range llm.TextStream(answer.Tee(model.Stream(ctx, req))) {
		if err != nil {
			fmt.Fprintln(w)
			return llm.Message{}, err
		}
		fmt.Fprint(w, text)
	}
	fmt.Fprintln(w)
	return answer.Response().Message, nil
}

func section(w io.Writer, title string) { fmt.Fprintf(w, "\n== %s ==\n", title) }

// printJSON prints a message in the form in which Parley stores it.
func printJSON(w io.Writer, v any) {
	b, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		b = []byte(err.Error())
	}
	fmt.Fprintln(w, string(b))
}

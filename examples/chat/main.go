// Chat is a chat in the terminal: answers are streamed as they come, tools are called, and
// Ctrl-C interrupts an answer.
//
//	go run ./examples/chat             # offline: a fake with canned answers
//	go run ./examples/chat -bedrock    # a model on Bedrock, with your AWS credentials
//	printf 'hi\n/cost\n' | go run ./examples/chat
//
// Ctrl-C during an answer stops it. What has come of it stays in the history, behind its
// question and marked as interrupted, so that the model knows what is on the screen: it can be
// asked to go on. The same holds for an answer that breaks off by itself. Before there is any text
// the question is forgotten. Ctrl-C at the prompt, Ctrl-D and /quit leave.
//
// Lines are edited by the terminal itself, and each is a question. README.md shows a screen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

const defaultModel = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"

func main() {
	onBedrock := flag.Bool("bedrock", false, "chat with a model on Bedrock, with the default AWS credentials and region")
	modelID := flag.String("model", defaultModel, "with -bedrock: the `id` of the model")
	think := flag.Bool("think", false, "with -bedrock: have the model reason before it answers")
	speed := flag.Int("speed", 40, "the fake's `tokens` a second; 0: as fast as it can")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Chat is a chat with a model, offline or on Bedrock.\n\n"+
			"usage: chat [-speed tokens]\n       chat -bedrock [-model id] [-think]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || *speed < 0 || !*onBedrock && (*modelID != defaultModel || *think) { // the fake is one model
		flag.Usage()
		os.Exit(2)
	}

	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	err := func() error {
		ctx := context.Background()
		model, greeting, err := open(ctx, *onBedrock, *modelID, *speed)
		if err != nil {
			return err
		}
		c := newChat(model, newInput(os.Stdin), newTerminal(os.Stdout), interrupts)
		if *think {
			c.opts.Request.MaxTokens = 16_000 // reasoning is part of them
			c.opts.Request.Reasoning = &llm.Reasoning{}
		}
		return c.run(ctx, greeting)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// open returns the model to chat with, and the line that says which it is.
func open(ctx context.Context, onBedrock bool, modelID string, speed int) (llm.Model, string, error) {
	if !onBedrock {
		return newStandIn(speed), "Chatting with a fake that has canned answers; -bedrock is the real thing.", nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case modelID == "":
		return nil, "", errors.New("no model: the Bedrock console lists the ids of your region")
	case cfg.Region == "":
		return nil, "", errors.New("no AWS region: set AWS_REGION, or a region in your AWS profile")
	}
	return bedrock.NewFromConfig(cfg, modelID, nil), fmt.Sprintf("Chatting with %s on Bedrock in %s.", modelID, cfg.Region), nil
}

// Agent answers a question with tools that look into files, calculate and tell the time, and
// shows what it does on the way.
//
//	go run ./examples/agent                                   # offline: a fake that tries each tool
//	go run ./examples/agent -bedrock "What do the groceries cost?"
//	go run ./examples/agent -bedrock -dir ~/notes -ask "…"    # asks you before each call
package main

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/usage"
)

//go:embed notes
var notes embed.FS

const instructions = "You answer questions about the user's files. Look before you answer, and calculate with the tool. Be brief."

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	onBedrock := flag.Bool("bedrock", false, "ask a model on Bedrock, with the default AWS credentials and region")
	modelID := flag.String("model", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "with -bedrock: the `id` of the model")
	dir := flag.String("dir", "", "the `folder` whose files it may read; default: a few notes of its own")
	ask := flag.Bool("ask", false, "ask before each call of a tool")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Agent answers a question with tools.\n\nusage: agent [flags] [question]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	question := strings.Join(flag.Args(), " ")
	if question == "" {
		question = "What do the groceries cost, and what is the time in Oslo?"
	}

	err := func() error {
		files, closeFiles, err := open(*dir)
		if err != nil {
			return err
		}
		defer closeFiles()
		model := llm.Model(fake.Auto())
		if *onBedrock {
			cfg, err := config.LoadDefaultConfig(ctx)
			if err != nil {
				return err
			}
			if cfg.Region == "" {
				return errors.New("no AWS region: set AWS_REGION, or a region in your AWS profile")
			}
			model = bedrock.NewFromConfig(cfg, *modelID, nil)
		}
		a := agent{model: model, tools: tools(files, time.Now), out: os.Stdout}
		if *ask {
			a.in = bufio.NewReader(os.Stdin)
		}
		return a.answer(ctx, question)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

// open returns the files of a folder, which symbolic links cannot leave either.
func open(dir string) (fs.FS, func(), error) {
	if dir == "" {
		files, err := fs.Sub(notes, "notes")
		return files, func() {}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	return root.FS(), func() { _ = root.Close() }, nil
}

// agent is a model with tools.
type agent struct {
	model llm.Model
	tools []tool.Tool
	out   io.Writer
	in    *bufio.Reader // where a human answers before each call; nil = nobody is asked
}

// answer shows each step towards the answer, and what it cost.
func (a *agent) answer(ctx context.Context, question string) error {
	ledger := usage.NewLedger(nil)
	model := llm.Wrap(a.model, middleware.Standard(middleware.Config{Usage: usage.New(ledger)}))
	c := conversation.New(model, &conversation.Options{
		System:  []llm.Part{llm.Text(instructions)},
		Tools:   a.tools,
		Request: &llm.Request{MaxTokens: 1000},
		Approve: a.approve,
	})
	fmt.Fprintf(a.out, "> %s\n", question)
	for ev, err := range c.Stream(ctx, llm.Text(question)) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case *llm.TextDelta:
			fmt.Fprint(a.out, ev.Text)
		case *llm.PartStart:
			switch p := ev.Part.(type) {
			case *llm.TextPart:
				fmt.Fprintln(a.out)
			case *llm.ToolCallPart:
				fmt.Fprintf(a.out, "\n  → %s ", p.Name)
			case *llm.ToolResultPart:
				fmt.Fprintf(a.out, "\n  ← %s: %s", p.Name, inShort(p))
			}
		case *llm.ToolCallDelta:
			fmt.Fprint(a.out, ev.Input)
		}
	}
	total := ledger.Total()
	fmt.Fprintf(a.out, "\n\n%d calls of the model, %d tokens in and %d out, cost in USD: %s\n",
		total.Calls, total.Usage.InputTokens, total.Usage.OutputTokens, total.Cost)
	return nil
}

// approve asks a human about a call, where there is one.
func (a *agent) approve(_ context.Context, call *llm.ToolCallPart) (conversation.Decision, error) {
	if a.in == nil {
		return conversation.Run, nil
	}
	fmt.Fprintf(a.out, "\n  Run %s with %s? [y/N] ", call.Name, call.Input)
	line, err := a.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return conversation.Run, nil
	}
	return conversation.Deny("the user said no"), nil
}

// inShort is a result in one line.
func inShort(p *llm.ToolResultPart) string {
	var text string
	for _, p := range p.Content {
		if p, ok := p.(*llm.TextPart); ok {
			text += p.Text
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 70 {
		text = string(runes[:70]) + "…"
	}
	return text
}

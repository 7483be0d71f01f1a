package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/usage"
)

const instructions = "You are in a chat in a terminal: answer briefly, in plain text without Markdown. Use the tools for dates and times."

// chat is a conversation on a screen.
type chat struct {
	model      llm.Model
	ledger     *usage.Ledger
	opts       *conversation.Options
	talk       *conversation.Conversation
	in         input
	term       *terminal
	interrupts <-chan os.Signal
}

func newChat(model llm.Model, in input, term *terminal, interrupts <-chan os.Signal) *chat {
	c := &chat{ledger: usage.NewLedger(nil), in: in, term: term, interrupts: interrupts}
	c.model = llm.Wrap(model, middleware.Standard(middleware.Config{
		Usage: usage.New(c.ledger),
		Retry: retry.New(&retry.Options{OnRetry: func(a retry.Attempt) {
			term.spin(fmt.Sprintf("%s, trying again in %s", llm.CodeOf(a.Err), a.Delay.Round(100*time.Millisecond)))
		}}),
	}))
	c.opts = &conversation.Options{
		System:  []llm.Part{llm.Text(instructions)},
		Tools:   tools(time.Now),
		Request: &llm.Request{MaxTokens: 4000},
	}
	return c
}

// run chats until the input ends, an interrupt at the prompt, or /quit.
func (c *chat) run(ctx context.Context, greeting string) error {
	c.talk = conversation.New(c.model, c.opts)
	c.term.remark(dim, "%s", greeting)
	c.term.remark(dim, "/help lists the commands.")
	for {
		line, err := c.read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "/"):
			if c.command(ctx, line) {
				return nil
			}
		default:
			c.answer(ctx, line)
		}
	}
}

// read returns the next line, or io.EOF after the last, or where an interrupt stands for it.
// What waits for the line is left behind in the latter case: the program ends.
func (c *chat) read() (string, error) {
	select {
	case <-c.interrupts: // meant an answer that was at its end already
	default:
	}
	if !c.in.echo {
		c.term.prompt()
	}
	type line struct {
		text string
		err  error
	}
	next := make(chan line, 1)
	go func() {
		text, err := c.in.lines.ReadString('\n')
		next <- line{text, err}
	}()
	var got line
	select {
	case got = <-next:
	case <-c.interrupts:
		got.err = io.EOF
	}
	if got.text == "" && got.err != nil {
		if !c.in.echo {
			fmt.Fprintln(c.term.out)
		}
		return "", got.err
	}
	got.text = strings.ToValidUTF8(strings.TrimRight(got.text, "\r\n"), "\ufffd")
	if c.in.echo {
		c.term.prompt()
		fmt.Fprintln(c.term.out, visible(got.text))
	}
	return got.text, nil
}

// answer has a question answered, and shows what comes as it comes.
func (c *chat) answer(ctx context.Context, question string) {
	answering, done := c.interruptible(ctx)
	defer done()
	c.term.spin("waiting")
	asked := []llm.Part{llm.Text(question)}
	var came llm.Accumulator
	for ev, err := range came.Tee(c.talk.Stream(answering, asked...)) {
		if err != nil {
			c.brokeOff(ctx, asked, came.Response(), err, answering.Err() != nil)
			return
		}
		c.show(ev, &came)
	}
}

// interruptible returns a context that ends with the next interrupt.
func (c *chat) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-c.interrupts:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); waiting.Wait() }
}

// show shows an event of an answer, of which that much has come.
func (c *chat) show(ev llm.Event, came *llm.Accumulator) {
	switch ev := ev.(type) {
	case *llm.ReasoningDelta:
		c.term.add(thought, dim, ev.Text)
	case *llm.TextDelta:
		c.term.add(text, plain, ev.Text)
	case *llm.PartStart:
		switch p := ev.Part.(type) {
		case *llm.ToolCallPart:
			c.term.spin(p.Name)
		case *llm.ToolResultPart:
			c.showCall(callOf(p, came.Response()), p)
			c.term.spin("waiting")
		}
	case *llm.Finish:
		for _, w := range ev.Warnings {
			c.term.remark(dim, "%s", w)
		}
		switch ev.StopReason {
		case llm.StopEndTurn, llm.StopSequence:
		case llm.StopMaxTokens:
			c.term.remark(dim, "(the answer has reached its limit of tokens: ask it to go on)")
		case llm.StopRefusal, llm.StopContentFilter:
			c.term.remark(dim, "(the model refused to answer, or a filter did: ask in other words, or begin again with /new)")
		default:
			c.term.remark(dim, "(the answer stopped: %s)", ev.StopReason)
		}
	}
}

// callOf is the call that a result answers.
func callOf(result *llm.ToolResultPart, came *llm.Response) *llm.ToolCallPart {
	for _, call := range came.ToolCalls() {
		if call.ID == result.CallID {
			return call
		}
	}
	return nil
}

// showCall shows a call and its result, in one line.
func (c *chat) showCall(call *llm.ToolCallPart, result *llm.ToolResultPart) {
	what, st := result.Name, dim
	if call != nil {
		what += " " + string(call.Input)
	}
	if result.IsError {
		st = red
	}
	what = oneLine(what, 56)
	c.term.remark(st, "• %s → %s", what, oneLine(textOf(result.Content), 74-len([]rune(what))))
}

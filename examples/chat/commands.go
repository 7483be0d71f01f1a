package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/parley-sdk/parley/conversation"
)

// command is what a line that begins with a slash is for.
type command struct {
	name, arg, help string
	run             func(ctx context.Context, arg string) error // nil = leave
}

func (c *chat) commands() []command {
	return []command{
		{"/new", "", "begin a new chat", c.begin},
		{"/save", "FILE", "write the chat to a file", c.save},
		{"/load", "FILE", "go on with the chat in a file", c.load},
		{"/cost", "", "what this session has used and cost", c.cost},
		{"/help", "", "this list", c.help},
		{"/quit", "", "leave, as Ctrl-D does", nil},
	}
}

// command obeys a line. It says whether to leave.
func (c *chat) command(ctx context.Context, line string) (leave bool) {
	name, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	for _, cmd := range c.commands() {
		switch {
		case cmd.name != name:
			continue
		case cmd.arg == "" && arg != "":
			c.term.remark(red, "%s takes nothing behind it.", name)
		case cmd.arg != "" && arg == "":
			c.term.remark(red, "%s needs a file: %s %s", name, name, cmd.arg)
		case cmd.run == nil:
			return true
		default:
			if err := cmd.run(ctx, arg); err != nil {
				c.term.remark(red, "%v", err)
			}
		}
		return false
	}
	c.term.remark(red, "There is no command %s. /help lists them; a question that begins with / needs a space before it.", oneLine(name, 20))
	return false
}

func (c *chat) help(context.Context, string) error {
	for _, cmd := range c.commands() {
		c.term.remark(plain, "%-11s  %s", strings.TrimSpace(cmd.name+" "+cmd.arg), cmd.help)
	}
	c.term.remark(plain, "%-11s  %s", "Ctrl-C", "interrupt the answer; at the prompt: leave")
	return nil
}

func (c *chat) begin(context.Context, string) error {
	c.talk = conversation.New(c.model, c.opts)
	c.term.remark(dim, "A new chat.")
	return nil
}

// cost tells what the ledger knows. It counts what is billed: answers that were interrupted and
// chats that are over too, but not what another session has asked of a chat that was loaded.
func (c *chat) cost(context.Context, string) error {
	total := c.ledger.Total()
	calls, unit := fmt.Sprint(total.Calls), " USD"
	if n := total.Estimated.Calls; n > 0 {
		calls += fmt.Sprintf(" (%d not whole, and estimated)", n)
	}
	if _, known := total.Cost.USD(); !known {
		unit = "" // the model has no price
	}
	c.term.remark(plain, "calls   %s", calls)
	c.term.remark(plain, "tokens  %d in, %d out", total.Usage.InputTokens, total.Usage.OutputTokens)
	c.term.remark(plain, "cost    %s%s", total.Cost, unit)
	return nil
}

// save writes the chat to a file, which it may replace where that is a chat too.
func (c *chat) save(_ context.Context, arg string) error {
	path, err := expand(arg)
	if err != nil {
		return err
	}
	switch old, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case new(conversation.Conversation).UnmarshalJSON(old) != nil:
		return fmt.Errorf("%s is there already, and no chat: choose another name", arg)
	}
	b, err := json.Marshal(c.talk)
	if err != nil {
		return err
	}
	beside, err := os.CreateTemp(filepath.Dir(path), ".chat-*") // for its owner only
	if err != nil {
		return err
	}
	_, err = beside.Write(append(b, '\n'))
	if err = errors.Join(err, beside.Close()); err == nil {
		err = os.Rename(beside.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside.Name()))
	}
	c.term.remark(dim, "Saved %s to %s.", count(len(c.talk.Messages())), arg)
	return nil
}

// load goes on with the chat in a file.
func (c *chat) load(ctx context.Context, arg string) error {
	path, err := expand(arg)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	talk := conversation.New(c.model, c.opts)
	if err := json.Unmarshal(b, talk); err != nil {
		return fmt.Errorf("%s holds no chat: %w", arg, err)
	}
	if err := talk.Abandon(ctx); err != nil { // a turn that another program has left waiting
		return err
	}
	c.talk = talk
	messages := talk.Messages()
	c.term.remark(dim, "Loaded %s from %s.", count(len(messages)), arg)
	for _, m := range messages[max(0, len(messages)-2):] {
		if said := textOf(m.Content); said != "" {
			c.term.remark(dim, "%-9s  %s", m.Role, oneLine(said, 64))
		}
	}
	return nil
}

// expand is a path whose ~ is the home directory, as a shell has it.
func expand(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, rest), err
}

func count(messages int) string {
	if messages == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", messages)
}

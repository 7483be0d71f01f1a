package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/structured"
	"github.com/parley-sdk/parley/llm/tool"
)

// Desk answers mails of customers. It knows its model by the interface alone.
type Desk struct {
	Model  llm.Model
	Orders map[string]string // what is known of an order, by its number
}

// Topic is what a mail is about.
type Topic struct {
	Kind   string `json:"kind" enum:"order,complaint,other"`
	Urgent bool   `json:"urgent"`
}

// Sort says what a mail is about.
func (d *Desk) Sort(ctx context.Context, mail string) (Topic, error) {
	topic, _, err := structured.Generate[Topic](ctx, d.Model, &llm.Request{
		System:    []llm.Part{llm.Text("What is this mail about?")},
		Messages:  []llm.Message{llm.UserText(mail)},
		MaxTokens: 200,
	})
	return topic, err
}

// Answer answers a mail, and looks up orders for it. Where the model is too busy the customer is
// told so.
func (d *Desk) Answer(ctx context.Context, mail string) (string, error) {
	c := conversation.New(d.Model, &conversation.Options{
		System:  []llm.Part{llm.Text("Answer the customer's mail in two sentences. Look up orders before you speak of them.")},
		Tools:   []tool.Tool{tool.New("look_up_order", "what is known of an order", d.lookUp)},
		Request: &llm.Request{MaxTokens: 500},
	})
	resp, err := c.Send(ctx, llm.Text(mail))
	switch {
	case errors.Is(err, llm.ErrRateLimited), errors.Is(err, llm.ErrOverloaded):
		return "Thank you for your mail. We will answer it tomorrow.", nil
	case err != nil:
		return "", fmt.Errorf("answering a mail: %w", err)
	}
	return resp.Text(), nil
}

type order struct {
	Number string `json:"number" pattern:"^[0-9]{4}$"`
}

func (d *Desk) lookUp(_ context.Context, in order) (string, error) {
	known, ok := d.Orders[in.Number]
	if !ok {
		return "", tool.Errorf("there is no order of that number")
	}
	return known, nil
}

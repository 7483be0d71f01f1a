// Helpdesk answers a customer's mail. It is the application of the guide to tests, docs/testing.md:
// see its tests for how code that calls a model is tested without one.
//
//	go run ./examples/helpdesk "Where is my order 4711?"
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/parley-sdk/parley/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mail := strings.Join(os.Args[1:], " ")
	if mail == "" {
		mail = "Where is my order 4711?"
	}
	desk := &Desk{
		Model: fake.New( // in production: bedrock.New(…)
			fake.Text(`{"kind":"order","urgent":false}`),
			fake.ToolCall("look_up_order", map[string]any{"number": "4711"}),
			fake.Text("Your order left our house on Monday. It should be with you tomorrow."),
		),
		Orders: map[string]string{"4711": "sent on Monday, arrives on Wednesday"},
	}
	topic, err := desk.Sort(ctx, mail)
	if err == nil {
		fmt.Printf("%s\n\nIt is about: %s\n", mail, topic.Kind)
		var answer string
		if answer, err = desk.Answer(ctx, mail); err == nil {
			fmt.Println(answer)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helpdesk:", err)
		os.Exit(1)
	}
}

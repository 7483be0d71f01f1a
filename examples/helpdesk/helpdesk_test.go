package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// desk is a desk that knows one order.
func desk(m llm.Model) *Desk {
	return &Desk{Model: m, Orders: map[string]string{"4711": "sent on Monday"}}
}

// A script says what the model answers; the requests say what it was asked.
func TestAnswer(t *testing.T) {
	model := fake.New(
		fake.ToolCall("look_up_order", map[string]any{"number": "4711"}).On(fake.UserSays("4711"), fake.HasTool("look_up_order")),
		fake.Text("It was sent on Monday.").On(fake.HasResult("look_up_order")),
	)
	defer model.AssertExhausted(t) // every turn was played
	answer, err := desk(model).Answer(t.Context(), "Where is order 4711?")
	if err != nil || answer != "It was sent on Monday." {
		t.Fatalf("%q, %v", answer, err)
	}
	if limit := model.Requests()[0].MaxTokens; limit != 500 {
		t.Errorf("max tokens are %d", limit)
	}
}

// What goes wrong at a provider goes wrong here: by code, at once or in the middle.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		turn fake.Turn
		want string
		code llm.Code
	}{
		{"busy", fake.Fail(llm.ErrRateLimited), "We will answer it tomorrow", ""},
		{"cut off", fake.Text("It was sent on Mon").CutAfter(3), "", llm.ErrIncomplete},
		{"refused", fake.Text("I cannot help with that.").StopWith(llm.StopRefusal), "I cannot help", ""},
		{"bad arguments", fake.ToolCall("look_up_order", []byte(`{"number": 47`)), "Which order?", ""},
	} {
		model := fake.New(c.turn, fake.Text("Which order?"))
		answer, err := desk(model).Answer(t.Context(), "Where is it?")
		if llm.CodeOf(err) != c.code || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %q, %v", c.name, answer, err)
		}
	}
}

// Policies and their waiting cost no time in a bubble of virtual time.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model := llm.Wrap(
			fake.New(
				fake.Fail(&llm.Error{Code: llm.ErrOverloaded, RetryAfter: 20 * time.Second}).Times(2),
				fake.Text(`{"kind":"order","urgent":true}`).Delay(3*time.Second),
			),
			middleware.Standard(middleware.Config{Timeout: timeout.New(&timeout.Options{Total: time.Minute})}),
		)
		began := time.Now()
		topic, err := desk(model).Sort(t.Context(), "Where is it?")
		if err != nil || !topic.Urgent {
			t.Errorf("%+v, %v", topic, err)
		}
		if took := time.Since(began); took != (20+20+3)*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Auto needs no script: it calls each tool with arguments that satisfy its schema, and answers in
// the form that is asked for.
func TestWithoutScript(t *testing.T) {
	d := desk(fake.Auto())
	if _, err := d.Answer(t.Context(), "Where is it?"); err != nil {
		t.Error(err)
	}
	if topic, err := d.Sort(t.Context(), "Where is it?"); err != nil || topic.Kind == "" {
		t.Errorf("%+v, %v", topic, err)
	}
}

// A cassette holds what a live model once answered: PARLEY_RECORD=1 go test -run TestRecorded.
func TestRecorded(t *testing.T) {
	var live llm.Model
	if fake.Recording() {
		cfg, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		live = bedrock.NewFromConfig(cfg, "global.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	}
	d := desk(fake.Cassette(t, "testdata/order.jsonl", live))
	answer, err := d.Answer(t.Context(), "Where is order 4711?")
	if err != nil || !strings.Contains(answer, "Monday") {
		t.Errorf("%q, %v", answer, err)
	}
}

// Over the wire: the adapter and the AWS client are real, and Bedrock is a local server that
// throttles once and then cuts the connection.
func TestOverTheWire(t *testing.T) {
	server := bedrocktest.NewServer(fake.Auto(), &bedrocktest.Options{
		Fault: bedrocktest.Faults(&bedrocktest.Fault{Type: "ThrottlingException"}, &bedrocktest.Fault{CutAt: new(40)}),
	})
	defer server.Close()
	d := desk(bedrock.New(server.Client(), "amazon.nova-pro-v1:0", nil))

	if answer, err := d.Answer(t.Context(), "Where is it?"); err != nil || !strings.Contains(answer, "tomorrow") {
		t.Errorf("throttled: %q, %v", answer, err)
	}
	if _, err := d.Answer(t.Context(), "Where is it?"); !errors.Is(err, llm.ErrIncomplete) {
		t.Errorf("cut: %v", err)
	}
	if answer, err := d.Answer(t.Context(), "Where is it?"); err != nil || !strings.Contains(answer, "look_up_order answered") && !strings.Contains(answer, "look_up_order failed") {
		t.Errorf("then: %q, %v", answer, err)
	}
	server.AssertRequests(t, "Converse", "Converse", "Converse", "Converse") // the last answer took two
}

// What docs/testing.md shows of a script that does not fit.
func Example_mismatch() {
	model := fake.New(
		fake.ToolCall("look_up_order", map[string]any{"number": "4711"}).On(fake.UserSays("4711"), fake.HasTool("look_up_order")),
		fake.Text("It was sent on Monday.").On(fake.HasResult("look_up_order")),
	)
	_, err := desk(model).Answer(context.Background(), "Where is my order?")
	fmt.Println(llm.CodeOf(err))
	model.AssertExhausted(printer{})
	// Output:
	// internal
	// fake: 2 not played:
	//   turns[0]: tool_call look_up_order {"number":"4711"}, when user says "4711" and has tool look_up_order
	//     fake-1 differs:
	//       - user says "4711"
	//       + user says "Where is my order?"
	//   turns[1]: text "It was sent on Monday.", when has result of look_up_order
	//     fake-1 differs:
	//       - has result of look_up_order
	//       + has results of none
	// 1 without an answer:
	//   fake-1: none of the turns that are left matches (2 of 2); the request: system(text 85) user(text 18); tools look_up_order
	// The request:
	//   fake-1 tool:look_up_order
	//     system[0]: text "Answer the customer's mail in two sentences. Look up orders before you s…"
	//     messages[0].content[0] user: text "Where is my order?"
}

// printer stands for a *testing.T.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

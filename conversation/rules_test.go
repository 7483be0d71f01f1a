package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// What a fork brings along is written once, and neither writes into the other's history.
func TestForksApart(t *testing.T) {
	store := conversation.NewMemoryStore()
	c := conversation.New(script(), &conversation.Options{Store: store})
	add := func(c *conversation.Conversation, texts ...string) {
		for _, text := range texts {
			if err := c.Append(t.Context(), llm.UserText(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(c, "1", "2", "3")
	f := c.Fork()
	add(c, "4")
	add(f, "5", "6")
	for c, want := range map[*conversation.Conversation]string{c: "u(1)u(2)u(3)u(4)", f: "u(1)u(2)u(3)u(5)u(6)"} {
		again, err := conversation.Open(t.Context(), script(), &conversation.Options{Store: store, ID: c.ID()})
		if err != nil || shape(again.Messages()) != want || shape(c.Messages()) != want {
			t.Errorf("%s, stored %s, want %s: %v", shape(c.Messages()), shape(again.Messages()), want, err)
		}
	}
}

// One call that succeeds begins the count of failures anew.
func TestFailuresInARow(t *testing.T) {
	turns := []fake.Turn{fake.ToolCall("weather", in("A")), fake.ToolCall("weather", in("Oslo")), fake.ToolCall("weather", in("B")), fake.Text("Well.")}
	c := conversation.New(script(turns...), &conversation.Options{Tools: []tool.Tool{weather()}, MaxFailures: 1})
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Error(err)
	}
}

// A context that ends while tools run ends the turn, whatever they and the model make of it.
func TestCancelWithinTools(t *testing.T) {
	for _, way := range ways() {
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
			asked++
			return &llm.Response{Message: llm.Assistant(&llm.ToolCallPart{ID: "c", Name: "stop", Input: json.RawMessage(`{}`)}), StopReason: llm.StopToolUse}, nil
		})
		stop := tool.New("stop", "", func(context.Context, struct{}) (string, error) { cancel(); return "ok", nil })
		next := 0
		c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{stop}, Prepare: func(_ context.Context, step int, _ *llm.Request) error { next = step; return nil }})
		if _, err := way.send(ctx, c, llm.Text("?")); !errors.Is(err, context.Canceled) || asked != 1 || next != 1 || len(c.Messages()) > 0 {
			t.Errorf("%s: %v, asked %d times, step %d", way.name, err, asked, next)
		}
	}
}

// A turn that waits stays behind when a conversation forks.
func TestForkOfPending(t *testing.T) {
	c := conversation.New(script(twoSteps()[0], fake.Text("Yes.")), &conversation.Options{Tools: []tool.Tool{weather()},
		Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
			return conversation.Defer, nil
		}})
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Fatal(err)
	}
	f := c.Fork()
	if _, err := f.Send(t.Context(), llm.Text("Other?")); err != nil || f.Pending() != nil || shape(f.Messages()) != "u(Other?)a(Yes.)" || len(c.Pending()) != 2 {
		t.Errorf("%v, %s, %d", err, shape(f.Messages()), len(c.Pending()))
	}
}

// A resumed turn that is refused and dropped waits no longer, in the store neither.
func TestDropOfResumed(t *testing.T) {
	for _, way := range ways() {
		opts := &conversation.Options{ID: "c", Store: conversation.NewMemoryStore(), Tools: []tool.Tool{weather()}, Refused: conversation.DropRefused,
			Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
				return conversation.Defer, nil
			}}
		c := conversation.New(script(twoSteps()[0], fake.Text("No.").StopWith(llm.StopRefusal)), opts)
		if _, err := way.send(t.Context(), c, llm.Text("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := way.resume(t.Context(), c, llm.ToolResult("c1", llm.Text("4")), llm.ToolResult("c2", llm.Text("5"))); err != nil {
			t.Fatal(err)
		}
		again, err := conversation.Open(t.Context(), script(), opts)
		if err != nil || c.Pending() != nil || again.Pending() != nil || len(again.Messages()) > 0 {
			t.Errorf("%s: %v, %d and %d wait", way.name, err, len(c.Pending()), len(again.Pending()))
		}
	}
}

// The last step of a stream has all that the last step of Send has.
func TestPartsOfLaterSteps(t *testing.T) {
	opaque := &llm.Opaque{Provider: "test", Data: json.RawMessage(`{"a":1}`)}
	last := []llm.Part{
		&llm.ReasoningPart{Text: "Hm.", Signature: "s", Opaque: opaque},
		&llm.TextPart{Text: "4.", Citations: []llm.Citation{{Kind: "web", URL: "https://example.com"}}, Opaque: opaque},
		&llm.MediaPart{MediaType: "image/png", Data: []byte("png"), Opaque: opaque},
		&llm.ProviderPart{Provider: "test", Kind: "x", Data: json.RawMessage(`{}`)},
	}
	var histories [][]llm.Message
	for _, way := range ways() {
		c := conversation.New(script(twoSteps()[0], fake.Parts(last...)), &conversation.Options{Tools: []tool.Tool{weather()}})
		r, err := way.send(t.Context(), c, llm.Text("?"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(last, r.Message.Content[len(r.Message.Content)-len(last):]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way.name, diff)
		}
		histories = append(histories, c.Messages())
	}
	if diff := cmp.Diff(histories[0], histories[1]); diff != "" {
		t.Errorf("Send and Stream (-Send +Stream):\n%s", diff)
	}
}

// Nobody is asked to approve what cannot be run.
func TestMalformedIsNotApproved(t *testing.T) {
	m := script(fake.Parts(&llm.ToolCallPart{ID: "c1", Name: "weather", Malformed: `{"city`}), fake.Text("Sorry."))
	asked := 0
	c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{weather()}, Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
		asked++
		return conversation.Defer, nil
	}})
	if r, err := c.Send(t.Context(), llm.Text("?")); err != nil || r.Text() != "Sorry." || asked > 0 {
		t.Errorf("%+v, %v, asked %d times", r, err, asked)
	}
}

// A model that returns nothing is an error.
func TestNothing(t *testing.T) {
	for _, way := range ways() {
		c := conversation.New(nothing{}, nil)
		if _, err := way.send(t.Context(), c, llm.Text("?")); err == nil || len(c.Messages()) > 0 {
			t.Errorf("%s: %v, %s", way.name, err, shape(c.Messages()))
		}
	}
}

type nothing struct{}

func (nothing) Info() llm.Info                                                   { return llm.Info{} }
func (nothing) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] { return nil }

func (nothing) Generate(context.Context, *llm.Request) (*llm.Response, error) { return nil, nil }

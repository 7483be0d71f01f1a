package conversation_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func ids(calls []*llm.ToolCallPart) []string {
	var out []string
	for _, c := range calls {
		out = append(out, c.ID)
	}
	return out
}

// A call waits for a human while the conversation is stored, and is resumed elsewhere.
func TestDefer(t *testing.T) {
	three := fake.Parts(call("c1", "Oslo"), call("c2", "Rome"), call("c3", "Oslo")).WithUsage(used(10, 5))
	for _, way := range ways() {
		store := conversation.NewMemoryStore()
		ran := 0
		decisions := map[string]conversation.Decision{"c1": conversation.Run, "c2": conversation.Defer, "c3": conversation.Defer}
		opts := &conversation.Options{
			ID: "c", Store: store,
			Tools: []tool.Tool{tool.New("weather", "", func(context.Context, cityIn) (string, error) { ran++; return "warm", nil })},
			Approve: func(_ context.Context, call *llm.ToolCallPart) (conversation.Decision, error) {
				return decisions[call.ID], nil
			},
		}
		c := conversation.New(script(three), opts)
		r, err := way.send(t.Context(), c, llm.Text("?"))
		if err != nil || r.StopReason != llm.StopToolUse || r.Usage != used(10, 5) {
			t.Fatalf("%s: %+v, %v", way.name, r, err)
		}
		if diff := cmp.Diff([]string{"c1", "c2", "c3"}, ids(c.Pending())); diff != "" || ran != 0 || len(c.Messages()) != 0 {
			t.Errorf("%s: pending %s, %d ran, history %s", way.name, diff, ran, shape(c.Messages()))
		}
		if _, err := way.send(t.Context(), c, llm.Text("!")); !errors.Is(err, llm.ErrInvalidRequest) || !strings.Contains(err.Error(), "Resume") {
			t.Errorf("%s: a question meanwhile: %v", way.name, err)
		}
		if err := c.Append(t.Context(), llm.UserText("!")); !errors.Is(err, llm.ErrInvalidRequest) {
			t.Errorf("%s: append meanwhile: %v", way.name, err)
		}

		// Another process: one result is given, one call still waits.
		other, err := conversation.Open(t.Context(), script(fake.Text("Warm.").WithUsage(used(20, 1))), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]*llm.ToolResultPart{{nil}, {llm.ToolResult("c9", llm.Text("x"))}, {llm.ToolResult("c2", llm.Text("x")), llm.ToolResult("c2", llm.Text("x"))}} {
			if _, err := way.resume(t.Context(), other, bad...); !errors.Is(err, llm.ErrInvalidRequest) {
				t.Errorf("%s: bad results: %v", way.name, err)
			}
		}
		r, err = way.resume(t.Context(), other, llm.ToolResult("c2", llm.Text("hot")))
		if err != nil || r.StopReason != llm.StopToolUse || ran != 0 {
			t.Fatalf("%s: %+v, %v, %d ran", way.name, r, err, ran)
		}

		// A third: the last is denied, so all can go on.
		decisions["c3"] = conversation.Deny("too late")
		third, err := conversation.Open(t.Context(), script(fake.Text("Warm.").WithUsage(used(20, 1))), opts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"c1", "c3"}, ids(third.Pending())); diff != "" {
			t.Errorf("%s: pending %s", way.name, diff)
		}
		r, err = way.resume(t.Context(), third)
		if err != nil || !strings.HasSuffix(r.Text(), "Warm.") || r.Usage != used(30, 6) || ran != 1 {
			t.Fatalf("%s: %+v, %v, %d ran", way.name, r, err, ran)
		}
		if got, want := shape(third.Messages()), "u(?)a(c1? c2? c3?)u(c1=warm c2=hot c3=the call was not allowed: too late)a(Warm.)"; got != want {
			t.Errorf("%s: history %s\nwant %s", way.name, got, want)
		}
		if third.Pending() != nil || third.Usage() != used(30, 6) {
			t.Errorf("%s: pending %v, usage %+v", way.name, third.Pending(), third.Usage())
		}
		if _, err := way.resume(t.Context(), third); !errors.Is(err, llm.ErrInvalidRequest) {
			t.Errorf("%s: nothing is pending: %v", way.name, err)
		}
		if _, err := way.resume(t.Context(), other); !errors.Is(err, conversation.ErrConflict) {
			t.Errorf("%s: the second was overtaken: %v", way.name, err)
		}
	}
}

func TestAbandon(t *testing.T) {
	store := conversation.NewMemoryStore()
	opts := &conversation.Options{ID: "c", Store: store, Tools: []tool.Tool{weather()},
		Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
			return conversation.Defer, nil
		}}
	c := conversation.New(script(fake.ToolCall("weather", in("Oslo")), fake.Text("Yes.")), opts)
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Fatal(err)
	}
	if err := c.Abandon(t.Context()); err != nil || c.Pending() != nil {
		t.Errorf("%v, pending %v", err, c.Pending())
	}
	if err := c.Abandon(t.Context()); err != nil {
		t.Errorf("nothing to abandon: %v", err)
	}
	if _, err := c.Send(t.Context(), llm.Text("!")); err != nil || shape(c.Messages()) != "u(!)a(Yes.)" {
		t.Errorf("%v, %s", err, shape(c.Messages()))
	}
	again, err := conversation.Open(t.Context(), script(), opts)
	if err != nil || again.Pending() != nil || shape(again.Messages()) != "u(!)a(Yes.)" {
		t.Errorf("%v, %s", err, shape(again.Messages()))
	}
}

// Tools of the template are the application's to run.
func TestExternalTools(t *testing.T) {
	c := conversation.New(script(fake.ToolCall("search", nil), fake.Text("Found.")), &conversation.Options{
		Tools:   []tool.Tool{weather()},
		Request: &llm.Request{Tools: []llm.Tool{{Name: "search", Schema: []byte(`{"type":"object"}`)}}},
	})
	if r, err := c.Send(t.Context(), llm.Text("?")); err != nil || r.StopReason != llm.StopToolUse {
		t.Fatalf("%+v, %v", r, err)
	}
	pending := c.Pending()
	if len(pending) != 1 || pending[0].Name != "search" {
		t.Fatalf("pending %v", pending)
	}
	if r, err := c.Resume(t.Context(), llm.ToolResult(pending[0].ID, llm.Text("42"))); err != nil || r.Text() != "Found." {
		t.Errorf("%+v, %v", r, err)
	}
}

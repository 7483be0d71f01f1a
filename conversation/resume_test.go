package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// approval is a conversation in whose store a turn waits with two calls of a tool that counts
// its runs, and that does act before it returns.
type approval struct {
	opts *conversation.Options
	runs int
	act  func()
}

func waiting(t *testing.T) *approval {
	t.Helper()
	a := &approval{act: func() {}}
	decision := conversation.Defer
	a.opts = &conversation.Options{
		ID: "c", Store: conversation.NewMemoryStore(),
		Tools: []tool.Tool{tool.New("weather", "", func(ctx context.Context, in cityIn) (string, error) {
			a.runs++
			a.act()
			return in.City, ctx.Err()
		})},
		Run:     tool.Options{Concurrency: 1},
		Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) { return decision, nil },
	}
	c := conversation.New(script(fake.Parts(call("c1", "Oslo"), call("c2", "Rome")).WithUsage(used(10, 5))), a.opts)
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Fatal(err)
	}
	decision = conversation.Run
	return a
}

// open is another process.
func (a *approval) open(t *testing.T, turns ...fake.Turn) *conversation.Conversation {
	t.Helper()
	c, err := conversation.Open(t.Context(), script(turns...), a.opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const wholeTurn = "u(?)a(c1? c2?)u(c1=Oslo c2=Rome)a(Warm.)"

// However many processes resume a turn, one runs its calls, and the others do no harm.
func TestResumeRunsCallsOnce(t *testing.T) {
	for _, way := range ways() {
		a := waiting(t)
		first, late := a.open(t, fake.Text("Warm.")), a.open(t, fake.Text("Hot."))
		a.act = func() {
			a.act = func() {}
			if _, err := way.resume(t.Context(), late); !errors.Is(err, conversation.ErrConflict) {
				t.Errorf("%s: one that had opened before: %v", way.name, err)
			}
			if _, err := way.resume(t.Context(), a.open(t, fake.Text("Hot."))); !errors.Is(err, conversation.ErrConflict) || !strings.Contains(err.Error(), "Abandon") {
				t.Errorf("%s: one that opens meanwhile: %v", way.name, err)
			}
		}
		if _, err := way.resume(t.Context(), first); err != nil || a.runs != 2 {
			t.Errorf("%s: %v, %d calls ran", way.name, err, a.runs)
		}
		if got := shape(a.open(t).Messages()); got != wholeTurn {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}

// What tools returned is known though the model fails after them.
func TestResumeAfterModelFailed(t *testing.T) {
	for _, way := range ways() {
		for name, goOn := range map[string]struct {
			do   func(c *conversation.Conversation) error
			want string
		}{
			"resume":       {func(c *conversation.Conversation) error { _, err := way.resume(t.Context(), c); return err }, wholeTurn},
			"send nothing": {func(c *conversation.Conversation) error { _, err := way.send(t.Context(), c); return err }, wholeTurn},
			"send question": {func(c *conversation.Conversation) error {
				_, err := way.send(t.Context(), c, llm.Text("!"))
				return err
			}, "u(?)a(c1? c2?)u(c1=Oslo c2=Rome)u(!)a(Warm.)"},
			"append": {func(c *conversation.Conversation) error {
				return c.Append(t.Context(), llm.AssistantText("Mild."))
			}, "u(?)a(c1? c2?)u(c1=Oslo c2=Rome)a(Mild.)"},
			"abandon": {func(c *conversation.Conversation) error { return c.Abandon(t.Context()) }, ""},
			"JSON": {func(c *conversation.Conversation) error {
				b, err := json.Marshal(c)
				if err != nil {
					return err
				}
				other := conversation.New(script(fake.Text("Warm.")), &conversation.Options{Store: conversation.NewMemoryStore()})
				if err := json.Unmarshal(b, other); err != nil {
					return err
				}
				if _, err := way.resume(t.Context(), other); err != nil || shape(other.Messages()) != wholeTurn {
					t.Errorf("%s: from JSON: %v, %s", way.name, err, shape(other.Messages()))
				}
				return nil
			}, ""},
		} {
			a := waiting(t)
			c := a.open(t, fake.Fail(llm.ErrOverloaded), fake.Text("Warm.").WithUsage(used(20, 1)))
			if _, err := way.resume(t.Context(), c); !errors.Is(err, llm.ErrOverloaded) || a.runs != 2 || c.Pending() != nil || len(c.Messages()) != 0 {
				t.Fatalf("%s, %s: %v, %d calls ran, pending %v", way.name, name, err, a.runs, ids(c.Pending()))
			}
			if err := goOn.do(c); err != nil || a.runs != 2 {
				t.Errorf("%s, %s: %v, %d calls ran", way.name, name, err, a.runs)
			}
			if got := shape(a.open(t).Messages()); got != goOn.want {
				t.Errorf("%s, %s: %s\nwant %s", way.name, name, got, goOn.want)
			}
			if strings.HasPrefix(name, "send") && c.Usage() != used(30, 6) {
				t.Errorf("%s, %s: usage %+v", way.name, name, c.Usage())
			}
		}
	}
}

// Calls that were begun, and of which it is not known whether they took effect, are run again
// only where that was asked for.
func TestResumeAfterDeath(t *testing.T) {
	for _, way := range ways() {
		begun := func() *approval {
			a := waiting(t)
			ctx, cancel := context.WithCancel(t.Context())
			a.act = cancel
			if _, err := way.resume(ctx, a.open(t)); !errors.Is(err, context.Canceled) || a.runs != 1 {
				t.Fatalf("%s: %v, %d calls ran", way.name, err, a.runs)
			}
			a.act = func() {}
			return a
		}
		a := begun()
		c := a.open(t, fake.Text("Warm."))
		for _, some := range [][]*llm.ToolResultPart{nil, {llm.ToolResult("c1", llm.Text("Oslo"))}} {
			if _, err := way.resume(t.Context(), c, some...); !errors.Is(err, conversation.ErrConflict) || a.runs != 1 {
				t.Errorf("%s: %v, %d calls ran", way.name, err, a.runs)
			}
		}
		if _, err := way.resume(t.Context(), c, llm.ToolResult("c2", llm.Text("Rome")), llm.ToolResult("c1", llm.Text("Oslo"))); err != nil || a.runs != 1 {
			t.Errorf("%s: all results given: %v, %d calls ran", way.name, err, a.runs)
		}
		if got := shape(a.open(t).Messages()); got != wholeTurn {
			t.Errorf("%s: %s", way.name, got)
		}

		a = begun()
		a.opts.RunAgain = true
		c = a.open(t, fake.Text("Warm."))
		if _, err := way.resume(t.Context(), c); err != nil || a.runs != 3 || shape(c.Messages()) != wholeTurn {
			t.Errorf("%s: run again: %v, %d calls ran, %s", way.name, err, a.runs, shape(c.Messages()))
		}

		a = begun()
		c = a.open(t, fake.Text("Hello."))
		if err := c.Abandon(t.Context()); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		if _, err := way.send(t.Context(), c, llm.Text("Hi.")); err != nil || shape(c.Messages()) != "u(Hi.)a(Hello.)" {
			t.Errorf("%s: abandoned: %v, %s", way.name, err, shape(c.Messages()))
		}
	}
}

// A failure of the store before the calls run, runs none.
func TestResumeNotStored(t *testing.T) {
	a := waiting(t)
	boom := errors.New("boom")
	store := &failing{Store: a.opts.Store, err: boom}
	a.opts.Store = store
	c := a.open(t, fake.Text("Warm."))
	if _, err := c.Resume(t.Context()); !errors.Is(err, boom) || a.runs != 0 {
		t.Errorf("%v, %d calls ran", err, a.runs)
	}
	store.err = nil
	if _, err := c.Resume(t.Context()); err != nil || a.runs != 2 {
		t.Errorf("%v, %d calls ran", err, a.runs)
	}
}

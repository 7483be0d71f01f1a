package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// Records of a store, and JSON, that no turn has written are refused, and end no program.
func TestHostileRecords(t *testing.T) {
	for name, record := range map[string]string{
		"pending without messages": `{"v":1,"type":"pending"}`,
		"pending without calls":    `{"v":1,"type":"pending","messages":[{"role":"assistant","content":[{"type":"text","text":"x"}]}]}`,
		"pending of the user":      `{"v":1,"type":"pending","messages":[{"role":"user","content":[{"type":"tool_call","id":"c1","name":"weather","input":{}}]}]}`,
		"pending, open before": `{"v":1,"type":"pending","messages":[{"role":"assistant","content":[{"type":"tool_call","id":"c0","name":"weather","input":{}}]},
			{"role":"assistant","content":[{"type":"tool_call","id":"c1","name":"weather","input":{}}]}]}`,
		"open call":    `{"v":1,"type":"turn","messages":[{"role":"assistant","content":[{"type":"tool_call","id":"c1","name":"weather","input":{}}]}]}`,
		"lone result":  `{"v":1,"type":"turn","messages":[{"role":"user","content":[{"type":"tool_result","call_id":"c1"}]}]}`,
		"null part":    `{"v":1,"type":"turn","messages":[{"role":"user","content":[null]}]}`,
		"null":         `null`,
		"nothing":      ``,
		"null message": `{"v":1,"type":"pending","messages":[null]}`,
	} {
		store := conversation.NewMemoryStore()
		if err := store.Append(t.Context(), "c", 0, []byte(record)); err != nil {
			t.Fatal(err)
		}
		if _, err := conversation.Open(t.Context(), script(), &conversation.Options{ID: "c", Store: store}); !errors.Is(err, llm.ErrInternal) || !strings.Contains(err.Error(), "records[0]") {
			t.Errorf("%s: Open: %v", name, err)
		}
		if record == "" || record == "null" {
			continue
		}
		c := conversation.New(script(), nil)
		if err := json.Unmarshal([]byte(`{"v":1,"records":[`+record+`]}`), c); err == nil {
			t.Errorf("%s: Unmarshal reads it", name)
		}
		if c.ID() == "" || c.Messages() == nil || len(c.Messages()) > 0 {
			t.Errorf("%s: a failed Unmarshal left %q, %s", name, c.ID(), shape(c.Messages()))
		}
	}
}

// JSON without an id leaves the conversation its own.
func TestUnmarshalKeepsID(t *testing.T) {
	c := conversation.New(script(), &conversation.Options{ID: "mine"})
	if err := json.Unmarshal([]byte(`{"v":1}`), c); err != nil || c.ID() != "mine" {
		t.Errorf("id %q, %v", c.ID(), err)
	}
}

// A conversation cannot be replaced while a turn is at work.
func TestUnmarshalBesideTurn(t *testing.T) {
	var c *conversation.Conversation
	var err error
	c = conversation.New(script(fake.Text("Yes.")), &conversation.Options{OnStep: func(context.Context, int, *llm.Response) {
		err = json.Unmarshal([]byte(`{"v":1,"id":"other"}`), c)
	}})
	if _, e := c.Send(t.Context(), llm.Text("?")); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, llm.ErrInvalidRequest) || c.ID() == "other" || shape(c.Messages()) != "u(?)a(Yes.)" {
		t.Errorf("%v, %q, %s", err, c.ID(), shape(c.Messages()))
	}
}

// Calls beside any reason to stop: each has its result in the history, or the turn fails.
func TestCallsWithEveryStopReason(t *testing.T) {
	for _, reason := range []llm.StopReason{llm.StopEndTurn, llm.StopToolUse, llm.StopMaxTokens, llm.StopSequence, llm.StopContentFilter, llm.StopRefusal,
		llm.StopPause, llm.StopContextWindow, llm.StopMalformed, llm.StopOther, "new"} {
		for _, way := range ways() {
			n := 0
			m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
				if n++; n == 1 {
					return &llm.Response{Message: llm.Assistant(call("c1", "Oslo")), StopReason: reason}, nil
				}
				return &llm.Response{Message: llm.AssistantText("4."), StopReason: llm.StopEndTurn}, nil
			})
			c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{weather()}})
			_, err := way.send(t.Context(), c, llm.Text("?"))
			history := c.Messages()
			if err != nil && len(history) > 0 || err == nil && len(history) < 3 {
				t.Errorf("%s, %s: %v, %s", reason, way.name, err, shape(history))
			}
			if err := conversation.New(script(), nil).Append(t.Context(), history...); err != nil {
				t.Errorf("%s, %s: %s: %v", reason, way.name, shape(history), err)
			}
		}
	}
}

// What callbacks do with what they are shown stays theirs.
func TestCallbacksShareNothing(t *testing.T) {
	spoil := func(messages []llm.Message) {
		for i := range messages {
			for _, p := range messages[i].Content {
				switch p := p.(type) {
				case *llm.TextPart:
					p.Text = "spoiled"
				case *llm.ToolCallPart:
					p.ID = "spoiled"
				case *llm.ToolResultPart:
					p.CallID = "spoiled"
				}
			}
			messages[i].Content = nil
		}
	}
	for _, way := range ways() {
		system := llm.Text("Be brief.")
		c := conversation.New(script(append(twoSteps(), twoSteps()...)...), &conversation.Options{
			System: []llm.Part{system},
			Tools:  []tool.Tool{weather()},
			Prepare: func(_ context.Context, step int, req *llm.Request) error {
				sent := req.Clone()
				if got := sent.System[0].(*llm.TextPart).Text; got != "Be brief." {
					t.Errorf("%s: system prompt %q", way.name, got)
				}
				spoil(req.Messages)
				req.System[0].(*llm.TextPart).Text = "spoiled"
				*req = *sent
				return nil
			},
			OnStep: func(_ context.Context, _ int, r *llm.Response) {
				spoil([]llm.Message{r.Message})
				r.Message.Content = nil
			},
			Approve: func(_ context.Context, call *llm.ToolCallPart) (conversation.Decision, error) {
				call.ID = "x"
				call.Name = "y"
				return conversation.Run, nil
			},
			Run: tool.Options{Around: func(ctx context.Context, _ llm.Tool, call *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
				call.ID = "z"
				return ctx, nil
			}},
		})
		system.Text = "changed"
		for range 2 {
			if _, err := way.send(t.Context(), c, llm.Text("?")); err != nil {
				t.Fatalf("%s: %v", way.name, err)
			}
		}
		want := strings.Repeat("u(?)a(Let me look. c1? c2?)u(c1=4 °C c2=no such city)a(4 degrees in Oslo.)", 2)
		if got := shape(c.Messages()); got != want {
			t.Errorf("%s: history %s\nwant %s", way.name, got, want)
		}
	}
}

// A question holds no results: nothing waits for them.
func TestResultsInAQuestion(t *testing.T) {
	m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
		return &llm.Response{Message: llm.AssistantText("Yes."), StopReason: llm.StopEndTurn}, nil
	})
	for _, way := range ways() {
		c := conversation.New(m, nil)
		if _, err := way.send(t.Context(), c, llm.ToolResult("c1", llm.Text("4"))); !errors.Is(err, llm.ErrInvalidRequest) || len(c.Messages()) > 0 {
			t.Errorf("%s: %v, %s", way.name, err, shape(c.Messages()))
		}
	}
}

// The limit on steps counts those before a human was asked, and no tool runs whose result no
// step will read.
func TestStepsAcrossResume(t *testing.T) {
	for _, way := range ways() {
		store := conversation.NewMemoryStore()
		ran, asked := 0, 0
		act := tool.New("act", "", func(context.Context, struct{}) (string, error) { ran++; return "ok", nil })
		m := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
			if asked++; asked > 50 {
				return nil, errors.New("for ever")
			}
			return &llm.Response{Message: llm.Assistant(llm.Text("Hm."), &llm.ToolCallPart{ID: "c", Name: "act", Input: []byte("{}")}), StopReason: llm.StopToolUse, Usage: used(1, 1)}, nil
		})
		decision := conversation.Run
		opts := conversation.Options{ID: "c", Store: store, Tools: []tool.Tool{act}, MaxSteps: 4, Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
			if asked == 3 {
				return decision, nil
			}
			return conversation.Run, nil
		}}
		decision = conversation.Defer
		c := conversation.New(m, &opts)
		if r, err := way.send(t.Context(), c, llm.Text("?")); err != nil || r.StopReason != llm.StopToolUse || ran != 2 {
			t.Fatalf("%s: %+v, %v", way.name, r, err)
		}
		opts.MaxSteps = 2 // in the next release of the program
		c, err := conversation.Open(t.Context(), m, &opts)
		if err != nil {
			t.Fatal(err)
		}
		decision = conversation.Run
		if _, err := way.resume(t.Context(), c); !errors.Is(err, llm.ErrIncomplete) || asked != 3 || ran != 2 {
			t.Errorf("%s: %v, asked %d times, ran %d", way.name, err, asked, ran)
		}
	}
	for _, way := range ways() {
		ran := 0
		act := tool.New("act", "", func(context.Context, struct{}) (string, error) { ran++; return "ok", nil })
		turn := fake.Parts(llm.Text("Hm."), &llm.ToolCallPart{ID: "c", Name: "act", Input: []byte("{}")})
		c := conversation.New(script(turn, turn), &conversation.Options{Tools: []tool.Tool{act}, MaxSteps: 2})
		r, err := way.send(t.Context(), c, llm.Text("?"))
		if !errors.Is(err, llm.ErrIncomplete) || ran != 1 || r == nil || !strings.HasSuffix(r.Text(), "Hm.") {
			t.Errorf("%s: %v, ran %d, %+v", way.name, err, ran, r)
		}
	}
}

// Usage only grows within a stream, from before a pause on, and ends with the sum.
func TestUsageUpdates(t *testing.T) {
	updating := func(next llm.Model) llm.Model { return updates{next} }
	decision := conversation.Defer
	c := conversation.New(updating(script(twoSteps()...)), &conversation.Options{Tools: []tool.Tool{weather()},
		Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) { return decision, nil },
		Trim: func(_ context.Context, v *conversation.View) error {
			v.Usage = used(1000, 100)
			return nil
		}})
	check := func(name string, seq iter.Seq2[llm.Event, error], sums ...llm.Usage) {
		t.Helper()
		for ev, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			var got llm.Usage
			switch ev := ev.(type) {
			case *llm.UsageUpdate:
				got = ev.Usage
			case *llm.Finish:
				got = ev.Usage
			default:
				continue
			}
			if len(sums) == 0 || got != sums[0] {
				t.Errorf("%s: %T of %+v, want %+v", name, ev, got, sums)
			}
			sums = sums[min(1, len(sums)):]
		}
	}
	check("first", c.Stream(t.Context(), llm.Text("?")), used(1010, 105), used(1010, 105))
	decision = conversation.Run
	check("second", c.ResumeStream(t.Context()), used(1010, 105), used(2040, 212), used(2040, 212))
}

// updates is a model that tells its usage before it finishes.
type updates struct{ next llm.Model }

func (m updates) Unwrap() llm.Model { return m.next }
func (m updates) Info() llm.Info    { return m.next.Info() }
func (m updates) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}
func (m updates) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for ev, err := range m.next.Stream(ctx, req) {
			if f, ok := ev.(*llm.Finish); ok && !yield(&llm.UsageUpdate{Usage: f.Usage}, nil) {
				return
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// A refused attempt that used nothing makes no usage an estimate, and shows nothing.
func TestOverflowUsage(t *testing.T) {
	for _, way := range ways() {
		c := conversation.New(script(fake.Fail(llm.ErrContextTooLong), fake.Text("Short.").WithUsage(used(5, 1)), fake.Fail(llm.ErrOverloaded)),
			&conversation.Options{Trim: func(context.Context, *conversation.View) error { return nil }})
		if r, err := way.send(t.Context(), c, llm.Text("?")); err != nil || r.Usage != used(5, 1) || c.Usage() != used(5, 1) {
			t.Errorf("%s: %+v, %v", way.name, r, err)
		}
		if r, err := way.send(t.Context(), c, llm.Text("?")); !errors.Is(err, llm.ErrOverloaded) || r != nil {
			t.Errorf("%s: %+v, %v", way.name, r, err)
		}
	}
}

// A turn that goes on without a question is no place to cut: what is sent starts with the user.
func TestTrimWithoutQuestion(t *testing.T) {
	for name, trim := range map[string]conversation.TrimFunc{
		"turns": conversation.KeepTurns(1), "tokens": conversation.KeepTokens(1), "none": conversation.KeepTokens(0), "less": conversation.KeepTokens(-5),
	} {
		m := script(twoSteps()...)
		c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{weather()}, Trim: trim})
		if err := c.Append(t.Context(), llm.UserText("Old."), llm.AssistantText("Older."), llm.UserText("Oslo?")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, req := range m.Requests() {
			if got := shape(req.Messages[:1]); got != "u(Oslo?)" {
				t.Errorf("%s: request %d starts with %s", name, i, got)
			}
		}
	}
}

// The usage of a summary that could not be had is part of the turn's all the same.
func TestFailedSummaryUsage(t *testing.T) {
	writer := script(fake.Text(" ").WithUsage(used(700, 7)))
	c := conversation.New(script(fake.Text("Yes.").WithUsage(used(10, 1))), &conversation.Options{Trim: conversation.Summarize(&conversation.SummaryOptions{Limit: 100, Model: writer})})
	if err := c.Append(t.Context(), llm.UserText(strings.Repeat("long ", 200)), llm.AssistantText("Well.")); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Send(t.Context(), llm.Text("?")); err != nil || r.Usage != used(710, 8) {
		t.Errorf("%+v, %v", r, err)
	}
}

// Whatever a tool returns, the history can be sent and stored.
func TestToolResultsAreValid(t *testing.T) {
	for name, content := range map[string][]llm.Part{
		"not UTF-8": {llm.Text("caf\xe9")},
		"a call":    {call("c9", "Oslo")},
		"a result":  {llm.ToolResult("c1", llm.Text("x"))},
		"reasoning": {&llm.ReasoningPart{Text: "x"}},
		"no source": {&llm.MediaPart{MediaType: "image/png"}},
		"bad JSON":  {&llm.ProviderPart{Kind: "x", Data: json.RawMessage("{")}},
		"nil":       {(*llm.TextPart)(nil), nil},
	} {
		for _, way := range ways() {
			raw, err := tool.Raw(llm.Tool{Name: "weather"}, func(context.Context, json.RawMessage) ([]llm.Part, error) { return content, nil })
			if err != nil {
				t.Fatal(err)
			}
			c := conversation.New(script(fake.Parts(call("c1", "Oslo")), fake.Text("Done.")), &conversation.Options{Tools: []tool.Tool{raw}, Store: conversation.NewMemoryStore()})
			if _, err := way.send(t.Context(), c, llm.Text("?")); err != nil {
				t.Errorf("%s, %s: %v", name, way.name, err)
			}
			if err := (&llm.Request{Messages: c.Messages()}).Validate(); err != nil {
				t.Errorf("%s, %s: %v", name, way.name, err)
			}
		}
	}
}

// A partial answer of several steps, as a stream of them collects, can be kept.
func TestRepairSplitsCollected(t *testing.T) {
	c := conversation.New(script(twoSteps()[0], fake.Text("An answer that is long enough.").CutAfter(3)), &conversation.Options{Tools: []tool.Tool{weather()}})
	r, err := llm.Collect(c.Stream(t.Context(), llm.Text("?")))
	if !errors.Is(err, llm.ErrIncomplete) {
		t.Fatal(err)
	}
	keep := conversation.Repair([]llm.Message{llm.UserText("?"), r.Message})
	if err := c.Append(t.Context(), keep...); err != nil {
		t.Fatalf("%s: %v", shape(keep), err)
	}
	if got := shape(c.Messages()); !strings.HasPrefix(got, "u(?)a(Let me look. c1? c2?)u(c1=4 °C c2=no such city)a(An answer") {
		t.Error(got)
	}
}

// Repair takes anything.
func TestRepairHostile(t *testing.T) {
	for _, messages := range [][]llm.Message{
		{llm.User((*llm.ToolResultPart)(nil), llm.Text("?"))},
		{llm.Assistant(nil, (*llm.ToolCallPart)(nil))},
		{llm.Assistant(call("c", "A"), call("c", "B")), llm.User(llm.ToolResult("c", llm.Text("4")))},
		{llm.Assistant(call("c", "A"), llm.ToolResult("c", llm.Text("4")))},
		{llm.User(call("c", "A"))},
		{llm.Assistant(llm.ToolResult("c", llm.Text("4")), llm.Text("Four."))},
		{llm.Assistant()},
		{llm.Assistant(&llm.ToolCallPart{Name: "weather", Input: []byte("{}")})},
		{llm.System(llm.ToolResult("c", llm.Text("4")))},
	} {
		got := conversation.Repair(messages)
		if err := conversation.New(script(), nil).Append(t.Context(), got...); err != nil {
			t.Errorf("%s became %s: %v", encoded(messages), encoded(got), err)
		}
	}
}

// Whatever ends the goroutine, in whatever callback, gives the conversation back.
func TestEndsEverywhere(t *testing.T) {
	for _, end := range []struct {
		name string
		f    func()
	}{{"panic", func() { panic("end") }}, {"exit", runtime.Goexit}} {
		var where string
		at := func(s string) {
			if s == where {
				end.f()
			}
		}
		for _, way := range ways() {
			for _, where = range []string{"prepare", "step", "approve", "trim", "store", "around", "after", "tool"} {
				c := conversation.New(script(append(twoSteps(), fake.Text("Again."), fake.Text("Again."))...), &conversation.Options{
					Tools:   []tool.Tool{weather()},
					Store:   storeFunc(func() { at("store") }),
					Prepare: func(context.Context, int, *llm.Request) error { at("prepare"); return nil },
					OnStep:  func(context.Context, int, *llm.Response) { at("step") },
					Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
						at("approve")
						return conversation.Run, nil
					},
					Trim: func(context.Context, *conversation.View) error { at("trim"); return nil },
					Run: tool.Options{Around: func(ctx context.Context, _ llm.Tool, _ *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
						at("around")
						return ctx, func([]llm.Part, error) { at("after") }
					}},
				})
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					_, _ = way.send(t.Context(), c, llm.Text("?"))
				}()
				<-done
				where = ""
				if err := (&llm.Request{Messages: c.Messages()}).Validate(); err != nil {
					t.Errorf("%s in %s: %v", end.name, where, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				if _, err := way.send(ctx, c, llm.Text("And now?")); llm.CodeOf(err) == llm.ErrTimeout {
					t.Errorf("%s in %s: the conversation is stuck", end.name, where)
				}
				cancel()
			}
		}
	}
}

type storeFunc func()

func (f storeFunc) Load(context.Context, string) ([][]byte, error) { return nil, nil }
func (f storeFunc) Append(context.Context, string, int, ...[]byte) error {
	f()
	return nil
}

// As a history grows, what is cut from it only ever grows, and by a quarter of the limit: a
// prompt cache hits in between.
func TestCutsOnlyGrow(t *testing.T) {
	const limit = 8000
	for name, trim := range map[string]conversation.TrimFunc{"tokens": conversation.KeepTokens(limit), "turns": conversation.KeepTurns(20)} {
		view := &conversation.View{Request: new(llm.Request)}
		var history []llm.Message
		cut, cuts, dropped := 0, 0, 0
		for i := range 400 {
			history = append(history, llm.UserText(strings.Repeat("some longish words ", 1+i*7%60)), llm.AssistantText("Yes."))
			*view = conversation.View{Messages: history[:len(history)-1], Turn: len(history) - 2, Request: new(llm.Request)}
			if err := trim(t.Context(), view); err != nil {
				t.Fatal(err)
			}
			now := len(history) - 1 - len(view.Messages)
			if now < cut {
				t.Errorf("%s: turn %d cuts %d messages, and one before it %d", name, i, now, cut)
			}
			if now != cut {
				cuts++
				if got := conversation.EstimateTokens(nil, history[cut:now]...); name == "tokens" && dropped > 0 && got < limit/5 {
					t.Errorf("turn %d cuts %d tokens more", i, got)
				}
				dropped++
			}
			cut = now
		}
		if cuts < 10 {
			t.Errorf("%s: %d cuts", name, cuts)
		}
	}
}

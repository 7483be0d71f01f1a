package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// twoSteps asks for two cities at once and then answers.
func twoSteps() []fake.Turn {
	return []fake.Turn{
		fake.Parts(llm.Text("Let me look."), call("c1", "Oslo"), call("c2", "Paris")).WithUsage(used(10, 5)),
		fake.Text("4 degrees in Oslo.").WithUsage(used(30, 7)),
	}
}

func TestTurn(t *testing.T) {
	for _, way := range ways() {
		m := script(append(twoSteps(), fake.Text("Bye.").WithUsage(used(50, 2)))...)
		var steps []int
		c := conversation.New(m, &conversation.Options{
			System:  []llm.Part{llm.Text("Be brief.")},
			Tools:   []tool.Tool{weather()},
			Request: &llm.Request{MaxTokens: 100, System: []llm.Part{llm.Text("And kind.")}},
			Prepare: func(_ context.Context, step int, req *llm.Request) error {
				req.TopK = &step
				return nil
			},
			OnStep: func(_ context.Context, step int, r *llm.Response) { steps = append(steps, step) },
		})
		r, err := way.send(t.Context(), c, llm.Text("Oslo and Paris?"))
		if err != nil || !strings.HasSuffix(r.Text(), "4 degrees in Oslo.") || r.StopReason != llm.StopEndTurn || r.Usage != used(40, 12) {
			t.Errorf("%s: %+v, %v", way.name, r, err)
		}
		want := "u(Oslo and Paris?)a(Let me look. c1? c2?)u(c1=4 °C c2=no such city)a(4 degrees in Oslo.)"
		if got := shape(c.Messages()); got != want {
			t.Errorf("%s: history %s\nwant %s", way.name, got, want)
		}
		if _, err := way.send(t.Context(), c, llm.Text("Thanks.")); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		if c.Usage() != used(90, 14) {
			t.Errorf("%s: usage %+v", way.name, c.Usage())
		}
		if diff := cmp.Diff([]int{1, 2, 1}, steps); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", way.name, diff)
		}
		first := m.Requests()[0]
		if len(first.System) != 2 || first.MaxTokens != 100 || *first.TopK != 1 || len(first.Tools) != 1 {
			t.Errorf("%s: first request %+v", way.name, first)
		}
		m.AssertExhausted(t)
	}
}

// All steps are one stream in good order.
func TestStreamEvents(t *testing.T) {
	c := conversation.New(script(twoSteps()...), &conversation.Options{Tools: []tool.Tool{weather()}})
	var acc llm.Accumulator
	var finishes, updates int
	for ev, err := range c.Stream(t.Context(), llm.Text("?")) {
		if err != nil {
			t.Fatal(err)
		}
		if err := acc.Add(ev); err != nil {
			t.Errorf("%T: %v", ev, err)
		}
		switch ev := ev.(type) {
		case *llm.Finish:
			finishes++
		case *llm.UsageUpdate:
			if updates++; ev.Usage != used(10, 5) {
				t.Errorf("usage after the first step: %+v", ev.Usage)
			}
		}
	}
	if finishes != 1 || updates != 1 {
		t.Errorf("%d finishes, %d updates", finishes, updates)
	}
	r := acc.Response()
	if got, want := shape([]llm.Message{r.Message}), "a(Let me look. c1? c2? c1=4 °C c2=no such city 4 degrees in Oslo.)"; got != want || r.Usage != used(40, 12) {
		t.Errorf("got %s, %+v\nwant %s", got, r.Usage, want)
	}
}

// What fails leaves the history as it was, wherever it fails.
func TestAtomic(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		turns []fake.Turn
		opts  conversation.Options
		store error
		code  llm.Code
		is    error
		text  string // that the partial response holds
	}{
		"first step":  {[]fake.Turn{fake.Fail(llm.ErrOverloaded)}, conversation.Options{}, nil, llm.ErrOverloaded, nil, ""},
		"second step": {[]fake.Turn{twoSteps()[0], fake.Fail(llm.ErrOverloaded)}, conversation.Options{}, nil, llm.ErrOverloaded, nil, ""},
		"cut":         {[]fake.Turn{fake.Text("An answer that is long enough.").CutAfter(3)}, conversation.Options{}, nil, llm.ErrIncomplete, nil, "An answer"},
		"prepare": {twoSteps(), conversation.Options{Prepare: func(_ context.Context, step int, _ *llm.Request) error {
			if step == 2 {
				return boom
			}
			return nil
		}}, nil, llm.ErrUnknown, boom, ""},
		"approve":  {twoSteps(), conversation.Options{Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) { return "", boom }}, nil, llm.ErrUnknown, boom, ""},
		"no word":  {twoSteps(), conversation.Options{Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) { return "", nil }}, nil, llm.ErrInternal, nil, ""},
		"store":    {twoSteps(), conversation.Options{}, boom, llm.ErrInternal, boom, ""},
		"steps":    {twoSteps(), conversation.Options{MaxSteps: 1}, nil, llm.ErrIncomplete, nil, ""},
		"cut call": {[]fake.Turn{twoSteps()[0].StopWith(llm.StopMaxTokens)}, conversation.Options{}, nil, llm.ErrIncomplete, nil, ""},
		"failures": {[]fake.Turn{fake.ToolCall("weather", in("A")), fake.ToolCall("weather", in("B"))}, conversation.Options{MaxFailures: 1}, nil, llm.ErrIncomplete, nil, ""},
		"unknown":  {[]fake.Turn{fake.ToolCall("look", nil)}, conversation.Options{FailUnknown: true}, nil, llm.ErrMalformedOutput, tool.ErrUnknown, ""},
		"trim":     {twoSteps(), conversation.Options{Trim: func(context.Context, *conversation.View) error { return boom }}, nil, llm.ErrUnknown, boom, ""},
		"bad trim": {twoSteps(), conversation.Options{Trim: func(_ context.Context, v *conversation.View) error {
			v.Messages = v.Messages[len(v.Messages)-1:]
			return nil
		}}, nil, llm.ErrInternal, llm.ErrInvalidRequest, ""},
	} {
		for _, way := range ways() {
			opts := c.opts
			opts.Tools = []tool.Tool{weather()}
			opts.Request = &llm.Request{Tools: nil}
			store := &failing{Store: conversation.NewMemoryStore()}
			opts.Store = store
			conv := conversation.New(script(c.turns...), &opts)
			if err := conv.Append(t.Context(), llm.UserText("Hi."), llm.AssistantText("Hello.")); err != nil {
				t.Fatal(err)
			}
			store.err = c.store
			before := shape(conv.Messages())
			r, err := way.send(t.Context(), conv, llm.Text("?"))
			if llm.CodeOf(err) != c.code || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s, %s: error %v", name, way.name, err)
			}
			if got := shape(conv.Messages()); got != before || conv.Usage() != (llm.Usage{}) || conv.Pending() != nil {
				t.Errorf("%s, %s: history %s, usage %+v", name, way.name, got, conv.Usage())
			}
			if c.text != "" && way.name == "Stream" && (r == nil || !strings.Contains(r.Text(), c.text)) {
				t.Errorf("%s, %s: partial response %+v", name, way.name, r)
			}
			records, _ := store.Load(t.Context(), conv.ID())
			if len(records) != 1 {
				t.Errorf("%s, %s: %d records", name, way.name, len(records))
			}
		}
	}
}

// failing is a store that fails, where it is told to.
type failing struct {
	conversation.Store
	err error
}

func (s *failing) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Append(ctx, id, at, records...)
}

// Leaving the loop at any event, and panics within it, drop the turn and release its lock.
func TestLeaving(t *testing.T) {
	for n := 1; ; n++ {
		c := conversation.New(script(append(twoSteps(), fake.Text("Again."))...), &conversation.Options{Tools: []tool.Tool{weather()}})
		i, finished := 0, false
		func() {
			defer func() { _ = recover() }()
			for ev, err := range c.Stream(t.Context(), llm.Text("?")) {
				if err != nil {
					t.Fatal(err)
				}
				_, finished = ev.(*llm.Finish)
				if i++; i == n {
					if n%2 == 0 {
						panic("loop")
					}
					break
				}
			}
		}()
		if finished {
			break
		}
		if got := shape(c.Messages()); got != "" {
			t.Fatalf("left after %d events: history %s", n, got)
		}
		if err := c.Append(t.Context(), llm.UserText("free")); err != nil {
			t.Fatalf("left after %d events: %v", n, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for policy, want := range map[conversation.Refused]string{
		conversation.KeepRefused:   "u(secret)a(No. c1?)u(c1=The call was interrupted. Whether it took effect is not known.)",
		conversation.DropRefused:   "",
		conversation.RedactRefused: "u((This question was withheld.))a((It was not answered.))",
	} {
		for _, way := range ways() {
			m := script(fake.Parts(llm.Text("No."), call("c1", "Oslo")).StopWith(llm.StopRefusal), fake.Text("Yes."))
			c := conversation.New(m, &conversation.Options{Tools: []tool.Tool{weather()}, Refused: policy, Store: conversation.NewMemoryStore()})
			if r, err := way.send(t.Context(), c, llm.Text("secret")); err != nil || r.StopReason != llm.StopRefusal {
				t.Errorf("%q, %s: %+v, %v", policy, way.name, r, err)
			}
			if got := shape(c.Messages()); got != want {
				t.Errorf("%q, %s: history %s\nwant %s", policy, way.name, got, want)
			}
			if _, err := way.send(t.Context(), c, llm.Text("And now?")); err != nil {
				t.Errorf("%q, %s: the next turn: %v", policy, way.name, err)
			}
		}
	}
}

func TestPause(t *testing.T) {
	m := script(fake.Text("Wait.").StopWith(llm.StopPause), fake.Text("Done."))
	c := conversation.New(m, nil)
	if r, err := c.Send(t.Context(), llm.Text("?")); err != nil || r.Text() != "Done." || shape(c.Messages()) != "u(?)a(Wait.)a(Done.)" {
		t.Errorf("%+v, %v, %s", r, err, shape(c.Messages()))
	}
}

func TestOverflow(t *testing.T) {
	for _, way := range ways() {
		m := script(fake.Fail(llm.ErrContextTooLong), fake.Text("Short."), fake.Fail(llm.ErrContextTooLong), fake.Fail(llm.ErrContextTooLong))
		var overflows []bool
		c := conversation.New(m, &conversation.Options{Trim: func(_ context.Context, v *conversation.View) error {
			overflows = append(overflows, v.Overflow)
			if v.Overflow {
				v.Messages = v.Messages[v.Turn:]
				v.Turn = 0
				v.Warnings = append(v.Warnings, llm.Warning{Code: llm.WarningDropped, Field: "messages"})
			}
			return nil
		}})
		if err := c.Append(t.Context(), llm.UserText("Old."), llm.AssistantText("Older.")); err != nil {
			t.Fatal(err)
		}
		r, err := way.send(t.Context(), c, llm.Text("New."))
		if err != nil || len(r.Warnings) != 1 || len(m.Requests()[1].Messages) != 1 {
			t.Errorf("%s: %+v, %v", way.name, r, err)
		}
		if got := shape(c.Messages()); got != "u(Old.)a(Older.)u(New.)a(Short.)" {
			t.Errorf("%s: history %s", way.name, got)
		}
		if _, err := way.send(t.Context(), c, llm.Text("Again.")); !errors.Is(err, llm.ErrContextTooLong) {
			t.Errorf("%s: %v", way.name, err)
		}
		if diff := cmp.Diff([]bool{false, true, false, true}, overflows); diff != "" {
			t.Errorf("%s: %s", way.name, diff)
		}
	}
}

func TestOpen(t *testing.T) {
	store := conversation.NewMemoryStore()
	opts := &conversation.Options{ID: "c1", Store: store, Tools: []tool.Tool{weather()}}
	c, err := conversation.Open(t.Context(), script(twoSteps()...), opts)
	if err != nil || c.ID() != "c1" || len(c.Messages()) != 0 {
		t.Fatalf("an empty one: %v", err)
	}
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Fatal(err)
	}
	again, err := conversation.Open(t.Context(), script(fake.Text("Yes.")), opts)
	if err != nil || shape(again.Messages()) != shape(c.Messages()) || again.Usage() != c.Usage() {
		t.Fatalf("%s, %v", shape(again.Messages()), err)
	}
	if _, err := again.Send(t.Context(), llm.Text("More?")); err != nil {
		t.Fatal(err)
	}
	// The first has been overtaken, and a new one of that id comes too late.
	for _, c := range []*conversation.Conversation{c, conversation.New(script(), opts)} {
		before := shape(c.Messages())
		if err := c.Append(t.Context(), llm.UserText("late")); !errors.Is(err, conversation.ErrConflict) || shape(c.Messages()) != before {
			t.Errorf("%v, %s", err, shape(c.Messages()))
		}
	}
	for name, opts := range map[string]*conversation.Options{"nil": nil, "no store": {ID: "x"}, "no id": {Store: store}} {
		if _, err := conversation.Open(t.Context(), script(), opts); !errors.Is(err, llm.ErrInvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, record := range map[string]string{"not JSON": `{`, "newer": `{"v":99,"type":"turn"}`, "unknown": `{"v":1,"type":"x"}`, "no version": `{"type":"turn"}`} {
		if err := store.Append(t.Context(), name, 0, []byte(record)); err != nil {
			t.Fatal(err)
		}
		_, err := conversation.Open(t.Context(), script(), &conversation.Options{ID: name, Store: store})
		if !errors.Is(err, llm.ErrInternal) || !strings.Contains(err.Error(), "records[0]") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFork(t *testing.T) {
	store := conversation.NewMemoryStore()
	c := conversation.New(script(fake.Text("One."), fake.Text("Three.")), &conversation.Options{Store: store})
	if _, err := c.Send(t.Context(), llm.Text("0")); err != nil {
		t.Fatal(err)
	}
	f := c.Fork()
	if f.ID() == c.ID() || f.ID() == "" {
		t.Errorf("ids %q and %q", f.ID(), c.ID())
	}
	if records, _ := store.Load(t.Context(), f.ID()); records != nil {
		t.Error("a fork is written before its first commit")
	}
	if err := f.Append(t.Context(), llm.UserText("2")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), llm.Text("2")); err != nil {
		t.Fatal(err)
	}
	if a, b := shape(c.Messages()), shape(f.Messages()); a != "u(0)a(One.)u(2)a(Three.)" || b != "u(0)a(One.)u(2)" {
		t.Errorf("%s and %s", a, b)
	}
	again, err := conversation.Open(t.Context(), script(), &conversation.Options{Store: store, ID: f.ID()})
	if err != nil || shape(again.Messages()) != shape(f.Messages()) {
		t.Errorf("%s, %v", shape(again.Messages()), err)
	}
}

func TestJSON(t *testing.T) {
	c := conversation.New(script(twoSteps()...), &conversation.Options{ID: "c1", Tools: []tool.Tool{weather()}})
	if _, err := c.Send(t.Context(), llm.Text("?")); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil || !strings.HasPrefix(string(b), `{"v":1,"id":"c1"`) {
		t.Fatalf("%s, %v", b, err)
	}
	var data conversation.Conversation
	if err := json.Unmarshal(b, &data); err != nil || shape(data.Messages()) != shape(c.Messages()) || data.ID() != "c1" {
		t.Errorf("%s, %v", shape(data.Messages()), err)
	}
	if _, err := data.Send(t.Context(), llm.Text("?")); !errors.Is(err, llm.ErrInvalidRequest) {
		t.Errorf("a conversation without a model: %v", err)
	}
	store := conversation.NewMemoryStore()
	live := conversation.New(script(fake.Text("Yes.")), &conversation.Options{Store: store, Tools: []tool.Tool{weather()}})
	if err := json.Unmarshal(b, live); err != nil {
		t.Fatal(err)
	}
	if _, err := live.Send(t.Context(), llm.Text("More?")); err != nil {
		t.Fatal(err)
	}
	again, err := conversation.Open(t.Context(), script(), &conversation.Options{Store: store, ID: "c1"})
	if err != nil || shape(again.Messages()) != shape(c.Messages())+"u(More?)a(Yes.)" {
		t.Errorf("%s, %v", shape(again.Messages()), err)
	}
	for _, bad := range []string{`{"v":9}`, `{}`, `[]`, `{"v":1,"records":[{"type":"x"}]}`, `{"v":1,"records":[{"type":"turn","messages":[{"role":"user","content":[{"type":"tool_result","call_id":"x"}]}]}]}`} {
		if err := json.Unmarshal([]byte(bad), live); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestAppend(t *testing.T) {
	c := conversation.New(script(), nil)
	for want, messages := range map[string][]llm.Message{
		"messages[0].content":                {llm.User()},
		"messages[0]: a tool call has no re": {llm.Assistant(call("c1", "Oslo"))},
		"messages[0].content[0]: the tool r": {llm.User(llm.ToolResult("c1", llm.Text("x")))},
		"messages[1].content[0]: the tool r": {llm.Assistant(llm.Text("x")), llm.User(llm.ToolResult("c1", llm.Text("x")))},
		"messages[0].content[1]: a second t": {llm.Assistant(call("c1", "Oslo"), call("c1", "Rome"))},
	} {
		if err := c.Append(t.Context(), messages...); !errors.Is(err, llm.ErrInvalidRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ok := []llm.Message{llm.UserText("?"), llm.Assistant(call("c1", "Oslo")), llm.System(llm.Text("Note.")), llm.User(llm.ToolResult("c1", llm.Text("4"))), llm.AssistantText("4.")}
	if err := c.Append(t.Context(), ok...); err != nil || len(c.Messages()) != 5 {
		t.Errorf("%v, %s", err, shape(c.Messages()))
	}
	ok[0].Content[0].(*llm.TextPart).Text = "changed"
	c.Messages()[0].Content[0].(*llm.TextPart).Text = "changed"
	if got := shape(c.Messages()[:1]); got != "u(?)" {
		t.Errorf("the history shares memory: %s", got)
	}
}

func TestRepair(t *testing.T) {
	const lost = "=The call was interrupted. Whether it took effect is not known."
	result := func(id string) *llm.ToolResultPart { return llm.ToolResult(id, llm.Text("4")) }
	for want, messages := range map[string][]llm.Message{
		"":                                 nil,
		"u(?)a(c1?)u(c1" + lost + ")":      {llm.UserText("?"), llm.Assistant(call("c1", "Oslo"))},
		"a(c1?)u(c1" + lost + " And?)":     {llm.Assistant(call("c1", "Oslo")), llm.UserText("And?")},
		"a(c1? c2?)u(c2=4 c1" + lost + ")": {llm.Assistant(call("c1", "Oslo"), call("c2", "Rome")), llm.User(result("c2"))},
		"a(c1?)u(c1" + lost + ")a(Well.)":  {llm.Assistant(call("c1", "Oslo")), llm.AssistantText("Well.")},
		"u(?)a(Yes.)":                      {llm.User(result("c0"), llm.Text("?")), llm.User(result("c0")), llm.AssistantText("Yes.")},
		"a(c1?)s(Note.)u(c1=4)":            {llm.Assistant(call("c1", "Oslo")), llm.System(llm.Text("Note.")), llm.User(result("c1"), result("c1"))},
	} {
		got := conversation.Repair(messages)
		if shape(got) != want {
			t.Errorf("got  %s\nwant %s", shape(got), want)
		}
		if err := conversation.New(script(), nil).Append(t.Context(), got...); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// What has come of an answer can be kept, wherever it broke off.
func TestInterrupted(t *testing.T) {
	const lost = "=The call was interrupted. Whether it took effect is not known."
	signed := &llm.ReasoningPart{Text: "Hm.", Signature: "c2ln"}
	half := &llm.ToolCallPart{ID: "c2", Name: "weather", Malformed: `{"city…`}
	result := llm.ToolResult("c1", llm.Text("4"))
	for want, parts := range map[string][]llm.Part{
		"":                       {llm.Text(" "), half, signed},
		"u(?)a(Yes, [Stopped.])": {llm.Text("Yes,")},
		"u(?)a(*llm.ReasoningPart Yes, [Stopped.])":         {signed, llm.Text("Yes,"), half, signed},
		"u(?)a(Look: c1?)u(c1" + lost + ")a([Stopped.])":    {llm.Text("Look:"), call("c1", "Oslo"), half},
		"u(?)a(Look: c1?)u(c1=4)a([Stopped.])":              {llm.Text("Look:"), call("c1", "Oslo"), result},
		"u(?)a(Look: c1?)u(c1=4)a(It is [Stopped.])":        {llm.Text("Look:"), call("c1", "Oslo"), result, llm.Text("It is"), signed},
		"u(?)a(c1? c3?)u(c1=4 c3" + lost + ")a([Stopped.])": {call("c1", "Oslo"), call("c3", "Rome"), result},
	} {
		partial := &llm.Response{Message: llm.Assistant(parts...)}
		before := encoded([]llm.Message{partial.Message})
		got := conversation.Interrupted([]llm.Part{llm.Text("?")}, partial, "[Stopped.]")
		if shape(got) != want {
			t.Errorf("got  %s\nwant %s", shape(got), want)
		}
		if err := conversation.New(script(), nil).Append(t.Context(), got...); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if encoded([]llm.Message{partial.Message}) != before {
			t.Errorf("%s: the partial response was changed", want)
		}
	}
	if got := conversation.Interrupted(nil, nil, "x"); got != nil {
		t.Errorf("of nothing came %s", shape(got))
	}
	if got := shape(conversation.Interrupted(nil, &llm.Response{Message: llm.AssistantText("And")}, "[Stopped.]")); got != "a(And [Stopped.])" {
		t.Errorf("without a question: %s", got)
	}
}

func TestInvalidOptions(t *testing.T) {
	for name, c := range map[string]*conversation.Conversation{
		"nil model":     conversation.New(nil, nil),
		"two of a name": conversation.New(script(), &conversation.Options{Tools: []tool.Tool{weather(), weather()}}),
		"messages":      conversation.New(script(), &conversation.Options{Request: &llm.Request{Messages: []llm.Message{llm.UserText("x")}}}),
		"zero":          new(conversation.Conversation),
		"nil tool":      conversation.New(script(), &conversation.Options{Tools: []tool.Tool{nil}}),
	} {
		for _, way := range ways() {
			if _, err := way.send(t.Context(), c, llm.Text("?")); !errors.Is(err, llm.ErrInvalidRequest) {
				t.Errorf("%s, %s: %v", name, way.name, err)
			}
		}
	}
	c := conversation.New(script(), nil)
	//lint:ignore SA1012 a nil context is what is tested
	if _, err := c.Send(nil, llm.Text("?")); !errors.Is(err, llm.ErrInvalidRequest) { //nolint:staticcheck
		t.Errorf("nil context: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Send(ctx, llm.Text("?")); !errors.Is(err, context.Canceled) || !errors.Is(err, llm.ErrCanceled) {
		t.Errorf("cancelled context: %v", err)
	}
	if _, err := c.Send(t.Context(), nil); !errors.Is(err, llm.ErrInvalidRequest) {
		t.Errorf("nil part: %v", err)
	}
}

// Turns of one conversation run one after the other; 50 conversations share tools and a store.
func TestConcurrency(t *testing.T) {
	store := conversation.NewMemoryStore()
	tools := []tool.Tool{weather()}
	var all sync.WaitGroup
	for range 50 {
		m := fake.Func(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if len(req.Messages)%2 == 1 && len(req.Messages)%4 == 1 {
				return &llm.Response{Message: llm.Assistant(call("c", "Oslo")), StopReason: llm.StopToolUse, Usage: used(1, 1)}, nil
			}
			return &llm.Response{Message: llm.AssistantText("4."), StopReason: llm.StopEndTurn, Usage: used(1, 1)}, nil
		})
		c := conversation.New(m, &conversation.Options{Store: store, Tools: tools})
		for i := range 4 {
			way := ways()[i%2]
			all.Go(func() {
				if _, err := way.send(t.Context(), c, llm.Text("?")); err != nil {
					t.Error(err)
				}
				_, _ = c.Messages(), c.Usage()
				if _, err := json.Marshal(c.Fork()); err != nil {
					t.Error(err)
				}
			})
		}
		t.Cleanup(func() {
			if got := shape(c.Messages()); got != strings.Repeat("u(?)a(c?)u(c=4 °C)a(4.)", 4) || c.Usage() != used(8, 8) {
				t.Errorf("%s, %+v", got, c.Usage())
			}
		})
	}
	all.Wait()
}

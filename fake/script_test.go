package fake_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestTurnsArePlayedInOrder(t *testing.T) {
	m := fake.New(fake.Text("one"), fake.ToolCall("a", nil), fake.Text("three"), fake.ToolCall("b", nil))
	var got []string
	for range 4 {
		r := generate(t, m, ask("next"))
		got = append(got, r.RequestID+":"+r.Text())
		for _, c := range r.ToolCalls() {
			got = append(got, c.ID+" "+c.Name)
		}
	}
	want := []string{"fake-1:one", "fake-2:", "call_1 a", "fake-3:three", "fake-4:", "call_2 b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.AssertExhausted(t)
}

func TestWhen(t *testing.T) {
	says := func(word string) func(*llm.Request) bool {
		return func(r *llm.Request) bool {
			return strings.Contains(r.Messages[0].Content[0].(*llm.TextPart).Text, word)
		}
	}
	m := fake.New(
		fake.Text("about tea").When(says("tea")),
		fake.Text("about tea and cake").When(says("tea")).When(says("cake")),
		fake.Text("anything"),
		fake.Text("the last"),
	)
	for _, step := range []struct{ say, want string }{
		{"coffee", "anything"},   // the first two wait
		{"tea", "about tea"},     // and are not consumed
		{"more tea", "the last"}, // both matchers must agree
		{"tea and cake", "about tea and cake"},
	} {
		if got := generate(t, m, ask(step.say)).Text(); got != step.want {
			t.Errorf("%q: %q, want %q", step.say, got, step.want)
		}
	}
	m.AssertExhausted(t)
}

func TestMatchersMayUseTheModel(t *testing.T) {
	var m *fake.Model
	third := fake.Text("third").When(func(*llm.Request) bool { return len(m.Requests()) == 3 })
	m = fake.New(third, fake.Text("a"), fake.Text("b"))
	var got []string
	for range 3 {
		got = append(got, generate(t, m, ask("hi")).Text())
	}
	if diff := cmp.Diff([]string{"a", "b", "third"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExhausted(t *testing.T) {
	const secret = "hunter2"
	req := &llm.Request{
		System: []llm.Part{llm.Text(secret)},
		Messages: []llm.Message{
			llm.UserText(secret + " question"),
			llm.Assistant(&llm.ReasoningPart{Text: secret}, &llm.ToolCallPart{ID: secret, Name: "weather", Input: json.RawMessage(`{"p":"` + secret + `"}`)}),
			llm.User(llm.ToolError(secret, secret), llm.Document(secret, "", []byte(secret)), llm.Image("image/png", []byte(secret)), llm.CachePoint(),
				&llm.ProviderPart{Kind: secret, Data: json.RawMessage(`"` + secret + `"`)}),
		},
		Tools: []llm.Tool{{Name: "weather", Description: secret, Schema: json.RawMessage(`{"title":"` + secret + `"}`)}, {Provider: "p", Kind: "search"}},
	}
	tests := []struct {
		name string
		m    *fake.Model
		want string
	}{
		{"empty", fake.New(), "no turns are scripted"},
		{"played", fake.New(fake.Text(secret)), "the script has been played to its end"},
		{"unmatched", fake.New(fake.Text(secret), fake.Text(secret).When(func(*llm.Request) bool { return false })), "none of the turns that are left matches (1 of 2)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _ = tt.m.Generate(t.Context(), req)
			for _, call := range []func() error{
				func() error { _, err := tt.m.Generate(t.Context(), req); return err },
				func() error { _, err := drain(t.Context(), tt.m, req); return err },
			} {
				err := call()
				wantError(t, err, llm.ErrInternal, tt.want, "user(tool_error 7, document 7, media 7, cache_point, provider 9)", "tools weather search")
				if llm.IsRetryable(err) {
					t.Error("retryable: another try would change nothing")
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("content in the error: %v", err)
				}
			}
		})
	}
}

// However long the request, its shape fits into the message of an error.
func TestShapeOfALongRequest(t *testing.T) {
	req := ask("hello")
	for i := range 40 {
		req.Messages = append(req.Messages, llm.AssistantText("a"), llm.User(llm.Text("b"), llm.Text("c")))
		req.Tools = append(req.Tools, llm.Tool{Name: fmt.Sprintf("a_tool_with_a_name_that_is_rather_long_%d", i)})
	}
	_, err := fake.New().Generate(t.Context(), req)
	wantError(t, err, llm.ErrInternal, "not shown) ", "user(text 1, text 1); tools a_tool_with_a_name_that_… +39 (request")
}

func TestAssertExhausted(t *testing.T) {
	m := fake.New(
		fake.Text("played"),
		fake.ToolCall("weather", map[string]string{"city": "Oslo"}).When(func(*llm.Request) bool { return false }),
		fake.Fail(llm.ErrRateLimited),
		fake.Text("cut").CutAfter(2),
		fake.Events(&llm.Finish{}),
		fake.Turn{},
		fake.Parts(&llm.ReasoningPart{Text: "hm"}, llm.Image("image/png", []byte{1})),
	)
	req := &llm.Request{
		Messages: []llm.Message{
			llm.UserText("How warm is it?"),
			llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "weather", Input: json.RawMessage(`{"city":"Oslo"}`)}),
			llm.User(llm.ToolResult("1", llm.Text("4C"))),
		},
		Tools: []llm.Tool{{Name: "weather"}},
	}
	generate(t, m, req)

	var tb recorderTB
	m.AssertExhausted(&tb)
	want := `fake: 6 not played:
  turns[1]: tool_call weather {"city":"Oslo"}, when a function says so (fake.Match gives it a name)
  turns[2]: fails: rate_limited
  turns[3]: text "cut", cut after 2 events
  turns[4]: 1 events
  turns[5]: an answer without content
  turns[6]: reasoning "hm", media 1
The request:
  fake-1 tool:weather
    messages[0].content[0] user: text "How warm is it?"
    messages[1].content[0] assistant: tool_call weather {"city":"Oslo"}
    messages[2].content[0] user: tool_result 2 (text "4C")`
	if diff := cmp.Diff([]string{want}, tb.errors); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The code under test may swallow the error of a call that found no turn.
func TestAssertExhaustedTellsOfCallsWithoutAnAnswer(t *testing.T) {
	m := fake.New(fake.Text("a").On(fake.UserSays("one")))
	_, _ = m.Generate(t.Context(), ask("two"))
	generate(t, m, ask("one"))
	_, _ = drain(t.Context(), m, ask("three"))
	var tb recorderTB
	m.AssertExhausted(&tb)
	want := `fake: 2 without an answer:
  fake-1: none of the turns that are left matches (1 of 1); the request: user(text 3)
  fake-3: the script has been played to its end; the request: user(text 5)
The last of 3 requests:
`
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], want) {
		t.Errorf("got %q", tb.errors)
	}

	// A turn that cannot be played is not left when it is played for ever.
	m = fake.New(fake.Fail(nil).Always())
	_, _ = m.Generate(t.Context(), ask("hi"))
	tb = recorderTB{}
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "fake-1: the script cannot be played") {
		t.Errorf("got %q", tb.errors)
	}

	m = fake.New().Forget()
	for range 1000 {
		_, _ = m.Generate(t.Context(), ask("hi"))
	}
	tb = recorderTB{}
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], "fake: 20 or more without an answer:\n") || len(tb.errors[0]) > 4000 {
		t.Errorf("got %q", tb.errors)
	}
}

func TestAssertExhaustedBounds(t *testing.T) {
	m := fake.New(fake.Text("left").When(func(*llm.Request) bool { return false }), fake.Fail(nil))
	var tb recorderTB
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "No request has arrived.") || !strings.Contains(tb.errors[0], "cannot be played: Fail: nil error") {
		t.Errorf("got %q", tb.errors)
	}
	req := ask(strings.Repeat("long ", 1000))
	for range 20 {
		req.Messages = append(req.Messages, llm.AssistantText("a"), llm.UserText("b"))
	}
	for range 9 {
		_, _ = m.Generate(t.Context(), req)
	}
	tb = recorderTB{}
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "The last of 9 requests:\n  fake-7\n    … 33 messages before\n    messages[33]") {
		t.Errorf("got %q", tb.errors)
	}
	if len(tb.errors[0]) > 4000 {
		t.Errorf("%d bytes", len(tb.errors[0]))
	}

	tb = recorderTB{}
	fake.Auto().AssertExhausted(&tb)
	fake.Func(nil).AssertExhausted(&tb)
	fake.New().AssertExhausted(&tb)
	if tb.errors != nil {
		t.Errorf("nothing is left, but: %q", tb.errors)
	}
	new(fake.Model).AssertExhausted(&tb)
	if len(tb.errors) != 1 {
		t.Error("a model that was not made is not reported")
	}
}

func TestModelThatWasNotMade(t *testing.T) {
	for _, m := range []*fake.Model{nil, {}, new(fake.Model).WithInfo(llm.Info{}), (*fake.Model)(nil).WithInfo(llm.Info{})} {
		_, err := m.Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "use New, Func, Auto or Replay")
		if m.Requests() != nil || m.Info() != (llm.Info{}) {
			t.Error("it has requests, or a name")
		}
	}
}

func TestWithInfo(t *testing.T) {
	m := fake.New(fake.Text("x"), fake.Fail(llm.ErrOverloaded))
	if got, want := m.Info(), (llm.Info{Provider: "fake", Model: "fake"}); got != want {
		t.Errorf("default info %v", got)
	}
	named := m.WithInfo(llm.Info{Provider: "p", Model: "m"})
	r := generate(t, named, ask("hi"))
	if r.Provider != "p" || r.Model != "m" || named.Info() != (llm.Info{Provider: "p", Model: "m"}) {
		t.Errorf("got %+v", r)
	}
	_, err := named.Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrOverloaded, "p generate m")
	if m.Info().Provider != "fake" || len(m.Requests()) != 2 {
		t.Error("the view is not of the same model, or changed its name")
	}
}

func TestConcurrentCalls(t *testing.T) {
	const n = 64
	var turns []fake.Turn
	for i := range n {
		turns = append(turns, fake.ToolCall(fmt.Sprintf("tool-%d", i), nil).When(func(*llm.Request) bool { return true }))
	}
	m := fake.New(turns...)
	var seen, ids sync.Map
	var lost atomic.Int32
	var wg sync.WaitGroup
	for range n + 8 {
		wg.Go(func() {
			r, err := llm.Collect(m.Stream(t.Context(), ask("hi")))
			m.Requests()
			if err != nil {
				lost.Add(1)
				return
			}
			c := r.ToolCalls()[0]
			if _, dup := seen.LoadOrStore(c.Name, true); dup {
				t.Errorf("%s was played twice", c.Name)
			}
			if _, dup := ids.LoadOrStore(c.ID, true); dup {
				t.Errorf("%s was given twice", c.ID)
			}
		})
	}
	wg.Wait()
	if lost.Load() != 8 {
		t.Errorf("%d calls found no turn, want 8", lost.Load())
	}
	var tb recorderTB
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], "fake: 8 without an answer:\n") {
		t.Errorf("got %q", tb.errors)
	}
	if got := len(m.Requests()); got != n+8 {
		t.Errorf("%d requests", got)
	}
}

// A model that forgets keeps no requests, and goes on counting calls.
func TestForget(t *testing.T) {
	m := fake.New(fake.Text("a"), fake.Text("b"))
	generate(t, m, ask("x"))
	if m.Forget() != m || len(m.Requests()) != 0 {
		t.Errorf("%d requests are kept", len(m.Requests()))
	}
	if r := generate(t, m, ask("y")); r.RequestID != "fake-2" || len(m.Requests()) != 0 {
		t.Errorf("%q, %d requests are kept", r.RequestID, len(m.Requests()))
	}
}

// A conversation that another fake began goes on with ids of its own.
func TestCallIDsPassOverTheHistory(t *testing.T) {
	req := conv(llm.UserText("?"), llm.Assistant(&llm.ToolCallPart{ID: "call_1", Name: "a", Input: []byte("{}")}), llm.User(llm.ToolResult("call_1", llm.Text("1"))))
	m := fake.New(fake.ToolCall("a", nil))
	if got := generate(t, m, req).ToolCalls()[0].ID; got != "call_2" {
		t.Errorf("got %s", got)
	}
	var tb recorderTB
	if m.Last(&tb).Messages[0].Role != llm.RoleUser || len(tb.errors) > 0 {
		t.Errorf("%+v, %q", m.Last(&tb), tb.errors)
	}
	if r := fake.New().Last(&tb); len(r.Messages) > 0 || len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "no request has arrived") {
		t.Errorf("%+v, %q", r, tb.errors)
	}
}

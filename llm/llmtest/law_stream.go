package llmtest

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// law02: streams are lazy and single-use, and a bad request is refused at once.
func law02() []testCase {
	return []testCase{
		{
			name: "law02/lazy",
			explain: "Constructors do no I/O, and Stream sends nothing before the first iteration: an application that " +
				"builds a stream and never ranges over it must not pay for an answer. The model's next call must be the " +
				"first that the provider sees. Look for work outside the function that Stream returns.",
			run: lazy,
		},
		{
			name: "law02/single-use",
			explain: "A stream may be ranged over once: a second range yields ErrStreamReused and sends nothing, since " +
				"it would cost a second answer. This holds after a whole, an abandoned and a failed first range. Return " +
				"llm.Once(…) from Stream, in every wrapper too.",
			run: singleUse,
		},
		{
			name: "law02/nil-request",
			explain: "A nil request is ErrInvalidRequest before anything is sent; never a panic. Look for a use of the " +
				"request before req.Validate().",
			run: nilRequest,
		},
		{
			name: "law02/invalid-request",
			explain: "What no provider could make sense of is ErrInvalidRequest before anything is sent, and the error " +
				"names the path of the fault, so that the application's author finds it. Call req.Validate() first, on " +
				"both ways, and return its error as it is.",
			run: invalidRequest,
		},
	}
}

func lazy(c *run) {
	m, log := c.logged(says("first"), says("second"))
	for range 3 {
		if m.Stream(c.Context(), c.ask()) == nil {
			c.Fatal("Stream returned a nil sequence")
		}
	}
	// Time for goroutines that should not be there.
	time.Sleep(moment)
	if n := len(log.arrived()); n > 0 {
		c.Errorf("%d requests arrived before anything was ranged over", n)
	}
	c.serves(m, "first", "after streams that nobody ranged over")
}

func singleUse(c *run) {
	leave := func(int, llm.Event) bool { return false }
	denied := Turn{Err: &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}}
	for _, try := range []struct {
		name  string
		first Turn
		keep  func(int, llm.Event) bool
	}{
		{"a whole range", says("first"), nil},
		{"a range that was left", says("first"), leave},
		{"a range that failed", denied, nil},
	} {
		m := c.model(try.first, says("second"))
		seq := m.Stream(c.Context(), c.ask())
		if tp := play(seq, try.keep); try.first.Err == nil && tp.err != nil {
			c.Errorf("the first range failed: %v", tp.err)
		}
		tp := play(seq, nil)
		if !errors.Is(tp.err, llm.ErrStreamReused) {
			c.Errorf("a second range after %s yielded %d events and the error %v, want ErrStreamReused", try.name, len(tp.events), tp.err)
		}
		if len(tp.events) > 0 {
			c.Errorf("a second range after %s yielded events: the provider was asked again", try.name)
		}
		for _, f := range tp.faults {
			c.Errorf("a second range after %s: %s", try.name, f)
		}
		c.serves(m, "second", "after a second range that followed "+try.name)
	}
}

func nilRequest(c *run) {
	for _, w := range ways() {
		m := c.model(says("first"))
		resp, err := w.call(c.Context(), m, nil)
		c.wantCode(w.name+" of a nil request", err, llm.ErrInvalidRequest)
		if resp != nil {
			c.Errorf("%s of a nil request returned a response", w.name)
		}
		c.serves(m, "first", w.name+" of a nil request must not be sent")
	}
	// Building the stream of one is no crime yet.
	c.model(says("first")).Stream(c.Context(), nil)
}

func invalidRequest(c *run) {
	bad := func(change func(r *llm.Request)) *llm.Request {
		r := c.ask()
		change(r)
		return r
	}
	for _, try := range []struct {
		name, path string
		req        *llm.Request
	}{
		{"a nil part", "messages[0].content[1]", bad(func(r *llm.Request) { r.Messages[0].Content = append(r.Messages[0].Content, nil) })},
		{"a nil image", "messages[0].content[0]", bad(func(r *llm.Request) { r.Messages[0].Content = []llm.Part{(*llm.MediaPart)(nil)} })},
		{"no role", "messages[1].role", bad(func(r *llm.Request) {
			r.Messages = append(r.Messages, llm.Message{Content: []llm.Part{llm.Text("x")}})
		})},
		{"invalid UTF-8", "messages[0].content[0].text", bad(func(r *llm.Request) {
			r.Messages[0].Content = []llm.Part{llm.Text("a\xffb")}
		})},
		{"a tool call of the user", "messages[0].content[0]", bad(func(r *llm.Request) {
			r.Messages[0].Content = []llm.Part{call("call_1", "weather", "{}")}
		})},
		{"arguments that are not JSON", "messages[1].content[0].input", bad(func(r *llm.Request) {
			r.Messages = append(r.Messages, llm.Assistant(call("call_1", "weather", `{"city":`)))
		})},
		{"media without data", "messages[0].content[0]", bad(func(r *llm.Request) {
			r.Messages[0].Content = []llm.Part{&llm.MediaPart{MediaType: "image/png"}}
		})},
		{"a temperature that is no number", "temperature", bad(func(r *llm.Request) { r.Temperature = new(math.NaN()) })},
		{"a negative max_tokens", "max_tokens", bad(func(r *llm.Request) { r.MaxTokens = -1 })},
		{"a choice of an unknown tool", "tool_choice.name", bad(func(r *llm.Request) {
			r.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "weather"}
		})},
		{"two tools of one name", "tools[1].name", bad(func(r *llm.Request) { r.Tools = []llm.Tool{weather(), weather()} })},
		{"a schema that is not JSON", "tools[0].schema", bad(func(r *llm.Request) {
			r.Tools = []llm.Tool{weather()}
			r.Tools[0].Schema = json.RawMessage(`{"type":`)
		})},
	} {
		m := c.model(says("first"))
		for _, w := range ways() {
			_, err := w.call(c.Context(), m, try.req)
			what := w.name + " of a request with " + try.name
			if c.wantCode(what, err, llm.ErrInvalidRequest) && !strings.Contains(err.Error(), try.path) {
				c.Errorf("%s: the error does not name the path %s: %v", what, try.path, err)
			}
		}
		c.serves(m, "first", "a request with "+try.name+" must not be sent")
	}
}

// law04: one error at most, one Finish at the end, and a cut is never an answer.
func law04() []testCase {
	return []testCase{
		{
			name: "law04/one-finish",
			explain: "A stream that succeeded ended with exactly one *Finish: it is how a consumer tells a whole answer " +
				"from a cut one, and where it reads stop reason and usage. All answers of the corpus are streamed. Look " +
				"at the end of the provider's stream, and at wrappers that add events.",
			run: oneFinish,
		},
		{
			name: "law04/one-error",
			explain: "A stream yields at most one error, last and with a nil event, so that a loop which returns at the " +
				"first error has lost nothing and one that goes on sees nothing strange. Look for a missing return " +
				"after yield(nil, err).",
			run: oneError,
		},
		{
			name: "law04/incomplete",
			explain: "A stream that ends in any other way than with Finish or an error is ErrIncomplete: a connection " +
				"that was cut is never a short answer. The scripted answer breaks off; a server cuts the connection " +
				"there. Do not trust the end of the body: require the provider's own last word.",
			run: incomplete,
		},
	}
}

func oneFinish(c *run) {
	c.eachAnswer(func(a answer, m llm.Model) {
		for range a.turns() {
			tp := play(m.Stream(c.Context(), c.ask()), nil)
			if tp.err != nil {
				c.Errorf("the stream of %s failed: %v", a.name, tp.err)
			}
			finishes := 0
			for i, ev := range tp.events {
				if _, ok := ev.(*llm.Finish); !ok {
					continue
				}
				if finishes++; i != len(tp.events)-1 {
					c.Errorf("the stream of %s: event %d of %d is a Finish", a.name, i+1, len(tp.events))
				}
			}
			if finishes != 1 {
				c.Errorf("the stream of %s has %d Finish events, want 1", a.name, finishes)
			}
			for _, f := range tp.faults {
				c.Errorf("the stream of %s: %s", a.name, f)
			}
		}
	})
}

// eachAnswer calls f for each answer of the corpus that the model does not lack. It
// is given in both forms: f makes two calls.
func (c *run) eachAnswer(f func(a answer, m llm.Model)) {
	c.Helper()
	c.give(c.answers(), f)
}

// answers are those of the corpus that the model does not lack.
func (c *run) answers() []answer {
	return slices.DeleteFunc(corpus(), func(a answer) bool { return c.lacks(a.needs...) })
}

func (c *run) give(answers []answer, f func(a answer, m llm.Model)) {
	c.Helper()
	var turns []Turn
	for _, a := range answers {
		turns = append(turns, a.turns()...)
	}
	m := c.model(turns...)
	for _, a := range answers {
		f(a, m)
	}
}

func oneError(c *run) {
	failure := &llm.Error{Code: llm.ErrInvalidRequest, Message: "scripted"}
	for _, try := range []struct {
		name string
		turn Turn
	}{
		{"that fails at once", Turn{Err: failure}},
		{"that fails half-way", Turn{Events: halfway(), Err: failure}},
		{"that breaks off", Turn{Events: halfway()}},
	} {
		tp := play(c.model(repeated(try.turn)...).Stream(c.Context(), c.ask()), nil)
		if tp.err == nil && try.turn.Err != nil {
			c.Errorf("a stream %s yielded no error", try.name)
		}
		for _, f := range tp.faults {
			c.Errorf("a stream %s: %s", try.name, f)
		}
		for _, ev := range tp.events {
			if _, ok := ev.(*llm.Finish); ok {
				c.Errorf("a stream %s yielded a Finish", try.name)
			}
		}
	}
}

// halfway are the events of an answer that has begun.
func halfway() []llm.Event {
	return []llm.Event{
		&llm.PartStart{Index: 0, Part: &llm.TextPart{}},
		&llm.TextDelta{Index: 0, Text: "Four degrees "},
		&llm.TextDelta{Index: 0, Text: "and"},
	}
}

func incomplete(c *run) {
	for _, try := range []struct {
		name   string
		events []llm.Event
	}{
		{"in the middle of a text", halfway()},
		{"after a text", append(halfway(), &llm.PartStop{Index: 0})},
		{"before anything", []llm.Event{}},
	} {
		turns := repeated(Turn{Events: try.events})
		tp := play(c.model(turns...).Stream(c.Context(), c.ask()), nil)
		c.wantCut("a stream cut "+try.name, tp.err, len(try.events) == 0)
		_, err := c.model(turns...).Generate(c.Context(), c.ask())
		c.wantCut("Generate of an answer cut "+try.name, err, len(try.events) == 0 || c.lacks(GeneratePartial))
	}
}

// wantCut checks the error of an answer that broke off. Where nothing of it can have
// arrived, it may also be the error of a connection that failed.
func (c *run) wantCut(what string, err error, nothing bool) {
	c.Helper()
	if err != nil && nothing && llm.IsRetryable(err) {
		return
	}
	c.wantCode(what, err, llm.ErrIncomplete)
}

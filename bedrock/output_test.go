package bedrock_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// The text of an answer satisfies the schema, however it came, or there is an error with
// the answer as it was.
func TestStructuredOutput(t *testing.T) {
	native, tool, words := able(), able(), able()
	tool.StructuredOutput = false
	words.StructuredOutput, words.NoTools = false, true
	text := func(s string, stop llm.StopReason) llm.Response {
		return llm.Response{Message: llm.Assistant(llm.Text(s)), StopReason: stop}
	}
	took := func(input string, parts ...llm.Part) llm.Response {
		parts = append(parts, &llm.ToolCallPart{ID: "t1", Name: "animal", Input: raw(input)})
		return llm.Response{Message: llm.Assistant(parts...), StopReason: llm.StopToolUse}
	}
	const good, bad = `{"legs":4}`, `{"legs":"four"}`
	for _, c := range []struct {
		name    string
		profile *bedrock.Profile
		said    llm.Response
		want    string
		stop    llm.StopReason
		code    llm.Code
	}{
		{"native", native, text(good, llm.StopEndTurn), good, llm.StopEndTurn, ""},
		{"native, against the schema", native, text(bad, llm.StopEndTurn), bad, "", llm.ErrMalformedOutput},
		{"native, no JSON", native, text("It has four.", llm.StopEndTurn), "It has four.", "", llm.ErrMalformedOutput},
		{"native, cut short", native, text(`{"legs":`, llm.StopMaxTokens), `{"legs":`, "", llm.ErrMalformedOutput},
		{"native, filtered", native, text("I cannot say.", llm.StopContentFilter), "I cannot say.", llm.StopContentFilter, ""},
		{"tool", tool, took(good), good, llm.StopEndTurn, ""},
		{"tool, with a preamble", tool, took(good, llm.Text("Here it is:")), good, llm.StopEndTurn, ""},
		{"tool, against the schema", tool, took(bad), bad, "", llm.ErrMalformedOutput},
		{"tool, not called", tool, text(good, llm.StopEndTurn), good, llm.StopEndTurn, ""},
		{"tool, with another call", tool, took(good, &llm.ToolCallPart{ID: "t0", Name: "look", Input: raw(`{}`)}), good, llm.StopToolUse, ""},
		{"words", words, text(good, llm.StopEndTurn), good, llm.StopEndTurn, ""},
		{"words, against the schema", words, text(bad, llm.StopEndTurn), bad, "", llm.ErrMalformedOutput},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.said.Usage = llm.Usage{InputTokens: 5, OutputTokens: 3}
			s := bedrocktest.NewServer(replies(c.said), &bedrocktest.Options{Profile: c.profile})
			t.Cleanup(s.Close)
			m := bedrock.New(s.Client(), "test.model", &bedrock.Options{Profile: c.profile})
			req := talk(asked)
			req.Output = &llm.OutputFormat{Name: "animal", Schema: raw(`{"type":"object","properties":{"legs":{"type":"integer","minimum":1}},"required":["legs"]}`)}
			whole, err := m.Generate(t.Context(), req)
			collected, err2 := llm.Collect(m.Stream(t.Context(), req))
			for way, got := range map[string]struct {
				r   *llm.Response
				err error
			}{"generate": {whole, err}, "stream": {collected, err2}} {
				if c.code != "" && llm.CodeOf(got.err) != c.code || c.code == "" && got.err != nil {
					t.Fatalf("%s: %v", way, got.err)
				}
				if got.r == nil || got.r.Text() != c.want || c.code == "" && got.r.StopReason != c.stop || got.r.Usage.InputTokens != 5 {
					t.Errorf("%s: %+v, %v", way, got.r, got.err)
				}
				for _, call := range got.r.ToolCalls() {
					if call.Name == "animal" {
						t.Errorf("%s: the document comes as a call, too", way)
					}
				}
			}
		})
	}
}

// A model that cannot stream while it has tools answers a stream in one piece.
func TestStreamFromConverse(t *testing.T) {
	said := replies{Message: llm.Assistant(&llm.ReasoningPart{Text: "r", Signature: "s"}, llm.Text("Let me look."), calling("t1", "look")),
		StopReason: llm.StopToolUse, Usage: llm.Usage{InputTokens: 5, OutputTokens: 3}}
	s := bedrocktest.NewServer(said, nil)
	t.Cleanup(s.Close)
	m := bedrock.New(s.Client(), "us.meta.llama4-scout-17b-instruct-v1:0", nil)
	whole, err := m.Generate(t.Context(), using(asked))
	if err != nil {
		t.Fatal(err)
	}
	collected, err := llm.Collect(m.Stream(t.Context(), using(asked)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole.Message, collected.Message); diff != "" {
		t.Error(diff)
	}
	if len(collected.Warnings) != 1 || collected.Warnings[0].Field != "stream" || collected.StopReason != llm.StopToolUse || collected.Usage != whole.Usage || collected.Usage.Estimated {
		t.Errorf("%+v", collected)
	}
	for _, w := range s.Exchanges() {
		if w.Op != "Converse" {
			t.Errorf("called %s", w.Op)
		}
	}

	// A loop that is left has no more events, and an error ends it.
	for range m.Stream(t.Context(), using(asked)) {
		break
	}
	s.Close()
	n := 0
	for ev, err := range m.Stream(t.Context(), using(asked)) {
		if n++; ev != nil || llm.CodeOf(err) != llm.ErrUnavailable || n > 1 {
			t.Errorf("%v, %v", ev, err)
		}
	}
}

// An answer that the service cut at a limit of its own says so.
func TestSilentCap(t *testing.T) {
	s := bedrocktest.NewServer(replies{Message: llm.AssistantText("and then"), StopReason: llm.StopMaxTokens}, nil)
	t.Cleanup(s.Close)
	m := bedrock.New(s.Client(), "m", nil)
	for most, want := range map[int]int{0: 1, 100: 0} {
		req := talk(asked)
		req.MaxTokens = most
		whole, err := m.Generate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		collected, err := llm.Collect(m.Stream(t.Context(), req))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Warnings, collected.Warnings); diff != "" || len(whole.Warnings) != want || want == 1 && whole.Warnings[0].Field != "max_tokens" {
			t.Errorf("max tokens %d: %+v\n%s", most, whole.Warnings, diff)
		}
	}
}

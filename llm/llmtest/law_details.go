package llmtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// details are what a request may say of a feature beyond the feature itself, where
// encoders forget most. Nothing declares them as lacking: what a wire has no place for
// the model refuses, or tells of in a warning, as law 7 says.
func details() []feature {
	user := func(change func(m *llm.Message)) func(r *llm.Request) {
		return func(r *llm.Request) { change(&r.Messages[0]) }
	}
	return []feature{
		{name: "large-max-tokens", needs: []Capability{MaxTokens}, kind: tuning, field: "max_tokens", seen: maxTokens,
			set: func(r *llm.Request) { r.MaxTokens = 1_000_000 }},
		{name: "reasoning-budget", needs: []Capability{ReasoningControl}, kind: tuning, field: "reasoning",
			set: func(r *llm.Request) { r.MaxTokens, r.Reasoning = 8000, &llm.Reasoning{BudgetTokens: 2048} },
			seen: func(r *llm.Request) string {
				if r.Reasoning == nil {
					return "reasoning unset"
				}
				return fmt.Sprintf("reasoning.budget_tokens %d", r.Reasoning.BudgetTokens)
			}},
		{name: "cache-lifetime", needs: []Capability{CachePoints}, kind: tuning, field: "system", seen: lifetimes,
			set: func(r *llm.Request) {
				r.System = []llm.Part{llm.Text("Be brief."), &llm.CachePointPart{TTL: time.Hour}}
			}},
		{name: "document-context", needs: []Capability{DocumentInput}, kind: either, field: "messages[0]",
			seen: eachSaid(func(p *llm.DocumentPart) string { return fmt.Sprintf("document, context: %q", p.Context) }),
			set: user(func(m *llm.Message) {
				d := document()
				d.Context = "The one of last year."
				m.Content = append(m.Content, d)
			})},
		{name: "image-address", needs: []Capability{ImageInput}, kind: either, field: "messages[0]",
			seen: eachSaid(func(p *llm.MediaPart) string { return fmt.Sprintf("media at %q", p.URI) }),
			set: user(func(m *llm.Message) {
				m.Content = append(m.Content, &llm.MediaPart{MediaType: "image/png", URI: "https://example.com/fjord.png"})
			})},
		{name: "single-forced-tool-call", needs: []Capability{Tools, AnyTool, SingleToolCall}, kind: either, field: "tool_choice",
			seen: func(r *llm.Request) string { return choice(r) + "\n" + single(r) },
			set: func(r *llm.Request) {
				r.Tools, r.ToolChoice = []llm.Tool{weather()}, llm.ToolChoice{Mode: llm.ToolChoiceAny, Single: true}
			},
			answer: calling(call("call_1", "weather", `{"city":"Oslo"}`))},
		{name: "structured-output-and-tools", needs: []Capability{Tools, StructuredOutput}, kind: either, field: "output",
			seen: func(r *llm.Request) string {
				if r.Output == nil {
					return offeredNames(r) + "output unset"
				}
				return offeredNames(r) + "output.schema " + canonical(r.Output.Schema)
			},
			set: func(r *llm.Request) {
				r.Tools = []llm.Tool{weather(), clock()}
				r.Output = &llm.OutputFormat{Schema: json.RawMessage(
					`{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}`)}
			},
			answer: calling(call("call_1", "weather", `{"city":"Oslo"}`))},
		{name: "several-instructions", kind: either, field: "system", seen: words,
			set: func(r *llm.Request) { r.System = []llm.Part{llm.Text("Be brief."), llm.Text("Be exact.")} }},
		{name: "several-texts-of-a-tool", needs: []Capability{Tools}, kind: either, field: "messages[2]", seen: words,
			set: func(r *llm.Request) {
				r.Tools = []llm.Tool{weather()}
				r.Messages = append(r.Messages, llm.Assistant(call("call_1", "weather", `{"city":"Oslo"}`)),
					llm.User(llm.ToolResult("call_1", llm.Text("Four degrees."), llm.Text("Rain."))))
			}},
		{name: "several-messages-of-the-user", kind: either, field: "messages[", seen: words,
			set: func(r *llm.Request) { r.Messages = append(r.Messages, llm.UserText("And tomorrow?")) }},
	}
}

// detailCases are those cases of law 7 that ask for one detail each.
func detailCases() []testCase {
	var cases []testCase
	for _, f := range details() {
		way := "refuses with ErrUnsupported, or tells of in a Warning that names the field"
		if f.kind == tuning {
			way = "tells of in a Warning that names the field, and does not refuse, since it only tunes the answer"
		}
		cases = append(cases, testCase{
			name:  "law07/" + f.name,
			needs: f.needs,
			explain: "Nothing is lost in silence, nor lowered to what the wire or the model can take. What the wire has no place " +
				"for the model " + way + "; all else arrives as it was sent. What arrives at the model behind the harness is compared. " +
				"Look at the encoder for a member that nobody reads, for the first of a list that stands for all, and for a " +
				"limit that is applied with min; then at the decoder of the test's server.",
			run: func(c *run) { c.detail(f) },
		})
	}
	return cases
}

func (c *run) detail(f feature) {
	turn := Turn{Response: f.answer}
	if f.answer == nil {
		turn = says("taken")
	}
	for _, w := range ways() {
		what := w.name + " with " + f.name
		m, log := c.logged(turn)
		req := c.ask()
		f.set(req)
		switch resp, err := w.call(c.Context(), m, req); {
		case err != nil && f.kind == tuning:
			c.Errorf("%s, which only tunes: %v", what, err)
		case err != nil:
			c.wantCode(what, err, llm.ErrUnsupported)
		case warns(resp, f.field):
		default:
			if arrived := c.seen(log); arrived != nil {
				c.same(what+": it did not arrive as it was sent, and no warning says so", f.seen(req), f.seen(arrived))
			}
		}
	}
}

// words are all that a request says in texts, by role. How they are divided into parts
// is the wire's affair.
func words(r *llm.Request) string {
	var b strings.Builder
	say := func(role llm.Role, p llm.Part) {
		if p, ok := p.(*llm.TextPart); ok {
			fmt.Fprintf(&b, "%s %s\n", role, strings.Join(strings.Fields(p.Text), "\n"+string(role)+" "))
		}
	}
	for _, p := range r.System {
		say(llm.RoleSystem, p)
	}
	eachPart(r, say)
	return b.String()
}

func offeredNames(r *llm.Request) string {
	var b strings.Builder
	for _, t := range r.Tools {
		fmt.Fprintf(&b, "tool %s\n", t.Name)
	}
	return b.String()
}

// lifetimes are how long each cache point of the instructions is to last.
func lifetimes(r *llm.Request) string {
	var b strings.Builder
	for _, p := range r.System {
		if p, ok := p.(*llm.CachePointPart); ok {
			fmt.Fprintf(&b, "cache point for %v\n", p.TTL)
		}
	}
	return b.String()
}

// eachSaid says something of each part of a kind that the messages have, in lines.
func eachSaid[P llm.Part](say func(p P) string) func(r *llm.Request) string {
	return func(r *llm.Request) string {
		var b strings.Builder
		eachPart(r, func(_ llm.Role, p llm.Part) {
			if p, ok := p.(P); ok {
				b.WriteString(say(p) + "\n")
			}
		})
		return b.String()
	}
}

package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// history is n turns, every third with a call whose result is long; and a question.
func history(n int) *conversation.View {
	v := &conversation.View{Request: &llm.Request{}}
	for i := range n {
		v.Messages = append(v.Messages, llm.UserText(fmt.Sprintf("q%d %s", i, strings.Repeat("x", 100))))
		if i%3 == 0 {
			id := fmt.Sprintf("c%d", i)
			v.Messages = append(v.Messages, llm.Assistant(&llm.ReasoningPart{Text: "Hm.", Signature: "s"}, call(id, "Oslo")), llm.User(llm.ToolResult(id, llm.Text(strings.Repeat("æ", 1000)))))
		}
		v.Messages = append(v.Messages, llm.AssistantText(fmt.Sprintf("a%d", i)))
	}
	v.Turn = len(v.Messages)
	v.Messages = append(v.Messages, llm.UserText("now"))
	return v
}

// sound fails where a view is not one that may be sent.
func sound(t *testing.T, name string, v *conversation.View) {
	t.Helper()
	if err := conversation.New(fake.New(), nil).Append(t.Context(), v.Messages...); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if v.Messages[0].Role != llm.RoleUser || v.Messages[len(v.Messages)-1].Content[0].(*llm.TextPart).Text != "now" || v.Turn != len(v.Messages)-1 {
		t.Errorf("%s: from %s, the turn at %d of %d", name, v.Messages[0].Role, v.Turn, len(v.Messages))
	}
}

func TestStrategies(t *testing.T) {
	for name, f := range map[string]conversation.TrimFunc{
		"turns":   conversation.KeepTurns(8),
		"tokens":  conversation.KeepTokens(2000),
		"results": conversation.TruncateToolResults(4),
		"all":     conversation.Trim(conversation.TruncateToolResults(2), conversation.KeepTokens(500), conversation.KeepTurns(3)),
		"one":     conversation.KeepTurns(0),
		"nothing": conversation.KeepTokens(1),
	} {
		starts := 0
		last := ""
		for n := range 60 {
			v := history(n)
			whole := slices.Clone(v.Messages)
			if err := f(t.Context(), v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sound(t, fmt.Sprintf("%s of %d turns", name, n), v)
			if changed := encoded(v.Messages) != encoded(whole); changed != (len(v.Warnings) > 0) {
				t.Errorf("%s of %d turns: changed %v, warnings %v", name, n, changed, v.Warnings)
			}
			if encoded(whole) != encoded(history(n).Messages) {
				t.Fatalf("%s of %d turns: the history was changed", name, n)
			}
			if first := shape(v.Messages[:1]); first != last {
				starts++
				last = first
			}
			if name == "turns" && n > 12 && (len(questions(v)) > 8 || len(questions(v)) < 6) {
				t.Errorf("%d turns are kept of %d", len(questions(v)), n)
			}
			if name == "tokens" {
				if size := conversation.EstimateTokens(v.Request, v.Messages...); size > 2000 {
					t.Errorf("%d tokens of %d turns", size, n)
				}
			}
		}
		// What is sent begins with the same words for some turns, so that caches hit.
		if name == "turns" && starts > 30 || name == "tokens" && starts > 25 {
			t.Errorf("%s: %d starts in 60 turns", name, starts)
		}

		v := history(40)
		v.Overflow = true
		before := conversation.EstimateTokens(v.Request, v.Messages...)
		if err := f(t.Context(), v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sound(t, name+" after an overflow", v)
		if after := conversation.EstimateTokens(v.Request, v.Messages...); after > before*6/10 {
			t.Errorf("%s after an overflow: %d tokens of %d", name, after, before)
		}
	}
}

func questions(v *conversation.View) []string {
	var out []string
	for _, m := range v.Messages {
		if p, ok := m.Content[0].(*llm.TextPart); ok && m.Role == llm.RoleUser {
			out = append(out, p.Text)
		}
	}
	return out
}

// A model that counts has the last word on what fits.
func TestKeepTokensCounts(t *testing.T) {
	v := history(40)
	estimate := conversation.EstimateTokens(v.Request, v.Messages...)
	for _, c := range []struct {
		factor float64
		err    error
		trims  bool
	}{{0.5, nil, false}, {3, nil, true}, {3, errors.New("no count"), false}} {
		v := history(40)
		v.Model = &counting{fake.New(), c.factor, c.err}
		if err := conversation.KeepTokens(estimate*3/2)(t.Context(), v); err != nil || (len(v.Warnings) > 0) != c.trims {
			t.Errorf("%+v: trims %v, %v", c, v.Warnings, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v.Model = &counting{fake.New(), 1, context.Canceled}
	if err := conversation.KeepTokens(estimate*3/2)(ctx, v); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type counting struct {
	llm.Model
	factor float64
	err    error
}

func (m *counting) CountTokens(_ context.Context, req *llm.Request) (int, error) {
	return int(m.factor * float64(conversation.EstimateTokens(req, req.Messages...))), m.err
}

func TestSummarize(t *testing.T) {
	asked := 0
	writer := fake.Func(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
		asked++
		if asked == 1 && strings.Contains(req.Messages[0].Content[0].(*llm.TextPart).Text, "as a summary") {
			t.Error("the first summary builds on another")
		}
		return &llm.Response{Message: llm.AssistantText(fmt.Sprintf("summary %d", asked)), StopReason: llm.StopEndTurn, Usage: used(7, 3)}, nil
	})
	f := conversation.Summarize(&conversation.SummaryOptions{Limit: 2000, Model: writer})
	last := 0
	for n := range 60 {
		v := history(n)
		if err := f(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		sound(t, fmt.Sprintf("%d turns", n), v)
		text := v.Messages[0].Content[0].(*llm.TextPart).Text
		if summarised := strings.HasPrefix(text, "Summary of the conversation so far:\nsummary "); summarised != (len(v.Warnings) > 0) {
			t.Errorf("%d turns: %q, %v", n, text, v.Warnings)
		}
		if (v.Usage != llm.Usage{}) != (asked > last) {
			t.Errorf("%d turns: usage %+v, asked %d", n, v.Usage, asked-last)
		}
		last = asked
	}
	if asked < 3 || asked > 25 {
		t.Errorf("%d summaries in 60 turns", asked)
	}
	v := history(59)
	if err := f(t.Context(), v); err != nil || asked != last {
		t.Errorf("a known summary is asked for again: %v", err)
	}

	// One that cannot be had.
	broken := conversation.Summarize(&conversation.SummaryOptions{Limit: 2000, Model: fake.New(fake.Fail(llm.ErrOverloaded), fake.Text(" "), fake.Text("No.").StopWith(llm.StopRefusal))})
	for i := range 3 {
		v := history(40)
		v.Overflow = i == 1
		n := len(v.Messages)
		if err := broken(t.Context(), v); err != nil || len(v.Warnings) != 1 || (len(v.Messages) == n) == v.Overflow {
			t.Errorf("%d: %v, %v, %d messages of %d", i, err, v.Warnings, len(v.Messages), n)
		}
		sound(t, "without a summary", v)
	}
}

// Trimming a history of 10,000 messages takes little time.
func BenchmarkTrim(b *testing.B) {
	v := history(3750)
	writer := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) {
		return &llm.Response{Message: llm.AssistantText("summary"), StopReason: llm.StopEndTurn}, nil
	})
	for _, c := range []struct {
		name string
		f    conversation.TrimFunc
	}{
		{"turns", conversation.KeepTurns(20)},
		{"tokens", conversation.KeepTokens(50_000)},
		{"results", conversation.TruncateToolResults(20)},
		{"summary", conversation.Summarize(&conversation.SummaryOptions{Limit: 50_000, Model: writer})},
		{"results and tokens", conversation.Trim(conversation.TruncateToolResults(20), conversation.KeepTokens(50_000))},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				view := *v
				if err := c.f(b.Context(), &view); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(v.Messages)), "messages") // after the loop, which resets it
		})
	}
}

// Strategies in a conversation, at random.
func TestTrimInConversation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		m := fake.Func(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if rng.IntN(10) == 0 {
				return nil, llm.ErrContextTooLong
			}
			return &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn, Usage: used(1, 1)}, nil
		})
		c := conversation.New(m, &conversation.Options{Trim: conversation.Trim(conversation.TruncateToolResults(2), conversation.KeepTokens(1000))})
		if err := c.Append(t.Context(), history(rng.IntN(30)).Messages[:]...); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, err := c.Send(t.Context(), llm.Text("next"))
			if err != nil && !errors.Is(err, llm.ErrContextTooLong) {
				t.Errorf("%v", err)
			}
		}
	}
}

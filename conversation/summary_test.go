package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// scribe writes summaries that leave nothing out, so that each shows of what it is one.
type scribe struct{ llm.Model }

func (scribe) Generate(_ context.Context, req *llm.Request) (*llm.Response, error) {
	text := req.Messages[0].Content[0].(*llm.TextPart).Text
	if rest, ok := strings.CutPrefix(text, "[What came before, as a summary]\n"); ok {
		before, after, _ := strings.Cut(rest, "\n\n")
		text = before + "\n" + after
	}
	return &llm.Response{Message: llm.AssistantText(text), StopReason: llm.StopEndTurn}, nil
}

// whole is what the scribe makes of messages.
func whole(messages []llm.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "[%s]\n%s\n", m.Role, transcript(m.Content))
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "\n\n", "\n"))
}

// chat appends a turn.
func chat(rng *rand.Rand, messages []llm.Message) []llm.Message {
	messages = append(slices.Clip(messages), llm.UserText(fmt.Sprintf("question %d", rng.IntN(5))))
	if rng.IntN(2) == 0 {
		id := fmt.Sprintf("c%d", rng.IntN(3))
		messages = append(messages,
			llm.Assistant(&llm.ReasoningPart{Text: "Hm."}, &llm.ToolCallPart{ID: id, Name: "look", Input: json.RawMessage(fmt.Sprintf(`{"n":%d}`, rng.IntN(3)))}),
			llm.User(&llm.ToolResultPart{CallID: id, Content: []llm.Part{llm.Text(fmt.Sprint("result ", rng.IntN(3)))}, IsError: rng.IntN(4) == 0}))
	}
	return append(messages, llm.AssistantText(fmt.Sprintf("answer %d", rng.IntN(5))))
}

// change changes a part in place, which nobody may do, or puts another into its place.
func change(rng *rand.Rand, messages []llm.Message) []llm.Message {
	messages = slices.Clone(messages)
	i := rng.IntN(len(messages))
	m := &messages[i]
	if rng.IntN(2) == 0 {
		*m = m.Clone()
	}
	switch p := m.Content[len(m.Content)-1].(type) {
	case *llm.TextPart:
		p.Text = fmt.Sprintf("changed %d", rng.IntN(100))
	case *llm.ToolCallPart:
		p.Input[5] = '9'
	case *llm.ToolResultPart:
		p.Content[0].(*llm.TextPart).Text += "!"
	}
	return messages
}

// However histories grow, branch and change, a summary is one of the messages for which it stands.
func TestSummaryIsOfItsMessages(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		f := Summarize(&SummaryOptions{Limit: 100, Model: scribe{}})
		histories := [][]llm.Message{chat(rng, nil), chat(rng, nil)}
		summaries := 0
		for range 300 {
			i := rng.IntN(len(histories))
			switch h := histories[i]; rng.IntN(10) {
			case 0:
				histories = append(histories, h) // a fork
			case 1:
				histories[i] = change(rng, h)
			default:
				histories[i] = chat(rng, h)
			}
			all := append(slices.Clip(histories[i]), llm.UserText("now"))
			v := &View{Messages: all, Turn: len(all) - 1, Request: &llm.Request{}, Overflow: rng.IntN(10) == 0}
			if err := f(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			at := len(all) - len(v.Messages)
			if at == 0 {
				continue
			}
			summaries++
			got := v.Messages[0].Content[0].(*llm.TextPart).Text
			got = strings.TrimPrefix(strings.ReplaceAll(got, "\n\n", "\n"), "Summary of the conversation so far:\n")
			if diff := cmp.Diff(whole(all[:at]), got); diff != "" {
				t.Fatalf("seed %d: the summary is of others (-want +got):\n%s", seed, diff)
			}
		}
		if summaries < 100 {
			t.Errorf("seed %d: %d summaries", seed, summaries)
		}
	}
}

// Parts that are not the same come to other bytes.
func TestAppendParts(t *testing.T) {
	image := func(b byte) llm.Part { return llm.Image("image/png", []byte{b}) }
	of := make(map[string]string)
	for _, parts := range [][]llm.Part{
		nil, {llm.Text("")}, {llm.Text("a")}, {llm.Text("ab")}, {llm.Text("a"), llm.Text("b")}, {llm.Text("a"), llm.Text("")}, {llm.Text(""), llm.Text("a")},
		{image(1)}, {image(2)}, {llm.Text("a"), image(1)}, {llm.Text("a"), image(2)},
		{llm.ToolResult("a", llm.Text("b"))}, {llm.ToolResult("a", llm.Text("b"), llm.Text("c"))}, {llm.ToolResult("a", llm.Text("b")), llm.Text("c")},
		{llm.ToolResult("a")}, {llm.ToolError("a", "b")},
		{&llm.ToolCallPart{ID: "a", Name: "b", Input: json.RawMessage(`{}`)}}, {&llm.ToolCallPart{ID: "ab", Input: json.RawMessage(`{}`)}}, {&llm.ToolCallPart{ID: "a", Name: "b"}},
	} {
		text, err := json.Marshal(llm.Parts(parts))
		if err != nil {
			t.Fatal(err)
		}
		b := string(appendParts(nil, parts))
		if other, same := of[b]; same {
			t.Errorf("%s and %s come to the same", text, other)
		}
		of[b] = string(text)
	}
}

// Conversations that share the function do not see one another.
func TestSummariesAtOnce(t *testing.T) {
	f := Summarize(&SummaryOptions{Limit: 100, Model: scribe{}})
	common := chat(rand.New(rand.NewPCG(7, 7)), nil)
	var all sync.WaitGroup
	for seed := range uint64(4) {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 2))
			messages := common
			for range 50 {
				messages = chat(rng, messages)
				v := &View{Messages: append(slices.Clip(messages), llm.UserText("now")), Turn: len(messages), Request: &llm.Request{}}
				if err := f(t.Context(), v); err != nil {
					t.Error(err)
				}
				at := len(messages) + 1 - len(v.Messages)
				if got := v.Messages[0].Content[0].(*llm.TextPart).Text; at > 0 && !strings.HasSuffix(strings.ReplaceAll(got, "\n\n", "\n"), whole(messages[:at])) {
					t.Errorf("%q is no summary of %q", got, whole(messages[:at]))
				}
			}
		})
	}
	all.Wait()
}

package conversation_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// noop answers at once, so that what is measured is the conversation alone.
type noop struct{ resp *llm.Response }

func (noop) Info() llm.Info { return llm.Info{Provider: "noop", Model: "noop"} }

func (m noop) Generate(context.Context, *llm.Request) (*llm.Response, error) { return m.resp, nil }

func (m noop) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return m.resp.Events()
}

// What Send costs beside a call of the model, by the length of the history. A fork before each
// turn keeps that length; it shares the list of messages, which its first commit then copies, as
// the append beside it shows.
func BenchmarkSend(b *testing.B) {
	model := noop{&llm.Response{Message: llm.AssistantText("Hello."), StopReason: llm.StopEndTurn}}
	question := llm.Text("Say hello.")
	b.Run("model", func(b *testing.B) {
		req := &llm.Request{Messages: []llm.Message{llm.User(question)}}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := model.Generate(b.Context(), req); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, messages := range []int{0, 10, 10_000} {
		var history []llm.Message
		for range messages / 2 {
			history = append(history, llm.UserText(strings.Repeat("x", 300)), llm.AssistantText(strings.Repeat("x", 1000)))
		}
		for _, with := range []struct {
			name string
			opts *conversation.Options
		}{
			{"fork", nil},
			{"append", nil},
			{"send/plain", nil},
			{"stream", nil},
			{"send/tool", &conversation.Options{Tools: []tool.Tool{weather()}}},
			{"send/trim", &conversation.Options{Trim: conversation.KeepTurns(20)}},
		} {
			b.Run(fmt.Sprintf("%s/%d", with.name, messages), func(b *testing.B) {
				c := conversation.New(model, with.opts)
				if err := c.Append(b.Context(), history...); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					var err error
					switch f := c.Fork(); with.name {
					case "fork":
					case "append":
						err = f.Append(b.Context(), llm.User(question), model.resp.Message)
					case "stream":
						_, err = llm.Collect(f.Stream(b.Context(), question))
					default:
						_, err = f.Send(b.Context(), question)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

package conversation_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

type cityIn struct {
	City string `json:"city"`
}

// weather is a tool that knows two cities.
func weather() tool.Tool {
	return tool.New("weather", "current weather of a city", func(_ context.Context, in cityIn) (string, error) {
		switch in.City {
		case "Oslo":
			return "4 °C", nil
		case "Rome":
			return "18 °C", nil
		}
		return "", tool.Errorf("no such city")
	})
}

func in(city string) map[string]any { return map[string]any{"city": city} }

func used(input, output int) llm.Usage {
	return llm.Usage{InputTokens: input, OutputTokens: output}
}

// call is a part that calls the weather tool.
func call(id, city string) *llm.ToolCallPart {
	return &llm.ToolCallPart{ID: id, Name: "weather", Input: fmt.Appendf(nil, `{"city":%q}`, city)}
}

// way is a way to take a turn.
type way struct {
	name   string
	send   func(ctx context.Context, c *conversation.Conversation, parts ...llm.Part) (*llm.Response, error)
	resume func(ctx context.Context, c *conversation.Conversation, results ...*llm.ToolResultPart) (*llm.Response, error)
}

func ways() []way {
	return []way{
		{"Send", func(ctx context.Context, c *conversation.Conversation, parts ...llm.Part) (*llm.Response, error) {
			return c.Send(ctx, parts...)
		}, func(ctx context.Context, c *conversation.Conversation, results ...*llm.ToolResultPart) (*llm.Response, error) {
			return c.Resume(ctx, results...)
		}},
		{"Stream", func(ctx context.Context, c *conversation.Conversation, parts ...llm.Part) (*llm.Response, error) {
			return llm.Collect(c.Stream(ctx, parts...))
		}, func(ctx context.Context, c *conversation.Conversation, results ...*llm.ToolResultPart) (*llm.Response, error) {
			return llm.Collect(c.ResumeStream(ctx, results...))
		}},
	}
}

// shape writes messages in short.
func shape(messages []llm.Message) string {
	var s string
	for _, m := range messages {
		s += string(m.Role[:1]) + "("
		for i, p := range m.Content {
			if i > 0 {
				s += " "
			}
			switch p := p.(type) {
			case *llm.TextPart:
				s += p.Text
			case *llm.ToolCallPart:
				s += p.ID + "?"
			case *llm.ToolResultPart:
				s += p.CallID + "="
				for _, p := range p.Content {
					if t, ok := p.(*llm.TextPart); ok {
						s += t.Text
					}
				}
			default:
				s += fmt.Sprintf("%T", p)
			}
		}
		s += ")"
	}
	return s
}

func script(turns ...fake.Turn) *fake.Model { return fake.New(turns...) }

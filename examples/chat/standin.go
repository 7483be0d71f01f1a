package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// newStandIn returns a fake with canned answers, which come at a number of tokens a second; 0 is
// at once. It has the name of a model that has a price, so that what it costs is known.
func newStandIn(speed int) llm.Model {
	model := fake.Func(reply).WithInfo(llm.Info{Provider: "aws.bedrock", Model: defaultModel}).Forget()
	if speed == 0 {
		return model
	}
	return paced{model, time.Second / time.Duration(speed)}
}

const (
	greeting = "Hello! I am a fake with canned answers. Ask me what Parley is, how many days lie between 2026-01-01 and 2026-12-24, what time it is, or for a story. Say “break off” or “busy” to see how errors look."
	parley   = "Parley is a Go SDK that puts one small interface between an application and a large language model. Retries, limits, traces and costs are middleware around it: a model in, a model out."
	story    = "Once upon a time a café in Tromsø had a guest who never ordered anything but words. Each evening she asked the waiter for one – “something with salt in it”, or “a long one, it is raining” – and wrote it on a slip of paper. In spring the slips covered the wall behind her table: føre, 雪, saudade, smörgåsbord, наст, ærfugl.\n\n“What will you do with them?” asked the waiter.\n\n“I am writing to somebody who has not learned to speak yet,” she said, “and I want to begin with the good ones.”\n\nIn June she came with a pram, paid for eight months of words with a single sentence, and the waiter has been telling it to everybody since. But that is another story."
	unknown  = "I am a fake, and know few answers. Say “hi” to learn which."
)

var day = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// reply answers the last message.
func reply(_ context.Context, req *llm.Request) (*llm.Response, error) {
	last := req.Messages[len(req.Messages)-1]
	var results []string
	for _, p := range last.Content {
		if p, ok := p.(*llm.ToolResultPart); ok {
			results = append(results, reported(p))
		}
	}
	if results != nil {
		return says("", strings.Join(results, " "))
	}
	question := strings.ToLower(textOf(last.Content))
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(" "+strings.Trim(question, " .!?")+" ", w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("break off"):
		return &llm.Response{Message: llm.AssistantText(story[:strings.Index(story, " In spring")])},
			&llm.Error{Code: llm.ErrUnavailable, Message: "the connection was reset"}
	case has("busy"):
		return nil, &llm.Error{Code: llm.ErrOverloaded, Status: 503, Message: "too many people are talking to fakes today"}
	case has(" days ", " time "):
		return calls(has(" time "), has(" days "), day.FindAllString(question, 2))
	case has("story"):
		return says("The user wants a story. Something short, with a few letters that terminals find hard, and nothing that needs a tool.", story)
	case has("parley"):
		return says("The user asks what Parley is. One sentence for what it is, and one for how it is used.", parley)
	case has("go on", "continue"):
		return says("", rest(req.Messages))
	case has(" hi ", "hello"):
		return says("", greeting)
	}
	return says("", unknown)
}

// rest is what is missing of the last answer.
func rest(messages []llm.Message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role != llm.RoleAssistant {
			continue
		}
		said, whole := strings.CutSuffix(textOf(messages[i].Content), interrupted)
		if !whole {
			said = strings.TrimSuffix(said, cutOff)
		}
		for _, answer := range []string{greeting, parley, story, unknown} {
			if rest, ok := strings.CutPrefix(answer, said); ok && rest != "" {
				return "… " + strings.TrimSpace(rest)
			}
		}
		break
	}
	return "There is nothing to go on with."
}

func says(thought, text string) (*llm.Response, error) {
	m := llm.AssistantText(text)
	if thought != "" {
		m = llm.Assistant(&llm.ReasoningPart{Text: thought, Signature: "a fake's"}, llm.Text(text))
	}
	return &llm.Response{Message: m}, nil
}

// calls asks for the tools.
func calls(clock, count bool, days []string) (*llm.Response, error) {
	m := llm.Assistant(&llm.ReasoningPart{Text: "I cannot know that, and have a tool for it.", Signature: "a fake's"})
	if clock {
		m.Content = append(m.Content, &llm.ToolCallPart{Name: "current_time", Input: json.RawMessage(`{}`)})
	}
	if count {
		if len(days) < 2 {
			days = []string{"2026-01-01", "2026-12-31"}
		}
		input := fmt.Sprintf(`{"from":%q,"to":%q}`, days[0], days[1])
		m.Content = append(m.Content, &llm.ToolCallPart{Name: "days_between", Input: json.RawMessage(input)})
	}
	return &llm.Response{Message: m}, nil
}

// reported is the result of a tool in words.
func reported(p *llm.ToolResultPart) string {
	result := textOf(p.Content)
	switch {
	case p.IsError:
		return "The tool could not tell: " + result
	case p.Name == "days_between":
		return "Between them lie " + result + " days."
	}
	return "It is " + result + "."
}

// paced is a model that streams at the speed of a real one.
type paced struct {
	next  llm.Model
	token time.Duration // how long one takes
}

func (m paced) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (m paced) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		wait := func(tokens int) bool {
			select {
			case <-time.After(time.Duration(tokens) * m.token):
				return true
			case <-ctx.Done():
				yield(nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Op: "stream", Err: ctx.Err()})
				return false
			}
		}
		if !wait(40) { // until the first
			return
		}
		for ev, err := range m.next.Stream(ctx, req) {
			switch ev.(type) {
			case *llm.TextDelta, *llm.ReasoningDelta, *llm.ToolCallDelta:
				if !wait(3) { // are in a piece
					return
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

func (m paced) Info() llm.Info    { return m.next.Info() }
func (m paced) Unwrap() llm.Model { return m.next }

package llmtest

import (
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// weather and clock are the tools that the suite offers.
func weather() llm.Tool {
	return llm.Tool{Name: "weather", Description: "Tells the weather of a city.",
		Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","maximum":14}},` +
			`"required":["city"]}`)}
}

func clock() llm.Tool {
	return llm.Tool{Name: "clock", Description: "Tells the time.",
		Schema: json.RawMessage(`{"type":"object","properties":{"zone":{"type":"string"}}}`)}
}

// conversation returns the messages of a conversation with tools: everything whose
// loss on the way to the model would change the answer. Providers accept its order:
// roles alternate, and calls are answered in the next message.
func conversation() []llm.Message {
	return []llm.Message{
		llm.UserText("How is the weather? " + unicodeText),
		llm.Assistant(llm.Text("Let me look."), call("call_1", "weather", exactArguments), call("call_2", "clock", `{}`)),
		llm.User(
			llm.ToolResult("call_1", llm.Text(`{"celsius":4.0,"sky":"rain"}`)),
			llm.ToolResult("call_2", llm.Text("Half past four.\n"))),
		llm.AssistantText("Four degrees, and rain at half past four."),
		llm.UserText("And tomorrow?"),
	}
}

// full returns a request that has every feature the model does not lack, as far as
// they go together. Its slices have room to spare, so that an append which writes
// into the caller's array is seen.
func full(l lacks) *llm.Request {
	has := func(needs ...Capability) bool { return l.missing(needs) == "" }
	r := &llm.Request{
		System:    roomy([]llm.Part{llm.Text("Answer in one word.")}),
		Messages:  []llm.Message{llm.UserText("How is the weather?"), llm.AssistantText("Where?"), llm.UserText("In Oslo.")},
		MaxTokens: 1000,
	}
	last := &r.Messages[2]
	if has(Tools) {
		r.Messages = conversation()
		r.Tools = roomy([]llm.Tool{weather(), clock()})
		last = &r.Messages[4]
		if has(StrictTools) {
			r.Tools[0].Strict = true
		}
		if has(CachePoints) {
			r.Tools[1].Cache = llm.CachePoint()
		}
	}
	if has(ImageInput) {
		last.Content = append(last.Content, llm.Image("", onePixel()))
	}
	if has(DocumentInput) {
		last.Content = append(last.Content, document())
	}
	if has(CachePoints) {
		r.System = roomy([]llm.Part{llm.Text("Answer in one word."), llm.CachePoint()})
		last.Content = append(last.Content, llm.CachePoint())
	}
	if has(Temperature) {
		r.Temperature = new(0.5)
	}
	if has(StopSequences) {
		r.StopSequences = roomy([]string{"END"})
	}
	if has(Metadata) {
		r.Metadata = map[string]string{"team": "blue", "feature": "weather"}
	}
	r.Options = roomy([]llm.ProviderOptions{&otherOptions{Provider: "llmtest.elsewhere", Values: map[string]string{"a": "b"}}})
	for i := range r.Messages {
		r.Messages[i].Content = roomy(r.Messages[i].Content)
	}
	r.Messages = roomy(r.Messages)
	return r
}

func document() *llm.DocumentPart {
	return llm.Document("almanac", "application/pdf", []byte("%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"))
}

// roomy returns the slice with free space behind it.
func roomy[T any](s []T) []T { return append(make([]T, 0, len(s)+4), s...) }

// spread returns a copy of a request whose slices reach to the end of their arrays,
// so that what was written behind their ends can be compared.
func spread(r *llm.Request) *llm.Request {
	c := *r
	c.System = r.System[:cap(r.System)]
	c.Messages = append([]llm.Message(nil), r.Messages[:cap(r.Messages)]...)
	for i, m := range c.Messages {
		c.Messages[i].Content = m.Content[:cap(m.Content)]
	}
	c.Tools = r.Tools[:cap(r.Tools)]
	c.StopSequences = r.StopSequences[:cap(r.StopSequences)]
	c.Options = r.Options[:cap(r.Options)]
	return &c
}

// otherOptions are options of some provider, of a type that no backend knows.
type otherOptions struct {
	Provider string            `json:"-"`
	Values   map[string]string `json:"values,omitempty"`
}

func (o *otherOptions) ProviderName() string {
	if o == nil {
		return ""
	}
	return o.Provider
}

package llm_test

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// random makes values of every kind, for properties that hold for all of them.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

func (r random) text() string {
	words := []string{"", "plain", "two words", "\n", "🙂é", "<b>&\u2028", `"quoted"`, "שלום"}
	return words[r.IntN(len(words))]
}

func (r random) name() string { return []string{"a", "weather", "x_1"}[r.IntN(3)] }

func (r random) raw() json.RawMessage {
	docs := []string{`{}`, `{"b":1.50,"a":9223372036854775807}`, `{"deep":{"a":[1,2.50,null]}}`, `[]`, `{"q":"a\u003cb"}`}
	return json.RawMessage(docs[r.IntN(len(docs))])
}

func (r random) opaque() *llm.Opaque {
	if r.IntN(2) == 0 {
		return nil
	}
	return &llm.Opaque{Provider: "p", Model: "m", Data: r.raw()}
}

func (r random) pointer() *int {
	if r.IntN(2) == 0 {
		return nil
	}
	return new(r.IntN(3))
}

func (r random) citations() []llm.Citation {
	var cs []llm.Citation
	for range r.IntN(3) {
		cs = append(cs, llm.Citation{Kind: "web", Title: r.text(), Source: r.text(), URL: "https://example.com", Text: r.text(),
			Document: r.pointer(), Start: r.pointer(), End: r.pointer(), Data: r.raw()})
	}
	return cs
}

// part makes a part; nested says that it stands in a tool result.
func (r random) part(nested bool) llm.Part {
	kinds := 8
	if nested {
		kinds = 5
	}
	switch r.IntN(kinds) {
	case 0:
		return &llm.TextPart{Text: r.text(), Citations: r.citations(), Opaque: r.opaque()}
	case 1:
		return &llm.MediaPart{MediaType: "image/png", Data: []byte{1, 2, 3}, Opaque: r.opaque()}
	case 2:
		return &llm.DocumentPart{Name: r.name(), MediaType: "text/plain", Text: "t" + r.text(), Context: r.text(), Cite: r.IntN(2) == 0}
	case 3:
		return &llm.CachePointPart{TTL: time.Duration(r.IntN(3)) * time.Hour}
	case 4:
		return &llm.ProviderPart{Provider: "p", Kind: r.name(), Data: r.raw()}
	case 5:
		call := &llm.ToolCallPart{ID: r.name(), Name: r.name(), Input: json.RawMessage(`{"b":1.50,"a":9223372036854775807}`), Opaque: r.opaque()}
		if r.IntN(3) == 0 {
			call.Input, call.Malformed = nil, `{"city":"Os`
		}
		return call
	case 6:
		return &llm.ReasoningPart{Text: r.text(), Signature: r.text(), Redacted: []byte{9}, Opaque: r.opaque()}
	}
	result := &llm.ToolResultPart{CallID: r.name(), Name: r.name(), IsError: r.IntN(2) == 0}
	for range r.IntN(3) {
		result.Content = append(result.Content, r.part(true))
	}
	return result
}

func (r random) message(role llm.Role) llm.Message {
	m := llm.Message{Role: role}
	for range r.IntN(5) {
		m.Content = append(m.Content, r.part(false))
	}
	return m
}

func (r random) usage() llm.Usage {
	return llm.Usage{InputTokens: r.IntN(100), OutputTokens: r.IntN(100), CacheReadTokens: r.IntN(10), CacheWriteTokens: r.IntN(10),
		CacheWrite1hTokens: r.IntN(5), ReasoningTokens: r.IntN(5), ServiceTier: []string{"", "flex", "priority"}[r.IntN(3)], Estimated: r.IntN(2) == 0}
}

func (r random) response() *llm.Response {
	resp := &llm.Response{
		Message: r.message(llm.RoleAssistant), StopReason: llm.StopEndTurn, RawStopReason: r.name(), Usage: r.usage(),
		Provider: "p", Model: "m", RequestID: r.text(), Latency: time.Duration(r.IntN(3)) * time.Second,
	}
	for range r.IntN(3) {
		resp.Warnings = append(resp.Warnings, llm.Warning{Code: llm.WarningDropped, Field: r.name(), Message: r.text()})
	}
	return resp
}

func (r random) request() *llm.Request {
	req := &llm.Request{
		System:      []llm.Part{llm.Text("s"), llm.CachePoint()},
		Messages:    []llm.Message{r.message(llm.RoleUser), r.message(llm.RoleAssistant)},
		Tools:       []llm.Tool{{Name: r.name(), Description: r.text(), Schema: json.RawMessage(`{}`), Strict: true, Cache: &llm.CachePointPart{TTL: time.Hour}}},
		ToolChoice:  llm.ToolChoice{Mode: llm.ToolChoiceAny, Single: true},
		MaxTokens:   r.IntN(100),
		Temperature: new(0.0), TopP: new(0.5), TopK: new(3),
		StopSequences: []string{r.text()},
		Output:        &llm.OutputFormat{Name: r.name(), Schema: json.RawMessage(`{}`)},
		Reasoning:     &llm.Reasoning{},
		Metadata:      map[string]string{"b": r.text(), "a": r.text()},
	}
	return req
}

package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// What a provider attaches and wants back, and what is another's: the part of law 7 that
// keeps them apart.

func opaqueState(c *run) {
	c.keepsState("starts", []string{"text", "call"},
		&llm.PartStart{Index: 0, Part: &llm.TextPart{Opaque: c.state("text")}},
		&llm.TextDelta{Index: 0, Text: "Let me look."},
		&llm.PartStop{Index: 0},
		&llm.PartStart{Index: 1, Part: &llm.ToolCallPart{ID: "call_1", Name: "weather", Opaque: c.state("call")}},
		&llm.ToolCallDelta{Index: 1, Input: `{"city":"Oslo"}`},
		&llm.PartStop{Index: 1},
		&llm.Finish{StopReason: llm.StopToolUse, Usage: llm.Usage{InputTokens: 25, OutputTokens: 7}})
}

func lateOpaqueState(c *run) {
	c.keepsState("stops", []string{"text"},
		&llm.PartStart{Index: 0, Part: &llm.TextPart{}},
		&llm.TextDelta{Index: 0, Text: "Cold."},
		&llm.PartStop{Index: 0, Opaque: c.state("text")},
		&llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 25, OutputTokens: 7}})
}

// state is what the provider attaches to a part of that kind.
func (c *run) state(kind string) *llm.Opaque {
	return &llm.Opaque{Provider: c.provider(), Model: "m", Data: json.RawMessage(`{"signature":"of the ` + kind + `"}`)}
}

// keepsState checks that the parts of an answer, of these kinds, have the state that
// came with its events.
func (c *run) keepsState(where string, kinds []string, events ...llm.Event) {
	c.Helper()
	m := c.model(Turn{Events: events}, Turn{Events: events})
	for _, w := range ways() {
		message := c.must(w, m, c.ask()).Message
		kept := map[string]*llm.Opaque{}
		for _, p := range message.Content {
			switch p := p.(type) {
			case *llm.TextPart:
				kept["text"] = p.Opaque
			case *llm.ToolCallPart:
				kept["call"] = p.Opaque
			}
		}
		for _, kind := range kinds {
			if o := kept[kind]; o == nil || canonical(o.Data) != canonical(c.state(kind).Data) {
				c.Errorf("%s: the state that came where the %s %s is lost: %s", w.name, kind, where, stored(message))
			}
		}
	}
}

func ownOptions(c *run) {
	for _, w := range ways() {
		m := c.model(says("first"))
		req := c.ask()
		req.SetOptions(&otherOptions{Provider: m.Info().Provider, Values: map[string]string{"a": "b"}})
		_, err := w.call(c.Context(), m, req)
		if llm.CodeOf(err) != llm.ErrUnsupported {
			c.wantCode(w.name+" with options of the provider that are not of its type", err, llm.ErrInvalidRequest)
		}
		c.serves(m, "first", "what was refused must not be sent")
	}
}

func otherProviders(c *run) {
	for _, w := range ways() {
		req := c.ask()
		req.SetOptions(&otherOptions{Provider: "llmtest.elsewhere", Values: map[string]string{"a": "b"}})
		if _, err := w.call(c.Context(), c.model(says("ok")), req); err != nil {
			c.Errorf("%s with options of another provider failed: %v", w.name, err)
		}
	}
}

// reasoned is a conversation in which the assistant reasoned before its answer.
func (c *run) reasoned(p *llm.ReasoningPart) *llm.Request {
	req := c.ask()
	req.Messages = append(req.Messages, llm.Assistant(p, llm.Text("Cold.")), llm.UserText("Are you sure?"))
	return req
}

func signatures(r *llm.Request) []string {
	var out []string
	for _, m := range r.Messages {
		for _, p := range m.Content {
			if p, ok := p.(*llm.ReasoningPart); ok && p.Signature != "" {
				out = append(out, fmt.Sprintf("%q signed %s", p.Text, p.Signature))
			}
		}
	}
	return out
}

func signatureReturns(c *run) {
	for _, w := range ways() {
		m, log := c.logged(says("ok"))
		req := c.reasoned(&llm.ReasoningPart{Text: " Oslo is in Norway.\n", Signature: "c2ln+/==",
			Opaque: &llm.Opaque{Provider: m.Info().Provider, Model: m.Info().Model}})
		c.must(w, m, req)
		if want, got := signatures(req), signatures(c.arrived(log)); !slices.Equal(want, got) {
			c.Errorf("%s: the reasoning arrived as %q, want %q", w.name, got, want)
		}
	}
}

func foreignSignature(c *run) {
	for _, w := range ways() {
		m, log := c.logged(says("ok"))
		resp := c.must(w, m, c.reasoned(&llm.ReasoningPart{Text: "Oslo is in Norway.", Signature: "c2ln+/==",
			Opaque: &llm.Opaque{Provider: "llmtest.elsewhere", Model: "m"}}))
		if !warns(resp, "messages[1]") {
			c.Errorf("%s with reasoning of another provider: no warning has a Field that begins with messages[1]; the warnings are %+v",
				w.name, resp.Warnings)
		}
		if got := signatures(c.arrived(log)); len(got) > 0 {
			c.Errorf("%s: the signature of another provider was sent: %q", w.name, got)
		}
	}
}

func foreignPart(c *run) {
	for _, w := range ways() {
		req := c.ask()
		req.Messages = append(req.Messages,
			llm.Assistant(llm.Text("Cold."),
				&llm.ProviderPart{Provider: "llmtest.elsewhere", Kind: "web_search", Data: json.RawMessage(`{"q":"oslo"}`)}),
			llm.UserText("Are you sure?"))
		resp, err := w.call(c.Context(), c.model(says("ok")), req)
		switch {
		case err != nil:
			c.wantCode(w.name+" with a part of another provider", err, llm.ErrUnsupported)
		case !warns(resp, "messages[1]"):
			c.Errorf("%s with a part of another provider: no warning has a Field that begins with messages[1]; the warnings are %+v",
				w.name, resp.Warnings)
		}
	}
}

func foreignTool(c *run) {
	for _, w := range ways() {
		m := c.model(says("first"))
		req := c.ask()
		req.Tools = []llm.Tool{{Name: "web_search", Provider: "llmtest.elsewhere", Kind: "web_search_v1"}}
		_, err := w.call(c.Context(), m, req)
		c.wantCode(w.name+" with a tool that another provider runs", err, llm.ErrUnsupported)
		c.serves(m, "first", "what was refused must not be sent")
	}
}

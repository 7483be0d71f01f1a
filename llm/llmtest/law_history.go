package llmtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// historyCases are those cases of law 7 in which a conversation goes on.
func historyCases() []testCase {
	return []testCase{
		{
			name: "law07/answer-goes-back",
			explain: "Every answer of a model can be appended to the conversation as it is, and sent back to it: " +
				"applications do nothing else. Its texts, its tool calls with every digit, its signed reasoning and its " +
				"state arrive as they were; blank text, citations and reasoning that nobody signed may be left out with a " +
				"Warning that names the message. A refusal would leave the conversation dead for good. All answers of the " +
				"corpus are sent back, the empty one too, followed by tool results or by a question, and what arrives at the " +
				"model behind the harness is compared. Look for parts that the decoder makes and the encoder does not know.",
			run: answerGoesBack,
		},
		{
			name:  "law07/provider-block-goes-back",
			needs: []Capability{ProviderBlocks},
			explain: "A block that the vocabulary lacks goes back to the provider that it came from, with its kind and " +
				"data: it may be the result of a search that the next answer builds on. Where the harness declares " +
				"provider_blocks_back as lacking, the model must refuse it with ErrUnsupported, or say in a Warning that " +
				"names its path that it was left out. Look at *ProviderPart in the encoder.",
			run: blockGoesBack,
		},
		{
			name:  "law07/mixed-order",
			needs: []Capability{Tools},
			explain: "Text may stand beside tool results in a user message, and after a tool call in an assistant " +
				"message: people write while tools run, and models write on. All of it arrives. Where the wire wants " +
				"another order the model may change it, and says so in a Warning that names the message. What arrives at " +
				"the model behind the harness is compared. Look for an encoder that returns at the first result or call.",
			run: mixedOrder,
		},
		{
			name:  "law07/signature-is-marked",
			needs: []Capability{Reasoning, SignedReasoning},
			explain: "Reasoning with a signature says whose it is: Opaque.Provider is that of Info, and Opaque.Model is " +
				"set. Without it nobody can tell a stored signature from another provider's, and a fallback sends it to a " +
				"model that refuses it. It may come in PartStart or in PartStop. Look at the decoder, on both ways.",
			run: func(c *run) {
				reasoningIsMarked(c, &llm.ReasoningPart{Text: "Oslo lies north.", Signature: "c2ln+/=="})
			},
		},
		{
			name:  "law07/redacted-is-marked",
			needs: []Capability{Reasoning, RedactedReasoning},
			explain: "Encrypted reasoning says whose it is: Opaque.Provider is that of Info, and Opaque.Model is set. " +
				"Only its own provider can read it, and all others refuse it. It may come in PartStart or in PartStop. " +
				"Look at the decoder, on both ways.",
			run: func(c *run) { reasoningIsMarked(c, &llm.ReasoningPart{Redacted: []byte{0, 1, 127, 128, 255}}) },
		},
	}
}

func answerGoesBack(c *run) {
	withState := call("call_1", "weather", `{"city":"Oslo"}`)
	withState.Opaque = c.state("call")
	answers := append(corpus(),
		// Models do this, and providers refuse it on its way back.
		answer{"blank-text-and-tool-call", []Capability{Tools}, calling(llm.Text("\n\n"), call("call_1", "weather", `{"city":"Oslo"}`))},
		answer{"opaque-state", []Capability{OpaqueState, Tools},
			calling(&llm.TextPart{Text: "Let me look.", Opaque: c.state("text")}, withState)})
	tried := map[string]bool{} // many answers differ in what is not sent back
	for _, a := range answers {
		said := stored(a.response.Message)
		switch {
		case c.lacks(a.needs...), tried[said]:
			continue
		case slices.ContainsFunc(a.response.Message.Content, isA[*llm.MediaPart]) && c.lacks(ImageInput):
			continue // it makes images, but reads none
		}
		tried[said] = true
		for _, w := range ways() {
			what := w.name + " of a conversation with the answer " + a.name
			sent, resp, arrived, err := c.sendBack(w, a.response)
			if err != nil {
				c.Errorf("%s, which the model gave itself, failed: %v", what, err)
				continue
			}
			c.survives(what, sent, arrived)
			if arrived != nil && !warns(resp, "messages[1]") {
				c.same(what+": it did not arrive as the model gave it, and no warning names messages[1]", besides(sent), besides(arrived))
			}
		}
	}
}

// sendBack asks for an answer, appends it to the conversation, and asks again. It
// returns what was sent then, what came of it, and what arrived, as far as it can be
// seen.
func (c *run) sendBack(w way, answer *llm.Response) (sent *llm.Request, resp *llm.Response, arrived *llm.Request, err error) {
	c.Helper()
	m, log := c.logged(Turn{Response: answer}, says("ok"))
	req := c.ask()
	if !c.lacks(Tools) {
		req.Tools = []llm.Tool{weather(), clock()}
	}
	first := c.must(w, m, req)
	next := llm.UserText("And tomorrow?")
	if calls := first.ToolCalls(); len(calls) > 0 {
		next = llm.Message{Role: llm.RoleUser}
		for _, tc := range calls {
			next.Content = append(next.Content, llm.ToolResult(tc.ID, llm.Text("Four degrees.")))
		}
	}
	sent = new(*req)
	sent.Messages = append(sent.Messages, first.Message, next)
	if resp, err = w.call(c.Context(), m, sent); err == nil {
		arrived = c.seen(log)
	}
	return sent, resp, arrived, err
}

// survives checks that what the model had said reached it again. A nil arrived is one
// that cannot be seen.
func (c *run) survives(what string, sent, arrived *llm.Request) {
	c.Helper()
	if arrived != nil {
		c.same(what+": it did not arrive as the model gave it", strings.Join(c.said(sent, llm.RoleAssistant), "\n"),
			strings.Join(c.said(arrived, llm.RoleAssistant), "\n"))
	}
}

// said are the things that must survive of what a role, or with "" everybody, says in
// a request, in their order. How they are divided into messages is the wire's affair.
func (c *run) said(r *llm.Request, by llm.Role) []string {
	var out []string
	state := func(o *llm.Opaque) string {
		if o == nil || len(o.Data) == 0 || c.lacks(OpaqueState) {
			return ""
		}
		return " with the state " + canonical(o.Data)
	}
	eachPart(r, func(role llm.Role, p llm.Part) {
		if by != "" && role != by {
			return
		}
		add := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("%s: ", role)+fmt.Sprintf(format, args...))
		}
		switch p := p.(type) {
		case *llm.TextPart:
			if strings.TrimSpace(p.Text) != "" {
				add("text %q%s", p.Text, state(p.Opaque))
			}
		case *llm.ToolCallPart:
			add("call %s of %s with %s%s", p.ID, p.Name, canonical(p.Input), state(p.Opaque))
		case *llm.ToolResultPart:
			add("result of %s", p.CallID)
		case *llm.MediaPart:
			add("media %x", p.Data)
		case *llm.ReasoningPart:
			// What nobody signed the provider need not have back.
			if p.Signature != "" {
				add("reasoning %q signed %s", p.Text, p.Signature)
			}
			if len(p.Redacted) > 0 {
				add("reasoning %x", p.Redacted)
			}
		case *llm.ProviderPart:
			add("block %s with %s", p.Kind, canonical(p.Data))
		}
	})
	return out
}

// besides is what an assistant says that a wire may be unable to take back.
func besides(r *llm.Request) string {
	var b strings.Builder
	eachPart(r, func(_ llm.Role, p llm.Part) {
		switch p := p.(type) {
		case *llm.ReasoningPart:
			if p.Signature == "" && len(p.Redacted) == 0 {
				fmt.Fprintf(&b, "reasoning %q\n", p.Text)
			}
		case *llm.TextPart:
			if strings.TrimSpace(p.Text) == "" {
				fmt.Fprintf(&b, "text %q\n", p.Text)
			}
			for _, citation := range p.Citations {
				citation.Data = nil
				fmt.Fprintf(&b, "citation %s\n", stored(citation))
			}
		}
	})
	return b.String()
}

func blockGoesBack(c *run) {
	resp := reply(c.block("llmtest_block"), llm.Text("It is raining."))
	for _, w := range ways() {
		what := w.name + " of a conversation with an unknown block that the model gave itself"
		sent, resp, arrived, err := c.sendBack(w, resp)
		switch {
		case !c.lacks(ProviderBlocksBack):
			if err != nil {
				c.Errorf("%s failed; if the model cannot send it, declare the lack %s: %v", what, ProviderBlocksBack, err)
			} else {
				c.survives(what, sent, arrived)
			}
		case err != nil:
			c.wantCode(what+", which is declared as lacking", err, llm.ErrUnsupported)
		case !warns(resp, "messages[1]"):
			c.Errorf("%s, which is declared as lacking: no warning has a Field that begins with messages[1]; the warnings are %+v",
				what, resp.Warnings)
		}
	}
}

func mixedOrder(c *run) {
	result, text := llm.ToolResult("call_1", llm.Text("Four degrees.")), llm.Text("I meant the town, not the county.")
	for _, try := range []struct {
		name string
		user llm.Message
	}{
		{"a text after the tool's result", llm.User(result, text)},
		{"a text before the tool's result", llm.User(text, result)},
	} {
		for _, w := range ways() {
			what := w.name + " of a conversation with a text after a tool call, and " + try.name
			m, log := c.logged(says("ok"))
			req := c.ask()
			req.Tools = []llm.Tool{weather()}
			req.Messages = append(req.Messages,
				llm.Assistant(call("call_1", "weather", `{"city":"Oslo"}`), llm.Text("The station is in the west.")), try.user)
			resp, err := w.call(c.Context(), m, req)
			if err != nil {
				c.Errorf("%s failed: %v", what, err)
				continue
			}
			arrived := c.seen(log)
			if arrived == nil {
				continue
			}
			want, got := c.said(req, ""), c.said(arrived, "")
			complete := c.same(what+": something is missing, or was added", strings.Join(slices.Sorted(slices.Values(want)), "\n"),
				strings.Join(slices.Sorted(slices.Values(got)), "\n"))
			if complete && !slices.Equal(want, got) && !warns(resp, "messages[") {
				c.Errorf("%s: the order was changed, and no warning names a message: %s", what,
					diff(strings.Join(want, "\n"), strings.Join(got, "\n")))
			}
		}
	}
}

func reasoningIsMarked(c *run, p *llm.ReasoningPart) {
	own := c.provider()
	// Doubles play the part as it is, so that the script marks it.
	p.Opaque = &llm.Opaque{Provider: own, Model: "m"}
	resp := reply(p, llm.Text("Cold."))
	for _, w := range ways() {
		got := c.must(w, c.model(Turn{Response: resp}), c.ask())
		reasoning := slices.IndexFunc(got.Message.Content, isA[*llm.ReasoningPart])
		if reasoning < 0 {
			c.Errorf("%s: the answer has no reasoning: %s", w.name, stored(got.Message))
			continue
		}
		switch o := got.Message.Content[reasoning].(*llm.ReasoningPart).Opaque; {
		case o == nil:
			c.Errorf("%s: the reasoning has no Opaque", w.name)
		case o.Provider != own || o.Model == "":
			c.Errorf("%s: the reasoning is marked with the provider %q and the model %q, want %q and the model's id", w.name, o.Provider, o.Model, own)
		}
	}
}

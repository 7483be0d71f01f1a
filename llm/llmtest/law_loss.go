package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// law07: nothing is lost in silence, on the way there and on the way back.
func law07() []testCase {
	return slices.Concat(featureCases(), detailCases(), historyCases(), []testCase{
		{
			name: "law07/request-arrives",
			explain: "Nothing of a request is lost in silence: instructions, roles, texts, tool calls with their " +
				"arguments, tool results and tools reach the provider as they were sent, in their order. What arrives " +
				"at the model behind the harness is compared with what was sent. Look at the encoder, and at merges and " +
				"trims that are not announced by a Warning.",
			run: requestArrives,
		},
		{
			name:  "law07/media-arrives",
			needs: []Capability{ImageInput},
			explain: "Media arrive byte for byte, with their media type, which is sniffed where the application left it " +
				"empty. Look for a base64 of a base64, and for types that are guessed from names.",
			run: mediaArrives,
		},
		{
			name:  "law07/digits",
			needs: []Capability{Tools},
			explain: "Tool arguments keep every digit, both ways: 9223372036854775807 and 1.50 do not pass through a " +
				"float64. An identifier that is off by one updates another customer's record. Keep arguments as " +
				"json.RawMessage; look for map[string]any.",
			run: digits,
		},
		{
			name:  "law07/names",
			needs: []Capability{Tools},
			explain: "Names of tools and ids of calls are what they are, letter for letter, both ways: the application looks " +
				"its tool up by the one, and the provider its call by the other. Those of this case have capitals, a hyphen and an " +
				"underscore, which all providers allow. Look for a name that is lowered, cleaned or shortened, and for ids " +
				"that are made anew.",
			run: names,
		},
		{
			name:  "law07/provider-blocks",
			needs: []Capability{ProviderBlocks},
			explain: "A block of an answer that the vocabulary lacks is a *ProviderPart with the provider's name, kind " +
				"and data: it has to go back in the next request, and features appear before this package knows them. " +
				"Look for a switch over blocks whose default drops.",
			run: providerBlocks,
		},
		{
			name:  "law07/provider-events",
			needs: []Capability{ProviderEvents},
			explain: "An event that the vocabulary lacks is a *ProviderDelta with the index -1, and wrappers pass it " +
				"through; Collect turns it into a Warning. Look for a switch over events whose default drops.",
			run: func(c *run) { providerDelta(c, -1) },
		},
		{
			name:  "law07/provider-deltas",
			needs: []Capability{ProviderDeltas},
			explain: "A delta within a part that the vocabulary lacks is a *ProviderDelta with the part's index, and " +
				"the rest of the part is not harmed. Look for a switch over deltas whose default drops or fails.",
			run: func(c *run) { providerDelta(c, 0) },
		},
		{
			name:  "law07/opaque-state",
			needs: []Capability{OpaqueState, Tools},
			explain: "State that a provider attaches to a part is kept in Opaque: without it the provider refuses the " +
				"conversation later. Here it comes where a text and a tool call start. Look at PartStart.Part in decoders " +
				"and wrappers.",
			run: opaqueState,
		},
		{
			name:  "law07/late-opaque-state",
			needs: []Capability{OpaqueState, LateOpaqueState},
			explain: "State that a provider attaches to a part is kept in Opaque, also where it comes when the part stops, " +
				"as a signature of what was said does. Look at PartStop.Opaque in decoders and wrappers.",
			run: lateOpaqueState,
		},
		{
			name:  "law07/own-options",
			needs: []Capability{OwnOptions},
			explain: "Options that carry the provider's name but are not of its type are ErrInvalidRequest or " +
				"ErrUnsupported: they may be those of a stored request, or of another version, and ignoring them would " +
				"drop a guardrail in silence. Use llm.OptionsFor and return its error.",
			run: ownOptions,
		},
		{
			name: "law07/other-options",
			explain: "Options of another provider are ignored: one request may carry options for each model of a " +
				"fallback chain. Look for a model that refuses what is not its own.",
			run: otherProviders,
		},
		{
			name:  "law07/signature-returns",
			needs: []Capability{Reasoning, SignedReasoning},
			explain: "Signed reasoning that this provider made goes back to it as it was: a changed or missing " +
				"signature makes it refuse the conversation. What arrives at the model behind the harness is compared. " +
				"Look for trims of reasoning text, and for signatures that are sent with no text.",
			run: signatureReturns,
		},
		{
			name:  "law07/foreign-signature",
			needs: []Capability{ForeignState},
			explain: "Reasoning that another provider signed is not sent: this one cannot check the signature and " +
				"refuses it, and a conversation that fell back from another model would be dead. The request itself " +
				"succeeds, and a Warning that names the part's path says that it was left out. Look at " +
				"ReasoningPart.Opaque.Provider.",
			run: foreignSignature,
		},
		{
			name:  "law07/foreign-part",
			needs: []Capability{ForeignState},
			explain: "A *ProviderPart of another provider cannot be sent here. Leave it out with a Warning that names " +
				"its path, or refuse with ErrUnsupported; do not drop it in silence. Look at ProviderPart.Provider.",
			run: foreignPart,
		},
		{
			name:  "law07/foreign-tool",
			needs: []Capability{ForeignState},
			explain: "A tool that another provider runs cannot be had here, and without it the request means something " +
				"else: it is ErrUnsupported, which lets a fallback go on. Look at Tool.Provider.",
			run: foreignTool,
		},
	})
}

// arrived returns the last request that arrived at the model of the script, and ends
// the case as skipped where the harness does not play that one.
func (c *run) arrived(log *requestLog) *llm.Request {
	c.Helper()
	req := log.last()
	if req == nil {
		c.skipf("the harness does not play Script.Model(), so that what arrives cannot be seen")
	}
	return req
}

func requestArrives(c *run) {
	req := &llm.Request{
		System:    []llm.Part{llm.Text("Answer in one word.\nBe exact: <b>&amp;</b>")},
		Messages:  conversation(),
		Tools:     []llm.Tool{weather(), clock()},
		MaxTokens: 1000,
	}
	if c.lacks(Tools) {
		req.Tools = nil
		req.Messages = []llm.Message{llm.UserText(unicodeText), llm.AssistantText("Well."), llm.UserText("And tomorrow?")}
	}
	for _, w := range ways() {
		m, log := c.logged(says("ok"))
		c.must(w, m, req)
		c.same("what arrived of a request with "+w.name, transcript(req, c.suite.lacks), transcript(c.arrived(log), c.suite.lacks))
	}
}

func mediaArrives(c *run) {
	req := c.ask()
	req.Messages[0].Content = append(req.Messages[0].Content, &llm.MediaPart{Data: onePixel()})
	want := c.ask()
	want.Messages[0].Content = []llm.Part{req.Messages[0].Content[0], llm.Image("image/png", onePixel())}
	for _, w := range ways() {
		m, log := c.logged(says("ok"))
		c.must(w, m, req)
		got := c.arrived(log).Clone()
		for _, p := range got.Messages[0].Content {
			if media, ok := p.(*llm.MediaPart); ok && media.MediaType == "" {
				// No wire is in between, and none of those that would sniff it.
				media.MediaType = llm.DetectMediaType(media.Data)
			}
		}
		c.same("what arrived of a request with "+w.name, transcript(want, c.suite.lacks), transcript(got, c.suite.lacks))
	}
}

func names(c *run) {
	named := weather()
	named.Name = "get-Weather_ofCity"
	called := call("toolu_01aB-Cd_EF", named.Name, `{"city":"Oslo"}`)
	seen := func(r *llm.Request) string { return strings.Join(append(c.said(r, ""), offeredNames(r)), "\n") }
	for _, w := range ways() {
		m, log := c.logged(Turn{Response: calling(called)}, says("ok"))
		req := c.ask()
		req.Tools = []llm.Tool{named}
		c.same(w.name+" of an answer that calls a tool", answered(calling(called)), answered(c.must(w, m, req)))
		req = req.Clone()
		req.Messages = append(req.Messages, llm.Assistant(called), llm.User(llm.ToolResult(called.ID, llm.Text("Four degrees."))))
		c.must(w, m, req)
		if arrived := c.seen(log); arrived != nil {
			c.same("what arrived of a request with "+w.name, seen(req), seen(arrived))
		}
	}
}

func digits(c *run) {
	// Who falls back to the text where float64 fails gets away with numbers that no float64 holds.
	const modest = `{"city":"Oslo","station":9223372036854775807,"height":1.50}`
	for _, arguments := range []string{exactArguments, modest} {
		said := calling(call("call_1", "weather", arguments))
		for _, form := range []Turn{{Response: said}, {Events: pieces(said)}} {
			for _, w := range ways() {
				c.keepsDigits(w, form, arguments)
			}
		}
	}
}

func (c *run) keepsDigits(w way, turn Turn, arguments string) {
	want := canonical(json.RawMessage(arguments))
	m, log := c.logged(turn, says("ok"))
	req := &llm.Request{Messages: conversation(), Tools: []llm.Tool{weather(), clock()}, MaxTokens: 1000}
	req.Messages[1].Content[1] = call("call_1", "weather", arguments)
	if calls := c.must(w, m, req).ToolCalls(); len(calls) != 1 {
		c.Errorf("%s: %d tool calls, want 1", w.name, len(calls))
	} else if got := canonical(calls[0].Input); got != want {
		c.Errorf("%s: the arguments came back as\n%s, want\n%s", w.name, got, want)
	}
	for _, r := range log.arrived() {
		eachPart(r, func(_ llm.Role, p llm.Part) {
			if tc, ok := p.(*llm.ToolCallPart); ok && tc.ID == "call_1" && canonical(tc.Input) != want {
				c.Errorf("%s: the arguments arrived as\n%s, want\n%s", w.name, canonical(tc.Input), want)
			}
		})
	}
}

// block is a block of the provider's own, as its wire would name it.
func (c *run) block(kind string) *llm.ProviderPart {
	return &llm.ProviderPart{Provider: c.provider(), Kind: kind, Data: json.RawMessage(`{"z":1.50,"a":["<b>",9223372036854775807]}`)}
}

// provider is the name of the provider that is tested.
func (c *run) provider() string { return c.model(says("")).Info().Provider }

func providerBlocks(c *run) {
	resp := reply(llm.Text("Before."), c.block("llmtest_block"))
	m := c.model(Turn{Response: resp}, Turn{Response: resp})
	for _, w := range ways() {
		c.same(w.name+" of an answer with an unknown block", answered(resp), answered(c.must(w, m, c.ask())))
	}
}

func providerDelta(c *run, index int) {
	plain := pieces(reply(llm.Text("Four degrees.")))
	stray := &llm.ProviderDelta{Index: index, Provider: c.provider(), Kind: "llmtest_event", Data: json.RawMessage(`{"n":1.50}`)}
	events := slices.Insert(slices.Clone(plain), 2, llm.Event(stray))
	m := c.model(Turn{Events: events}, Turn{Events: events})
	tp := play(m.Stream(c.Context(), c.ask()), nil)
	c.noFault("the stream", tp)
	var got []string
	for _, ev := range tp.events {
		if d, ok := ev.(*llm.ProviderDelta); ok {
			got = append(got, fmt.Sprintf("%d %s %s", d.Index, d.Kind, canonical(d.Data)))
		}
	}
	if want := []string{fmt.Sprintf("%d %s %s", index, stray.Kind, canonical(stray.Data))}; !slices.Equal(got, want) {
		c.Errorf("the stream has the unknown events %q, want %q", got, want)
	}
	resp := c.must(collect(), m, c.ask())
	if got := resp.Text(); got != "Four degrees." {
		c.Errorf("the text around the unknown event is %q", got)
	}
	if !slices.ContainsFunc(resp.Warnings, func(w llm.Warning) bool { return w.Code == llm.WarningUnmapped }) {
		c.Errorf("Collect says nothing of the unknown event: %+v", resp.Warnings)
	}
}

package llmtest

import (
	"github.com/parley-sdk/parley/llm"
)

// law10: tool arguments are JSON, or marked as not.
func law10() []testCase {
	return []testCase{
		{
			name:  "law10/malformed-arguments",
			needs: []Capability{Tools, MalformedArguments},
			explain: "Tool arguments that are not a JSON object are kept in Malformed, with a nil Input: never {} and " +
				"never repaired, since the call would then be run with arguments that the model did not give. The rest " +
				"of the answer stands. One call breaks off in its JSON, another has a list. Look for a failed Unmarshal that " +
				"leaves an empty map, and for JSON that is valid but of another kind.",
			run: malformedArguments,
		},
		{
			name:  "law10/cut-arguments",
			needs: []Capability{Tools},
			explain: "A tool call that breaks off is malformed, even where its arguments so far would be valid JSON (4 " +
				"may have become 42), and even where none had come: it would look like a call without arguments. It must " +
				"never be run, so Input is nil and Malformed is not empty; where nothing had come it is \"…\", as the " +
				"Accumulator has it. Look for arguments that are parsed when the connection ends.",
			run: cutArguments,
		},
		{
			name:  "law10/empty-arguments",
			needs: []Capability{Tools},
			explain: "Empty arguments are {}: providers send none for a tool without parameters, and applications " +
				"decode what they get. Look for an Input that is nil or \"\" on one of the two ways.",
			run: emptyArguments,
		},
		{
			name:  "law10/provider-runs-it",
			needs: []Capability{ProviderBlocks},
			explain: "A call that the provider runs itself is a *ProviderPart, never a *ToolCallPart: an application " +
				"that answers it makes the next request invalid. The scripted answer has such a block. Look for a " +
				"mapping by name alone.",
			run: providerRuns,
		},
		{
			name:  "law10/malformed-replayed",
			needs: []Capability{Tools},
			explain: "A conversation with a malformed call can go on: the call was answered with an error, and the " +
				"model is shown what it did. Send the call's text, or an object that wraps it: it must be found in what " +
				"arrives at the model behind the harness. Do not send {}, which the model never wrote, and do not refuse " +
				"it, for the conversation would be dead.",
			run: malformedReplayed,
		},
	}
}

const halfCall = `{"city":"Os`

func malformedArguments(c *run) {
	for _, text := range []string{halfCall, `["Oslo",2]`} {
		resp := calling(llm.Text("Let me look."), &llm.ToolCallPart{ID: "call_1", Name: "weather", Malformed: text})
		c.malformed(text, Turn{Response: resp}, Turn{Events: pieces(resp)})
	}
}

// malformed checks that a call has these arguments, which are malformed.
func (c *run) malformed(text string, turns ...Turn) {
	c.Helper()
	for _, turn := range turns {
		for _, w := range ways() {
			if w.name == generate().name && c.lacks(GenerateMalformedArguments) {
				continue
			}
			got := c.must(w, c.model(turn), c.ask())
			calls := got.ToolCalls()
			if len(calls) != 1 {
				c.Errorf("%s: %d tool calls, want 1: %s", w.name, len(calls), stored(got.Message))
				continue
			}
			if calls[0].Malformed != text || calls[0].Input != nil {
				c.Errorf("%s: Malformed is %q and Input %q, want %q and nil", w.name, calls[0].Malformed, string(calls[0].Input), text)
			}
			if got.Text() != "Let me look." {
				c.Errorf("%s: the text beside the call is %q", w.name, got.Text())
			}
		}
	}
}

func cutArguments(c *run) {
	for _, arguments := range []string{halfCall, "4", ""} {
		turn := Turn{Events: []llm.Event{&llm.PartStart{Index: 0, Part: &llm.ToolCallPart{ID: "call_1", Name: "weather"}}}}
		if arguments != "" {
			turn.Events = append(turn.Events, &llm.ToolCallDelta{Index: 0, Input: arguments})
		}
		for _, w := range ways() {
			resp, err := w.call(c.Context(), c.model(repeated(turn)...), c.ask())
			if err == nil {
				c.Errorf("%s of an answer that breaks off: no error", w.name)
			}
			for _, tc := range resp.ToolCalls() {
				if tc.Input != nil || tc.Malformed == "" {
					c.Errorf("%s of a call that breaks off after %q: Input is %q and Malformed %q, want nil and what had come, or …",
						w.name, arguments, string(tc.Input), tc.Malformed)
				}
			}
		}
	}
}

func emptyArguments(c *run) {
	for _, input := range []string{"", "{}"} {
		resp := calling(call("call_1", "clock", input))
		for _, turn := range []Turn{{Response: resp}, {Events: pieces(resp)}} {
			for _, w := range ways() {
				calls := c.must(w, c.model(turn), c.ask()).ToolCalls()
				if len(calls) != 1 || canonical(calls[0].Input) != "{}" || calls[0].Malformed != "" {
					c.Errorf("%s of a call with the arguments %q: %s, want one call with {}", w.name, input, stored(calls))
				}
			}
		}
	}
}

func providerRuns(c *run) {
	resp := reply(c.block("llmtest_server_tool_use"), llm.Text("It is raining."))
	for _, w := range ways() {
		got := c.must(w, c.model(Turn{Response: resp}), c.ask())
		if calls := got.ToolCalls(); len(calls) > 0 {
			c.Errorf("%s: the provider's own call came as a *ToolCallPart: %s", w.name, stored(calls))
		}
		if len(got.Message.Content) == 0 || !isA[*llm.ProviderPart](got.Message.Content[0]) {
			c.Errorf("%s: the provider's own call did not come as a *ProviderPart: %s", w.name, stored(got.Message))
		}
	}
}

func malformedReplayed(c *run) {
	for _, w := range ways() {
		what := w.name + " of a conversation with a malformed call"
		req := c.ask()
		req.Tools = []llm.Tool{weather()}
		result := llm.ToolError("call_1", "the arguments were not valid JSON")
		result.IsError = !c.lacks(ToolResultErrors)
		req.Messages = append(req.Messages,
			llm.Assistant(&llm.ToolCallPart{ID: "call_1", Name: "weather", Malformed: halfCall}), llm.User(result))
		m, log := c.logged(says("ok"))
		if _, err := w.call(c.Context(), m, req); err != nil {
			c.Errorf("%s failed: %v", what, err)
		} else if arrived := c.seen(log); arrived != nil && !holds(arrived, halfCall) {
			c.Errorf("%s: the text %s is nowhere in what arrived: %s", what, halfCall, stored(arrived.Messages))
		}
	}
}

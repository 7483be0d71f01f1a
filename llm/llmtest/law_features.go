package llmtest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// feature is something that a request may ask for.
type feature struct {
	name       string
	capability Capability
	needs      []Capability // what else the request uses
	kind       kind
	field      string // a warning about it has a Field that begins with this
	set        func(r *llm.Request)
	seen       func(r *llm.Request) string // what a request says of it: the same where it is sent and where it arrives
	answer     *llm.Response               // what the model answers; nil is a plain text
}

// kind says what a model that lacks a feature must do.
type kind int

const (
	meaning kind = iota // refuse: leaving it out would change what is asked
	tuning              // warn, and go on without it
	either              // refuse or warn
)

func features() []feature {
	tools := func(r *llm.Request) { r.Tools = []llm.Tool{weather(), clock()} }
	choose := func(choice llm.ToolChoice) func(r *llm.Request) {
		return func(r *llm.Request) { tools(r); r.ToolChoice = choice }
	}
	attach := func(parts ...llm.Part) func(r *llm.Request) {
		return func(r *llm.Request) { r.Messages[0].Content = append(r.Messages[0].Content, parts...) }
	}
	result := func(result *llm.ToolResultPart) func(r *llm.Request) {
		return func(r *llm.Request) {
			tools(r)
			r.Messages = append(r.Messages, llm.Assistant(call("call_1", "weather", `{"city":"Oslo"}`)), llm.User(result))
		}
	}
	called := calling(call("call_1", "weather", `{"city":"Oslo"}`))
	cited := document()
	cited.Cite = true
	tool := []Capability{Tools}
	return []feature{
		{"max-tokens", MaxTokens, nil, tuning, "max_tokens", func(r *llm.Request) { r.MaxTokens = 321 }, maxTokens, nil},
		{"tools", Tools, nil, meaning, "tools", tools, offered, nil},
		{"any-tool", AnyTool, tool, meaning, "tool_choice", choose(llm.ToolChoice{Mode: llm.ToolChoiceAny}), choice, called},
		{"no-tool", NoTool, tool, meaning, "tool_choice", choose(llm.ToolChoice{Mode: llm.ToolChoiceNone}), choice, nil},
		{"named-tool", NamedTool, tool, meaning, "tool_choice",
			choose(llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "weather"}), choice, called},
		{"single-tool-call", SingleToolCall, tool, either, "tool_choice", choose(llm.ToolChoice{Single: true}), single, called},
		{"strict-tools", StrictTools, tool, tuning, "tools[0]", func(r *llm.Request) { tools(r); r.Tools[0].Strict = true }, strict, nil},
		{"tool-result-images", ToolResultImages, tool, meaning, "messages[2]",
			result(llm.ToolResult("call_1", llm.Image("", onePixel()))), attached, nil},
		{"tool-result-errors", ToolResultErrors, tool, either, "messages[2]", result(llm.ToolError("call_1", "no such city")), failed, nil},
		{"structured-output", StructuredOutput, nil, meaning, "output", func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Name: "verdict", Description: "Whether it rains.", Schema: json.RawMessage(
				`{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}`)}
		}, output, reply(llm.Text(`{"answer":"yes"}`))},
		{"image-input", ImageInput, nil, meaning, "messages[0]", attach(llm.Image("", onePixel())), attached, nil},
		{"audio-input", AudioInput, nil, meaning, "messages[0]",
			attach(&llm.MediaPart{MediaType: "audio/wav", Data: []byte("RIFF\x24\x00\x00\x00WAVEfmt ")}), attached, nil},
		{"video-input", VideoInput, nil, meaning, "messages[0]",
			attach(&llm.MediaPart{MediaType: "video/mp4", Data: []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00")}), attached, nil},
		{"document-input", DocumentInput, nil, meaning, "messages[0]", attach(document()), attached, nil},
		{"document-citations", DocumentCitations, []Capability{DocumentInput}, either, "messages[0]", attach(cited), attached, nil},
		{"system-messages", SystemMessages, nil, meaning, "messages[2]", func(r *llm.Request) {
			r.Messages = append(r.Messages,
				llm.AssistantText("Yes?"), llm.System(llm.Text("From now on in French.")), llm.UserText("Go on."))
		}, instructed, nil},
		{"temperature", Temperature, nil, tuning, "temperature", func(r *llm.Request) { r.Temperature = new(0.5) }, temperature, nil},
		{"temperature-zero", Temperature, nil, tuning, "temperature", func(r *llm.Request) { r.Temperature = new(0.0) }, temperature, nil},
		{"top-p", TopP, nil, tuning, "top_p", func(r *llm.Request) { r.TopP = new(0.25) }, topP, nil},
		{"top-k", TopK, nil, tuning, "top_k", func(r *llm.Request) { r.TopK = new(40) }, topK, nil},
		{"stop-sequences", StopSequences, nil, either, "stop_sequences",
			func(r *llm.Request) { r.StopSequences = []string{"END", "STOP"} }, stops, nil},
		{"reasoning-control", ReasoningControl, nil, tuning, "reasoning",
			func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: llm.EffortLow} }, effort, nil},
		{"cache-point-in-system", CachePoints, nil, tuning, "system",
			func(r *llm.Request) { r.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()} }, cached, nil},
		{"cache-point-in-message", CachePoints, nil, tuning, "messages[0]", attach(llm.CachePoint()), cached, nil},
		{"cache-point-after-tool", CachePoints, tool, tuning, "tools",
			func(r *llm.Request) { tools(r); r.Tools[1].Cache = llm.CachePoint() }, cached, nil},
		{"metadata", Metadata, nil, tuning, "metadata",
			func(r *llm.Request) { r.Metadata = map[string]string{"team": "blue", "feature": "weather"} }, tags, nil},
	}
}

// featureCases are those cases of law 7 that ask for one feature each.
func featureCases() []testCase {
	var cases []testCase
	for _, f := range features() {
		explain := "Nothing is lost in silence. Where the harness declares " + string(f.capability) + " as lacking, the model must "
		switch f.kind {
		case meaning:
			explain += "refuse a request that asks for it with ErrUnsupported before anything is sent, since its absence would change what is asked"
		case tuning:
			explain += "do without it and say so in a Warning that names the field, since it only tunes the answer"
		case either:
			explain += "refuse a request that asks for it with ErrUnsupported, or say in a Warning that names the field what it did instead"
		}
		cases = append(cases, testCase{
			name:  "law07/" + f.name,
			needs: f.needs,
			explain: explain + ". Where it is not declared, the request must succeed, and what it asks for must reach the provider: " +
				"what arrives at the model behind the harness is compared with what was sent. Look at the encoder of requests for fields " +
				"that nobody reads, and at the decoder of the test's server.",
			run: func(c *run) { c.feature(f) },
		})
	}
	return cases
}

func (c *run) feature(f feature) {
	turn := Turn{Response: f.answer}
	if f.answer == nil {
		turn = says("taken")
	}
	for _, w := range ways() {
		m, log := c.logged(turn, says("after"))
		req := c.ask()
		f.set(req)
		resp, err := w.call(c.Context(), m, req)
		what := w.name + " with " + f.name
		if !c.lacks(f.capability) {
			if c.honoured(what, f, resp, err) {
				c.reached(what, f, req, log, resp.Warnings)
			}
			continue
		}
		if err == nil && f.kind != meaning {
			if !warns(resp, f.field) {
				c.Errorf("%s, which is declared as lacking: no warning has a Field that begins with %s; the warnings are %+v",
					what, f.field, resp.Warnings)
			}
			continue
		}
		if f.kind == tuning {
			c.Errorf("%s, which only tunes: %v", what, err)
			continue
		}
		if c.wantCode(what+", which is declared as lacking", err, llm.ErrUnsupported) {
			c.same(what+": what was refused must not be sent", answered(turn.Response), answered(c.must(w, m, c.ask())))
		}
	}
}

// honoured checks the call of a feature that the model has.
func (c *run) honoured(what string, f feature, resp *llm.Response, err error) bool {
	c.Helper()
	if err != nil {
		c.Errorf("%s failed; if the model cannot do it, declare the lack %s: %v", what, f.capability, err)
		return false
	}
	for _, w := range resp.Warnings {
		if w.Code == llm.WarningDropped && strings.HasPrefix(w.Field, f.field) && !slices.Contains(spare(), w.Field) {
			c.Errorf("%s: the model has left it out; declare the lack %s: %+v", what, f.capability, w)
			return false
		}
	}
	return true
}

// reached checks that what was asked for arrived, where that can be seen and no
// warning says what was made of it.
func (c *run) reached(what string, f feature, sent *llm.Request, log *requestLog, warnings []llm.Warning) {
	c.Helper()
	arrived := c.seen(log)
	if arrived == nil {
		return
	}
	want, got := f.seen(sent), f.seen(arrived)
	for _, w := range warnings {
		switch {
		case slices.Contains(spare(), w.Field):
			want, got = without(want, w.Field), without(got, w.Field)
		case strings.HasPrefix(w.Field, f.field):
			return
		}
	}
	c.same(what+": it did not arrive as it was sent, and no warning says so", want, got)
}

// warns says whether a response has a warning about a field or something in it.
func warns(resp *llm.Response, field string) bool {
	return resp != nil && slices.ContainsFunc(resp.Warnings, func(w llm.Warning) bool { return strings.HasPrefix(w.Field, field) })
}

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
	answer     *llm.Response // what the model answers; nil is a plain text
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
		{"tools", Tools, nil, meaning, "tools", tools, nil},
		{"any-tool", AnyTool, tool, meaning, "tool_choice", choose(llm.ToolChoice{Mode: llm.ToolChoiceAny}), called},
		{"no-tool", NoTool, tool, meaning, "tool_choice", choose(llm.ToolChoice{Mode: llm.ToolChoiceNone}), nil},
		{"named-tool", NamedTool, tool, meaning, "tool_choice",
			choose(llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "weather"}), called},
		{"single-tool-call", SingleToolCall, tool, either, "tool_choice", choose(llm.ToolChoice{Single: true}), called},
		{"strict-tools", StrictTools, tool, tuning, "tools[0]", func(r *llm.Request) { tools(r); r.Tools[0].Strict = true }, nil},
		{"tool-result-images", ToolResultImages, tool, meaning, "messages[2]",
			result(llm.ToolResult("call_1", llm.Image("", onePixel()))), nil},
		{"tool-result-errors", ToolResultErrors, tool, either, "messages[2]", result(llm.ToolError("call_1", "no such city")), nil},
		{"structured-output", StructuredOutput, nil, meaning, "output", func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Name: "answer", Schema: json.RawMessage(
				`{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}`)}
		}, reply(llm.Text(`{"answer":"yes"}`))},
		{"image-input", ImageInput, nil, meaning, "messages[0]", attach(llm.Image("", onePixel())), nil},
		{"audio-input", AudioInput, nil, meaning, "messages[0]",
			attach(&llm.MediaPart{MediaType: "audio/wav", Data: []byte("RIFF\x24\x00\x00\x00WAVEfmt ")}), nil},
		{"video-input", VideoInput, nil, meaning, "messages[0]",
			attach(&llm.MediaPart{MediaType: "video/mp4", Data: []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00")}), nil},
		{"document-input", DocumentInput, nil, meaning, "messages[0]", attach(document()), nil},
		{"document-citations", DocumentCitations, []Capability{DocumentInput}, either, "messages[0]", attach(cited), nil},
		{"system-messages", SystemMessages, nil, meaning, "messages[2]", func(r *llm.Request) {
			r.Messages = append(r.Messages,
				llm.AssistantText("Yes?"), llm.System(llm.Text("From now on in French.")), llm.UserText("Go on."))
		}, nil},
		{"temperature", Temperature, nil, tuning, "temperature", func(r *llm.Request) { r.Temperature = new(0.0) }, nil},
		{"top-p", TopP, nil, tuning, "top_p", func(r *llm.Request) { r.TopP = new(0.9) }, nil},
		{"top-k", TopK, nil, tuning, "top_k", func(r *llm.Request) { r.TopK = new(40) }, nil},
		{"stop-sequences", StopSequences, nil, either, "stop_sequences",
			func(r *llm.Request) { r.StopSequences = []string{"END"} }, nil},
		{"reasoning-control", ReasoningControl, nil, tuning, "reasoning",
			func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: llm.EffortLow} }, nil},
		{"cache-point-in-system", CachePoints, nil, tuning, "system",
			func(r *llm.Request) { r.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()} }, nil},
		{"cache-point-in-message", CachePoints, nil, tuning, "messages[0]", attach(llm.CachePoint()), nil},
		{"cache-point-after-tool", CachePoints, tool, tuning, "tools",
			func(r *llm.Request) { tools(r); r.Tools[1].Cache = llm.CachePoint() }, nil},
		{"metadata", Metadata, nil, tuning, "metadata",
			func(r *llm.Request) { r.Metadata = map[string]string{"team": "blue"} }, nil},
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
			name:    "law07/" + f.name,
			needs:   f.needs,
			explain: explain + ". Where it is not declared, the request must succeed. Look at the encoder of requests for fields that nobody reads.",
			run:     func(c *run) { c.feature(f) },
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
		m := c.model(turn, says("after"))
		req := c.ask()
		f.set(req)
		resp, err := w.call(c.Context(), m, req)
		what := w.name + " with " + f.name
		if !c.lacks(f.capability) {
			c.honoured(what, f, resp, err)
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
func (c *run) honoured(what string, f feature, resp *llm.Response, err error) {
	c.Helper()
	if err != nil {
		c.Errorf("%s failed; if the model cannot do it, declare the lack %s: %v", what, f.capability, err)
		return
	}
	for _, w := range resp.Warnings {
		if w.Code == llm.WarningDropped && strings.HasPrefix(w.Field, f.field) {
			c.Errorf("%s: the model has left it out; declare the lack %s: %+v", what, f.capability, w)
		}
	}
}

// warns says whether a response has a warning about a field or something in it.
func warns(resp *llm.Response, field string) bool {
	return resp != nil && slices.ContainsFunc(resp.Warnings, func(w llm.Warning) bool { return strings.HasPrefix(w.Field, field) })
}

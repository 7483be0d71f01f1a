package bedrock_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// repair is a request that a rule repairs, or refuses.
type repair struct {
	rule    string // its name
	test    string // where a rule has several
	profile func(*bedrock.Profile)
	req     *llm.Request
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func talk(messages ...llm.Message) *llm.Request { return &llm.Request{Messages: messages} }

// using is a request with a tool, named "look".
func using(messages ...llm.Message) *llm.Request {
	r := talk(messages...)
	r.Tools = []llm.Tool{{Name: "look", Schema: raw(`{"type":"object","properties":{"at":{"type":"string"}}}`)}}
	return r
}

func calling(id, name string) *llm.ToolCallPart {
	return &llm.ToolCallPart{ID: id, Name: name, Input: raw(`{"at":"it"}`)}
}

// set changes a request.
func set(r *llm.Request, f func(*llm.Request)) *llm.Request { f(r); return r }

var (
	asked  = llm.UserText("What is it?")
	answer = llm.AssistantText("A cat.")
	looks  = llm.Assistant(calling("1", "look"))
	seen   = llm.User(llm.ToolResult("1", llm.Text("a cat")))
	cat    = llm.Image("image/png", png)
	paper  = llm.Document("paper", "application/pdf", []byte("%PDF-1"))
)

func repairs() []repair {
	bedrocks := &llm.Opaque{Provider: bedrock.Provider, Model: "anthropic.claude-sonnet-4-5-20250929-v1:0"}
	with := func(f func(*llm.Request)) *llm.Request { return set(talk(asked), f) }
	return []repair{
		{"not on Converse", "", func(p *bedrock.Profile) { p.NoConverse = true }, talk(asked)},
		{"stored prompts", "", nil, with(func(r *llm.Request) { r.MaxTokens, r.Temperature, r.TopK = 100, new(0.5), new(40) })},
		{"stored prompts", "system", nil, with(func(r *llm.Request) { r.System = []llm.Part{llm.Text("Be brief.")} })},
		{"refused media", "", func(p *bedrock.Profile) { p.NoDocuments = true }, talk(llm.User(llm.Text("Read."), paper))},
		{"refused media", "in a result", func(p *bedrock.Profile) { p.NoImages = true }, using(asked, looks, llm.User(llm.ToolResult("1", cat)))},
		{"refused media", "S3", func(p *bedrock.Profile) { p.NoS3 = true }, talk(llm.User(&llm.MediaPart{MediaType: "image/png", URI: "s3://b/k"}))},
		{"no system prompt", "", func(p *bedrock.Profile) { p.NoSystem = true }, set(talk(asked), func(r *llm.Request) { r.System = []llm.Part{llm.Text("Be brief.")} })},
		{"system messages", "", func(p *bedrock.Profile) { p.SystemMessages = false }, talk(llm.System(llm.Text("Be brief.")), asked, answer, llm.System(llm.Text("Be long.")), llm.UserText("Why?"))},
		{"foreign parts", "", nil, talk(llm.User(llm.Text("x"), &llm.ProviderPart{Provider: "openai", Kind: "web_search_call", Data: raw(`{}`)}),
			llm.Assistant(&llm.ProviderPart{Provider: bedrock.Provider, Kind: "hologram", Data: raw(`{"v":1}`)}, llm.Text("y")), asked)},
		{"reasoning", "", nil, talk(asked, llm.Assistant(&llm.ReasoningPart{Text: "unsigned"}, &llm.ReasoningPart{Text: "foreign", Signature: "s", Opaque: &llm.Opaque{Provider: "openai"}}, answer.Content[0],
			&llm.ReasoningPart{Signature: "late, without text", Opaque: bedrocks}), asked)},
		{"media of the assistant", "", func(p *bedrock.Profile) { p.AssistantMedia = false }, talk(asked, llm.Assistant(llm.Text("Look:"), cat), asked)},
		{"citations", "", nil, talk(asked, llm.Assistant(&llm.TextPart{Text: "cited", Opaque: bedrocks, Citations: []llm.Citation{{Kind: "web", URL: "https://example.com"}, {Kind: "search_result", Document: new(0)},
			{Data: raw(`{"location":{"moon":{"x":1}}}`)}}}), asked)},
		{"malformed arguments", "", nil, using(asked, llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "look", Malformed: `{"at":"i`}), seen)},
		{"tools withheld", "no tools", nil, talk(asked, looks, seen, answer, asked)},
		{"tools withheld", "none", nil, set(using(asked, looks, llm.User(&llm.ToolResultPart{CallID: "1", IsError: true, Content: []llm.Part{llm.Text("dark"), cat}})), func(r *llm.Request) { r.ToolChoice.Mode = llm.ToolChoiceNone })},
		{"tool results", "media and status", func(p *bedrock.Profile) {
			p.ToolResultImages, p.ToolResultDocuments, p.ToolResultStatus = false, false, false
		}, using(asked, looks, llm.User(&llm.ToolResultPart{CallID: "1", IsError: true, Content: []llm.Part{llm.Text("half"), cat, paper}}, llm.Text("Go on.")))},
		{"tool results", "JSON", func(p *bedrock.Profile) { p.ToolResultJSON = false }, using(asked, looks, llm.User(llm.ToolResult("1", jsonPart(`{"n":1}`), jsonPart(`[1,2]`), llm.CachePoint())))},
		{"tool results", "JSON array", nil, using(asked, looks, llm.User(llm.ToolResult("1", jsonPart(`{"n":1}`), jsonPart(`[1,2]`))))},
		{"blank text", "", nil, set(using(llm.User(llm.Text(" \n"), asked.Content[0]), llm.Assistant(llm.Text(""), calling("1", "look")), llm.User(llm.ToolResult("1", llm.Text(" "), llm.Text("a cat")))),
			func(r *llm.Request) { r.System = []llm.Part{llm.Text("\t"), llm.Text("Be brief.")} })},
		{"blank text", "all", nil, talk(llm.UserText(" "))},
		{"empty messages", "", nil, talk(asked, llm.Assistant(), llm.UserText("Hello?"))},
		{"alternation", "", nil, talk(asked, llm.UserText("Well?"), answer, llm.AssistantText("Or a dog."), llm.UserText("Which?"))},
		{"calls and results", "missing", nil, using(asked, llm.Assistant(calling("1", "look"), calling("2", "look")), llm.User(llm.Text("Wait."), llm.ToolResult("2", llm.Text("a dog"))))},
		{"calls and results", "stray", nil, using(llm.User(llm.ToolResult("0", llm.Text("old"))), answer, asked, looks, llm.User(llm.ToolResult("1", llm.Text("a cat")), llm.ToolResult("1", llm.Text("again"))))},
		{"calls and results", "unanswered", nil, using(asked, looks)},
		{"empty tool results", "", func(p *bedrock.Profile) { p.EmptyToolResult = false }, using(asked, looks, llm.User(llm.ToolResult("1")))},
		{"beside tool results", "nothing", func(p *bedrock.Profile) { p.BesideToolResult = bedrock.BesideNothing }, using(asked, looks, llm.User(seen.Content[0], llm.Text("And?"), cat))},
		{"beside tool results", "text", func(p *bedrock.Profile) { p.BesideToolResult = bedrock.BesideText }, using(asked, looks, llm.User(seen.Content[0], llm.Text("And?"), paper))},
		{"documents", "", nil, talk(llm.User(llm.Document("Q3  report.pdf", "application/pdf", []byte("%PDF-1")), llm.Document("Q3 report-pdf", "application/pdf", []byte("%PDF-1")), llm.Document("", "", []byte("%PDF-1"))))},
		{"media limits", "", nil, talk(llm.User(asked.Content[0], paper, paper, paper, paper, paper, paper))},
		{"cache points", "places", nil, talk(llm.User(llm.CachePoint(), asked.Content[0], paper, llm.CachePoint()), llm.Assistant(&llm.ReasoningPart{Text: "r", Signature: "s", Opaque: bedrocks}, llm.CachePoint(), answer.Content[0]), asked)},
		{"cache points", "too many", nil, set(talk(llm.User(asked.Content[0], llm.CachePoint()), llm.Assistant(answer.Content[0], llm.CachePoint()), llm.User(asked.Content[0], llm.CachePoint())), func(r *llm.Request) {
			r.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()}
			r.Tools = []llm.Tool{{Name: "look", Cache: llm.CachePoint()}}
		})},
		{"cache points", "lifetimes", nil, set(talk(llm.User(asked.Content[0], &llm.CachePointPart{TTL: time.Hour}, llm.Text("x"), &llm.CachePointPart{TTL: time.Minute})), func(r *llm.Request) {
			r.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()}
		})},
		{"cache points", "none", func(p *bedrock.Profile) {
			p.CacheSystem, p.CacheMessages, p.CacheTools = false, false, false
		}, set(talk(llm.User(asked.Content[0], llm.CachePoint())), func(r *llm.Request) {
			r.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()}
			r.Tools = []llm.Tool{{Name: "look", Cache: llm.CachePoint()}}
		})},
		{"cache points", "beside tools", func(p *bedrock.Profile) { p.CacheBesideTools, p.CacheHour = false, false },
			using(llm.User(asked.Content[0], &llm.CachePointPart{TTL: time.Hour}), looks, llm.User(seen.Content[0], llm.CachePoint()))},
		{"first message", "", func(p *bedrock.Profile) { p.LeadingAssistant = false }, talk(answer, asked)},
		{"last message", "", func(p *bedrock.Profile) { p.Prefill = false }, talk(asked, answer)},
		{"last message", "white space", nil, talk(asked, llm.AssistantText("It is \n"))},
		{"no tools", "", func(p *bedrock.Profile) { p.NoTools = true }, using(asked)},
		{"tool names", "", nil, set(using(asked, llm.Assistant(calling("1", "look at!"), calling("2", "look at?")), llm.User(llm.ToolResult("1", llm.Text("a")), llm.ToolResult("2", llm.Text("b")))), func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "look at!"}, {Name: "look_at_"}}
			r.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "look at!"}
		})},
		{"call ids", "", nil, using(asked, llm.Assistant(calling("look:0", "look")), llm.User(llm.ToolResult("look:0", llm.Text("a cat"))))},
		{"call ids", "short", func(p *bedrock.Profile) { p.ShortToolIDs = true }, using(asked, llm.Assistant(calling("call_1234567890", "look")), llm.User(llm.ToolResult("call_1234567890", llm.Text("a cat"))))},
		{"tool schemas", "", nil, with(func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "look", Schema: raw(`{"properties":{}}`)}} })},
		{"tool schemas", "array", nil, with(func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "look", Schema: raw(`{"type":"array"}`)}} })},
		{"structured output", "", func(p *bedrock.Profile) { p.StructuredOutput = false }, with(func(r *llm.Request) { r.Output = &llm.OutputFormat{Name: "animal", Schema: raw(`{"type":"object"}`)} })},
		{"structured output", "auto", func(p *bedrock.Profile) { p.StructuredOutput, p.ToolChoiceAny, p.ToolChoiceTool = false, false, false }, set(using(asked), func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Schema: raw(`{"type":"object"}`)}
		})},
		{"structured output", "words", func(p *bedrock.Profile) { p.StructuredOutput, p.NoTools = false, true }, with(func(r *llm.Request) { r.Output = &llm.OutputFormat{Schema: raw(`{"type":"object"}`)} })},
		{"schema dialect", "", nil, with(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "look", Strict: true, Schema: raw(`{"type":"object","properties":{"z":{"type":"integer","minimum":1},"a":{"type":"array","items":{"type":"object","properties":{}},"minItems":2,"maxItems":3}},"$defs":{"d":{"anyOf":[{"type":["object","null"],"properties":{}},{"type":"null"}]}}}`)}}
		})},
		{"schema dialect", "open", nil, with(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "look", Strict: true, Schema: raw(`{"type":"object","properties":{"tags":{"type":"object","additionalProperties":{"type":"string"}}}}`)}}
		})},
		{"output schemas", "", nil, with(func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Schema: raw(`{"type":"object","properties":{"n":{"$ref":"https://example.com/n"}}}`)}
		})},
		{"output schemas", "cycle", nil, with(func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Schema: raw(`{"type":"object","properties":{"n":{"$ref":"#/$defs/a"}},"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}}`)}
		})},
		{"structured output", "open", nil, with(func(r *llm.Request) {
			r.Output = &llm.OutputFormat{Schema: raw(`{"type":"object","additionalProperties":{"type":"string"}}`)}
		})},
		{"reasoning parameters", "own", func(p *bedrock.Profile) { p.Reasoning, p.SamplingWithReasoning = bedrock.ReasoningBudget, false }, with(func(r *llm.Request) {
			r.Reasoning, r.TopP = &llm.Reasoning{}, new(0.9)
			r.SetOptions(&bedrock.RequestOptions{AdditionalFields: raw(`{"thinking":{"type":"enabled","budget_tokens":2000}}`)})
		})},
		{"leading reasoning", "", func(p *bedrock.Profile) { p.Reasoning = bedrock.ReasoningBudget }, using(asked, llm.Assistant(llm.Text("Hm.")), llm.Assistant(&llm.ReasoningPart{Text: "r", Signature: "s", Opaque: bedrocks}, calling("1", "look")), seen)},
		{"tool results", "paths", nil, using(asked, looks, llm.User(llm.ToolResult("1", llm.CachePoint(), llm.Text(" "), llm.Image("image/tiff", []byte{1}))))},
		{"documents", "native", nil, talk(llm.User(bedrock.DocumentChunks("a.b", true, "x"), llm.Document("a-b", "application/pdf", []byte("%PDF-1"))))},
		{"schema dialect", "unknown", func(p *bedrock.Profile) { p.StrictTools = false }, with(func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "look", Strict: true}} })},
		{"tool choice", "any", func(p *bedrock.Profile) { p.ToolChoiceAny = false }, set(using(asked), func(r *llm.Request) { r.ToolChoice.Mode = llm.ToolChoiceAny })},
		{"tool choice", "the only one", func(p *bedrock.Profile) { p.ToolChoiceTool = false }, set(using(asked), func(r *llm.Request) { r.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "look"} })},
		{"streamed tools", "", func(p *bedrock.Profile) { p.StreamTools = false }, using(asked)},
		{"max tokens", "", func(p *bedrock.Profile) { p.MaxOutputTokens = 4096 }, with(func(r *llm.Request) { r.MaxTokens = 8000 })},
		{"reasoning parameters", "budget", func(p *bedrock.Profile) { p.Reasoning, p.SamplingWithReasoning = bedrock.ReasoningBudget, false }, with(func(r *llm.Request) {
			r.Reasoning, r.Temperature, r.TopP = &llm.Reasoning{Effort: llm.EffortHigh}, new(0.5), new(0.9)
		})},
		{"reasoning parameters", "small budget", func(p *bedrock.Profile) { p.Reasoning = bedrock.ReasoningBudget }, with(func(r *llm.Request) { r.Reasoning, r.MaxTokens = &llm.Reasoning{BudgetTokens: 3000}, 2000 })},
		{"reasoning parameters", "no room", func(p *bedrock.Profile) { p.Reasoning = bedrock.ReasoningBudget }, with(func(r *llm.Request) { r.Reasoning, r.MaxTokens = &llm.Reasoning{}, 1000 })},
		{"reasoning parameters", "adaptive", func(p *bedrock.Profile) {
			p.Reasoning, p.Efforts = bedrock.ReasoningAdaptive, "low medium high"
		}, with(func(r *llm.Request) {
			r.Reasoning = &llm.Reasoning{Effort: llm.EffortMax}
			r.SetOptions(&bedrock.RequestOptions{AdditionalFields: raw(`{"anthropic_beta":["b"],"output_config":{"task_budget":20000}}`)})
		})},
		{"reasoning parameters", "nova", func(p *bedrock.Profile) {
			p.Reasoning, p.Efforts, p.NoMaxTokensAtHigh = bedrock.ReasoningNova, "low medium high", true
		}, with(func(r *llm.Request) { r.Reasoning, r.MaxTokens = &llm.Reasoning{Effort: llm.EffortHigh}, 1000 })},
		{"reasoning parameters", "effort of a budget", func(p *bedrock.Profile) {
			p.Reasoning, p.Efforts = bedrock.ReasoningEffort, "low medium high"
		}, with(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{BudgetTokens: 9000} })},
		{"reasoning parameters", "off", func(p *bedrock.Profile) {
			p.Reasoning, p.ReasonsByDefault = bedrock.ReasoningAdaptive, true
		}, with(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: llm.EffortNone} })},
		{"reasoning parameters", "always", func(p *bedrock.Profile) { p.Reasoning, p.AlwaysReasons = bedrock.ReasoningAdaptive, true }, with(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: llm.EffortNone} })},
		{"reasoning parameters", "forced", func(p *bedrock.Profile) { p.Reasoning, p.ForcedToolWithReasoning = bedrock.ReasoningBudget, false }, set(using(asked), func(r *llm.Request) {
			r.Reasoning, r.ToolChoice.Mode = &llm.Reasoning{}, llm.ToolChoiceAny
		})},
		{"reasoning parameters", "unled calls", func(p *bedrock.Profile) { p.Reasoning = bedrock.ReasoningBudget }, set(using(asked, looks, seen), func(r *llm.Request) { r.Reasoning = &llm.Reasoning{} })},
		{"reasoning parameters", "unknown", func(p *bedrock.Profile) { p.Family = "" }, with(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{} })},
		{"sampling", "one", func(p *bedrock.Profile) { p.Sampling = bedrock.SamplingOne }, with(func(r *llm.Request) { r.Temperature, r.TopP, r.TopK = new(1.5), new(0.9), new(40) })},
		{"sampling", "none", func(p *bedrock.Profile) { p.Sampling, p.TopKField = bedrock.SamplingNone, "top_k" }, with(func(r *llm.Request) { r.Temperature, r.TopP, r.TopK = new(0.5), new(0.9), new(40) })},
		{"sampling", "nested", func(p *bedrock.Profile) { p.TopKField = "inferenceConfig.topK" }, with(func(r *llm.Request) { r.Temperature, r.TopK = new(2.0), new(40) })},
		{"stop sequences", "", func(p *bedrock.Profile) { p.MaxStopSequences, p.StopSequenceLength = 2, 3 }, with(func(r *llm.Request) { r.StopSequences = []string{"", "END", "LONG", "é日本", "x"} })},
		{"stop sequences", "none", func(p *bedrock.Profile) { p.MaxStopSequences = 0 }, with(func(r *llm.Request) { r.StopSequences = []string{"END"} })},
		{"metadata", "", nil, with(func(r *llm.Request) { r.Metadata = map[string]string{"tenant": "a", "bad": "ü"} })},
	}
}

var pathForm = regexp.MustCompile(`^(system|messages|tools|stop_sequences)(\[\d+\]|: )|^(tool_choice|output|reasoning|max_tokens|model|options|metadata)\b`)

// hasPath says whether an error begins with the path of what is wrong.
func hasPath(e *llm.Error) bool { return pathForm.MatchString(e.Message) }

func jsonPart(s string) llm.Part {
	return &llm.ProviderPart{Provider: bedrock.Provider, Kind: "json", Data: raw(s)}
}

// One file a rule: the request, what is sent of it, and what the caller is told.
func TestRules(t *testing.T) {
	missing := bedrock.RuleNames()
	for _, c := range repairs() {
		name := strings.Trim(strings.ReplaceAll(c.rule+" "+c.test, " ", "_"), "_")
		missing = slices.DeleteFunc(missing, func(n string) bool { return n == c.rule })
		t.Run(name, func(t *testing.T) {
			profile := able()
			if c.profile != nil {
				c.profile(profile)
			}
			s := answering(t, &bedrocktest.Options{Profile: profile})
			before, err := json.Marshal(c.req)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]json.RawMessage{"request": before}
			id := "anthropic.test"
			if c.rule == "stored prompts" {
				id = promptARN
			}
			m := bedrock.New(s.Client(), id, &bedrock.Options{Profile: profile})
			r, err := llm.Collect(m.Stream(t.Context(), c.req))
			if err != nil && llm.CodeOf(err) != llm.ErrMalformedOutput {
				e := asError(t, err)
				if !hasPath(e) {
					t.Errorf("the error has no path: %v", err)
				}
				out["error"], _ = json.Marshal(e.Code.Error() + ": " + e.Message)
			} else {
				out["sent"] = s.Exchanges()[0].Body
				out["warnings"], _ = json.Marshal(r.Warnings)
				told := slices.ContainsFunc(r.Warnings, func(w llm.Warning) bool { return strings.HasPrefix(w.Message, c.rule) && w.Field != "" })
				silent := c.test == "the only one" || c.test == "off" // what was asked for is sent in the family's way
				if told == silent {
					t.Errorf("the warnings are %+v", r.Warnings)
				}
			}
			all, _ := json.Marshal(out)
			golden(t, filepath.Join("rules", name+".json"), all)
			if after, _ := json.Marshal(c.req); !bytes.Equal(before, after) {
				t.Error("the request was changed")
			}

			if r == nil || len(r.Warnings) == 0 || c.rule == "streamed tools" || c.rule == "structured output" || c.rule == "output schemas" {
				return
			}
			strict := bedrock.New(s.Client(), id, &bedrock.Options{Profile: profile, Strict: true})
			if _, err := strict.Generate(t.Context(), c.req); llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), "Options.Strict") {
				t.Errorf("strict: %v", err)
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no case for %q", missing)
	}
}

package bedrocktest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
)

// profile is one of a family that can do everything, changed.
func profile(change func(*bedrock.Profile)) *bedrock.Profile {
	p := &bedrock.Profile{
		Family: "able-1", SystemMessages: true, LeadingAssistant: true, Prefill: true,
		StreamTools: true, ToolChoiceAny: true, ToolChoiceTool: true, ForcedToolWithReasoning: true, StrictTools: true, StructuredOutput: true,
		ToolResultStatus: true, ToolResultJSON: true, EmptyToolResult: true, ToolResultImages: true, ToolResultDocuments: true, ToolResultVideo: true,
		BesideToolResult: bedrock.BesideAny,
		Reasoning:        bedrock.ReasoningBudget, Efforts: "low medium high max", UnsignedReasoning: true, SamplingWithReasoning: true,
		TopKField: "top_k", MaxStopSequences: 4,
		CacheSystem: true, CacheMessages: true, CacheTools: true, CacheBesideTools: true, CacheHour: true,
	}
	if change != nil {
		change(p)
	}
	return p
}

const (
	hi1         = `{"text":"Hi"}`
	assistantHi = `{"role":"assistant","content":[{"text":"Hi"}]}`
	systemHi    = `{"role":"system","content":[{"text":"Hi"}]}`
	point       = `{"cachePoint":{"type":"default"}}`
	hour        = `{"cachePoint":{"type":"default","ttl":"1h"}}`
	png         = `{"image":{"format":"png","source":{"bytes":"AA=="}}}`
	clip        = `{"video":{"format":"mp4","source":{"bytes":"AA=="}}}`
	memo        = `{"document":{"name":"memo","format":"txt","source":{"text":"t"}}}`
	think       = `"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2000}}`
	thought     = `{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"s"}}}`
	unsigned    = `{"reasoningContent":{"reasoningText":{"text":"Hm."}}}`
	use         = `{"toolUse":{"toolUseId":"t1","name":"f","input":{}}}`
	answer      = `{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"a"}]}}]}`
	cachedTools = `"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}},` + point + `]}`
)

func user(blocks ...string) string {
	return `{"role":"user","content":[` + strings.Join(blocks, ",") + `]}`
}

func assistant(blocks ...string) string {
	return `{"role":"assistant","content":[` + strings.Join(blocks, ",") + `]}`
}

func call(id string) string { return assistant(strings.Replace(use, "t1", id, 1)) }

// result is a conversation whose one call has a result with more members, and other
// blocks after it.
func result(more string, others ...string) string {
	first := `{"toolResult":{"toolUseId":"t1","content":[{"text":"a"}]` + more + `}}`
	return talk(userHi, call("t1"), user(append([]string{first}, others...)...))
}

// resulting is one whose result has that content.
func resulting(content string) string {
	return strings.Replace(result(""), `[{"text":"a"}]`, `[`+content+`]`, 1)
}

func choose(choice string) string {
	return with(strings.Replace(tools, `]}`, `],"toolChoice":`+choice+`}`, 1))
}

// strictTool is a tool that must keep to its schema.
func strictTool(schema string) string {
	return with(`"toolConfig":{"tools":[{"toolSpec":{"name":"f","strict":true,"inputSchema":{"json":` + schema + `}}}]}`)
}

func strictTools(n int) string {
	var specs []string
	for i := range n {
		specs = append(specs, fmt.Sprintf(`{"toolSpec":{"name":"f%d","strict":true,"inputSchema":{"json":{"type":"object","additionalProperties":false}}}}`, i))
	}
	return with(`"toolConfig":{"tools":[` + strings.Join(specs, ",") + `]}`)
}

// property is a strict schema with one property.
func property(schema string) string {
	return `{"type":"object","additionalProperties":false,"properties":{"a":` + schema + `}}`
}

func jsonSchema(schema string) string {
	return with(fmt.Sprintf(`"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":%q}}}}`, schema))
}

func fields(f string) string { return with(`"additionalModelRequestFields":{` + f + `}`) }

func inference(f string) string { return with(`"inferenceConfig":{` + f + `}`) }

func thinking(body string) string { return strings.Replace(body, "{", "{"+think+",", 1) }

func memos(n int) string {
	var blocks string
	for i := range n {
		blocks += "," + strings.Replace(memo, "memo", fmt.Sprint("memo ", i), 1)
	}
	return blocks
}

// What a family lacks is refused, and another takes it.
func TestFamilyLacks(t *testing.T) {
	type p = bedrock.Profile
	for _, c := range []struct {
		rule    string
		take    func(*p)
		body    string
		message string
	}{
		{"P02", func(p *p) { p.LeadingAssistant = false }, talk(assistantHi, userHi), "A conversation must start with a user message."},
		{"P03", func(p *p) { p.Prefill = false }, talk(userHi, assistantHi),
			"This model does not support assistant message prefill. The conversation must end with a user message."},
		{"P10", func(p *p) { p.SystemMessages = false }, talk(userHi, systemHi),
			"Value 'system' at 'messages.2.member.role' " + broken + "Member must satisfy enum value set: [user, assistant]"},
		{"P11", func(p *p) { p.NoSystem = true }, with(`"system":[{"text":"a"}]`), "This model doesn't support system messages."},
		{"P16", func(p *p) { p.ToolResultJSON = false }, resulting(`{"json":{}}`), "This model doesn't support the json field."},
		{"P20", func(p *p) { p.ShortToolIDs = true }, result(""), "Tool call id was t1 but must be a-z, A-Z, 0-9, with a length of 9."},
		{"P21", func(p *p) { p.StrictTools = false }, strictTool(`{"type":"object","additionalProperties":false}`),
			"This model doesn't support the strict field. Remove strict and try again."},
		{"P21", func(p *p) { p.StructuredOutput = false }, jsonSchema(`{"type":"string"}`), "This model doesn't support the outputConfig.textFormat field."},
		{"P21", func(p *p) { p.StructuredOutput = false }, fields(`"output_config":{"format":{}}`), "#/output_config: extraneous key [format] is not permitted"},
		{"P22", func(p *p) { p.NoTools = true }, with(tools), "This model doesn't support tool use."},
		{"P22", func(p *p) { p.ToolChoiceAny = false }, choose(`{"any":{}}`), "This model doesn't support the toolConfig.toolChoice.any field"},
		{"P22", func(p *p) { p.ToolChoiceTool = false }, choose(`{"tool":{"name":"f"}}`), "This model doesn't support the toolConfig.toolChoice.tool field"},
		{"P28", func(p *p) { p.BesideToolResult = bedrock.BesideNothing }, result("", `{"text":"so"}`),
			"Conversation blocks and tool result blocks cannot be provided in the same turn."},
		{"P28", func(p *p) { p.BesideToolResult = bedrock.BesideText }, result("", `{"text":"so"}`, png, memo),
			"Conversation blocks and tool result blocks cannot be provided in the same turn."},
		{"P29", func(p *p) { p.ToolResultImages = false }, resulting(png), "This model doesn't support the image content block that you provided."},
		{"P29", func(p *p) { p.ToolResultVideo = false }, resulting(clip), "This model doesn't support the video content block that you provided."},
		{"P29", func(p *p) { p.ToolResultDocuments = false }, resulting(memo), "This model doesn't support the document content block that you provided."},
		{"P30", func(p *p) { p.ToolResultStatus = false }, result(`,"status":"error"`), "This model doesn't support the status field. Remove status and try again."},
		{"P31", func(p *p) { p.EmptyToolResult = false }, resulting(``), "The content field in the ToolResultBlock object at messages.2.content.0.toolResult is empty."},
		{"P37", func(p *p) { p.NoReasoningReplay = true }, talk(userHi, assistant(thought, hi1), userHi), "User messages cannot contain reasoning content."},
		{"P37", func(p *p) { p.UnsignedReasoning = false }, talk(userHi, assistant(unsigned, hi1), userHi), "User messages cannot contain reasoning content."},
		{"P38", func(p *p) { p.ForcedToolWithReasoning = false }, strings.TrimSuffix(choose(`{"any":{}}`), "}") + "," + think + "}",
			"Thinking may not be enabled when tool_choice forces tool use."},
		{"P38", func(p *p) { p.ForcedToolWithReasoning, p.ReasonsByDefault = false, true }, choose(`{"any":{}}`), "Thinking may not be enabled"},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningNone }, with(think), "#: extraneous key [thinking] is not permitted"},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningAdaptive }, with(think),
			`"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"`},
		{"P39", func(p *p) { p.AlwaysReasons = true }, fields(`"thinking":{"type":"disabled"}`),
			`"thinking.type.disabled" is not supported for this model.`},
		{"P39", func(p *p) { p.Efforts = "" }, fields(`"output_config":{"effort":"low"}`), "This model does not support the effort parameter."},
		{"P39", func(p *p) { p.Efforts = "high xhigh" }, fields(`"output_config":{"effort":"low"}`),
			"This model does not support effort level 'low'. Supported levels: high, xhigh."},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningEffort }, with(`"outputConfig":{"effort":"low"}`), "This model doesn't support the outputConfig.effort field."},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningEffort }, fields(`"output_config":{"effort":"low"}`), "#/output_config: extraneous key [effort]"},
		{"P41", func(p *p) { p.Sampling = bedrock.SamplingOne }, inference(`"temperature":0.5,"topP":0.5`),
			"`temperature` and `top_p` cannot both be specified for this model. Please use only one."},
		{"P41", func(p *p) { p.SamplingWithReasoning = false }, inference(`"temperature":0.5,"maxTokens":4000},` + think[:len(think)-1]),
			"`temperature` may only be set to 1 when thinking is enabled."},
		{"P41", func(p *p) { p.SamplingWithReasoning, p.ReasonsByDefault = false, true }, inference(`"topP":0.5`), "`top_p` must be greater than or equal to 0.95"},
		{"P41", func(p *p) { p.SamplingWithReasoning, p.ReasonsByDefault = false, true }, fields(`"top_k":5`), "`top_k` must be unset when thinking is enabled."},
		{"P42", func(p *p) { p.Sampling = bedrock.SamplingNone }, inference(`"temperature":0.5`), "`temperature` is deprecated for this model."},
		{"P42", func(p *p) { p.Sampling = bedrock.SamplingNone }, inference(`"topP":0.5`), "`top_p` is deprecated for this model."},
		{"P42", func(p *p) { p.Sampling = bedrock.SamplingNone }, fields(`"top_k":5`), "`top_k` is deprecated for this model."},
		{"P43", func(p *p) { p.MaxOutputTokens = 100 }, inference(`"maxTokens":101`), "The maximum tokens you requested exceeds the model limit of 100."},
		{"P44", func(p *p) { p.TopKField = "" }, fields(`"top_k":5`), "Malformed input request: #: extraneous key [top_k] is not permitted"},
		{"P45", func(p *p) { p.MaxStopSequences = 0 }, inference(`"stopSequences":["a"]`), "This model doesn't support the stopSequences field"},
		{"P45", func(p *p) { p.MaxStopSequences = 1 }, inference(`"stopSequences":["a","b"]`),
			"Value at 'inferenceConfig.stopSequences' " + broken + "Member must have length less than or equal to 1"},
		{"P45", func(p *p) { p.StopSequenceLength = 2 }, inference(`"stopSequences":["éé","abc"]`),
			"Value at 'inferenceConfig.stopSequences.2.member' " + broken + "Member must have length less than or equal to 2"},
		{"media", func(p *p) { p.NoImages = true }, content(png), "This model doesn't support the image content block that you provided."},
		{"media", func(p *p) { p.NoDocuments = true }, content(hi1 + "," + memo), "This model doesn't support documents."},
		{"media", func(p *p) { p.NoVideo = true }, content(clip), "This model doesn't support the video content block"},
		{"media", func(p *p) { p.NoAudio = true }, content(`{"audio":{"format":"wav","source":{"bytes":"AA=="}}}`), "This model doesn't support the audio content block"},
		{"media", func(p *p) { p.NoS3 = true }, content(strings.Replace(clip, `"bytes":"AA=="`, `"s3Location":{"uri":"s3://b/k"}`, 1)),
			"This model doesn't support the s3Location field."},
		{"cache", func(p *p) { p.CacheTools = false }, with(cachedTools), "Malformed input request: #/toolConfig/tools/1: extraneous key [cachePoint] is not permitted"},
		{"cache", func(p *p) { p.CacheSystem = false }, with(`"system":[{"text":"a"},` + point + `]`), "#/system/1: extraneous key [cachePoint]"},
		{"cache", func(p *p) { p.CacheMessages = false }, content(hi1 + "," + point), "#/messages/0/content/1: extraneous key [cachePoint]"},
		{"cache", func(p *p) { p.CacheBesideTools = false }, result("", point), "#/messages/2/content/1: extraneous key [cachePoint]"},
		{"P56", func(p *p) { p.CacheHour = false }, content(hi1 + "," + hour), "The value '1h' at messages.0.content.1.cachePoint.ttl is not supported by this model."},
	} {
		s := serve(t, says(hello), &bedrocktest.Options{Profile: profile(c.take)})
		checkError(t, c.rule, post(t, s, "/model/m/converse", c.body), 400, invalid, c.message)
		s = serve(t, says(hello), &bedrocktest.Options{Profile: profile(nil)})
		if resp := post(t, s, "/model/m/converse", c.body); resp.StatusCode != 200 {
			t.Errorf("%s: refused where the family can: %s in %s", c.rule, read(t, resp), c.body)
		}
	}
}

// A form that a family refuses, and one that it takes.
func TestFamilyForms(t *testing.T) {
	type p = bedrock.Profile
	claude := func(p *p) { p.Family = "claude-x"; p.UnsignedReasoning = false }
	adaptive := func(p *p) { p.Reasoning = bedrock.ReasoningAdaptive }
	nova := func(p *p) {
		p.Reasoning, p.TopKField, p.NoMaxTokensAtHigh = bedrock.ReasoningNova, "inferenceConfig.topK", true
	}
	for _, c := range []struct {
		rule     string
		family   func(*p)
		refused  string
		message  string
		accepted string
	}{
		{"P01", nil, talk(userHi, userHi), "A conversation must alternate between user and assistant roles.", talk(userHi, assistantHi, userHi)},
		{"P02", nil, talk(systemHi, userHi), "A conversation must start with a user message.", talk(userHi, systemHi)},
		{"P08", nil, talk(userHi, assistant(`{"text":"Hi\n"}`)), "messages: final assistant content cannot end with trailing whitespace",
			talk(userHi, assistant(`{"text":"Hi\n"}`), userHi)},
		{"P12", claude, talk(userHi, call("t1"), user(hi1, `{"toolResult":{"toolUseId":"t1","content":[]}}`)),
			"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1.", result("", point, hi1)},
		{"P20", nil, strings.ReplaceAll(result(""), "t1", "f:0"),
			"Value 'f:0' at 'messages.2.member.content.1.member.toolUse.toolUseId' " + broken + "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
			strings.ReplaceAll(result(""), "t1", "f_0")},
		{"P20", func(p *p) { p.ShortToolIDs = true }, result(""), "length of 9", strings.ReplaceAll(result(""), "t1", "abcDEF123")},
		{"P20", nil, strings.ReplaceAll(talk(userHi, calls, answers), "t2", "t1"), "messages.1.content.1: `tool_use` ids must be unique", talk(userHi, calls, answers)},

		{"P21", func(p *p) { claude(p); p.StrictTools = false }, strictTool(`{"type":"object","additionalProperties":false}`),
			"tools.0.custom.strict: Extra inputs are not permitted", with(tools)},
		{"P21", func(p *p) { claude(p); p.StructuredOutput = false }, jsonSchema(`{}`), "output_config.format: Extra inputs are not permitted", with(tools)},
		{"P21", nil, strictTools(21), "Too many strict tools (21).", strictTools(20)},
		{"P21", nil, strictTool(`{"type":"object"}`), "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
			strictTool(`{"type":"object","additionalProperties":false}`)},
		{"P21", nil, strictTool(property(`{"type":"array","items":{"type":["object","null"]}}`)), "For 'object' type, 'additionalProperties'",
			strictTool(property(`{"type":"array","minItems":1,"items":{"type":["object","null"],"additionalProperties":false}}`))},
		{"P21", nil, strictTool(property(`{"type":"integer","minimum":1,"maximum":5}`)), "For 'integer' type, properties maximum, minimum are not supported",
			strictTool(property(`{"type":"integer","enum":[1,5]}`))},
		{"P21", nil, strictTool(property(`{"anyOf":[{"type":"number","multipleOf":2}]}`)), "For 'number' type, properties multipleOf are not supported",
			strictTool(property(`{"type":"string","minLength":1,"maxLength":9}`))},
		{"P21", nil, jsonSchema(`{"type":"array","maxItems":3}`), "output_config.format.schema: For 'array' type, property 'maxItems' is not supported", jsonSchema(`{"type":"array"}`)},
		{"P21", nil, jsonSchema(`{"type":"array","minItems":2}`), "'minItems' values other than 0 or 1 are not supported", jsonSchema(`{"type":"array","minItems":1}`)},

		{"P28", func(p *p) { claude(p); p.BesideToolResult = bedrock.BesideText }, result("", hi1, memo),
			"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1.", result("", hi1, png)},
		{"P28", func(p *p) { p.BesideToolResult = bedrock.BesideNothing }, result("", png), "cannot be provided in the same turn", result("", point)},
		{"P29", func(p *p) { p.ToolResultDocuments, p.ToolResultTextDocuments = false, true },
			resulting(strings.Replace(memo, `"txt"`, `"pdf"`, 1)), "This model doesn't support the document content block", resulting(memo)},
		{"P29", func(p *p) { p.ToolResultDocuments, p.ToolResultTextDocuments = false, true },
			resulting(`{"document":{"name":"memo","source":{"bytes":"AA=="}}}`), "This model doesn't support the document content block",
			resulting(`{"document":{"name":"memo","source":{"text":"t"}}}`)},

		{"P34", nil, thinking(talk(userHi, call("t1"), answer)),
			"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled",
			thinking(talk(userHi, assistant(thought, use), answer))},
		{"P34", nil, thinking(talk(userHi, assistantHi)), "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
			thinking(talk(userHi, assistantHi, userHi))}, // an earlier turn may have had no thinking
		{"P34", nil, thinking(talk(userHi, call("t1"), answer, assistant(thought, use), answer)), "messages.1.content.0.type: Expected",
			thinking(talk(userHi, assistant(thought, use), answer, call("t1"), answer))},
		{"P35", nil, talk(userHi, assistant(strings.Replace(thought, `"s"`, `""`, 1), hi1), userHi), "messages.1.content.0: Invalid `signature` in `thinking` block",
			talk(userHi, assistant(strings.Replace(thought, `"Hm."`, `""`, 1), hi1), userHi)},
		{"P35", claude, talk(userHi, assistant(unsigned, hi1), userHi), "messages.1.content.0.thinking.signature: Field required",
			talk(userHi, assistant(`{"reasoningContent":{"redactedContent":"AA=="}}`, hi1), userHi)},

		{"P39", nil, fields(`"thinking":{"type":"enabled"}`), "thinking.enabled.budget_tokens: Field required", with(think)},
		{"P39", nil, fields(`"thinking":{"type":"enabled","budget_tokens":1023}`), "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
			fields(`"thinking":{"type":"enabled","budget_tokens":1024}`)},
		{"P39", nil, inference(`"maxTokens":2000},` + think[:len(think)-1]), "`max_tokens` must be greater than `thinking.budget_tokens`.",
			inference(`"maxTokens":2001},` + think[:len(think)-1])},
		{"P39", nil, fields(`"thinking":{"type":"adaptive"}`), "adaptive thinking is not supported on this model", fields(`"thinking":{"type":"disabled"}`)},
		{"P39", nil, fields(`"thinking":{"type":"on"}`), "thinking: Input tag 'on' found using 'type'", fields(`"anthropic_beta":["x"]`)},
		{"P39", adaptive, fields(`"thinking":{"type":"adaptive","budget_tokens":2000}`), "thinking.adaptive.budget_tokens: Extra inputs are not permitted",
			fields(`"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}`)},
		{"P39", adaptive, fields(`"thinking":{"type":"disabled"},"output_config":{"effort":"max"}`), "output_config.effort: 'max' is not supported when thinking is disabled.",
			fields(`"thinking":{"type":"disabled"},"output_config":{"effort":"high"}`)},
		{"P39", nova, with(think), "#: extraneous key [thinking] is not permitted", fields(`"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}`)},
		{"P39", nova, fields(`"reasoningConfig":{"type":"enabled"}`), "The provided reasoning config value is invalid.", fields(`"reasoningConfig":{"type":"disabled"}`)},
		{"P39", nova, inference(`"maxTokens":9},"additionalModelRequestFields":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}`),
			"The maxTokens field must not be set when maxReasoningEffort is high.",
			inference(`"maxTokens":9},"additionalModelRequestFields":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}`)},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningEffort }, fields(`"reasoning_effort":"extreme"`), "This model does not support effort level 'extreme'.",
			fields(`"reasoning_effort":"low"`)},
		{"P39", func(p *p) { p.Reasoning = bedrock.ReasoningEffort }, fields(`"reasoningConfig":{}`), "extraneous key [reasoningConfig]", fields(`"reasoning_effort":"low"`)},
		{"P39", nil, fields(`"reasoning_effort":"low"`), "extraneous key [reasoning_effort]", with(think)},
		{"P41", func(p *p) { p.SamplingWithReasoning, p.ReasonsByDefault = false, true }, inference(`"temperature":0`), "`temperature` may only be set to 1",
			inference(`"temperature":1,"topP":0.95`)},
		{"P41", func(p *p) { p.SamplingWithReasoning, p.ReasonsByDefault = false, true }, inference(`"temperature":0`), "`temperature` may only be set to 1",
			inference(`"temperature":0},"additionalModelRequestFields":{"thinking":{"type":"disabled"}`)},
		{"P42", func(p *p) { p.Sampling = bedrock.SamplingNone }, inference(`"temperature":1`), "`temperature` is deprecated", inference(`"maxTokens":9`)},
		{"P44", nova, fields(`"inferenceConfig":{"topK":5},"top_k":5`), "#: extraneous key [top_k]", fields(`"inferenceConfig":{"topK":5}`)},
		{"P44", nil, fields(`"inferenceConfig":{"topK":5}`), "#/inferenceConfig: extraneous key [topK] is not permitted", fields(`"top_k":5,"seed":1`)},
		{"P45", nil, inference(`"stopSequences":["1","2","3","4","5"]`), "Member must have length less than or equal to 4", inference(`"stopSequences":["1","2","3","4"]`)},

		{"media", nil, talk(userHi, assistant(png), userHi), "This model doesn't support the image field for assistant messages.", content(png)},
		{"media", nil, talk(userHi, assistant(hi1, memo), userHi), "This model doesn't support the document field for assistant messages.", content(hi1 + "," + memo)},
		{"media", nil, content(strings.TrimSuffix(strings.Repeat(png+",", 21), ",")), "The number of image blocks at messages.0.content exceeds the maximum of 20.",
			content(strings.TrimSuffix(strings.Repeat(png+",", 20), ","))},
		{"media", nil, content(hi1 + memos(6)), "The number of document blocks at messages.0.content exceeds the maximum of 5.", content(hi1 + memos(5))},

		{"P52", nil, content(hi1 + "," + memo + "," + point), "messages.0.content.2.type: Field required", content(hi1 + "," + point + "," + memo)},
		{"P52", nil, content(hi1 + "," + clip + "," + point), "messages.0.content.2.type: Field required", content(clip + "," + hi1 + "," + point)},
		{"P55", nil, with(`"system":[{"text":"a"},` + hour + `],` + cachedTools),
			"system.1.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
			with(`"system":[{"text":"a"},` + point + `],` + strings.Replace(cachedTools, point, hour, 1))},
		{"cache", nil, talk(userHi, assistant(thought, point, hi1), userHi), "Cache point cannot be inserted after reasoning block",
			talk(userHi, assistant(thought, hi1, point), userHi)},
	} {
		s := serve(t, says(hello), &bedrocktest.Options{Profile: profile(c.family)})
		checkError(t, c.rule, post(t, s, "/model/m/converse", c.refused), 400, invalid, c.message)
		if resp := post(t, s, "/model/m/converse", c.accepted); resp.StatusCode != 200 {
			t.Errorf("%s: refused the other form too: %s in %.1000s", c.rule, read(t, resp), c.accepted)
		}
	}
}

func TestFamilyStreams(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Profile: profile(func(p *bedrock.Profile) { p.StreamTools = false })})
	checkError(t, "P22", post(t, s, "/model/m/converse-stream", with(tools)), 400, invalid, "This model doesn't support tool use in streaming mode.")
	for path, body := range map[string]string{"/model/m/converse": with(tools), "/model/m/converse-stream": helloBody} {
		if resp := post(t, s, path, body); resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, read(t, resp))
		}
	}
}

// A model that caches nowhere is refused in another way.
func TestFamilyWithoutCache(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Profile: &bedrock.Profile{Family: "x"}})
	checkError(t, "cache", post(t, s, "/model/m/converse", content(hi1+","+point)), 403, "AccessDeniedException",
		"You invoked an unsupported model or your request did not allow prompt caching.")
}

func TestFamilyCounts(t *testing.T) {
	body := `{"input":{"converse":` + helloBody + `}}`
	const cannot = "The provided model doesn't support counting tokens."
	s := serve(t, says(hello), &bedrocktest.Options{Profile: profile(nil)})
	checkError(t, "P70", post(t, s, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/count-tokens", body), 400, invalid, cannot)
	for _, id := range []string{"anthropic.claude-sonnet-4-5-20250929-v1:0", "deepseek.v3.2", "m"} {
		if resp := post(t, s, "/model/"+id+"/count-tokens", body); resp.StatusCode != 200 {
			t.Errorf("%s: %s", id, read(t, resp))
		}
	}
	s = serve(t, says(hello), &bedrocktest.Options{Profile: profile(func(p *bedrock.Profile) { p.NoCountTokens = true })})
	checkError(t, "P70", post(t, s, "/model/m/count-tokens", body), 400, invalid, cannot)
}

// A stored prompt brings messages that the rules do not see.
func TestFamilyOfPrompt(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Profile: &bedrock.Profile{}})
	path := "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FABC%3A1/converse"
	if resp := post(t, s, path, `{}`); resp.StatusCode != 200 {
		t.Error(read(t, resp))
	}
}

// A model of which nothing is known takes anything, unless the test says that nothing
// is all it can do.
func TestUnknownFamily(t *testing.T) {
	for _, body := range []string{talk(assistantHi, userHi, userHi, assistantHi), choose(`{"any":{}}`), content(hi1 + "," + point), with(think)} {
		if resp := post(t, serve(t, says(hello), nil), "/model/m/converse", body); resp.StatusCode != 200 {
			t.Error(read(t, resp))
		}
		s := serve(t, says(hello), &bedrocktest.Options{Profile: &bedrock.Profile{}})
		if resp := post(t, s, "/model/m/converse", body); resp.StatusCode == 200 {
			t.Errorf("accepted: %s", body)
		}
	}
}

// The server keeps a profile of its own.
func TestProfileIsCopied(t *testing.T) {
	p := profile(nil)
	s := serve(t, says(hello), &bedrocktest.Options{Profile: p})
	p.NoTools = true
	if resp := post(t, s, "/model/m/converse", with(tools)); resp.StatusCode != http.StatusOK {
		t.Error(read(t, resp))
	}
}

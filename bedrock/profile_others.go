package bedrock

// What nearly all models but Claude share: none but Nova sees videos, and those that
// reason refuse their reasoning back.
var (
	common   = Profile{NoVideo: true, NoAudio: true, NoReasoningReplay: true, NoCountTokens: true}
	textOnly = with(common, func(p *Profile) { p.NoImages = true })
)

// stops is for a family that takes stop sequences.
func stops(p Profile) Profile {
	return with(p, func(p *Profile) { p.MaxStopSequences = 4 })
}

// alwaysReasons is for a family that reasons, and has no means to change that.
func alwaysReasons(p Profile) Profile {
	return with(p, func(p *Profile) { p.AlwaysReasons, p.SamplingWithReasoning = true, true })
}

// limits sets what a family reads and writes together, and writes at most; 0 = not known.
func limits(context, output int, p Profile) Profile {
	return with(p, func(p *Profile) { p.ContextTokens, p.MaxOutputTokens = context, output })
}

var (
	nova = stops(Profile{
		NoAudio:     true,
		StreamTools: true, ToolChoiceAny: true, ToolChoiceTool: true,
		ToolResultStatus: true, ToolResultImages: true, ToolResultTextDocuments: true,
		BesideToolResult:  BesideAny,
		NoReasoningReplay: true,
		TopKField:         "inferenceConfig.topK",
		NoCountTokens:     true,
	})
	// Caching was measured, though AWS's own table has only Claude.
	nova1     = with(nova, func(p *Profile) { p.CacheSystem, p.CacheMessages = true, true })
	titanText = with(textOnly, func(p *Profile) { p.NoSystem, p.NoTools, p.NoS3 = true, true, true })
)

var amazonFamilies = []family{
	{"nova-micro", "2026-09-08", []string{"amazon.nova-micro"}, with(limits(128_000, 0, nova1), func(p *Profile) {
		p.NoDocuments, p.NoImages, p.NoVideo, p.NoS3 = true, true, true, true
		p.ToolResultImages, p.ToolResultTextDocuments = false, false
	})},
	{"nova", "2026-09-08", []string{"amazon.nova-lite", "amazon.nova-pro"}, limits(300_000, 0, nova1)},
	{"nova-premier", "2026-09-08", []string{"amazon.nova-premier"}, limits(1_000_000, 25_000, nova1)},
	{"nova-2-lite", "2026-08-22", []string{"amazon.nova-2-lite"}, with(limits(1_000_000, 64_000, nova), func(p *Profile) {
		p.Reasoning, p.Efforts = ReasoningNova, "low medium high"
		p.NoMaxTokensAtHigh = true
	})},

	{"titan-text", "2026-08-22", []string{"amazon.titan-text-express", "amazon.titan-text-lite"}, titanText},
	{"titan-text-premier", "2026-08-22", []string{"amazon.titan-text-premier"}, with(titanText, func(p *Profile) {
		p.NoDocuments = true
	})},
}

var (
	llama3 = stops(with(textOnly, func(p *Profile) { p.NoS3 = true }))
	llama4 = stops(with(common, func(p *Profile) {
		p.ToolResultStatus, p.ToolResultImages, p.ToolResultDocuments = true, true, true
	}))
)

var llamaFamilies = []family{
	{"llama-3", "2026-08-22", []string{"meta.llama3-*-instruct"}, with(limits(8000, 0, llama3), func(p *Profile) { p.NoTools = true })},
	{"llama-3.1", "2026-08-22", []string{"meta.llama3-1-*-instruct"}, limits(128_000, 0, llama3)},
	{"llama-3.2", "2026-08-22", []string{"meta.llama3-2-1b-instruct", "meta.llama3-2-3b-instruct"}, with(limits(131_000, 0, llama3), func(p *Profile) {
		p.NoTools = true
	})},
	{"llama-3.2-vision", "2026-08-22", []string{"meta.llama3-2-11b-instruct", "meta.llama3-2-90b-instruct"}, with(llama3, func(p *Profile) {
		p.NoImages = false
	})},
	{"llama-3.3", "2026-08-22", []string{"meta.llama3-3-*-instruct"}, limits(128_000, 0, llama3)},
	{"llama-4-maverick", "2026-08-22", []string{"meta.llama4-maverick-*-instruct"}, limits(1_000_000, 0, llama4)},
	{"llama-4-scout", "2026-08-22", []string{"meta.llama4-scout-*-instruct"}, limits(3_500_000, 0, llama4)},
}

// Mistral's, of which none is known to stream calls.
var (
	mistral = stops(with(common, func(p *Profile) {
		p.ShortToolIDs = true
		p.ToolResultJSON = true
		p.ToolResultDocuments = true
	}))
	mistralText = with(mistral, func(p *Profile) { p.NoImages = true })
	mistral1    = with(mistralText, func(p *Profile) { p.NoS3 = true })
	mistral3    = with(mistral, func(p *Profile) { p.StructuredOutput = true })
	voxtral     = with(mistral3, func(p *Profile) { p.NoImages, p.NoAudio = true, false })
)

var mistralFamilies = []family{
	{"mistral-7b", "2026-08-22", []string{"mistral.mistral-7b-instruct", "mistral.mixtral-8x7b-instruct"}, with(limits(32_000, 0, mistral1), func(p *Profile) {
		p.NoSystem, p.NoTools = true, true
	})},
	{"mistral-small", "2026-08-22", []string{"mistral.mistral-small-2402"}, limits(32_000, 0, mistral1)},
	{"mistral-large-2402", "2026-08-22", []string{"mistral.mistral-large-2402"}, with(limits(32_000, 0, mistral1), func(p *Profile) {
		p.ToolChoiceAny = true
	})},
	{"mistral-large-2407", "2026-08-22", []string{"mistral.mistral-large-2407"}, with(mistral1, func(p *Profile) { p.ToolChoiceAny = true })},
	{"pixtral-large", "2026-08-22", []string{"mistral.pixtral-large-*"}, with(limits(128_000, 0, mistral), func(p *Profile) {
		p.ToolResultStatus = true
	})},
	{"mistral-large-3", "2026-08-22", []string{"mistral.mistral-large-3-*-instruct"}, limits(256_000, 8000, mistral3)},
	{"ministral-3-3b", "2026-08-22", []string{"mistral.ministral-3-3b-instruct"}, limits(256_000, 8000, mistral3)},
	{"ministral-3", "2026-08-22", []string{"mistral.ministral-3-8b-instruct", "mistral.ministral-3-14b-instruct"}, limits(128_000, 0, mistral3)},
	{"magistral-small", "2026-08-22", []string{"mistral.magistral-small-*"}, alwaysReasons(limits(128_000, 40_000, mistral3))},
	{"devstral-2", "2026-08-22", []string{"mistral.devstral-2-*"}, limits(256_000, 8000, mistralText)},
	{"voxtral-mini", "2026-08-22", []string{"mistral.voxtral-mini-*-*"}, limits(128_000, 0, voxtral)},
	{"voxtral-small", "2026-08-22", []string{"mistral.voxtral-small-*-*"}, limits(32_000, 8000, voxtral)},
}

// Qwen3, in rows for what differs.
var qwen3 = with(textOnly, func(p *Profile) {
	p.NoDocuments = true
	p.LeadingAssistant = true
	p.StreamTools, p.StructuredOutput = true, true
	p.ToolResultStatus, p.BesideToolResult = true, BesideAny
})

var qwenFamilies = []family{
	// It takes reasoning_config, but to no effect.
	{"qwen3-32b", "2026-08-22", []string{"qwen.qwen3-32b"}, alwaysReasons(qwen3)},
	{"qwen3", "2026-08-22", []string{"qwen.qwen3-235b-a22b-2507", "qwen.qwen3-coder-30b-a3b"}, limits(262_000, 131_000, qwen3)},
	{"qwen3-coder", "2026-08-22", []string{"qwen.qwen3-coder-480b-a35b", "qwen.qwen3-coder-next"}, limits(131_000, 66_000, qwen3)},
	{"qwen3-next", "2026-08-22", []string{"qwen.qwen3-next-*-*"}, qwen3},
	{"qwen3-vl", "2026-08-22", []string{"qwen.qwen3-vl-*-*"}, with(qwen3, func(p *Profile) {
		p.NoImages = false
		p.StreamTools, p.StructuredOutput = false, false
	})},
}

// The GPTs that AWS does not host itself refuse sampling. How they are asked to reason
// on Converse is not settled.
var gpt = with(common, func(p *Profile) { p.Sampling = SamplingNone })

var openAIFamilies = []family{
	{"gpt-oss", "2026-09-11", []string{"openai.gpt-oss-*", "openai.gpt-oss-*-1", "openai.gpt-oss-safeguard-*"}, with(alwaysReasons(limits(128_000, 0, textOnly)), func(p *Profile) {
		p.NoDocuments, p.NoS3 = true, true
		p.StreamTools = true
		p.Reasoning, p.Efforts = ReasoningEffort, "low medium high"
	})},
	{"gpt-5.4", "2026-08-22", []string{"openai.gpt-5.4"}, Profile{NoConverse: true}},
	{"gpt-5.5", "2026-08-22", []string{"openai.gpt-5.5"}, Profile{NoConverse: true}},
	{"gpt-5.6", "2026-09-11", []string{"openai.gpt-5.6-*"}, limits(1_050_000, 128_000, gpt)},
	{"gpt-6", "2026-09-11", []string{"openai.gpt-6-*"}, gpt},
}

// Vendors of a few families.
var (
	cohere   = stops(with(textOnly, func(p *Profile) { p.NoS3 = true }))
	ai21     = with(textOnly, func(p *Profile) { p.NoS3 = true })
	deepseek = with(textOnly, func(p *Profile) { p.NoDocuments = true })
	kimi     = with(alwaysReasons(limits(262_000, 16_000, common)), func(p *Profile) {
		p.NoDocuments, p.NoS3 = true, true
		p.LeadingAssistant = true
		p.StreamTools, p.StructuredOutput, p.ToolResultStatus = true, true, true
	})
	palmyra = with(textOnly, func(p *Profile) { p.NoS3, p.ProfileOnly = true, true })
	minimax = with(alwaysReasons(textOnly), func(p *Profile) {
		p.NoDocuments, p.NoS3 = true, true
		p.StructuredOutput = true
	})
	nemotron     = with(alwaysReasons(textOnly), func(p *Profile) { p.NoDocuments, p.NoS3 = true, true })
	nemotronNano = with(nemotron, func(p *Profile) { p.StructuredOutput = true })
	glm          = with(alwaysReasons(textOnly), func(p *Profile) {
		p.NoDocuments, p.NoS3 = true, true
		p.LeadingAssistant = true
		p.StructuredOutput = true
	})
	gemma3 = with(common, func(p *Profile) { p.NoTools, p.NoS3 = true, true }) // it calls tools, but takes no results
)

var otherFamilies = []family{
	{"command", "2026-08-22", []string{"cohere.command-text", "cohere.command-light-text"}, with(cohere, func(p *Profile) {
		p.NoSystem, p.NoTools = true, true
	})},
	{"command-r", "2026-08-22", []string{"cohere.command-r", "cohere.command-r-plus"}, with(limits(128_000, 0, cohere), func(p *Profile) {
		p.StreamTools = true
	})},

	{"jamba-1.5", "2026-08-22", []string{"ai21.jamba-1-5-*"}, with(stops(limits(256_000, 0, ai21)), func(p *Profile) { p.StreamTools = true })},
	{"jamba-instruct", "2026-08-22", []string{"ai21.jamba-instruct"}, with(stops(ai21), func(p *Profile) { p.NoTools, p.NoDocuments = true, true })},
	{"jurassic-2", "2026-08-22", []string{"ai21.j2-*", "ai21.j2-*-instruct"}, with(ai21, func(p *Profile) {
		p.NoSystem, p.NoTools, p.NoDocuments = true, true, true
	})},

	{"deepseek-r1", "2026-09-11", []string{"deepseek.r1"}, with(stops(alwaysReasons(limits(128_000, 32_000, textOnly))), func(p *Profile) {
		p.NoTools, p.NoS3 = true, true
		p.StopSequenceLength = 10
	})},
	// A call can be forced, but not which; and not while it reasons.
	{"deepseek-v3", "2026-09-05", []string{"deepseek.v3", "deepseek.v3.2"}, with(limits(164_000, 82_000, deepseek), func(p *Profile) {
		p.StreamTools, p.ToolChoiceAny = true, true
		p.Reasoning, p.Efforts = ReasoningEffort, "high"
	})},

	{"palmyra-x4", "2026-09-11", []string{"writer.palmyra-x4"}, limits(0, 8000, palmyra)},
	{"palmyra-x5", "2026-09-11", []string{"writer.palmyra-x5"}, limits(1_040_000, 8000, palmyra)},

	{"kimi-k2-thinking", "2026-09-11", []string{"moonshot.kimi-k2-thinking", "moonshotai.kimi-k2-thinking"}, with(kimi, func(p *Profile) {
		p.NoImages = true
	})},
	{"kimi-k2.5", "2026-09-11", []string{"moonshot.kimi-k2.5", "moonshotai.kimi-k2.5"}, kimi},

	{"minimax-m2", "2026-09-11", []string{"minimax.minimax-m2", "minimax.minimax-m2.1"}, limits(205_000, 128_000, minimax)},
	{"minimax-m2.5", "2026-09-11", []string{"minimax.minimax-m2.5"}, limits(197_000, 98_000, minimax)},

	// The -v2 of their ids reads as a release.
	{"nemotron-nano-2", "2026-09-11", []string{"nvidia.nemotron-nano-9b"}, limits(128_000, 4000, nemotronNano)},
	{"nemotron-nano-2-vl", "2026-09-11", []string{"nvidia.nemotron-nano-12b"}, with(limits(128_000, 4000, nemotronNano), func(p *Profile) {
		p.NoImages = false
	})},
	{"nemotron-nano-3", "2026-09-11", []string{"nvidia.nemotron-nano-3-*"}, limits(256_000, 8000, nemotronNano)},
	{"nemotron-super-3", "2026-09-11", []string{"nvidia.nemotron-super-3-*"}, limits(262_000, 131_000, nemotron)},

	{"glm", "2026-08-22", []string{"zai.glm-4.7", "zai.glm-5"}, glm},
	{"glm-4.7-flash", "2026-08-22", []string{"zai.glm-4.7-flash"}, limits(200_000, 131_000, glm)},

	{"gemma-3-4b", "2026-09-11", []string{"google.gemma-3-4b-it"}, gemma3},
	{"gemma-3", "2026-09-11", []string{"google.gemma-3-12b-it", "google.gemma-3-27b-it"}, with(gemma3, func(p *Profile) {
		p.StructuredOutput = true
	})},

	{"grok-4.6", "2026-09-11", []string{"xai.grok-4.6"}, with(common, func(p *Profile) { p.ProfileOnly = true })},
}

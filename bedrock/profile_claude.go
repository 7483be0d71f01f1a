package bedrock

// Each generation of Claude, as the one before with what has changed.
var (
	claude3 = Profile{
		NoVideo: true, NoAudio: true, NoS3: true,
		LeadingAssistant: true, Prefill: true,
		StreamTools: true, ToolChoiceAny: true, ToolChoiceTool: true,
		ToolResultStatus: true, EmptyToolResult: true, ToolResultImages: true, ToolResultDocuments: true,
		BesideToolResult:  BesideText,
		NoReasoningReplay: true,
		TopKField:         "top_k",
		MaxStopSequences:  4,
		ContextTokens:     200_000,
	}

	// 3.7: reasons within a budget, and is cached.
	claude37 = with(claude3, func(p *Profile) {
		p.Reasoning, p.NoReasoningReplay = ReasoningBudget, false
		p.MaxOutputTokens = 64_000
		p.CacheSystem, p.CacheMessages, p.CacheTools, p.CacheBesideTools = true, true, true, true
		p.CacheMinTokens = 1024
	})

	claude4 = with(claude37, func(p *Profile) { p.NoS3 = false })

	// 4.5: keeps to schemas; temperature or top_p.
	claude45 = with(claude4, func(p *Profile) {
		p.StrictTools, p.StructuredOutput = true, true
		p.Sampling = SamplingOne
		p.CacheHour = true
	})

	// 4.6: judges itself how much to reason. It takes a budget, too, but then stops
	// reasoning after the first turn.
	claude46 = with(claude45, func(p *Profile) {
		p.Prefill = false
		p.Reasoning, p.Efforts = ReasoningAdaptive, "low medium high"
		p.CacheHour = false // sources disagree, also on the later ones
	})

	// 4.7: no sampling, and no schemas any more.
	claude47 = with(claude46, func(p *Profile) {
		p.StrictTools, p.StructuredOutput = false, false
		p.Sampling, p.TopKField = SamplingNone, ""
		p.Efforts = "low medium high xhigh max"
		p.ContextTokens, p.MaxOutputTokens = 1_000_000, 128_000
		p.CacheMinTokens = 0
	})

	// 5: reasons unless it is told not to.
	claude5 = with(claude47, func(p *Profile) {
		p.ReasonsByDefault = true
		p.ForcedToolWithReasoning = true
		p.NoCountTokens = true
	})

	// 5.5 and Fable: a call cannot be forced, and reasoning cannot be turned off.
	claudeStrict = with(claude5, func(p *Profile) {
		p.ToolChoiceAny, p.ToolChoiceTool, p.ForcedToolWithReasoning = false, false, false
		p.ReasonsByDefault, p.AlwaysReasons = false, true
	})
)

var claudeFamilies = []family{
	{"claude-2", "2026-08-22", []string{"anthropic.claude-v1", "anthropic.claude-v2", "anthropic.claude-instant"}, Profile{
		NoTools: true, NoImages: true, NoVideo: true, NoAudio: true, NoS3: true,
		LeadingAssistant: true, Prefill: true,
		NoReasoningReplay: true,
		TopKField:         "top_k",
		MaxStopSequences:  4,
		NoCountTokens:     true,
	}},
	{"claude-3", "2026-08-22", []string{"anthropic.claude-haiku-3", "anthropic.claude-sonnet-3", "anthropic.claude-opus-3"}, with(claude3, func(p *Profile) {
		p.MaxOutputTokens = 4096
		p.NoCountTokens = true
	})},
	{"claude-haiku-3.5", "2026-08-22", []string{"anthropic.claude-haiku-3.5"}, with(claude3, func(p *Profile) {
		p.MaxOutputTokens = 8192
		p.CacheSystem, p.CacheMessages, p.CacheTools, p.CacheBesideTools = true, true, true, true
		p.CacheMinTokens = 2048
	})},
	// Its caching is a closed preview, a 403 for everyone else.
	{"claude-sonnet-3.5", "2026-08-22", []string{"anthropic.claude-sonnet-3.5"}, claude3},
	{"claude-sonnet-3.7", "2026-08-22", []string{"anthropic.claude-sonnet-3.7"}, claude37},

	{"claude-sonnet-4", "2026-08-22", []string{"anthropic.claude-sonnet-4"}, with(claude4, func(p *Profile) {
		p.ContextTokens = 0 // 200k, or a million for some
	})},
	{"claude-opus-4", "2026-08-22", []string{"anthropic.claude-opus-4"}, with(claude4, func(p *Profile) {
		p.MaxOutputTokens = 32_000
	})},
	{"claude-opus-4.1", "2026-08-22", []string{"anthropic.claude-opus-4.1"}, with(claude4, func(p *Profile) {
		p.Sampling = SamplingOne
		p.MaxOutputTokens = 32_000
		p.ProfileOnly = true
	})},

	{"claude-haiku-4.5", "2026-08-22", []string{"anthropic.claude-haiku-4.5"}, with(claude45, func(p *Profile) {
		p.CacheMinTokens = 4096
	})},
	{"claude-sonnet-4.5", "2026-09-02", []string{"anthropic.claude-sonnet-4.5"}, claude45},
	// It takes an effort with a beta header only, so here it has none.
	{"claude-opus-4.5", "2026-08-22", []string{"anthropic.claude-opus-4.5"}, with(claude45, func(p *Profile) {
		p.CacheMinTokens = 4096
		p.ProfileOnly = true
	})},

	{"claude-sonnet-4.6", "2026-08-22", []string{"anthropic.claude-sonnet-4.6"}, with(claude46, func(p *Profile) {
		p.ContextTokens, p.MaxOutputTokens = 0, 0 // sources disagree
		p.CacheMinTokens = 2048                   // as measured; the vendor says 1024
	})},
	{"claude-opus-4.6", "2026-08-22", []string{"anthropic.claude-opus-4.6"}, with(claude46, func(p *Profile) {
		p.Efforts = "low medium high max"
		p.ContextTokens, p.MaxOutputTokens = 1_000_000, 128_000
		p.CacheMinTokens = 4096
		p.ProfileOnly = true
	})},
	{"claude-opus-4.7", "2026-08-22", []string{"anthropic.claude-opus-4.7"}, with(claude47, func(p *Profile) {
		p.ProfileOnly = true
	})},
	{"claude-opus-4.8", "2026-08-22", []string{"anthropic.claude-opus-4.8"}, with(claude47, func(p *Profile) {
		p.ForcedToolWithReasoning = true
		p.ProfileOnly = true
	})},

	// It accepts that reasoning is turned off; whether it obeys is disputed.
	{"claude-sonnet-5", "2026-08-22", []string{"anthropic.claude-sonnet-5"}, claude5},
	{"claude-opus-5", "2026-09-23", []string{"anthropic.claude-opus-5"}, with(claude5, func(p *Profile) {
		p.CacheHour, p.CacheMinTokens = true, 512
		p.ProfileOnly = true
	})},
	// Sources disagree whether a call can be forced.
	{"claude-fable-5", "2026-09-23", []string{"anthropic.claude-fable-5"}, with(claudeStrict, func(p *Profile) {
		p.Efforts = "low medium high"
		p.CacheHour = true
	})},
	{"claude-fable-5.1", "2026-09-23", []string{"anthropic.claude-fable-5.1"}, with(claudeStrict, func(p *Profile) {
		p.Efforts = "low medium high"
		p.ContextTokens, p.MaxOutputTokens = 0, 0
	})},

	{"claude-opus-5.5", "2026-09-23", []string{"anthropic.claude-opus-5.5"}, with(claudeStrict, func(p *Profile) {
		p.ProfileOnly = true
	})},
	{"claude-sonnet-5.5", "2026-09-23", []string{"anthropic.claude-sonnet-5.5"}, with(claudeStrict, func(p *Profile) {
		p.Efforts = "between_tools low medium high xhigh max"
		p.ProfileOnly = true
	})},
	{"claude-haiku-5.5", "2026-10-07", []string{"anthropic.claude-haiku-5.5"}, with(claudeStrict, func(p *Profile) {
		p.ReasonsByDefault, p.AlwaysReasons = true, false
		p.ProfileOnly = true
	})},
}

// newerClaude is for each Claude that the table does not have. New ones have refused
// more than those before, so it has nothing that any of the latest refuses.
var newerClaude = family{"claude-newer", "2026-10-07", nil, with(claudeStrict, func(p *Profile) {
	p.Efforts = "low medium high"
	p.ContextTokens, p.MaxOutputTokens = 0, 0
})}

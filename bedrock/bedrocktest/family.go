package bedrocktest

import (
	"strings"

	"github.com/parley-sdk/parley/bedrock"
)

// familyRules are what the family of the request's model demands, by its profile.
// They hold where the profile is known, and read its data only: how the adapter
// repairs requests is not their business.
var familyRules = []rule{
	{"P10", systemMessages},
	{"P01", alternatingRoles},
	{"P02", userFirst},
	{"P03", userLast},
	{"P08", noTrailingSpace},
	{"P11", systemPrompt},

	{"P22", toolUse},
	{"P22", streamedTools},
	{"P22", forcedTool},
	{"P38", forcedWhileReasoning},
	{"P20", toolIDs},
	{"P20", uniqueToolIDs},
	{"P21", strictTools},
	{"P21", fewStrictTools},
	{"P21", structuredOutput},
	{"P21", strictDialect},

	{"P12", resultsFirst},
	{"P28", besideResults},
	{"P29", mediaInResults},
	{"P30", resultStatus},
	{"P31", emptyResult},
	{"P16", jsonResult},

	{"P39", reasoningFields},
	{"P39", thinkingShape},
	{"P39", novaReasoning},
	{"P39", knownEffort},
	{"P39", maxTokensAtHigh},
	{"P34", reasoningLeads},
	{"P37", reasoningReplay},
	{"P35", signatures},

	{"P42", noSampling},
	{"P41", oneSampling},
	{"P41", samplingWhileReasoning},
	{"P44", topKField},
	{"P43", maxTokens},
	{"P45", stopSequences},

	{"", mediaKinds},
	{"", mediaRoles},
	{"", mediaLimits},

	{"", cacheSections},
	{"", cacheBesideTools},
	{"", cacheAfterReasoning},
	{"P52", cacheAfterDocument},
	{"P56", cacheHour},
	{"P55", cacheOrder},

	{"P70", countTokens},
}

// profile is what the rules go by; nil is an unknown model, which may take anything.
func (o *Options) profile(modelID string) *bedrock.Profile {
	if o.Profile != nil {
		return o.Profile
	}
	if p := bedrock.ProfileFor(modelID); p.Family != "" {
		return p
	}
	return nil
}

// claude says whether the model words its own errors: Bedrock passes those of
// Anthropic's models on.
func (c *call) claude() bool { return strings.HasPrefix(c.profile.Family, "claude") }

// byModel is the exception for what the model refuses, and not Bedrock before it.
func byModel(format string, args ...any) *exception {
	return invalid("The model returned the following errors: "+format, args...)
}

func unsupportedField(field string) *exception {
	return invalid("This model doesn't support the %s field. Remove %[1]s and try again.", field)
}

func unsupportedBlock(kind string) *exception {
	return invalid("This model doesn't support the %s content block that you provided. Update the content block and try again.", kind)
}

func countTokens(c *call) *exception {
	if c.op == "CountTokens" && c.profile.NoCountTokens {
		return cannotCount()
	}
	return nil
}

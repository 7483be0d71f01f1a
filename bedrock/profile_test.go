package bedrock

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ids are model ids as they are met, and their families.
var ids = []struct{ id, family string }{
	{"anthropic.claude-v2", "claude-2"},
	{"anthropic.claude-v2:1", "claude-2"},
	{"anthropic.claude-v2:1:18k", "claude-2"},
	{"anthropic.claude-instant-v1", "claude-2"},
	{"anthropic.claude-3-haiku-20240307-v1:0", "claude-3"},
	{"anthropic.claude-3-haiku-20240307-v1:0:48k", "claude-3"},
	{"anthropic.claude-3-sonnet-20240229-v1:0", "claude-3"},
	{"us.anthropic.claude-3-opus-20240229-v1:0", "claude-3"},
	{"anthropic.claude-3-5-haiku-20241022-v1:0", "claude-haiku-3.5"},
	{"anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-sonnet-3.5"},
	{"apac.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-sonnet-3.5"},
	{"anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-3.7"},
	{"us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-3.7"},
	{"anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4"},
	{"anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4"},
	{"us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4.1"},
	{"jp.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4.5"},
	{"anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4.5"},
	{"global.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4.5"},
	{"anthropic.claude-sonnet-4-6", "claude-sonnet-4.6"},
	{"au.anthropic.claude-opus-4-6-v1", "claude-opus-4.6"},
	{"eu.anthropic.claude-opus-4-7", "claude-opus-4.7"},
	{"anthropic.claude-opus-4-8", "claude-opus-4.8"},
	{"anthropic.claude-sonnet-5", "claude-sonnet-5"},
	{"us.anthropic.claude-opus-5", "claude-opus-5"},
	{"anthropic.claude-fable-5", "claude-fable-5"},
	{"anthropic.claude-fable-5-1", "claude-fable-5.1"},
	{"us.anthropic.claude-opus-5-5", "claude-opus-5.5"},
	{"us-gov.anthropic.claude-opus-5-5", "claude-opus-5.5"},
	{"global.anthropic.claude-sonnet-5-5", "claude-sonnet-5.5"},
	{"jp.anthropic.claude-haiku-5-5", "claude-haiku-5.5"},
	{"anthropic.claude-opus-5-6", "claude-newer"},
	{"anthropic.claude-opus-5-50", "claude-newer"},
	{"us.anthropic.claude-sonnet-6-20270101-v1:0", "claude-newer"},
	{"anthropic.claude-opus-10", "claude-newer"},
	{"anthropic.claude-mythos-preview", "claude-newer"},

	{"amazon.nova-micro-v1:0", "nova-micro"},
	{"amazon.nova-micro-v1:0:128k", "nova-micro"},
	{"us.amazon.nova-lite-v1:0", "nova"},
	{"amazon.nova-lite-v1:0:300k", "nova"},
	{"apac.amazon.nova-pro-v1:0", "nova"},
	{"ca.amazon.nova-lite-v1:0", "nova"},
	{"us.amazon.nova-premier-v1:0", "nova-premier"},
	{"amazon.nova-premier-v1:0:1000k", "nova-premier"},
	{"amazon.nova-2-lite-v1:0", "nova-2-lite"},
	{"amazon.nova-2-lite-v1:0:256k", "nova-2-lite"},
	{"global.amazon.nova-2-lite-v1:0", "nova-2-lite"},
	{"amazon.titan-text-express-v1", "titan-text"},
	{"amazon.titan-text-express-v1:0:8k", "titan-text"},
	{"amazon.titan-text-lite-v1", "titan-text"},
	{"amazon.titan-text-premier-v1:0", "titan-text-premier"},

	{"meta.llama3-8b-instruct-v1:0", "llama-3"},
	{"meta.llama3-70b-instruct-v1:0", "llama-3"},
	{"meta.llama3-1-405b-instruct-v1:0", "llama-3.1"},
	{"meta.llama3-1-70b-instruct-v1:0:128k", "llama-3.1"},
	{"us.meta.llama3-2-1b-instruct-v1:0", "llama-3.2"},
	{"us.meta.llama3-2-3b-instruct-v1:0", "llama-3.2"},
	{"us.meta.llama3-2-90b-instruct-v1:0", "llama-3.2-vision"},
	{"us.meta.llama3-3-70b-instruct-v1:0", "llama-3.3"},
	{"us.meta.llama4-maverick-17b-instruct-v1:0", "llama-4-maverick"},
	{"us.meta.llama4-scout-17b-instruct-v1:0", "llama-4-scout"},

	{"mistral.mistral-7b-instruct-v0:2", "mistral-7b"},
	{"mistral.mixtral-8x7b-instruct-v0:1", "mistral-7b"},
	{"mistral.mistral-small-2402-v1:0", "mistral-small"},
	{"mistral.mistral-large-2402-v1:0", "mistral-large-2402"},
	{"mistral.mistral-large-2407-v1:0", "mistral-large-2407"},
	{"eu.mistral.pixtral-large-2502-v1:0", "pixtral-large"},
	{"mistral.mistral-large-3-675b-instruct", "mistral-large-3"},
	{"mistral.ministral-3-3b-instruct", "ministral-3-3b"},
	{"mistral.ministral-3-14b-instruct", "ministral-3"},
	{"mistral.magistral-small-2509", "magistral-small"},
	{"mistral.devstral-2-123b", "devstral-2"},
	{"mistral.voxtral-mini-3b-2507", "voxtral-mini"},
	{"mistral.voxtral-small-24b-2507", "voxtral-small"},

	{"qwen.qwen3-32b-v1:0", "qwen3-32b"},
	{"qwen.qwen3-235b-a22b-2507-v1:0", "qwen3"},
	{"qwen.qwen3-coder-30b-a3b-v1:0", "qwen3"},
	{"qwen.qwen3-coder-480b-a35b-v1:0", "qwen3-coder"},
	{"qwen.qwen3-coder-next", "qwen3-coder"},
	{"qwen.qwen3-next-80b-a3b", "qwen3-next"},
	{"qwen.qwen3-vl-235b-a22b", "qwen3-vl"},

	{"openai.gpt-oss-20b-1:0", "gpt-oss"},
	{"openai.gpt-oss-120b-1:0", "gpt-oss"},
	{"openai.gpt-oss-safeguard-120b", "gpt-oss"},
	{"openai.gpt-5.4", "gpt-5.4"},
	{"openai.gpt-5.5", "gpt-5.5"},
	{"in.openai.gpt-5.6-sol", "gpt-5.6"},
	{"openai.gpt-5.6-luna", "gpt-5.6"},
	{"global.openai.gpt-6-astra", "gpt-6"},

	{"cohere.command-text-v14", "command"},
	{"cohere.command-text-v14:7:4k", "command"},
	{"cohere.command-light-text-v14", "command"},
	{"cohere.command-r-v1:0", "command-r"},
	{"cohere.command-r-plus-v1:0", "command-r"},
	{"ai21.jamba-1-5-large-v1:0", "jamba-1.5"},
	{"ai21.jamba-instruct-v1:0", "jamba-instruct"},
	{"ai21.j2-ultra-v1", "jurassic-2"},
	{"ai21.j2-grande-instruct", "jurassic-2"},
	{"us.deepseek.r1-v1:0", "deepseek-r1"},
	{"deepseek.v3-v1:0", "deepseek-v3"},
	{"deepseek.v3.2", "deepseek-v3"},
	{"us.writer.palmyra-x4-v1:0", "palmyra-x4"},
	{"writer.palmyra-x5-v1:0", "palmyra-x5"},
	{"moonshot.kimi-k2-thinking", "kimi-k2-thinking"},
	{"moonshotai.kimi-k2.5", "kimi-k2.5"},
	{"minimax.minimax-m2", "minimax-m2"},
	{"minimax.minimax-m2.1", "minimax-m2"},
	{"minimax.minimax-m2.5", "minimax-m2.5"},
	{"nvidia.nemotron-nano-9b-v2", "nemotron-nano-2"},
	{"nvidia.nemotron-nano-12b-v2", "nemotron-nano-2-vl"},
	{"nvidia.nemotron-nano-3-30b", "nemotron-nano-3"},
	{"nvidia.nemotron-super-3-120b", "nemotron-super-3"},
	{"zai.glm-4.7", "glm"},
	{"zai.glm-5", "glm"},
	{"zai.glm-4.7-flash", "glm-4.7-flash"},
	{"google.gemma-3-4b-it", "gemma-3-4b"},
	{"google.gemma-3-27b-it", "gemma-3"},
	{"us.xai.grok-4.6", "grok-4.6"},

	// Geographies that are not known yet.
	{"sa.anthropic.claude-sonnet-4-6", "claude-sonnet-4.6"},
	{"moon.anthropic.claude-sonnet-4-6", "claude-sonnet-4.6"},
	{"moon.deepseek.v3.2", "deepseek-v3"},

	// ARNs that tell the model.
	{"arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", "claude-3"},
	{"arn:aws:bedrock:us-east-1::foundation-model/deepseek.v3.2", "deepseek-v3"},
	{"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.anthropic.claude-opus-5-5", "claude-opus-5.5"},
	{"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0", "nova"},
	{"arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0:300k/a1b2c3d4e5f6", "nova"},

	// ARNs that do not.
	{"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/us.amazon.nova-lite-v1:0", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3d4e5f6", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/a1b2c3d4e5f6", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:imported-model/a1b2c3d4e5f6", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:2", ""},
	{"arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1", ""},
	{"arn:aws:sagemaker:us-east-1:123456789012:endpoint/anthropic.claude-opus-5", ""},
	{"arn:aws:bedrock", ""},

	// What is not in the table.
	{"", ""},
	{".anthropic.claude-opus-5", ""},
	{"m", ""},
	{"any", ""},
	{"test.model", ""},
	{"us.test.model", ""},
	{"claude-opus-5", ""},
	{"anthropic.claude", ""},
	{"acme.claude-opus-5", ""},
	{"amazon.nova-2-sonic-v1:0", ""},
	{"amazon.nova-3-lite-v1:0", ""},
	{"amazon.nova", ""},
	{"openai.gpt-5", ""},
	{"openai.gpt-5.60", ""},
	{"zai.glm-4.7-flash-x", ""},
	{"deepseek.v3.20", ""},
	{"cohere.embed-english-v3", ""},
}

func TestProfileFor(t *testing.T) {
	reached := map[string]bool{}
	for _, c := range ids {
		p := ProfileFor(c.id)
		reached[p.Family] = true
		if p.Family != c.family {
			t.Errorf("%s: family %q, want %q", c.id, p.Family, c.family)
		}
		imported := strings.Contains(c.id, ":imported-model/")
		if c.family == "" && *p != (Profile{NoConverse: imported}) {
			t.Errorf("%s: of a family that is not known, but:\n%s", c.id, p)
		}
	}
	for _, f := range allFamilies() {
		if !reached[f.name] {
			t.Errorf("no id leads to %s", f.name)
		}
	}
}

func allFamilies() []family { return append(slices.Clone(families), newerClaude) }

func TestProfileForIsACopy(t *testing.T) {
	const id = "amazon.nova-lite-v1:0"
	changed := ProfileFor(id)
	*changed = Profile{}
	if ProfileFor(id).Family != "nova" {
		t.Error("a change to a profile is seen in the next")
	}
}

// What tells the generations apart, and is expensive to get wrong.
func TestProfilesDiffer(t *testing.T) {
	type facts struct {
		Reasoning                                 ReasoningStyle
		On, Off                                   bool
		Sampling                                  Sampling
		Forced, ForcedReasoning, Schemas, Prefill bool
		Streams                                   bool
	}
	for id, want := range map[string]facts{
		"anthropic.claude-3-5-sonnet-20240620-v1:0":      {Forced: true, Prefill: true, Streams: true},
		"anthropic.claude-sonnet-4-20250514-v1:0":        {Reasoning: ReasoningBudget, Off: true, Forced: true, Prefill: true, Streams: true},
		"anthropic.claude-sonnet-4-5-20250929-v1:0":      {Reasoning: ReasoningBudget, Off: true, Sampling: SamplingOne, Forced: true, Schemas: true, Prefill: true, Streams: true},
		"us.anthropic.claude-opus-4-5-20251101-v1:0":     {Reasoning: ReasoningBudget, Off: true, Sampling: SamplingOne, Forced: true, Schemas: true, Prefill: true, Streams: true},
		"anthropic.claude-sonnet-4-6":                    {Reasoning: ReasoningAdaptive, Off: true, Sampling: SamplingOne, Forced: true, Schemas: true, Streams: true},
		"anthropic.claude-opus-4-7":                      {Reasoning: ReasoningAdaptive, Off: true, Sampling: SamplingNone, Forced: true, Streams: true},
		"anthropic.claude-opus-4-8":                      {Reasoning: ReasoningAdaptive, Off: true, Sampling: SamplingNone, Forced: true, ForcedReasoning: true, Streams: true},
		"anthropic.claude-opus-5":                        {Reasoning: ReasoningAdaptive, On: true, Off: true, Sampling: SamplingNone, Forced: true, ForcedReasoning: true, Streams: true},
		"anthropic.claude-opus-5-5":                      {Reasoning: ReasoningAdaptive, On: true, Sampling: SamplingNone, Streams: true},
		"anthropic.claude-haiku-5-5":                     {Reasoning: ReasoningAdaptive, On: true, Off: true, Sampling: SamplingNone, Streams: true},
		"anthropic.claude-fable-5-1":                     {Reasoning: ReasoningAdaptive, On: true, Sampling: SamplingNone, Streams: true},
		"anthropic.claude-opus-7":                        {Reasoning: ReasoningAdaptive, On: true, Sampling: SamplingNone, Streams: true},
		"amazon.nova-lite-v1:0":                          {Forced: true, Streams: true},
		"amazon.nova-2-lite-v1:0":                        {Reasoning: ReasoningNova, Off: true, Forced: true, Streams: true},
		"meta.llama4-scout-17b-instruct-v1:0":            {},
		"mistral.mistral-large-2407-v1:0":                {Forced: true},
		"deepseek.r1-v1:0":                               {On: true},
		"deepseek.v3.2":                                  {Reasoning: ReasoningEffort, Off: true, Forced: true, Streams: true},
		"openai.gpt-oss-20b-1:0":                         {Reasoning: ReasoningEffort, On: true, Streams: true},
		"arn:aws:bedrock:r:1:provisioned-model/a1b2c3d4": {},
	} {
		p := ProfileFor(id)
		got := facts{p.Reasoning, p.reasonsUnasked(), p.Reasoning != ReasoningNone && !p.AlwaysReasons, p.Sampling, p.ToolChoiceAny, p.ForcedToolWithReasoning,
			p.StrictTools || (p.StructuredOutput && strings.Contains(p.Family, "claude")), p.Prefill, p.StreamTools}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", id, diff)
		}
	}
}

// The context of a variant stands in its id.
func TestProfileForContext(t *testing.T) {
	for id, want := range map[string]int{
		"amazon.nova-lite-v1:0":                                                   300_000,
		"amazon.nova-lite-v1:0:24k":                                               24_000,
		"amazon.nova-lite-v1:0:mm":                                                300_000,
		"amazon.nova-lite-v1:0:k":                                                 300_000,
		"amazon.nova-lite-v1:0:99999999999999k":                                   300_000,
		"cohere.command-text-v14:7:4k":                                            4_000,
		"anthropic.claude-3-haiku-20240307-v1:0:200k":                             200_000,
		"us.anthropic.claude-opus-5-5":                                            1_000_000,
		"arn:aws:bedrock:r:1:custom-model/amazon.nova-lite-v1:0:24k/a1b2c3d4e5f6": 24_000,
	} {
		if got := ProfileFor(id).ContextTokens; got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

// No model can match two rows, and none of the rows contradicts itself.
func TestFamilies(t *testing.T) {
	day := regexp.MustCompile(`^20\d\d-\d\d-\d\d$`)
	seen := map[string]bool{}
	for _, f := range allFamilies() {
		if seen[f.name] {
			t.Errorf("two rows are named %s", f.name)
		}
		seen[f.name] = true
		if !day.MatchString(f.verified) {
			t.Errorf("%s: verified on %q, not a day", f.name, f.verified)
		}
		for _, g := range families {
			for _, a := range f.models {
				for _, b := range g.models {
					if f.name != g.name && overlap(a, b) {
						t.Errorf("%s of %s and %s of %s match the same models", a, f.name, b, g.name)
					}
				}
			}
		}
		p := f.profile
		for fault, found := range map[string]bool{
			"name in the profile":         p.Family != "" || p.Verified != "",
			"tools that it does not take": p.NoTools && (p.StreamTools || p.ToolChoiceAny || p.StrictTools || p.ToolResultStatus || p.CacheTools),
			"one tool, but not any":       p.ToolChoiceTool && !p.ToolChoiceAny,
			"forced while it reasons":     p.ForcedToolWithReasoning && !p.ToolChoiceAny,
			"efforts without reasoning":   p.Efforts != "" && p.Reasoning == ReasoningNone,
			"always and by default":       p.AlwaysReasons && p.ReasonsByDefault,
			"top_k without sampling":      p.TopKField != "" && p.Sampling == SamplingNone,
			"an answer beyond context":    p.ContextTokens > 0 && p.MaxOutputTokens > p.ContextTokens,
			"documents twice":             p.ToolResultDocuments && p.ToolResultTextDocuments,
			"an hour of nothing":          p.CacheHour && !p.CacheSystem,
			"a length of no sequences":    p.StopSequenceLength > 0 && p.MaxStopSequences == 0,
		} {
			if found {
				t.Errorf("%s: %s", f.name, fault)
			}
		}
	}
}

// overlap tells whether some model matches both patterns.
func overlap(a, b string) bool {
	return slices.EqualFunc(strings.Split(a, "-"), strings.Split(b, "-"), func(a, b string) bool { return a == b || a == "*" || b == "*" })
}

func TestBaseModelID(t *testing.T) {
	const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	for id, want := range map[string]string{
		sonnet:           sonnet,
		"us." + sonnet:   sonnet,
		"moon." + sonnet: sonnet,
		"arn:aws:bedrock:us-east-1::foundation-model/" + sonnet:                             sonnet,
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + sonnet:             sonnet,
		"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
		"us-gov.amazon.nova-lite-v1:0:300k":                                                 "amazon.nova-lite-v1:0:300k",
		"deepseek.v3.2":                                                                     "deepseek.v3.2",
		"global.newcomer.model-1":                                                           "newcomer.model-1",
		"test.model":                                                                        "test.model",
		"m":                                                                                 "m",
		"":                                                                                  "",
	} {
		if got := baseModelID(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestGeoProfileID(t *testing.T) {
	const (
		opus   = "anthropic.claude-opus-5"
		sonnet = "anthropic.claude-sonnet-4-20250514-v1:0"
	)
	for _, c := range []struct{ region, id, want string }{
		{"us-east-1", opus, "us." + opus},
		{"us-gov-west-1", opus, "us-gov." + opus},
		{"eu-central-1", "eu." + opus, "eu." + opus},
		{"ca-central-1", "amazon.nova-lite-v1:0", "ca.amazon.nova-lite-v1:0"},
		{"ap-northeast-1", opus, "jp." + opus},
		{"ap-northeast-3", "anthropic.claude-haiku-4-5-20251001-v1:0", "jp.anthropic.claude-haiku-4-5-20251001-v1:0"},
		{"ap-northeast-1", sonnet, "apac." + sonnet},
		{"ap-southeast-2", opus, "au." + opus},
		{"ap-southeast-2", sonnet, "apac." + sonnet},
		{"ap-south-1", opus, "global." + opus},
		{"ap-south-1", "amazon.nova-lite-v1:0", "apac.amazon.nova-lite-v1:0"},
		{"sa-east-1", opus, "global." + opus},
		{"", opus, "global." + opus},
		{"us-west-2", "arn:aws:bedrock:us-west-2::foundation-model/" + opus, "us." + opus},
		{"us-west-2", "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/a1b2c3d4e5f6", ""},
		{"us-west-2", "m", ""},
	} {
		if got := geoProfileID(c.region, c.id); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.id, c.region, got, c.want)
		}
	}
}

func TestProfileString(t *testing.T) {
	for want, p := range map[string]*Profile{
		"no profile":                            nil,
		"unknown family":                        {},
		"unknown family\nNoConverse: true":      {NoConverse: true},
		"x\nSampling: one\nMaxStopSequences: 4": {Family: "x", Sampling: SamplingOne, MaxStopSequences: 4},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// Every field has a line.
	var full Profile
	for _, v := range reflect.ValueOf(&full).Elem().Fields() {
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int:
			v.SetInt(1)
		case reflect.Bool:
			v.SetBool(true)
		}
	}
	if lines, fields := strings.Count(full.String(), "\n")+1, reflect.TypeFor[Profile]().NumField(); lines != fields {
		t.Errorf("%d lines for %d fields", lines, fields)
	}
}

func FuzzModelID(f *testing.F) {
	for _, c := range ids {
		f.Add(c.id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p := ProfileFor(id)
		if again := ProfileFor(id); *p != *again {
			t.Errorf("two profiles for one id:\n%s\n%s", p, again)
		}
		base := baseModelID(id)
		if of := ProfileFor(base); !strings.HasPrefix(base, "arn:") && of.Family != p.Family && p.Family != "" {
			t.Errorf("the base id %s is of family %q, not %q", base, of.Family, p.Family)
		}
		geoProfileID("us-east-1", id)
		parsed, ok := parseID(id)
		if !ok || parsed.geo != "" || strings.HasPrefix(id, "arn:") {
			return
		}
		for _, geo := range geoPrefixes {
			if q := ProfileFor(geo + "." + id); *q != *p {
				t.Errorf("%s. makes another profile of it:\n%s\n%s", geo, q, p)
			}
		}
	})
}

package llmtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Capability names something that the wire of a backend may be unable to carry. A
// harness declares what its model lacks, with its reason:
//
//	Lacks: []llmtest.Capability{
//		llmtest.TopK.Because("chat completions have no such setting"),
//		llmtest.StopReason(llm.StopPause),
//	}
//
// A lack is a promise as well: a setting of a request that is lacked must be
// refused or warned of, as law 7 says, and the suite checks that it is.
type Capability string

// Because returns the capability with a reason for its lack, which is printed
// beside the capability's own sentence.
func (c Capability) Because(reason string) Capability {
	return c.name() + because + Capability(reason)
}

const because = ": "

func (c Capability) name() Capability {
	name, _, _ := strings.Cut(string(c), because)
	return Capability(name)
}

func (c Capability) reason() string {
	_, reason, _ := strings.Cut(string(c), because)
	return reason
}

// What a request may hold. Where one of these is lacked, the case does not skip: it
// checks that the model says so.
const (
	Tools             Capability = "tools"              // tools at all, offered and called
	AnyTool           Capability = "any_tool"           // llm.ToolChoiceAny
	NoTool            Capability = "no_tool"            // llm.ToolChoiceNone
	NamedTool         Capability = "named_tool"         // llm.ToolChoiceTool
	SingleToolCall    Capability = "single_tool_call"   // ToolChoice.Single
	StrictTools       Capability = "strict_tools"       // Tool.Strict
	StructuredOutput  Capability = "structured_output"  // Request.Output
	ImageInput        Capability = "image_input"        // images from the user
	AudioInput        Capability = "audio_input"        // sound from the user
	VideoInput        Capability = "video_input"        // video from the user
	DocumentInput     Capability = "document_input"     // documents from the user
	DocumentCitations Capability = "document_citations" // DocumentPart.Cite
	ToolResultImages  Capability = "tool_result_images" // an image in a tool's result
	ToolResultErrors  Capability = "tool_result_errors" // ToolResultPart.IsError
	SystemMessages    Capability = "system_messages"    // llm.RoleSystem in mid-conversation
	MaxTokens         Capability = "max_tokens"         // Request.MaxTokens
	Temperature       Capability = "temperature"        // Request.Temperature
	TopP              Capability = "top_p"              // Request.TopP
	TopK              Capability = "top_k"              // Request.TopK
	StopSequences     Capability = "stop_sequences"     // Request.StopSequences
	ReasoningControl  Capability = "reasoning_control"  // Request.Reasoning
	CachePoints       Capability = "cache_points"       // cache points in system, messages and tools
	Metadata          Capability = "metadata"           // Request.Metadata
)

// What an answer may hold.
const (
	SeveralTexts       Capability = "several_texts"        // more than one text part
	Reasoning          Capability = "reasoning"            // reasoning parts
	SignedReasoning    Capability = "signed_reasoning"     // ReasoningPart.Signature, both ways
	RedactedReasoning  Capability = "redacted_reasoning"   // ReasoningPart.Redacted
	Citations          Capability = "citations"            // TextPart.Citations
	MediaOutput        Capability = "media_output"         // images that the model makes
	ProviderBlocks     Capability = "provider_blocks"      // blocks that the vocabulary lacks
	ProviderEvents     Capability = "provider_events"      // events of a stream that it lacks
	ProviderDeltas     Capability = "provider_deltas"      // deltas within a part that it lacks
	OpaqueState        Capability = "opaque_state"         // Opaque.Data on the parts of an answer
	LateOpaqueState    Capability = "late_opaque_state"    // Opaque.Data that comes where a part stops: PartStop.Opaque
	MalformedArguments Capability = "malformed_arguments"  // tool arguments that are not a JSON object, in a stream
	CacheReadUsage     Capability = "cache_read_usage"     // Usage.CacheReadTokens
	CacheWriteUsage    Capability = "cache_write_usage"    // Usage.CacheWriteTokens
	CacheWrite1hUsage  Capability = "cache_write_1h_usage" // Usage.CacheWrite1hTokens
	ReasoningUsage     Capability = "reasoning_usage"      // Usage.ReasoningTokens
	ServiceTier        Capability = "service_tier"         // Usage.ServiceTier
	EarlyUsage         Capability = "early_usage"          // usage before the end of a stream
	RequestIDs         Capability = "request_ids"          // RequestID, of answers and of errors

	// ProviderBlocksBack is the capability to send an unknown block back to the
	// provider that it came from. Where it is lacked, the model must say so.
	ProviderBlocksBack Capability = "provider_blocks_back"

	// GenerateMalformedArguments and GeneratePartial are those of the call that
	// Generate makes, where that is another one than Stream makes.
	GenerateMalformedArguments Capability = "generate_malformed_arguments"
	GeneratePartial            Capability = "generate_partial"
)

// How a call may fail.
const (
	RetryAfter       Capability = "retry_after"        // the time to wait, before an answer
	StreamRetryAfter Capability = "stream_retry_after" // the time to wait, in a stream
	StreamErrors     Capability = "stream_errors"      // any error within a stream
)

// What doubles lack: they have no provider, or play no script.
const (
	OwnOptions   Capability = "own_options"   // options of the provider's own type, and of no other
	ForeignState Capability = "foreign_state" // telling another provider's parts and tools from its own
	Stalls       Capability = "stalls"        // a stream that stops half-way and goes on later
	RemoteCount  Capability = "remote_count"  // counting tokens by asking the provider, for RunGuard
)

// StopReason is the capability to say that a model stopped for this reason. Every
// backend can say StopEndTurn, StopMaxTokens and, where it has tools, StopToolUse.
func StopReason(r llm.StopReason) Capability { return Capability("stop_reason/" + string(r)) }

// ErrorCode is the capability to tell this error from others, before an answer.
func ErrorCode(c llm.Code) Capability { return Capability("error/" + string(c)) }

// StreamErrorCode is the capability to tell this error from others, in a stream.
func StreamErrorCode(c llm.Code) Capability { return Capability("stream_error/" + string(c)) }

// sentences says of each capability what its lack means.
func sentences() map[Capability]string {
	s := map[Capability]string{
		Tools:             "the model cannot be offered tools",
		AnyTool:           "the model cannot be made to call some tool",
		NoTool:            "the model cannot be kept from calling tools",
		NamedTool:         "the model cannot be made to call a certain tool",
		SingleToolCall:    "the model cannot be held to one call a turn",
		StrictTools:       "the model cannot be held to a tool's schema",
		StructuredOutput:  "the model cannot be held to an output schema",
		ImageInput:        "the model reads no images",
		AudioInput:        "the model hears no sound",
		VideoInput:        "the model sees no video",
		DocumentInput:     "the model reads no documents",
		DocumentCitations: "citations of a document cannot be asked for",
		ToolResultImages:  "a tool's result cannot hold an image",
		ToolResultErrors:  "a tool's result cannot be marked as an error",
		SystemMessages:    "the wire has no instruction in mid-conversation",
		MaxTokens:         "the length of an answer cannot be limited",
		Temperature:       "the wire has no temperature",
		TopP:              "the wire has no top_p",
		TopK:              "the wire has no top_k",
		StopSequences:     "the wire has no stop sequences",
		ReasoningControl:  "reasoning cannot be switched or sized",
		CachePoints:       "the wire has no cache points",
		Metadata:          "the wire has no tags",
		OwnOptions:        "the backend has no options of its own type",
		ForeignState:      "the model stands in for every provider, and takes the parts and tools of all",

		SeveralTexts:       "an answer has one text",
		Reasoning:          "the wire carries no reasoning",
		SignedReasoning:    "the wire carries no signatures of reasoning",
		RedactedReasoning:  "the wire carries no encrypted reasoning",
		Citations:          "the wire carries no citations",
		MediaOutput:        "the model makes no images",
		ProviderBlocks:     "an answer has no blocks of unknown kinds",
		ProviderEvents:     "a stream has no events of unknown kinds",
		ProviderDeltas:     "a part has no deltas of unknown kinds",
		OpaqueState:        "the provider attaches nothing to its parts",
		LateOpaqueState:    "the provider attaches nothing where a part stops",
		MalformedArguments: "the wire carries tool arguments as JSON values only",
		CacheReadUsage:     "cached input is not counted",
		CacheWriteUsage:    "input written to the cache is not counted",
		CacheWrite1hUsage:  "cache lifetimes are not told apart",
		ReasoningUsage:     "reasoning tokens are not counted",
		ServiceTier:        "the service tier is not reported",
		EarlyUsage:         "usage is reported at the end of a stream only",
		RequestIDs:         "the provider does not number its calls",
		ProviderBlocksBack: "blocks of unknown kinds can be read, but not written",

		GenerateMalformedArguments: "a whole answer carries tool arguments as JSON values only",
		GeneratePartial:            "a whole answer comes whole or not at all",

		RetryAfter:       "the provider does not say how long to wait",
		StreamRetryAfter: "an error in a stream does not say how long to wait",
		StreamErrors:     "the wire has no errors within a stream",
		RemoteCount:      "tokens are counted without sending anything",
		Stalls:           "the harness plays turns of its own, which cannot stop half-way",
	}
	for _, r := range optionalStopReasons() {
		s[StopReason(r)] = fmt.Sprintf("the wire cannot say that the model stopped for the reason %s", r)
	}
	for _, c := range providerCodes() {
		s[ErrorCode(c)] = fmt.Sprintf("the wire cannot tell %s from other errors", c)
	}
	for _, c := range streamCodes() {
		s[StreamErrorCode(c)] = fmt.Sprintf("the wire cannot tell %s from other errors in a stream", c)
	}
	return s
}

func optionalStopReasons() []llm.StopReason {
	return []llm.StopReason{llm.StopSequence, llm.StopContentFilter, llm.StopRefusal, llm.StopPause,
		llm.StopContextWindow, llm.StopMalformed, llm.StopOther}
}

// lacks are the capabilities that a harness declares as lacking, and why.
type lacks map[Capability]string

// newLacks checks a harness's declaration.
func newLacks(declared []Capability) (lacks, error) {
	known := sentences()
	l := lacks{}
	for i, c := range declared {
		sentence, ok := known[c.name()]
		if !ok {
			var names []string
			for c := range known {
				names = append(names, string(c))
			}
			slices.Sort(names)
			return nil, fmt.Errorf("Harness.Lacks[%d]: %q is no capability; there are %s", i, c.name(), strings.Join(names, ", "))
		}
		if reason := c.reason(); reason != "" {
			sentence += " (" + reason + ")"
		}
		l[c.name()] = sentence
	}
	return l, nil
}

// missing returns why a case that needs these capabilities cannot run: "" if it can.
func (l lacks) missing(needs []Capability) string {
	for _, c := range needs {
		if why, ok := l[c]; ok {
			return fmt.Sprintf("lacks %s: %s", c, why)
		}
	}
	return ""
}

// names are the capabilities that are lacking, in order.
func (l lacks) names() []Capability { return slices.Sorted(maps.Keys(l)) }

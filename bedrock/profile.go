package bedrock

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
)

// Profile says what a family of models can do where families differ. It is data:
// take one from [ProfileFor], change what you know better, and put it into
// [Options.Profile]. It has plain fields only, so that profiles can be compared.
//
// The zero value is for a model of which nothing is known. It holds back what some
// family refuses (a forced tool, cache points, sampling beside reasoning …), and
// leaves to the service what it would have to refuse itself (tools, documents). So
// fields that begin with No are facts against a model, and all others facts for it.
type Profile struct {
	Family   string // such as "claude-opus-4.5"; "" is unknown
	Verified string // the day of the newest source of these facts, such as "2026-08-22"

	// What the family refuses whatever the form: an llm.ErrUnsupported of ours.
	NoConverse  bool // other operations than Converse serve it
	NoTools     bool // it calls no tools
	NoImages    bool // it reads no images
	NoDocuments bool // it reads no documents
	NoVideo     bool // it sees no videos
	NoAudio     bool // it does not hear
	NoS3        bool // it takes media inline only

	NoSystem         bool // it has no system prompt: that goes in front of the first user message
	SystemMessages   bool // it takes system messages within the conversation; else they become user messages
	LeadingAssistant bool // a conversation may begin with the assistant
	AssistantMedia   bool // it takes back media that it made
	Prefill          bool // it continues a message of the assistant that ends the conversation

	StreamTools             bool // it streams while it has tools; else such streams are served from Converse
	ToolChoiceAny           bool // it can be forced to call some tool
	ToolChoiceTool          bool // it can be forced to call a certain tool
	ForcedToolWithReasoning bool // it can be forced to call while it reasons
	StrictTools             bool // it takes llm.Tool.Strict
	StructuredOutput        bool // it takes outputConfig.textFormat; else a tool takes the document
	ShortToolIDs            bool // it wants ids of calls with exactly nine letters and digits

	ToolResultStatus        bool         // it takes the status of a tool result; else the text tells errors
	ToolResultJSON          bool         // it takes JSON objects in tool results; else they are sent as text
	EmptyToolResult         bool         // it takes tool results without content
	ToolResultImages        bool         // it takes images in tool results; else they go after them, as do the next three
	ToolResultDocuments     bool         // it takes documents of all formats in tool results
	ToolResultTextDocuments bool         // it takes csv and txt documents in tool results
	ToolResultVideo         bool         // it takes videos in tool results
	BesideToolResult        BesideResult // what it takes beside tool results in one message

	Reasoning         ReasoningStyle // how it is asked to reason
	ReasonsByDefault  bool           // it reasons unless it is told not to
	AlwaysReasons     bool           // it reasons, and cannot be told not to
	Efforts           string         // the efforts that it takes, from low to high, between spaces
	NoMaxTokensAtHigh bool           // it refuses maxTokens at effort high
	UnsignedReasoning bool           // it takes back reasoning without a signature
	NoReasoningReplay bool           // it takes back no reasoning at all

	Sampling              Sampling // which of temperature and top_p it takes
	SamplingWithReasoning bool     // it takes them while it reasons, too
	TopKField             string   // the key of top_k in the additional fields; with a dot it is nested; "" is none
	MaxStopSequences      int      // how many stop sequences it takes; 0 is none
	StopSequenceLength    int      // how long they may be, in characters; 0 is any length

	ContextTokens   int // input and output together, for information; 0 is not known
	MaxOutputTokens int // a greater llm.Request.MaxTokens is clamped to it; 0 is not known

	CacheSystem      bool // it takes cache points in the system prompt
	CacheMessages    bool // it takes cache points in messages
	CacheTools       bool // it takes cache points after tools
	CacheBesideTools bool // it takes cache points in messages with tool calls or results
	CacheHour        bool // it takes a lifetime of an hour; else all have five minutes
	CacheMinTokens   int  // shorter prefixes are not cached, without a word; for information

	NoCountTokens bool // the service does not count its tokens: CountTokens estimates
	ProfileOnly   bool // its bare id is refused, and that of an inference profile wanted; for information
}

// BesideResult says what may stand beside tool results in a message.
type BesideResult string

const (
	BesideNothing BesideResult = ""     // the rest goes into a message of its own
	BesideText    BesideResult = "text" // text and images
	BesideAny     BesideResult = "any"
)

// ReasoningStyle is how a family is asked to reason, in the additional fields.
type ReasoningStyle string

const (
	ReasoningNone     ReasoningStyle = ""         // there is no way
	ReasoningBudget   ReasoningStyle = "budget"   // thinking: {type: enabled, budget_tokens}
	ReasoningAdaptive ReasoningStyle = "adaptive" // thinking: {type: adaptive}, output_config: {effort}
	ReasoningNova     ReasoningStyle = "nova"     // reasoningConfig: {type: enabled, maxReasoningEffort}
	ReasoningEffort   ReasoningStyle = "effort"   // reasoning_effort
)

// Sampling says which of temperature and top_p a family takes.
type Sampling string

const (
	SamplingBoth Sampling = ""
	SamplingOne  Sampling = "one"  // one of them: temperature wins
	SamplingNone Sampling = "none" // neither, nor top_k
)

// ProfileFor returns the profile of the family that a model id names, as a fresh copy.
// The id may be of an inference profile ("us.anthropic.…"), and may stand in the ARN of
// a foundation model, a system-defined inference profile or a custom model. Families
// are told by their exact names and versions; a Claude that is newer than this package
// gets the most restricted of the profiles.
//
// An id that is not known gets the zero value, and so does an ARN that hides its model:
// of an application inference profile, a provisioned model, a deployment, a prompt, a
// router or an endpoint. Tell the model there, or mend what has changed since:
//
//	profile := bedrock.ProfileFor("anthropic.claude-sonnet-4-5-20250929-v1:0")
//	profile.MaxOutputTokens = 8000
//	model := bedrock.New(client, arn, &bedrock.Options{Profile: profile})
func ProfileFor(modelID string) *Profile {
	if kind, _ := splitARN(modelID); kind == "imported-model" {
		return &Profile{NoConverse: true}
	}
	id, ok := parseID(modelID)
	if !ok {
		return &Profile{}
	}
	f := familyOf(id)
	if f == nil {
		return &Profile{}
	}
	p := f.profile
	p.Family, p.Verified = f.name, f.verified
	if n := id.contextTokens(); n > 0 {
		p.ContextTokens = n
	}
	return &p
}

// String tells the profile in lines, first the family, then the fields that are set.
func (p *Profile) String() string {
	if p == nil {
		return "no profile"
	}
	lines := []string{cmp.Or(p.Family, "unknown family")}
	for field, value := range reflect.ValueOf(*p).Fields() {
		if field.Name != "Family" && !value.IsZero() {
			lines = append(lines, fmt.Sprintf("%s: %v", field.Name, value))
		}
	}
	return strings.Join(lines, "\n")
}

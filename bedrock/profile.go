package bedrock

// Profile says what a family of models can do where families differ. It is data:
// take one from [ProfileFor], change what you know better, and put it into
// [Options.Profile].
//
// The zero value is for a model of which nothing is known. It holds back what some
// family refuses (a forced tool, cache points, sampling beside reasoning …), and
// leaves to the service what it would have to refuse itself (tools, documents).
type Profile struct {
	Family   string // "claude-opus-4.5"; "" is unknown
	Verified string // the day of the newest source of these facts, such as "2026-08-22"

	// What the family refuses whatever the form: an llm.ErrUnsupported of ours.
	NoConverse  bool // it is served by other operations than Converse
	NoTools     bool
	NoImages    bool
	NoDocuments bool
	NoVideo     bool
	NoAudio     bool
	NoS3        bool // media must be inline

	NoSystem         bool // no system prompt: it goes in front of the first user message
	SystemMessages   bool // takes system messages within the conversation; else they become user messages
	LeadingAssistant bool // a conversation may begin with the assistant
	AssistantMedia   bool // takes back media that it made
	Prefill          bool // a conversation may end with the assistant, whose text the model continues

	StreamTools             bool // false: a stream with tools is served from Converse
	ToolChoiceAny           bool // a call can be forced
	ToolChoiceTool          bool // a call of one tool can be forced
	ForcedToolWithReasoning bool // … while the model reasons
	StrictTools             bool // llm.Tool.Strict
	StructuredOutput        bool // outputConfig; false: a tool takes the document
	ShortToolIDs            bool // ids of calls have exactly nine letters and digits

	ToolResultStatus        bool         // takes toolResult.status; else errors are told in the text
	ToolResultJSON          bool         // takes JSON objects in tool results; else they are sent as text
	EmptyToolResult         bool         // takes tool results without content
	ToolResultImages        bool         // what cannot stand in a tool result goes after it
	ToolResultDocuments     bool         // of any format
	ToolResultTextDocuments bool         // csv and txt only
	ToolResultVideo         bool         //
	BesideToolResult        BesideResult // what may stand beside tool results in one message

	Reasoning             ReasoningStyle // how reasoning is asked for
	ReasoningOn           bool           // reasons unless it is turned off
	ReasoningOff          bool           // can be turned off
	Efforts               string         // those that it takes, from low to high: "low medium high"
	NoMaxTokensAtHigh     bool           // refuses maxTokens at effort high
	UnsignedReasoning     bool           // takes back reasoning without a signature
	NoReasoningReplay     bool           // takes back no reasoning at all
	Sampling              Sampling       // which of temperature and top_p it takes
	SamplingWithReasoning bool           // … while it reasons
	TopKField             string         // the key of top_k in the additional fields; with a dot it is nested; "" = none
	StopSequences         int            // at most; 0 = none
	StopSequenceLength    int            // in characters; 0 = any

	ContextTokens   int // input and output; 0 = not known
	MaxOutputTokens int // a greater MaxTokens is clamped; 0 = not known

	CacheSystem      bool // cache points after system text
	CacheMessages    bool // … in messages
	CacheTools       bool // … after tools
	CacheBesideTools bool // … in messages with tool calls or results
	CacheHour        bool // a lifetime of an hour; else all have five minutes
	CacheMinTokens   int  // shorter prefixes are not cached, without a word; for information

	NoCountTokens bool // CountTokens estimates
	ProfileOnly   bool // the bare id is refused: an inference profile such as "us.…" must be called
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

// ProfileFor returns the profile for a model id, as a fresh copy. For now that is
// the conservative one for every id; the table of families is to come.
func ProfileFor(modelID string) *Profile {
	return &Profile{}
}

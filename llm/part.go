package llm

import (
	"encoding/json"
	"time"
)

// Part is a piece of a message: exactly one of [*TextPart], [*MediaPart],
// [*DocumentPart], [*ToolCallPart], [*ToolResultPart], [*ReasoningPart],
// [*CachePointPart] and [*ProviderPart]. The union is closed to other packages, and
// pointers only fit, so that a type switch has one case a kind.
type Part interface{ isPart() }

// TextPart is text.
type TextPart struct {
	Text      string     `json:"text,omitempty"`
	Citations []Citation `json:"citations,omitempty"` // the sources the model named for this text
	Opaque    *Opaque    `json:"opaque,omitempty"`
}

// MediaPart is an image, a video or a sound. Exactly one of Data and URI is set.
type MediaPart struct {
	MediaType string  `json:"media_type,omitempty"` // "image/png"; where empty, backends take [DetectMediaType] of Data, and refuse what it does not know
	Data      []byte  `json:"data,omitempty"`       // the file's bytes, not base64
	URI       string  `json:"uri,omitempty"`        // in a scheme that the provider reads, as "s3://bucket/key"; nothing is fetched here
	Opaque    *Opaque `json:"opaque,omitempty"`
}

// DocumentPart is a document that the model reads. Exactly one of Data, URI and
// Text is set.
type DocumentPart struct {
	Name      string `json:"name,omitempty"`       // shown to the model; keep it neutral, it can carry instructions
	MediaType string `json:"media_type,omitempty"` // "application/pdf"; where empty, backends take [DetectMediaType] of Data
	Data      []byte `json:"data,omitempty"`       // the file's bytes, not base64
	URI       string `json:"uri,omitempty"`
	Text      string `json:"text,omitempty"`    // the document's text, instead of a file
	Context   string `json:"context,omitempty"` // what the model should know of the document
	Cite      bool   `json:"cite,omitempty"`    // ask for citations of this document
}

// ToolCallPart is the model's request that the application run a tool. It is
// answered with a [*ToolResultPart] of the same id in the next user message. In a
// model's answer exactly one of Input and Malformed is set. A malformed call, whose
// arguments are no JSON object or broke off ("…" = before any came), must not be run.
type ToolCallPart struct {
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`     // the arguments, a JSON object with every digit kept; nil means {}
	Malformed string          `json:"malformed,omitempty"` // the arguments as received, where they are no JSON object
	Opaque    *Opaque         `json:"opaque,omitempty"`
}

// ToolResultPart is the application's answer to a [*ToolCallPart].
type ToolResultPart struct {
	CallID  string `json:"call_id,omitempty"`
	Name    string `json:"name,omitempty"` // the tool's name; may be empty, the call has it
	Content []Part `json:"content,omitempty"`
	IsError bool   `json:"is_error,omitempty"` // the tool failed, and Content says how
}

// ReasoningPart is the model's reasoning before its answer. Providers that sign it
// want it back unchanged; Opaque names the one whose it is, and other backends leave
// the whole part out, with a warning.
type ReasoningPart struct {
	Text      string  `json:"text,omitempty"`
	Signature string  `json:"signature,omitempty"`
	Redacted  []byte  `json:"redacted,omitempty"` // reasoning that the provider keeps encrypted
	Opaque    *Opaque `json:"opaque,omitempty"`
}

// CachePointPart marks the end of a prefix that the provider may cache: tools, then
// the system prompt, then messages. It stands among the parts of the system prompt or
// of a message; [Tool].Cache is one after a tool.
type CachePointPart struct {
	TTL time.Duration // how long to keep it, often 5m or 1h; 0 is the provider's default
}

// ProviderPart is a block for which the neutral vocabulary has no word: a feature
// of one provider, or a call that the provider ran itself. It goes back to that
// provider only. A part of a later release of this package loads as a ProviderPart
// with an empty Provider.
type ProviderPart struct {
	Provider string          `json:"provider,omitempty"` // whose it is, as in [Info]
	Kind     string          `json:"kind,omitempty"`     // the provider's name for the block
	Data     json.RawMessage `json:"data,omitempty"`     // the block's value
}

func (*TextPart) isPart()       {}
func (*MediaPart) isPart()      {}
func (*DocumentPart) isPart()   {}
func (*ToolCallPart) isPart()   {}
func (*ToolResultPart) isPart() {}
func (*ReasoningPart) isPart()  {}
func (*CachePointPart) isPart() {}
func (*ProviderPart) isPart()   {}

// Opaque is state that a provider attached to a part and wants back as it was. It
// is nil on parts that the application made. Another backend leaves it out. Where
// several backends share a provider's name, Data tells each its own.
type Opaque struct {
	Provider string          `json:"provider,omitempty"`
	Model    string          `json:"model,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// Citation is a source that the model names for its text.
type Citation struct {
	Kind     string          `json:"kind,omitempty"`     // "web", "document_char", "document_page", "document_chunk", "search_result", or a provider's own
	Title    string          `json:"title,omitempty"`    // of the source
	Source   string          `json:"source,omitempty"`   // the source's name or id
	URL      string          `json:"url,omitempty"`      // where Kind is "web"
	Text     string          `json:"text,omitempty"`     // the passage cited
	Document *int            `json:"document,omitempty"` // which document or search result of the request, from 0, as the provider counts
	Start    *int            `json:"start,omitempty"`    // where the passage starts: a character, page or chunk, as Kind says
	End      *int            `json:"end,omitempty"`      // where it ends, as the provider counts
	Data     json.RawMessage `json:"data,omitempty"`     // the citation in the provider's form, where the fields above do not hold all of it
}

// Parts is a list of parts with a JSON codec, for fields of your own structs: a
// plain []Part encodes, but cannot decode. The two assign to each other.
type Parts []Part

// Text returns a text part.
func Text(s string) *TextPart { return &TextPart{Text: s} }

// Image returns an image part. Where mediaType is empty it is detected, see
// [DetectMediaType]. For video and sound write a [MediaPart].
func Image(mediaType string, data []byte) *MediaPart {
	if mediaType == "" {
		mediaType = DetectMediaType(data)
	}
	return &MediaPart{MediaType: mediaType, Data: data}
}

// Document returns a document part. Where mediaType is empty it is detected, see
// [DetectMediaType].
func Document(name, mediaType string, data []byte) *DocumentPart {
	if mediaType == "" {
		mediaType = DetectMediaType(data)
	}
	return &DocumentPart{Name: name, MediaType: mediaType, Data: data}
}

// CachePoint returns a cache point with the provider's default lifetime.
func CachePoint() *CachePointPart { return &CachePointPart{} }

// ToolResult returns the answer to the tool call of that id.
func ToolResult(callID string, parts ...Part) *ToolResultPart {
	return &ToolResultPart{CallID: callID, Content: parts}
}

// ToolError returns the answer to a tool call that failed; the model reads msg.
func ToolError(callID, msg string) *ToolResultPart {
	return &ToolResultPart{CallID: callID, Content: []Part{Text(msg)}, IsError: true}
}

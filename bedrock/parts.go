package bedrock

import (
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// Kinds of [llm.ProviderPart]: the names of Converse's content blocks.
const (
	searchResult = "searchResult"
	documentKind = "document"
	toolAddition = "toolAddition"
	toolRemoval  = "toolRemoval"
	resultJSON   = "json" // within a tool result
)

// nativePart returns a part of a kind that only Bedrock knows.
func nativePart(kind string, v any) llm.Part {
	data, _ := json.Marshal(v) // of this package's own types, which always marshal
	return &llm.ProviderPart{Provider: Provider, Kind: kind, Data: data}
}

type textItem struct {
	Text string `json:"text"`
}

type citing struct {
	Enabled bool `json:"enabled"`
}

func textItems(texts []string) []textItem {
	items := make([]textItem, len(texts))
	for i, s := range texts {
		items[i].Text = s
	}
	return items
}

func citations(cite bool) *citing {
	if !cite {
		return nil
	}
	return &citing{Enabled: true}
}

// SearchResult returns a hit of the application's own search, for a user message or
// a tool result: where it is from (a URL or any identifier), its title and its text,
// in as many pieces as the model shall be able to tell apart. With cite the model
// cites it, in [llm.TextPart.Citations] of kind "search_result"; Bedrock wants that to
// be the same for all search results of a request.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_SearchResultBlock.html
func SearchResult(source, title string, cite bool, text ...string) llm.Part {
	return nativePart(searchResult, struct {
		Source    string     `json:"source"`
		Title     string     `json:"title"`
		Content   []textItem `json:"content"`
		Citations *citing    `json:"citations,omitempty"`
	}{source, title, textItems(text), citations(cite)})
}

// DocumentChunks returns a document that the application has cut into chunks itself,
// for a user message. With cite the model cites chunks by their index, in citations of
// kind "document_chunk"; [llm.DocumentPart] leaves the cutting to the service.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentSource.html
func DocumentChunks(name string, cite bool, chunks ...string) llm.Part {
	type source struct {
		Content []textItem `json:"content"`
	}
	return nativePart(documentKind, struct {
		Name      string  `json:"name"`
		Source    source  `json:"source"`
		Citations *citing `json:"citations,omitempty"`
	}{name, source{textItems(chunks)}, citations(cite)})
}

// ToolAddition returns a part for a system message within the conversation: from here
// on the model may use the tool of that name, one of [llm.Request.Tools]. The list of
// tools itself stays as it is, and so does the cached prefix.
//
// It needs a profile with [Profile].SystemMessages; elsewhere the request is an
// [llm.ErrUnsupported]. No family in the table of [ProfileFor] has it yet. For a model
// that takes such messages, say so:
//
//	profile := bedrock.ProfileFor(id)
//	profile.SystemMessages = true
//	model := bedrock.New(client, id, &bedrock.Options{Profile: profile})
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
func ToolAddition(name string) llm.Part { return nativePart(toolAddition, toolReference(name)) }

// ToolRemoval is the opposite of [ToolAddition], and needs the same profile.
func ToolRemoval(name string) llm.Part { return nativePart(toolRemoval, toolReference(name)) }

func toolReference(name string) any {
	return map[string]map[string]string{"tool": {"name": name}}
}

// ToolResultJSON returns a JSON object for a tool result, which the model gets as such
// and not as text. Where the model does not take it ([Profile].ToolResultJSON), it is
// sent as text, with a warning.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultContentBlock.html
func ToolResultJSON(object json.RawMessage) llm.Part {
	return &llm.ProviderPart{Provider: Provider, Kind: resultJSON, Data: object}
}

// SystemTool returns a tool that Bedrock runs itself, such as "nova_grounding". Its
// calls and results come as [llm.ProviderPart].
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_SystemTool.html
func SystemTool(name string) llm.Tool {
	return llm.Tool{Name: name, Provider: Provider, Kind: systemTool}
}

// S3Media returns an image, video or sound in an S3 bucket of another AWS account;
// owner is the account's id. Of a bucket of one's own an [llm.MediaPart] with the URI
// is enough, and [RequestOptions.BucketOwner] speaks for all of a request.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_S3Location.html
func S3Media(mediaType, uri, owner string) *llm.MediaPart {
	return &llm.MediaPart{MediaType: mediaType, URI: uri, Opaque: ownedBy(owner, "")}
}

// ownedBy keeps the owner of a bucket, for which the neutral part has no field.
func ownedBy(owner, modelID string) *llm.Opaque {
	if owner == "" {
		return nil
	}
	data, _ := json.Marshal(map[string]string{"bucketOwner": owner}) // strings always marshal
	return &llm.Opaque{Provider: Provider, Model: modelID, Data: data}
}

func bucketOwner(o *llm.Opaque) string {
	if o == nil || o.Provider != Provider {
		return ""
	}
	v, _ := parse(o.Data)
	return string(v.get("bucketOwner").appendString(nil))
}

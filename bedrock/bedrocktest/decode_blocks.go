package bedrocktest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// decodeBlocks reads content blocks: of a message with that role, or of a tool
// result or the system prompt with none.
func decodeBlocks(n *node, role llm.Role) []llm.Part {
	var parts []llm.Part
	for _, b := range n.items() {
		parts = append(parts, decodeBlock(b, role))
	}
	return parts
}

// decodeBlock reads one block. One that the neutral vocabulary has no word for, or
// that has a member for which its word has no place, is kept whole.
func decodeBlock(n *node, role llm.Role) llm.Part {
	kind, v := n.member()
	switch kind {
	case "text":
		return llm.Text(v.string())
	case "json":
		// Any model can read it as text; to Bedrock's own it means the same.
		return llm.Text(string(v.text))
	case "image", "video", "audio":
		if only(v, "format", "source") && only(v.get("source").get("s3Location"), "uri") {
			data, uri := decodeSource(v.get("source"))
			return &llm.MediaPart{MediaType: mediaType(kind, v.get("format").string()), Data: data, URI: uri}
		}
	case "document":
		if src := v.get("source"); only(src, "bytes", "s3Location", "text") && only(src.get("s3Location"), "uri") {
			data, uri := decodeSource(src)
			return &llm.DocumentPart{
				Name:      v.get("name").string(),
				MediaType: mediaType(kind, v.get("format").string()),
				Data:      data, URI: uri, Text: src.get("text").string(),
				Context: v.get("context").string(),
				Cite:    v.get("citations").get("enabled").bool(),
			}
		}
	case "toolUse":
		if only(v, "toolUseId", "name", "input") { // with a type it is a call that the provider runs
			return &llm.ToolCallPart{ID: v.get("toolUseId").string(), Name: v.get("name").string(), Input: v.get("input").raw()}
		}
	case "toolResult":
		if role != llm.RoleAssistant && only(v, "toolUseId", "content", "status") {
			return &llm.ToolResultPart{CallID: v.get("toolUseId").string(), Content: decodeBlocks(v.get("content"), ""),
				IsError: v.get("status").string() == "error"}
		}
	case "reasoningContent":
		text := v.get("reasoningText")
		return &llm.ReasoningPart{Text: text.get("text").string(), Signature: text.get("signature").string(),
			Redacted: decodeBytes(v.get("redactedContent")), Opaque: &llm.Opaque{Provider: provider}}
	case "cachePoint":
		return decodeCachePoint(v)
	case "citationsContent":
		return decodeCitations(v)
	}
	return &llm.ProviderPart{Provider: provider, Kind: kind, Data: v.raw()}
}

// only says whether an object has no members but these.
func only(n *node, keys ...string) bool {
	if n == nil {
		return true
	}
	for i, key := range n.keys {
		if !slices.Contains(keys, key) && !n.values[i].is('n') {
			return false
		}
	}
	return true
}

func decodeSource(n *node) (data []byte, uri string) {
	return decodeBytes(n.get("bytes")), n.get("s3Location").get("uri").string()
}

func decodeBytes(n *node) []byte {
	b, _ := n.bytes() // the shape sees to it
	return b
}

func decodeCachePoint(n *node) *llm.CachePointPart {
	d, _ := time.ParseDuration(n.get("ttl").string()) // none is 0
	return &llm.CachePointPart{TTL: d}
}

// decodeCitations reads what the model said and where it has it from. The pieces of
// text are one part, since the citations are of all of them.
func decodeCitations(n *node) llm.Part {
	p := &llm.TextPart{Text: joinTexts(n.get("content"))}
	for _, c := range n.get("citations").items() {
		p.Citations = append(p.Citations, decodeCitation(c))
	}
	return p
}

func decodeCitation(n *node) llm.Citation {
	c := llm.Citation{Title: n.get("title").string(), Source: n.get("source").string(), Text: joinTexts(n.get("sourceContent"))}
	var rest []any // what the fields do not hold
	if texts := n.get("sourceContent"); len(texts.items()) > 1 {
		rest = append(rest, "sourceContent", jsonText(texts.text))
	}
	member, at := n.get("location").member()
	for _, l := range locations {
		if l.member == member {
			c.Kind = l.kind
			c.Document, c.Start, c.End = decodeIndex(at.get(l.index)), decodeIndex(at.get("start")), decodeIndex(at.get("end"))
		}
	}
	if member == "web" {
		c.Kind, c.URL = "web", at.get("url").string()
		if domain := at.get("domain"); domain != nil {
			rest = append(rest, "location", obj("web", obj("domain", jsonText(domain.text))))
		}
	}
	if member != "" && c.Kind == "" {
		rest = append(rest, "location", jsonText(n.get("location").text))
	}
	if rest != nil {
		c.Data = json.RawMessage(obj(rest...))
	}
	return c
}

func decodeIndex(n *node) *int {
	if n == nil {
		return nil
	}
	return new(n.int())
}

func joinTexts(n *node) string {
	var b strings.Builder
	for _, item := range n.items() {
		b.WriteString(item.get("text").string())
	}
	return b.String()
}

package bedrocktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// encodeBlocks writes parts as content blocks. Parts of other providers have no
// form here and are left out.
func encodeBlocks(parts []llm.Part) []jsonText {
	var blocks []jsonText
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			blocks = append(blocks, encodeText(p))
		case *llm.MediaPart:
			kind, format := formatOf(mediaTypeOf(p.MediaType, p.Data))
			blocks = append(blocks, obj(kind, obj("format", optional(format), "source", source(p.Data, p.URI))))
		case *llm.DocumentPart:
			blocks = append(blocks, encodeDocument(p))
		case *llm.ToolCallPart:
			blocks = append(blocks, obj("toolUse", obj("input", toolInput(p), "name", p.Name, "toolUseId", p.ID)))
		case *llm.ToolResultPart:
			blocks = append(blocks, obj("toolResult", obj("content", arr(encodeBlocks(p.Content)), "status", status(p), "toolUseId", p.CallID)))
		case *llm.ReasoningPart:
			blocks = append(blocks, encodeReasoning(p)...)
		case *llm.CachePointPart:
			blocks = append(blocks, obj("cachePoint", obj("ttl", optional(ttl(p.TTL)), "type", "default")))
		case *llm.ProviderPart:
			if p.Provider == provider {
				blocks = append(blocks, obj(p.Kind, verbatim(p.Data)))
			}
		}
	}
	return blocks
}

func encodeText(p *llm.TextPart) jsonText {
	if len(p.Citations) == 0 {
		return obj("text", p.Text)
	}
	var citations []jsonText
	for _, c := range p.Citations {
		citations = append(citations, encodeCitation(c))
	}
	return obj("citationsContent", obj("citations", arr(citations), "content", arr([]jsonText{obj("text", p.Text)})))
}

func encodeDocument(p *llm.DocumentPart) jsonText {
	var format string
	if t := mediaTypeOf(p.MediaType, p.Data); t != "" {
		_, format = formatOf(t)
	}
	src := obj("text", p.Text)
	if p.Text == "" {
		src = source(p.Data, p.URI)
	}
	var cite any
	if p.Cite {
		cite = obj("enabled", true)
	}
	return obj("document", obj("citations", cite, "context", optional(p.Context), "format", optional(format), "name", p.Name, "source", src))
}

// encodeReasoning writes the text and the encrypted reasoning of a part as two
// blocks, since a block holds one of them.
func encodeReasoning(p *llm.ReasoningPart) []jsonText {
	var blocks []jsonText
	if p.Text != "" || p.Signature != "" || len(p.Redacted) == 0 {
		blocks = append(blocks, obj("reasoningContent", obj("reasoningText", obj("signature", optional(p.Signature), "text", p.Text))))
	}
	if len(p.Redacted) > 0 {
		blocks = append(blocks, obj("reasoningContent", obj("redactedContent", p.Redacted)))
	}
	return blocks
}

// toolInput is the text of a call's arguments. Malformed ones go out as a JSON
// string of what the model wrote, which no client can take for an object.
func toolInput(p *llm.ToolCallPart) jsonText {
	switch {
	case p.Malformed != "":
		return encode(p.Malformed)
	case len(p.Input) == 0:
		return jsonText("{}")
	}
	return verbatim(p.Input)
}

// verbatim is JSON text as the model gave it; what is none goes out as a string.
func verbatim(raw json.RawMessage) jsonText {
	switch {
	case len(raw) == 0:
		return jsonText("{}")
	case !json.Valid(raw):
		return encode(string(raw))
	}
	return jsonText(raw)
}

func status(p *llm.ToolResultPart) string {
	if p.IsError {
		return "error"
	}
	return "success"
}

func ttl(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// locations are the kinds of citation in package llm and on the wire, with the wire's
// name for what Document counts.
var locations = []struct{ kind, member, index string }{
	{"document_char", "documentChar", "documentIndex"},
	{"document_page", "documentPage", "documentIndex"},
	{"document_chunk", "documentChunk", "documentIndex"},
	{"search_result", "searchResultLocation", "searchResultIndex"},
}

// encodeCitation writes a citation. Its Data is a Bedrock citation too, of those
// members that the fields do not hold; it is laid over them.
func encodeCitation(c llm.Citation) jsonText {
	v := make(map[string]any)
	put := func(key, s string) {
		if s != "" {
			v[key] = s
		}
	}
	put("title", c.Title)
	put("source", c.Source)
	if c.Text != "" {
		v["sourceContent"] = []any{map[string]any{"text": c.Text}}
	}
	if c.Kind == "web" {
		v["location"] = map[string]any{"web": map[string]any{"url": c.URL}}
	}
	for _, l := range locations {
		if l.kind == c.Kind {
			at := make(map[string]any)
			for key, n := range map[string]*int{l.index: c.Document, "start": c.Start, "end": c.End} {
				if n != nil {
					at[key] = *n
				}
			}
			v["location"] = map[string]any{l.member: at}
		}
	}
	if len(c.Data) > 0 {
		var rest map[string]any
		d := json.NewDecoder(strings.NewReader(string(c.Data)))
		d.UseNumber()
		if d.Decode(&rest) == nil {
			overlay(v, rest)
		}
	}
	return encode(v)
}

// overlay puts the members of over into v, object by object.
func overlay(v, over map[string]any) {
	for key, o := range maps.All(over) {
		under, ok1 := v[key].(map[string]any)
		above, ok2 := o.(map[string]any)
		if ok1 && ok2 {
			overlay(under, above)
		} else {
			v[key] = o
		}
	}
}

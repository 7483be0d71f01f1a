package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// blocksOf writes the parts of a message, of the system prompt or of a tool's result.
func (c *call) blocksOf(path string, role llm.Role, parts []llm.Part) []object {
	var results, blocks []object
	for i, p := range parts {
		path := fmt.Sprintf("%s[%d]", path, i)
		if point, ok := p.(*llm.CachePointPart); ok {
			last := blocks
			if len(blocks) == 0 {
				last = results
			}
			if n := len(last) - 1; n < 0 || isThinking(last[n]) || has(last[n], "cache_control") {
				c.lacks(true, llm.WarningDropped, path, "no block before it that can bear the mark")
			} else {
				last[n] = append(last[n], c.cacheControl(path, point))
			}
			continue
		}
		block := c.block(path, role, p)
		if _, ok := p.(*llm.ToolResultPart); ok {
			c.lacks(blocks != nil, llm.WarningRepaired, path, "sent before the rest: the wire wants results first")
			results = append(results, block)
		} else if block != nil {
			blocks = append(blocks, block)
		}
	}
	return append(results, blocks...)
}

func isThinking(o object) bool {
	return o[0].value == "thinking" || o[0].value == "redacted_thinking"
}

func has(o object, name string) bool {
	return slices.ContainsFunc(o, func(m member) bool { return m.name == name })
}

// block writes a part. It is nil for one that is left out, or refused.
func (c *call) block(path string, role llm.Role, p llm.Part) object {
	_, text := p.(*llm.TextPart)
	c.lacks(!text && role == llm.RoleSystem, meaning, path, "only text instructs")
	switch p := p.(type) {
	case *llm.TextPart:
		if c.lacks(strings.TrimSpace(p.Text) == "", llm.WarningDropped, path, "blank text is refused"); strings.TrimSpace(p.Text) == "" {
			return nil
		}
		return append(object{{"type", "text"}, {"text", p.Text}, {"citations", c.citations(path, p)}}, state(p.Opaque)...)
	case *llm.MediaPart:
		mediaType := cmp.Or(p.MediaType, llm.DetectMediaType(p.Data))
		image := strings.HasPrefix(mediaType, "image/") || mediaType == "" && p.URI != ""
		c.lacks(!image || role != llm.RoleUser, meaning, path, "only images, and from the user only")
		return object{{"type", "image"}, {"source", c.source(path, mediaType, p.Data, p.URI)}}
	case *llm.DocumentPart:
		c.lacks(role != llm.RoleUser, meaning, path, "documents come from the user only")
		cite := orNil(object{{"enabled", p.Cite}})
		return object{{"type", "document"}, {"source", c.document(path, p)}, {"title", p.Name}, {"context", p.Context}, {"citations", cite}}
	case *llm.ToolCallPart:
		input := orElse(p.Input, "{}")
		if p.Malformed != "" {
			input = wrapped(p.Malformed)
			c.lacks(true, llm.WarningRepaired, path, "the malformed arguments were sent within an object")
		}
		return append(object{{"type", "tool_use"}, {"id", p.ID}, {"name", p.Name}, {"input", input}}, state(p.Opaque)...)
	case *llm.ToolResultPart:
		content := c.blocksOf(path+".content", role, p.Content)
		return object{{"type", "tool_result"}, {"tool_use_id", p.CallID}, {"content", content}, {"is_error", p.IsError}}
	case *llm.ReasoningPart:
		switch ours := p.Opaque != nil && p.Opaque.Provider == Provider; {
		case ours && len(p.Redacted) > 0:
			return object{{"type", "redacted_thinking"}, {"data", base64.StdEncoding.EncodeToString(p.Redacted)}}
		case ours && p.Signature != "": // its text may be hidden, and is sent all the same
			return object{{"type", "thinking"}, {"thinking", &p.Text}, {"signature", p.Signature}}
		}
		c.lacks(true, llm.WarningDropped, path, "only reasoning that this provider signed goes back to it")
		return nil
	case *llm.ProviderPart:
		if data := members(p.Data); p.Provider == Provider && (data != nil || len(p.Data) == 0) {
			return append(object{{"type", p.Kind}}, data...)
		}
		if role == llm.RoleAssistant { // what another provider did, and told in words besides
			c.lacks(true, llm.WarningDropped, path, "another provider's block")
			return nil
		}
	}
	c.lacks(true, meaning, path, fmt.Sprintf("the wire has no place for this %T", p))
	return nil
}

// wrapped are malformed arguments in an object, as which the wire wants them. So the model
// is shown what it wrote.
func wrapped(arguments string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"malformed_arguments": arguments})
	return b
}

// state is what the provider attached to a part: members of its block that the
// vocabulary lacks. They go back to the provider that they came from.
func state(o *llm.Opaque) object {
	if o == nil || o.Provider != Provider {
		return nil
	}
	return members(o.Data)
}

// source is where an image's or a pdf's bytes are.
func (c *call) source(path, mediaType string, data []byte, uri string) object {
	c.lacks(uri != "" && !strings.HasPrefix(uri, "https://"), meaning, path, "the provider reads https:// addresses only")
	if uri != "" {
		return object{{"type", "url"}, {"url", uri}}
	}
	return object{{"type", "base64"}, {"media_type", mediaType}, {"data", data}}
}

func (c *call) document(path string, p *llm.DocumentPart) object {
	mediaType := cmp.Or(p.MediaType, llm.DetectMediaType(p.Data))
	text := p.Text
	if p.URI == "" && strings.HasPrefix(mediaType, "text/") {
		text = cmp.Or(text, string(p.Data))
	}
	c.lacks(!utf8.ValidString(text), meaning, path, "text documents are UTF-8")
	if text != "" {
		return object{{"type", "text"}, {"media_type", "text/plain"}, {"data", text}}
	}
	c.lacks(p.URI == "" && mediaType != "application/pdf", meaning, path, "only pdf and text documents")
	return c.source(path, mediaType, p.Data, p.URI)
}

// citations go back in the form in which they came. Nothing but the part's Opaque says
// whose form that is.
func (c *call) citations(path string, p *llm.TextPart) (all []json.RawMessage) {
	ours := p.Opaque != nil && p.Opaque.Provider == Provider
	for _, citation := range p.Citations {
		if c.lacks(!ours || citation.Data == nil, llm.WarningDropped, path+".citations", "only citations that this provider gave go back to it"); ours && citation.Data != nil {
			all = append(all, citation.Data)
		}
	}
	return all
}

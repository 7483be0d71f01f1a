package bedrock

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Bounds of names and ids.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
const (
	maxToolName = 64
	maxCallID   = 64
	shortID     = 9
)

func refusedTools(d *draft) {
	if d.profile.NoTools && len(d.req.Tools) > 0 {
		d.refuse(llm.ErrUnsupported, nil, "tools", "the model calls no tools")
	}
}

// toolNames replaces names that Bedrock refuses, of tools and of calls in the history:
// models make names up.
func toolNames(d *draft) {
	var taken map[string]bool
	var sent map[string]string // for the names that are replaced
	for i, t := range d.req.Tools {
		at := location{list: inTools, i: int32(i)}
		switch {
		case isName(t.Name, maxToolName), t.Provider != "" && t.Name == "":
			continue
		case t.Provider != "":
			d.refuse(llm.ErrInvalidRequest, at, "name", "not a name that Bedrock takes")
			return
		}
		if taken == nil {
			taken, sent = make(map[string]bool), make(map[string]string)
			for _, t := range d.req.Tools {
				taken[t.Name] = true
			}
		}
		name := safeName(t.Name)
		for taken[name] {
			name = safeName(name + "!")
		}
		taken[name], sent[t.Name] = true, name
		if d.names == nil {
			d.names = make(map[string]string)
		}
		d.names[name] = t.Name
		d.changed(llm.WarningRepaired, at, "name", "another one is sent, since Bedrock refuses its characters or length")
		d.ownTools()
		d.req.Tools[i].Name = name
	}
	if name, ok := sent[d.req.ToolChoice.Name]; ok {
		d.req.ToolChoice.Name = name
	}
	d.edit(calls|native, func(t *turn, it item) ([]item, bool) {
		switch p := it.part.(type) {
		case *llm.ToolCallPart:
			if isName(p.Name, maxToolName) {
				return nil, false
			}
			d.changed(llm.WarningRepaired, it.at, "name", "another one is sent, since Bedrock refuses its characters or length")
			mended := *p
			mended.Name = cmp.Or(sent[p.Name], safeName(p.Name))
			return it.with(&mended), true
		case *llm.ProviderPart:
			name, ok := sent[string(dataOf(p).get("tool").get("name").appendString(nil))]
			if !ok || p.Kind != toolAddition && p.Kind != toolRemoval {
				return nil, false
			}
			return it.with(nativePart(p.Kind, toolReference(name))), true
		}
		return nil, false
	})
}

// ownTools makes the list of tools the draft's own.
func (d *draft) ownTools() {
	if !d.tools {
		d.req.Tools, d.tools = slices.Clone(d.req.Tools), true
	}
}

// callIDs replaces ids that the family refuses, as those of other providers may be. The
// same id is always replaced by the same.
func callIDs(d *draft) {
	safe := func(id string) string {
		switch {
		case d.profile.ShortToolIDs && (len(id) != shortID || strings.ContainsAny(id, "-_") || !isName(id, shortID)):
			return digest(id)[:shortID]
		case !isName(id, maxCallID):
			return safeName(id)
		}
		return id
	}
	d.edit(calls|results, func(t *turn, it item) ([]item, bool) {
		switch p := it.part.(type) {
		case *llm.ToolCallPart:
			if id := safe(p.ID); id != p.ID {
				d.changed(llm.WarningRepaired, it.at, "id", "another one is sent, since the model refuses its characters or length")
				mended := *p
				mended.ID = id
				return it.with(&mended), true
			}
		case *llm.ToolResultPart:
			if id := safe(p.CallID); id != p.CallID {
				mended := *p
				mended.CallID = id
				return it.with(&mended), true
			}
		}
		return nil, false
	})
}

// isName says whether a name or id has only what Bedrock takes: [a-zA-Z0-9_-].
func isName(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// safeName is a name as Bedrock takes it. The digest keeps those apart that differ
// only in what is replaced.
func safeName(s string) string {
	if isName(s, maxToolName) {
		return s
	}
	readable := strings.Map(func(r rune) rune {
		if r < 0x80 && isName(string(r), 1) {
			return r
		}
		return '_'
	}, s)
	return readable[:min(len(readable), maxToolName-1-shortID)] + "_" + digest(s)[:shortID]
}

// digest is a short text of letters and digits for any other.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// toolSchemas adds the type that Bedrock wants to see.
func toolSchemas(d *draft) {
	for i, t := range d.req.Tools {
		if t.Provider != "" || len(t.Schema) == 0 {
			continue
		}
		doc := value(bytes.TrimSpace(t.Schema)) // valid JSON, by llm.Request.Validate
		kind := doc.get("type")
		at := location{list: inTools, i: int32(i)}
		switch {
		case string(kind) == `"object"`:
		case len(kind) == 0 && doc.get("$ref").isNull():
			d.changed(llm.WarningRepaired, at, "schema.type", "it says object, as arguments are")
			d.ownTools()
			d.req.Tools[i].Schema = withMember(t.Schema, "type", json.RawMessage(`"object"`))
		default:
			d.refuse(llm.ErrInvalidRequest, at, "schema.type", "not object: Bedrock wants the arguments of a tool to be one, and says so at the top of the schema")
		}
	}
}

// withMember is an object with one member more, which it has not; nil is an empty one.
func withMember(object json.RawMessage, name string, v json.RawMessage) json.RawMessage {
	rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(object), []byte("{")))
	if len(rest) == 0 {
		rest = []byte("}")
	}
	key, _ := json.Marshal(name) // strings always marshal
	out := slices.Concat([]byte("{"), key, []byte(":"), v)
	if rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// toolChoice refuses a forced call that the model cannot be forced to: without it the
// answer would be another one.
func toolChoice(d *draft) {
	if d.req.ToolChoice.Single {
		d.refuse(llm.ErrUnsupported, nil, "tool_choice.single", "Converse has no switch for it")
	}
	c, p := d.req.ToolChoice, d.profile
	switch {
	case c.Mode == llm.ToolChoiceTool && !p.ToolChoiceTool && p.ToolChoiceAny && len(d.req.Tools) == 1:
		d.req.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceAny} // it is the only one
	case c.Mode == llm.ToolChoiceTool && !p.ToolChoiceTool, c.Mode == llm.ToolChoiceAny && !p.ToolChoiceAny:
		if p.Family == "" {
			d.refuse(llm.ErrUnsupported, nil, "tool_choice", "whether this model can be forced to call is not known: set Options.Profile, as with ProfileFor the id of its foundation model")
		}
		d.refuse(llm.ErrUnsupported, nil, "tool_choice", "the model cannot be forced to call a tool: leave the choice to it")
	}
}

// streamedTools has a stream served from Converse where the model cannot stream calls.
func streamedTools(d *draft) {
	switch {
	case !d.stream:
	case d.answer != "":
		d.unary = true // what comes before the document is no part of the answer
		d.warn("stream", "a document that a tool takes is not streamed: it comes in one piece")
	case len(d.req.Tools) > 0 && !d.profile.StreamTools:
		d.unary = true
		d.warn("stream", "the model does not stream while it has tools: the answer comes in one piece")
	}
}

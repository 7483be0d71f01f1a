package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// Validate checks the structure of a request: what no backend could make sense of.
// It finds every fault at once; the error is an [ErrInvalidRequest] that names each
// with its path, such as messages[2].content[0]. Backends validate what they are
// given, so calling it first is optional. Rules of one provider (empty messages,
// blank text, order of roles, calls without results, sizes, media types) are that
// backend's to judge.
func (r *Request) Validate() error {
	if r == nil {
		return &Error{Code: ErrInvalidRequest, Op: "validate", Message: "nil request"}
	}
	var f faults
	for i, p := range r.System {
		f.enter("system", i)
		f.part(p, RoleSystem)
		f.leave()
	}
	for i, m := range r.Messages {
		f.enter("messages", i)
		f.message(m)
		f.leave()
	}
	f.tools(r)
	f.parameters(r)
	f.options(r)
	return f.err()
}

func (f *faults) message(m Message) {
	switch m.Role {
	case RoleUser, RoleAssistant, RoleSystem:
	case "":
		f.add("role", "missing: use llm.User or llm.Assistant")
	default:
		f.add("role", "not a role: use RoleUser, RoleAssistant or RoleSystem")
	}
	if len(m.Content) == 0 && m.Role != RoleAssistant { // models do answer nothing
		f.add("content", "empty")
	}
	for i, p := range m.Content {
		f.enter("content", i)
		f.part(p, m.Role)
		f.leave()
	}
}

// part checks one part; role is that of the message, or "" within a tool result.
func (f *faults) part(p Part, role Role) {
	switch {
	case p == nil:
		f.add("", "nil part")
		return
	case isNil(p):
		f.add("", "nil %T", p)
		return
	}
	switch p := p.(type) {
	case *TextPart:
		f.utf8("text", p.Text)
		for i, c := range p.Citations {
			f.enter("citations", i)
			for _, s := range []string{c.Kind, c.Title, c.Source, c.URL, c.Text} {
				f.utf8("", s)
			}
			f.json("data", c.Data)
			f.leave()
		}
		f.opaque(p.Opaque)
	case *MediaPart:
		f.sources("no data and no URI", len(p.Data) > 0, p.URI != "")
		f.utf8("media_type", p.MediaType)
		f.utf8("uri", p.URI)
		f.opaque(p.Opaque)
	case *DocumentPart:
		f.sources("no data, no URI and no text", len(p.Data) > 0, p.URI != "", p.Text != "")
		f.utf8("name", p.Name)
		f.utf8("media_type", p.MediaType)
		f.utf8("uri", p.URI)
		f.utf8("text", p.Text)
		f.utf8("context", p.Context)
	case *ToolCallPart:
		f.toolCall(p, role)
	case *ToolResultPart:
		f.toolResult(p, role)
	case *ReasoningPart:
		if role != RoleAssistant {
			f.add("", "reasoning belongs in an assistant message")
		}
		f.utf8("text", p.Text)
		f.utf8("signature", p.Signature)
		f.opaque(p.Opaque)
	case *CachePointPart:
		f.cachePoint(p)
	case *ProviderPart:
		if p.Kind == "" {
			f.add("kind", "missing")
		}
		f.json("data", p.Data)
	}
}

func (f *faults) toolCall(p *ToolCallPart, role Role) {
	if role != RoleAssistant {
		f.add("", "a tool call belongs in an assistant message")
	}
	f.required("id", p.ID)
	f.required("name", p.Name)
	switch {
	case p.Malformed != "" && rawjson.IsObject([]byte(p.Malformed)):
		f.add("malformed", "a JSON object: put it into input")
	case p.Input == nil:
	case p.Malformed != "":
		f.add("input", "set beside malformed: a call has one or the other")
	case !rawjson.IsObject(p.Input):
		f.add("input", "not a JSON object in UTF-8, or too deep")
	}
	f.opaque(p.Opaque)
}

func (f *faults) toolResult(p *ToolResultPart, role Role) {
	if role != RoleUser {
		f.add("", "a tool result belongs in a user message")
	}
	f.required("call_id", p.CallID)
	f.utf8("name", p.Name)
	for i, c := range p.Content {
		f.enter("content", i)
		switch c.(type) {
		case *ToolCallPart, *ToolResultPart, *ReasoningPart:
			f.add("", "a %T cannot stand within a tool result", c)
		default:
			f.part(c, "")
		}
		f.leave()
	}
}

func (f *faults) opaque(o *Opaque) {
	if o != nil {
		f.json("opaque.data", o.Data)
	}
}

func (f *faults) cachePoint(p *CachePointPart) {
	if p.TTL < 0 {
		f.add("ttl", "negative")
	}
}

func (f *faults) tools(r *Request) {
	named := make(map[string]int, len(r.Tools))
	for i, t := range r.Tools {
		f.enter("tools", i)
		switch first, dup := named[t.Name]; {
		case t.Name == "" && t.Provider == "":
			f.add("name", "missing")
		case t.Name != "" && dup:
			f.add("name", "the same as that of tools[%d]", first)
		default:
			named[t.Name] = i
		}
		f.utf8("name", t.Name)
		f.utf8("description", t.Description)
		f.schema("schema", t.Schema)
		switch {
		case t.Provider == "" && (t.Kind != "" || len(t.Config) > 0):
			f.add("provider", "missing: kind and config are for a provider's own tool")
		case t.Provider != "" && t.Kind == "":
			f.add("kind", "missing: a provider's own tool has one")
		}
		f.json("config", t.Config)
		if t.Cache != nil {
			f.enter("cache", -1)
			f.cachePoint(t.Cache)
			f.leave()
		}
		f.leave()
	}

	switch c := r.ToolChoice; c.Mode {
	case ToolChoiceAuto, ToolChoiceNone:
	case ToolChoiceAny:
		if len(r.Tools) == 0 {
			f.add("tool_choice", "a call is required, but there are no tools")
		}
	case ToolChoiceTool:
		if _, ok := named[c.Name]; c.Name == "" || !ok {
			f.add("tool_choice.name", "names no tool of the request")
		}
	default:
		f.add("tool_choice.mode", "not a mode: use one of the ToolChoice constants")
	}
	if r.ToolChoice.Name != "" && r.ToolChoice.Mode != ToolChoiceTool {
		f.add("tool_choice.name", "set, but the mode is not ToolChoiceTool")
	}
}

func (f *faults) parameters(r *Request) {
	if r.MaxTokens < 0 {
		f.add("max_tokens", "negative")
	}
	if t := r.Temperature; t != nil && !(*t >= 0 && !math.IsInf(*t, 0)) {
		f.add("temperature", "not a number from 0 up")
	}
	if p := r.TopP; p != nil && !(*p >= 0 && *p <= 1) {
		f.add("top_p", "not a number from 0 to 1")
	}
	if k := r.TopK; k != nil && *k < 1 {
		f.add("top_k", "below 1")
	}
	for i, s := range r.StopSequences {
		f.enter("stop_sequences", i)
		f.utf8("", s)
		f.leave()
	}
	if o := r.Output; o != nil {
		f.enter("output", -1)
		f.utf8("name", o.Name)
		f.utf8("description", o.Description)
		if len(o.Schema) == 0 {
			f.add("schema", "missing")
		}
		f.schema("schema", o.Schema)
		f.leave()
	}
	if o := r.Reasoning; o != nil {
		f.enter("reasoning", -1)
		f.utf8("effort", o.Effort)
		switch {
		case o.BudgetTokens < 0:
			f.add("budget_tokens", "negative")
		case o.BudgetTokens > 0 && o.Effort == EffortNone:
			f.add("budget_tokens", "set, but the effort is none")
		}
		f.leave()
	}
	for k, v := range r.Metadata {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			f.add("metadata", "invalid UTF-8")
			break
		}
	}
}

func (f *faults) options(r *Request) {
	owners := make(map[string]int, len(r.Options))
	for i, o := range r.Options {
		f.enter("options", i)
		if o == nil {
			f.add("", "nil options")
		} else if isNil(o) {
			f.add("", "nil %T", o)
		} else if first, dup := owners[o.ProviderName()]; dup {
			f.add("", "options for the provider of options[%d] again: one value a provider", first)
		} else {
			owners[o.ProviderName()] = i
		}
		f.leave()
	}
}

// faults collects what is wrong with a request, and where.
type faults struct {
	path []step
	errs []error
}

// step is one step of a path; index is -1 where it has none.
type step struct {
	name  string
	index int
}

func (f *faults) enter(name string, index int) { f.path = append(f.path, step{name, index}) }
func (f *faults) leave()                       { f.path = f.path[:len(f.path)-1] }

// add notes a fault in the field of that name, or with "" in the value itself.
// Nothing of the request's content may go into the message.
func (f *faults) add(field, format string, args ...any) {
	var b strings.Builder
	for _, s := range append(f.path[:len(f.path):len(f.path)], step{field, -1}) {
		if s.name == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	f.errs = append(f.errs, &Error{Code: ErrInvalidRequest, Message: b.String() + ": " + fmt.Sprintf(format, args...)})
}

func (f *faults) err() error {
	const most = 50
	if len(f.errs) == 0 {
		return nil
	}
	if n := len(f.errs); n > most {
		f.errs = append(f.errs[:most:most], &Error{Code: ErrInvalidRequest, Message: fmt.Sprintf("and %d faults more", n-most)})
	}
	return &Error{Code: ErrInvalidRequest, Op: "validate", Err: errors.Join(f.errs...)}
}

func (f *faults) required(field, s string) {
	if s == "" {
		f.add(field, "missing")
	}
	f.utf8(field, s)
}

func (f *faults) utf8(field, s string) {
	if !utf8.ValidString(s) {
		f.add(field, "invalid UTF-8")
	}
}

func (f *faults) json(field string, raw json.RawMessage) {
	switch {
	case raw == nil:
	case !json.Valid(raw):
		f.add(field, "not valid JSON")
	case !utf8.Valid(raw):
		f.add(field, "invalid UTF-8")
	case rawjson.Depth(raw) > rawjson.MaxDepth:
		f.add(field, "too deep")
	}
}

func (f *faults) schema(field string, raw json.RawMessage) {
	switch {
	case len(raw) == 0, rawjson.IsObject(raw):
	case json.Valid(raw):
		f.add(field, "not a JSON Schema object in UTF-8, or too deep")
	default:
		f.add(field, "not valid JSON")
	}
}

// sources checks that exactly one source of a part's content is set.
func (f *faults) sources(none string, set ...bool) {
	n := 0
	for _, s := range set {
		if s {
			n++
		}
	}
	switch {
	case n == 0:
		f.add("", "%s", none)
	case n > 1:
		f.add("", "more than one source")
	}
}

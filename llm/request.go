package llm

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Request is one call of a model. Messages are usually all that is needed. A nil or
// zero field is not sent: the provider's default holds.
//
// A model neither changes nor keeps a request, so one may be used for several
// calls, also at once. It may be copied by assignment; [Request.Clone] copies deep.
type Request struct {
	System        []Part            `json:"system,omitempty"`         // instructions that hold from the start; sent before Messages
	Messages      []Message         `json:"messages,omitempty"`       // the conversation, oldest first; may be empty where the backend allows it
	Tools         []Tool            `json:"tools,omitempty"`          // what the model may ask the application to run
	ToolChoice    ToolChoice        `json:"tool_choice,omitzero"`     // whether it must; the zero value leaves it to the model
	MaxTokens     int               `json:"max_tokens,omitempty"`     // most tokens to generate, reasoning included; 0 = the provider's default
	Temperature   *float64          `json:"temperature,omitempty"`    // randomness, 0 = least: new(0.0), as of Go 1.26; nil = unset
	TopP          *float64          `json:"top_p,omitempty"`          // nucleus sampling, 0 to 1; nil = unset
	TopK          *int              `json:"top_k,omitempty"`          // sample from the K likeliest tokens; nil = unset
	StopSequences []string          `json:"stop_sequences,omitempty"` // texts that end the answer
	Output        *OutputFormat     `json:"output,omitempty"`         // a JSON Schema that the answer must satisfy; nil = free text
	Reasoning     *Reasoning        `json:"reasoning,omitempty"`      // reasoning before the answer; nil = not sent, &Reasoning{} = on
	Metadata      map[string]string `json:"metadata,omitempty"`       // public tags: they may leave the process and reach the provider's logs
	Options       []ProviderOptions `json:"options,omitempty"`        // what only one provider understands, at most one value each
}

// Tool is a function that the application offers, or one that the provider runs.
type Tool struct {
	Name        string          `json:"name,omitempty"`        // 1 to 64 letters, digits, _ and - are taken everywhere
	Description string          `json:"description,omitempty"` // when and how to use it; the model reads it
	Schema      json.RawMessage `json:"schema,omitempty"`      // JSON Schema of the arguments, an object; empty = no arguments
	Strict      bool            `json:"strict,omitempty"`      // hold the model to the schema, where the provider can

	// Provider, Kind and Config describe a tool that the provider runs itself.
	Provider string          `json:"provider,omitempty"` // as in [Info]; "" = the application's own tool
	Kind     string          `json:"kind,omitempty"`     // the provider's name for this kind of tool
	Config   json.RawMessage `json:"config,omitempty"`

	Cache *CachePointPart `json:"cache,omitempty"` // a cache point after this tool
}

// ToolChoice says whether the model must call a tool. The zero value leaves it free.
type ToolChoice struct {
	Mode   ToolChoiceMode `json:"mode,omitempty"`
	Name   string         `json:"name,omitempty"`   // the tool, with [ToolChoiceTool] only
	Single bool           `json:"single,omitempty"` // at most one call in a turn
}

// ToolChoiceMode is the mode of a [ToolChoice].
type ToolChoiceMode string

const (
	ToolChoiceAuto ToolChoiceMode = ""     // the model decides
	ToolChoiceAny  ToolChoiceMode = "any"  // it must call some tool
	ToolChoiceNone ToolChoiceMode = "none" // it must not call any
	ToolChoiceTool ToolChoiceMode = "tool" // it must call the tool of that Name
)

// OutputFormat asks for an answer that is JSON and satisfies a schema, strictly where
// the provider can hold the model to it. The JSON is [Response.Text]; whether it
// satisfies the schema is not checked here. A backend may check it, as bedrock does: an
// answer that breaks the schema, or was cut short, is then an [ErrMalformedOutput], and
// Generate returns the answer beside the error. In any case look at the stop reason
// first: an answer that was cut, or refused, is not JSON.
type OutputFormat struct {
	Name        string          `json:"name,omitempty"` // 1 to 64 letters, digits, _ and - are taken everywhere; may be empty
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"` // JSON Schema, an object; required
}

// Reasoning asks for reasoning before the answer. The zero value turns it on, with
// the provider's default or else an effort that the backend chooses; Effort
// [EffortNone] turns it off.
type Reasoning struct {
	Effort       string `json:"effort,omitempty"`        // one of the Effort constants, or the provider's own word
	BudgetTokens int    `json:"budget_tokens,omitempty"` // most tokens to reason with, part of MaxTokens; 0 = the provider's default. Set one or the other: providers know one
}

// Efforts that most providers know.
const (
	EffortNone   = "none"
	EffortLow    = "low"
	EffortMedium = "medium"
	EffortHigh   = "high"
	EffortMax    = "max"
)

// ProviderOptions are settings that only one provider understands. Implement it on
// a pointer type that marshals to JSON (functions tagged `json:"-"`).
type ProviderOptions interface {
	// ProviderName returns the provider's name, as in [Info]. It is called on nil
	// pointers too.
	ProviderName() string
}

// OptionsFor returns the request's options of type T, and whether there are any.
// It is an [ErrInvalidRequest] where the options for T's provider have another
// type: a backend that ignored them would break law 7 of [Model]. Options of a
// request that was loaded from JSON are decoded into T. If T is an interface type, the
// first value that implements it is returned.
func OptionsFor[T ProviderOptions](r *Request) (T, bool, error) {
	var zero T
	if r == nil {
		return zero, false, nil
	}
	isInterface := reflect.TypeFor[T]().Kind() == reflect.Interface
	for i, o := range r.Options {
		if isNil(o) {
			continue
		}
		if t, ok := o.(T); ok {
			return t, true, nil
		}
		if isInterface || o.ProviderName() != zero.ProviderName() {
			continue
		}
		if stored, ok := o.(*storedOptions); ok {
			if err := stored.decode(&zero); err != nil {
				return zero, false, within(fmt.Sprintf("options[%d]", i), err)
			}
			return zero, true, nil
		}
		return zero, false, &Error{Code: ErrInvalidRequest, Provider: o.ProviderName(),
			Message: fmt.Sprintf("options[%d]: a %T, where a %T is wanted", i, o, zero)}
	}
	return zero, false, nil
}

// SetOptions puts o in the place of the same provider's options, or adds it. The
// slice is replaced, not written to, so that copies of the request keep theirs.
// A nil o changes nothing.
func (r *Request) SetOptions(o ProviderOptions) {
	if isNil(o) {
		return
	}
	fresh := slices.Clone(r.Options)
	i := slices.IndexFunc(fresh, func(old ProviderOptions) bool { return !isNil(old) && old.ProviderName() == o.ProviderName() })
	if i < 0 {
		fresh = append(slices.Clip(fresh), o)
	} else {
		fresh[i] = o
	}
	r.Options = fresh
}

// Clone returns a copy that shares no struct, slice, map or part with the
// original. Payloads ([]byte and json.RawMessage) and the values in Options are
// shared and must not be changed.
func (r *Request) Clone() *Request {
	if r == nil {
		return nil
	}
	c := *r
	c.System = cloneParts(r.System)
	c.Messages = slices.Clone(r.Messages)
	for i := range c.Messages {
		c.Messages[i] = c.Messages[i].Clone()
	}
	c.Tools = slices.Clone(r.Tools)
	for i := range c.Tools {
		c.Tools[i].Cache = clonePtr(c.Tools[i].Cache)
	}
	c.Temperature = clonePtr(r.Temperature)
	c.TopP = clonePtr(r.TopP)
	c.TopK = clonePtr(r.TopK)
	c.StopSequences = slices.Clone(r.StopSequences)
	c.Output = clonePtr(r.Output)
	c.Reasoning = clonePtr(r.Reasoning)
	c.Metadata = maps.Clone(r.Metadata)
	c.Options = slices.Clone(r.Options)
	return &c
}

package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

// Tool can be called by a model. Implementations must be safe for concurrent use.
type Tool interface {
	// Spec says what the model has to know. It must be the same each time, and the caller
	// must not change it.
	Spec() llm.Tool

	// Call runs the tool. Input is a JSON object. The result may be of any kinds of parts
	// that the provider takes in one. An error is told to the model as the package comment
	// says.
	Call(ctx context.Context, input json.RawMessage) ([]llm.Part, error)
}

// New returns a tool that calls f with arguments that the model chose. In is a struct, or a
// pointer to one, or a map; package schema says how it becomes a schema, and which tags say
// more. Out may be anything that encodes as JSON; a string is text, and [llm.Part] and
// []llm.Part go as they are.
//
// It panics where In has no schema or is no JSON object, or the name is empty, as these are
// faults of the program.
func New[In, Out any](name, description string, f func(context.Context, In) (Out, error)) Tool {
	s, err := schema.For[In]()
	if err == nil {
		err = describesObject(s)
	}
	switch {
	case err != nil:
		panic(fmt.Sprintf("tool.New(%q): %v", name, err))
	case name == "" || f == nil:
		panic(fmt.Sprintf("tool.New(%q): a tool needs a name and a function", name))
	}
	return &function{
		spec:   llm.Tool{Name: name, Description: description, Schema: s.JSON()},
		schema: s,
		call: func(ctx context.Context, input json.RawMessage) ([]llm.Part, error) {
			var in In
			if err := json.Unmarshal(input, &in); err != nil {
				return nil, &argumentError{text: "the arguments cannot be read: " + err.Error(), err: err}
			}
			out, err := f(ctx, in)
			if err != nil {
				return nil, err
			}
			return parts(out)
		},
	}
}

// Raw returns a tool of that description, whose function reads the arguments itself. They are
// held to the schema before it is called. A spec without a schema takes any object. The error
// is an [llm.ErrInvalidRequest]: the spec has no name, its schema cannot be read or does not
// describe an object, or the provider is to run the tool itself.
func Raw(spec llm.Tool, f func(ctx context.Context, input json.RawMessage) ([]llm.Part, error)) (Tool, error) {
	refuse := func(why string) (Tool, error) {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Op: "tool", Message: fmt.Sprintf("tool %q: %s", spec.Name, why)}
	}
	switch {
	case spec.Name == "":
		return refuse("a tool needs a name")
	case spec.Provider != "":
		return refuse("the provider runs this tool: put it into the request, not into a set")
	case f == nil:
		return refuse("a tool needs a function")
	}
	s := new(schema.Schema)
	if len(spec.Schema) > 0 {
		var err error
		if s, err = schema.Parse(spec.Schema); err == nil {
			err = describesObject(s)
		}
		if err != nil {
			return refuse("schema: " + err.Error())
		}
	}
	return &function{spec: spec, schema: s, call: f}, nil
}

// describesObject says whether a schema has the type that arguments have.
func describesObject(s *schema.Schema) error {
	types := s.Types()
	if slices.Contains(types, "object") || types == nil && string(s.JSON()) != "false" {
		return nil
	}
	return errors.New("arguments are a JSON object, and the schema describes something else")
}

// function is a tool whose arguments are held to a schema.
type function struct {
	spec   llm.Tool
	schema *schema.Schema
	call   func(ctx context.Context, input json.RawMessage) ([]llm.Part, error)
}

func (t *function) Spec() llm.Tool { return t.spec }

func (t *function) Call(ctx context.Context, input json.RawMessage) ([]llm.Part, error) {
	if err := t.schema.Validate(input); err != nil {
		return nil, newArgumentError(err)
	}
	return t.call(ctx, input)
}

// WithTimeout returns the tool with a limit on each call: its context ends after d, and a
// call that then fails is told to the model as one that took too long. A tool that does not
// heed its context is waited for. A d of 0 or less is no limit.
func WithTimeout(t Tool, d time.Duration) Tool {
	if d <= 0 {
		return t
	}
	return &limited{t, d}
}

type limited struct {
	Tool
	after time.Duration
}

func (t *limited) Call(ctx context.Context, input json.RawMessage) ([]llm.Part, error) {
	return callWithin(ctx, t.after, t.Tool, input)
}

// callWithin calls a tool under a limit; 0 is none.
func callWithin(ctx context.Context, d time.Duration, t Tool, input json.RawMessage) ([]llm.Part, error) {
	if d <= 0 {
		return t.Call(ctx, input)
	}
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	out, err := t.Call(limited, input)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return out, &Error{Message: fmt.Sprintf("the tool took longer than %v", d), Err: err}
	}
	return out, err
}

// WithSpec returns the tool with another description of itself: change is called once, with a
// copy. Use it for [llm.Tool.Strict], a cache point after the tool, or another name. Arguments
// are held to the schema that the tool had.
func WithSpec(t Tool, change func(*llm.Tool)) Tool {
	spec := t.Spec()
	change(&spec)
	return &respecified{t, spec}
}

type respecified struct {
	Tool
	spec llm.Tool
}

func (t *respecified) Spec() llm.Tool { return t.spec }

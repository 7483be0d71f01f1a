package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/fake/internal/sample"
	"github.com/parley-sdk/parley/llm"
)

// autoText is what [Auto] says where it has nothing to report.
const autoText = "This is a fake model. It calls tools and reports their results; to anything else it answers with this."

// AutoOptions change what [AutoWith] does. They are copied; nil and the zero value are
// those of [Auto].
type AutoOptions struct {
	// Seed varies the values of arguments and documents, and which branch of a schema
	// they take: each seed gives other values, but always the same for the same
	// request. With 0 they are the smallest that the schema allows.
	Seed uint64

	// Tools names the tools to call; nil is all. Another one is called only where the
	// request's tool choice forces it. A name that a request with tools does not offer
	// is an [llm.ErrInternal].
	Tools []string

	// Optional adds the properties that a schema does not require, where it can make
	// them. References within themselves are not followed for that.
	Optional bool
}

// Auto returns a model that needs no script. It calls each tool of the request that
// the conversation has not called yet, all at once, with arguments generated from
// the tool's schema. When it has called them all it answers: with a document
// generated from the schema where [llm.Request.Output] is set, else with a text that
// reports the results since the user's last question, else with one fixed sentence
// that says that it is a fake. The same request always gets the same answer.
//
// It honours [llm.ToolChoice]: with ToolChoiceNone it calls nothing; with
// ToolChoiceTool it calls that tool, each time; with ToolChoiceAny it calls the first
// tool again when it has called all; with Single it calls one at a time. Tools that
// the provider runs are not called.
//
// Arguments satisfy the schema, and are as small as can be: the required properties,
// the first of several values, one item in an array. Default is taken where it
// satisfies its schema. Schemas are those of drafts 7 and 2020-12: $ref within the
// schema, recursive ones too; allOf, anyOf, oneOf, not, if; all keywords of objects,
// arrays, strings and numbers but unevaluatedProperties and unevaluatedItems; patterns
// that are also expressions of package regexp; and the formats date, date-time, time,
// duration, email, hostname, ipv4, ipv6, uri, uri-reference and uuid. Each value is
// checked before it is used. Where none is found, the call is an [llm.ErrUnsupported]
// with the path of a keyword that stands in the way. That is so for contradictions,
// for keywords that Auto does not know, for schemas of more than 256 KiB, patterns of
// more than 4 KiB and values of more than 64 KiB, for what takes too long, and now and
// then where several keywords leave few values, which Auto finds by trying.
func Auto() *Model { return AutoWith(nil) }

// AutoWith is [Auto] with options; nil options are those of Auto.
func AutoWith(opts *AutoOptions) *Model {
	var o AutoOptions
	if opts != nil {
		o = *opts
	}
	o.Tools = slices.Clone(o.Tools)
	return newModel(auto{o})
}

// auto answers by rule.
type auto struct{ AutoOptions }

func (a auto) answer(ctx context.Context, c *call) (take, error) {
	chosen, err := a.chooseTools(c)
	if err != nil {
		return take{}, err
	}
	// Later steps of a conversation get other values.
	rng := rand.New(rand.NewPCG(a.Seed, uint64(len(c.req.Messages))))
	var parts []llm.Part
	for _, i := range chosen {
		if err := c.interrupted(ctx); err != nil {
			return take{}, err // of many tools, each of which takes its time
		}
		t := c.req.Tools[i]
		input, err := a.arguments(t.Schema, rng)
		if err != nil {
			return take{}, c.unsatisfied(fmt.Sprintf("tools[%d].schema", i), err)
		}
		parts = append(parts, &llm.ToolCallPart{Name: t.Name, Input: input})
	}
	if parts == nil {
		text := report(c.req.Messages)
		if o := c.req.Output; o != nil {
			document, err := a.value(o.Schema, rng)
			if err != nil {
				return take{}, c.unsatisfied("output.schema", err)
			}
			text = string(document)
		}
		parts = append(parts, llm.Text(text))
	}
	r := &llm.Response{Message: llm.Message{Content: parts}}
	c.complete(r)
	return take{events: responseEvents(r, 0)}, nil
}

func (auto) left() (unused, unanswered []string) { return nil, nil }

// unsatisfied is the error for a schema at that path.
func (c *call) unsatisfied(path string, err error) error {
	return c.fault(llm.ErrUnsupported, "%s%v; use fake.New or fake.Func", path, err)
}

// chooseTools returns the indices of the tools to call now.
func (a auto) chooseTools(c *call) ([]int, error) {
	choice := c.req.ToolChoice
	if choice.Mode == llm.ToolChoiceNone || len(c.req.Tools) == 0 {
		return nil, nil
	}
	for i, name := range a.Tools {
		if !slices.ContainsFunc(c.req.Tools, func(t llm.Tool) bool { return t.Name == name }) {
			return nil, c.broken("AutoOptions.Tools[%d]: the request has no tool of that name", i)
		}
	}
	called := make(map[string]bool)
	for _, m := range c.req.Messages {
		for _, p := range partsOf[*llm.ToolCallPart](m) {
			called[p.Name] = true
		}
	}
	var all, fresh []int
	for i, t := range c.req.Tools {
		if t.Provider != "" || choice.Mode == llm.ToolChoiceTool && t.Name != choice.Name {
			continue
		}
		all = append(all, i)
		if !called[t.Name] && (a.Tools == nil || slices.Contains(a.Tools, t.Name)) {
			fresh = append(fresh, i)
		}
	}
	chosen := fresh
	if choice.Mode != llm.ToolChoiceAuto && len(fresh) == 0 {
		if len(all) == 0 {
			return nil, c.fault(llm.ErrUnsupported, "tool_choice: only tools that the provider runs are left to call, and a fake runs none")
		}
		// A tool that was named goes before one that was not.
		i := max(0, slices.IndexFunc(all, func(i int) bool { return slices.Contains(a.Tools, c.req.Tools[i].Name) }))
		chosen = all[i : i+1]
	}
	if choice.Single && len(chosen) > 1 {
		chosen = chosen[:1]
	}
	return chosen, nil
}

// report tells the results since the user's last question, or [autoText].
func report(msgs []llm.Message) string {
	names := make(map[string]string) // of the tools, by call id
	var lines []string
	for _, m := range msgs {
		if m.Role == llm.RoleUser && !slices.ContainsFunc(m.Content, isToolResult) {
			lines = nil
		}
		for _, p := range partsOf[*llm.ToolCallPart](m) {
			names[p.ID] = p.Name
		}
		for _, p := range partsOf[*llm.ToolResultPart](m) {
			verb := "answered"
			if p.IsError {
				verb = "failed"
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s", names[p.CallID], verb, resultText(p.Content)))
		}
	}
	if lines == nil {
		return autoText
	}
	return "This is a fake model. Results of the tools:\n" + strings.Join(lines, "\n")
}

func isToolResult(p llm.Part) bool {
	_, ok := p.(*llm.ToolResultPart)
	return ok
}

// resultText is a tool's result in words; what is not text is named.
func resultText(parts []llm.Part) string {
	var said []string
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			said = append(said, p.Text)
		case *llm.ProviderPart:
			said = append(said, string(p.Data))
		case *llm.CachePointPart:
		default:
			said = append(said, "("+partShape(p)+" bytes)")
		}
	}
	if said == nil {
		return "nothing"
	}
	return strings.Join(said, " ")
}

// arguments generates the arguments of a tool, which are an object.
func (a auto) arguments(schema json.RawMessage, rng *rand.Rand) (json.RawMessage, error) {
	if len(schema) == 0 {
		return json.RawMessage("{}"), nil
	}
	v, err := a.value(schema, rng)
	if err == nil && v[0] != '{' {
		return nil, errors.New(".type: arguments must be an object")
	}
	return v, err
}

func (a auto) value(schema json.RawMessage, rng *rand.Rand) (json.RawMessage, error) {
	return sample.Generate(schema, rng, sample.Options{Vary: a.Seed != 0, Optional: a.Optional})
}

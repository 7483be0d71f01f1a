package llmtest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// What a request says of one feature. Each of these functions returns the same of a
// request as it was sent and as it arrived, whatever form it had in between: raw JSON
// is compared in its canonical form, and what a wire need not tell apart is one.

// spare are the fields that a wire may lack though it has the feature they belong to:
// they may be left out with a Warning that names them.
func spare() []string { return []string{"output.name", "output.description"} }

// without returns a text without the lines of a field.
func without(text, field string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, field+" ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func maxTokens(r *llm.Request) string   { return "max_tokens " + strconv.Itoa(r.MaxTokens) }
func temperature(r *llm.Request) string { return "temperature " + orUnset(r.Temperature) }
func topP(r *llm.Request) string        { return "top_p " + orUnset(r.TopP) }
func topK(r *llm.Request) string        { return "top_k " + orUnset(r.TopK) }
func stops(r *llm.Request) string       { return fmt.Sprintf("stop_sequences %q", r.StopSequences) }
func tags(r *llm.Request) string        { return fmt.Sprintf("metadata %q", r.Metadata) }

func orUnset[T any](v *T) string {
	if v == nil {
		return "unset"
	}
	return fmt.Sprint(*v)
}

// offered are the tools of a request.
func offered(r *llm.Request) string {
	var b strings.Builder
	for _, t := range r.Tools {
		fmt.Fprintf(&b, "tool %s: %s: %s\n", t.Name, t.Description, canonical(t.Schema))
	}
	return b.String()
}

func strict(r *llm.Request) string {
	var b strings.Builder
	for _, t := range r.Tools {
		fmt.Fprintf(&b, "tool %s, strict: %t\n", t.Name, t.Strict)
	}
	return b.String()
}

// choice is whether the model must call a tool, and which. Without tools it cannot
// call any, which is how some wires say so.
func choice(r *llm.Request) string {
	mode := r.ToolChoice.Mode
	if len(r.Tools) == 0 {
		mode = llm.ToolChoiceNone
	}
	return fmt.Sprintf("tool_choice %q %q", mode, r.ToolChoice.Name)
}

func single(r *llm.Request) string { return fmt.Sprintf("tool_choice.single %t", r.ToolChoice.Single) }

func output(r *llm.Request) string {
	if r.Output == nil {
		return "output unset"
	}
	return fmt.Sprintf("output.name %q\noutput.description %q\noutput.schema %s\n",
		r.Output.Name, r.Output.Description, canonical(r.Output.Schema))
}

// effort is how much the model is to reason. A wire that has no words for it sizes it
// in tokens: any number of them may be the little that the suite asks for.
func effort(r *llm.Request) string {
	switch {
	case r.Reasoning == nil:
		return "reasoning unset"
	case r.Reasoning.Effort == "" && r.Reasoning.BudgetTokens > 0:
		return "reasoning " + llm.EffortLow
	}
	return "reasoning " + r.Reasoning.Effort
}

// cached are the places of the cache points.
func cached(r *llm.Request) string {
	var b strings.Builder
	places := func(where string, parts []llm.Part) {
		for i, p := range parts {
			if isA[*llm.CachePointPart](p) {
				fmt.Fprintf(&b, "%s[%d]\n", where, i)
			}
		}
	}
	places("system", r.System)
	for _, m := range r.Messages {
		places(string(m.Role), m.Content)
	}
	for _, t := range r.Tools {
		if t.Cache != nil {
			fmt.Fprintf(&b, "after the tool %s\n", t.Name)
		}
	}
	return b.String()
}

// attached are the media and documents of a request, those of tool results included.
// Wires name the types of some in ways of their own, so only the kind counts here.
func attached(r *llm.Request) string {
	var b strings.Builder
	eachPart(r, func(_ llm.Role, p llm.Part) {
		switch p := p.(type) {
		case *llm.MediaPart:
			mediaType := p.MediaType
			if mediaType == "" {
				mediaType = llm.DetectMediaType(p.Data)
			}
			kind, _, _ := strings.Cut(mediaType, "/")
			fmt.Fprintf(&b, "%s %x\n", kind, p.Data)
		case *llm.DocumentPart:
			fmt.Fprintf(&b, "document %x %q, cited: %t\n", p.Data, p.Text, p.Cite)
		}
	})
	return b.String()
}

func failed(r *llm.Request) string {
	var b strings.Builder
	eachPart(r, func(_ llm.Role, p llm.Part) {
		if p, ok := p.(*llm.ToolResultPart); ok {
			fmt.Fprintf(&b, "result of %s, failed: %t\n", p.CallID, p.IsError)
		}
	})
	return b.String()
}

// instructed is who says what.
func instructed(r *llm.Request) string {
	var b strings.Builder
	eachPart(r, func(role llm.Role, p llm.Part) {
		if p, ok := p.(*llm.TextPart); ok {
			fmt.Fprintf(&b, "%s %q\n", role, p.Text)
		}
	})
	return b.String()
}

// eachPart visits the parts of the messages, those within tool results after these.
func eachPart(r *llm.Request, visit func(role llm.Role, p llm.Part)) {
	for _, m := range r.Messages {
		for _, p := range m.Content {
			visit(m.Role, p)
			if result, ok := p.(*llm.ToolResultPart); ok {
				for _, p := range result.Content {
					visit(m.Role, p)
				}
			}
		}
	}
}

// holds says whether a text stands somewhere in the messages of a request: as a text,
// as arguments, or in a string of JSON.
func holds(r *llm.Request, text string) bool {
	found := false
	eachPart(r, func(_ llm.Role, p llm.Part) {
		switch p := p.(type) {
		case *llm.TextPart:
			found = found || strings.Contains(p.Text, text)
		case *llm.ToolCallPart:
			found = found || strings.Contains(p.Malformed, text) || string(p.Input) == text || inJSON(p.Input, text)
		case *llm.ProviderPart:
			found = found || inJSON(p.Data, text)
		}
	})
	return found
}

// inJSON says whether a text stands in a string of a JSON value.
func inJSON(raw json.RawMessage, text string) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := t.(string); ok && strings.Contains(s, text) {
			return true
		}
	}
}

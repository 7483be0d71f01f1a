package llmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// normal returns a response in the normal form of law 3, as text: without Raw,
// Latency and RequestID, which belong to one call, and with one form for what has
// several (role assistant, no empty slices, {} for empty tool input).
func normal(r *llm.Response) string {
	if r == nil {
		return "no response"
	}
	c := r.Clone()
	c.Raw, c.Latency, c.RequestID = nil, 0, ""
	if c.Message.Role == "" {
		c.Message.Role = llm.RoleAssistant
	}
	for _, call := range c.ToolCalls() {
		if len(call.Input) == 0 && call.Malformed == "" {
			call.Input = json.RawMessage("{}")
		}
	}
	return stored(c)
}

// answered returns what a response says, in normal form: without what a backend
// adds to it (who served it, its own word for the stop reason, warnings, opaque
// state). It must be what the script says.
func answered(r *llm.Response) string {
	if r == nil {
		return "no response"
	}
	c := r.Clone()
	c.Provider, c.Model, c.RawStopReason, c.Warnings = "", "", "", nil
	for _, p := range c.Message.Content {
		switch p := p.(type) {
		case *llm.TextPart:
			p.Opaque = nil
			for i := range p.Citations {
				p.Citations[i].Data = nil
			}
		case *llm.MediaPart:
			p.Opaque = nil
		case *llm.ToolCallPart:
			p.Opaque = nil
		case *llm.ReasoningPart:
			p.Opaque = nil
		}
	}
	return normal(c)
}

// stored returns the stored form of a value of package llm.
func stored(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("cannot be stored: %v", err)
	}
	return string(b)
}

// canonical is the form in which raw JSON goes to a wire.
func canonical(raw json.RawMessage) string {
	b, err := json.Marshal(raw)
	if err != nil {
		return fmt.Sprintf("not JSON: %q", string(raw))
	}
	return string(b)
}

// lines splits a text into its lines, and JSON into those of its indented form.
func lines(text string) []string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") == nil {
		text = b.String()
	}
	return strings.Split(text, "\n")
}

// diff shows where two texts differ first, with some lines around it.
func diff(want, got string) string {
	w, g := lines(want), lines(got)
	at := 0
	for at < len(w) && at < len(g) && w[at] == g[at] {
		at++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "they differ first at line %d:", at+1)
	for _, line := range w[max(0, at-4):at] {
		b.WriteString("\n      " + line)
	}
	for _, side := range []struct {
		mark  string
		lines []string
	}{{"want", w}, {"got ", g}} {
		lines := side.lines[at:]
		if len(lines) == 0 {
			fmt.Fprintf(&b, "\n %s (the end)", side.mark)
		}
		for _, line := range lines[:min(4, len(lines))] {
			b.WriteString("\n " + side.mark + " " + clip(line))
		}
	}
	return b.String()
}

// clip shortens a line that would drown the rest.
func clip(line string) string {
	const most = 400
	if len(line) <= most {
		return line
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(line[:most], ""), len(line))
}

// same checks that two texts are equal, and shows where they are not.
func (c *run) same(what, want, got string) bool {
	c.Helper()
	if want == got {
		return true
	}
	c.Errorf("%s: %s", what, diff(want, got))
	return false
}

// transcript renders what a request says: instructions, roles, texts, tool calls,
// results and media. It leaves out what only tunes, and names that a wire may lack.
func transcript(r *llm.Request, l lacks) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	var render func(indent string, parts []llm.Part)
	render = func(indent string, parts []llm.Part) {
		for _, p := range parts {
			switch p := p.(type) {
			case *llm.TextPart:
				line("%stext %q", indent, p.Text)
			case *llm.MediaPart:
				line("%smedia %s %x", indent, p.MediaType, p.Data)
			case *llm.DocumentPart:
				line("%sdocument %s %x %q", indent, p.MediaType, p.Data, p.Text)
			case *llm.ToolCallPart:
				line("%scall %s of %s with %s", indent, p.ID, p.Name, canonical(p.Input))
			case *llm.ToolResultPart:
				failed := p.IsError && l[ToolResultErrors] == ""
				line("%sresult of %s, failed: %t", indent, p.CallID, failed)
				render(indent+"  ", p.Content)
			}
		}
	}
	line("system")
	render("  ", r.System)
	for _, m := range r.Messages {
		line("%s", m.Role)
		render("  ", m.Content)
	}
	return b.String() + offered(r)
}

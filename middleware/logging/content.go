package logging

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// input is the text of a request: a line for each part, with whose it is.
func input(r *llm.Request) string {
	var b strings.Builder
	write := func(role llm.Role, parts []llm.Part) {
		for _, p := range parts {
			if s := text(p); s != "" {
				fmt.Fprintf(&b, "%s: %s\n", role, s)
			}
		}
	}
	write(llm.RoleSystem, r.System)
	for _, m := range r.Messages {
		write(m.Role, m.Content)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// output is the text of an answer.
func output(r *llm.Response) string { return texts(r.Message.Content) }

func texts(parts []llm.Part) string {
	var lines []string
	for _, p := range parts {
		if s := text(p); s != "" {
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

// text is what a person reads in a part. Of what nobody reads it is the kind and the size.
func text(p llm.Part) string {
	if p == nil || reflect.ValueOf(p).IsNil() {
		return "[nil]"
	}
	switch p := p.(type) {
	case *llm.TextPart:
		return p.Text
	case *llm.ReasoningPart:
		return "[reasoning] " + p.Text
	case *llm.ToolCallPart:
		return fmt.Sprintf("[call %s] %s%s", p.Name, p.Input, p.Malformed)
	case *llm.ToolResultPart:
		if p.IsError {
			return "[error] " + texts(p.Content)
		}
		return "[result] " + texts(p.Content)
	case *llm.MediaPart:
		return fmt.Sprintf("[media %s, %d bytes]", p.MediaType, len(p.Data))
	case *llm.DocumentPart:
		if p.Text != "" {
			return "[document] " + p.Text
		}
		return fmt.Sprintf("[document %s, %d bytes]", p.MediaType, len(p.Data))
	case *llm.ProviderPart:
		return fmt.Sprintf("[%s, %d bytes]", p.Kind, len(p.Data))
	case *llm.CachePointPart:
		return ""
	}
	return "[unknown part]"
}

// firstOf and lastOf are at most so many bytes of the beginning, or of the end, and say
// where they cut. They cut no rune. A limit below 0 is none.

func firstOf(s string, limit int) string {
	if limit < 0 || len(s) <= limit {
		return s
	}
	n := max(0, limit-len("…"))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func lastOf(s string, limit int) string {
	if limit < 0 || len(s) <= limit {
		return s
	}
	n := min(len(s), len(s)-limit+len("…"))
	for n < len(s) && !utf8.RuneStart(s[n]) {
		n++
	}
	return "…" + s[n:]
}

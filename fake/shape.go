package fake

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// A shape is what may be told of a request in an error: roles, kinds of parts, names
// of tools and lengths in bytes. It holds nothing that anybody said.

// shape describes a request in a line of about so many bytes: [llm.Redact] cuts a
// message to 256. Where there is no room for all messages it shows the last ones,
// which tell most.
func shape(r *llm.Request, room int) string {
	tools := ""
	for i, t := range r.Tools {
		name := clip(toolName(t), 24)
		if len(tools)+len(name) > room/3 {
			tools += fmt.Sprintf(" +%d", len(r.Tools)-i)
			break
		}
		tools += " " + name
	}
	if tools != "" {
		tools = "; tools" + tools
	}

	system := ""
	if len(r.System) > 0 {
		system = messageShape(llm.Message{Role: llm.RoleSystem, Content: r.System}) + " "
	}

	shown := ""
	first := len(r.Messages)
	for first > 0 {
		m := messageShape(r.Messages[first-1])
		if first < len(r.Messages) && len(shown)+len(m) > room-len(tools)-len(system) {
			break
		}
		shown = " " + m + shown
		first--
	}
	if first > 0 {
		shown = fmt.Sprintf(" (%d not shown)%s", first, shown)
	}
	if len(r.Messages) == 0 {
		shown = " no messages"
	}
	return system + shown[1:] + tools
}

func messageShape(m llm.Message) string {
	parts := make([]string, len(m.Content))
	for i, p := range m.Content {
		parts[i] = partShape(p)
	}
	return string(m.Role) + "(" + clip(strings.Join(parts, ", "), 80) + ")"
}

func partShape(p llm.Part) string {
	if isNil(p) {
		return "nil"
	}
	switch p := p.(type) {
	case *llm.TextPart:
		return "text " + strconv.Itoa(len(p.Text))
	case *llm.MediaPart:
		return "media " + strconv.Itoa(len(p.Data))
	case *llm.DocumentPart:
		return "document " + strconv.Itoa(len(p.Data)+len(p.Text))
	case *llm.ToolCallPart:
		return "tool_call " + clip(p.Name, 24) + " " + strconv.Itoa(len(p.Input)+len(p.Malformed))
	case *llm.ToolResultPart:
		kind := "tool_result"
		if p.IsError {
			kind = "tool_error"
		}
		return kind + " " + strconv.Itoa(weightOf(p.Content).bytes)
	case *llm.ReasoningPart:
		return "reasoning " + strconv.Itoa(len(p.Text))
	case *llm.CachePointPart:
		return "cache_point"
	case *llm.ProviderPart:
		return "provider " + strconv.Itoa(len(p.Data))
	}
	return "part"
}

// toolName is the name of a tool; a provider's own may have a kind only.
func toolName(t llm.Tool) string {
	if t.Name == "" {
		return t.Kind
	}
	return t.Name
}

// clip cuts s to n runes.
func clip(s string, n int) string {
	if cut := pieces(s, n); len(cut) > 1 {
		return cut[0] + "…"
	}
	return s
}

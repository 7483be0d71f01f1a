package llm

// Role says who speaks in a [Message].
type Role string

const (
	// RoleUser is the application: questions, and the results of tools.
	RoleUser Role = "user"
	// RoleAssistant is the model: answers, reasoning, and calls of tools.
	RoleAssistant Role = "assistant"
	// RoleSystem is an instruction in mid-conversation. Instructions that hold
	// from the start belong in [Request.System].
	RoleSystem Role = "system"
)

// Message is one turn of a conversation.
type Message struct {
	Role    Role   `json:"role,omitempty"`
	Content []Part `json:"content,omitempty"`
}

// User returns a user message.
func User(parts ...Part) Message { return Message{Role: RoleUser, Content: parts} }

// Assistant returns an assistant message, for a history that the application
// writes itself.
func Assistant(parts ...Part) Message { return Message{Role: RoleAssistant, Content: parts} }

// System returns an instruction for the middle of a conversation, which not every
// provider takes. It is not the system prompt: that is [Request.System].
func System(parts ...Part) Message { return Message{Role: RoleSystem, Content: parts} }

// UserText returns a user message with one text part.
func UserText(s string) Message { return User(Text(s)) }

// AssistantText returns an assistant message with one text part.
func AssistantText(s string) Message { return Assistant(Text(s)) }

// Clone returns a copy that shares no part with the original. Payloads ([]byte and
// json.RawMessage) are shared and must not be changed.
func (m Message) Clone() Message {
	m.Content = cloneParts(m.Content)
	return m
}

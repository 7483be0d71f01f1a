package main

// The answers of chat completions, as far as this backend reads them. For all of the wire
// see https://platform.openai.com/docs/api-reference/chat

// answer is a whole answer, with a message, or a chunk of one, with a delta.
type answer struct {
	Model   string
	Choices []struct {
		Message, Delta *struct {
			Content, Refusal string
			ToolCalls        []struct {
				Index    *int // of a piece: which call of the message it belongs to
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		FinishReason string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt            int     `json:"prompt_tokens"`
		PromptDetails     details `json:"prompt_tokens_details"`
		Completion        int     `json:"completion_tokens"`
		CompletionDetails details `json:"completion_tokens_details"`
	}
	Error map[string]any // with the members message, type and code
}

type details struct {
	Cached    int `json:"cached_tokens"`
	Reasoning int `json:"reasoning_tokens"`
}

package main

import (
	"context"
	"encoding/json"

	"github.com/parley-sdk/parley/llm"
)

// reply is the fake model behind the local server.
func reply(_ context.Context, req *llm.Request) (*llm.Response, error) {
	answer := func(parts ...llm.Part) (*llm.Response, error) {
		return &llm.Response{Message: llm.Assistant(parts...)}, nil
	}
	switch p := req.Messages[len(req.Messages)-1].Content[0].(type) {
	case *llm.ToolResultPart:
		return &llm.Response{Message: llm.AssistantText("Yes, take one: it rains until the evening."),
			Usage: llm.Usage{InputTokens: 1530, CacheReadTokens: 1420, OutputTokens: 14}}, nil
	case *llm.DocumentPart:
		return answer(&llm.TextPart{Text: "The fog came at nine.", Citations: []llm.Citation{
			{Kind: "document_char", Title: p.Name, Text: "Fog came at nine.", Document: new(0), Start: new(25), End: new(42)}}})
	}
	if len(req.Tools) > 0 {
		return answer(&llm.ToolCallPart{Name: "weather", Input: json.RawMessage(`{"city":"Bergen"}`)})
	}
	return answer(&llm.ReasoningPart{Text: "391 = 400 - 9 = (20 - 3)(20 + 3).", Signature: "c2lnbmVk"}, llm.Text("No: it is 17 times 23."))
}

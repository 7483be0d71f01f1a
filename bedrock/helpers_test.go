package bedrock_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"strconv"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

// replies is a model that gives the same answer to everything, and judges nothing.
type replies llm.Response

func (r replies) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return new(llm.Response(r)).Clone(), nil
}

func (r replies) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return new(llm.Response(r)).Events()
}

func (replies) Info() llm.Info { return llm.Info{Provider: "test", Model: "replies"} }

// asError is err as the typed error that every failure is.
func asError(t *testing.T, err error) *llm.Error {
	t.Helper()
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("not an *llm.Error: %T %v", err, err)
	}
	return e
}

// soak is how often long tests repeat what they do: PARLEY_SOAK, or once.
func soak(t *testing.T) int {
	t.Helper()
	v := os.Getenv("PARLEY_SOAK")
	if v == "" {
		return 1
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("PARLEY_SOAK is %q, not a number from 1 up", v)
	}
	return n
}

// echo answers with the text of the last message.
type echo struct{ replies }

func (echo) answer(req *llm.Request) *llm.Response {
	last := req.Messages[len(req.Messages)-1]
	return &llm.Response{Message: llm.Assistant(last.Content...), StopReason: llm.StopEndTurn}
}

func (e echo) Generate(_ context.Context, req *llm.Request) (*llm.Response, error) {
	return e.answer(req), nil
}

func (e echo) Stream(_ context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return e.answer(req).Events()
}

// able is the profile of a model that can do everything but reason on request.
func able() *bedrock.Profile {
	return &bedrock.Profile{
		Family: "able", SystemMessages: true, LeadingAssistant: true, AssistantMedia: true, Prefill: true,
		StreamTools: true, ToolChoiceAny: true, ToolChoiceTool: true, ForcedToolWithReasoning: true, StrictTools: true, StructuredOutput: true,
		ToolResultStatus: true, ToolResultJSON: true, EmptyToolResult: true, ToolResultImages: true, ToolResultDocuments: true,
		ToolResultVideo: true, BesideToolResult: bedrock.BesideAny, SamplingWithReasoning: true, MaxStopSequences: 4,
		CacheSystem: true, CacheMessages: true, CacheTools: true, CacheBesideTools: true, CacheHour: true,
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

// The backend keeps the laws of llm.Model, but for what the wire cannot carry.
func TestConformance(t *testing.T) {
	llmtest.Run(t, llmtest.Harness{
		New: func(t *testing.T, s llmtest.Script) llm.Model { return newModel(t, Handler(s.Model()), s.Name) },
		Lacks: []llmtest.Capability{
			llmtest.VideoInput,
			llmtest.DocumentCitations,
			llmtest.ToolResultImages,
			llmtest.ToolResultErrors.Because("the content says it"),
			llmtest.TopK,
			llmtest.CachePoints.Because("the provider caches without being asked"),
			llmtest.Metadata.Because("the provider takes it with what it stores only"),

			llmtest.SeveralTexts,
			llmtest.SignedReasoning,
			llmtest.RedactedReasoning,
			llmtest.Citations.Because("of the web only, none of documents: see TestCitations"),
			llmtest.MediaOutput,
			llmtest.ProviderBlocks.Because("a message has members, not blocks"),
			llmtest.ProviderDeltas.Because("unknown members belong to the message, and to no part of it"),
			llmtest.OpaqueState,
			llmtest.CacheWriteUsage,
			llmtest.CacheWrite1hUsage,
			llmtest.GeneratePartial.Because("a whole answer comes whole or not at all"),

			llmtest.StopReason(llm.StopSequence).Because("the wire says stop"),
			llmtest.StopReason(llm.StopPause),
			llmtest.StopReason(llm.StopContextWindow).Because("the wire says length"),
			llmtest.StopReason(llm.StopMalformed),
			llmtest.StopReason(llm.StopRefusal).Because("the wire says it with the text, a stream of events after it: see TestRefusal"),

			llmtest.ErrorCode(llm.ErrNotReady).Because("the wire says 503, as of an overload"),
			llmtest.StreamRetryAfter,
		},
	})
}

// It asks whether it may send. "forbidden" is what TestMain does not let pass.
func TestGuard(t *testing.T) {
	llmtest.RunGuard(t, llmtest.Harness{
		New: func(t *testing.T, s llmtest.Script) llm.Model { return newModel(t, Handler(s.Model()), "forbidden") },
	})
}

// newModel returns a backend over a server with that handler.
func newModel(t *testing.T, handler http.Handler, name string) *Model {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return New(server.URL+"/v1", "sk-secret", name, &http.Client{Transport: transport})
}

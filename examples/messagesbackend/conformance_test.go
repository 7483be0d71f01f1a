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
			llmtest.AudioInput,
			llmtest.VideoInput,
			llmtest.Metadata.Because("but for a user_id"),

			llmtest.MediaOutput,
			llmtest.LateOpaqueState.Because("a block has its members when it starts, and none come with its end: see TestCaller"),

			llmtest.StopReason(llm.StopContentFilter).Because("the wire says refusal, or an error"),
			llmtest.StopReason(llm.StopMalformed),

			llmtest.ErrorCode(llm.ErrNotReady),
			llmtest.StreamErrorCode(llm.ErrUnavailable).Because("a gateway says it, before an answer"),
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
	return New(server.URL, "sk-ant-secret", name, &http.Client{Transport: transport})
}

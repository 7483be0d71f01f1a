package bedrock_test

import (
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

// TestConformance runs the suite through the real AWS client, over loopback, on
// HTTP/1.1 and on HTTP/2.
func TestConformance(t *testing.T) {
	for name, http2 := range map[string]bool{"http1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) {
			llmtest.Run(t, llmtest.Harness{
				New: func(t *testing.T, s llmtest.Script) llm.Model {
					server := bedrocktest.NewServer(s.Model(), &bedrocktest.Options{HTTP2: http2})
					t.Cleanup(server.Close)
					return bedrock.New(server.Client(), "test.model", &bedrock.Options{Profile: able()})
				},
				Lacks: []llmtest.Capability{
					llmtest.SingleToolCall.Because("Converse has no switch for it"),
					llmtest.TopK.Because("Converse has no field for it, and the conservative profile names none of the model's"),
					llmtest.ReasoningControl.Because("it differs from model to model, and the conservative profile knows no way"),
					llmtest.ReasoningUsage.Because("Converse counts reasoning as output only"),
					llmtest.EarlyUsage.Because("Converse tells the usage at the end"),
					llmtest.GeneratePartial.Because("Converse answers whole or with an error"),
					llmtest.StreamRetryAfter.Because("an exception in a stream has no headers"),
					llmtest.ProviderBlocksBack.Because("the AWS SDK sends only blocks that it knows; others are left out with a warning"),
					llmtest.OpaqueState.Because("Bedrock attaches nothing that the neutral parts lack"),
					llmtest.StopReason(llm.StopPause).Because("not among Bedrock's stop reasons"),
					llmtest.StopReason(llm.StopRefusal).Because("not among Bedrock's stop reasons"),
					llmtest.ErrorCode(llm.ErrUnavailable).Because("whoever answers is available, if overloaded"),
					llmtest.StreamErrorCode(llm.ErrUnavailable).Because("whoever answers is available, if overloaded"),
				},
			})
		})
	}
}

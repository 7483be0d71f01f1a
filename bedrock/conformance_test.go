package bedrock_test

import (
	"slices"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

// TestConformance runs the suite through the real AWS client, over loopback, on
// HTTP/1.1 and on HTTP/2, for a model that can do everything; and for a Claude, as its
// profile has it, with a server that knows what it refuses.
func TestConformance(t *testing.T) {
	lacks := []llmtest.Capability{
		llmtest.SingleToolCall.Because("Converse has no switch for it"),
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
	}
	unable := []llmtest.Capability{
		llmtest.TopK.Because("this profile names no field for it"),
		llmtest.ReasoningControl.Because("this profile knows no way"),
	}
	claude := []llmtest.Capability{
		llmtest.AudioInput.Because("Claude does not hear"),
		llmtest.VideoInput.Because("Claude sees no videos"),
		llmtest.MediaOutput.Because("Claude makes no images, and takes none back"),
	}
	for _, c := range []struct {
		name, id string
		profile  *bedrock.Profile
		http2    bool
		lacks    []llmtest.Capability
	}{
		{"http1", "test.model", able(), false, unable},
		{"h2c", "test.model", able(), true, unable},
		{"claude", "global.anthropic.claude-opus-4-6-v1", nil, false, claude},
	} {
		t.Run(c.name, func(t *testing.T) {
			llmtest.Run(t, llmtest.Harness{
				New: func(t *testing.T, s llmtest.Script) llm.Model {
					server := bedrocktest.NewServer(s.Model(), &bedrocktest.Options{HTTP2: c.http2})
					t.Cleanup(server.Close)
					return bedrock.New(server.Client(), c.id, &bedrock.Options{Profile: c.profile})
				},
				Lacks: slices.Concat(lacks, c.lacks),
			})
		})
	}
}

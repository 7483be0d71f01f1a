package bedrock

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// rawAnswer is what [llm.Response.Raw] holds: the bytes, decoded when asked by
// [Details], [Output] and [RawJSON].
type rawAnswer struct {
	body   []byte // the whole answer; nil for a stream
	stop   []byte // the messageStop event of a stream
	finale []byte // its metadata event
}

// Output returns the answer as the AWS SDK's own type, and whether there is one: it
// is false for a stream, and for a response of another provider or one that a
// wrapper has changed. It is decoded at each call.
func Output(r *llm.Response) (*bedrockruntime.ConverseOutput, bool) {
	raw, ok := rawOf(r)
	if !ok || raw.body == nil {
		return nil, false
	}
	out, err := decodeOutput(raw.body)
	return out, err == nil
}

// RawJSON returns the body of an answer as it was received, and whether there is one:
// it is false for a stream, as [Output] is. It must not be changed.
func RawJSON(r *llm.Response) (json.RawMessage, bool) {
	raw, ok := rawOf(r)
	if !ok || raw.body == nil {
		return nil, false
	}
	return raw.body, true
}

// ResponseDetails is what Bedrock says of an answer that has no neutral form. Zero
// fields were not sent.
type ResponseDetails struct {
	Guardrail        *types.GuardrailTraceAssessment // the guardrail's verdict, where a trace was asked for
	InvokedModel     string                          // the model that a prompt router chose
	ServiceTier      string                          // as served
	Latency          string                          // of the performance configuration, as served
	AdditionalFields json.RawMessage                 // what [RequestOptions.ResponseFieldPaths] asked for
}

// Details returns Bedrock's details of an answer, of Generate and of a collected
// stream alike. It is false for a response of another provider or one that a
// wrapper has changed. It reads the answer at each call.
func Details(r *llm.Response) (*ResponseDetails, bool) {
	raw, ok := rawOf(r)
	if !ok {
		return nil, false
	}
	d := &jsonDecoder{}
	details := &ResponseDetails{}
	for _, doc := range [][]byte{raw.body, raw.stop, raw.finale} {
		v, _ := parse(doc)
		for key, v := range v.fields() {
			switch string(key) {
			case "trace":
				details.InvokedModel = d.text(v.get("promptRouter").get("invokedModelId"))
				details.Guardrail = decodeGuardrail(v)
			case "serviceTier":
				details.ServiceTier = d.text(v.get("type"))
			case "performanceConfig":
				details.Latency = d.text(v.get("latency"))
			case "additionalModelResponseFields":
				if !v.isNull() {
					details.AdditionalFields = v.clone()
				}
			}
		}
	}
	return details, true
}

func decodeGuardrail(trace value) *types.GuardrailTraceAssessment {
	if trace.get("guardrail").isNull() {
		return nil
	}
	out, err := decodeOutput([]byte(`{"trace":` + string(trace) + `}`))
	if err != nil || out.Trace == nil {
		return nil
	}
	return out.Trace.Guardrail
}

func rawOf(r *llm.Response) (*rawAnswer, bool) {
	if r == nil {
		return nil, false
	}
	raw, ok := r.Raw.(*rawAnswer)
	return raw, ok
}

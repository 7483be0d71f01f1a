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
	Verdict          *GuardrailVerdict               // what guardrails decided; nil where the answer shows no sign of one
	Guardrail        *types.GuardrailTraceAssessment // all of it, where a trace was asked for
	InvokedModel     string                          // the model that a prompt router chose
	ServiceTier      string                          // as served
	Latency          string                          // of the performance configuration, as served
	AdditionalFields json.RawMessage                 // what [RequestOptions.ResponseFieldPaths] asked for

	// StopSequence is the sequence that ended the answer, where it was asked for: some
	// models have it at "/stop_sequence", some at "/delta/stop_sequence". Ask for both.
	StopSequence string

	Trace json.RawMessage // the trace of guardrails and prompt routers as it was received
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
	var stopReason string
	for _, doc := range [][]byte{raw.body, raw.stop, raw.finale} {
		v, _ := parse(doc)
		for key, v := range v.fields() {
			switch string(key) {
			case "trace":
				details.InvokedModel = d.text(v.get("promptRouter").get("invokedModelId"))
				details.Guardrail = decodeGuardrail(v)
				if !v.isNull() {
					details.Trace = v.clone()
				}
			case "stopReason":
				stopReason = d.text(v)
			case "serviceTier":
				details.ServiceTier = d.text(v.get("type"))
			case "performanceConfig":
				details.Latency = d.text(v.get("latency"))
			case "additionalModelResponseFields":
				if !v.isNull() {
					details.AdditionalFields = v.clone()
					details.StopSequence = stopSequence(v)
				}
			}
		}
	}
	details.Verdict = verdictOf(details.Guardrail, stopReason)
	return details, true
}

func decodeGuardrail(trace value) *types.GuardrailTraceAssessment {
	if trace.get("guardrail").isNull() {
		return nil
	}
	out, err := decodeOutput([]byte(`{"trace":` + string(trace) + `}`))
	if err != nil || out.Trace == nil {
		return nil // the trace itself is kept
	}
	g := out.Trace.Guardrail
	for id, a := range g.InputAssessment {
		withoutRepeats(&a)
		g.InputAssessment[id] = a
	}
	for _, list := range g.OutputAssessments {
		for i := range list {
			withoutRepeats(&list[i])
		}
	}
	return g
}

// stopSequence reads the sequence that ended an answer from the model's own fields.
func stopSequence(fields value) string {
	for _, v := range []value{fields.get("stop_sequence"), fields.get("delta").get("stop_sequence")} {
		if s := v.appendString(nil); len(s) > 0 {
			return string(s)
		}
	}
	return ""
}

func rawOf(r *llm.Response) (*rawAnswer, bool) {
	if r == nil {
		return nil, false
	}
	raw, ok := r.Raw.(*rawAnswer)
	return raw, ok
}

package bedrock

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// both reads the same end of an answer whole and streamed.
func both(t *testing.T, stopReason, fields, trace string) []*ResponseDetails {
	t.Helper()
	c := &call{model: &Model{modelID: "m"}}
	whole, err := c.decodeAnswer([]byte(`{"output":{"message":{"content":[{"text":"a"}]}},"stopReason":"` + stopReason + `","additionalModelResponseFields":` + fields + `,"trace":` + trace + `}`))
	if err != nil {
		t.Fatal(err)
	}
	streamed, _, err := decodeStream(bytes.NewReader(stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
		messageStop {"stopReason":"`+stopReason+`","additionalModelResponseFields":`+fields+`}
		metadata {"usage":{},"trace":`+trace+`}`)))
	if err != nil {
		t.Fatal(err)
	}
	var out []*ResponseDetails
	for _, r := range []*llm.Response{whole, streamed} {
		d, ok := Details(r)
		if !ok {
			t.Fatal("no details")
		}
		out = append(out, d)
	}
	return out
}

func TestVerdicts(t *testing.T) {
	const in, out = types.GuardrailContentSourceInput, types.GuardrailContentSourceOutput
	topic := func(action string) string {
		return `{"topicPolicy":{"topics":[{"name":"n","type":"DENY","action":"` + action + `"}]}}`
	}
	for _, c := range []struct {
		name, stop, trace string
		want              *GuardrailVerdict
	}{
		{"no guardrail", "end_turn", `null`, nil},
		{"a router only", "end_turn", `{"promptRouter":{"invokedModelId":"m"}}`, nil},
		{"no trace", "guardrail_intervened", `null`, &GuardrailVerdict{Intervened: true}},
		{"nothing found", "end_turn", `{"guardrail":{"inputAssessment":{"g":{}}}}`, &GuardrailVerdict{}},
		{"input", "guardrail_intervened", `{"guardrail":{"actionReason":"r","inputAssessment":{"g":` + topic("BLOCKED") + `}}}`,
			&GuardrailVerdict{Intervened: true, InputBlocked: true, Reason: "r", Findings: []GuardrailFinding{{in, "g", "topic", "n", "BLOCKED"}}}},
		{"output, two guardrails", "guardrail_intervened", `{"guardrail":{"outputAssessments":{"h":[` + topic("BLOCKED") + `],"g":[` + topic("NONE") + `,` + topic("NONE") + `]}}}`,
			&GuardrailVerdict{Intervened: true, OutputBlocked: true, Findings: []GuardrailFinding{{out, "g", "topic", "n", "NONE"}, {out, "g", "topic", "n", "NONE"}, {out, "h", "topic", "n", "BLOCKED"}}}},
		{"masked", "end_turn", `{"guardrail":{"outputAssessments":{"g":[{"sensitiveInformationPolicy":{"regexes":[{"name":"id","match":"SECRET","action":"ANONYMIZED"}]}}]}}}`,
			&GuardrailVerdict{Intervened: true, Findings: []GuardrailFinding{{out, "g", "sensitive_information", "id", "ANONYMIZED"}}}},
		{"an action of tomorrow", "end_turn", `{"guardrail":{"inputAssessment":{"g":` + topic("REWRITTEN") + `}}}`,
			&GuardrailVerdict{Intervened: true, Findings: []GuardrailFinding{{in, "g", "topic", "n", "REWRITTEN"}}}},
	} {
		for _, d := range both(t, c.stop, `null`, c.trace) {
			if diff := cmp.Diff(c.want, d.Verdict); diff != "" {
				t.Errorf("%s:\n%s", c.name, diff)
			}
			if (string(d.Trace) == c.trace) == (c.trace == "null") {
				t.Errorf("%s: trace %s", c.name, d.Trace)
			}
		}
	}
	// What cannot be read as the SDK's type is there all the same.
	for _, d := range both(t, "guardrail_intervened", `null`, `{"guardrail":{"inputAssessment":"?"}}`) {
		if d.Guardrail != nil || !d.Verdict.Intervened || len(d.Trace) == 0 {
			t.Errorf("%+v", d)
		}
	}
}

func TestStopSequence(t *testing.T) {
	for fields, want := range map[string]string{
		`{"stop_sequence":"END"}`: "END", `{"delta":{"stop_sequence":"EN\"D"}}`: `EN"D`, `{"stop_sequence":null,"delta":{"stop_sequence":"END"}}`: "END",
		`{"stop_sequence":5}`: "", `{"stop_sequence":null}`: "", `{}`: "", `null`: "", `"stop_sequence"`: "",
	} {
		for _, d := range both(t, "stop_sequence", fields, `null`) {
			if d.StopSequence != want || fields != "null" && string(d.AdditionalFields) != fields {
				t.Errorf("%s: %+v", fields, d)
			}
		}
	}
}

func TestCitationLocation(t *testing.T) {
	web := &types.CitationLocationMemberWeb{Value: types.WebLocation{Url: new("u")}}
	for _, c := range []struct {
		citation llm.Citation
		want     types.CitationLocation
	}{
		{llm.Citation{}, nil},
		{llm.Citation{Kind: "moon", Data: json.RawMessage(`{"location":{"moon":{}}}`)}, nil},
		{llm.Citation{Kind: "document_char", Start: new(1 << 40)}, nil},
		{llm.Citation{Kind: "web", URL: "u"}, web},
		{llm.Citation{Kind: "web", URL: "u", Data: json.RawMessage(`{"location":{"web":{"url":"u"}},"of":"tomorrow"}`)}, web},
		{llm.Citation{Kind: "web", URL: "u", Data: json.RawMessage(`{"location":{"web":{"url":"u","domain":"d"}}}`)},
			&types.CitationLocationMemberWeb{Value: types.WebLocation{Url: new("u"), Domain: new("d")}}},
		{llm.Citation{Kind: "document_page", Document: new(0), Start: new(1), End: new(2)},
			&types.CitationLocationMemberDocumentPage{Value: types.DocumentPageLocation{DocumentIndex: new(int32(0)), Start: new(int32(1)), End: new(int32(2))}}},
	} {
		got, ok := CitationLocation(c.citation)
		if ok != (c.want != nil) || !sameLocation(got, c.want) {
			t.Errorf("%+v: %#v, %v", c.citation, got, ok)
		}
	}
}

func sameLocation(a, b types.CitationLocation) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// An image that came to nothing reads the same whole and streamed, and so does one in a
// bucket.
func TestImagesOfAnswers(t *testing.T) {
	c := &call{model: &Model{modelID: "m"}}
	for _, image := range []struct {
		source string
		media  bool
	}{
		{`"source":{"bytes":"AQID"}`, true}, {`"source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"1"}}`, true},
		{`"error":{"message":"no"}`, false}, {`"source":{"bytes":"AQID"},"error":{"message":"cut"}`, false}, {`"source":{"hologram":{}}`, false},
	} {
		whole, err := c.decodeAnswer([]byte(`{"output":{"message":{"content":[{"image":{"format":"png",` + image.source + `}}]}},"stopReason":"end_turn"}`))
		if err != nil {
			t.Fatal(err)
		}
		streamed, _, err := decodeStream(bytes.NewReader(stream(t, `contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{`+image.source+`}}}
			contentBlockStop {"contentBlockIndex":0}
			messageStop {"stopReason":"end_turn"}`)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Message, streamed.Message); diff != "" {
			t.Errorf("%s:\n%s", image.source, diff)
		}
		if _, media := whole.Message.Content[0].(*llm.MediaPart); media != image.media {
			t.Errorf("%s: %T", image.source, whole.Message.Content[0])
		}
	}
	// One that breaks after it began says so.
	streamed, events, err := decodeStream(bytes.NewReader(stream(t, `contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AQID"}}}}
		contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"error":{"message":"cut"}}}}
		contentBlockStop {"contentBlockIndex":0}
		messageStop {"stopReason":"end_turn"}`)))
	if err != nil || len(streamed.Warnings) != 2 || len(events) != 5 {
		t.Errorf("%+v, %d events, %v", streamed.Warnings, len(events), err)
	}
	for _, v := range []string{`{"image":5}`, `{"image":[1]}`} {
		if _, _, err := decodeStream(bytes.NewReader(stream(t, `contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":`+v+`}`))); llm.CodeOf(err) != llm.ErrMalformedOutput {
			t.Errorf("%s: %v", v, err)
		}
	}
}

// Words that we do not know are the service's to judge.
func TestUnknownWordsPass(t *testing.T) {
	req := &llm.Request{Messages: []llm.Message{llm.UserText("x")}}
	o := &RequestOptions{Guardrail: &Guardrail{ID: "g", Version: "1", Trace: "full", StreamMode: "half"}, ServiceTier: "best", Latency: "none", Effort: "some"}
	in, err := encoded(New(nil, "m", nil), req, o)
	if err != nil {
		t.Fatal(err)
	}
	if out := streamInput(in, o.Guardrail); in.GuardrailConfig.Trace != "full" || out.GuardrailConfig.StreamProcessingMode != "half" || in.ServiceTier.Type != "best" ||
		in.PerformanceConfig.Latency != "none" || *in.OutputConfig.Effort != "some" {
		t.Errorf("%+v", in)
	}
	in, err = encoded(New(nil, "m", nil), req, &RequestOptions{Guardrail: &Guardrail{}})
	if err != nil || in.GuardrailConfig != nil {
		t.Errorf("%+v, %v", in, err)
	}
}

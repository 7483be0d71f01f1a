package bedrock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/llm"
)

// What is said to be mapped is seen to be: every member of the requests has been on
// the wire, and every member of the answers makes a difference to what is read.

// capable is a profile of a model that can do everything, so that nothing is repaired.
var capable = &Profile{
	Family: "all", SystemMessages: true, LeadingAssistant: true, AssistantMedia: true, Prefill: true, StreamTools: true,
	ToolChoiceAny: true, ToolChoiceTool: true, ForcedToolWithReasoning: true, StrictTools: true, StructuredOutput: true,
	ToolResultStatus: true, ToolResultJSON: true, EmptyToolResult: true, ToolResultImages: true, ToolResultDocuments: true,
	ToolResultVideo: true, BesideToolResult: BesideAny, UnsignedReasoning: true, SamplingWithReasoning: true, MaxStopSequences: 4,
	CacheSystem: true, CacheMessages: true, CacheTools: true, CacheBesideTools: true, CacheHour: true,
}

// bedrockServer answers every operation, and keeps the bodies by operation.
func bedrockServer(t *testing.T, answers map[string]string) (client *bedrockruntime.Client, bodies map[string][]json.RawMessage) {
	bodies = map[string][]json.RawMessage{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		body, _ := io.ReadAll(r.Body)
		bodies[op] = append(bodies[op], body)
		w.Header().Set("X-Amzn-Requestid", "r1")
		_, _ = io.WriteString(w, answers[op])
	}))
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: &s.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	}), bodies
}

// mark notes each member that a document holds, as "Type.member", and each value of an
// enum.
func mark(seen map[string]bool, name string, s *smithy.Schema, doc any) {
	switch s.Type() {
	case smithy.ShapeTypeEnum:
		seen[fmt.Sprint(name, ".", doc)] = true
	case smithy.ShapeTypeList:
		list, _ := doc.([]any)
		for _, item := range list {
			mark(seen, s.ListMember().TargetID().Name, s.ListMember(), item)
		}
	case smithy.ShapeTypeMap:
		object, _ := doc.(map[string]any)
		for _, item := range object {
			mark(seen, s.MapValue().TargetID().Name, s.MapValue(), item)
		}
	case smithy.ShapeTypeStructure, smithy.ShapeTypeUnion:
		object, _ := doc.(map[string]any)
		for key, item := range object {
			if m := s.Member(key); m != nil {
				seen[name+"."+key] = true
				mark(seen, m.TargetID().Name, m, item)
			}
		}
	}
}

func decodeJSON(t *testing.T, text []byte) (doc any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return doc
}

// wants are the members of mapped that some schemas reach and nobody has seen.
func wants(t *testing.T, roots map[string]*smithy.Schema, seen map[string]bool) (missing []string) {
	places := tableOf(t, mapped)
	for m := range reach(t, roots, places) {
		if places[m] && !seen[m] && !strings.HasSuffix(m, ".*") {
			missing = append(missing, m)
		}
	}
	slices.Sort(missing)
	return missing
}

// sampleParts are parts that say all that a user message can.
func sampleParts() []llm.Part {
	native := func(kind, data string) llm.Part {
		return &llm.ProviderPart{Provider: Provider, Kind: kind, Data: json.RawMessage(data)}
	}
	parts := []llm.Part{
		llm.Text("text"), llm.CachePoint(), &llm.CachePointPart{TTL: time.Hour}, &llm.CachePointPart{TTL: 5 * time.Minute},
		&llm.MediaPart{MediaType: "image/png", URI: "s3://b/i"}, S3Media("video/mp4", "s3://b/v", "123456789012"), S3Media("audio/wav", "s3://b/a", "123456789012"),
		&llm.DocumentPart{Name: "text", Text: "t", Context: "c", Cite: true}, &llm.DocumentPart{Name: "stored", MediaType: "application/pdf", URI: "s3://b/d"},
		DocumentChunks("chunks", true, "one", "two"), SearchResult("https://example.com", "title", true, "one", "two"),
		GuardText("x", "grounding_source", "query", "guard_content"), GuardImage("", []byte("\x89PNG\r\n\x1a\nrest")), GuardImage("image/jpeg", []byte{1}),
		native("image", `{"format":"png","source":{"bytes":"AQ=="},"error":{"message":"cut"}}`), native("audio", `{"format":"mp3","source":{"bytes":"AQ=="},"error":{"message":"cut"}}`),
	}
	for mediaType := range imageFormats {
		parts = append(parts, llm.Image(mediaType, []byte{1}))
	}
	for mediaType := range videoFormats {
		parts = append(parts, &llm.MediaPart{MediaType: mediaType, Data: []byte{1}})
	}
	for mediaType := range audioFormats {
		parts = append(parts, &llm.MediaPart{MediaType: mediaType, Data: []byte{1}})
	}
	for mediaType := range documentFormats {
		parts = append(parts, llm.Document("document", mediaType, []byte{1}))
	}
	return parts
}

// sampleAnswers are parts that say all that an assistant message can.
func sampleAnswers() []llm.Part {
	native := func(kind, data string) llm.Part {
		return &llm.ProviderPart{Provider: Provider, Kind: kind, Data: json.RawMessage(data)}
	}
	opaque := &llm.Opaque{Provider: Provider, Model: "m"}
	return []llm.Part{
		&llm.ReasoningPart{Text: "r", Signature: "s", Opaque: opaque}, &llm.ReasoningPart{Redacted: []byte{1}, Opaque: opaque},
		&llm.TextPart{Text: "cited", Opaque: opaque, Citations: []llm.Citation{
			{Kind: "document_char", Title: "t", Source: "s", Text: "x", Document: new(0), Start: new(1), End: new(2)},
			{Kind: "document_page", Document: new(0), Start: new(1), End: new(2)}, {Kind: "document_chunk", Document: new(0), Start: new(1), End: new(2)},
			{Kind: "web", URL: "https://example.com"},
			{Data: json.RawMessage(`{"location":{"web":{"url":"https://example.com","domain":"example.com"}}}`)},
		}},
		native("toolUse", `{"toolUseId":"s1","name":"nova_grounding","type":"server_tool_use","input":{"q":1}}`),
		native("toolResult", `{"toolUseId":"s1","type":"nova_result","status":"success","content":[{"text":"found"}]}`),
	}
}

// sampleRequests are requests that say all that can be said.
func sampleRequests() []*llm.Request {
	with := func(o *RequestOptions) *llm.Request {
		r := &llm.Request{Messages: []llm.Message{llm.UserText("x")}}
		if o != nil {
			r.SetOptions(o)
		}
		return r
	}
	tools := []llm.Tool{
		{Name: "f", Description: "d", Strict: true, Schema: json.RawMessage(`{"type":"object","properties":{},"required":[],"additionalProperties":false}`), Cache: &llm.CachePointPart{TTL: time.Hour}},
		SystemTool("nova_grounding"),
	}
	all := []*llm.Request{
		{Messages: []llm.Message{llm.UserText("x")}, MaxTokens: 1, Temperature: new(0.5), TopP: new(0.5), StopSequences: []string{"END"}, Metadata: map[string]string{"k": "v"},
			Output: &llm.OutputFormat{Name: "n", Description: "d", Schema: json.RawMessage(`{"type":"object","properties":{},"required":[],"additionalProperties":false}`)}},
		{System: []llm.Part{llm.Text("s"), llm.CachePoint(), GuardText("g")}, Tools: tools, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceAny},
			Messages: []llm.Message{llm.UserText("x"), llm.System(llm.Text("s"), ToolAddition("f"), ToolRemoval("f"),
				&llm.ProviderPart{Provider: Provider, Kind: toolAddition, Data: json.RawMessage(`{"tool":{"name":"f","serverName":"mcp","type":"mcp"}}`)}), llm.UserText("y")}},
		{Tools: tools, ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "f"}, Messages: []llm.Message{llm.UserText("x"),
			llm.Assistant(&llm.ToolCallPart{ID: "c1", Name: "f", Input: json.RawMessage(`{"a":1}`)}, &llm.ToolCallPart{ID: "c2", Name: "f", Input: json.RawMessage(`{"a":2}`)}),
			llm.User(llm.ToolResult("c1", llm.Text("t"), ToolResultJSON(json.RawMessage(`{"a":1}`)), llm.Image("image/png", []byte{1}), llm.Document("d", "application/pdf", []byte{1}),
				&llm.MediaPart{MediaType: "video/mp4", Data: []byte{1}}, SearchResult("s", "t", false, "x")), llm.ToolError("c2", "no"))}},
		with(&RequestOptions{Guardrail: &Guardrail{ID: "g", Version: "1"}, PromptVariables: map[string]string{"k": "v"}, Effort: "high", BucketOwner: "123456789012",
			AdditionalFields: json.RawMessage(`{"k":1}`), ResponseFieldPaths: []string{"/stop_sequence"}}),
	}
	for _, v := range enums["GuardrailTrace"] {
		all = append(all, with(&RequestOptions{Guardrail: &Guardrail{ID: "g", Version: "1", Trace: v}}))
	}
	for _, v := range enums["GuardrailStreamProcessingMode"] {
		all = append(all, with(&RequestOptions{Guardrail: &Guardrail{ID: "g", Version: "1", StreamMode: v}}))
	}
	for _, v := range enums["ServiceTierType"] {
		all = append(all, with(&RequestOptions{ServiceTier: v}))
	}
	for _, v := range enums["PerformanceConfigLatency"] {
		all = append(all, with(&RequestOptions{Latency: v}))
	}
	for _, p := range sampleParts() {
		all = append(all, &llm.Request{Messages: []llm.Message{llm.User(llm.Text("x"), p)}})
	}
	for _, p := range sampleAnswers() {
		all = append(all, &llm.Request{Tools: tools, Messages: []llm.Message{llm.UserText("x"), llm.Assistant(p, llm.Text("a")), llm.UserText("y")}})
	}
	return all
}

func TestEveryRequestMemberIsSent(t *testing.T) {
	client, bodies := bedrockServer(t, map[string]string{
		"converse":        `{"output":{"message":{"role":"assistant","content":[{"text":"{}"}]}},"stopReason":"end_turn"}`,
		"converse-stream": string(stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"{}"}}`+end)),
		"count-tokens":    `{"inputTokens":7}`,
		"apply":           `{"action":"NONE"}`,
	})
	m := New(client, "m", &Options{Profile: capable})
	for _, req := range sampleRequests() {
		// As it comes from storage.
		text, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		stored := &llm.Request{}
		if err := json.Unmarshal(text, stored); err != nil {
			t.Fatal(err)
		}
		stored.Options = req.Options // these the application stores itself
		for _, req := range []*llm.Request{req, stored} {
			r, err := m.Generate(t.Context(), req)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, w := range r.Warnings {
				if w.Code != llm.WarningIncomplete {
					t.Errorf("%v\n%s", w, text)
				}
			}
		}
		if n := len(bodies["converse"]); !sameJSON(bodies["converse"][n-1], bodies["converse"][n-2]) {
			t.Errorf("stored and loaded it sends something else:\n%s\n%s", bodies["converse"][n-2], bodies["converse"][n-1])
		}
		if _, err := llm.Collect(m.Stream(t.Context(), req)); err != nil {
			t.Fatal(err)
		}
		if n, err := m.CountTokens(t.Context(), req); err != nil || n != 7 {
			t.Fatal(n, err)
		}
	}
	for _, source := range types.GuardrailContentSource("").Values() {
		for i := range 2 {
			g := NewGuardrailClient(client, "g", "1", &GuardrailClientOptions{FullOutput: i == 0})
			if _, err := g.Apply(t.Context(), source, llm.Text("x"), GuardText("x", "grounding_source", "query", "guard_content"),
				llm.Image("image/png", []byte{1}), GuardImage("image/jpeg", []byte{1})); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The path has them.
	seen := map[string]bool{"ConverseRequest.modelId": true, "ConverseStreamRequest.modelId": true, "CountTokensRequest.modelId": true,
		"ApplyGuardrailRequest.guardrailIdentifier": true, "ApplyGuardrailRequest.guardrailVersion": true}
	for op, name := range map[string]string{"converse": "ConverseRequest", "converse-stream": "ConverseStreamRequest", "count-tokens": "CountTokensRequest", "apply": "ApplyGuardrailRequest"} {
		for _, body := range bodies[op] {
			mark(seen, name, requests[name], decodeJSON(t, body))
		}
	}
	for _, m := range wants(t, requests, seen) {
		if strings.Contains(m, "earchResultLocation") {
			continue // Bedrock does not take its own citations of search results back
		}
		t.Errorf("%s is mapped, and was never sent", m)
	}
}

// encoded is what a request becomes.
func encoded(m *Model, req *llm.Request, o *RequestOptions) (*bedrockruntime.ConverseInput, error) {
	d, err := m.normalize(req, o, false)
	if err != nil {
		return nil, err
	}
	return m.encode(d)
}

// wireBlocks are the content blocks of what sampleRequests sends: each that there is.
func wireBlocks(t *testing.T) []string {
	m := New(nil, "m", &Options{Profile: capable})
	var out []string
	seen := map[string]bool{}
	add := func(block types.ContentBlock) {
		text, err := encodeBlock(block)
		if err != nil {
			t.Fatal(err)
		}
		if !seen[string(text)] {
			seen[string(text)] = true
			out = append(out, string(text))
		}
	}
	for _, req := range sampleRequests() {
		in, err := encoded(m, req, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range in.Messages {
			for _, block := range msg.Content {
				add(block)
			}
		}
	}
	return append(out, `{"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"123456789012"}}}}`,
		`{"citationsContent":{"content":[{"text":"found"}],"citations":[{"location":{"searchResultLocation":{"searchResultIndex":3,"start":1,"end":2}}}]}}`)
}

// Each block of an answer is read, and goes back as it came.
func TestEveryBlockGoesBack(t *testing.T) {
	kinds := map[string]bool{}
	for _, text := range wireBlocks(t) {
		v, _ := parse([]byte(text))
		kind, _ := v.only()
		kinds[string(kind)] = true
		c := &call{model: &Model{modelID: "m"}}
		r, err := c.decodeAnswer([]byte(`{"output":{"message":{"role":"assistant","content":[` + text + `]}},"stopReason":"end_turn"}`))
		if err != nil || len(r.Message.Content) != 1 {
			t.Errorf("%s: %v, %v", text, r, err)
			continue
		}
		// By way of storage.
		stored, _ := json.Marshal(r.Message)
		var msg llm.Message
		if err := json.Unmarshal(stored, &msg); err != nil {
			t.Fatal(err)
		}
		blocks, err := (&encoder{modelID: "m"}).appendBlocks(nil, msg.Content[0])
		if err != nil || len(blocks) != 1 {
			t.Errorf("%s: %v, %v", text, blocks, err)
			continue
		}
		if again, err := encodeBlock(blocks[0]); err != nil || !sameJSON([]byte(text), again) {
			t.Errorf("%v\ncame %s\nwent %s", err, text, again)
		}
	}
	for kind := range schemas.ContentBlock.Members() {
		if !kinds[kind] {
			t.Errorf("no sample of a %s", kind)
		}
	}
}

// cuts ranges over the documents that a document becomes when one of its members is
// taken out, by the member's path.
func cuts(doc any, yield func(path string)) {
	switch doc := doc.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(doc)) {
			v := doc[key]
			delete(doc, key)
			yield(key)
			doc[key] = v
			cuts(v, func(path string) { yield(key + "." + path) })
		}
	case []any:
		for i, v := range doc {
			cuts(v, func(path string) { yield(fmt.Sprint(i, ".", path)) })
		}
	}
}

// reading is all that the application gets of an answer, but for the raw bytes.
type reading struct {
	Response *llm.Response
	Details  *ResponseDetails
	Err      error
	Events   []llm.Event
}

func readingOf(r *llm.Response, events []llm.Event, err error) reading {
	out := reading{Response: r, Err: err}
	if r != nil {
		out.Details, _ = Details(r)
		if out.Details != nil {
			out.Details.Trace = nil
		}
		out.Response = new(*r)
		out.Response.Raw = nil
	}
	for _, ev := range events {
		if f, ok := ev.(*llm.Finish); ok {
			ev = new(*f)
			ev.(*llm.Finish).Raw = nil
		}
		out.Events = append(out.Events, ev)
	}
	return out
}

const assessment = `{
	"appliedGuardrailDetails":{"guardrailId":"gid","guardrailArn":"a","guardrailVersion":"1","guardrailOrigin":["REQUEST"],"guardrailOwnership":"SELF"},
	"topicPolicy":{"topics":[{"name":"n","type":"DENY","action":"BLOCKED","detected":true},{"name":"n","type":"DENY","action":"NONE"}]},
	"contentPolicy":{"filters":[{"type":"HATE","confidence":"HIGH","filterStrength":"LOW","action":"BLOCKED","detected":true},{"type":"HATE","confidence":"LOW","action":"NONE"}]},
	"wordPolicy":{"customWords":[{"match":"w","action":"BLOCKED","detected":true}],"managedWordLists":[{"match":"w","type":"PROFANITY","action":"NONE","detected":true}]},
	"sensitiveInformationPolicy":{"piiEntities":[{"match":"m","type":"EMAIL","action":"ANONYMIZED","detected":true},{"match":"m","type":"NAME","action":"BLOCKED"}],
		"regexes":[{"name":"n","match":"m","regex":"r","action":"NONE","detected":true}]},
	"contextualGroundingPolicy":{"filters":[{"type":"GROUNDING","threshold":0.5,"score":0.25,"action":"BLOCKED","detected":true},{"type":"RELEVANCE","threshold":0.5,"score":0.75,"action":"NONE"}]},
	"automatedReasoningPolicy":{"findings":[{"valid":{"logicWarning":{"type":"ALWAYS_TRUE"}}},{"invalid":{"logicWarning":{"type":"ALWAYS_TRUE"}}},{"satisfiable":{"logicWarning":{"type":"ALWAYS_TRUE"}}},
		{"impossible":{"logicWarning":{"type":"ALWAYS_TRUE"}}},{"translationAmbiguous":{"differenceScenarios":[{"statements":[{"logic":"l"}]}]}},{"tooComplex":{}},{"noTranslations":{}}]},
	"invocationMetrics":{"guardrailProcessingLatency":5,"usage":{"topicPolicyUnits":1},"guardrailCoverage":{"images":{"guarded":1,"total":2}}}}`

const endOfAnswer = `"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cacheReadInputTokens":3,"cacheWriteInputTokens":4,"cacheDetails":[{"ttl":"1h","inputTokens":2}]},
	"metrics":{"latencyMs":7},"performanceConfig":{"latency":"optimized"},"serviceTier":{"type":"flex"},
	"trace":{"promptRouter":{"invokedModelId":"served"},"guardrail":{"actionReason":"r","modelOutput":["said"],"inputAssessment":{"g":` + assessment + `},"outputAssessments":{"g":[` + assessment + `]}}}`

func TestEveryAnswerMemberIsRead(t *testing.T) {
	seen := map[string]bool{"ConverseStreamResponse.stream": true, "CountTokensResponse.inputTokens": true} // read by TestEveryRequestMemberIsSent
	c := &call{model: &Model{modelID: "m"}}
	read := func(text []byte) reading {
		r, err := c.decodeAnswer(text)
		return readingOf(r, nil, err)
	}
	lost := func(name string, doc any, path string, want, got reading) {
		if reflect.DeepEqual(want, got) {
			t.Errorf("%s: %s makes no difference", name, path)
		}
	}

	doc := decodeJSON(t, []byte(`{"output":{"message":{"role":"assistant","content":[`+strings.Join(wireBlocks(t), ",")+`]}},"stopReason":"end_turn",
		"additionalModelResponseFields":{"delta":{"stop_sequence":"END"}},`+endOfAnswer+`}`))
	mark(seen, "ConverseResponse", schemas.ConverseResponse, doc)
	text, _ := json.Marshal(doc)
	want := read(text)
	if want.Err != nil || want.Details.Guardrail == nil || len(want.Details.Verdict.Findings) != 36 {
		t.Fatalf("%v, %+v", want.Err, want.Details)
	}
	cuts(doc, func(path string) {
		if cut, _ := json.Marshal(doc); path != "output.message.role" {
			lost("answer", doc, path, want, read(cut))
		}
	})

	for name, lines := range map[string]string{
		"content": `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"r"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"AQ=="}}}
			contentBlockStop {"contentBlockIndex":0}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"t"}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"title":"t","source":"s","sourceContent":[{"text":"x"}],"location":{"web":{"url":"u","domain":"d"}}}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"location":{"documentChar":{"documentIndex":0,"start":1,"end":2}}}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"location":{"documentChunk":{"documentIndex":0,"start":1,"end":2}}}}}
			contentBlockDelta {"contentBlockIndex":1,"delta":{"citation":{"location":{"searchResultLocation":{"searchResultIndex":0,"start":1,"end":2}}}}}
			contentBlockStop {"contentBlockIndex":1}
			contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"c","name":"f"}}}
			contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":1}"}}}
			contentBlockStop {"contentBlockIndex":2}
			contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"s","name":"f","type":"server_tool_use"}}}
			contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"a\":1}"}}}
			contentBlockStop {"contentBlockIndex":3}
			contentBlockStart {"contentBlockIndex":4,"start":{"toolResult":{"toolUseId":"s","type":"t","status":"error"}}}
			contentBlockDelta {"contentBlockIndex":4,"delta":{"toolResult":[{"text":"t"},{"json":{"a":1}}]}}
			contentBlockStop {"contentBlockIndex":4}
			contentBlockStart {"contentBlockIndex":5,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":5,"delta":{"image":{"source":{"bytes":"AQ=="}}}}
			contentBlockStop {"contentBlockIndex":5}
			contentBlockStart {"contentBlockIndex":6,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":6,"delta":{"image":{"source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"123456789012"}}}}}
			contentBlockStop {"contentBlockIndex":6}
			contentBlockStart {"contentBlockIndex":7,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":7,"delta":{"image":{"error":{"message":"refused"}}}}
			contentBlockStop {"contentBlockIndex":7}
			contentBlockStart {"contentBlockIndex":8,"start":{"image":{"format":"png"}}}
			contentBlockDelta {"contentBlockIndex":8,"delta":{"image":{"source":{"bytes":"AQ=="}}}}
			contentBlockDelta {"contentBlockIndex":8,"delta":{"image":{"source":{"bytes":"AQ=="},"error":{"message":"cut"}}}}
			contentBlockStop {"contentBlockIndex":8}
			messageStop {"stopReason":"tool_use","additionalModelResponseFields":{"stop_sequence":"END"}}
			metadata {` + strings.ReplaceAll(endOfAnswer, "\n", "") + `}`,
		"internal":    `internalServerException {"message":"m"}`,
		"model":       `modelStreamErrorException {"message":"m","originalMessage":"o","originalStatusCode":500}`,
		"unavailable": `serviceUnavailableException {"message":"m"}`,
		"throttling":  `throttlingException {"message":"m"}`,
		"validation":  `validationException {"message":"m"}`,
	} {
		read := func(events []string) reading {
			return readingOf(decodeStream(bytes.NewReader(stream(t, strings.Join(events, "\n")))))
		}
		events := slices.Collect(strings.Lines(strings.TrimSpace(lines)))
		want := read(events)
		if (want.Err == nil) != (name == "content") {
			t.Fatal(want.Err)
		}
		for i, line := range events {
			event, payload, _ := strings.Cut(strings.TrimSpace(line), " ")
			doc := decodeJSON(t, []byte(payload))
			seen["ConverseStreamOutput."+event] = true
			m := schemas.ConverseStreamOutput.Member(event)
			mark(seen, m.TargetID().Name, m, doc)
			cuts(doc, func(path string) {
				cut, _ := json.Marshal(doc)
				lost(event, doc, path, want, read(slices.Replace(slices.Clone(events), i, i+1, event+" "+string(cut))))
			})
			if without := slices.Delete(slices.Clone(events), i, i+1); event != "contentBlockStop" && name == "content" {
				lost(event, doc, "the event", want, read(without))
			}
		}
	}

	doc = decodeJSON(t, []byte(`{"action":"GUARDRAIL_INTERVENED","actionReason":"r","outputs":[{"text":"o"}],"assessments":[`+assessment+`],
		"usage":{"topicPolicyUnits":1},"guardrailCoverage":{"images":{"guarded":1,"total":2}}}`))
	mark(seen, "ApplyGuardrailResponse", schemas.ApplyGuardrailResponse, doc)
	readGuardrail := func() (out *GuardrailResult, err error) {
		text, _ := json.Marshal(doc)
		if out, err = decodeGuardrailResult(text, types.GuardrailContentSourceInput); err == nil {
			out.Raw = nil
		}
		return out, err
	}
	result, err := readGuardrail()
	if err != nil || !result.Verdict.Intervened || !result.Verdict.InputBlocked || result.Verdict.OutputBlocked || len(result.Verdict.Findings) != 18 || result.Verdict.Findings[0].GuardrailID != "gid" {
		t.Fatalf("%+v, %v", result, err)
	}
	cuts(doc, func(path string) {
		if got, _ := readGuardrail(); reflect.DeepEqual(got, result) {
			t.Errorf("guardrail: %s makes no difference", path)
		}
	})

	// What nothing above can hold at once, and is read in other tests.
	for _, v := range enums["StopReason"] {
		seen["StopReason."+v] = true // TestStopReasons
	}
	seen["GuardrailAction.NONE"] = true
	// Settings, of which an answer has one at a time; they are passed on as they are.
	for name := range enums {
		if strings.HasPrefix(name, "ServiceTier") || strings.HasPrefix(name, "PerformanceConfig") || name == "ConversationRole" {
			for _, v := range enums[name] {
				seen[name+"."+v] = true
			}
		}
	}
	for _, m := range wants(t, answers, seen) {
		t.Errorf("%s is mapped, and was never read", m)
	}
}

// A stop reason means the same whole and streamed, and only three of them success.
func TestStopReasons(t *testing.T) {
	want := map[string]llm.StopReason{
		"end_turn": llm.StopEndTurn, "tool_use": llm.StopToolUse, "stop_sequence": llm.StopSequence, "max_tokens": llm.StopMaxTokens,
		"guardrail_intervened": llm.StopContentFilter, "content_filtered": llm.StopContentFilter,
		"malformed_model_output": llm.StopMalformed, "malformed_tool_use": llm.StopMalformed, "model_context_window_exceeded": llm.StopContextWindow,
	}
	for _, reason := range enums["StopReason"] {
		c := &call{model: &Model{modelID: "m"}}
		content := `{"text":"a"}`
		lines := `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}`
		if reason == "tool_use" {
			content = `{"toolUse":{"toolUseId":"1","name":"f","input":{}}}`
			lines = `contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"1","name":"f"}}}`
		}
		whole, err := c.decodeAnswer([]byte(`{"output":{"message":{"content":[` + content + `]}},"stopReason":"` + reason + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		streamed, _, err := decodeStream(bytes.NewReader(stream(t, lines+"\nmessageStop {\"stopReason\":\""+reason+"\"}")))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*llm.Response{whole, streamed} {
			if r.StopReason != want[reason] || r.RawStopReason != reason || r.StopReason == "" {
				t.Errorf("%s: %s, %s", reason, r.StopReason, r.RawStopReason)
			}
			if d, ok := Details(r); !ok || (d.Verdict != nil && d.Verdict.Intervened) != (reason == "guardrail_intervened") {
				t.Errorf("%s: %+v", reason, d)
			}
		}
	}
}

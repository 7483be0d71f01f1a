package bedrock_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

// The wire form of what only Bedrock has, one file each, live and from storage.
func TestEncodeNative(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	ask := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(append([]llm.Part{llm.Text("x")}, parts...)...)}}
	}
	with := func(o *bedrock.RequestOptions, parts ...llm.Part) *llm.Request {
		r := ask(parts...)
		r.SetOptions(o)
		return r
	}
	cases := []struct {
		name string
		req  *llm.Request
	}{
		{"native_search_result", ask(bedrock.SearchResult("https://example.com/a", "A <title>", true, "one", "two"), bedrock.SearchResult("s", "t", true, "x"))},
		{"native_chunks", ask(bedrock.DocumentChunks("handbook", true, "one", "two"), bedrock.DocumentChunks("plain", false, "x"))},
		{"native_tool_changes", &llm.Request{Tools: []llm.Tool{{Name: "f"}, {Name: "g"}, bedrock.SystemTool("nova_grounding")},
			Messages: []llm.Message{llm.UserText("x"), llm.System(bedrock.ToolAddition("f"), bedrock.ToolRemoval("g")), llm.UserText("y")}}},
		{"native_guard", func() *llm.Request {
			r := ask(bedrock.GuardImage("", png), bedrock.GuardImage("image/jpeg", []byte{1}), bedrock.GuardText("t", "query", "grounding_source"))
			r.System = []llm.Part{bedrock.GuardImage("image/jpg", []byte{2})}
			return r
		}()},
		{"native_json", &llm.Request{Tools: []llm.Tool{{Name: "f"}}, Messages: []llm.Message{llm.UserText("x"), llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "f"}),
			llm.User(llm.ToolResult("1", bedrock.ToolResultJSON(raw(`{"z": 1.50, "a": "<"}`)), bedrock.SearchResult("s", "t", false, "x")))}}},
		{"native_bucket_owner", with(&bedrock.RequestOptions{BucketOwner: "111111111111"}, &llm.MediaPart{MediaType: "image/png", URI: "s3://b/i"},
			bedrock.S3Media("video/mp4", "s3://c/v?x=1", "222222222222"), &llm.DocumentPart{Name: "d", MediaType: "application/pdf", URI: "s3://b/d"})},
		{"native_bucket_owner_part", ask(bedrock.S3Media("image/png", "s3://c/i", "222222222222"), bedrock.S3Media("image/png", "s3://c/i", ""))},
		{"native_effort", with(&bedrock.RequestOptions{Effort: "xhigh", Guardrail: &bedrock.Guardrail{Trace: "enabled"}})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, nil)
			m := bedrock.New(s.Client(), "m", &bedrock.Options{Profile: able()})
			text, err := json.Marshal(c.req)
			if err != nil {
				t.Fatal(err)
			}
			stored := &llm.Request{}
			if err := json.Unmarshal(text, stored); err != nil {
				t.Fatal(err)
			}
			stored.Options = c.req.Options
			for _, req := range []*llm.Request{c.req, stored} {
				r, err := m.Generate(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Warnings) > 0 {
					t.Errorf("%v", r.Warnings)
				}
			}
			wire := s.Exchanges()
			golden(t, filepath.Join("encode", c.name+".json"), wire[0].Body)
			if diff := cmp.Diff(string(wire[0].Body), string(wire[1].Body)); diff != "" {
				t.Errorf("from storage:\n%s", diff)
			}
		})
	}
}

// The options survive storage of the application's own.
func TestRequestOptionsAreStored(t *testing.T) {
	want := &bedrock.RequestOptions{Guardrail: &bedrock.Guardrail{ID: "g", Version: "1", Trace: "enabled", StreamMode: "async"}, ServiceTier: "flex", Latency: "optimized",
		PromptVariables: map[string]string{"k": "v"}, AdditionalFields: json.RawMessage(`{"k":1}`), ResponseFieldPaths: []string{"/stop_sequence"}, Effort: "high", BucketOwner: "1"}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &bedrock.RequestOptions{}
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNativeRefused(t *testing.T) {
	ask := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(append([]llm.Part{llm.Text("x")}, parts...)...)}}
	}
	with := func(g *bedrock.Guardrail) *llm.Request {
		r := ask()
		r.SetOptions(&bedrock.RequestOptions{Guardrail: g})
		return r
	}
	failed := &llm.ProviderPart{Provider: bedrock.Provider, Kind: "image", Data: json.RawMessage(`{"format":"png","error":{"message":"SECRET"}}`)}
	cases := []struct {
		name string
		req  *llm.Request
		code llm.Code
		want string
	}{
		{"guardrail without version", with(&bedrock.Guardrail{ID: "SECRET"}), llm.ErrInvalidRequest, "options.guardrail.version: missing"},
		{"guardrail without id", with(&bedrock.Guardrail{Version: "1"}), llm.ErrInvalidRequest, "options.guardrail.id: missing"},
		{"effort", func() *llm.Request {
			r := ask()
			r.SetOptions(&bedrock.RequestOptions{Effort: "SECRET\xff"})
			return r
		}(), llm.ErrInvalidRequest, "options.effort: invalid UTF-8"},
		{"json outside of a result", ask(bedrock.ToolResultJSON(json.RawMessage(`{"SECRET":1}`))), llm.ErrUnsupported, "messages[0].content[1].kind: JSON stands in a tool result"},
		{"guard image of another type", ask(bedrock.GuardImage("", []byte("SECRET"))), llm.ErrInvalidRequest, "messages[0].content[1].data: lacks what the AWS SDK requires"},
		{"an image that failed", ask(failed), llm.ErrInvalidRequest, "messages[0].content[1].data: lacks what the AWS SDK requires"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, nil)
			_, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), c.req)
			if asError(t, err).Code != c.code || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%v", err)
			}
			if n := len(s.Exchanges()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
	// In the model's own words it does not end the conversation.
	s := answering(t, nil)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("x"), llm.Assistant(llm.Text("a"), failed), llm.UserText("y")}}
	if r, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), req); err != nil || len(r.Warnings) != 1 || r.Warnings[0].Field != "messages[1].content[1]" {
		t.Errorf("%+v, %v", r, err)
	}
}

package bedrock_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

const (
	input  = types.GuardrailContentSourceInput
	output = types.GuardrailContentSourceOutput
)

// guardrailServer answers every call alike, and notes path and body of the last.
func guardrailServer(t *testing.T, status int, answer string) (client *bedrockruntime.Client, path, body *string) {
	path, body = new(string), new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*path, *body = r.URL.EscapedPath(), string(b)
		w.Header().Set("X-Amzn-Requestid", "r1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return localClient(t, s.URL), path, body
}

func TestApplyGuardrail(t *testing.T) {
	client, path, body := guardrailServer(t, 200, `{"action":"GUARDRAIL_INTERVENED","actionReason":"Guardrail blocked.","outputs":[{"text":"Sorry."}],
		"usage":{"topicPolicyUnits":1},"guardrailCoverage":{"textCharacters":{"guarded":5,"total":5}},
		"assessments":[{"topicPolicy":{"topics":[{"name":"money","type":"DENY","action":"BLOCKED"}]},"sensitiveInformationPolicy":{"piiEntities":[{"type":"EMAIL","match":"a@b","action":"ANONYMIZED"}]}},
			{"automatedReasoningPolicy":{"findings":[{"tooComplex":{}},{"brandNew":{}},{"brandNew":{}}]}}]}`)
	g := bedrock.NewGuardrailClient(client, "arn:aws:bedrock:us-east-1:1:guardrail/g", "DRAFT", &bedrock.GuardrailClientOptions{FullOutput: true})
	r, err := g.Apply(t.Context(), input, llm.Text("a <b>"), bedrock.GuardText("t", "query"), llm.Image("image/png", png), bedrock.GuardImage("image/jpeg", []byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	if *path != "/guardrail/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aguardrail%2Fg/version/DRAFT/apply" {
		t.Error(*path)
	}
	if want := `{"content":[{"text":{"text":"a <b>"}},{"text":{"qualifiers":["query"],"text":"t"}},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgpyZXN0"}}},{"image":{"format":"jpeg","source":{"bytes":"AQ=="}}}],"outputScope":"FULL","source":"INPUT"}`; *body != want {
		t.Error(cmp.Diff(want, *body))
	}
	want := bedrock.GuardrailVerdict{Intervened: true, InputBlocked: true, Reason: "Guardrail blocked.", Findings: []bedrock.GuardrailFinding{
		{Source: input, Policy: "topic", Name: "money", Action: "BLOCKED"}, {Source: input, Policy: "sensitive_information", Name: "EMAIL", Action: "ANONYMIZED"},
		{Source: input, Policy: "automated_reasoning", Name: "tooComplex"}, {Source: input, Policy: "automated_reasoning", Name: "unknown"}, {Source: input, Policy: "automated_reasoning", Name: "unknown"}}}
	if diff := cmp.Diff(want, r.Verdict); diff != "" {
		t.Error(diff)
	}
	if r.RequestID != "r1" || len(r.Outputs) != 1 || r.Outputs[0] != "Sorry." || *r.Usage.TopicPolicyUnits != 1 || *r.Coverage.TextCharacters.Total != 5 ||
		len(r.Assessments) != 2 || !strings.Contains(string(r.Raw), "brandNew") {
		t.Errorf("%+v", r)
	}
	for action, intervened := range map[string]bool{"NONE": false, "A_WORD_OF_TOMORROW": true} {
		client, _, _ := guardrailServer(t, 200, `{"action":"`+action+`","assessments":[{"contentPolicy":{"filters":[{"type":"HATE","action":"NONE"}]}}]}`)
		r, err := bedrock.NewGuardrailClient(client, "g", "1", nil).Apply(t.Context(), output, llm.Text("x"))
		if err != nil || r.Verdict.Intervened != intervened || r.Verdict.OutputBlocked || len(r.Verdict.Findings) != 1 {
			t.Errorf("%s: %+v, %v", action, r, err)
		}
	}
}

// Whatever goes wrong is typed as a model's failure is, and no verdict is made of it.
func TestApplyGuardrailFailures(t *testing.T) {
	ok := `{"action":"NONE"}`
	long := strings.Repeat(" ", 129<<20)
	for _, c := range []struct {
		name   string
		status int
		answer string
		code   llm.Code
		typed  func(error) bool
	}{
		{"throttled", 429, `{"__type":"ThrottlingException","message":"slow down"}`, llm.ErrRateLimited, isA[*types.ThrottlingException]},
		{"not found", 404, `{"__type":"ResourceNotFoundException","message":"no such guardrail 'SECRET'"}`, llm.ErrNotFound, isA[*types.ResourceNotFoundException]},
		{"words of a model", 400, `{"__type":"ValidationException","message":"The provided model identifier is invalid."}`, llm.ErrNotFound, isA[*types.ValidationException]},
		{"quota", 400, `{"__type":"ServiceQuotaExceededException"}`, llm.ErrQuotaExhausted, isA[*types.ServiceQuotaExceededException]},
		{"a proxy", 502, `<html>`, llm.ErrUnavailable, nil},
		{"redirect", 307, ``, llm.ErrUnknown, nil},
		{"empty", 200, ``, llm.ErrMalformedOutput, nil},
		{"cut", 200, `{"action":"NO`, llm.ErrMalformedOutput, nil},
		{"of another service", 200, `{"output":{}}`, llm.ErrMalformedOutput, nil},
		{"wrong form", 200, `{"action":"NONE","outputs":"SECRET"}`, llm.ErrMalformedOutput, nil},
		{"too large", 200, ok + long, llm.ErrMalformedOutput, nil},
	} {
		client, _, _ := guardrailServer(t, c.status, c.answer)
		r, err := bedrock.NewGuardrailClient(client, "g", "1", nil).Apply(t.Context(), input, llm.Text("x"))
		e := asError(t, err)
		if r != nil || e.Code != c.code || e.Op != "apply guardrail" || e.Provider != bedrock.Provider || e.Model != "g" || e.RequestID != "r1" || e.Status != c.status ||
			strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "knows no model") || c.typed != nil && !c.typed(err) {
			t.Errorf("%s: %v, %+v", c.name, r, e)
		}
	}

	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, ok)
	}))
	t.Cleanup(cut.Close)
	if _, err := bedrock.NewGuardrailClient(localClient(t, cut.URL), "g", "1", nil).Apply(t.Context(), input, llm.Text("x")); llm.CodeOf(err) != llm.ErrIncomplete {
		t.Errorf("a cut answer: %v", err)
	}

	client, path, _ := guardrailServer(t, 200, ok)
	g := bedrock.NewGuardrailClient(client, "g", "1", nil)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Apply(canceled, input, llm.Text("x")); !errors.Is(err, context.Canceled) || llm.CodeOf(err) != llm.ErrCanceled {
		t.Errorf("canceled: %v", err)
	}
	var noContext context.Context
	if _, err := g.Apply(noContext, input, llm.Text("x")); llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), "nil context") {
		t.Errorf("no context: %v", err)
	}
	for _, c := range []struct {
		name  string
		g     *bedrock.GuardrailClient
		src   types.GuardrailContentSource
		parts []llm.Part
		code  llm.Code
		want  string
	}{
		{"nil", nil, input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "nil guardrail client: make one with NewGuardrailClient"},
		{"zero", &bedrock.GuardrailClient{}, input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "the guardrail client with NewGuardrailClient"},
		{"nil client", bedrock.NewGuardrailClient(nil, "g", "1", nil), input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "nil client: make one with bedrockruntime.NewFromConfig, and the guardrail client with NewGuardrailClient"},
		{"zero AWS client", bedrock.NewGuardrailClient(&bedrockruntime.Client{}, "g", "1", nil), input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "a client that bedrockruntime.New did not make"},
		{"no credentials", bedrock.NewGuardrailClient(bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", HTTPClient: &http.Client{}}), "g", "1", nil), input, []llm.Part{llm.Text("x")}, llm.ErrUnauthenticated, "no credentials"},
		{"no id", bedrock.NewGuardrailClient(client, "", "1", nil), input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "id: missing"},
		{"no version", bedrock.NewGuardrailClient(client, "g", "", nil), input, []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "version: missing"},
		{"no source", g, "", []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "source: missing"},
		{"source in small letters", g, "input", []llm.Part{llm.Text("x")}, llm.ErrInvalidRequest, "source: neither INPUT nor OUTPUT"},
		{"no parts", g, input, nil, llm.ErrInvalidRequest, "parts: empty"},
		{"nil part", g, input, []llm.Part{nil}, llm.ErrInvalidRequest, "parts[0]: nil part"},
		{"nil text", g, input, []llm.Part{(*llm.TextPart)(nil)}, llm.ErrInvalidRequest, "parts[0]: nil part"},
		{"bad text", g, input, []llm.Part{llm.Text("SECRET\xff")}, llm.ErrInvalidRequest, "parts[0].text: invalid UTF-8"},
		{"tool result", g, input, []llm.Part{llm.Text("x"), llm.ToolResult("1", llm.Text("SECRET"))}, llm.ErrUnsupported, "parts[1]: a guardrail judges text and images"},
		{"another block", g, input, []llm.Part{bedrock.SearchResult("s", "t", false, "SECRET")}, llm.ErrUnsupported, "parts[0]: a guardrail judges"},
		{"sound", g, input, []llm.Part{&llm.MediaPart{MediaType: "audio/wav", Data: []byte{1}}}, llm.ErrUnsupported, "parts[0].media_type"},
		{"stored image", g, input, []llm.Part{&llm.MediaPart{MediaType: "image/png", URI: "s3://b/k"}}, llm.ErrUnsupported, "parts[0].uri"},
		{"no data", g, input, []llm.Part{&llm.MediaPart{MediaType: "image/png"}}, llm.ErrInvalidRequest, "parts[0].data: empty"},
		{"too large", g, input, []llm.Part{llm.Image("image/png", make([]byte, 20<<20))}, llm.ErrInvalidRequest, "parts[0]: too large: the images come to 27962028 bytes in base64, and Bedrock takes at most"},
	} {
		t.Setenv("AWS_BEARER_TOKEN_BEDROCK", "")
		*path = ""
		_, err := c.g.Apply(t.Context(), c.src, c.parts...)
		if e := asError(t, err); e.Code != c.code || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") || *path != "" {
			t.Errorf("%s: %v, path %q", c.name, err, *path)
		}
	}
}

// The SDK does not retry unless it is told to.
func TestApplyGuardrailOnce(t *testing.T) {
	for _, keep := range []bool{false, true} {
		n := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.WriteHeader(503)
		}))
		defer s.Close()
		o := localClient(t, s.URL).Options()
		o.Retryer = atOnce{}
		if _, err := bedrock.NewGuardrailClient(bedrockruntime.New(o), "g", "1", &bedrock.GuardrailClientOptions{KeepSDKRetries: keep}).Apply(t.Context(), input, llm.Text("x")); llm.CodeOf(err) != llm.ErrOverloaded || (n == 2) != keep {
			t.Errorf("keep %v: %d calls, %v", keep, n, err)
		}
	}
}

// The ban on sending is for guardrails, too. It holds for the rest of the process, so it
// is tried in another.
func TestApplyGuardrailForbidden(t *testing.T) {
	if os.Getenv("PARLEY_TEST_FORBID_GUARDRAIL") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestApplyGuardrailForbidden$")
		cmd.Env = append(os.Environ(), "PARLEY_TEST_FORBID_GUARDRAIL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	client, path, _ := guardrailServer(t, 200, `{"action":"NONE"}`)
	llm.ForbidSend()
	if _, err := bedrock.NewGuardrailClient(client, "g", "1", nil).Apply(t.Context(), input, llm.Text("x")); llm.CodeOf(err) != llm.ErrRejected || *path != "" {
		t.Errorf("%v", err)
	}
}

package bedrock_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// uncounted is how the service says that it does not count for a model.
var uncounted = bedrocktest.Fault{Type: "ValidationException", Message: "The provided model doesn't support counting tokens."}

const (
	arn       = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef"
	promptARN = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1"
)

func helloEstimate() bedrock.TokenCount {
	return bedrock.TokenCount{Tokens: 8 + 2, Estimated: true}
}

// The service counts for base ids only.
func TestCountTokensSendsTheBaseID(t *testing.T) {
	s := answering(t, nil)
	for id, want := range map[string]string{
		bare: bare, profile: bare, "global." + bare: bare, arn: arn,
	} {
		n, err := bedrock.New(s.Client(), id, nil).CountTokensDetail(t.Context(), hello)
		if err != nil || n.Estimated || n.Tokens <= 0 {
			t.Errorf("%s: %+v, %v", id, n, err)
		}
		w := s.Exchanges()
		if last := w[len(w)-1]; last.Op != "CountTokens" || last.ModelID != want {
			t.Errorf("%s: %s for %s, want %s", id, last.Op, last.ModelID, want)
		}
	}
}

// What the service does not count is estimated. What will not change is asked once.
func TestCountTokensEstimates(t *testing.T) {
	for _, c := range []struct {
		name, id, message string
		status            int
		profile           *bedrock.Profile
		sent              int // requests for two calls
		code              llm.Code
	}{
		{name: "refused", id: profile, message: uncounted.Message, sent: 1},
		{name: "the base id takes no calls", id: profile, message: "Invocation of model ID m with on-demand throughput isn’t supported.", sent: 1},
		{name: "refused ARN", id: arn, message: "The provided model identifier is invalid.", sent: 1},
		{name: "documents", id: profile, message: "Document input not supported for token counting", sent: 2},
		{name: "told by the profile", id: profile, message: uncounted.Message, profile: &bedrock.Profile{NoCountTokens: true}, sent: 0},
		{name: "wrong id", id: "anthropic.typo", message: "The provided model identifier is invalid.", sent: 2, code: llm.ErrNotFound},
		{name: "wrong request", id: profile, message: "Malformed: 'The provided model doesn't support counting tokens.'", sent: 2, code: llm.ErrInvalidRequest},
		{name: "another failure", id: profile, message: uncounted.Message, status: 500, sent: 2, code: llm.ErrInternal},
		{name: "stored prompt", id: promptARN, message: uncounted.Message, sent: 2, code: llm.ErrInvalidRequest},
		{name: "stored prompt, told by the profile", id: promptARN, message: uncounted.Message, profile: &bedrock.Profile{NoCountTokens: true}, sent: 2, code: llm.ErrInvalidRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			fault := bedrocktest.Fault{Type: "ValidationException", Status: c.status, Message: c.message}
			if c.status != 0 {
				fault.Type = "InternalServerException"
			}
			s := answering(t, &bedrocktest.Options{Fault: always(fault)})
			m := bedrock.New(s.Client(), c.id, &bedrock.Options{Profile: c.profile})
			for range 2 {
				n, err := m.CountTokensDetail(t.Context(), hello)
				if llm.CodeOf(err) != c.code {
					t.Fatalf("%v", err)
				}
				want := helloEstimate()
				if c.code != "" {
					want = bedrock.TokenCount{}
				}
				if diff := cmp.Diff(want, n); diff != "" {
					t.Error(diff)
				}
			}
			if n := len(s.Exchanges()); n != c.sent {
				t.Errorf("%d requests for two calls", n)
			}
			// Another model with the same id asks for itself.
			if _, err := bedrock.New(s.Client(), c.id, nil).CountTokens(t.Context(), hello); llm.CodeOf(err) != c.code {
				t.Errorf("%v", err)
			}
			if n := len(s.Exchanges()); n != c.sent+1 {
				t.Errorf("the refusal was remembered beyond the model")
			}
		})
	}
}

// A request that is wrong is not estimated, and neither is one whose context is done.
func TestEstimateChecksFirst(t *testing.T) {
	s := answering(t, nil)
	m := bedrock.New(s.Client(), bare, &bedrock.Options{Profile: &bedrock.Profile{NoCountTokens: true}})
	if _, err := m.CountTokensDetail(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("a"), {Role: "judge"}}}); llm.CodeOf(err) != llm.ErrInvalidRequest ||
		!strings.Contains(err.Error(), "messages[1].role") {
		t.Errorf("%v", err)
	}
	if _, err := m.CountTokensDetail(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText(" ")}}); err == nil || !strings.Contains(err.Error(), "messages[0].content[0]") {
		t.Errorf("%v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := m.CountTokensDetail(done, hello); llm.CodeOf(err) != llm.ErrCanceled || !errors.Is(err, context.Canceled) || n != (bedrock.TokenCount{}) {
		t.Errorf("%+v, %v", n, err)
	}
	var none *bedrock.Model
	if _, err := none.CountTokensDetail(t.Context(), hello); llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("%v", err)
	}
	if n := len(s.Exchanges()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// ModifyInput is for what is sent: also to be counted, and not to be estimated.
func TestModifyInputOfCounts(t *testing.T) {
	for _, c := range []struct {
		name         string
		fault        *bedrocktest.Fault
		estimates    bool // from the start
		first, later int  // calls of it by then
	}{
		{"counted", nil, false, 1, 2},
		{"refused", &uncounted, false, 1, 1},
		{"told by the profile", nil, true, 0, 0},
	} {
		s := answering(t, &bedrocktest.Options{Fault: func(int, *http.Request) *bedrocktest.Fault { return c.fault }})
		n := 0
		m := bedrock.New(s.Client(), bare, &bedrock.Options{Profile: &bedrock.Profile{NoCountTokens: c.estimates},
			ModifyInput: func(*bedrockruntime.ConverseInput) { n++ }})
		for _, want := range []int{c.first, c.later} {
			if _, err := m.CountTokens(t.Context(), hello); err != nil || n != want {
				t.Errorf("%s: called %d times, want %d; %v", c.name, n, want, err)
			}
		}
	}
	// What cannot be encoded is still no estimate.
	m := bedrock.New(answering(t, nil).Client(), bare, &bedrock.Options{Profile: &bedrock.Profile{NoCountTokens: true}})
	if _, err := m.CountTokens(t.Context(), &llm.Request{Messages: hello.Messages, MaxTokens: 1 << 40}); llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("%v", err)
	}
}

// The rule of the documentation, part by part. Each request has one message, of 8.
func TestEstimateRule(t *testing.T) {
	s := answering(t, nil)
	m := bedrock.New(s.Client(), bare, &bedrock.Options{Profile: &bedrock.Profile{NoCountTokens: true}})
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	user := func(parts ...llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.User(parts...)}}
	}
	pdf := func(n int) *llm.Request {
		return user(llm.Text("abc"), llm.Document("abc", "application/pdf", make([]byte, n)))
	}
	video := func(n int) *llm.Request {
		return user(llm.Text("abc"), &llm.MediaPart{MediaType: "video/mp4", Data: make([]byte, n)})
	}
	tools := user(llm.Text("abc"))
	tools.Tools = []llm.Tool{{Name: "abc", Description: "abcdef", Schema: json.RawMessage(`{"type":"object"}`)}}
	system := user(llm.Text("abcd"))
	system.System = []llm.Part{llm.Text("ab")}
	calls := user(llm.Text("abc"))
	calls.Messages = append(calls.Messages,
		llm.Assistant(&llm.ToolCallPart{ID: "abc", Name: "abc", Input: json.RawMessage(`{"a":1}`)}),
		llm.User(llm.ToolResult("abc", llm.Text("abcd"), llm.Image("image/png", png))))
	calls.Tools = tools.Tools
	for _, c := range []struct {
		name string
		req  *llm.Request
		want int
	}{
		{"three bytes", user(llm.Text("abc")), 8 + 1},
		{"four bytes", user(llm.Text("abcd")), 8 + 2},
		{"two texts", user(llm.Text("ab"), llm.Text("a")), 8 + 1},
		{"ideographs", user(llm.Text("漢字")), 8 + 2},
		{"system prompt", system, 8 + 2},
		{"tools", tools, 8 + 800 + 1 + (3+6+17+2)/3},
		{"calls and results", calls, 3*8 + 800 + (3+(3+3+7)+(3+4)+(3+6+17)+2)/3 + 4_800},
		{"image", user(llm.Text("abc"), llm.Image("", png)), 8 + 1 + 4_800},
		{"image elsewhere", user(llm.Text("abc"), &llm.MediaPart{MediaType: "image/png", URI: "s3://b/k"}), 8 + 1 + 4_800},
		{"document of text", user(llm.Text("abc"), &llm.DocumentPart{Name: "abc", Text: "abcdef"}), 8 + 4},
		{"file of text", user(llm.Text("abc"), llm.Document("abc", "text/csv", []byte("abcdef"))), 8 + 4},
		{"a page", pdf(1), 8 + 2 + 3_000},
		{"two pages", pdf(10<<10 + 1), 8 + 2 + 6_000},
		{"a book", pdf(4 << 20), 8 + 2 + 300_000},
		{"document elsewhere", user(llm.Text("abc"), &llm.DocumentPart{Name: "abc", MediaType: "application/pdf", URI: "s3://b/k"}), 8 + 2 + 300_000},
		{"video", video(1), 8 + 1 + 3_000},
		{"long video", video(12 << 20), 8 + 1 + 280_000},
		{"video elsewhere", user(llm.Text("abc"), &llm.MediaPart{MediaType: "video/mp4", URI: "s3://b/k"}), 8 + 1 + 280_000},
	} {
		got, err := m.CountTokensDetail(t.Context(), c.req)
		if err != nil || got != (bedrock.TokenCount{Tokens: c.want, Estimated: true}) {
			t.Errorf("%s: %+v, %v, want %d", c.name, got, err, c.want)
		}
		if n, err := m.CountTokens(t.Context(), c.req); err != nil || n != c.want {
			t.Errorf("%s: CountTokens: %d, %v", c.name, n, err)
		}
	}
}

// The refusal is remembered while others count.
func TestCountTokensConcurrently(t *testing.T) {
	s := answering(t, &bedrocktest.Options{Fault: always(uncounted)})
	m := bedrock.New(s.Client(), profile, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				if n, err := m.CountTokensDetail(t.Context(), hello); err != nil || n != helloEstimate() {
					t.Errorf("%+v, %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.Exchanges()); n < 1 || n > 16 {
		t.Errorf("%d requests by 16 goroutines", n)
	}
}

// An estimate sends nothing, so that no ban on sending stands in its way. The ban is
// for the rest of the process, so it is tried in another.
func TestEstimateUnderForbidSend(t *testing.T) {
	if os.Getenv("PARLEY_TEST_FORBID") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEstimateUnderForbidSend$")
		cmd.Env = append(os.Environ(), "PARLEY_TEST_FORBID=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	s := answering(t, &bedrocktest.Options{Fault: func(int, *http.Request) *bedrocktest.Fault { return &uncounted }})
	client := localClient(t, s.URL)
	asked, told, fresh := bedrock.New(client, bare, nil),
		bedrock.New(client, bare, &bedrock.Options{Profile: &bedrock.Profile{NoCountTokens: true}}),
		bedrock.New(client, bare, nil)
	if _, err := asked.CountTokens(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	llm.ForbidSend()
	for _, m := range []*bedrock.Model{asked, told} {
		if n, err := m.CountTokensDetail(t.Context(), hello); err != nil || n != helloEstimate() {
			t.Errorf("%+v, %v", n, err)
		}
	}
	if _, err := fresh.CountTokens(t.Context(), hello); llm.CodeOf(err) != llm.ErrRejected {
		t.Errorf("%v", err)
	}
	if n := len(s.Exchanges()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

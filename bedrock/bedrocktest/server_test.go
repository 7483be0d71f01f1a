package bedrocktest_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	smithydocument "github.com/aws/smithy-go/document"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// noSerde lets cmp look into the SDK's types.
var noSerde = cmp.Options{
	cmpopts.IgnoreTypes(smithydocument.NoSerde{}),
	cmpopts.IgnoreFields(types.ConverseMetrics{}, "LatencyMs"),
	cmpopts.IgnoreFields(types.ConverseStreamMetrics{}, "LatencyMs"),
}

// protocols runs a test over HTTP/1.1 and over cleartext HTTP/2.
func protocols(t *testing.T, f func(t *testing.T, http2 bool)) {
	t.Run("HTTP1", func(t *testing.T) { f(t, false) })
	t.Run("HTTP2", func(t *testing.T) { f(t, true) })
}

func TestConverse(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, says(hello), &bedrocktest.Options{HTTP2: http2})
		out, err := converse(t.Context(), s.Client())
		if err != nil {
			t.Fatal(err)
		}
		want := &types.ConverseOutputMemberMessage{Value: types.Message{Role: types.ConversationRoleAssistant,
			Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "Hello!"}}}}
		if diff := cmp.Diff(want, out.Output, noSerde); diff != "" {
			t.Error(diff)
		}
		if out.StopReason != types.StopReasonEndTurn {
			t.Error(out.StopReason)
		}
		usage := &types.TokenUsage{InputTokens: aws.Int32(5), OutputTokens: aws.Int32(2), TotalTokens: aws.Int32(7)}
		if diff := cmp.Diff(usage, out.Usage, noSerde); diff != "" {
			t.Error(diff)
		}
		if out.Metrics == nil || out.Metrics.LatencyMs == nil {
			t.Error("no latency")
		}
		wire := s.Exchanges()[0]
		if want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]; wire.Proto != want {
			t.Errorf("spoke %s, not %s", wire.Proto, want)
		}
		if wire.Header.Get("Authorization") != "redacted" || wire.ModelID != someModel || wire.Op != "Converse" {
			t.Errorf("%+v", wire)
		}
	})
}

func TestConverseStream(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, says(hello), &bedrocktest.Options{HTTP2: http2})
		got, err := collect(t.Context(), s.Client())
		if err != nil {
			t.Fatal(err)
		}
		want := []types.ConverseStreamOutput{
			&types.ConverseStreamOutputMemberMessageStart{Value: types.MessageStartEvent{Role: types.ConversationRoleAssistant}},
			&types.ConverseStreamOutputMemberContentBlockDelta{Value: types.ContentBlockDeltaEvent{ContentBlockIndex: aws.Int32(0),
				Delta: &types.ContentBlockDeltaMemberText{Value: "Hello!"}}},
			&types.ConverseStreamOutputMemberContentBlockStop{Value: types.ContentBlockStopEvent{ContentBlockIndex: aws.Int32(0)}},
			&types.ConverseStreamOutputMemberMessageStop{Value: types.MessageStopEvent{StopReason: types.StopReasonEndTurn}},
			&types.ConverseStreamOutputMemberMetadata{Value: types.ConverseStreamMetadataEvent{
				Usage:   &types.TokenUsage{InputTokens: aws.Int32(5), OutputTokens: aws.Int32(2), TotalTokens: aws.Int32(7)},
				Metrics: &types.ConverseStreamMetrics{}}},
		}
		if diff := cmp.Diff(want, got, noSerde); diff != "" {
			t.Error(diff)
		}
	})
}

// Events reach the client as the model yields them, not when the answer is whole.
func TestStreamIsLive(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		seen := make(chan struct{})
		s := serve(t, model{stream: func(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
			return func(yield func(llm.Event, error) bool) {
				if !yield(&llm.PartStart{Part: llm.Text("")}, nil) || !yield(&llm.TextDelta{Text: "one"}, nil) {
					return
				}
				<-seen
				yield(&llm.Finish{StopReason: llm.StopEndTurn}, nil)
			}
		}}, &bedrocktest.Options{HTTP2: http2})
		out, err := s.Client().ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("m"), Messages: hi()})
		if err != nil {
			t.Fatal(err)
		}
		defer out.GetStream().Close()
		n := 0
		for ev := range out.GetStream().Events() {
			if _, ok := ev.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
				close(seen)
			}
			n++
		}
		if n != 5 {
			t.Errorf("%d events", n)
		}
	})
}

func TestModelIDs(t *testing.T) {
	s := serve(t, says(hello), nil)
	for _, id := range []string{
		someModel,
		"us.amazon.nova-lite-v1:0",
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
	} {
		_, err := s.Client().Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: &id, Messages: hi()})
		if err != nil {
			t.Error(err)
		}
		wire := s.Exchanges()
		last := wire[len(wire)-1]
		if last.ModelID != id {
			t.Errorf("%s arrived as %s", id, last.ModelID)
		}
		if strings.Contains(strings.TrimSuffix(strings.TrimPrefix(last.Path, "/model/"), "/converse"), "/") {
			t.Errorf("the id takes more than one segment of %s", last.Path)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	s := serve(t, says(hello), nil)
	seen := make(map[string]bool)
	note := func(id string) {
		t.Helper()
		if len(id) != 36 || seen[id] {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
	}
	for range 20 {
		out, err := converse(t.Context(), s.Client())
		if err != nil {
			t.Fatal(err)
		}
		id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		note(id)
		note(post(t, s, "/nowhere", "").Header.Get("x-amzn-requestid"))
		note(post(t, s, "/model/m/converse-stream", helloBody).Header.Get("x-amzn-requestid"))
	}
}

// No answer is compressed, whatever the client takes.
func TestNeverCompressed(t *testing.T) {
	s := serve(t, says(hello), nil)
	for _, op := range []string{"converse", "converse-stream"} {
		r := newPost(t, s, "/model/m/"+op, helloBody)
		r.Header.Set("Accept-Encoding", "gzip, br, deflate")
		if resp := do(t, http.DefaultClient, r); resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s", op, resp.Header.Get("Content-Encoding"))
		}
	}
}

func TestContentTypes(t *testing.T) {
	s := serve(t, says(hello), nil)
	for path, want := range map[string]string{
		"/model/m/converse":        "application/json",
		"/model/m/converse-stream": "application/vnd.amazon.eventstream",
		"/nowhere":                 "application/json",
	} {
		if got := post(t, s, path, helloBody).Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestCountTokens(t *testing.T) {
	input := &bedrockruntime.CountTokensInput{ModelId: aws.String("m"),
		Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: hi()}}}
	t.Run("counted", func(t *testing.T) {
		s := serve(t, counter{says(hello)}, nil)
		out, err := s.Client().CountTokens(t.Context(), input)
		if err != nil || *out.InputTokens != 4711 {
			t.Errorf("%v, %v", out, err)
		}
		if diff := cmp.Diff([]*llm.Request{{Messages: []llm.Message{llm.UserText("Hi")}}}, s.Requests()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("estimated", func(t *testing.T) {
		s := serve(t, says(hello), nil)
		out, err := s.Client().CountTokens(t.Context(), input)
		if want := int32(len(helloBody)+3) / 4; err != nil || *out.InputTokens != want {
			t.Errorf("%v, %v, want %d", out, err, want)
		}
	})
}

type counter struct{ model }

func (counter) CountTokens(context.Context, *llm.Request) (int, error) { return 4711, nil }

func TestRequestsAreCopies(t *testing.T) {
	s := serve(t, model{generate: func(_ context.Context, r *llm.Request) (*llm.Response, error) {
		r.Messages[0].Content[0].(*llm.TextPart).Text = "changed by the model"
		return hello, nil
	}}, nil)
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Fatal(err)
	}
	want := []*llm.Request{{Messages: []llm.Message{llm.UserText("Hi")}}}
	got := s.Requests()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got[0].Messages[0].Content[0].(*llm.TextPart).Text = "changed by the test"
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Error(diff)
	}
}

// What a rule, a fault or the model refuses has been received all the same; what is
// no request has no neutral form.
func TestRequestsOfRefused(t *testing.T) {
	s := serve(t, fails(llm.ErrOverloaded), &bedrocktest.Options{Fault: func(n int, r *http.Request) *bedrocktest.Fault {
		if n == 1 {
			return &bedrocktest.Fault{Type: "ThrottlingException"}
		}
		return nil
	}})
	post(t, s, "/model/m/converse", helloBody)
	post(t, s, "/model/m/converse", helloBody)
	post(t, s, "/model/m/converse", strings.ReplaceAll(helloBody, "Hi", " "))
	post(t, s, "/model/m/converse", "{")
	post(t, s, "/elsewhere", helloBody)
	if n := len(s.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
	if n := len(s.Exchanges()); n != 5 {
		t.Errorf("%d on the wire", n)
	}
	if s.Exchanges()[4].Op != "" || s.Exchanges()[4].Path != "/elsewhere" {
		t.Errorf("%+v", s.Exchanges()[4])
	}
}

func TestForget(t *testing.T) {
	var numbers []int
	s := serve(t, says(hello), &bedrocktest.Options{Forget: true, Fault: func(n int, _ *http.Request) *bedrocktest.Fault {
		numbers = append(numbers, n)
		return nil
	}})
	for range 3 {
		if _, err := converse(t.Context(), s.Client()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Requests() != nil || s.Exchanges() != nil {
		t.Error("a record was kept")
	}
	if diff := cmp.Diff([]int{0, 1, 2}, numbers); diff != "" {
		t.Error(diff)
	}
}

func TestAddr(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Addr: ":0"})
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Error(s.URL)
	}
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic where the address is taken")
		}
	}()
	bedrocktest.NewServer(says(hello), &bedrocktest.Options{Addr: strings.TrimPrefix(s.URL, "http://")})
}

func TestNilModel(t *testing.T) {
	s := serve(t, nil, nil)
	if got := post(t, s, "/model/m/converse", helloBody); got.StatusCode != 500 {
		t.Error(got.Status)
	}
}

// The client reads nothing from the environment: a bearer token would make it refuse
// to talk without TLS.
func TestClientIgnoresEnvironment(t *testing.T) {
	for key, value := range map[string]string{
		"AWS_BEARER_TOKEN_BEDROCK": "token", "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "from-env",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "7",
	} {
		t.Setenv(key, value)
	}
	s := serve(t, says(hello), nil)
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(fmt.Sprint(s.Client().Options().Credentials.Retrieve(t.Context())), "AKIDBEDROCKTEST") {
		t.Error("other credentials")
	}
}

// Whatever the endpoint, the client dials its server.
func TestClientIsLocal(t *testing.T) {
	s := serve(t, says(hello), nil)
	if _, ok := s.Client().Options().HTTPClient.(interface{ LocalOnly() }); !ok {
		t.Error("the HTTP client does not say that it is local")
	}
	_, err := s.Client().Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("m"), Messages: hi()},
		func(o *bedrockruntime.Options) { o.BaseEndpoint = aws.String("http://bedrock.example.com") })
	if err != nil {
		t.Error(err)
	}
}

// A client of the server's configuration is like its own.
func TestConfig(t *testing.T) {
	for _, keys := range []map[string]string{nil, {"AKID": "secret"}} {
		s := serve(t, fails(llm.ErrRateLimited), &bedrocktest.Options{Keys: keys})
		client := bedrockruntime.NewFromConfig(s.Config())
		if _, ok := client.Options().HTTPClient.(interface{ LocalOnly() }); !ok {
			t.Error("the HTTP client does not say that it is local")
		}
		if _, err := converse(t.Context(), client); err == nil || !strings.Contains(err.Error(), "ThrottlingException") || len(s.Requests()) != 1 {
			t.Errorf("%v, %d requests", err, len(s.Requests()))
		}
	}
}

func TestClientDoesNotRetry(t *testing.T) {
	s := serve(t, fails(llm.ErrRateLimited), nil)
	if _, err := converse(t.Context(), s.Client()); err == nil {
		t.Error("no error")
	}
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

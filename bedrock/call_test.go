package bedrock_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

var hello = &llm.Request{Messages: []llm.Message{llm.UserText("hello")}}

// helloWorld answers with the same bytes every time: its latency is given, not
// measured.
var helloWorld = replies{Message: llm.AssistantText("Hello, wörld"), StopReason: llm.StopEndTurn,
	Usage: llm.Usage{InputTokens: 1, OutputTokens: 2}, Latency: 7 * time.Millisecond}

// once returns a fault for the first request only.
func once(f bedrocktest.Fault) func(int, *http.Request) *bedrocktest.Fault {
	return func(n int, _ *http.Request) *bedrocktest.Fault {
		if n > 0 {
			return nil
		}
		return &f
	}
}

func always(f bedrocktest.Fault) func(int, *http.Request) *bedrocktest.Fault {
	return func(int, *http.Request) *bedrocktest.Fault { return &f }
}

// Every exception of the service, by type or by status alone, on every operation.
func TestServiceErrors(t *testing.T) {
	cases := []struct {
		fault     bedrocktest.Fault
		code      llm.Code
		retryable bool
		typed     func(error) bool
	}{
		{bedrocktest.Fault{Type: "AccessDeniedException"}, llm.ErrPermissionDenied, false, isA[*types.AccessDeniedException]},
		{bedrocktest.Fault{Type: "ConflictException"}, llm.ErrInvalidRequest, false, isA[*types.ConflictException]},
		{bedrocktest.Fault{Type: "InternalServerException"}, llm.ErrInternal, true, isA[*types.InternalServerException]},
		{bedrocktest.Fault{Type: "ModelErrorException"}, llm.ErrInternal, true, isA[*types.ModelErrorException]},
		{bedrocktest.Fault{Type: "ModelErrorException", Message: "Model produced invalid sequence as part of ToolUse."}, llm.ErrMalformedOutput, true, isA[*types.ModelErrorException]},
		{bedrocktest.Fault{Type: "ModelNotReadyException"}, llm.ErrNotReady, true, isA[*types.ModelNotReadyException]},
		{bedrocktest.Fault{Type: "ModelStreamErrorException"}, llm.ErrInternal, true, isA[*types.ModelStreamErrorException]},
		{bedrocktest.Fault{Type: "ModelTimeoutException"}, llm.ErrTimeout, true, isA[*types.ModelTimeoutException]},
		{bedrocktest.Fault{Type: "ResourceNotFoundException"}, llm.ErrNotFound, false, isA[*types.ResourceNotFoundException]},
		{bedrocktest.Fault{Type: "ServiceQuotaExceededException"}, llm.ErrQuotaExhausted, false, isA[*types.ServiceQuotaExceededException]},
		{bedrocktest.Fault{Type: "ServiceUnavailableException"}, llm.ErrOverloaded, true, isA[*types.ServiceUnavailableException]},
		{bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: 2 * time.Second}, llm.ErrRateLimited, true, isA[*types.ThrottlingException]},
		{bedrocktest.Fault{Type: "ThrottlingException", Message: "Too many tokens per day, please wait before trying again."}, llm.ErrQuotaExhausted, false, isA[*types.ThrottlingException]},
		{bedrocktest.Fault{Type: "ValidationException", Message: "Value 'SECRET' at 'messages' failed"}, llm.ErrInvalidRequest, false, isA[*types.ValidationException]},
		{bedrocktest.Fault{Type: "ValidationException", Message: "prompt is too long: 9 tokens > 8 maximum"}, llm.ErrContextTooLong, false, isA[*types.ValidationException]},
		{bedrocktest.Fault{Type: "ExpiredTokenException", Status: 403}, llm.ErrUnauthenticated, false, isA[*smithy.GenericAPIError]},
		{bedrocktest.Fault{Type: "UnrecognizedClientException", Status: 403}, llm.ErrUnauthenticated, false, isA[*smithy.GenericAPIError]},
		{bedrocktest.Fault{Type: "BrandNewException", Status: 503}, llm.ErrOverloaded, true, isA[*smithy.GenericAPIError]},
		{bedrocktest.Fault{Status: 400}, llm.ErrInvalidRequest, false, nil},
		{bedrocktest.Fault{Status: 401}, llm.ErrUnauthenticated, false, nil},
		{bedrocktest.Fault{Status: 403}, llm.ErrPermissionDenied, false, nil},
		{bedrocktest.Fault{Status: 404}, llm.ErrNotFound, false, nil},
		{bedrocktest.Fault{Status: 408}, llm.ErrTimeout, true, nil},
		{bedrocktest.Fault{Status: 413}, llm.ErrInvalidRequest, false, nil},
		{bedrocktest.Fault{Status: 424}, llm.ErrInternal, true, nil},
		{bedrocktest.Fault{Status: 429, RetryAfter: 3 * time.Second}, llm.ErrRateLimited, true, nil},
		{bedrocktest.Fault{Status: 500}, llm.ErrInternal, true, nil},
		{bedrocktest.Fault{Status: 502}, llm.ErrUnavailable, true, nil},
		{bedrocktest.Fault{Status: 503}, llm.ErrOverloaded, true, nil},
		{bedrocktest.Fault{Status: 504}, llm.ErrTimeout, true, nil},
		{bedrocktest.Fault{Status: 529}, llm.ErrOverloaded, true, nil},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.fault.Type, c.fault.Status), func(t *testing.T) {
			s := answering(t, &bedrocktest.Options{Fault: always(c.fault)})
			m := bedrock.New(s.Client(), "m", nil)
			_, generate := m.Generate(t.Context(), hello)
			_, stream := llm.Collect(m.Stream(t.Context(), hello))
			_, count := m.CountTokens(t.Context(), hello)
			for op, err := range map[string]error{"generate": generate, "stream": stream, "count tokens": count} {
				e := asError(t, err)
				if e.Code != c.code || llm.IsRetryable(err) != c.retryable || e.Op != op || e.RequestID == "" || e.RetryAfter != c.fault.RetryAfter {
					t.Errorf("%s: %v: %+v", op, err, *e)
				}
				if e.Status < 400 || c.fault.Status != 0 && e.Status != c.fault.Status {
					t.Errorf("%s: status %d", op, e.Status)
				}
				if c.typed != nil && !c.typed(err) {
					t.Errorf("%s: the SDK's own type is lost: %v", op, err)
				}
				if strings.Contains(err.Error()+e.Message, "SECRET") {
					t.Errorf("%s: content shows: %v", op, err)
				}
			}
			if n := len(s.Exchanges()); n != 3 {
				t.Errorf("%d requests for 3 calls", n)
			}
		})
	}
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// localClient returns an AWS client for a server of the test's own.
func localClient(t *testing.T, url string) *bedrockruntime.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	})
}

// What answers is not always Bedrock.
func TestAnswersOfOthers(t *testing.T) {
	cases := []struct {
		name    string
		handler http.HandlerFunc
		code    llm.Code
		status  int
		after   time.Duration
	}{
		{"a proxy's 502", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>SECRET</html>")
		}, llm.ErrUnavailable, 502, 0},
		{"a proxy's 429 with seconds", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
			io.WriteString(w, "slow down SECRET")
		}, llm.ErrRateLimited, 429, 7 * time.Second},
		{"an endless error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for i := 0; i < 64; i++ {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, llm.ErrInternal, 500, 0},
		{"nothing", func(w http.ResponseWriter, r *http.Request) {}, llm.ErrMalformedOutput, 200, 0},
		{"a web page", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>SECRET</html>") }, llm.ErrMalformedOutput, 200, 0},
		{"no content", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, llm.ErrIncomplete, 204, 0},
		{"a closed connection", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, llm.ErrUnavailable, 0, 0},
		{"half an answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"output":`)
		}, llm.ErrIncomplete, 200, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			m := bedrock.New(localClient(t, s.URL), "m", nil)
			_, generate := m.Generate(t.Context(), hello)
			r, stream := llm.Collect(m.Stream(t.Context(), hello))
			if e := asError(t, generate); e.Code != c.code || e.Status != c.status || e.RetryAfter != c.after {
				t.Errorf("generate: %v", generate)
			}
			want := c.code
			if c.status == 200 {
				want = llm.ErrIncomplete // a stream that does not end as one
			}
			if e := asError(t, stream); e.Code != want || e.Status != c.status || r != nil {
				t.Errorf("stream: %v", stream)
			}
			for _, err := range []error{generate, stream} {
				if strings.Contains(err.Error(), "SECRET") {
					t.Errorf("the body shows: %v", err)
				}
			}
		})
	}
}

// A server that says anything at all does not make a call hang, or go elsewhere.
func TestOddServers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		io.WriteString(w, `{"output":{"message":{"content":[{"text":"from elsewhere"}]}},"stopReason":"end_turn"}`)
	}))
	defer other.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"a switch of protocols": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			io.Copy(io.Discard, conn) // until the client leaves
		},
		"301": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusMovedPermanently)
		},
		"302": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"307": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(handler)
			defer s.Close()
			m := bedrock.New(localClient(t, s.URL), "m", nil)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, generate := m.Generate(ctx, hello)
			_, stream := llm.Collect(m.Stream(ctx, hello))
			for _, err := range []error{generate, stream} {
				if e := asError(t, err); e.Status >= 400 || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went to another host", n)
	}
}

// A client of the application's own may be odd in ways that net/http is not.
func TestOddClients(t *testing.T) {
	answer := func(body io.ReadCloser) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
		}
	}
	whole, _ := streamBody(t)
	client := func(do roundTrip) *bedrockruntime.Client {
		return bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: do,
			Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")})
	}
	t.Run("no end after the answer", func(t *testing.T) {
		body := &stuck{data: whole, closed: make(chan struct{})}
		r, err := llm.Collect(bedrock.New(client(answer(body)), "m", nil).Stream(t.Context(), hello))
		if err != nil || r.Text() != "Hello, wörld" {
			t.Errorf("%v, %v", r, err)
		}
	})
	t.Run("reads that bring nothing", func(t *testing.T) {
		_, err := llm.Collect(bedrock.New(client(answer(io.NopCloser(idle{}))), "m", nil).Stream(t.Context(), hello))
		if llm.CodeOf(err) != llm.ErrIncomplete {
			t.Errorf("%v", err)
		}
	})
	t.Run("typed nil error", func(t *testing.T) {
		do := roundTrip(func(*http.Request) (*http.Response, error) { return nil, (*llm.Error)(nil) })
		if _, err := bedrock.New(client(do), "m", nil).Generate(t.Context(), hello); llm.CodeOf(err) != llm.ErrUnavailable {
			t.Errorf("%v", err)
		}
	})
	t.Run("no body", func(t *testing.T) {
		do := roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Header: http.Header{}, Request: r}, nil
		})
		if _, err := bedrock.New(client(do), "m", nil).Generate(t.Context(), hello); llm.CodeOf(err) != llm.ErrInternal {
			t.Errorf("%v", err)
		}
	})
	for name, spoil := range map[string]func(*bedrockruntime.Options){
		"Retryer":            func(o *bedrockruntime.Options) { o.Retryer = nil },
		"Protocol":           func(o *bedrockruntime.Options) { o.Protocol = nil },
		"AuthSchemeResolver": func(o *bedrockruntime.Options) { o.AuthSchemeResolver = nil },
		"TracerProvider":     func(o *bedrockruntime.Options) { o.TracerProvider = nil },
		"MeterProvider":      func(o *bedrockruntime.Options) { o.MeterProvider = nil },
		"HTTPClient":         func(o *bedrockruntime.Options) { o.HTTPClient = (*http.Client)(nil) },
		"Credentials":        func(o *bedrockruntime.Options) { o.Credentials = (*aws.CredentialsCache)(nil) },
		"APIOptions":         func(o *bedrockruntime.Options) { o.APIOptions = append(o.APIOptions, nil) },
		"AuthSchemes":        func(o *bedrockruntime.Options) { o.AuthSchemes = []smithyhttp.AuthScheme{nil} },
		"HTTPClient func":    func(o *bedrockruntime.Options) { o.HTTPClient = roundTrip(nil) },
		"Credentials func":   func(o *bedrockruntime.Options) { o.Credentials = aws.CredentialsProviderFunc(nil) },
		"SDK panicked": func(o *bedrockruntime.Options) {
			o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { s.Deserialize.Clear(); return nil })
		},
	} {
		t.Run("nil "+name, func(t *testing.T) {
			req := hello.Clone()
			req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){spoil}})
			s := answering(t, nil)
			m := bedrock.New(s.Client(), "m", nil)
			_, generate := m.Generate(t.Context(), req)
			_, stream := llm.Collect(m.Stream(t.Context(), req))
			for _, err := range []error{generate, stream} {
				if llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), strings.TrimSuffix(name, " func")) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	t.Run("nil block", func(t *testing.T) {
		modify := func(in *bedrockruntime.ConverseInput) {
			in.Messages[0].Content = []types.ContentBlock{(*types.ContentBlockMemberText)(nil)}
		}
		_, err := bedrock.New(answering(t, nil).Client(), "m", &bedrock.Options{ModifyInput: modify}).Generate(t.Context(), hello)
		if llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("%v", err)
		}
	})
	var none *bedrock.Model
	if _, err := none.Generate(t.Context(), hello); llm.CodeOf(err) != llm.ErrInvalidRequest || asError(t, err).Provider != bedrock.Provider {
		t.Errorf("nil model: %v", err)
	}
	var noContext context.Context
	for _, err := range []error{
		func() error {
			_, err := bedrock.New(answering(t, nil).Client(), "m", nil).Generate(noContext, hello)
			return err
		}(),
		func() error {
			_, err := llm.Collect(bedrock.New(answering(t, nil).Client(), "m", nil).Stream(noContext, hello))
			return err
		}(),
	} {
		if llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("nil context: %v", err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// stuck is a body that gives its data, and then nothing until it is closed.
type stuck struct {
	data   []byte
	once   sync.Once
	closed chan struct{}
}

func (s *stuck) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		<-s.closed
		return 0, io.ErrClosedPipe
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// idle is a body that brings nothing.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// What the service quotes of the request does not decide what its error is.
func TestQuotesDoNotClassify(t *testing.T) {
	for _, f := range []bedrocktest.Fault{
		{Type: "ValidationException", Message: `Malformed input: "tell me of the content filtering policy"`},
		{Type: "ThrottlingException", Message: `Too many requests for "tokens per day"`},
	} {
		s := answering(t, &bedrocktest.Options{Fault: always(f)})
		_, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), hello)
		if code := llm.CodeOf(err); code != llm.ErrInvalidRequest && code != llm.ErrRateLimited {
			t.Errorf("%v", err)
		}
	}
}

// What is wrong with the client or its configuration is said, not panicked.
func TestClientFaults(t *testing.T) {
	static := credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")
	client := func(o bedrockruntime.Options) *bedrockruntime.Client {
		if o.HTTPClient == nil {
			o.HTTPClient = &http.Client{Transport: &http.Transport{}}
		}
		return bedrockruntime.New(o)
	}
	token := bearer.StaticTokenProvider{Token: bearer.Token{Value: "SECRET"}}
	unresolved := roundTrip(func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{IsNotFound: true} })
	broken := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("SECRET profile not found")
	})
	closed := httptest.NewServer(nil)
	closed.Close()
	cases := []struct {
		name    string
		client  *bedrockruntime.Client
		modelID string
		code    llm.Code
		want    string
	}{
		{"nil client", nil, "m", llm.ErrInvalidRequest, "nil client: make one with bedrockruntime.NewFromConfig"},
		{"zero client", &bedrockruntime.Client{}, "m", llm.ErrInvalidRequest, "a client that bedrockruntime.New did not make"},
		{"empty model id", client(bedrockruntime.Options{Region: "us-east-1", Credentials: static}), "", llm.ErrInvalidRequest, "empty model id"},
		{"no region", client(bedrockruntime.Options{Credentials: static}), "m", llm.ErrInvalidRequest, "no AWS region"},
		{"no credentials", client(bedrockruntime.Options{Region: "us-east-1"}), "m", llm.ErrUnauthenticated, "no credentials"},
		{"anonymous", client(bedrockruntime.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}}), "m", llm.ErrUnauthenticated, "no credentials"},
		{"bearer wanted", client(bedrockruntime.Options{Region: "us-east-1", Credentials: static, AuthSchemePreference: []string{"httpBearerAuth"}}), "m", llm.ErrUnauthenticated, "no credentials"},
		{"broken credentials", client(bedrockruntime.Options{Region: "us-east-1", Credentials: broken}), "m", llm.ErrUnauthenticated, "no usable credentials"},
		{"refused", client(bedrockruntime.Options{Region: "us-east-1", Credentials: static, BaseEndpoint: &closed.URL}), "m", llm.ErrUnavailable, "no connection to the endpoint that the AWS client was given: connection refused"},
		{"no such host", client(bedrockruntime.Options{Region: "xx-none-1", Credentials: static, HTTPClient: unresolved}), "m", llm.ErrUnavailable, "no connection to Bedrock in xx-none-1: no such host"},
		{"bearer token without TLS", client(bedrockruntime.Options{Region: "us-east-1", BearerAuthTokenProvider: token, BaseEndpoint: &closed.URL}), "m", llm.ErrInvalidRequest, "unset AWS_BEARER_TOKEN_BEDROCK"},
	}
	if _, err := new(bedrock.Model).Generate(t.Context(), hello); llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("the zero Model: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := bedrock.New(c.client, c.modelID, nil)
			_, generate := m.Generate(t.Context(), hello)
			_, stream := llm.Collect(m.Stream(t.Context(), hello))
			_, count := m.CountTokens(t.Context(), hello)
			for _, err := range []error{generate, stream, count} {
				if e := asError(t, err); e.Code != c.code || e.Status != 0 || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestSDKRetries(t *testing.T) {
	unavailable := bedrocktest.Fault{Type: "ServiceUnavailableException"}
	for _, keep := range []bool{false, true} {
		s := answering(t, &bedrocktest.Options{Fault: once(unavailable)})
		// The test server's own client does not retry, so the call sets a retryer.
		client := s.Client()
		m := bedrock.New(client, "m", &bedrock.Options{KeepSDKRetries: keep})
		req := hello.Clone()
		if keep {
			req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){func(o *bedrockruntime.Options) { o.Retryer = atOnce{} }}})
		}
		r, err := m.Generate(t.Context(), req)
		if n := len(s.Exchanges()); keep && (err != nil || r.Text() != "{}" || n != 2) || !keep && (llm.CodeOf(err) != llm.ErrOverloaded || n != 1) {
			t.Errorf("keep %v: %d requests, %v", keep, n, err)
		}
	}
}

// What an earlier attempt answered does not colour the failure of a later one.
func TestRetriesDoNotMixAttempts(t *testing.T) {
	down := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			panic(http.ErrAbortHandler)
		}
		down = true
		w.Header().Set("X-Amzn-Requestid", "first")
		w.WriteHeader(503)
	}))
	defer s.Close()
	req := hello.Clone()
	req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){func(o *bedrockruntime.Options) { o.Retryer = atOnce{} }}})
	_, err := bedrock.New(localClient(t, s.URL), "m", &bedrock.Options{KeepSDKRetries: true}).Generate(t.Context(), req)
	if e := asError(t, err); e.Code != llm.ErrUnavailable || e.Status != 0 || e.RequestID != "" {
		t.Errorf("%v", err)
	}
	req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){func(o *bedrockruntime.Options) { o.HTTPClient = nil }}})
	if _, err := bedrock.New(localClient(t, s.URL), "m", nil).Generate(t.Context(), req); llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("nil HTTPClient: %v", err)
	}
}

// atOnce retries once, without waiting.
type atOnce struct{ aws.NopRetryer }

func (atOnce) IsErrorRetryable(error) bool                  { return true }
func (atOnce) MaxAttempts() int                             { return 2 }
func (atOnce) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (atOnce) GetInitialToken() func(error) error           { return func(error) error { return nil } }
func (atOnce) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

// streamBody is the body of a streamed answer, and where its frames end.
func streamBody(t *testing.T) (body []byte, ends []int) {
	t.Helper()
	s := bedrocktest.NewServer(helloWorld, nil)
	defer s.Close()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/model/m/converse-stream", strings.NewReader(`{"messages":[{"role":"user","content":[{"text":"x"}]}]}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	resp, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v %s", err, resp.Status, body)
	}
	for at := 0; at < len(body); {
		at += int(binary.BigEndian.Uint32(body[at:]))
		ends = append(ends, at)
	}
	return body, ends
}

// Every way in which a stream can end before the answer does is an error that keeps
// what had arrived. The AWS SDK calls most of them success.
func TestTruncation(t *testing.T) {
	body, ends := streamBody(t)
	if len(ends) < 5 {
		t.Fatalf("only %d frames", len(ends))
	}
	whole := ends[len(ends)-2] // the end of messageStop; metadata follows
	last := ends[len(ends)-3]
	cuts := append([]int{0, 1, 11, 12}, ends[:len(ends)-2]...)
	for at := last; at < whole; at++ {
		cuts = append(cuts, at)
	}
	endings := map[string]bedrocktest.Ending{
		"abort": bedrocktest.EndAbort, "clean": bedrocktest.EndClean, "close": bedrocktest.EndClose, "reset": bedrocktest.EndReset,
		"in chunk": bedrocktest.EndInChunk, "unframed": bedrocktest.EndUnframed, "length": bedrocktest.EndLength, "short": bedrocktest.EndShort,
	}
	for name, ending := range endings {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/h2=%v", name, http2), func(t *testing.T) {
				t.Parallel()
				var cut atomic.Int64
				s := bedrocktest.NewServer(helloWorld,
					&bedrocktest.Options{HTTP2: http2, Forget: true, Fault: func(int, *http.Request) *bedrocktest.Fault {
						return &bedrocktest.Fault{CutAt: new(int(cut.Load())), Ending: ending}
					}})
				defer s.Close()
				m := bedrock.New(s.Client(), "m", nil)
				for _, at := range cuts {
					cut.Store(int64(at))
					r, err := llm.Collect(m.Stream(t.Context(), hello))
					if err == nil {
						t.Fatalf("a stream cut at byte %d of %d succeeds: %q", at, len(body), r.Text())
					}
					if code := llm.CodeOf(err); code != llm.ErrIncomplete && !(code == llm.ErrUnavailable && ending == bedrocktest.EndReset) || !llm.IsRetryable(err) {
						t.Fatalf("cut at %d: %v", at, err)
					}
					// A reset may overtake what was sent before it.
					if ending != bedrocktest.EndReset && at >= ends[2] && r.Text() != "Hello, wörld" {
						t.Fatalf("cut at %d: %q was kept", at, r.Text())
					}
					if r != nil && (!strings.HasPrefix("Hello, wörld", r.Text()) || !r.Usage.Estimated || r.StopReason != "") {
						t.Fatalf("cut at %d: %+v", at, r)
					}
				}
				// After messageStop the answer is whole, and only the usage may be lost.
				for at := whole; at <= len(body) && ending != bedrocktest.EndReset; at++ {
					cut.Store(int64(at))
					r, err := llm.Collect(m.Stream(t.Context(), hello))
					if err != nil || r.Text() != "Hello, wörld" || r.StopReason != llm.StopEndTurn || r.Usage.Estimated != (at < len(body)) {
						t.Fatalf("cut at %d of %d: %+v, %v", at, len(body), r, err)
					}
				}
			})
		}
	}
}

// A flipped bit anywhere is noticed.
func TestCorruption(t *testing.T) {
	_, ends := streamBody(t)
	whole := ends[len(ends)-2]
	var bit atomic.Int64
	s := bedrocktest.NewServer(helloWorld,
		&bedrocktest.Options{Forget: true, Fault: func(int, *http.Request) *bedrocktest.Fault {
			return &bedrocktest.Fault{FlipBit: new(int(bit.Load()))}
		}})
	defer s.Close()
	m := bedrock.New(s.Client(), "m", nil)
	for i := 0; i < whole*8; i += 13 {
		bit.Store(int64(i))
		r, err := llm.Collect(m.Stream(t.Context(), hello))
		if llm.CodeOf(err) != llm.ErrIncomplete || r != nil && !strings.HasPrefix("Hello, wörld", r.Text()) {
			t.Fatalf("bit %d: %v, %v", i, r, err)
		}
	}
}

// A stalled stream ends with the context, and keeps what had arrived.
func TestStall(t *testing.T) {
	_, ends := streamBody(t)
	for name, c := range map[string]struct {
		make func() (context.Context, context.CancelFunc)
		code llm.Code
		is   error
	}{
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 100*time.Millisecond)
		}, llm.ErrTimeout, context.DeadlineExceeded},
		"cancel": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, llm.ErrCanceled, context.Canceled},
	} {
		for _, http2 := range []bool{false, true} {
			s := bedrocktest.NewServer(helloWorld,
				&bedrocktest.Options{HTTP2: http2, Fault: func(_ int, r *http.Request) *bedrocktest.Fault {
					if strings.HasSuffix(r.URL.Path, "-stream") {
						return &bedrocktest.Fault{StallAt: new(ends[2])}
					}
					return &bedrocktest.Fault{StallAt: new(10)}
				}})
			m := bedrock.New(s.Client(), "m", nil)
			ctx, cancel := c.make()
			began := time.Now()
			r, err := llm.Collect(m.Stream(ctx, hello))
			if llm.CodeOf(err) != c.code || !errors.Is(err, c.is) || r.Text() != "Hello, wörld" || time.Since(began) > 5*time.Second {
				t.Errorf("stream, %s, h2=%v: %v, %v after %v", name, http2, r, err, time.Since(began))
			}
			cancel()
			ctx, cancel = c.make()
			if _, err := m.Generate(ctx, hello); llm.CodeOf(err) != c.code || !errors.Is(err, c.is) {
				t.Errorf("generate, %s, h2=%v: %v", name, http2, err)
			}
			cancel()
			// Before the call, too.
			if _, err := m.Generate(ctx, hello); llm.CodeOf(err) == "" || !errors.Is(err, ctx.Err()) {
				t.Errorf("%v", err)
			}
			s.Close()
		}
	}
}

// 64 goroutines on one client: contents exact, nothing reported under -race.
func TestConcurrency(t *testing.T) {
	s := bedrocktest.NewServer(echo{}, &bedrocktest.Options{Forget: true})
	defer s.Close()
	m := bedrock.New(s.Client(), "m", nil)
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 10 * soak(t) {
				text := fmt.Sprintf("goroutine %d, call %d, 🙂", g, i)
				req := &llm.Request{Messages: []llm.Message{llm.UserText(text)}}
				var r *llm.Response
				var err error
				if i%2 == 0 {
					r, err = m.Generate(t.Context(), req)
				} else {
					r, err = llm.Collect(m.Stream(t.Context(), req))
				}
				if err != nil || r.Text() != text {
					t.Errorf("%q, %v, want %q", r.Text(), err, text)
					return
				}
			}
		})
	}
	wg.Wait()
}

// 1,000 streams one after the other, at full speed: none fails, and connections are
// used again.
func TestBackToBackStreams(t *testing.T) {
	s := bedrocktest.NewServer(replies{Message: llm.AssistantText("Hello"), StopReason: llm.StopEndTurn}, &bedrocktest.Options{Forget: true, Latency: -1})
	defer s.Close()
	var dials atomic.Int32
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	defer transport.CloseIdleConnections()
	client := bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: &s.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")})
	m := bedrock.New(client, "m", nil)
	calls := 1000 * soak(t)
	for i := range calls {
		if r, err := llm.Collect(m.Stream(t.Context(), hello)); err != nil || r.Text() != "Hello" {
			t.Fatalf("stream %d: %v", i, err)
		}
		if _, err := m.Generate(t.Context(), hello); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if n := dials.Load(); n > 10 {
		t.Errorf("%d connections for %d calls", n, 2*calls)
	}
}

// Leaving the loop at any event, or never ranging, leaves nothing behind: Close
// waits for the server's side, TestMain checks the goroutines.
func TestLeavingTheLoop(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s := bedrocktest.NewServer(helloWorld, &bedrocktest.Options{HTTP2: http2})
		m := bedrock.New(s.Client(), "m", nil)
		for n := 1; n < 6; n++ {
			i := 0
			for _, err := range m.Stream(t.Context(), hello) {
				if err != nil {
					t.Fatal(err)
				}
				if i++; i == n {
					break
				}
			}
		}
		sent := len(s.Exchanges())
		_ = m.Stream(t.Context(), hello)
		if n := len(s.Exchanges()); n != sent {
			t.Error("a stream that nobody ranged was sent")
		}
		seq := m.Stream(t.Context(), hello)
		if _, err := llm.Collect(seq); err != nil {
			t.Fatal(err)
		}
		if _, err := llm.Collect(seq); !errors.Is(err, llm.ErrStreamReused) {
			t.Errorf("%v", err)
		}
		if n := len(s.Exchanges()); n != sent+1 {
			t.Errorf("%d requests for a stream that was ranged twice", n-sent)
		}
		s.Close()
	}
}

func TestHeaders(t *testing.T) {
	s := answering(t, nil)
	m := bedrock.New(s.Client(), "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	if _, err := m.Generate(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	r, err := llm.Collect(m.Stream(t.Context(), hello))
	if err != nil || r.RequestID == "" || r.Provider != bedrock.Provider || r.Model != m.Info().Model {
		t.Errorf("%+v, %v", r, err)
	}
	for _, w := range s.Exchanges() {
		if got := w.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("%s asks for %q", w.Op, got)
		}
		if !strings.Contains(w.Path, "claude-sonnet-4-5-20250929-v1%3A0") || w.ModelID != m.Info().Model {
			t.Errorf("%s", w.Path)
		}
	}
}

func TestCountTokens(t *testing.T) {
	s := answering(t, nil)
	m := bedrock.New(s.Client(), "m", nil)
	c, ok := llm.As[llm.TokenCounter](m)
	if !ok {
		t.Fatal("not a TokenCounter")
	}
	if n, err := c.CountTokens(t.Context(), hello); err != nil || n <= 0 {
		t.Errorf("%d, %v", n, err)
	}
	if w := s.Exchanges(); w[0].Op != "CountTokens" || string(w[0].Body) != `{"input":{"converse":{"messages":[{"content":[{"text":"hello"}],"role":"user"}]}}}` {
		t.Errorf("%s %s", w[0].Op, w[0].Body)
	}
}

// The guard holds for every client but the test server's own. It is for the rest of
// the process, so it is tried in another.
func TestForbidSend(t *testing.T) {
	if os.Getenv("PARLEY_TEST_FORBID") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestForbidSend$")
		cmd.Env = append(os.Environ(), "PARLEY_TEST_FORBID=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	llm.ForbidSend(func(i llm.Info) bool { return i.Model == "allowed" })
	s := answering(t, nil)
	if _, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), hello); err != nil {
		t.Errorf("the test server's client: %v", err)
	}
	client := localClient(t, s.URL)
	m := bedrock.New(client, "m", nil)
	_, generate := m.Generate(t.Context(), hello)
	_, stream := llm.Collect(m.Stream(t.Context(), hello))
	_, count := m.CountTokens(t.Context(), hello)
	for _, err := range []error{generate, stream, count} {
		if llm.CodeOf(err) != llm.ErrRejected {
			t.Errorf("%v", err)
		}
	}
	// The ban holds for the client that sends, not for the one that was given.
	req := hello.Clone()
	req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){func(o *bedrockruntime.Options) { o.HTTPClient = http.DefaultClient }}})
	if _, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), req); llm.CodeOf(err) != llm.ErrRejected {
		t.Errorf("another HTTP client: %v", err)
	}
	if _, err := bedrock.New(client, "allowed", nil).Generate(t.Context(), hello); err != nil {
		t.Errorf("an allowed model: %v", err)
	}
	if n := len(s.Exchanges()); n != 2 {
		t.Errorf("%d requests were sent", n)
	}
}

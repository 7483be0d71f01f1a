package bedrocktest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

var codes = []struct {
	code     llm.Code
	status   int
	name     string
	inStream string // as the SDK calls it when it comes within a stream
}{
	{llm.ErrInvalidRequest, 400, "ValidationException", "ValidationException"},
	{llm.ErrUnauthenticated, 403, "UnrecognizedClientException", "unrecognizedClientException"},
	{llm.ErrPermissionDenied, 403, "AccessDeniedException", "accessDeniedException"},
	{llm.ErrNotFound, 404, "ResourceNotFoundException", "resourceNotFoundException"},
	{llm.ErrRateLimited, 429, "ThrottlingException", "ThrottlingException"},
	{llm.ErrQuotaExhausted, 400, "ServiceQuotaExceededException", "serviceQuotaExceededException"},
	{llm.ErrOverloaded, 503, "ServiceUnavailableException", "ServiceUnavailableException"},
	{llm.ErrNotReady, 429, "ModelNotReadyException", "modelNotReadyException"},
	{llm.ErrUnavailable, 503, "ServiceUnavailableException", "ServiceUnavailableException"},
	{llm.ErrTimeout, 408, "ModelTimeoutException", "modelTimeoutException"},
	{llm.ErrCanceled, 500, "InternalServerException", "InternalServerException"},
	{llm.ErrContextTooLong, 400, "ValidationException", "ValidationException"},
	{llm.ErrContentFiltered, 400, "ValidationException", "ValidationException"},
	{llm.ErrMalformedOutput, 424, "ModelErrorException", "ModelStreamErrorException"},
	{llm.ErrUnsupported, 400, "ValidationException", "ValidationException"},
	{llm.ErrRejected, 429, "ThrottlingException", "ThrottlingException"},
	{llm.ErrBudgetExceeded, 400, "ServiceQuotaExceededException", "serviceQuotaExceededException"},
	{llm.ErrInternal, 500, "InternalServerException", "InternalServerException"},
	{llm.ErrUnknown, 500, "InternalServerException", "InternalServerException"},
	{"made_up", 500, "InternalServerException", "InternalServerException"},
}

// checkAPIError checks what the SDK made of an error.
func checkAPIError(t *testing.T, err error, name, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("no API error: %v", err)
	}
	if e.ErrorCode() != name || !strings.Contains(e.ErrorMessage(), message) {
		t.Errorf("%s: %s, want %s: %s", e.ErrorCode(), e.ErrorMessage(), name, message)
	}
}

func TestModelErrors(t *testing.T) {
	for _, c := range codes {
		t.Run(string(c.code), func(t *testing.T) {
			failure := &llm.Error{Code: c.code, Message: "it said no", RetryAfter: 1500 * time.Millisecond}
			s := serve(t, fails(fmt.Errorf("wrapped: %w", failure)), nil)
			_, unary := converse(t.Context(), s.Client())
			_, stream := collect(t.Context(), s.Client())
			for _, err := range []error{unary, stream} {
				checkAPIError(t, err, c.name, "it said no")
				var re *awshttp.ResponseError
				if !errors.As(err, &re) || re.HTTPStatusCode() != c.status || re.RequestID == "" {
					t.Fatalf("want status %d: %v", c.status, err)
				}
				if h := re.Response.Header; h.Get("Retry-After") != "2" || h.Get("X-Amz-Retry-After") != "1500" {
					t.Errorf("headers %v", h)
				}
			}
		})
		t.Run(string(c.code)+" in a stream", func(t *testing.T) {
			s := serve(t, plays(&llm.Error{Code: c.code, Message: "it said no"},
				&llm.PartStart{Part: llm.Text("")}, &llm.TextDelta{Text: "so far"}), nil)
			events, err := collect(t.Context(), s.Client())
			checkAPIError(t, err, c.inStream, "it said no")
			if len(events) != 2 {
				t.Errorf("%d events before it", len(events))
			}
		})
	}
}

// An error that says nothing gets the exception's own words; two get Bedrock's text,
// by which alone they can be told.
func TestErrorMessages(t *testing.T) {
	for _, c := range []struct {
		err     error
		message string
	}{
		{llm.ErrOverloaded, "Bedrock is unable to process your request."},
		{&llm.Error{Err: llm.ErrOverloaded}, "Bedrock is unable to process your request."},
		{errors.New("the model's own secret"), "The system encountered an unexpected error during processing. Try your request again."},
		{&llm.Error{Code: llm.ErrInternal, Err: errors.New("the model's own secret")}, "The system encountered an unexpected error during processing. Try your request again."},
		{&llm.Error{Code: llm.ErrInvalidRequest, Op: "generate", Provider: "fake", Err: errors.Join(
			&llm.Error{Code: llm.ErrInvalidRequest, Message: "messages[0]: one"}, &llm.Error{Code: llm.ErrInvalidRequest, Message: "messages[1]: two"},
		)}, "messages[0]: one; messages[1]: two"},
		{llm.ErrContextTooLong, "Input is too long for requested model."},
		{&llm.Error{Code: llm.ErrContextTooLong, Message: "9 tokens too many"}, "Input is too long for requested model. 9 tokens too many"},
		{&llm.Error{Code: llm.ErrContextTooLong, Message: "Input is too long for requested model, by far"}, "Input is too long for requested model, by far"},
		{llm.ErrContentFiltered, "The model returned the following errors: Output blocked by content filtering policy"},
	} {
		s := serve(t, fails(c.err), nil)
		_, err := converse(t.Context(), s.Client())
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorMessage() != c.message {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}

// UsageUpdate does not commit the answer to success.
func TestErrorAfterUsage(t *testing.T) {
	s := serve(t, plays(llm.ErrRateLimited, &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 3}}), nil)
	_, err := collect(t.Context(), s.Client())
	var e *types.ThrottlingException
	var re *awshttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &re) {
		t.Error(err)
	}
}

// A model that breaks off breaks the connection: there is no end that a client could
// take for a short answer.
func TestIncomplete(t *testing.T) {
	text := []llm.Event{&llm.PartStart{Part: llm.Text("")}, &llm.TextDelta{Text: "so far"}}
	for name, m := range map[string]model{
		"said":       plays(&llm.Error{Code: llm.ErrIncomplete}, text...),
		"not said":   plays(nil, text...),
		"no event":   plays(nil),
		"usage only": plays(llm.ErrIncomplete, &llm.UsageUpdate{}),
	} {
		t.Run(name, func(t *testing.T) {
			protocols(t, func(t *testing.T, http2 bool) {
				s := serve(t, m, &bedrocktest.Options{HTTP2: http2})
				for _, op := range []string{"converse-stream", "converse"} {
					resp := get(t, s, http2, op)
					if resp.StatusCode != 200 {
						t.Error(resp.Status)
					}
					if body, err := readAll(resp); err == nil {
						t.Errorf("%s ends in good order: %q", op, body)
					}
				}
			})
		})
	}
}

// What breaks the grammar is the model's fault, and seen.
func TestModelFaults(t *testing.T) {
	for name, m := range map[string]model{
		"nil event":   plays(nil, nil),
		"audio part":  plays(nil, &llm.PartStart{Part: &llm.MediaPart{MediaType: "audio/wav"}}),
		"cache point": plays(nil, &llm.PartStart{Part: llm.CachePoint()}),
	} {
		s := serve(t, m, nil)
		_, err := collect(t.Context(), s.Client())
		var e *types.InternalServerException
		if !errors.As(err, &e) || !strings.Contains(e.ErrorMessage(), "bedrocktest: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := serve(t, says(nil), nil)
	_, err := converse(t.Context(), s.Client())
	var e *types.InternalServerException
	if !errors.As(err, &e) {
		t.Error(err)
	}
}

// An error of the model that only echoes the client's leaving is not sent anywhere.
func TestCancelledMidStream(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan struct{})
	s := serve(t, model{stream: func(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
		return func(yield func(llm.Event, error) bool) {
			defer close(done)
			if yield(&llm.PartStart{Part: llm.Text("")}, nil) && yield(&llm.TextDelta{Text: "a"}, nil) {
				leave()
				<-ctx.Done()
				yield(nil, ctx.Err())
			}
		}
	}}, nil)
	if _, err := collect(ctx, s.Client()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-done
}

package bedrock_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// refusal is an error as the service words it, and what becomes of it.
type refusal struct {
	exception string
	status    int  // of HTTP; 0 = the exception's own
	stream    bool // within a stream, that is under status 200
	message   string

	code       llm.Code
	retryable  bool
	wantStatus int
	hint       string // a part of what comes before the service's words; "" = nothing does
}

const (
	bare    = "anthropic.claude-opus-4-6-v1"
	profile = "us." + bare
)

// corpus holds the words of the service as public reports quote them.
var corpus = []refusal{
	// Throttling. Only the day's quota is not worth waiting for.
	{"ThrottlingException", 0, false, "Too many requests, please wait before trying again.", llm.ErrRateLimited, true, 429, ""},
	{"ThrottlingException", 0, false, "Too many requests, please wait before trying again. You have sent too many requests. Wait before trying again.", llm.ErrRateLimited, true, 429, ""},
	{"ThrottlingException", 0, false, "Too many tokens, please wait before trying again.", llm.ErrRateLimited, true, 429, ""},
	{"ThrottlingException", 0, false, "Too many tokens per day, please wait before trying again.", llm.ErrQuotaExhausted, false, 429, ""},
	{"ThrottlingException", 0, false, "Your request rate is too high. Reduce the frequency of requests.", llm.ErrRateLimited, true, 429, ""},
	{"ThrottlingException", 0, false, "Rate exceeded", llm.ErrRateLimited, true, 429, ""},
	{"ThrottlingException", 0, false, "prompt is too long", llm.ErrRateLimited, true, 429, ""},
	{"throttlingException", 0, true, "Too many tokens, please wait before trying again.", llm.ErrRateLimited, true, 429, ""},
	{"throttlingException", 0, true, "Too many tokens per day, please wait before trying again.", llm.ErrQuotaExhausted, false, 429, ""},
	{"Throttling", 400, false, "Rate exceeded", llm.ErrRateLimited, true, 400, ""},
	{"TooManyRequestsException", 429, false, "Too Many Requests", llm.ErrRateLimited, true, 429, ""},
	{"ServiceQuotaExceededException", 0, false, "Your request exceeds the service quota for your account.", llm.ErrQuotaExhausted, false, 400, ""},

	// No capacity, not ready, failed.
	{"ServiceUnavailableException", 0, false, "Bedrock is unable to process your request.", llm.ErrOverloaded, true, 503, ""},
	{"ServiceUnavailableException", 0, false, "Too many connections, please wait before trying again.", llm.ErrOverloaded, true, 503, ""},
	{"serviceUnavailableException", 0, true, "Bedrock is unable to process your request.", llm.ErrOverloaded, true, 503, ""},
	{"overloaded_error", 529, false, "Overloaded", llm.ErrOverloaded, true, 529, ""},
	{"ModelNotReadyException", 0, false, "Model is not ready for inference. Wait and try your request again.", llm.ErrNotReady, true, 429, ""},
	{"modelNotReadyException", 0, true, "Model is not ready for inference. Wait and try your request again.", llm.ErrNotReady, true, 429, ""},
	{"ModelTimeoutException", 0, false, "Model has timed out in processing the request. Try your request again.", llm.ErrTimeout, true, 408, ""},
	{"modelTimeoutException", 0, true, "Model has timed out in processing the request. Try your request again.", llm.ErrTimeout, true, 408, ""},
	{"InternalServerException", 0, false, "The system encountered an unexpected error during processing. Try your request again.", llm.ErrInternal, true, 500, ""},
	{"internalServerException", 0, true, "The system encountered an unexpected error during processing. Try your request again.", llm.ErrInternal, true, 500, ""},
	{"ModelErrorException", 0, false, "The system encountered an unexpected error during processing. Try your request again.", llm.ErrInternal, true, 424, ""},
	{"modelStreamErrorException", 0, true, "The system encountered an unexpected error during processing. Try your request again.", llm.ErrInternal, true, 424, ""},
	{"ModelErrorException", 0, false, "Model produced invalid sequence as part of ToolUse. Please refer to the model tool use troubleshooting guide.", llm.ErrMalformedOutput, true, 424, ""},
	{"modelStreamErrorException", 0, true, "Model produced invalid sequence as part of ToolUse. Please refer to the model tool use troubleshooting guide.", llm.ErrMalformedOutput, true, 424, ""},
	{"modelErrorException", 0, true, "Model produced invalid sequence as part of ToolUse. Please refer to the model tool use troubleshooting guide.", llm.ErrMalformedOutput, true, 424, ""},
	{"InternalFailure", 500, false, "The request processing has failed because of an unknown error.", llm.ErrInternal, true, 500, ""},

	// The input does not fit, in the words of each family.
	{"ValidationException", 0, false, "Input is too long for requested model.", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: Input is too long for requested model.", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000, decrease input length or `max_tokens` and try again", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The input has too many total text bytes. Reduce the text and try again.", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: prompt is too long: 286028 tokens > 200000 maximum", llm.ErrContextTooLong, false, 400, ""},
	{"validationException", 0, true, "The model returned the following errors: prompt is too long: 286028 tokens > 200000 maximum", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9000", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: This model's maximum context length is 8192 tokens. Please reduce the length of the prompt", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "This model's maximum context length is 131072 tokens. However, you requested 8192 output tokens and your prompt contains 125000 input tokens, for a total of 133192 tokens.", llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, "prompt tokens (170029) exceed model maximum (131072) for google.gemma-4-e2b", llm.ErrContextTooLong, false, 400, ""},
	{"validationException", 0, true, "Mantle streaming error for requestId f2e534ff-436e-461b-8d93-906629545d84: This model's maximum context length is 202752 tokens. However, you requested 8192 output tokens and your prompt contains at least 194561 input tokens, for a total of at least 202753 tokens.", llm.ErrContextTooLong, false, 400, ""},
	{"validationException", 0, true, `Mantle streaming error for requestId 9293f38b-0000: ErrorEvent { error: APIError { message: "Input length (195071) exceeds model's maximum context length (131072)." } }`, llm.ErrContextTooLong, false, 400, ""},
	{"modelStreamErrorException", 0, true, `Mantle streaming error for requestId 9293f38b-0000: ErrorEvent { error: APIError { type: "BadRequestError", code: Some(400), message: "Input length (195071) exceeds model's maximum context length (131072).", param: None } }`, llm.ErrContextTooLong, false, 424, ""},
	{"ValidationException", 0, false, `The model returned the following errors: {"error":{"code":"validation_error","message":"ErrorEvent { error: APIError { type: \"BadRequestError\", code: Some(400), message: \"Input length (195071) exceeds model's maximum context length (131072).\" } }"}}`, llm.ErrContextTooLong, false, 400, ""},
	{"ValidationException", 0, false, `ErrorEvent { error: APIError { type: "invalid_request_error", code: Some(400), message: "The engine prompt length 185692 exceeds the max_model_len 131072. Please reduce prompt.", param: Some("input") } }`, llm.ErrContextTooLong, false, 400, ""},

	// How the model is addressed.
	{"ValidationException", 0, false, "Invocation of model ID " + bare + " with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.", llm.ErrInvalidRequest, false, 400, bare + " is called through an inference profile: make us." + bare + " the model id"},
	{"ValidationException", 0, false, "Invocation of model ID " + bare + " with on-demand throughput isn't supported. Retry your request with the ID or ARN of an inference profile that contains this model.", llm.ErrInvalidRequest, false, 400, "make us." + bare + " the model id"},
	{"ValidationException", 0, false, "The provided model identifier is invalid.", llm.ErrNotFound, false, 400, "us-east-1 knows no model " + bare},
	{"ResourceNotFoundException", 0, false, "Could not resolve the foundation model from the provided model identifier.", llm.ErrNotFound, false, 404, ""},
	{"ResourceNotFoundException", 0, false, "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 30 days. Please upgrade to an active model on Amazon Bedrock", llm.ErrNotFound, false, 404, "take a newer one"},
	{"ResourceNotFoundException", 0, false, "This model version has reached the end of its life. Please refer to the AWS documentation for more details.", llm.ErrNotFound, false, 404, "take a newer one"},

	// What the account or the caller may not do.
	{"AccessDeniedException", 0, false, "You don't have access to the model with the specified model ID.", llm.ErrPermissionDenied, false, 403, "no access to " + bare + " in us-east-1: IAM must allow bedrock:InvokeModel*"},
	{"AccessDeniedException", 0, false, "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m because no identity-based policy allows the bedrock:InvokeModel action", llm.ErrPermissionDenied, false, 403, ""},
	{"AccessDeniedException", 0, false, "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.", llm.ErrPermissionDenied, false, 403, ""},
	{"ResourceNotFoundException", 0, false, "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model. If you have already filled out the form, try again in 15 minutes.", llm.ErrPermissionDenied, false, 404, "before " + bare + " can be used in us-east-1"},
	{"ResourceNotFoundException", 0, false, "FTUFormNotFilled: Model use case details have not been submitted for this account", llm.ErrPermissionDenied, false, 404, "submit the use case form"},
	{"FTUFormNotFilled", 404, false, "The form is missing.", llm.ErrPermissionDenied, false, 404, "submit the use case form"},
	{"BadCScoreException", 403, false, "Your account is not authorized to access this model", llm.ErrPermissionDenied, false, 403, ""},
	{"MPAgreementBeingCreated", 403, false, "Your AWS Marketplace subscription for this model is still being processed", llm.ErrPermissionDenied, false, 403, ""},
	{"NotAuthorized", 400, false, "You do not have permission to perform this action.", llm.ErrPermissionDenied, false, 400, ""},
	{"UnrecognizedClientException", 0, false, "The security token included in the request is invalid.", llm.ErrUnauthenticated, false, 403, ""},
	{"ExpiredTokenException", 0, false, "The security token included in the request is expired", llm.ErrUnauthenticated, false, 403, ""},
	{"InvalidSignatureException", 403, false, "Signature expired: 20260901T000000Z is now earlier than 20260901T000500Z", llm.ErrUnauthenticated, false, 403, ""},

	// What the model cannot do, or does not take.
	{"AccessDeniedException", 0, false, "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.", llm.ErrUnsupported, false, 403, bare + " takes no cache points: leave them out, or set Options.Profile"},
	{"ValidationException", 0, false, "You invoked an unsupported model or your request did not allow prompt caching", llm.ErrUnsupported, false, 400, "takes no cache points"},
	{"ValidationException", 0, false, "This model does not support assistant message prefill. The conversation must end with a user message.", llm.ErrInvalidRequest, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.", llm.ErrInvalidRequest, false, 400, ""},
	{"ValidationException", 0, false, "This model doesn't support tool use in streaming mode.", llm.ErrInvalidRequest, false, 400, ""},
	{"ValidationException", 0, false, "The maximum tokens you requested exceeds the model limit of 10000. Try again with a maximum tokens value that is lower than 10000.", llm.ErrInvalidRequest, false, 400, ""},
	{"validationException", 0, true, `Mantle streaming error for requestId ede387b0-0a25-48f3-a26c-046c5c03e88c: ErrorEvent { error: APIError { type: "BadRequestError", code: Some(400), message: "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set", param: None } }`, llm.ErrInvalidRequest, false, 400, ""},
	{"ValidationException", 0, false, "The model returned the following errors: Output blocked by content filtering policy", llm.ErrContentFiltered, false, 400, ""},
	{"ValidationException", 0, false, "Malformed input request: #: extraneous key [x] is not permitted, please reformat your input and try again.", llm.ErrInvalidRequest, false, 400, ""},

	// What the request has quoted decides nothing, and does not show.
	{"ValidationException", 0, false, `Malformed input request: "SECRET: prompt is too long, on-demand throughput"`, llm.ErrInvalidRequest, false, 400, ""},
	{"ValidationException", 0, false, `Unexpected field: {"error":{"message":"SECRET ErrorEvent { error: APIError { message: \"prompt is too long\" } }"}}`, llm.ErrInvalidRequest, false, 400, ""},
	{"AccessDeniedException", 0, false, `You don't have access to the model "SECRET`, llm.ErrPermissionDenied, false, 403, "no access to " + bare},

	// Unknown to all tables.
	{"BrandNewException", 503, false, "It is new.", llm.ErrOverloaded, true, 503, ""},
	{"BrandNewException", 418, false, "It is new.", llm.ErrInvalidRequest, false, 418, ""},
	{"brandNewException", 0, true, "It is new.", llm.ErrUnknown, false, 200, ""},
}

func TestErrorCorpus(t *testing.T) {
	for _, c := range corpus {
		t.Run(c.exception, func(t *testing.T) {
			f := bedrocktest.Fault{Type: c.exception, Status: c.status, Message: c.message, RetryAfter: 3 * time.Second}
			if c.stream {
				f = bedrocktest.Fault{Exception: c.exception, Message: c.message, After: 3}
			}
			s := answering(t, &bedrocktest.Options{Fault: always(f)})
			m := bedrock.New(s.Client(), bare, nil)
			_, err := llm.Collect(m.Stream(t.Context(), hello))
			check := func(err error) {
				t.Helper()
				e := asError(t, err)
				if e.Code != c.code || llm.IsRetryable(err) != c.retryable || e.Status != c.wantStatus {
					t.Errorf("%q\ngot  %s, retryable %v, status %d", c.message, e.Code, llm.IsRetryable(err), e.Status)
				}
				if (e.Retryable != nil) != (c.code == llm.ErrMalformedOutput) {
					t.Errorf("%q: Retryable is set, to what the code says", c.message)
				}
				if e.RetryAfter != f.RetryAfter {
					t.Errorf("%q: retry after %v", c.message, e.RetryAfter)
				}
				if hinted := strings.Contains(e.Message, "; Bedrock says: "); hinted != (c.hint != "") || !strings.Contains(err.Error(), c.hint) {
					t.Errorf("%q: hint in %v", c.message, err)
				}
				// The service's own words stay, redacted; an engine's are taken out of their wrapping.
				if !strings.HasSuffix(e.Message, llm.Redact(c.message)) && !strings.Contains(c.message, "ErrorEvent") {
					t.Errorf("%q: lost in %q", c.message, e.Message)
				}
				if strings.Contains(err.Error()+e.Message, "SECRET") {
					t.Errorf("content shows: %v", err)
				}
			}
			check(err)
			if !c.stream {
				_, err := m.Generate(t.Context(), hello)
				check(err)
			}
		})
	}
}

// The words of an engine show without their wrapping, redacted like all others.
func TestUnwrappedErrors(t *testing.T) {
	for message, want := range map[string]string{
		`Mantle streaming error for requestId ede387b0-0a25: ErrorEvent { error: APIError { type: "BadRequestError", code: Some(400), message: "\"auto\" tool choice requires --enable-auto-tool-choice", param: None } }`: `"…" tool choice requires --enable-auto-tool-choice`,
		`The model returned the following errors: {"error":{"code":"validation_error","message":"The value 'SECRET' is wrong"}}`:                                                                                           `The value '…' is wrong`,
		`The model returned the following errors: {"message":"SECRET"}`:                     `The model returned the following errors: {…}`,
		`Mantle streaming error for requestId x: ErrorEvent { error: APIError { message: "`: `Mantle streaming error for requestId x: ErrorEvent {…`,
	} {
		s := answering(t, &bedrocktest.Options{Fault: always(bedrocktest.Fault{Type: "ValidationException", Message: message})})
		_, err := bedrock.New(s.Client(), "m", nil).Generate(t.Context(), hello)
		if diff := cmp.Diff(want, asError(t, err).Message); diff != "" {
			t.Error(diff)
		}
	}
}

// A hint is for the region that was called, and for the id that was.
func TestHintsNameRegionAndModel(t *testing.T) {

	for _, c := range []struct{ region, id, message, want string }{
		{"eu-west-1", bare, "on-demand throughput isn’t supported", "make eu." + bare + " the model id"},
		{"eu-west-1", profile, "The provided model identifier is invalid.", "eu-west-1 knows no model us." + bare + ": the Bedrock console lists its ids; its inference profiles look like eu." + bare},
		{"us-east-1", arn, "The provided model identifier is invalid.", "us-east-1 knows no model " + arn},
		{"us-east-1", arn, "on-demand throughput isn’t supported", "make us.… the model id"},
	} {
		s := answering(t, &bedrocktest.Options{Fault: always(bedrocktest.Fault{Type: "ValidationException", Message: c.message})})
		req := hello.Clone()
		req.SetOptions(&bedrock.RequestOptions{ClientOptions: []func(*bedrockruntime.Options){func(o *bedrockruntime.Options) { o.Region = c.region }}})
		_, err := bedrock.New(s.Client(), c.id, nil).Generate(t.Context(), req)
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// How long to wait is said in seconds, as a date, or in Amazon's milliseconds.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, seconds, millis string
		least, most           time.Duration
	}{
		{"seconds", "7", "", 7 * time.Second, 7 * time.Second},
		{"milliseconds", "", "1500", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"both", "2", "1500", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"bad milliseconds", "2", "soon", 2 * time.Second, 2 * time.Second},
		{"date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), "", 30 * time.Second, time.Minute},
		{"past date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat), "", 0, 0},
		{"negative", "-1", "-1", 0, 0},
		{"huge", "99999999999999999999", "", 0, 0},
		{"words", "soon", "", 0, 0},
		{"none", "", "", 0, 0},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, v := range map[string]string{"Retry-After": c.seconds, "X-Amz-Retry-After": c.millis, "X-Amzn-ErrorType": "ThrottlingException"} {
				if v != "" {
					w.Header().Set(name, v)
				}
			}
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		_, err := bedrock.New(localClient(t, s.URL), "m", nil).Generate(t.Context(), hello)
		if e := asError(t, err); e.Code != llm.ErrRateLimited || e.RetryAfter < c.least || e.RetryAfter > c.most {
			t.Errorf("%s: %v, want %v to %v", c.name, e.RetryAfter, c.least, c.most)
		}
		s.Close()
	}
}

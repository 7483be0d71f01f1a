package bedrock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/llm"
)

// fault is why a request cannot be sent. It becomes an [llm.Error] when the call
// fails. Nothing of the request's content may go into it.
type fault struct {
	code    llm.Code
	path    string // to the field, from the value at hand; "" is the value itself
	message string
}

func (f *fault) Error() string {
	if f.path == "" {
		return f.message
	}
	return f.path + ": " + f.message
}

// invalid is a fault that the application can mend.
func invalid(path, format string, args ...any) error {
	return &fault{llm.ErrInvalidRequest, path, fmt.Sprintf(format, args...)}
}

// unsupported is something that Bedrock cannot do.
func unsupported(path, format string, args ...any) error {
	return &fault{llm.ErrUnsupported, path, fmt.Sprintf(format, args...)}
}

func errBlank() error {
	return invalid("text", "blank: Bedrock refuses it: leave the part out")
}

// within puts a step of the path before a fault.
func within(err error, format string, args ...any) error {
	f, ok := err.(*fault)
	if !ok {
		return err
	}
	path := fmt.Sprintf(format, args...)
	if f.path != "" {
		path += "." + f.path
	}
	return &fault{f.code, path, f.message}
}

// exceptions maps the names of AWS exceptions, in lower case (streams write them in
// another case than headers do), to our codes. The status is the exception's own: one
// within a stream arrives under status 200.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
// and https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
var exceptions = map[string]struct {
	code   llm.Code
	status int
}{
	"accessdeniedexception":         {llm.ErrPermissionDenied, 403},
	"conflictexception":             {llm.ErrInvalidRequest, 400},
	"internalserverexception":       {llm.ErrInternal, 500},
	"modelerrorexception":           {llm.ErrInternal, 424},
	"modelnotreadyexception":        {llm.ErrNotReady, 429},
	"modelstreamerrorexception":     {llm.ErrInternal, 424},
	"modeltimeoutexception":         {llm.ErrTimeout, 408},
	"resourcenotfoundexception":     {llm.ErrNotFound, 404},
	"servicequotaexceededexception": {llm.ErrQuotaExhausted, 400},
	"serviceunavailableexception":   {llm.ErrOverloaded, 503},
	"throttlingexception":           {llm.ErrRateLimited, 429},
	"validationexception":           {llm.ErrInvalidRequest, 400},

	// Common to all of AWS.
	"expiredtoken":                        {llm.ErrUnauthenticated, 403},
	"expiredtokenexception":               {llm.ErrUnauthenticated, 403},
	"incompletesignature":                 {llm.ErrUnauthenticated, 400},
	"incompletesignatureexception":        {llm.ErrUnauthenticated, 400},
	"internalerror":                       {llm.ErrInternal, 500},
	"internalfailure":                     {llm.ErrInternal, 500},
	"invalidclienttokenid":                {llm.ErrUnauthenticated, 403},
	"invalidsignatureexception":           {llm.ErrUnauthenticated, 403},
	"missingauthenticationtoken":          {llm.ErrUnauthenticated, 403},
	"missingauthenticationtokenexception": {llm.ErrUnauthenticated, 403},
	"notauthorized":                       {llm.ErrPermissionDenied, 400},
	"optinrequired":                       {llm.ErrPermissionDenied, 403},
	"requestexpired":                      {llm.ErrUnauthenticated, 400},
	"serializationexception":              {llm.ErrInvalidRequest, 400},
	"serviceunavailable":                  {llm.ErrOverloaded, 503},
	"unrecognizedclientexception":         {llm.ErrUnauthenticated, 403},
	"validationerror":                     {llm.ErrInvalidRequest, 400},
}

// messages maps texts where one exception means several things.
var messages = []struct {
	from llm.Code
	text string // in lower case
	to   llm.Code
}{
	{llm.ErrRateLimited, "per day", llm.ErrQuotaExhausted},
	{llm.ErrInvalidRequest, "content filtering policy", llm.ErrContentFiltered},
	{llm.ErrInvalidRequest, "input is too long", llm.ErrContextTooLong},
	{llm.ErrInvalidRequest, "exceed context limit", llm.ErrContextTooLong},
	{llm.ErrInvalidRequest, "too many total text bytes", llm.ErrContextTooLong},
	{llm.ErrInvalidRequest, "prompt is too long", llm.ErrContextTooLong},
	{llm.ErrInvalidRequest, "maximum context length", llm.ErrContextTooLong},
	{llm.ErrInternal, "invalid sequence as part of tooluse", llm.ErrMalformedOutput},
}

// codeOf classifies an answer of the service by its exception, or else its status,
// and returns the status that belongs to it.
func codeOf(exception string, status int, message string) (llm.Code, int) {
	known, ok := exceptions[strings.ToLower(exception)]
	if !ok {
		known.code, known.status = codeOfStatus(status), status
	}
	if status != http.StatusOK {
		known.status = status
	}
	message = strings.ToLower(llm.Redact(message)) // what the service quotes says nothing of its own
	for _, m := range messages {
		if m.from == known.code && strings.Contains(message, m.text) {
			return m.to, known.status
		}
	}
	return known.code, known.status
}

func codeOfStatus(status int) llm.Code {
	switch status {
	case http.StatusUnauthorized:
		return llm.ErrUnauthenticated
	case http.StatusForbidden:
		return llm.ErrPermissionDenied
	case http.StatusNotFound:
		return llm.ErrNotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return llm.ErrTimeout
	case http.StatusFailedDependency:
		return llm.ErrInternal
	case http.StatusTooManyRequests:
		return llm.ErrRateLimited
	case http.StatusBadGateway:
		return llm.ErrUnavailable
	case http.StatusServiceUnavailable, 529:
		return llm.ErrOverloaded
	}
	switch {
	case status >= 500:
		return llm.ErrInternal
	case status >= 400:
		return llm.ErrInvalidRequest
	}
	return llm.ErrUnknown
}

// fail makes the typed error of a call.
func (c *call) fail(ctx context.Context, err error) error {
	e := c.classify(ctx, err)
	e.Op, e.Provider, e.Model, e.RequestID = c.op, Provider, c.model.Info().Model, c.requestID()
	if e.Status == 0 {
		e.Status = c.status
	}
	return e
}

func (c *call) classify(ctx context.Context, err error) *llm.Error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &llm.Error{Code: f.code, Message: f.Error()}
	}
	// Ours too: of llm, of the credentials, or a misread answer.
	if e, ok := errors.AsType[*llm.Error](err); ok && e != nil {
		own := *e
		return &own
	}
	// An answer of the service counts before what has happened to the context since.
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return c.apiError(api, err)
	}
	if ctx != nil && ctx.Err() != nil {
		code := llm.ErrCanceled
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			code = llm.ErrTimeout
		}
		return &llm.Error{Code: code, Err: ctx.Err()}
	}
	switch {
	case c.status == 0:
		return c.notSent(err)
	case c.status >= http.StatusMultipleChoices:
		// An error that is not in Amazon's form, as of a proxy.
		return &llm.Error{Code: codeOfStatus(c.status), RetryAfter: c.retryAfter(),
			Message: http.StatusText(c.status), Err: err}
	case errors.Is(err, errCorrupt):
		return &llm.Error{Code: llm.ErrIncomplete, Message: "the stream is corrupt: a checksum or length is wrong", Err: err}
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return &llm.Error{Code: llm.ErrIncomplete, Message: "the connection ended before the answer did", Err: io.ErrUnexpectedEOF}
	case isTimeout(err):
		return &llm.Error{Code: llm.ErrTimeout, Message: "the answer stalled", Err: err}
	}
	return &llm.Error{Code: llm.ErrIncomplete, Message: "the connection broke before the answer ended", Err: err}
}

// apiError is an exception of the service, before or within a stream.
func (c *call) apiError(api smithy.APIError, err error) *llm.Error {
	e := &llm.Error{Message: llm.Redact(api.ErrorMessage()), RawCode: api.ErrorCode(), RetryAfter: c.retryAfter(), Err: err}
	e.Code, e.Status = codeOf(api.ErrorCode(), c.status, api.ErrorMessage())
	if e.Code == llm.ErrMalformedOutput {
		// Mostly the model does it again, but once more is worth it.
		e.Retryable = new(true)
	}
	return e
}

// notSent is a failure before the service answered.
func (c *call) notSent(err error) *llm.Error {
	send, ok := errors.AsType[interface {
		error
		ConnectionError() bool
	}](err)
	e := &llm.Error{Code: llm.ErrInvalidRequest, Message: "the AWS SDK refused the call; its own error is the cause", Err: err}
	switch {
	case strings.Contains(err.Error(), "get identity: "):
		// The SDK has no type for it. Whoever was asked for credentials may have been
		// unreachable, too.
		e.Code = llm.ErrUnauthenticated
		e.Message = "the AWS client found no usable credentials: check the credential chain (environment, profile, role)"
	case strings.Contains(err.Error(), "bearer token with HTTP request requires HTTPS"): // no type either
		e.Message = "a bearer token goes over https only: use an https endpoint, or unset AWS_BEARER_TOKEN_BEDROCK to sign with credentials"
	case ok && send.ConnectionError() && isTimeout(err):
		e.Code, e.Message = llm.ErrTimeout, "no answer from "+c.where
	case ok && send.ConnectionError():
		e.Code, e.Message = llm.ErrUnavailable, "no connection to "+c.where+why(err)
	case c.region == "":
		e.Message = "no AWS region: set aws.Config.Region, or AWS_REGION where the default configuration is loaded"
	default:
		if p, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
			e.Message = "the AWS SDK refused the request: " + fieldsOf(p)
		}
	}
	return e
}

// fieldsOf names what is wrong with a request by the SDK's own check.
func fieldsOf(p smithy.InvalidParamsError) string {
	var fields []string
	for _, e := range p.Errs() {
		if f, ok := e.(interface{ Field() string }); ok {
			fields = append(fields, f.Field())
		}
	}
	return strings.Join(fields, ", ")
}

// why adds that a host's name was at fault; error numbers show by themselves.
func why(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return ": no such host"
		}
		return ": the host's name cannot be resolved"
	}
	return ""
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

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

// fail makes the typed error of a call.
func (c *call) fail(ctx context.Context, err error) error {
	e := c.classify(ctx, err)
	e.Op, e.Provider, e.Model, e.RequestID = c.op, Provider, c.caller.info().Model, c.requestID()
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

// apiError is an exception of the service, before or within a stream. Whether it may
// be tried again, and when, is decided here and nowhere else: by the code, except where
// the same code is retryable for one cause and not for another.
func (c *call) apiError(api smithy.APIError, err error) *llm.Error {
	text := llm.Redact(unwrap(api.ErrorMessage()))
	e := &llm.Error{Message: c.withHint(api.ErrorCode(), text), RawCode: api.ErrorCode(), RetryAfter: c.retryAfter(), Err: err}
	e.Code, e.Status = codeOf(api.ErrorCode(), c.status, text)
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

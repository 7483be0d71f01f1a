package bedrocktest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// exception is an error as the service reports it, before an answer or within a
// stream.
type exception struct {
	name       string // "ThrottlingException"; "" = an error without a type
	status     int
	message    string
	retryAfter time.Duration // how long the client is asked to wait; 0 = not said
}

// exceptions are those of Bedrock Runtime, and the common ones of AWS, with their
// status and a message for when there is no better one.
var exceptions = []exception{
	{name: "AccessDeniedException", status: 403, message: "You don't have access to the model with the specified model ID."},
	{name: "ConflictException", status: 400, message: "The request conflicts with the state of the resource."},
	{name: "ExpiredTokenException", status: 403, message: "The security token included in the request is expired"},
	{name: "InternalServerException", status: 500, message: "The system encountered an unexpected error during processing. Try your request again."},
	{name: "MissingAuthenticationTokenException", status: 403, message: "Missing Authentication Token"},
	{name: "ModelErrorException", status: 424, message: "The model returned an error while processing the request."},
	{name: "ModelNotReadyException", status: 429, message: "Model is not ready for inference. Wait and try your request again."},
	{name: "ModelStreamErrorException", status: 424, message: "The model returned an error while streaming the response."},
	{name: "ModelTimeoutException", status: 408, message: "Model has timed out in processing the request. Try your request again."},
	{name: "ResourceNotFoundException", status: 404, message: "Could not resolve the model from the provided model identifier."},
	{name: "SerializationException", status: 400, message: "The request could not be read."},
	{name: "ServiceQuotaExceededException", status: 400, message: "Your request exceeds the service quota for your account."},
	{name: "ServiceUnavailableException", status: 503, message: "Bedrock is unable to process your request."},
	{name: "ThrottlingException", status: 429, message: "Too many requests, please wait before trying again."},
	{name: "UnknownOperationException", status: 404, message: "The operation is not known to the service."},
	{name: "UnrecognizedClientException", status: 403, message: "The security token included in the request is invalid."},
	{name: "UnsupportedMediaTypeException", status: 415, message: "The content type must be application/json."},
	{name: "ValidationException", status: 400, message: "The request is not valid."},
}

// newException returns the exception of that name. A name that is not in the list is
// an error of the client, 400.
func newException(name, message string) *exception {
	e := exception{name: name, status: http.StatusBadRequest, message: message}
	for _, known := range exceptions {
		if known.name == name {
			e.status, e.message = known.status, cmp.Or(message, known.message)
		}
	}
	return &e
}

// invalid is the exception for a request that breaks a rule.
func invalid(format string, args ...any) *exception {
	return newException("ValidationException", fmt.Sprintf(format, args...))
}

// exceptionNames says what a code of package llm is called on the wire. ErrIncomplete
// is not among them, since it cuts the connection; other codes that are missing are
// InternalServerException.
var exceptionNames = map[llm.Code]string{
	llm.ErrInvalidRequest:   "ValidationException",
	llm.ErrUnauthenticated:  "UnrecognizedClientException",
	llm.ErrPermissionDenied: "AccessDeniedException",
	llm.ErrNotFound:         "ResourceNotFoundException",
	llm.ErrRateLimited:      "ThrottlingException",
	llm.ErrQuotaExhausted:   "ServiceQuotaExceededException",
	llm.ErrOverloaded:       "ServiceUnavailableException",
	llm.ErrNotReady:         "ModelNotReadyException",
	llm.ErrUnavailable:      "ServiceUnavailableException",
	llm.ErrTimeout:          "ModelTimeoutException",
	llm.ErrContextTooLong:   "ValidationException",
	llm.ErrContentFiltered:  "ValidationException",
	llm.ErrMalformedOutput:  "ModelErrorException",
	llm.ErrUnsupported:      "ValidationException",
	llm.ErrRejected:         "ThrottlingException",
	llm.ErrBudgetExceeded:   "ServiceQuotaExceededException",
}

// tooLong and blocked are Bedrock's words for what it has no exception for. Clients
// tell these two from other bad requests by the text alone.
const (
	tooLong = "Input is too long for requested model."
	blocked = "The model returned the following errors: Output blocked by content filtering policy"
)

// fromModel says how Bedrock would report an error of the model.
func fromModel(err error) *exception {
	code := llm.CodeOf(err)
	message := ""
	if e, ok := errors.AsType[*llm.Error](err); ok {
		message = cmp.Or(e.Message, causes(code, e.Err))
	}
	switch code {
	case llm.ErrContextTooLong:
		message = say(tooLong, message)
	case llm.ErrContentFiltered:
		message = say(blocked, message)
	}
	e := newException(cmp.Or(exceptionNames[code], "InternalServerException"), message)
	e.retryAfter, _ = llm.RetryAfter(err)
	return e
}

// causes is what an error of that code shows of its cause: a fake has its reasons there.
func causes(code llm.Code, cause error) string {
	text := (&llm.Error{Code: code, Err: cause}).Error()
	return strings.TrimPrefix(strings.TrimPrefix(text, code.Error()), ": ")
}

// say puts what must be said before a message that does not say it.
func say(what, message string) string {
	switch {
	case message == "":
		return what
	case strings.Contains(message, strings.TrimSuffix(what, ".")):
		return message
	}
	return what + " " + message
}

// write sends the exception as the answer.
func (e *exception) write(a *answer) {
	h := a.w.Header()
	if e.name != "" {
		h.Set("X-Amzn-ErrorType", e.name)
	}
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retryAfter.Seconds()))))
		h.Set("X-Amz-Retry-After", strconv.FormatInt(e.retryAfter.Milliseconds(), 10))
	}
	a.whole(e.status, obj("message", e.message))
}

// inStream is the name of the exception within a stream: that of a member of the
// event stream, with a small first letter. Those that the service does not model
// there are named in the same way.
func (e *exception) inStream() string {
	return strings.ToLower(e.name[:1]) + e.name[1:]
}

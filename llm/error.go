package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Code classifies an error. A Code is itself an error, so that the constants serve
// as sentinels that nobody can change: errors.Is(err, llm.ErrRateLimited).
//
// Never return llm.CodeOf(err) as an error: for a nil err it is the Code "", which is
// not a nil error.
type Code string

// Codes. Whether [IsRetryable] holds for a code by default is said of each;
// [Error.Retryable] overrides it.
const (
	// ErrInvalidRequest: the request is wrong and will stay wrong. From Validate,
	// backends and providers (400). Not retryable.
	ErrInvalidRequest Code = "invalid_request"
	// ErrUnauthenticated: no credentials, or bad or expired ones (401). Not retryable.
	ErrUnauthenticated Code = "unauthenticated"
	// ErrPermissionDenied: the credentials do not allow it (403). Not retryable.
	ErrPermissionDenied Code = "permission_denied"
	// ErrNotFound: no such model or resource (404). Not retryable.
	ErrNotFound Code = "not_found"
	// ErrRateLimited: too many requests or tokens at the moment (429). Retryable.
	ErrRateLimited Code = "rate_limited"
	// ErrQuotaExhausted: a quota that waiting does not refill soon. Not retryable.
	ErrQuotaExhausted Code = "quota_exhausted"
	// ErrOverloaded: the provider has no capacity for the model (503, 529). Retryable.
	ErrOverloaded Code = "overloaded"
	// ErrNotReady: the model is still being loaded. Retryable.
	ErrNotReady Code = "not_ready"
	// ErrUnavailable: the provider could not be reached. Retryable.
	ErrUnavailable Code = "unavailable"
	// ErrTimeout: a deadline passed, the caller's, a policy's or the provider's.
	// Retryable; whoever retries stops when its own context is done.
	ErrTimeout Code = "timeout"
	// ErrCanceled: the caller's context was cancelled. Not retryable.
	ErrCanceled Code = "canceled"
	// ErrContextTooLong: the input does not fit the model's context. Not retryable.
	ErrContextTooLong Code = "context_too_long"
	// ErrContentFiltered: the provider refused the content. Not retryable.
	ErrContentFiltered Code = "content_filtered"
	// ErrMalformedOutput: the answer cannot be read, or does not satisfy the schema
	// that was asked for. Retryable only where the backend says so.
	ErrMalformedOutput Code = "malformed_output"
	// ErrUnsupported: the backend or model cannot do what the request asks. Not
	// retryable.
	ErrUnsupported Code = "unsupported"
	// ErrIncomplete: the answer broke off; what had arrived is kept. Retryable.
	ErrIncomplete Code = "incomplete"
	// ErrRejected: a local policy (limiter, breaker, ForbidSend) refused to send. Not
	// retryable.
	ErrRejected Code = "rejected"
	// ErrBudgetExceeded: a local budget is spent. Not retryable.
	ErrBudgetExceeded Code = "budget_exceeded"
	// ErrInternal: the provider failed (500), or a backend has a fault. Retryable.
	ErrInternal Code = "internal"
	// ErrUnknown: nothing more is known. Not retryable.
	ErrUnknown Code = "unknown"
)

// Error returns the code in words: "rate limited".
func (c Code) Error() string { return strings.ReplaceAll(string(c), "_", " ") }

// retryable says of each code whether to try again.
var retryable = map[Code]bool{
	ErrInvalidRequest: false, ErrUnauthenticated: false, ErrPermissionDenied: false, ErrNotFound: false, ErrRateLimited: true,
	ErrQuotaExhausted: false, ErrOverloaded: true, ErrNotReady: true, ErrUnavailable: true, ErrTimeout: true, ErrCanceled: false,
	ErrContextTooLong: false, ErrContentFiltered: false, ErrMalformedOutput: false, ErrUnsupported: false, ErrIncomplete: true,
	ErrRejected: false, ErrBudgetExceeded: false, ErrInternal: true, ErrUnknown: false,
}

// known is c, or "…" where it is none of the codes above: then it may be any text.
func (c Code) known() Code {
	if _, ok := retryable[c]; ok || c == "" {
		return c
	}
	return "…"
}

// Error is the error of a model. Its text is safe to log, and so is that of its value.
type Error struct {
	Code       Code          // what kind of failure it is; "" counts as that of Err
	Op         string        // what was being done, for example "generate", "stream", "validate", "load"
	Provider   string        // the model's provider, as in [Info], also where the call was refused before it was sent
	Model      string        // the provider's id of the model
	Message    string        // what went wrong and the way out, often the provider's own text after [Redact]; may be empty
	RawCode    string        // the provider's own word for the failure: "ThrottlingException"
	RequestID  string        // the provider's id of the call, for support cases
	Status     int           // HTTP status; 0 = none was received, as where nothing was sent
	RetryAfter time.Duration // how long the provider asks to wait; 0 = it did not say
	Retryable  *bool         // whether to try again; nil = as Code says
	Err        error         // the cause, for errors.Is and errors.As; most of its text is not printed, so Message says what a reader needs
}

// Error returns provider, operation, model, code and message, and in brackets status,
// raw code and request id, as far as they are known. The message is shown as [Redact]
// leaves it, raw code and request id where they look like such. Of causes it shows
// errors of this package and of package context, and the operating system's error
// numbers, which all have texts of their own, and does not repeat what stands there already.
func (e *Error) Error() string { return e.text(Error{}) }

// String returns what [Error.Error] does, so that the value can be logged too.
func (e Error) String() string { return e.text(Error{}) }

// text is the error's text within that of outer, of which it repeats nothing.
func (e *Error) text(outer Error) string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	for _, s := range [][2]string{{e.Provider, outer.Provider}, {e.Op, outer.Op}, {e.Model, outer.Model}} {
		if s[0] == "" || s[0] == s[1] {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(printable(s[0]))
	}
	code := e.Code.known().Error()
	if e.Code == outer.Code {
		code = ""
	}
	shown := *e
	shown.Message = Redact(e.Message)
	for _, s := range []string{code, shown.Message, safeText(e.Err, shown)} {
		if s != "" {
			if b.Len() > 0 {
				b.WriteString(": ")
			}
			b.WriteString(s)
		}
	}
	var details []string
	if e.Status != outer.Status && e.Status != 0 {
		details = append(details, "status "+strconv.Itoa(e.Status))
	}
	if e.RawCode != outer.RawCode && e.RawCode != "" {
		details = append(details, rawCode(e.RawCode))
	}
	if e.RequestID != outer.RequestID && e.RequestID != "" {
		details = append(details, "request id "+requestID(e.RequestID))
	}
	if details != nil {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, ", "))
	}
	if b.Len() == 0 && outer.Code == "" {
		return ErrUnknown.Error()
	}
	return b.String()
}

// printable is s, quoted where it holds what does not print, such as a line break.
func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// Raw codes and request ids come from a server, and may be anything. They are shown
// where they look like names and ids, which have a digit.
var (
	rawCodes   = regexp.MustCompile(`^[A-Za-z0-9._:#]{1,64}$`)
	requestIDs = regexp.MustCompile(`^[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*$`)
)

func rawCode(s string) string {
	if !rawCodes.MatchString(s) {
		return "…"
	}
	return s
}

func requestID(s string) string {
	if len(s) > 64 || s != "" && !requestIDs.MatchString(s) {
		return "…"
	}
	return s
}

// MarshalJSON encodes what [Error.Error] shows, and nothing of other causes.
func (e Error) MarshalJSON() ([]byte, error) {
	var wait float64
	if e.RetryAfter > 0 {
		wait = e.RetryAfter.Seconds()
	}
	return json.Marshal(struct {
		Code       Code    `json:"code,omitempty"`
		Error      string  `json:"error"`
		Status     int     `json:"status,omitempty"`
		RequestID  string  `json:"request_id,omitempty"`
		RetryAfter float64 `json:"retry_after_seconds,omitempty"`
		Retryable  bool    `json:"retryable"`
	}{CodeOf(&e).known(), e.Error(), e.Status, requestID(e.RequestID), wait, IsRetryable(&e)})
}

// Unwrap returns the code and the cause, so that errors.Is finds both.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	errs := make([]error, 0, 2)
	if e.Code != "" {
		errs = append(errs, e.Code)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// safeText is the text of those errors in a chain that are known to be safe, within that of
// outer. Of several calls each says which it is, even where outer says the same.
func safeText(err error, outer Error) string {
	switch e := err.(type) {
	case nil:
		return ""
	case *Error:
		return e.text(outer)
	case Code:
		if e == outer.Code {
			return ""
		}
		return e.known().Error()
	case syscall.Errno:
		return notIn(outer.Message, e)
	case interface{ Unwrap() error }:
		return safeText(e.Unwrap(), outer)
	case interface{ Unwrap() []error }:
		errs := e.Unwrap()
		if several(errs) {
			outer = Error{Code: outer.Code}
		}
		var texts []string
		for _, err := range errs {
			if s := safeText(err, outer); s != "" {
				texts = append(texts, s)
			}
		}
		return strings.Join(texts, "; ")
	}
	if isContextError(err) {
		return notIn(outer.Message, err)
	}
	return ""
}

// notIn is the text of an error, unless a message has it already.
func notIn(message string, err error) string {
	if s := err.Error(); !strings.Contains(message, s) {
		return s
	}
	return ""
}

// several says whether more than one of these causes is a failed call's.
func several(errs []error) bool {
	calls := 0
	for _, err := range errs {
		if _, ok := errors.AsType[*Error](err); ok {
			calls++
		}
	}
	return calls > 1
}

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// codes tell what an error is, by the endpoint's own word.
var codes = map[string]llm.Code{
	"invalid_request_error": llm.ErrInvalidRequest, "request_too_large": llm.ErrInvalidRequest, "authentication_error": llm.ErrUnauthenticated,
	"billing_error": llm.ErrQuotaExhausted, "permission_error": llm.ErrPermissionDenied, "not_found_error": llm.ErrNotFound,
	"rate_limit_error": llm.ErrRateLimited, "timeout_error": llm.ErrTimeout, "api_error": llm.ErrInternal, "overloaded_error": llm.ErrOverloaded,
}

// messages tell invalid requests apart that have one word: only their text says more.
var messages = map[string]llm.Code{
	"prompt is too long": llm.ErrContextTooLong, "Output blocked by content filtering policy": llm.ErrContentFiltered,
}

// statuses tell it where something else answers, such as a gateway.
var statuses = map[string]llm.Code{
	"401": llm.ErrUnauthenticated, "403": llm.ErrPermissionDenied, "404": llm.ErrNotFound, "408": llm.ErrTimeout, "429": llm.ErrRateLimited,
	"4xx": llm.ErrInvalidRequest, "500": llm.ErrInternal, "504": llm.ErrTimeout, "529": llm.ErrOverloaded, "5xx": llm.ErrUnavailable,
}

// refused reads an answer that is an error.
func (c *call) refused(body io.Reader) error {
	var answer struct{ Error wireError }
	json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&answer) // by something else: then the status speaks
	return c.refuse(answer.Error)
}

// refuse is an error of the endpoint, before an answer or within it. Its text may quote
// the request, which Redact leaves out; that about a bad key may show the key (law 8).
func (c *call) refuse(e wireError) error {
	status := c.failure.Status
	code := cmp.Or(codes[e.Type], statuses[fmt.Sprint(status)], statuses[fmt.Sprint(status/100, "xx")], llm.ErrInternal)
	for text, special := range messages {
		if code == llm.ErrInvalidRequest && strings.HasPrefix(e.Message, text) {
			code = special
		}
	}
	c.failure.RawCode = e.Type
	if code != llm.ErrUnauthenticated {
		c.failure.Message = llm.Redact(e.Message)
	}
	return code
}

// fail is the error of the call.
func (c *call) fail(err error) *llm.Error {
	if c.ctx.Err() != nil {
		err = c.ctx.Err() // a context that has ended breaks everything else (law 5)
	}
	c.failure.Code, c.failure.Err = llm.CodeOf(err), err
	if c.failure.Code == llm.ErrUnknown { // of reading or decoding; its text is not shown, for it may quote the answer (law 8)
		c.failure.Code = llm.ErrIncomplete
		c.failure.Message = "the answer broke off"
		if c.parts == 0 && c.usage == (usage{}) {
			c.failure.Message = "no answer of the Messages API: is the base URL right?"
		}
	}
	return &c.failure
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

func wireErr(kind, message string) string {
	return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q},"request_id":"req_1"}`, kind, message)
}

// Errors by their word, by the status where it is another's, and by their text where one
// word stands for several.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   llm.Code
		raw    string
	}{
		{400, wireErr("invalid_request_error", "max_tokens: field required"), llm.ErrInvalidRequest, "invalid_request_error"},
		{400, wireErr("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), llm.ErrContextTooLong, "invalid_request_error"},
		{400, wireErr("invalid_request_error", "Output blocked by content filtering policy"), llm.ErrContentFiltered, "invalid_request_error"},
		{401, wireErr("authentication_error", "invalid x-api-key sk-ant-secret"), llm.ErrUnauthenticated, "authentication_error"},
		{402, wireErr("billing_error", "m"), llm.ErrQuotaExhausted, "billing_error"},
		{403, wireErr("permission_error", "m"), llm.ErrPermissionDenied, "permission_error"},
		{404, wireErr("not_found_error", "model: m"), llm.ErrNotFound, "not_found_error"},
		{413, wireErr("request_too_large", "m"), llm.ErrInvalidRequest, "request_too_large"},
		{429, wireErr("rate_limit_error", "m"), llm.ErrRateLimited, "rate_limit_error"},
		{500, wireErr("api_error", "m"), llm.ErrInternal, "api_error"},
		{504, wireErr("timeout_error", "m"), llm.ErrTimeout, "timeout_error"},
		{529, wireErr("overloaded_error", "Overloaded"), llm.ErrOverloaded, "overloaded_error"},
		{401, `no`, llm.ErrUnauthenticated, ""},
		{404, `404 page not found`, llm.ErrNotFound, ""},
		{418, `{"error":"short"}`, llm.ErrInvalidRequest, ""},
		{429, ``, llm.ErrRateLimited, ""},
		{500, `<html>`, llm.ErrInternal, ""},
		{502, `<html>`, llm.ErrUnavailable, ""},
		{503, ``, llm.ErrUnavailable, ""},
		{529, ``, llm.ErrOverloaded, ""},
		{204, ``, llm.ErrInternal, ""},
	} {
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Request-Id", "req_1")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}), "m")
		for op, call := range ways(m) {
			r, err := call(t.Context(), hi)
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || r != nil || e.Code != c.code || e.RawCode != c.raw {
				t.Errorf("%d %s: %s: %+v", c.status, c.body, op, e)
				continue
			}
			if e.Op != op || e.Provider != Provider || e.Model != "m" || e.Status != c.status || e.RequestID != "req_1" || e.RetryAfter != 7*time.Second {
				t.Errorf("%d %s: %s: %+v", c.status, c.body, op, e)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the key shows: %v", err)
			}
		}
	}
}

// The endpoint may say itself whether to try again.
func TestShouldRetry(t *testing.T) {
	for header, want := range map[string]bool{"": true, "true": true, "false": false} {
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				w.Header().Set("X-Should-Retry", header)
			}
			w.WriteHeader(500)
		}), "m")
		if _, err := m.Generate(t.Context(), hi); llm.IsRetryable(err) != want {
			t.Errorf("%q: %v", header, err)
		}
	}
}

// The same errors in a stream, where the status was 200. What came before is kept.
func TestErrorsInStreams(t *testing.T) {
	for kind, code := range map[string]llm.Code{"overloaded_error": llm.ErrOverloaded, "rate_limit_error": llm.ErrRateLimited, "api_error": llm.ErrInternal,
		"a_new_error": llm.ErrInternal} {
		for op, call := range ways(answering(t, sse(append(spoken[:8:8], wireErr(kind, "it said 'secret'"))...))) {
			r, err := call(t.Context(), hi)
			if llm.CodeOf(err) != code || r.Text() != "Hello, " || !r.Usage.Estimated || r.Usage.InputTokens != 1012 || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s of %s: %+v, %v", op, kind, r, err)
			}
		}
	}
}

// What answers is not always the endpoint.
func TestAnswersOfOthers(t *testing.T) {
	for _, body := range []string{``, `<html>`, `{"hello":"world"}`, "data: null\n\n", "data: 3\n\n", "data: {}\n\n", "data: {\n\n"} {
		if r, err := answering(t, body).Generate(t.Context(), hi); llm.CodeOf(err) != llm.ErrIncomplete || !strings.Contains(err.Error(), "base URL") {
			t.Errorf("%q: %+v, %v", body, r, err)
		}
	}
}

// An answer, or an error, without an end does not fill the memory.
func TestEndless(t *testing.T) {
	for status, code := range map[int]llm.Code{200: llm.ErrIncomplete, 500: llm.ErrInternal} {
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			for block := []byte(strings.Repeat(" ", 1<<20)); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}), "m")
		if _, err := m.Generate(t.Context(), hi); llm.CodeOf(err) != code {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// What goes wrong before anything is answered.
func TestNoAnswer(t *testing.T) {
	for url, want := range map[string]struct {
		code llm.Code
		text string
	}{
		"http://127.0.0.1:1": {llm.ErrUnavailable, "connection refused"},
		"localhost:8080":     {llm.ErrInvalidRequest, "base URL"},
		"":                   {llm.ErrInvalidRequest, "base URL"},
		"http://a b":         {llm.ErrInvalidRequest, "base URL"},
	} {
		for _, call := range ways(New(url, "", "m", nil)) {
			if _, err := call(t.Context(), hi); llm.CodeOf(err) != want.code || !strings.Contains(fmt.Sprint(err), want.text) {
				t.Errorf("%s: %v", url, err)
			}
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// collect is Stream to its end.
func collect(m *Model) func(context.Context, *llm.Request) (*llm.Response, error) {
	return func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		return llm.Collect(m.Stream(ctx, req))
	}
}

// ways are both ways of calling a model, by their Op.
func ways(m *Model) map[string]func(context.Context, *llm.Request) (*llm.Response, error) {
	return map[string]func(context.Context, *llm.Request) (*llm.Response, error){"generate": m.Generate, "stream": collect(m)}
}

// Errors by status and by name, before an answer.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   llm.Code
		raw    string
	}{
		{400, `{"error":{"message":"m","type":"invalid_request_error","param":"x","code":null}}`, llm.ErrInvalidRequest, "invalid_request_error"},
		{400, `{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}`, llm.ErrContextTooLong, "context_length_exceeded"},
		{400, `{"error":{"message":"m","code":"content_filter"}}`, llm.ErrContentFiltered, "content_filter"},
		{401, `{"error":{"message":"Incorrect API key provided: sk-secret.","type":"invalid_request_error","code":"invalid_api_key"}}`, llm.ErrUnauthenticated, "invalid_api_key"},
		{401, `no`, llm.ErrUnauthenticated, ""},
		{403, `{}`, llm.ErrPermissionDenied, ""},
		{404, `{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}`, llm.ErrNotFound, "model_not_found"},
		{404, `404 page not found`, llm.ErrNotFound, ""},
		{408, ``, llm.ErrTimeout, ""},
		{413, `<html>`, llm.ErrInvalidRequest, ""},
		{429, `{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}`, llm.ErrRateLimited, "rate_limit_exceeded"},
		{429, `{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}`, llm.ErrQuotaExhausted, "insufficient_quota"},
		{429, `{"error":"slow down"}`, llm.ErrRateLimited, ""},
		{500, `{"error":{"message":"m","type":"server_error"}}`, llm.ErrInternal, "server_error"},
		{500, `{"error":{"message":7,"type":{},"code":[]}}`, llm.ErrInternal, "[]"},
		{502, `<html>`, llm.ErrUnavailable, ""},
		{503, `{"error":{"message":"m","type":"server_error","code":503}}`, llm.ErrOverloaded, "503"},
		{504, ``, llm.ErrTimeout, ""},
		{599, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`, llm.ErrInternal, ""},
		{200, `{"error":{"message":"m","code":429}}`, llm.ErrRateLimited, "429"}, // some proxies answer so
	} {
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "req_1")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}), "m")
		for op, call := range ways(m) {
			if c.status == 200 && op == "stream" {
				continue // see TestErrorsInStreams
			}
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

// The same errors in a stream, where the status was 200. What came before is kept.
func TestErrorsInStreams(t *testing.T) {
	for body, code := range map[string]llm.Code{
		`{"error":{"message":"m","type":"server_error","code":null}}`:                                       llm.ErrInternal,
		`{"error":{"message":"m","type":"invalid_request_error","code":400}}`:                               llm.ErrInvalidRequest,
		`{"error":{"message":"m","code":"rate_limit_exceeded"}}`:                                            llm.ErrRateLimited,
		`{"error":{"message":"m","code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}`: llm.ErrUnavailable,
		`{"error":{"message":"it said 'secret'"}}`:                                                          llm.ErrIncomplete,
		`<html>secret`: llm.ErrIncomplete,
		`{"choices":[{"delta":{"content":[{"type":"image_url"}]}}]}`: llm.ErrIncomplete,
	} {
		r, err := llm.Collect(answering(t, events(spoken[0], spoken[1], body, "[DONE]")).Stream(t.Context(), hi))
		if llm.CodeOf(err) != code || r.Text() != "Hello, " || !r.Usage.Estimated || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
	}
}

// What answers is not always the endpoint.
func TestAnswersOfOthers(t *testing.T) {
	for _, body := range []string{``, `<html>`, `{"hello":"world"}`, `{"choices":[{"message":{"c`, `{"choices":[{"message":3}]}`, `[]`, `null`, "data: null\n", "data: [DONE]\n"} {
		for op, call := range ways(answering(t, body)) {
			if r, err := call(t.Context(), hi); llm.CodeOf(err) != llm.ErrIncomplete || r != nil || !strings.Contains(err.Error(), "base URL") {
				t.Errorf("%s of %q: %+v, %v", op, body, r, err)
			}
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
		for op, call := range ways(m) {
			if status == 500 && op == "stream" {
				continue // read as with Generate
			}
			if _, err := call(t.Context(), hi); llm.CodeOf(err) != code {
				t.Errorf("%d: %s: %v", status, op, err)
			}
		}
	}
}

// What goes wrong before anything is answered.
func TestNoAnswer(t *testing.T) {
	for _, c := range []struct {
		url  string
		code llm.Code
		text string
	}{
		{"http://127.0.0.1:1", llm.ErrUnavailable, "connection refused"},
		{"localhost:8080/v1", llm.ErrInvalidRequest, "base URL"},
		{"", llm.ErrInvalidRequest, "base URL"},
		{"http://a b", llm.ErrInvalidRequest, "base URL"},
	} {
		for _, call := range ways(New(c.url, "", "m", nil)) {
			if _, err := call(t.Context(), hi); llm.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("%s: %v", c.url, err)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "0.5": 500 * time.Millisecond, "-1": 0, "soon": 0,
		"Wed, 21 Oct 2015 07:28:00 GMT": 0, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour} {
		m := newModel(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Retry-After"] = []string{v}
			w.WriteHeader(429)
		}), "m")
		_, err := m.Generate(t.Context(), hi)
		if got, _ := llm.RetryAfter(err); got > want || got < want-time.Minute || want < time.Minute && got != want || llm.CodeOf(err) != llm.ErrRateLimited {
			t.Errorf("%q: %v, %v", v, got, err)
		}
	}
}

package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Handler serves the Messages API over any model: the other end of the wire, for tests
// and for playing offline. It answers in streams only.
func Handler(model llm.Model) http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, serve func(w http.ResponseWriter, r *http.Request, in *request, req *llm.Request)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Request-Id", "req_"+rand.Text())
			// To its end, or the server would not notice that the client has left.
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
			if err != nil {
				return
			}
			in, req, err := decodeRequest(body)
			if err != nil {
				writeError(w, err)
				return
			}
			serve(w, r, in, req)
		})
	}
	handle("/v1/messages/count_tokens", func(w http.ResponseWriter, r *http.Request, _ *request, req *llm.Request) {
		counter, ok := llm.As[llm.TokenCounter](model)
		if !ok {
			writeError(w, &llm.Error{Code: llm.ErrNotFound, Message: "the model counts no tokens"})
			return
		}
		n, err := counter.CountTokens(r.Context(), req)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(object{{"input_tokens", &n}})
	})
	handle("/v1/messages", func(w http.ResponseWriter, r *http.Request, in *request, req *llm.Request) {
		switch {
		case in.MaxTokens <= 0:
			writeError(w, invalid("max_tokens: field required"))
			return
		case !in.Stream:
			writeError(w, invalid("stream: this server knows streams only"))
			return
		}
		a := &writer{w: w, model: in.Model, parts: map[int]*writing{}}
		for ev, err := range model.Stream(r.Context(), req) {
			if err == nil {
				err = a.event(ev)
			}
			switch {
			case err == nil:
			case !a.begun || llm.CodeOf(err) == llm.ErrIncomplete:
				writeError(w, err)
				return
			default:
				body, _ := newError(err)
				a.send("error", body)
				return
			}
		}
	})
	return mux
}

// refusal is how the wire says that a call failed.
type refusal struct {
	status     int
	word, text string
}

// refusals are those of the codes; what is not here is an api_error.
var refusals = map[llm.Code]refusal{
	llm.ErrInvalidRequest:   {400, "invalid_request_error", ""},
	llm.ErrUnsupported:      {400, "invalid_request_error", ""},
	llm.ErrContextTooLong:   {400, "invalid_request_error", "prompt is too long: "},
	llm.ErrContentFiltered:  {400, "invalid_request_error", "Output blocked by content filtering policy: "},
	llm.ErrUnauthenticated:  {401, "authentication_error", ""},
	llm.ErrQuotaExhausted:   {402, "billing_error", ""},
	llm.ErrPermissionDenied: {403, "permission_error", ""},
	llm.ErrNotFound:         {404, "not_found_error", ""},
	llm.ErrRateLimited:      {429, "rate_limit_error", ""},
	llm.ErrTimeout:          {504, "timeout_error", ""},
	llm.ErrOverloaded:       {529, "overloaded_error", ""},
	llm.ErrNotReady:         {529, "overloaded_error", ""},
}

// newError returns a model's error in the form of the wire, and its status.
func newError(err error) (object, int) {
	r := refusals[llm.CodeOf(err)]
	return object{{"error", object{{"type", cmp.Or(r.word, "api_error")}, {"message", r.text + err.Error()}}}}, cmp.Or(r.status, 500)
}

// writeError answers with an error. An answer that broke off cannot be told in words:
// the connection breaks off as well. That nobody is there a gateway says, in words of its own.
func writeError(w http.ResponseWriter, err error) {
	switch llm.CodeOf(err) {
	case llm.ErrIncomplete:
		panic(http.ErrAbortHandler)
	case llm.ErrUnavailable:
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
		return
	}
	body, status := newError(err)
	if d, ok := llm.RetryAfter(err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(append(object{{"type", "error"}}, body...))
}

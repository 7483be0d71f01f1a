package llmtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// A backend over HTTP, whose server plays the script's model, passes in real time.
// This is how a harness over a wire is made.
func TestBackendOverHTTP(t *testing.T) {
	Run(t, Harness{
		New: newWire,
		Lacks: []Capability{
			GeneratePartial.Because("an answer that is not streamed comes whole or not at all"),
			ErrorCode(llm.ErrNotReady).Because("the server says overloaded"),
		},
	})
}

// newWire starts a server that plays the script, and returns a client of it.
func newWire(t *testing.T, s Script) llm.Model {
	behind := s.Model()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, behind)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	m := &wire{url: server.URL, client: &http.Client{Transport: transport}, info: llm.Info{Provider: "wire", Model: s.Name}}
	return &backend{next: m}
}

// frame is a line of the wire.
type frame struct {
	Event    json.RawMessage `json:"event,omitempty"`
	Response *llm.Response   `json:"response,omitempty"`
	Error    *wireError      `json:"error,omitempty"`
}

type wireError struct {
	Code       llm.Code      `json:"code"`
	Message    string        `json:"message"`
	RetryAfter time.Duration `json:"retry_after"`
}

func newWireError(err error) *wireError {
	e := &wireError{Code: llm.CodeOf(err), Message: err.Error()}
	e.RetryAfter, _ = llm.RetryAfter(err)
	if e.Code == llm.ErrNotReady {
		e.Code = llm.ErrOverloaded
	}
	return e
}

func serve(w http.ResponseWriter, r *http.Request, m llm.Model) {
	w.Header().Set("Request-Id", rand.Text())
	body, _ := io.ReadAll(r.Body)
	req := new(llm.Request)
	if err := json.Unmarshal(body, req); err != nil {
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path == "/generate" {
		resp, err := m.Generate(r.Context(), req)
		switch {
		case llm.CodeOf(err) == llm.ErrIncomplete:
			panic(http.ErrAbortHandler)
		case err != nil:
			json.NewEncoder(w).Encode(frame{Error: newWireError(err)})
		default:
			json.NewEncoder(w).Encode(frame{Response: resp})
		}
		return
	}
	for ev, err := range m.Stream(r.Context(), req) {
		switch {
		case llm.CodeOf(err) == llm.ErrIncomplete:
			panic(http.ErrAbortHandler)
		case err != nil:
			json.NewEncoder(w).Encode(frame{Error: newWireError(err)})
		default:
			b, _ := json.Marshal(ev)
			json.NewEncoder(w).Encode(frame{Event: b})
		}
		w.(http.Flusher).Flush()
	}
}

// wire is the client.
type wire struct {
	url    string
	client *http.Client
	info   llm.Info
}

func (m *wire) Info() llm.Info { return m.info }

// exchange is one call.
type exchange struct {
	*wire
	op string
	id string // of the call, as the server gave it
}

// post sends a request.
func (x *exchange) post(ctx context.Context, req *llm.Request) (*http.Response, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, x.failure(ctx, llm.ErrInternal, err)
	}
	hr, err := http.NewRequestWithContext(ctx, "POST", x.url+"/"+x.op, bytes.NewReader(body))
	if err != nil {
		return nil, x.failure(ctx, llm.ErrInternal, err)
	}
	resp, err := x.client.Do(hr)
	if err != nil {
		return nil, x.failure(ctx, llm.ErrUnavailable, err)
	}
	x.id = resp.Header.Get("Request-Id")
	return resp, nil
}

func (m *wire) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	x := &exchange{wire: m, op: "generate"}
	resp, err := x.post(ctx, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var f frame
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
		return nil, x.failure(ctx, llm.ErrIncomplete, err)
	}
	if f.Error != nil {
		return nil, x.provider(f.Error)
	}
	r := f.Response
	r.Provider, r.Model, r.RequestID, r.RawStopReason = m.info.Provider, m.info.Model, x.id, raw(r.StopReason)
	for _, p := range r.Message.Content {
		x.mark(p)
	}
	return r, nil
}

func (m *wire) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		x := &exchange{wire: m, op: "stream"}
		resp, err := x.post(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		for lines := bufio.NewReader(resp.Body); ; {
			line, err := lines.ReadBytes('\n')
			var f frame
			if err == nil && ctx.Err() == nil {
				err = json.Unmarshal(line, &f)
			}
			switch {
			case err != nil || ctx.Err() != nil:
				yield(nil, x.failure(ctx, llm.ErrIncomplete, err))
				return
			case f.Error != nil:
				yield(nil, x.provider(f.Error))
				return
			}
			ev, err := llm.UnmarshalEvent(f.Event)
			if err != nil {
				yield(nil, x.failure(ctx, llm.ErrMalformedOutput, err))
				return
			}
			end, over := ev.(*llm.Finish)
			if over {
				end.Provider, end.Model, end.RequestID, end.RawStopReason = m.info.Provider, m.info.Model, x.id, raw(end.StopReason)
			}
			if start, ok := ev.(*llm.PartStart); ok {
				x.mark(start.Part)
			}
			if !yield(ev, nil) {
				return
			}
			if over {
				// What is left of the body is its end: read it, and the connection
				// serves again.
				io.Copy(io.Discard, io.LimitReader(lines, 512))
				return
			}
		}
	})
}

// raw is the server's word for a stop reason.
func raw(r llm.StopReason) string { return strings.ToUpper(string(r)) }

// mark says whose reasoning it is.
func (x *exchange) mark(p llm.Part) {
	if p, ok := p.(*llm.ReasoningPart); ok {
		p.Opaque = &llm.Opaque{Provider: x.info.Provider, Model: x.info.Model}
	}
}

func (x *exchange) failure(ctx context.Context, code llm.Code, err error) error {
	if ctx.Err() != nil {
		code, err = llm.CodeOf(ctx.Err()), errors.Join(ctx.Err(), err)
	}
	return &llm.Error{Code: code, Op: x.op, Provider: x.info.Provider, Model: x.info.Model, RequestID: x.id, Err: err}
}

// provider is the error of one that the server sent.
func (x *exchange) provider(e *wireError) error {
	return &llm.Error{Code: e.Code, Op: x.op, Provider: x.info.Provider, Model: x.info.Model, RequestID: x.id,
		Message: llm.Redact(e.Message), RetryAfter: e.RetryAfter}
}

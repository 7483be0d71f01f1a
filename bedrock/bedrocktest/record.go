package bedrocktest

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// Exchange is one request as it was received, and its answer as it was sent. It shows
// what has no neutral form: guardrails, service tier, additional fields, events.
type Exchange struct {
	N       int          // the request's number, from 0
	Op      string       // "Converse", "ConverseStream" or "CountTokens"; "" for anything else
	ModelID string       // decoded
	Method  string       // of HTTP
	Path    string       // of the URL, as it was sent, without its query
	Proto   string       // "HTTP/1.1" or "HTTP/2.0"
	Header  http.Header  // secrets are replaced by "redacted"
	Body    []byte       // shared between calls: do not change it
	Request *llm.Request // its neutral form; nil where it had none
	Answer  Answer       // what was sent so far
}

// Answer is what the server sent back, with all that a [Fault] did to it. All that a
// client has seen of it is there.
type Answer struct {
	Status int         // of HTTP; 0 while nothing was sent
	Header http.Header // as it was when the body began
	Body   []byte      // as far as it was sent. Shared between calls: do not change it
	Broken bool        // the connection was broken off, or the client has left it
}

// secrets are the headers that a record does not show.
var secrets = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Amz-Security-Token", "X-Api-Key", "Api-Key"}

// Requests returns the requests that were received, in neutral form and in the order
// of arrival: of all three operations, and also those that a rule, a [Fault] or the
// model then refused. Those that could not be read as requests are missing; see
// [Server.Exchanges]. The caller owns them, as it owns an [llm.Request.Clone].
func (s *Server) Requests() []*llm.Request {
	var requests []*llm.Request
	for _, x := range s.Exchanges() {
		if x.Request != nil {
			requests = append(requests, x.Request)
		}
	}
	return requests
}

// Exchanges returns everything that was received, in the order of arrival, with what was
// answered so far.
func (s *Server) Exchanges() []Exchange {
	s.mu.Lock()
	entries := slices.Clone(s.exchanges)
	s.mu.Unlock()
	var exchanges []Exchange
	for _, e := range entries {
		exchanges = append(exchanges, e.snapshot())
	}
	return exchanges
}

// record numbers a request, and keeps it. The entry is nil where nobody wants it.
func (s *Server) record(x Exchange) (int, *entry) {
	var e *entry
	if !s.opts.Forget || s.opts.Record != nil {
		x.Header = x.Header.Clone()
		for _, name := range secrets {
			if len(x.Header[name]) > 0 {
				x.Header.Set(name, "redacted")
			}
		}
		x.Request = x.Request.Clone()
		e = &entry{exchange: x}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.n
	s.n++
	if e != nil {
		e.exchange.N = n
	}
	if !s.opts.Forget {
		s.exchanges = append(s.exchanges, e)
	}
	return n, e
}

// transcribe writes an exchange that has ended to [Options].Record.
func (s *Server) transcribe(e *entry) {
	if s.opts.Record == nil {
		return
	}
	text := e.snapshot().String()
	s.tape.Lock()
	defer s.tape.Unlock()
	_, _ = io.WriteString(s.opts.Record, text) // the writer's owner knows what became of it
}

// entry is an exchange that is being recorded. A nil one records nothing.
type entry struct {
	mu       sync.Mutex
	exchange Exchange
}

func (e *entry) snapshot() Exchange {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.exchange
	x.Header, x.Answer.Header = x.Header.Clone(), x.Answer.Header.Clone()
	x.Request = x.Request.Clone()
	x.Answer.Body = slices.Clip(x.Answer.Body)
	return x
}

func (e *entry) change(f func(a *Answer)) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.exchange.Answer)
}

func (e *entry) begin(status int, h http.Header) {
	e.change(func(a *Answer) { a.Status, a.Header = status, h.Clone() })
}

func (e *entry) write(p []byte) { e.change(func(a *Answer) { a.Body = append(a.Body, p...) }) }
func (e *entry) breakOff()      { e.change(func(a *Answer) { a.Broken = true }) }

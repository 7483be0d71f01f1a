package bedrocktest

import (
	"net/http"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// Wire is one request as it was received. It shows what has no neutral form:
// guardrails, service tier, additional fields.
type Wire struct {
	Op      string       // "Converse", "ConverseStream" or "CountTokens"; "" for anything else
	ModelID string       // decoded
	Path    string       // of the URL, as it was sent
	Proto   string       // "HTTP/1.1" or "HTTP/2.0"
	Header  http.Header  // secrets are replaced by "redacted"
	Body    []byte       // shared between calls: do not change it
	Request *llm.Request // its neutral form; nil where it had none
}

// secrets are the headers that a record does not show.
var secrets = []string{"Authorization", "Cookie", "X-Amz-Security-Token"}

// Requests returns the requests that were received, in neutral form and in the order
// of arrival: of all three operations, and also those that a rule, a [Fault] or the
// model then refused. Those that could not be read as requests are missing; see
// [Server.Wire]. The caller owns them, as it owns an [llm.Request.Clone].
func (s *Server) Requests() []*llm.Request {
	var requests []*llm.Request
	for _, w := range s.Wire() {
		if w.Request != nil {
			requests = append(requests, w.Request)
		}
	}
	return requests
}

// Wire returns everything that was received, in the order of arrival.
func (s *Server) Wire() []Wire {
	s.mu.Lock()
	wire := slices.Clone(s.wire)
	s.mu.Unlock()
	for i := range wire {
		wire[i].Header = wire[i].Header.Clone()
		wire[i].Request = wire[i].Request.Clone()
	}
	return wire
}

// record keeps a request, and returns its number.
func (s *Server) record(w Wire) int {
	if !s.opts.Forget {
		w.Header = w.Header.Clone()
		for _, name := range secrets {
			if w.Header.Get(name) != "" {
				w.Header.Set(name, "redacted")
			}
		}
		w.Request = w.Request.Clone()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opts.Forget {
		s.wire = append(s.wire, w)
	}
	s.n++
	return s.n - 1
}

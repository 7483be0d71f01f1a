package bedrocktest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// serve answers one request: read it, record it, wait, and let the fault, the rules
// and the model have their say, in this order.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.busy.Done()

	since := time.Now()
	w.Header().Set("x-amzn-RequestId", requestID())
	q, err := readRequest(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left half-way
	}
	refused := q.read(&s.opts)
	n, log := s.record(Exchange{Op: q.op, ModelID: q.id, Method: r.Method, Path: r.URL.EscapedPath(), Proto: r.Proto,
		Header: r.Header, Body: q.body, Request: q.neutral})
	defer s.transcribe(log)

	a := &answer{w: w, r: r, log: log}
	ended := false
	defer func() {
		if !ended { // the model, or the fault, panics
			log.breakOff()
		}
	}()
	if s.opts.Fault != nil {
		copied := r.WithContext(r.Context())
		copied.Body = io.NopCloser(bytes.NewReader(q.body))
		if f := s.opts.Fault(n, copied); f != nil {
			a.fault = f.normal()
		}
	}
	if !sleep(r.Context(), s.latency()+a.fault.Delay) {
		log.breakOff()
		panic(http.ErrAbortHandler)
	}
	if e := a.fault.exception(); e != nil {
		refused = e
	}
	if refused != nil {
		refused.write(a)
	} else {
		s.run(a, q, since)
	}
	a.end()
	ended = true
}

func (s *Server) latency() time.Duration {
	switch l := s.opts.Latency; {
	case l == 0:
		return time.Millisecond
	case l < 0:
		return 0
	default:
		return l
	}
}

// run lets the model answer.
func (s *Server) run(a *answer, q *request, since time.Time) {
	if s.model == nil {
		newException("InternalServerException", "bedrocktest: the server was given no model").write(a)
		return
	}
	switch q.op {
	case "ConverseStream":
		serveStream(a, s.model, q.neutral, since)
	case "CountTokens":
		serveCount(a, s.model, q)
	default:
		serveConverse(a, s.model, q.neutral, since)
	}
}

// serveConverse answers Converse. With an error, a partial response is not sent: the
// wire has no form for it.
func serveConverse(a *answer, model llm.Model, req *llm.Request, since time.Time) {
	resp, err := model.Generate(a.r.Context(), req)
	switch {
	case a.r.Context().Err() != nil:
		a.abort = true
	case llm.CodeOf(err) == llm.ErrIncomplete:
		a.begin(http.StatusOK, "application/json", -1)
		_ = a.write([]byte(`{"metrics":`)) // nothing follows
		a.abort = true
	case err != nil:
		fromModel(err).write(a)
	case resp == nil:
		newException("InternalServerException", "bedrocktest: the model gave neither a response nor an error").write(a)
	default:
		a.whole(http.StatusOK, encodeResponse(resp, since, a.fault.Insert))
	}
}

// serveCount answers CountTokens, from the model where it can count.
func serveCount(a *answer, model llm.Model, q *request) {
	n := (q.size + 3) / 4
	if counter, ok := llm.As[llm.TokenCounter](model); ok {
		var err error
		if n, err = counter.CountTokens(a.r.Context(), q.neutral); err != nil {
			fromModel(err).write(a)
			return
		}
	}
	a.whole(http.StatusOK, obj("inputTokens", n))
}

// sleep waits; false means that the client left or the server closed.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// requestID returns a random UUID, as AWS numbers requests.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

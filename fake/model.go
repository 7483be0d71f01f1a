package fake

import (
	"context"
	"iter"
	"strconv"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// Model is a model in memory. It is made by [New], [Func], [StreamFunc], [Auto] or
// [Replay], and is safe for concurrent use.
//
// It keeps a copy of every request for as long as it lives, see [Model.Requests],
// unless told to [Model.Forget].
type Model struct {
	info llm.Info
	*state
}

// state is what the views of one model, see [Model.WithInfo], have in common.
type state struct {
	source  source
	lenient bool // do not refuse what providers refuse

	mu       sync.Mutex
	forgets  bool // keep no requests
	signed   bool // refuse reasoning that is not signed
	arrived  int  // requests so far
	requests []*llm.Request
	calls    int  // tool calls numbered so far
	paused   bool // an answer stopped with StopPause
}

// source decides what a model answers.
type source interface {
	// answer returns the answer to a call, or the error that takes its place.
	answer(ctx context.Context, c *call) (take, error)
	// left describes what was set up and not used, and the calls that found no answer.
	left() (unused, unanswered []string)
}

// provider is the name of the fake itself.
const provider = "fake"

func newModel(s source) *Model {
	return &Model{llm.Info{Provider: provider, Model: "fake"}, &state{source: s}}
}

// WithInfo returns the same model under another name: its script, its requests and
// its numbering are those of m. Two models of different names let a test tell apart
// what it falls back from and what it falls back to. The default is provider
// "fake", model "fake".
func (m *Model) WithInfo(info llm.Info) *Model {
	if m == nil {
		return nil
	}
	return &Model{info, m.state}
}

// Info returns the model's name.
func (m *Model) Info() llm.Info {
	if m == nil {
		return llm.Info{}
	}
	return m.info
}

// Generate answers the request; it returns what [llm.Collect] makes of the stream.
func (m *Model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.stream(ctx, "generate", req))
}

// Stream answers the request as a stream. Nothing is consumed or recorded before
// the loop starts.
func (m *Model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return m.stream(ctx, "stream", req)
}

func (m *Model) stream(ctx context.Context, op string, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c, t, err := m.answer(ctx, op, req)
		if err != nil {
			yield(nil, err)
			return
		}
		c.play(ctx, t, yield)
	})
}

// answer takes a call in and finds its answer.
func (m *Model) answer(ctx context.Context, op string, req *llm.Request) (*call, take, error) {
	c := &call{op: op, info: m.Info()}
	if m == nil || m.state == nil {
		return c, take{}, c.broken("no model: use New, Func, Auto or Replay")
	}
	if ctx == nil {
		return c, take{}, c.fault(llm.ErrInvalidRequest, "nil context")
	}
	if err := c.interrupted(ctx); err != nil {
		return c, take{}, err
	}
	if err := req.Validate(); err != nil {
		e := c.fault(llm.ErrInvalidRequest, "")
		e.Err = err
		return c, take{}, e
	}
	c.state = m.state
	c.req, c.n = m.arrive(req)
	c.id = provider + "-" + strconv.Itoa(c.n)
	if !m.lenient {
		if err := c.refuse(); err != nil {
			return c, take{}, err
		}
	}
	t, err := m.source.answer(ctx, c)
	return c, t, err
}

// arrive records a request. It returns the copy, which nobody may change, and its
// number.
func (s *state) arrive(req *llm.Request) (*llm.Request, int) {
	kept := copyRequest(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived++
	if !s.forgets {
		s.requests = append(s.requests, kept)
	}
	return kept, s.arrived
}

// Last returns a copy of the last request that has arrived; see [Model.Requests]. Where
// there is none it fails the test, and returns an empty request.
func (m *Model) Last(t TB) *llm.Request {
	t.Helper()
	if requests := m.Requests(); len(requests) > 0 {
		return requests[len(requests)-1]
	}
	t.Errorf("fake: no request has arrived")
	return &llm.Request{}
}

// Forget makes the model keep no requests from now on, but for the last that passed
// over each turn with a matcher, and returns it: for programs that run long, and for
// benchmarks.
func (m *Model) Forget() *Model {
	if m != nil && m.state != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forgets, m.requests = true, nil
	}
	return m
}

// RequireSignedReasoning makes the model refuse, from now on, conversations in which
// reasoning is sent back without its signature, as models of Claude do and those that
// take no reasoning back; it returns the model. A signature, redacted reasoning or
// state of the provider ([llm.Opaque]) will do: a fake cannot tell true from false.
func (m *Model) RequireSignedReasoning() *Model {
	if m != nil && m.state != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.signed = true
	}
	return m
}

// Requests returns the requests that have arrived, in order: all that were valid
// and whose context was alive, those that the fake then refused or could not answer
// included. The answer to Requests()[0] has the request id fake-1, and so on.
//
// They are deep copies, made anew for each call; only the values in Options are
// shared. It may be called at any time, also from [Turn.When] and [Func].
func (m *Model) Requests() []*llm.Request {
	if m == nil || m.state == nil {
		return nil
	}
	m.mu.Lock()
	kept := m.requests[:len(m.requests):len(m.requests)]
	m.mu.Unlock()
	copies := make([]*llm.Request, len(kept))
	for i, r := range kept {
		copies[i] = copyRequest(r)
	}
	return copies
}

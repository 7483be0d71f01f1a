package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

func TestRecordIsAMiddleware(t *testing.T) {
	llmtest.RunMiddleware(t, func(next llm.Model) llm.Model { return fake.Record(next, io.Discard) })
}

// What is replayed keeps the laws, and says what the scripts of the suite say.
func TestConformanceOfReplay(t *testing.T) {
	llmtest.Run(t, llmtest.Harness{
		New:     func(t *testing.T, s llmtest.Script) llm.Model { return echo{s.Model()} },
		Virtual: true,
		Lacks: []llmtest.Capability{
			llmtest.OwnOptions.Because("a tape has the options of any provider"),
			llmtest.ForeignState.Because("a tape has the parts of any provider"),
			llmtest.Stalls.Because("this harness replays an answer once it is recorded"),
		},
	})
}

// echo records each call, and answers it with what is replayed.
type echo struct{ next llm.Model }

func (e echo) Info() llm.Info { return e.next.Info() }

func (e echo) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	var tape bytes.Buffer
	resp, err := fake.Record(e.next, &tape).Generate(ctx, req)
	if tape.Len() == 0 || ctx.Err() != nil {
		return resp, err
	}
	m, err := fake.Replay(&tape)
	if err != nil {
		return nil, err
	}
	return m.Generate(ctx, req)
}

func (e echo) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		var tape bytes.Buffer
		_, err := llm.Collect(fake.Record(e.next, &tape).Stream(ctx, req))
		if tape.Len() == 0 || ctx.Err() != nil {
			yield(nil, err)
			return
		}
		m, err := fake.Replay(&tape)
		if err != nil {
			yield(nil, err)
			return
		}
		m.Stream(ctx, req)(yield)
	})
}

// Every call that the suite makes, which asks a middleware for all laws, is recorded, and
// replayed with its times: events, answers and errors are the same, at the same time.
func TestReplayIsIdentity(t *testing.T) {
	var calls calls
	t.Run("middleware", func(t *testing.T) {
		llmtest.RunMiddleware(t, func(next llm.Model) llm.Model { return &witness{next, &calls} })
	})
	t.Run("replayed", func(t *testing.T) {
		compared := map[string]int{}
		synctest.Test(t, func(t *testing.T) {
			for _, c := range calls.seen {
				compared[c.compare(t)]++
			}
		})
		t.Logf("%v", compared)
		for _, kind := range []string{"generate", "stream", "left"} {
			if compared[kind] < 50 {
				t.Errorf("only %d calls of kind %q were compared", compared[kind], kind)
			}
		}
	})
}

// witness passes calls on through a recorder each, and keeps what it saw.
type witness struct {
	next  llm.Model
	calls *calls
}

type calls struct {
	mu   sync.Mutex
	seen []*seen
}

// seen is a call as the caller saw it.
type seen struct {
	tape    bytes.Buffer
	req     *llm.Request
	virtual bool
	left    bool // by a break, or by a panic
	marks   []mark
	resp    *llm.Response
	err     error
	took    time.Duration // until the answer, where it is not a stream
	stream  bool
	since   time.Time // when the caller began to wait for what comes next
}

func (w *witness) Unwrap() llm.Model { return w.next }
func (w *witness) Info() llm.Info    { return w.next.Info() }

func (w *witness) begin(req *llm.Request, stream bool) *seen {
	s := &seen{req: req.Clone(), stream: stream, virtual: time.Now().Year() < 2010}
	w.calls.mu.Lock()
	defer w.calls.mu.Unlock()
	w.calls.seen = append(w.calls.seen, s)
	return s
}

func (w *witness) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	s := w.begin(req, false)
	start := time.Now()
	resp, err := fake.Record(w.next, &s.tape).Generate(ctx, req)
	s.took, s.resp, s.err = time.Since(start), resp.Clone(), err
	return resp, err
}

func (w *witness) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		s := w.begin(req, true)
		s.left = true
		s.since = time.Now()
		fake.Record(w.next, &s.tape).Stream(ctx, req)(func(ev llm.Event, err error) bool {
			s.mark(ev, err)
			stays := yield(ev, err)
			s.since = time.Now()
			return stays
		})
		s.left = s.err == nil && !s.finished()
	})
}

// mark is something that came of a stream.
type mark struct {
	waited time.Duration // for it, by the caller
	event  llm.Event     // nil = the error
}

func (s *seen) mark(ev llm.Event, err error) {
	waited := time.Since(s.since)
	if !s.virtual {
		waited = 0
	}
	s.err = err
	s.marks = append(s.marks, mark{waited, ev})
}

func (s *seen) finished() bool {
	if len(s.marks) == 0 {
		return false
	}
	_, ok := s.marks[len(s.marks)-1].event.(*llm.Finish)
	return ok
}

func (m mark) String() string {
	b, err := json.Marshal(m.event)
	return fmt.Sprintf("after %v %s %v", m.waited, b, err)
}

// compare replays a call and says what it was.
func (s *seen) compare(t *testing.T) string {
	t.Helper()
	if s.tape.Len() == 0 {
		return "refused"
	}
	recorded := s.tape.String()
	m, err := fake.ReplayWith(&s.tape, &fake.TapeOptions{RealTime: s.virtual})
	if err != nil {
		t.Errorf("%v\n%s", err, recorded)
		return "broken"
	}
	again := &seen{virtual: s.virtual}
	kind := "generate"
	if s.stream {
		kind = "stream"
		again.since = time.Now()
		for ev, err := range m.Stream(t.Context(), s.req) {
			again.mark(ev, err)
			again.since = time.Now()
		}
		if s.left {
			kind = "left"
			if len(again.marks) < len(s.marks) {
				t.Errorf("replayed %d events, recorded %d", len(again.marks), len(s.marks))
				return kind
			}
			again.marks, again.err = again.marks[:len(s.marks)], nil
		}
	} else {
		start := time.Now()
		again.resp, again.err = m.Generate(t.Context(), s.req)
		if again.took = time.Since(start); !s.virtual {
			again.took = s.took
		}
	}
	if diff := cmp.Diff(fmt.Sprintf("%v", s.marks), fmt.Sprintf("%v", again.marks)); diff != "" {
		t.Errorf("events (-recorded +replayed):\n%s\n%s", diff, recorded)
	}
	if a, b := normal(t, s.resp), normal(t, again.resp); a != b || s.took != again.took {
		t.Errorf("after %v %s\nreplayed after %v %s", s.took, a, again.took, b)
	}
	if a, b := verdict(s.err), verdict(again.err); a != b {
		t.Errorf("error\n  %s\nreplayed as\n  %s", a, b)
	}
	return kind
}

// normal is a response as it is stored, in the normal form of law 3.
func normal(t *testing.T, r *llm.Response) string {
	t.Helper()
	if r == nil {
		return "no response"
	}
	c := r.Clone()
	for _, call := range c.ToolCalls() {
		if call.Input == nil && call.Malformed == "" {
			call.Input = json.RawMessage("{}")
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Errorf("%v", err)
	}
	return string(b)
}

// verdict is all that may be told of an error.
func verdict(err error) string {
	if err == nil {
		return "none"
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		e = new(llm.Error)
	}
	after, _ := llm.RetryAfter(err)
	return fmt.Sprintf("%s %s %q %q %q %q %q %d %v %v, context %v %v: %s", llm.CodeOf(err), e.Op, e.Message, e.RequestID, e.RawCode,
		e.Provider, e.Model, e.Status, after, llm.IsRetryable(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), err)
}

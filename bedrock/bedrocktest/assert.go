package bedrocktest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// TB is the part of *testing.T that the assertions need.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// AssertRequests fails the test unless these requests were received, in this order
// and no others. Each is an operation and the model's id, or an operation alone:
// "Converse amazon.nova-lite-v1:0", "ConverseStream"; of what is no operation the
// method and the path, "POST /v1/messages". What it fails with lists what
// was received and how it was answered, without content.
func (s *Server) AssertRequests(t TB, want ...string) {
	t.Helper()
	wire := s.Wire()
	if slices.EqualFunc(wire, want, func(w Wire, want string) bool { return want == w.op() || w.Op != "" && want == w.Op }) {
		return
	}
	t.Errorf("bedrocktest: %d requests were received, want %d%s\nreceived:%s", len(wire), len(want), lines(want), lines(outlines(wire)))
}

// Last returns the last request that was received, in neutral form, as
// [Server.Requests] does. Where there is none it fails the test, and returns an empty
// request.
func (s *Server) Last(t TB) *llm.Request {
	t.Helper()
	if requests := s.Requests(); len(requests) > 0 {
		return requests[len(requests)-1]
	}
	t.Errorf("bedrocktest: no request was received that can be read%s", lines(outlines(s.Wire())))
	return &llm.Request{}
}

// outlines says of each request what it was, and what became of it.
func outlines(wire []Wire) []string {
	out := make([]string, len(wire))
	for i, w := range wire {
		became := "not answered"
		if w.Answer.Status != 0 {
			became = fmt.Sprint(w.Answer.Status)
		}
		if w.Answer.Broken {
			became += ", broken off"
		}
		out[i] = fmt.Sprintf("%s (%s)", w.op(), became)
	}
	return out
}

// op says in short what was asked of which model.
func (w *Wire) op() string {
	if w.Op == "" {
		return w.Method + " " + w.Path
	}
	return w.Op + " " + w.ModelID
}

func lines(list []string) string {
	if len(list) == 0 {
		return "\n  none"
	}
	return "\n  " + strings.Join(list, "\n  ")
}

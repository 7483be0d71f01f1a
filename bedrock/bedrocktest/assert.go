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
// method and the path, "POST /v1/messages". What it fails with says where the two
// differ, and lists what was received and how it was answered, without content.
func (s *Server) AssertRequests(t TB, want ...string) {
	t.Helper()
	exchanges := s.Exchanges()
	differ := func(x Exchange, want string) bool { return want != x.op() && (x.Op == "" || want != x.Op) }
	for i, x := range exchanges[:min(len(exchanges), len(want))] {
		if differ(x, want[i]) {
			t.Errorf("bedrocktest: request %d is %s, want %s%s\nreceived:%s", i+1, x.op(), want[i], hint(want[i]), lines(outlines(exchanges)))
			return
		}
	}
	if len(exchanges) != len(want) {
		t.Errorf("bedrocktest: %d requests were received, want %d:%s\nreceived:%s", len(exchanges), len(want), lines(want), lines(outlines(exchanges)))
	}
}

// hint says what is wrong with a request that cannot come.
func hint(want string) string {
	if op, _, _ := strings.Cut(want, " "); slices.Contains(operations, op) || strings.Contains(want, " /") {
		return ""
	}
	return fmt.Sprintf(" (operations are %q)", operations)
}

// Last returns the last request that was received, in neutral form, as
// [Server.Requests] does. Where there is none it fails the test, and returns an empty
// request.
func (s *Server) Last(t TB) *llm.Request {
	t.Helper()
	if requests := s.Requests(); len(requests) > 0 {
		return requests[len(requests)-1]
	}
	if exchanges := s.Exchanges(); len(exchanges) > 0 {
		t.Errorf("bedrocktest: no request was received that can be read:%s", lines(outlines(exchanges)))
	} else {
		t.Errorf("bedrocktest: no request was received")
	}
	return &llm.Request{}
}

// outlines says of each request what it was, and what became of it.
func outlines(exchanges []Exchange) []string {
	out := make([]string, len(exchanges))
	for i, x := range exchanges {
		became := "not answered"
		if x.Answer.Status != 0 {
			became = fmt.Sprint(x.Answer.Status)
		}
		if x.Answer.Broken {
			became += ", broken off"
		}
		out[i] = fmt.Sprintf("%s (%s)", x.op(), became)
	}
	return out
}

// op says in short what was asked of which model.
func (x *Exchange) op() string {
	if x.Op == "" {
		return x.Method + " " + x.Path
	}
	return x.Op + " " + x.ModelID
}

func lines(list []string) string {
	if len(list) == 0 {
		return "\n  none"
	}
	return "\n  " + strings.Join(list, "\n  ")
}

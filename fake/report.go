package fake

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// TB is the part of *testing.T that [Model.AssertExhausted] needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// How much a report shows.
const (
	reportUnanswered = 20 // calls, the first ones
	reportRequests   = 3
	reportMessages   = 8  // of each request
	reportRunes      = 72 // of each text
)

// AssertExhausted fails the test while turns of the script, or calls of the tape, have not
// been played, and where calls found no turn, whatever the code under test made of their
// error. It names each of them, shows how the last request that passed a turn over differs
// from what the turn waits for, and shows the last requests, content included; of a tape, as
// they would stand on it. A model that [Func], [StreamFunc] or [Auto] made has nothing to
// exhaust. Defer it, so that it reports after a failed test has ended too.
func (m *Model) AssertExhausted(t TB) {
	t.Helper()
	if m == nil || m.state == nil {
		t.Errorf("fake: no model: use New, Func, Auto or Replay")
		return
	}
	if said := m.report(); said != "" {
		t.Errorf("fake: %s", said)
	}
}

// report tells what is left, if anything.
func (m *Model) report() string {
	unused, unanswered := m.source.left()
	if len(unused)+len(unanswered) == 0 {
		return ""
	}
	var b strings.Builder
	if n := len(unused); n > 0 {
		fmt.Fprintf(&b, "%d not played:\n  %s\n", n, strings.Join(unused, "\n  "))
	}
	if n := len(unanswered); n > 0 {
		more := ""
		if n == reportUnanswered {
			more = " or more"
		}
		fmt.Fprintf(&b, "%d%s without an answer:\n  %s\n", n, more, strings.Join(unanswered, "\n  "))
	}
	reqs := m.Requests()
	if t, ok := m.source.(*tape); ok {
		reqs = t.shown(reqs)
	}
	b.WriteString(picture(reqs))
	return b.String()
}

// picture shows the last requests to the author of a test. It quotes them, so it has
// no place in an error.
func picture(reqs []*llm.Request) string {
	if len(reqs) == 0 {
		return "No request has arrived."
	}
	var b strings.Builder
	first := max(0, len(reqs)-reportRequests)
	if len(reqs) == 1 {
		b.WriteString("The request:")
	} else {
		fmt.Fprintf(&b, "The last of %d requests:", len(reqs))
	}
	for i, r := range reqs[first:] {
		fmt.Fprintf(&b, "\n  fake-%d", first+i+1)
		for _, t := range r.Tools {
			fmt.Fprintf(&b, " tool:%s", toolName(t))
		}
		for j, p := range r.System {
			fmt.Fprintf(&b, "\n    system[%d]: %s", j, partPicture(p))
		}
		from := max(0, len(r.Messages)-reportMessages)
		if from > 0 {
			fmt.Fprintf(&b, "\n    … %d messages before", from)
		}
		for j, m := range r.Messages[from:] {
			for k, p := range m.Content {
				fmt.Fprintf(&b, "\n    %s %s: %s", partPath(from+j, k), m.Role, partPicture(p))
			}
		}
	}
	return b.String()
}

// partPicture is the shape of a part and the beginning of its content.
func partPicture(p llm.Part) string {
	switch p := p.(type) {
	case *llm.TextPart:
		return "text " + quote(p.Text)
	case *llm.ReasoningPart:
		return "reasoning " + quote(p.Text)
	case *llm.ToolCallPart:
		return "tool_call " + p.Name + " " + clip(string(p.Input)+p.Malformed, reportRunes)
	case *llm.ToolResultPart:
		shown := make([]string, len(p.Content))
		for i, c := range p.Content {
			shown[i] = partPicture(c)
		}
		return partShape(p) + " (" + strings.Join(shown, ", ") + ")"
	}
	return partShape(p)
}

func quote(s string) string { return strconv.Quote(clip(s, reportRunes)) }

// diff shows what a turn waits for, and what came instead.
func (m *miss) diff() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n    fake-%d differs:", m.n)
	for _, f := range m.failed {
		got := "it does not"
		if f.got != nil {
			got = f.got(m.arrived)
		}
		fmt.Fprintf(&b, "\n      - %s\n      + %s", f.name, got)
	}
	return b.String()
}

// describe shows a turn to the author of a test.
func (t Turn) describe() string {
	var said []string
	for _, p := range t.content() {
		if !isNil(p) {
			said = append(said, partPicture(p))
		}
	}
	if t.asEvents {
		said = append(said, fmt.Sprintf("%d events", len(t.events)))
	}
	if t.stall {
		said = append(said, fmt.Sprintf("stalls after %d events", t.cutAt))
	} else if t.cut {
		said = append(said, fmt.Sprintf("cut after %d events", t.cutAt))
	}
	if t.err != nil {
		said = append(said, "fails: "+string(llm.CodeOf(t.err)))
	}
	if t.stop != "" {
		said = append(said, "stops with "+string(t.stop))
	}
	if t.delay > 0 {
		said = append(said, "after "+t.delay.String())
	}
	if t.pace > 0 {
		said = append(said, fmt.Sprintf("%g tokens a second", t.pace))
	}
	if t.faults != "" {
		said = append(said, "cannot be played: "+t.faults)
	}
	if said == nil {
		said = []string{"an answer without content"}
	}
	var when []string
	for _, m := range t.matchers {
		when = append(when, m.name)
	}
	if when != nil {
		said = append(said, "when "+strings.Join(when, " and "))
	}
	return strings.Join(said, ", ")
}

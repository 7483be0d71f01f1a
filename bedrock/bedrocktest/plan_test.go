package bedrocktest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

func TestPlan(t *testing.T) {
	a, b, c, z := &bedrocktest.Fault{Status: 501}, &bedrocktest.Fault{Status: 502}, &bedrocktest.Fault{Status: 503}, &bedrocktest.Fault{Status: 599}
	ask := func(path string) *http.Request { return httptest.NewRequest("POST", path, nil) }
	converse, stream, count, other := "/model/m/converse", "/model/m/converse-stream", "/model/m/count-tokens", "/model/other%2Fm/converse"
	for _, tc := range []struct {
		name  string
		plan  func(int, *http.Request) *bedrocktest.Fault
		paths []string
		want  []*bedrocktest.Fault
	}{
		{"nothing", bedrocktest.Faults(), []string{converse}, []*bedrocktest.Fault{nil}},
		{"by number", bedrocktest.Faults(a, nil, b), []string{converse, stream, other, converse}, []*bedrocktest.Fault{a, nil, b, nil}},
		{"by operation", bedrocktest.Plan(bedrocktest.Rule{Op: "ConverseStream", Faults: []*bedrocktest.Fault{a, b}}),
			[]string{converse, stream, count, stream, stream}, []*bedrocktest.Fault{nil, a, nil, b, nil}},
		{"by model", bedrocktest.Plan(bedrocktest.Rule{ModelID: "other/m", Then: z}, bedrocktest.Rule{Faults: []*bedrocktest.Fault{a}}),
			[]string{other, converse, other, converse}, []*bedrocktest.Fault{z, a, z, nil}},
		{"a spent rule leaves it to the next", bedrocktest.Plan(bedrocktest.Rule{Op: "Converse", Faults: []*bedrocktest.Fault{a}},
			bedrocktest.Rule{Faults: []*bedrocktest.Fault{b}, Then: c}), []string{converse, converse, count, "/else"}, []*bedrocktest.Fault{a, b, c, c}},
	} {
		for i, path := range tc.paths {
			if got := tc.plan(i, ask(path)); got != tc.want[i] {
				t.Errorf("%s: request %d has the fault %+v, want %+v", tc.name, i, got, tc.want[i])
			}
		}
	}
}

// Requests that come at once have each a turn of their own.
func TestFaultsAtOnce(t *testing.T) {
	const n = 50
	faults := make([]*bedrocktest.Fault, n)
	for i := range faults {
		faults[i] = &bedrocktest.Fault{Status: 500 + i}
	}
	plan := bedrocktest.Faults(faults...)
	got := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { got[i] = plan(i, httptest.NewRequest("POST", "/model/m/converse", nil)).Status })
	}
	wg.Wait()
	slices.Sort(got)
	for i := range n {
		if got[i] != 500+i {
			t.Fatalf("%v", got)
		}
	}
}

// A stream is cut after a number of events, however it ends.
func TestCutAfter(t *testing.T) {
	for _, ending := range []bedrocktest.Ending{bedrocktest.EndAbort, bedrocktest.EndClean, bedrocktest.EndLength, bedrocktest.EndShort} {
		for events := range 7 {
			s := faulty(t, says(hello), bedrocktest.Fault{CutAfter: new(events), Ending: ending})
			got, err := collect(t.Context(), s.Client())
			// messageStart, delta, stop of the block, messageStop, metadata
			if want := min(events, 5); len(got) != want {
				t.Errorf("cut after %d events with ending %d: %d events, %v", events, ending, len(got), err)
			}
			if w := s.Exchanges()[0]; len(got) != strings.Count(w.String(), "\nevent ") || w.Answer.Broken != (ending == bedrocktest.EndAbort || ending == bedrocktest.EndShort) {
				t.Errorf("recorded as\n%s", w)
			}
		}
	}
}

func TestStallAfter(t *testing.T) {
	s := faulty(t, says(hello), bedrocktest.Fault{StallAfter: new(2)})
	resp := get(t, s, false, "converse-stream")
	stopped := time.AfterFunc(100*time.Millisecond, s.Close)
	defer stopped.Stop()
	got, err := readAll(resp)
	if err == nil || !strings.Contains(got, "contentBlockDelta") || strings.Contains(got, "contentBlockStop") {
		t.Errorf("%q, %v", got, err)
	}
}

// Whole answers have no events to count.
func TestCutAfterOfAWholeAnswer(t *testing.T) {
	s := faulty(t, says(hello), bedrocktest.Fault{CutAfter: new(1), StallAfter: new(1)})
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Error(err)
	}
}

// complaints is a TB that keeps what it is told.
type complaints struct{ said []string }

func (*complaints) Helper() {}
func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func TestAssertions(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Fault: bedrocktest.Faults(nil, &bedrocktest.Fault{CutAt: new(3)})})
	var c complaints
	s.AssertRequests(&c)
	if len(c.said) > 0 {
		t.Errorf("nothing was received, nor expected: %q", c.said)
	}
	if req := s.Last(&c); req == nil || len(c.said) != 1 || !strings.Contains(c.said[0], "no request was received") {
		t.Errorf("%+v, %q", req, c.said)
	}

	converse(t.Context(), s.Client())
	converse(t.Context(), s.Client())
	read(t, post(t, s, "/model/m/nonsense", "{}"))
	c = complaints{}
	s.AssertRequests(&c, "Converse", "Converse "+someModel, "POST /model/m/nonsense")
	if got := s.Last(&c).Messages[0].Content[0].(*llm.TextPart).Text; got != "Hi" || len(c.said) > 0 {
		t.Errorf("%q, %q", got, c.said)
	}
	for _, want := range [][]string{nil, {"Converse", "Converse"}, {"Converse", "Converse", ""}, {"Converse", "ConverseStream", "POST /model/m/nonsense"}, {"Converse other", "Converse", "POST /model/m/nonsense"}} {
		c = complaints{}
		s.AssertRequests(&c, want...)
		received := fmt.Sprintf("received:\n  Converse %[1]s (200)\n  Converse %[1]s (200, broken off)\n  POST /model/m/nonsense (404)", someModel)
		if len(c.said) != 1 || !strings.HasSuffix(c.said[0], received) {
			t.Errorf("want %q: %q", want, c.said)
		}
	}
	c = complaints{}
	s.AssertRequests(&c, "Converse", "converse", "POST /model/m/nonsense")
	if len(c.said) != 1 || !strings.Contains(c.said[0], `request 2 is Converse `+someModel+`, want converse (operations are ["Converse" "ConverseStream" "CountTokens"])`) {
		t.Errorf("%q", c.said)
	}
}

// A request that is still at work is there already.
func TestAssertionsMeanwhile(t *testing.T) {
	var s *bedrocktest.Server
	var c complaints
	s = serve(t, model{generate: func(context.Context, *llm.Request) (*llm.Response, error) {
		s.AssertRequests(&c)
		return hello, nil
	}}, nil)
	if _, err := converse(t.Context(), s.Client()); err != nil || len(c.said) != 1 || !strings.HasSuffix(c.said[0], "(not answered)") {
		t.Errorf("%v, %q", err, c.said)
	}
}

// A rule for an operation that there is not would never have its turn.
func TestPlanWithoutOperation(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Fault: bedrocktest.Plan(bedrocktest.Rule{}, bedrocktest.Rule{Op: "Conversestream"})})
	if _, err := converse(t.Context(), s.Client()); err == nil || !strings.Contains(err.Error(), `rules[1].op: "Conversestream" is none of ["Converse" `) {
		t.Error(err)
	}
}

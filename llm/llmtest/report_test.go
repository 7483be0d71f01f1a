package llmtest

import (
	"context"
	"slices"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// A run with all that a report may tell of.
func TestReport(t *testing.T) {
	s := newSuite(t, Harness{New: playScript, Virtual: true, Lacks: []Capability{
		TopK.Because("the wire is old"), Metadata, Citations.Because("so it was once"), StopReason(llm.StopPause)}})
	for _, tc := range []testCase{
		{name: "law01/a", explain: "a", run: func(c *run) {}},
		{name: "law01/b", explain: "b", needs: []Capability{Tools, TopK}, run: func(c *run) { c.Error("ran") }},
		{name: "law07/a-longer-name", explain: "c", needs: []Capability{Metadata}, run: func(c *run) { c.Error("ran") }},
		{name: "law07/d", explain: "d", run: func(c *run) { c.skipf("no %s", "reason") }},
		{name: "law07/e", explain: "e", run: func(c *run) { c.seen(new(requestLog)) }},
	} {
		s.run(t, tc)
	}
	s.tryLacks(t)
	s.results = append(s.results, result{name: "errors/f", state: stateFailed})
	s.cases += 2
	golden(t, "report.txt", s.report()+"\n")
}

// A run in which nothing is out of order.
func TestShortReport(t *testing.T) {
	s := &suite{cases: 2, results: []result{{name: "law01/a"}, {name: "law01/b"}}}
	golden(t, "report-short.txt", s.report()+"\n")
}

// What comes through is no lack; what does not, on one way or in one answer, is.
func TestLacksThatAreNone(t *testing.T) {
	lacks := []Capability{Citations, Reasoning, SignedReasoning, ServiceTier, StopReason(llm.StopPause), RequestIDs,
		ErrorCode(llm.ErrNotReady), StreamErrorCode(llm.ErrTimeout), TopK}
	none := []Capability{}
	withIDs := func(m *scriptModel) llm.Model { return finishes(func(f *llm.Finish) { f.RequestID = "req-1" })(m) }
	for name, try := range map[string]struct {
		model func(m *scriptModel) llm.Model
		want  []Capability
	}{
		"all come through": {withIDs, []Capability{Citations, ErrorCode(llm.ErrNotReady), Reasoning, RequestIDs, ServiceTier,
			SignedReasoning, StopReason(llm.StopPause), StreamErrorCode(llm.ErrTimeout)}},
		"no signature, no id": {answers(func(r *llm.Response, err error) (*llm.Response, error) {
			if r != nil {
				for _, p := range r.Message.Content {
					if p, ok := p.(*llm.ReasoningPart); ok {
						p.Signature = ""
					}
				}
			}
			return r, err
		}), []Capability{Citations, ErrorCode(llm.ErrNotReady), Reasoning, ServiceTier, StopReason(llm.StopPause), StreamErrorCode(llm.ErrTimeout)}},
		"nothing, and a panic": {generates(func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error) {
			panic("no")
		}), none},
	} {
		s := newSuite(t, Harness{New: func(t *testing.T, s Script) llm.Model { return try.model(s.Model().(*scriptModel)) }, Virtual: true, Lacks: lacks})
		s.tryLacks(t)
		if !slices.Equal(s.carried, try.want) {
			t.Errorf("%s: %q, want %q", name, s.carried, try.want)
		}
	}
}

package llmtest

import (
	"cmp"

	"github.com/parley-sdk/parley/llm"
)

// answerCases check what an answer says of itself beside its content.
func answerCases() []testCase {
	return []testCase{
		{
			name: "answers/served-by",
			explain: "An answer says who gave it: Response.Provider is that of Info, and Response.Model is the model that " +
				"served, on both ways and for all answers of the corpus. Prices, traces and budgets are keyed by them, and " +
				"an answer of nobody costs nothing. Look at the decoder of whole answers and at Finish.",
			run: servedBy,
		},
		{
			name: "answers/raw-stop-reason",
			explain: "An answer that has a stop reason has the provider's own word for it too, in RawStopReason, on both " +
				"ways: the neutral one may stand for several, and whoever looks for the cause of an odd answer needs it. " +
				"Look for a mapping that throws its input away.",
			run: rawStopReason,
		},
		{
			name:  "answers/request-id",
			needs: []Capability{RequestIDs},
			explain: "An answer has the provider's id of the call, on both ways: without it a support case begins with " +
				"guessing. Look for a header that is read for whole answers only, or for errors only.",
			run: requestID,
		},
	}
}

// eachSigned calls f with what both ways make of each answer that the model does not
// lack. The script's answers say who gave them, since doubles play an answer as it
// is; a backend says so itself.
func (c *run) eachSigned(f func(what string, resp *llm.Response)) {
	c.Helper()
	own, answers := c.provider(), c.answers()
	for _, a := range answers {
		r := a.response
		r.Provider, r.Model, r.RequestID = own, "llmtest-model", "req-1"
		r.RawStopReason = cmp.Or(r.RawStopReason, string(r.StopReason))
	}
	c.give(answers, func(a answer, m llm.Model) {
		for _, w := range ways() {
			f(w.name+" of "+a.name, c.must(w, m, c.ask()))
		}
	})
}

func servedBy(c *run) {
	info := c.model(says("")).Info()
	if info.Provider == "" || info.Model == "" {
		c.Errorf("Info is %+v, and must name the provider and the model", info)
	}
	c.eachSigned(func(what string, resp *llm.Response) {
		if resp.Provider != info.Provider || resp.Model == "" {
			c.Errorf("%s: served by the provider %q and the model %q, want %q and the model's id", what, resp.Provider, resp.Model, info.Provider)
		}
	})
}

func rawStopReason(c *run) {
	c.eachSigned(func(what string, resp *llm.Response) {
		if resp.StopReason != "" && resp.RawStopReason == "" {
			c.Errorf("%s: it stopped for the reason %s, and RawStopReason is empty", what, resp.StopReason)
		}
	})
}

func requestID(c *run) {
	c.eachSigned(func(what string, resp *llm.Response) {
		if resp.RequestID == "" {
			c.Errorf("%s: RequestID is empty", what)
		}
	})
}

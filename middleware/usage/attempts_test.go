package usage_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/usage"
)

// Each attempt of a call is booked once, by the model that it reached, and its reservation is
// free when the next one begins.
func TestAttempts(t *testing.T) {
	u := llm.Usage{InputTokens: 10, OutputTokens: 5}
	throttled := fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Status: 429})
	unreachable := fake.Fail(&llm.Error{Code: llm.ErrUnavailable})
	for _, w := range ways {
		synctest.Test(t, func(t *testing.T) {
			l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("60")}}}) // for one reservation at a time
			model := func(name string, turns ...fake.Turn) llm.Model {
				return llm.Wrap(fake.New(turns...).WithInfo(llm.Info{Provider: "test", Model: name}),
					retry.New(&retry.Options{MaxAttempts: 3}), timeout.New(&timeout.Options{Generate: time.Minute, FirstEvent: time.Minute}), usage.New(l))
			}
			late := fake.Text("late").Delay(time.Hour)
			m := fallback.New(model("other", throttled, unreachable, late), model("m", throttled, fake.Text("four").WithUsage(u)))
			if _, err := w.call(tagged(t, "tenant", "a"), m, ask(40, 10)); err != nil {
				t.Fatal(err)
			}
			total := l.Total()
			if w.name == "Generate" {
				// The attempt that timed out may have been worked on. (As a stream it was
				// cancelled before anything came, and nobody knows whether it arrived.)
				same(t, "estimated", int64(1), total.Estimated.Calls)
				same(t, "estimated input", 10, total.Estimated.Usage.InputTokens)
			}
			same(t, "reported", usage.Part{Calls: 3, Usage: u, Cost: usage.KnownCost(usd("15"))}, total.Reported)
			same(t, "calls by tenant", total, l.By("tenant")[0].Summary)
			rows := l.By("model")
			if len(rows) != 2 || rows[0].Key != "m" || rows[0].Calls != 2 || rows[0].Errors != 1 || rows[1].Key != "other" {
				t.Errorf("the models are %+v", rows)
			}
			same(t, "spent", total.Cost, l.Budgets()[0].Spent)
			same(t, "reserved", usage.USD{}, reserved(l))
		})
	}
}

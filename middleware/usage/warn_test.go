package usage_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestUnpriced(t *testing.T) {
	model := func(name string) llm.Model {
		return &scripted{llm.Info{Provider: "test", Model: name}, turn{resp: &llm.Response{Usage: llm.Usage{InputTokens: 4}}}}
	}
	var warnings []string
	l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10")}}, OnWarning: func(err error) { warnings = append(warnings, err.Error()) }})
	for range 3 {
		for _, name := range []string{"new", "newer"} {
			if _, err := llm.Wrap(model(name), usage.New(l)).Generate(t.Context(), ask(1, 1)); err != nil {
				t.Error(err)
			}
		}
	}
	same(t, "warnings", []string{
		"test ledger new: not found: a budget applies, and no price of the model is known: its calls are not held to the budget; add a price with Prices.With or Prices.WithAlias, or set RefuseUnpriced",
		"test ledger newer: not found: a budget applies, and no price of the model is known: its calls are not held to the budget; add a price with Prices.With or Prices.WithAlias, or set RefuseUnpriced"}, warnings)
	b := l.Budgets()[0]
	same(t, "spent", "unknown", b.Spent.String())
	same(t, "unpriced calls", int64(6), b.Spent.UnpricedCalls())
	same(t, "left", "10", b.Left.String())

	// Once nothing is left they pass no longer.
	llm.Wrap(answering(llm.Usage{InputTokens: 10}), usage.New(l)).Generate(t.Context(), ask(1, 1))
	_, err := llm.Wrap(model("new"), usage.New(l)).Generate(t.Context(), ask(1, 1))
	wantCode(t, err, llm.ErrBudgetExceeded)
	if !strings.Contains(err.Error(), "and the call needs unknown") {
		t.Error(err)
	}

	strict := usage.NewLedger(&usage.Options{Prices: dollars, RefuseUnpriced: true, Budgets: []usage.Budget{{Tags: map[string]string{"tenant": "a"}, Limit: usd("10")}}})
	if _, err := llm.Wrap(model("new"), usage.New(strict)).Generate(t.Context(), ask(1, 1)); err != nil {
		t.Error(err)
	}
	_, err = llm.Wrap(model("new"), usage.New(strict)).Generate(tagged(t, "tenant", "a"), ask(1, 1))
	wantCode(t, err, llm.ErrRejected)
	same(t, "text", "test generate new: rejected: a budget applies, and no price of the model is known: add one with Prices.With or Prices.WithAlias", err.Error())

	// A price that turns out to be unknown costs what was reserved.
	odd := &scripted{llm.Info{Model: "m"}, turn{resp: &llm.Response{Usage: llm.Usage{InputTokens: 4, ServiceTier: "reserved"}}}}
	l = usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10")}}})
	llm.Wrap(odd, usage.New(l)).Generate(t.Context(), ask(4, 2))
	same(t, "booked", "unknown", l.Total().Cost.String())
	same(t, "spent", "6 + unknown", l.Budgets()[0].Spent.String())
	same(t, "left", "4", l.Budgets()[0].Left.String())
}

// Models with long names are warned of, too; those that have no row of their own, together.
func TestUnpricedWithALongName(t *testing.T) {
	for length, want := range map[int]int{247: 2, 248: 2, 256: 2, 257: 1, 10_000: 1} {
		warnings := 0
		l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10")}}, OnWarning: func(error) { warnings++ }})
		for i := range 4 {
			name := strings.Repeat("x", length-1) + strconv.Itoa(i%2)
			llm.Wrap(&scripted{llm.Info{Model: name}, turn{}}, usage.New(l)).Generate(t.Context(), ask(1, 1))
		}
		same(t, fmt.Sprint("warnings for ", length, " bytes"), want, warnings)
	}
}

// Without OnWarning the default logger has the warnings.
func TestWarningsAreLogged(t *testing.T) {
	was := slog.Default()
	defer slog.SetDefault(was)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10")}}})
	llm.Wrap(&scripted{llm.Info{Model: "new"}, turn{}}, usage.New(l)).Generate(t.Context(), ask(1, 1))
	if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "ledger new: not found: a budget applies") {
		t.Errorf("the log is %q", got)
	}
}

// However many models have no price, warnings are few.
func TestWarningsAreBounded(t *testing.T) {
	warnings := 0
	l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10")}}, OnWarning: func(error) { warnings++ }})
	for i := range 1100 {
		llm.Wrap(&scripted{llm.Info{Model: strconv.Itoa(i)}, turn{}}, usage.New(l)).Generate(t.Context(), ask(1, 1))
	}
	same(t, "warnings", 1000, warnings)
}

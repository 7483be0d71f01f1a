package llmtest

import (
	"context"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// tableMutants break one entry each of the suite's tables: an answer of the corpus, or
// an error.
func tableMutants() []mutant {
	var mutants []mutant
	for _, a := range corpus() {
		mutants = append(mutants, mutant{name: "generates-another-" + a.name, law: "law03", fails: []string{"law03/" + a.name},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if err == nil && answered(r) == answered(a.response) {
					r.Usage.OutputTokens++
				}
				return r, err
			})})
	}
	const early, late = false, true
	for _, code := range providerCodes() {
		m := mutant{name: "does-not-know-" + dashed(code), law: "errors", fails: []string{"errors/before-" + dashed(code)},
			model: ofErrors(early, code, func(e *llm.Error) { e.Code = llm.ErrUnknown })}
		if code == llm.ErrRateLimited {
			m.fails = append(m.fails, "errors/retry-after")
		}
		mutants = append(mutants, m)
	}
	for _, code := range streamCodes() {
		m := mutant{name: "does-not-know-" + dashed(code) + "-in-a-stream", law: "errors", fails: []string{"errors/midstream-" + dashed(code)},
			model: ofErrors(late, code, func(e *llm.Error) { e.Code = llm.ErrUnknown })}
		if code == llm.ErrRateLimited {
			m.fails = append(m.fails, "errors/midstream-retry-after")
		}
		mutants = append(mutants, m)
	}
	forget := func(e *llm.Error) { e.RetryAfter = 0 }
	return append(mutants,
		mutant{name: "does-not-read-the-header-retry-after", law: "errors", fails: []string{"errors/retry-after"},
			model: ofErrors(early, llm.ErrRateLimited, forget)},
		mutant{name: "does-not-read-retry-after-in-a-stream", law: "errors", fails: []string{"errors/midstream-retry-after"},
			model: ofErrors(late, llm.ErrRateLimited, forget)},
		mutant{name: "gives-a-refusal-a-stop-reason", law: "law09", fails: []string{"law09/failure-keeps-text"}, model: stopsAt(llm.ErrInvalidRequest)},
		mutant{name: "gives-a-cut-a-stop-reason", law: "law09", fails: []string{"law09/cut-keeps-text"}, model: stopsAt(llm.ErrIncomplete)},
		mutant{name: "gives-a-cancel-a-stop-reason", law: "law09", fails: []string{"law09/cancel-keeps-text"}, model: stopsAt(llm.ErrCanceled)},
		mutant{name: "drops-unknown-deltas", law: "law07", fails: []string{"law07/provider-deltas"}, model: events(drops(func(d *llm.ProviderDelta) bool { return d.Index >= 0 }))},
		mutant{name: "drops-events-of-no-part", law: "law07", fails: []string{"law07/provider-events"}, model: events(drops(func(d *llm.ProviderDelta) bool { return d.Index < 0 }))},
	)
}

func dashed(c llm.Code) string { return strings.ReplaceAll(string(c), "_", "-") }

// ofErrors changes the provider's errors of this code that come before the answer, or
// within it.
func ofErrors(late bool, code llm.Code, change func(e *llm.Error)) func(m *scriptModel) llm.Model {
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		begun := false
		return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
			begun = true
			return one(ev)
		}, func(err error) error {
			e, ok := err.(*llm.Error)
			if !ok || e.Code != code || begun != late || req.Validate() != nil || isContext(err) {
				return err
			}
			c := *e
			change(&c)
			return &c
		})
	})
}

// stopsAt gives what failed with this code a stop reason.
func stopsAt(code llm.Code) func(m *scriptModel) llm.Model {
	return answers(func(r *llm.Response, err error) (*llm.Response, error) {
		if r != nil && llm.CodeOf(err) == code {
			r.StopReason = llm.StopEndTurn
		}
		return r, err
	})
}

// drops leaves some events out.
func drops(is func(d *llm.ProviderDelta) bool) func(ev llm.Event) []llm.Event {
	return func(ev llm.Event) []llm.Event {
		if d, ok := ev.(*llm.ProviderDelta); ok && is(d) {
			return nil
		}
		return one(ev)
	}
}

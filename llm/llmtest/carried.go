package llmtest

import (
	"context"
	"slices"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// attempt is a script whose answer needs what is declared as lacking.
type attempt struct {
	needs []Capability
	works func(c *run, ctx context.Context) bool // whether the answer comes through all the same
}

// attempts are those for all that an answer may hold, and for all ways to fail. What a
// request may hold is not among them: where it is lacked, law 7 has it refused or
// warned of, so that a wrong lack fails there.
func attempts() []attempt {
	var list []attempt
	for _, a := range corpus() {
		list = append(list, attempt{a.needs, func(c *run, ctx context.Context) bool {
			return all(func(w way) bool {
				for _, turn := range a.turns() {
					resp, err := w.call(ctx, c.model(turn), c.ask())
					if err != nil || answered(resp) != answered(a.response) {
						return false
					}
				}
				return true
			})
		}})
	}
	fails := func(events []llm.Event, code llm.Code) func(c *run, ctx context.Context) bool {
		return func(c *run, ctx context.Context) bool {
			return all(func(w way) bool {
				_, err := w.call(ctx, c.model(repeated(Turn{Events: events, Err: &llm.Error{Code: code, Message: "scripted"}})...), c.ask())
				return llm.CodeOf(err) == code
			})
		}
	}
	for _, code := range providerCodes() {
		list = append(list, attempt{[]Capability{ErrorCode(code)}, fails(nil, code)})
	}
	for _, code := range streamCodes() {
		list = append(list, attempt{[]Capability{StreamErrors, StreamErrorCode(code)}, fails(halfway(), code)})
	}
	return append(list, attempt{[]Capability{RequestIDs}, func(c *run, ctx context.Context) bool {
		return all(func(w way) bool {
			resp, err := w.call(ctx, c.model(says("numbered")), c.ask())
			return err == nil && resp.RequestID != ""
		})
	}})
}

func all(f func(w way) bool) bool {
	return !slices.ContainsFunc(ways(), func(w way) bool { return !f(w) })
}

// tryLacks finds what is declared as lacking and comes through all the same, on both
// ways and in each answer that needs it. It fails nothing: that the test's server has
// something does not say that the provider does.
func (s *suite) tryLacks(t *testing.T) {
	worked, failed := map[Capability]bool{}, map[Capability]bool{}
	var list []attempt
	for _, a := range attempts() {
		if s.lacks.missing(a.needs) != "" {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return
	}
	t.Run("lacks", func(t *testing.T) {
		s.within(t, false, func(t *testing.T) {
			for _, a := range list {
				lacking := slices.DeleteFunc(slices.Clone(a.needs), func(c Capability) bool { return s.lacks[c] == "" })
				works := (&run{T: t, suite: s}).tries(a)
				for _, c := range lacking {
					worked[c] = worked[c] || works
					// Of two that are lacking, either may be why it fails.
					failed[c] = failed[c] || !works && len(lacking) == 1
				}
			}
		})
	})
	for c := range worked {
		if worked[c] && !failed[c] {
			s.carried = append(s.carried, c)
		}
	}
	slices.Sort(s.carried)
}

// tries says whether an attempt works; one that panics does not.
func (c *run) tries(a attempt) (works bool) {
	ctx, cancel := context.WithTimeout(c.Context(), promptly)
	defer cancel()
	defer func() {
		if recover() != nil {
			works = false
		}
	}()
	return a.works(c, ctx)
}

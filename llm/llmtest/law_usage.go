package llmtest

import (
	"fmt"

	"github.com/parley-sdk/parley/llm"
)

// law12: usage obeys its subset rules.
func law12() []testCase {
	return []testCase{{
		name: "law12/usage-subsets",
		explain: "Usage nests: cached input, read and written, is part of InputTokens; what is written for an hour is " +
			"part of what is written; reasoning is part of the output. Prices are multiplied with the differences, and " +
			"a negative one makes a bill wrong in silence. All usages of the corpus are checked, those within streams " +
			"too. Many providers report input without the cached part: add it.",
		run: usageSubsets,
	}}
}

func usageSubsets(c *run) {
	check := func(what string, u llm.Usage) {
		if why := usageFault(u); why != "" {
			c.Errorf("%s: %s: %+v", what, why, u)
		}
	}
	c.eachAnswer(func(a answer, m llm.Model) {
		check("Generate of "+a.name, c.must(generate(), m, c.ask()).Usage)
		tp := play(m.Stream(c.Context(), c.ask()), nil)
		c.noFault("the stream of "+a.name, tp)
		for i, ev := range tp.events {
			what := fmt.Sprintf("event %d of the stream of %s, a %T", i, a.name, ev)
			switch ev := ev.(type) {
			case *llm.UsageUpdate:
				check(what, ev.Usage)
			case *llm.Finish:
				check(what, ev.Usage)
			}
		}
	})
}

func usageFault(u llm.Usage) string {
	for _, n := range []int{u.InputTokens, u.OutputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite1hTokens, u.ReasoningTokens} {
		if n < 0 {
			return "a count is negative"
		}
	}
	switch {
	case u.CacheReadTokens+u.CacheWriteTokens > u.InputTokens:
		return "more input was read from and written to the cache than there was input"
	case u.CacheWrite1hTokens > u.CacheWriteTokens:
		return "more input was written for an hour than was written"
	case u.ReasoningTokens > u.OutputTokens:
		return "there was more reasoning than output"
	}
	return ""
}

package usage

import (
	"math"

	"github.com/parley-sdk/parley/llm"
)

// Call is what the price of a call depends on.
type Call struct {
	Model   string    // the ID or ARN that was called or, where a router chose, that served
	Usage   llm.Usage // with the service tier that served; of one call, since thresholds are a call's
	Batch   bool      // it was part of a batch job
	Latency string    // as served: "optimized", or "standard", which is also ""
}

// Cost returns what a call cost. Tokens whose price the list does not have are unpriced;
// where there are none of a kind, its price is not missed. A usage whose counts are negative
// or do not nest as [llm.Usage] says is the unknown cost of a call of unknown size.
func (p *Prices) Cost(c Call) Cost {
	u := &c.Usage
	if !nests(u) {
		return UnknownCost(0)
	}
	s := &unpriced
	if band := p.card(c.Model).band(u.InputTokens); band != nil {
		s = band.sheet(&c)
	}
	var b bill
	b.add(u.InputTokens-u.CacheReadTokens-u.CacheWriteTokens, s.input)
	b.add(u.CacheReadTokens, s.cacheRead)
	b.add(u.CacheWriteTokens-u.CacheWrite1hTokens, s.cacheWrite)
	b.add(u.CacheWrite1hTokens, s.cacheWrite1h)
	b.add(u.OutputTokens, s.output)
	cost := Cost{known: b.usd(), unpricedTokens: int64(b.unpriced)}
	if b.unpriced > 0 {
		cost.unpricedCalls = 1
	}
	return cost
}

// nests says whether the counts that are billed are those of a call, and can be added up.
func nests(u *llm.Usage) bool {
	return 0 <= u.OutputTokens && u.InputTokens <= math.MaxInt-u.OutputTokens &&
		0 <= u.CacheReadTokens && u.CacheReadTokens <= u.InputTokens &&
		0 <= u.CacheWrite1hTokens && u.CacheWrite1hTokens <= u.CacheWriteTokens && u.CacheWriteTokens <= u.InputTokens-u.CacheReadTokens
}

// WorstCase returns an amount that no call of the model exceeds, however it is served, with
// so many tokens of input, cached ones included, and of output: all input at the dearest of
// its prices, all output at the dearest of its own, for the dearest length of prompt, service
// tier and latency. Of cost that is unknown it can say nothing.
//
// It is false where the plain price of input or output is not known; the amount is then 0.
func (p *Prices) WorstCase(model string, inputTokens, outputTokens int) (USD, bool) {
	inputTokens, outputTokens = max(inputTokens, 0), max(outputTokens, 0)
	card := p.card(model)
	if len(card) == 0 || inputTokens > math.MaxInt-outputTokens {
		return USD{}, false
	}
	var worst USD
	for i := range card {
		band := &card[i]
		if i > 0 && inputTokens <= band.above {
			break
		}
		var b bill
		b.add(inputTokens, band.dearestInput)
		b.add(outputTokens, band.dearestOutput)
		if b.unpriced > 0 {
			return USD{}, false
		}
		if usd := b.usd(); usd.Cmp(worst) > 0 {
			worst = usd
		}
	}
	return worst, true
}

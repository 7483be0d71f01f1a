package usage

import "math/bits"

// rate is the price of a token. The zero value is a price that is not known.
type rate struct {
	atto  uint64 // 1e-18 dollars a token, at most maxRate
	known bool
}

// maxRate is a dollar a token. As it is no more than that, no bill of countable tokens
// overflows.
const maxRate = attoPerUSD

// rateOf returns the price of a token from that of a million.
func rateOf(perMillion USD) (rate, error) {
	const attoPerMicro = attoPerUSD / 1e6
	switch {
	case perMillion.dollars < 0:
		return rate{}, fault("a price is not below 0")
	case perMillion.Cmp(USD{dollars: 1e6}) > 0:
		return rate{}, fault("a price is at most 1,000,000 dollars for a million tokens")
	case perMillion.atto%1e6 != 0:
		return rate{}, fault("a price for a million tokens has at most 12 decimals")
	}
	return rate{uint64(perMillion.dollars)*attoPerMicro + perMillion.atto/1e6, true}, nil
}

// times returns the rate multiplied; false if that is too much, or no whole number of
// units.
func (r rate) times(factor USD) (rate, bool) {
	over, whole := bits.Mul64(r.atto, uint64(factor.dollars))
	if over != 0 || whole > maxRate {
		return rate{}, false
	}
	high, low := bits.Mul64(r.atto, factor.atto)
	part, rest := bits.Div64(high, low, attoPerUSD)
	return rate{whole + part, r.known}, rest == 0 && whole+part <= maxRate
}

// sheet holds the prices of all tokens of a call.
type sheet struct {
	input, output, cacheRead rate
	cacheWrite               rate // for the model's usual time: 5 minutes, of GPT-5.6 30
	cacheWrite1h             rate
}

// served returns the prices of a service tier. Its factor is for input, output and cache
// reads; a write that is not free then has a price that nobody stated.
func (s sheet) served(factor USD) (sheet, bool) {
	var exact [3]bool
	s.input, exact[0] = s.input.times(factor)
	s.output, exact[1] = s.output.times(factor)
	s.cacheRead, exact[2] = s.cacheRead.times(factor)
	for _, write := range []*rate{&s.cacheWrite, &s.cacheWrite1h} {
		if write.atto != 0 && factor != (USD{dollars: 1}) {
			*write = rate{}
		}
	}
	return s, exact == [3]bool{true, true, true}
}

// agree returns the prices that both have alike.
func (s sheet) agree(t sheet) sheet {
	same := func(a, b rate) rate {
		if a == b {
			return a
		}
		return rate{}
	}
	return sheet{same(s.input, t.input), same(s.output, t.output), same(s.cacheRead, t.cacheRead),
		same(s.cacheWrite, t.cacheWrite), same(s.cacheWrite1h, t.cacheWrite1h)}
}

// bill is the sum of lines.
type bill struct {
	high, low uint64 // 1e-18 dollars
	unpriced  int    // tokens
}

func (b *bill) add(tokens int, r rate) {
	if !r.known {
		b.unpriced += tokens
		return
	}
	high, low := bits.Mul64(uint64(tokens), r.atto)
	var carry uint64
	b.low, carry = bits.Add64(b.low, low, 0)
	b.high += high + carry
}

// usd returns the sum. Rates up to maxRate and tokens up to the largest int keep it in range.
func (b *bill) usd() USD {
	dollars, atto := bits.Div64(b.high, b.low, attoPerUSD)
	return USD{int64(dollars), atto}
}

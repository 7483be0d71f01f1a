package usage

import (
	"strconv"

	"github.com/parley-sdk/parley/llm"
)

// model is all prices of a model, ready for use.
type model struct {
	base    card            // in the Region, and where nothing else is listed
	scopes  map[string]card // by geography: "us", "global", and "regional" for none
	regions map[string]card // by source Region
}

// card is what applies in one place, by the length of the prompt, shortest first. Its first
// band has no threshold. An empty card knows no price.
type card []band

// band is what applies to prompts of one length.
type band struct {
	above            int // prompt tokens
	tiers            []tier
	batch, optimized sheet
	dearestInput     rate // of every kind of input and every way to be served
	dearestOutput    rate
}

// tier is what a service tier costs.
type tier struct {
	name  string // as the response has it
	sheet sheet
}

const (
	tierDefault    = "default"
	latencyDefault = "standard"
	latencyFast    = "optimized"
)

var unpriced sheet

// band returns what applies to a prompt; nil if nothing does.
func (c card) band(prompt int) *band {
	for i := len(c) - 1; i >= 0; i-- {
		if i == 0 || prompt > c[i].above {
			return &c[i]
		}
	}
	return nil
}

// sheet returns what applies to a call, by the way that it was served. No price is stated
// for a combination of ways.
func (b *band) sheet(c *Call) *sheet {
	name := c.Usage.ServiceTier
	if name == "" {
		name = tierDefault
	}
	standard := c.Latency == "" || c.Latency == latencyDefault
	switch {
	case !c.Batch && standard:
		for i := range b.tiers {
			if b.tiers[i].name == name {
				return &b.tiers[i].sheet
			}
		}
	case name != tierDefault:
	case c.Batch && standard:
		return &b.batch
	case !c.Batch && c.Latency == latencyFast:
		return &b.optimized
	}
	return &unpriced
}

// listing is the prices of a model, a scope, a Region or a length of prompt as they are
// written.
type listing struct {
	above                                     int
	input, output, cacheRead                  rate
	cacheWrite5m, cacheWrite30m, cacheWrite1h rate
	batch, optimized                          *special  // nil = unknown
	tiers                                     []listing // nil = not stated
}

// special replaces the prices of input and output.
type special struct{ input, output rate }

// multipliers are the service tiers of a model as they are written.
type multipliers struct {
	stated bool // false: nobody knows which there are
	tiers  []multiplier
}

type multiplier struct {
	name   string
	factor USD
}

func (l *listing) sheet() sheet {
	s := sheet{l.input, l.output, l.cacheRead, l.cacheWrite5m, l.cacheWrite1h}
	if !s.cacheWrite.known {
		s.cacheWrite = l.cacheWrite30m
	}
	return s
}

// inherit fills what a scope or Region has from its model. It is little: what is not listed
// there is unknown, since prices differ from place to place. But batch and optimized prices
// that stand with the model hold wherever its input and output have the same price.
func (l *listing) inherit(base *listing) {
	if l.input == base.input && l.output == base.output {
		if l.batch == nil {
			l.batch = base.batch
		}
		if l.optimized == nil {
			l.optimized = base.optimized
		}
	}
	if l.tiers == nil { // longer prompts have another price, and nobody knows which
		for _, t := range base.tiers {
			l.tiers = append(l.tiers, listing{above: t.above})
		}
	}
}

// card makes the listing ready for use.
func (l *listing) card(m multipliers) (card, error) {
	first, err := l.band(m)
	if err != nil {
		return nil, err
	}
	c := card{first}
	for i := range l.tiers {
		b, err := l.tiers[i].band(m)
		if err != nil {
			return nil, at("tiers["+strconv.Itoa(i)+"]", err)
		}
		c = append(c, b)
	}
	return c, nil
}

func (l *listing) band(m multipliers) (band, error) {
	standard := l.sheet()
	b := band{above: l.above, tiers: []tier{{tierDefault, standard}}}
	mixed := standard // what all tiers agree on
	for _, t := range m.tiers {
		s, ok := standard.served(t.factor)
		if !ok {
			return band{}, fault("with the factor of the service tier " + printable(t.name) + " a price of a token is above a dollar, or finer than 1e-18 dollars")
		}
		b.tiers = append(b.tiers, tier{t.name, s})
		mixed = mixed.agree(s)
	}
	if m.stated {
		b.tiers = append(b.tiers, tier{llm.TierMixed, mixed})
	}
	if l.batch != nil {
		b.batch = sheet{input: l.batch.input, output: l.batch.output} // caching is not available
	}
	if l.optimized != nil {
		b.optimized = standard
		b.optimized.input, b.optimized.output = l.optimized.input, l.optimized.output
	}
	b.dearest()
	return b, nil
}

// dearest fills the dearest rates. They are known where the plain ones are.
func (b *band) dearest() {
	sheets := []sheet{b.batch, b.optimized}
	for _, t := range b.tiers {
		sheets = append(sheets, t.sheet)
	}
	for _, s := range sheets {
		for _, r := range []rate{s.input, s.cacheRead, s.cacheWrite, s.cacheWrite1h} {
			b.dearestInput.atto = max(b.dearestInput.atto, r.atto)
		}
		b.dearestOutput.atto = max(b.dearestOutput.atto, s.output.atto)
	}
	b.dearestInput.known = b.tiers[0].sheet.input.known
	b.dearestOutput.known = b.tiers[0].sheet.output.known
}

package usage

import (
	"github.com/parley-sdk/parley/llm"
)

// Summary is what calls used and cost. It is comparable.
type Summary struct {
	Calls  int64     `json:"calls"`            // attempts that reached the provider
	Errors int64     `json:"errors,omitempty"` // those of them that failed
	Usage  llm.Usage `json:"usage"`            // of all of them; Estimated where any of it is
	Cost   Cost      `json:"cost"`             // of all of them

	// The same calls in two parts: what the provider told is exact, the rest is estimated.
	Reported  Part `json:"reported"`
	Estimated Part `json:"estimated"`
}

// Part is what some calls used and cost.
type Part struct {
	Calls int64     `json:"calls"`
	Usage llm.Usage `json:"usage"`
	Cost  Cost      `json:"cost"`
}

// Row is the calls that have a key: a model, or a value of a tag.
type Row struct {
	Key string `json:"key"`
	Summary
}

// plus returns the sum of two parts. A cost that is too large to be added up is unknown from
// then on, rather than wrong.
func (p Part) plus(q Part) Part {
	cost, err := p.Cost.Add(q.Cost)
	if err != nil {
		cost = p.Cost
		if more, err := cost.Add(UnknownCost(0)); err == nil {
			cost = more
		}
	}
	return Part{p.Calls + q.Calls, p.Usage.Add(q.Usage), cost}
}

// sums are the calls of a row, or of all rows.
type sums struct {
	Errors    int64 `json:"errors,omitempty"`
	Reported  Part  `json:"reported"`
	Estimated Part  `json:"estimated"`
}

func (s *sums) add(t *sums) {
	s.Errors += t.Errors
	s.Reported = s.Reported.plus(t.Reported)
	s.Estimated = s.Estimated.plus(t.Estimated)
}

func (s *sums) book(b *booking) {
	part := &s.Reported
	if b.estimated {
		part = &s.Estimated
	}
	if b.failed {
		s.Errors++
	}
	*part = part.plus(b.part)
}

func (s *sums) summary() Summary {
	all := s.Reported.plus(s.Estimated)
	return Summary{all.Calls, s.Errors, all.Usage, all.Cost, s.Reported, s.Estimated}
}

package usage

import (
	"encoding/json"
	"math"

	"github.com/parley-sdk/parley/llm"
)

// Cost is what one or more calls cost: an amount that is known, and perhaps parts that are
// not. The zero value is a known cost of zero. It is comparable.
//
// As JSON it is {"usd":"1.25"} where all of it is known, and else
// {"known_usd":"1.25","unpriced_calls":2,"unpriced_tokens":5000}.
type Cost struct {
	known          USD
	unpricedCalls  int64 // 0 exactly where all is known
	unpricedTokens int64
}

// KnownCost returns a cost of which no part is unknown.
func KnownCost(u USD) Cost { return Cost{known: u} }

// UnknownCost returns the cost of a call of which nothing is known but how many tokens
// have no price; 0 where not even that is.
func UnknownCost(tokens int) Cost {
	return Cost{unpricedCalls: 1, unpricedTokens: int64(max(tokens, 0))}
}

// USD returns the cost, and false while any part of it is unpriced: the amount is then only
// what is known of it.
func (c Cost) USD() (USD, bool) { return c.known, c.unpricedCalls == 0 }

// UnpricedCalls returns how many calls have tokens without a price.
func (c Cost) UnpricedCalls() int64 { return c.unpricedCalls }

// UnpricedTokens returns how many tokens have no price. It may be 0 where [Cost.UnpricedCalls] is
// not: how many tokens a call had may itself be unknown.
func (c Cost) UnpricedTokens() int64 { return c.unpricedTokens }

// String returns the exact decimal without zeros at its end, "unknown", or "1.25 + unknown".
func (c Cost) String() string {
	switch {
	case c.unpricedCalls == 0:
		return c.known.String()
	case c.known == USD{}:
		return "unknown"
	}
	return c.known.String() + " + unknown"
}

// Add returns the sum. One that is too large is an error.
func (c Cost) Add(d Cost) (Cost, error) {
	known, err := c.known.Add(d.known)
	if err != nil {
		return Cost{}, err
	}
	if c.unpricedCalls > math.MaxInt64-d.unpricedCalls || c.unpricedTokens > math.MaxInt64-d.unpricedTokens {
		return Cost{}, &llm.Error{Code: llm.ErrInvalidRequest, Op: "add cost", Message: "more calls or tokens without a price than can be counted"}
	}
	return Cost{known, c.unpricedCalls + d.unpricedCalls, c.unpricedTokens + d.unpricedTokens}, nil
}

// costJSON has another key for an amount that is not all, so that nobody takes it for all.
type costJSON struct {
	USD            *USD  `json:"usd,omitempty"`
	KnownUSD       *USD  `json:"known_usd,omitempty"`
	UnpricedCalls  int64 `json:"unpriced_calls,omitempty"`
	UnpricedTokens int64 `json:"unpriced_tokens,omitempty"`
}

// MarshalJSON returns the form that [Cost] describes.
func (c Cost) MarshalJSON() ([]byte, error) {
	if c.unpricedCalls == 0 {
		return json.Marshal(costJSON{USD: &c.known})
	}
	return json.Marshal(costJSON{KnownUSD: &c.known, UnpricedCalls: c.unpricedCalls, UnpricedTokens: c.unpricedTokens})
}

// UnmarshalJSON reads the form that [Cost] describes.
func (c *Cost) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var v costJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch {
	case v.USD != nil && v.KnownUSD == nil && v.UnpricedCalls == 0 && v.UnpricedTokens == 0:
		*c = Cost{known: *v.USD}
	case v.USD == nil && v.KnownUSD != nil && v.UnpricedCalls > 0 && v.UnpricedTokens >= 0:
		*c = Cost{*v.KnownUSD, v.UnpricedCalls, v.UnpricedTokens}
	default:
		return &llm.Error{Code: llm.ErrInvalidRequest, Op: "load cost", Message: "want usd, or known_usd with unpriced_calls above 0"}
	}
	return nil
}

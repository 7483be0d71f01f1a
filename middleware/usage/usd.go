package usage

import (
	"cmp"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

const (
	decimals   = 18   // that a USD holds
	attoPerUSD = 1e18 // units in a dollar
)

// USD is an exact amount of US dollars, in units of 1e-18 dollars and up to some 9.2e18
// dollars on either side of zero. The zero value is no money. Amounts are comparable: equal
// amounts are equal values.
//
// As JSON and text it is a decimal string, "0.000003"; a JSON number is refused, since other
// programs read and write those as floats.
type USD struct {
	dollars int64  // rounded down
	atto    uint64 // what is above them, in 1e-18 dollars, below attoPerUSD
}

// ParseUSD reads a decimal: digits, perhaps with a minus before them and a point with more
// digits after them. An amount that a USD does not hold exactly is refused, not rounded.
func ParseUSD(s string) (USD, error) {
	u, why := parseDecimal(s)
	if why != "" {
		return USD{}, &llm.Error{Code: llm.ErrInvalidRequest, Op: "parse usd", Message: why}
	}
	return u, nil
}

// parseDecimal returns the amount, or why there is none.
func parseDecimal(s string) (u USD, why string) {
	unsigned, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(unsigned, ".")
	if !digits(whole) || point && !digits(fraction) {
		return USD{}, "not a decimal such as 12.50"
	}
	dollars, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return USD{}, "beyond 9.2e18"
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > decimals {
		return USD{}, "more than 18 decimals"
	}
	u.dollars = dollars
	if fraction != "" {
		u.atto, _ = strconv.ParseUint(fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	}
	if negative {
		u, _ = USD{}.Sub(u) // each amount has its negative
	}
	return u, ""
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// MustUSD is [ParseUSD] for constants. It panics where that fails.
func MustUSD(s string) USD {
	u, err := ParseUSD(s)
	if err != nil {
		panic(err)
	}
	return u
}

// String returns the exact decimal without zeros at its end: "12.5", "0.00000018375".
func (u USD) String() string {
	var b []byte
	whole, atto := uint64(u.dollars), u.atto
	if u.dollars < 0 {
		b = append(b, '-')
		whole = -whole
		if atto > 0 {
			whole, atto = whole-1, attoPerUSD-atto
		}
	}
	b = strconv.AppendUint(b, whole, 10)
	if atto == 0 {
		return string(b)
	}
	fraction := strconv.FormatUint(attoPerUSD+atto, 10)[1:] // with the zeros at its front
	return string(b) + "." + strings.TrimRight(fraction, "0")
}

// Add returns the sum. One that is too large is an error.
func (u USD) Add(v USD) (USD, error) {
	atto, carry := u.atto+v.atto, uint64(0)
	if atto >= attoPerUSD {
		atto, carry = atto-attoPerUSD, 1
	}
	return amount(u.dollars, v.dollars, carry, atto)
}

// Sub returns u - v. A difference that is too large is an error.
func (u USD) Sub(v USD) (USD, error) {
	atto, carry := u.atto-v.atto, uint64(1)
	if u.atto < v.atto {
		atto, carry = atto+attoPerUSD, 0
	}
	return amount(u.dollars, ^v.dollars, carry, atto) // u - v is u + ^v + 1
}

// amount returns a + b + carry dollars and what is above them.
func amount(a, b int64, carry, atto uint64) (USD, error) {
	sum, carry := bits.Add64(uint64(a), uint64(b), carry)
	dollars := int64(sum)
	high := a>>63 + b>>63 + int64(carry)
	if high != dollars>>63 || dollars == math.MinInt64 && atto == 0 { // so that each amount has its negative
		return USD{}, &llm.Error{Code: llm.ErrInvalidRequest, Op: "add usd", Message: "the sum is beyond 9.2e18 dollars"}
	}
	return USD{dollars, atto}, nil
}

// Cmp returns -1 if u is less than v, 0 if they are equal, and +1 if u is more.
func (u USD) Cmp(v USD) int {
	return cmp.Or(cmp.Compare(u.dollars, v.dollars), cmp.Compare(u.atto, v.atto))
}

// MarshalText returns what [USD.String] does.
func (u USD) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what [ParseUSD] does.
func (u *USD) UnmarshalText(text []byte) error {
	v, err := ParseUSD(string(text))
	if err == nil {
		*u = v
	}
	return err
}

// maxUSD is the largest amount.
var maxUSD = USD{math.MaxInt64, attoPerUSD - 1}

// plus and less add and subtract; what is too large becomes the largest amount.
func plus(u, v USD) USD {
	sum, err := u.Add(v)
	return held(sum, err, u)
}

func less(u, v USD) USD {
	difference, err := u.Sub(v)
	return held(difference, err, u)
}

func held(result USD, err error, u USD) USD {
	switch {
	case err == nil:
		return result
	case u.dollars < 0:
		return USD{dollars: -math.MaxInt64}
	}
	return maxUSD
}

func positive(u USD) USD {
	if u.dollars < 0 {
		return USD{}
	}
	return u
}

package sample

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// number makes 0, or a number at a limit, or, where values vary, any between.
func (g *generator) number(flat []schema, integer bool) (any, error) {
	candidates := plainNumbers(flat)
	if !g.plain {
		candidates = append(g.numbers(flat, integer), candidates...)
	}
	var first error
	for i, text := range candidates {
		if i%8 == 0 && !g.spend(1+len(flat)) {
			return nil, flat[0].unknown("", endless)
		}
		n := json.Number(text)
		err := allowed(flat, n, integer)
		if err == nil {
			return n, nil
		}
		first = either(first, err)
	}
	return nil, first
}

// allowed checks a number against all schemas.
func allowed(flat []schema, n json.Number, integer bool) error {
	if integer && (strings.ContainsAny(string(n), ".eE") || !isType(n, "integer")) {
		return limiting(flat, "type").fault("type", "fake.Auto finds no such number")
	}
	for _, s := range flat {
		if err := checkNumber(s, n); err != nil {
			return err
		}
	}
	return nil
}

// bounds are the limits of a number, infinite where there is none, and what it must
// be a multiple of.
func bounds(flat []schema) (low, high float64, steps []float64) {
	low, high = math.Inf(-1), math.Inf(1)
	for _, s := range flat {
		for _, key := range []string{"minimum", "exclusiveMinimum"} {
			if l, ok := s.limit(key); ok {
				low = max(low, l)
			}
		}
		for _, key := range []string{"maximum", "exclusiveMaximum"} {
			if l, ok := s.limit(key); ok {
				high = min(high, l)
			}
		}
		if l, ok := s.limit("multipleOf"); ok && l > 0 {
			steps = append(steps, l)
		}
	}
	return low, high, steps
}

// plainNumbers are numbers that are likely to do, the smallest first. Limits are
// taken over digit by digit.
func plainNumbers(flat []schema) []string {
	out := []string{"0"}
	for _, s := range flat {
		for _, key := range []string{"minimum", "maximum"} {
			if l, ok := s.limit(key); ok {
				text, _ := s.has(key)
				out = append(out, string(text.(json.Number)), decimal(math.Ceil(l)), decimal(math.Floor(l)))
			}
		}
		for _, key := range []string{"exclusiveMinimum", "exclusiveMaximum"} {
			if l, ok := s.limit(key); ok {
				out = append(out, decimal(math.Floor(l)+1), decimal(math.Ceil(l)-1))
			}
		}
	}
	low, high, steps := bounds(flat)
	if !math.IsInf(low, 0) && !math.IsInf(high, 0) {
		out = append(out, decimal(low+(high-low)/2))
	}
	for _, step := range steps[:min(len(steps), 8)] {
		for k := range 100 {
			for _, start := range []float64{math.Ceil(low/step) + float64(k), math.Floor(high/step) - float64(k), float64(k), -float64(k)} {
				if v := start * step; !math.IsInf(v, 0) && !math.IsNaN(v) {
					out = append(out, decimal(v))
				}
			}
		}
	}
	return out
}

// numbers are some at random.
func (g *generator) numbers(flat []schema, integer bool) []string {
	low, high, steps := bounds(flat)
	const span = 100
	switch {
	case math.IsInf(low, 0) && math.IsInf(high, 0):
		low, high = 0, span
	case math.IsInf(low, 0):
		low = high - span
	case math.IsInf(high, 0):
		high = low + span
	}
	out := make([]string, 0, 8)
	for range cap(out) {
		v := low + g.rng.Float64()*(high-low)
		switch {
		case len(steps) > 0:
			v = math.Round(v/steps[0]) * steps[0]
		case integer || high-low > span:
			v = math.Round(v)
		case high-low > 0.1:
			v = math.Round(v*100) / 100
		}
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			out = append(out, decimal(v))
		}
	}
	return out
}

// decimal writes a number without an exponent, if that can be read.
func decimal(v float64) string {
	if v == 0 {
		return "0" // also what is -0
	}
	if math.Abs(v) < 1e21 && math.Abs(v) > 1e-9 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

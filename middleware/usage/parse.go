package usage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// ParsePrices reads a list of prices in JSON:
//
//	{
//	  "as_of": "2026-10-07", "currency": "USD", "unit": "per 1M tokens",
//	  "models": [{
//	    "id": "acme.writer-v1:0",
//	    "input": "3.3", "output": "16.5", "cache_read": "0.33", "cache_write_5m": "4.125", "cache_write_1h": "6.6",
//	    "batch": {"input": "1.65", "output": "8.25"}, "latency_optimized": {"input": "4", "output": "20"},
//	    "tiers": [{"above_input_tokens": 200000, "input": "6.6", "output": "24.75"}],
//	    "service_tiers": {"priority": "1.75", "flex": "0.5"},
//	    "scopes": {"global": {"input": "3", "output": "15"}},
//	    "regions": {"eu-west-1": {"input": "3.5", "output": "17"}}
//	  }]
//	}
//
// Prices are decimal strings with up to 12 decimals, in dollars for a million tokens. All
// but the id may be left out: a price that is absent is unknown, null means not offered,
// which has no price either, and "0" is free. {} is a list without prices.
//
//   - tiers are the prices of requests with more prompt tokens than above_input_tokens,
//     cached ones included, in ascending order. They hold for all tokens of the request.
//   - service_tiers are factors on input, output and cache_read; "default" is 1. null: there is
//     no other tier than the default.
//   - scopes are the prices by geography, with "regional" for IDs that have none, and regions
//     those by the Region that is called, which win. Both may hold what the model may, but for
//     service_tiers, and what they do not hold is unknown there. batch and
//     latency_optimized alone are taken from the model where input and output cost the same.
//   - A geography that is not listed ("us", "eu", "apac", "au", "jp", "in", "ca", "global") has the
//     prices of "us", or else those of the model. Another has none.
//   - cache_write_30m is for models whose cache lives that long, in place of cache_write_5m.
//   - family, status, effective_from, notes, source and alt of a model, and base_region, rules
//     and sources of the list, are skipped.
//
// A field that is not known is an error, since a price may hang on it. So are a field or model
// that is there twice, and anything that is not exact. Errors are [llm.ErrInvalidRequest] and
// name the path: models[3].scopes.us.input. All of r is read.
func ParsePrices(r io.Reader) (*Prices, error) {
	bad := func(message string, cause error) (*Prices, error) {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Op: "parse prices", Message: message, Err: cause}
	}
	if r == nil {
		return bad("nil reader", nil)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return bad("the list cannot be read", err)
	}
	if err := json.Unmarshal(b, new(json.RawMessage)); err != nil {
		where := ""
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			where = fmt.Sprintf(", byte %d", syntax.Offset)
		}
		return bad("not valid JSON"+where, err)
	}
	p := (*Prices)(nil).clone()
	if err := p.read(bytes.TrimSpace(b)); err != nil {
		return bad(err.Error(), nil)
	}
	return p, nil
}

func (p *Prices) read(list value) error {
	return list.object(func(key string, v value) (err error) {
		switch key {
		case "as_of":
			p.asOf, err = v.day()
		case "currency":
			err = v.constant("USD")
		case "unit":
			err = v.constant("per 1M tokens")
		case "models":
			err = v.array(func(v value) error {
				id, m, err := readModel(v)
				if err == nil && p.models[id] != nil {
					err = fault("the model is there twice")
				}
				p.models[id] = m
				return err
			})
		case "base_region", "rules", "sources":
		default:
			err = errUnknownField
		}
		return err
	})
}

// readModel reads a model with all its prices.
func readModel(v value) (id string, _ *model, err error) {
	var (
		base            listing
		scopes, regions map[string]*listing
		tiers           multipliers
	)
	err = v.object(func(key string, v value) (err error) {
		switch key {
		case "id":
			id, err = v.text()
		case "service_tiers":
			tiers, err = v.multipliers()
		case "scopes":
			scopes, err = v.listings()
		case "regions":
			regions, err = v.listings()
		case "family", "status", "effective_from", "notes", "source", "alt":
		default:
			err = base.read(key, v)
		}
		return err
	})
	if err == nil && id == "" {
		err = fault("a model needs an id")
	}
	if err != nil {
		return "", nil, err
	}
	m := &model{}
	if m.base, err = base.card(tiers); err != nil {
		return "", nil, err
	}
	if m.scopes, err = cards(scopes, &base, tiers); err != nil {
		return "", nil, at("scopes", err)
	}
	if m.regions, err = cards(regions, &base, tiers); err != nil {
		return "", nil, at("regions", err)
	}
	return id, m, nil
}

func cards(listings map[string]*listing, base *listing, tiers multipliers) (map[string]card, error) {
	all := make(map[string]card, len(listings))
	for _, name := range slices.Sorted(maps.Keys(listings)) { // the same error each time
		l := listings[name]
		l.inherit(base)
		c, err := l.card(tiers)
		if err != nil {
			return nil, at(name, err)
		}
		all[name] = c
	}
	return all, nil
}

func (v value) listings() (map[string]*listing, error) {
	all := map[string]*listing{}
	return all, v.object(func(name string, v value) error {
		if name == "" {
			return fault("want a name")
		}
		l := &listing{}
		all[name] = l
		return v.object(l.read)
	})
}

// read reads one field of a listing.
func (l *listing) read(key string, v value) (err error) {
	switch key {
	case "input":
		l.input, err = v.rate()
	case "output":
		l.output, err = v.rate()
	case "cache_read":
		l.cacheRead, err = v.rate()
	case "cache_write_5m":
		l.cacheWrite5m, err = v.rate()
	case "cache_write_30m":
		l.cacheWrite30m, err = v.rate()
	case "cache_write_1h":
		l.cacheWrite1h, err = v.rate()
	case "batch":
		l.batch, err = v.special()
	case "latency_optimized":
		l.optimized, err = v.special()
	case "tiers":
		l.tiers, err = v.tiers()
	default:
		err = errUnknownField
	}
	return err
}

// tiers reads the prices by the length of the prompt. Without any it is not nil.
func (v value) tiers() ([]listing, error) {
	tiers := []listing{}
	if v.null() {
		return tiers, nil
	}
	above := 0
	err := v.array(func(v value) error {
		t := listing{}
		err := v.object(func(key string, v value) (err error) {
			switch key {
			case "above_input_tokens":
				t.above, err = v.count()
			case "tiers":
				err = errUnknownField
			default:
				err = t.read(key, v)
			}
			return err
		})
		if err == nil && t.above <= above {
			err = at("above_input_tokens", fault("want a count above 0, and above that of the tier before"))
		}
		above = t.above
		tiers = append(tiers, t)
		return err
	})
	return tiers, err
}

// special reads the prices of another way to be served. Where there is none it is not nil.
func (v value) special() (*special, error) {
	s := &special{}
	if v.null() {
		return s, nil
	}
	return s, v.object(func(key string, v value) (err error) {
		switch key {
		case "input":
			s.input, err = v.rate()
		case "output":
			s.output, err = v.rate()
		default:
			err = errUnknownField
		}
		return err
	})
}

func (v value) multipliers() (multipliers, error) {
	m := multipliers{stated: true}
	if v.null() {
		return m, nil
	}
	err := v.object(func(name string, v value) error {
		if name == "" || name == tierDefault || name == llm.TierMixed {
			return fault("not the name of a tier that has a factor")
		}
		if v.null() {
			return nil
		}
		factor, err := v.decimal()
		if err == nil && factor.dollars < 0 {
			err = fault("a factor is not below 0")
		}
		m.tiers = append(m.tiers, multiplier{name, factor})
		return err
	})
	return m, err
}

func (v value) rate() (rate, error) {
	if v.null() {
		return rate{}, nil
	}
	perMillion, err := v.decimal()
	if err != nil {
		return rate{}, err
	}
	return rateOf(perMillion)
}

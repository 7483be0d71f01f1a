package usage

import (
	"bytes"
	"cmp"
	_ "embed"
	"maps"
	"sync"
	"time"
)

//go:generate go run ./internal/genprices -in internal/genprices/prices.json -out prices.json

//go:embed prices.json
var embedded []byte

// Prices is a list of prices. It is immutable and safe for concurrent use; the methods that
// change something return another list. A nil list knows no price.
type Prices struct {
	asOf    time.Time
	region  string
	models  map[string]*model
	aliases map[string]alias
}

// DefaultPrices returns the list prices of Amazon Bedrock's text models that this version
// of the package carries. They are read when it is first called. Look at [Prices.AsOf]:
// providers change prices, and releases of this package do not follow at once.
func DefaultPrices() *Prices { return defaultPrices() }

var defaultPrices = sync.OnceValue(func() *Prices {
	p, err := ParsePrices(bytes.NewReader(embedded))
	if err != nil {
		panic(err) // a test reads them
	}
	return p
})

// AsOf returns the day of the prices, and of lists that were joined the earliest one: no
// price is older. It is zero where no list gave a day.
func (p *Prices) AsOf() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.asOf
}

// With returns a list that has the models and aliases of both. Where both have one, that of
// other is taken, whole.
func (p *Prices) With(other *Prices) *Prices {
	joined, added := p.clone(), other.clone()
	if joined.asOf.IsZero() || !added.asOf.IsZero() && added.asOf.Before(joined.asOf) {
		joined.asOf = added.asOf
	}
	joined.region = cmp.Or(added.region, joined.region)
	maps.Copy(joined.models, added.models)
	maps.Copy(joined.aliases, added.aliases)
	return joined
}

// WithAlias returns a list in which a model ID costs what another one does. It is for ARNs that
// do not tell their model, such as that of an application inference profile:
//
//	prices.WithAlias("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
//		"us.anthropic.claude-sonnet-4-6")
//
// The model is an ID that the list knows, with the geography that is billed. An alias of an
// alias is not followed. An ID that has a price without its alias keeps it, unless it is an
// ARN.
func (p *Prices) WithAlias(id, model string) *Prices {
	q := p.clone()
	q.aliases[id] = newAlias(id, model)
	return q
}

// InRegion returns a list for calls that are sent to a Region, such as "eu-west-1": some
// models have other prices there. An ARN that names a Region overrides it. Without either,
// the price of the geography is taken, as if the Region had none of its own.
func (p *Prices) InRegion(region string) *Prices {
	q := p.clone()
	q.region = region
	return q
}

// clone returns a list whose maps may be changed. What is in them is shared.
func (p *Prices) clone() *Prices {
	q := &Prices{models: map[string]*model{}, aliases: map[string]alias{}}
	if p != nil {
		q.asOf, q.region = p.asOf, p.region
		maps.Copy(q.models, p.models)
		maps.Copy(q.aliases, p.aliases)
	}
	return q
}

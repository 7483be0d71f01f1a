package usage

import (
	"cmp"
	"strings"
)

const (
	scopeRegional = "regional" // of IDs without a geography
	scopeUS       = "us"
	scopeGov      = "us-gov"
)

// geographies of inference profiles whose prices fall back on those of others where a
// model has none of its own for them. GovCloud is none: it costs more, and for most models
// nobody knows how much.
var geographies = map[string]bool{
	scopeUS: true, "eu": true, "apac": true, "au": true, "jp": true, "in": true, "ca": true, "global": true,
}

// card returns the prices of a model by its ID or ARN; an empty card where it is not known.
func (p *Prices) card(id string) card {
	if p == nil {
		return nil
	}
	if c := p.find(id, p.region); c != nil {
		return c
	}
	if a, ok := p.aliases[id]; ok {
		return p.find(a.model, cmp.Or(a.region, p.region))
	}
	region, inARN := splitARN(id)
	return p.find(inARN, cmp.Or(region, p.region))
}

// alias is the model that stands behind an ID, and the Region where the ARN of either
// names one.
type alias struct{ model, region string }

func newAlias(id, model string) alias {
	modelRegion, inARN := splitARN(model)
	region, _ := splitARN(id)
	return alias{cmp.Or(inARN, model), cmp.Or(modelRegion, region)}
}

// find looks for an ID that is listed, or is so without its geography.
func (p *Prices) find(id, region string) card {
	if m, ok := p.models[id]; ok {
		return m.card(scopeRegional, region)
	}
	geography, base, _ := strings.Cut(id, ".")
	if m, ok := p.models[base]; ok {
		return m.card(geography, region)
	}
	return nil
}

// card returns what applies in a scope and Region.
func (m *model) card(scope, region string) card {
	if c, ok := m.regions[region]; ok {
		return c
	}
	if scope == scopeRegional && strings.HasPrefix(region, "us-gov-") {
		scope = scopeGov
	}
	if c, ok := m.scopes[scope]; ok {
		return c
	}
	switch {
	case scope == scopeRegional:
		return m.base
	case !geographies[scope]:
		return nil
	}
	if c, ok := m.scopes[scopeUS]; ok {
		return c
	}
	return m.base
}

// splitARN returns the Region of a Bedrock ARN, and the model ID in it where it is that of
// a foundation model or of an inference profile of AWS. Others hide their model, and a
// custom one has a price of its own.
func splitARN(arn string) (region, id string) {
	rest, ok := strings.CutPrefix(arn, "arn:")
	var fields [4]string // arn:partition:service:region:account:kind/resource
	for i := range fields {
		if !ok {
			return "", ""
		}
		fields[i], rest, ok = strings.Cut(rest, ":")
	}
	if !ok || fields[1] != "bedrock" {
		return "", ""
	}
	kind, resource, _ := strings.Cut(rest, "/")
	if kind != "foundation-model" && kind != "inference-profile" {
		resource = ""
	}
	return fields[2], resource
}

package bedrocktest

import (
	"unicode/utf8"

	"github.com/parley-sdk/parley/bedrock"
)

// inference returns a member of inferenceConfig; nil where it is not set.
func (c *call) inference(key string) *node { return c.body.get("inferenceConfig").get(key) }

func (c *call) maxTokens() *node { return c.inference("maxTokens") }

// topKFields are the places where families have top_k, in the model's own fields.
var topKFields = []struct {
	name string // as a profile names it
	at   path
	key  string
}{
	{"top_k", nil, "top_k"},
	{"topK", nil, "topK"},
	{"k", nil, "k"},
	{"inferenceConfig.topK", path{}.key("inferenceConfig"), "topK"},
}

// topK returns top_k, and the place where it stands.
func (c *call) topK() (place string, topK *node) {
	for _, f := range topKFields {
		n := c.fields()
		for _, s := range f.at {
			n = n.get(s.key)
		}
		if n = n.get(f.key); n != nil {
			return f.name, n
		}
	}
	return "", nil
}

func noSampling(c *call) *exception {
	if c.profile.Sampling != bedrock.SamplingNone {
		return nil
	}
	_, topK := c.topK()
	for _, p := range []struct {
		name string
		set  bool
	}{{"temperature", c.inference("temperature") != nil}, {"top_p", c.inference("topP") != nil}, {"top_k", topK != nil}} {
		if p.set {
			return byModel("`%s` is deprecated for this model.", p.name)
		}
	}
	return nil
}

func oneSampling(c *call) *exception {
	if c.profile.Sampling == bedrock.SamplingOne && c.inference("temperature") != nil && c.inference("topP") != nil {
		return byModel("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	}
	return nil
}

func samplingWhileReasoning(c *call) *exception {
	if c.profile.SamplingWithReasoning || !c.reasons() {
		return nil
	}
	_, topK := c.topK()
	temperature, topP := c.inference("temperature").float(), c.inference("topP").float()
	switch {
	case temperature != nil && *temperature != 1:
		return byModel("`temperature` may only be set to 1 when thinking is enabled.")
	case topP != nil && *topP < 0.95:
		return byModel("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
	case topK != nil:
		return byModel("`top_k` must be unset when thinking is enabled.")
	}
	return nil
}

func topKField(c *call) *exception {
	place, topK := c.topK()
	for _, f := range topKFields {
		if topK != nil && f.name == place && place != c.profile.TopKField {
			return extraneous(f.at, f.key)
		}
	}
	return nil
}

func maxTokens(c *call) *exception {
	if most := c.profile.MaxOutputTokens; most > 0 && c.maxTokens().int() > most {
		return invalid("The maximum tokens you requested exceeds the model limit of %d. Try again with a maximum tokens value that is lower than %[1]d.", most)
	}
	return nil
}

// stopSequences leaves empty ones to the shape.
func stopSequences(c *call) *exception {
	const constraint = "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d"
	stops, at := c.inference("stopSequences"), path{}.key("inferenceConfig").key("stopSequences")
	most, longest := c.profile.MaxStopSequences, c.profile.StopSequenceLength
	switch {
	case stops == nil:
		return nil
	case most == 0:
		return unsupportedField("stopSequences")
	case len(stops.items()) > most:
		return invalid(constraint, at.members(), most)
	}
	for i, s := range stops.items() {
		if longest > 0 && utf8.RuneCountInString(s.string()) > longest {
			return invalid(constraint, at.index(i).members(), longest)
		}
	}
	return nil
}

package llm

// Usage counts the tokens of a call. It is comparable, and stays so.
//
// InputTokens is the total input, cached tokens included, as OpenTelemetry counts.
// The counts nest: CacheReadTokens and CacheWriteTokens are disjoint parts of
// InputTokens, CacheWrite1hTokens is part of CacheWriteTokens, and ReasoningTokens
// is part of OutputTokens.
type Usage struct {
	InputTokens        int    `json:"input_tokens,omitempty"`
	OutputTokens       int    `json:"output_tokens,omitempty"`
	CacheReadTokens    int    `json:"cache_read_tokens,omitempty"`     // input read from the provider's prompt cache
	CacheWriteTokens   int    `json:"cache_write_tokens,omitempty"`    // input written to it
	CacheWrite1hTokens int    `json:"cache_write_1h_tokens,omitempty"` // input written to it for an hour
	ReasoningTokens    int    `json:"reasoning_tokens,omitempty"`
	ServiceTier        string `json:"service_tier,omitempty"` // as served, not as asked
	Estimated          bool   `json:"estimated,omitempty"`    // the provider did not report all of it, as when a stream is cut
}

// TierMixed is the service tier of a sum over calls that were served by several.
const TierMixed = "mixed"

// Add returns the sum. The counters add up, Estimated holds if it holds for either,
// and tiers that differ make [TierMixed]. The zero Usage adds nothing. Price calls
// one by one: a sum no longer says which tier served which tokens.
func (u Usage) Add(v Usage) Usage {
	switch (Usage{}) {
	case u:
		return v
	case v:
		return u
	}
	if u.ServiceTier != v.ServiceTier {
		u.ServiceTier = TierMixed
	}
	u.InputTokens += v.InputTokens
	u.OutputTokens += v.OutputTokens
	u.CacheReadTokens += v.CacheReadTokens
	u.CacheWriteTokens += v.CacheWriteTokens
	u.CacheWrite1hTokens += v.CacheWrite1hTokens
	u.ReasoningTokens += v.ReasoningTokens
	u.Estimated = u.Estimated || v.Estimated
	return u
}

// TotalTokens returns input and output together.
func (u Usage) TotalTokens() int { return u.InputTokens + u.OutputTokens }

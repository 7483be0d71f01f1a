package ratelimit

import (
	"context"
	"math"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Options are the limits and how calls count towards them. The limits, from RequestsPerMinute
// to MaxWait, and Adaptive are those of the limiter that [NewLimiter] makes of them: where
// Limiter is set, they are its own affair, and those that stand here are not looked at.
type Options struct {
	// RequestsPerMinute is how many requests may be sent in a minute; 0 or less means no limit.
	RequestsPerMinute int
	// TokensPerMinute is how many tokens may be used in a minute, input and output together; 0
	// or less means no limit.
	TokensPerMinute int
	// MaxConcurrent is how many calls there may be at a time; 0 or less means no limit.
	MaxConcurrent int

	// RequestBurst is how many requests may be sent at once after a quiet time; 0 or less means
	// ten seconds' worth of RequestsPerMinute, at least 1.
	RequestBurst int
	// TokenBurst is how many tokens may be reserved at once after a quiet time, and the most
	// that one call may reserve; 0 or less means one minute's worth, TokensPerMinute.
	TokenBurst int

	// MaxWait is the longest that a call waits for its turn; 0 or less means as long as its
	// context lives. One that would wait longer is refused, at once where that can be told. Set
	// it where there are deadlines: a call whose turn comes shortly before its own is sent in
	// vain, and when more is asked than the limits allow, that becomes the fate of all.
	MaxWait time.Duration

	// Key says which limits a call counts towards: each key has the limits above for itself.
	// Nil means "provider/model" of the wrapped model. What Key returns stands in the place of
	// that and is not added to it: where one New, or one Limiter, serves several models, those
	// that get the same key share its limits. For limits by tenant and by model, give each
	// model a New of its own, without a common Limiter, or name the model in the key. Keys may
	// be many: those that hold no information are forgotten.
	Key func(ctx context.Context, req *llm.Request) string

	// Estimate returns the number of input tokens of a request; nil means [EstimateInput]. It
	// is not called where tokens are not limited.
	Estimate func(req *llm.Request) int
	// AssumeMaxTokens is what is reserved for the output of a request whose MaxTokens is not
	// set; 0 or less means 4,096.
	AssumeMaxTokens int
	// Used returns how much of the quota a call has used up; nil means Burndown(1): input and
	// output without what was read from the provider's cache, as Amazon Bedrock and Anthropic
	// count. For providers that count cached tokens too, it is llm.Usage.TotalTokens.
	Used func(llm.Usage) int

	// Adaptive lowers the limits of a key where the provider turns out to allow less. Each
	// [llm.ErrRateLimited] cuts rates, bursts and MaxConcurrent to 70 % of what they are and
	// empties the buckets, at most once in 10 seconds and down to 5 % of the limits set here;
	// then they grow by 20 % of those a minute, and never above. Where the provider says how
	// long to wait ([llm.RetryAfter]), nothing is sent for so long, at most a minute. Where
	// no limit is set, that pause is all it does.
	Adaptive bool

	// Limiter decides when calls are sent; nil means NewLimiter of these options. Where it is
	// set, the limits that stand here (RequestsPerMinute to MaxWait, and Adaptive) limit nothing:
	// set them in the Options of its NewLimiter. Key, Estimate, AssumeMaxTokens and Used hold.
	Limiter Limiter
}

// New returns middleware that lets calls wait until they fit into the limits. Nil options
// limit nothing. All models that one New wraps share its limits, key by key; several News
// share them by one [Limiter].
func New(opts *Options) llm.Middleware {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Limiter == nil {
		if o.RequestsPerMinute <= 0 && o.TokensPerMinute <= 0 && o.MaxConcurrent <= 0 && !o.Adaptive {
			return func(next llm.Model) llm.Model { return next }
		}
		o.Limiter = NewLimiter(&o)
		if o.TokensPerMinute <= 0 {
			o.Estimate = func(*llm.Request) int { return 0 }
		}
	}
	if o.Estimate == nil {
		o.Estimate = EstimateInput
	}
	if o.AssumeMaxTokens <= 0 {
		o.AssumeMaxTokens = 4096
	}
	if o.Used == nil {
		o.Used = Burndown(1)
	}
	return func(next llm.Model) llm.Model { return newModel(next, &o) }
}

// Burndown returns a function for [Options.Used] that counts the input without cache reads,
// and each token of the output as that many: see the quotas of the model. On Amazon Bedrock it is
// five for Claude 3.7 and later, else one, as of 2026. It panics where output is negative.
func Burndown(output int) func(llm.Usage) int {
	if output < 0 {
		panic("ratelimit: negative burndown")
	}
	return func(u llm.Usage) int {
		input := max(0, u.InputTokens-u.CacheReadTokens)
		if output > 0 && u.OutputTokens > (math.MaxInt-input)/output {
			return math.MaxInt
		}
		return input + output*u.OutputTokens
	}
}

package bedrock

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
)

// Options configures a [Model]. Nil or zero means the defaults. New copies it.
type Options struct {
	// Profile says what the model behind the id can do. Nil: [ProfileFor] the id.
	// Set it where an ARN hides the model's family.
	Profile *Profile

	// KeepSDKRetries leaves the AWS client's own retries on. Default off: they end
	// where a stream begins, know no budget, and multiply with those of a middleware.
	// Where none retries, set it.
	KeepSDKRetries bool

	// Strict makes errors of repairs: a request that a rule would change is an
	// [llm.ErrInvalidRequest] that says what would have been changed, and where. What is
	// only done in another way, such as a tool that takes the place of structured output,
	// stays a warning.
	Strict bool

	// ModifyInput has the last word on the request, just before it is sent, also
	// for a stream, and also for CountTokens, which sends only what counts of it: the
	// model id, messages, system prompt, tools and additional fields. It is not called
	// where tokens are estimated without asking the service. It is for what has no
	// other way in. It runs on the calling goroutine and must not keep its argument.
	// Strings and bytes are shared with the caller's request: put others in their
	// place, do not write through pointers.
	ModifyInput func(*bedrockruntime.ConverseInput)
}

// RequestOptions are the settings of a request that only Bedrock understands. Put a
// pointer into [llm.Request.Options]. Zero fields are not sent. Words are sent as they
// are: of one that it does not know, Bedrock says so.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
type RequestOptions struct {
	Guardrail          *Guardrail        `json:"guardrail,omitempty"`
	ServiceTier        string            `json:"service_tier,omitempty"`         // "priority", "default", "flex" or "reserved"
	Latency            string            `json:"latency,omitempty"`              // "standard" or "optimized"
	PromptVariables    map[string]string `json:"prompt_variables,omitempty"`     // for a prompt of Prompt management, whose ARN is the model id
	AdditionalFields   json.RawMessage   `json:"additional_fields,omitempty"`    // an object: parameters of the model that Converse has no field for
	ResponseFieldPaths []string          `json:"response_field_paths,omitempty"` // JSON pointers to what [Details] shall return of the model's own answer

	// Effort is the outputConfig.effort of Converse, as it is: "low", "medium", "high",
	// "xhigh" or "max" where the model has it. [llm.Request.Reasoning] is the neutral way;
	// Effort wins over it, and Reasoning is then dropped with a warning.
	Effort string `json:"effort,omitempty"`

	// BucketOwner is the AWS account that owns the buckets of the request's s3:// URIs.
	// Empty: they are the caller's own. [S3Media] says it for one part.
	BucketOwner string `json:"bucket_owner,omitempty"`

	// ClientOptions are applied to the AWS client for this call: another region,
	// credentials, a header. They come after Parley's own, before its transport.
	ClientOptions []func(*bedrockruntime.Options) `json:"-"`
}

// invalidUTF8 names a field that holds invalid UTF-8, which the SDK would change.
func (o *RequestOptions) invalidUTF8() (field string, found bool) {
	texts := map[string][]string{"service_tier": {o.ServiceTier}, "latency": {o.Latency}, "response_field_paths": o.ResponseFieldPaths,
		"additional_fields": {string(o.AdditionalFields)}, "effort": {o.Effort}, "bucket_owner": {o.BucketOwner}}
	if g := o.Guardrail; g != nil {
		texts["guardrail"] = []string{g.ID, g.Version, g.Trace, g.StreamMode}
	}
	for k, v := range o.PromptVariables {
		texts["prompt_variables"] = append(texts["prompt_variables"], k, v)
	}
	for field, values := range texts {
		if slices.ContainsFunc(values, func(s string) bool { return !utf8.ValidString(s) }) {
			return field, true
		}
	}
	return "", false
}

// ProviderName returns [Provider].
func (*RequestOptions) ProviderName() string { return Provider }

// SpanAttributes is what package tracing shows of the options: the guardrail that is asked for.
func (o *RequestOptions) SpanAttributes() map[string]string {
	if o == nil || o.Guardrail == nil || o.Guardrail.ID == "" {
		return nil
	}
	return map[string]string{"aws.bedrock.guardrail.id": o.Guardrail.ID}
}

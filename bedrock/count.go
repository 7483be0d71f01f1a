package bedrock

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/llm"
)

// TokenCount is a number of input tokens.
type TokenCount struct {
	Tokens    int
	Estimated bool // Bedrock cannot count this; see [Model.CountTokensDetail]
}

// CountTokens returns the number of input tokens of a request: that of
// [Model.CountTokensDetail], which also tells whether it is an estimate.
func (m *Model) CountTokens(ctx context.Context, req *llm.Request) (int, error) {
	n, err := m.CountTokensDetail(ctx, req)
	return n.Tokens, err
}

// CountTokensDetail returns the number of input tokens of a request, as Bedrock
// counts. Credentials need the IAM action bedrock:CountTokens for it.
//
// Bedrock counts for some models only. It estimates for the others: where the profile
// says NoCountTokens or the service has said so once, which the Model remembers and
// asks no more; and for requests that hold what the service does not count, such as
// documents. The estimate errs on the high side:
//
//   - text, schemas, tool calls and the like: a token for every 3 bytes begun;
//   - 8 for each message, and 800 for a request with tools;
//   - an image: 4,800;
//   - a document that is not text: 3,000 for every 10 KiB begun, 300,000 at most;
//   - a video or sound: 3,000 for every 100 KiB begun, 280,000 at most;
//   - what is not in the request but behind a URI: the most of its kind.
//
// A stored prompt is not estimated, since its text is not here: the error of the
// service is returned.
func (m *Model) CountTokensDetail(ctx context.Context, req *llm.Request) (TokenCount, error) {
	c := m.call("count tokens")
	if err := c.check(ctx, req); err != nil {
		return TokenCount{}, c.fail(ctx, err)
	}
	if m.knownUncountable() {
		// Encoded for its faults alone, so that ModifyInput has no part in it.
		_, err := (&encoder{modelID: m.modelID}).input(c.draft)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return TokenCount{}, c.fail(ctx, err)
		}
		return TokenCount{estimate(req), true}, nil
	}
	in, err := m.encode(c.draft)
	if err != nil {
		return TokenCount{}, c.fail(ctx, err)
	}
	n, err := c.count(ctx, in)
	if err != nil && c.uncountable(err) {
		return TokenCount{estimate(req), true}, nil
	}
	if err != nil {
		return TokenCount{}, c.fail(ctx, err)
	}
	return TokenCount{Tokens: n}, nil
}

// count lets Bedrock count.
func (c *call) count(ctx context.Context, in *bedrockruntime.ConverseInput) (int, error) {
	if err := c.connect(); err != nil {
		return 0, err
	}
	defer c.close()
	id := in.ModelId
	if id != nil {
		// It refuses inference profiles, whose models count all the same.
		// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
		id = new(baseModelID(*id))
	}
	if err := send(ctx, c.caller.client.CountTokens, &bedrockruntime.CountTokensInput{
		ModelId: id,
		Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{
			Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig,
			AdditionalModelRequestFields: in.AdditionalModelRequestFields,
		}},
	}, c.options); err != nil {
		return 0, err
	}
	body, err := c.readBody(maxCount)
	if err != nil {
		return 0, err
	}
	doc, _ := parse(body)
	n, ok := doc.get("inputTokens").count()
	if !ok {
		return 0, &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer holds no token count: is the endpoint Bedrock's?"}
	}
	return n, nil
}

// knownUncountable says whether to estimate without asking.
func (m *Model) knownUncountable() bool {
	return (m.opts.Profile.NoCountTokens || m.uncountable.Load()) && !isPrompt(m.modelID)
}

// uncountable says whether the service refused to count this, and remembers it of the
// model.
func (c *call) uncountable(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	m := c.model
	if !ok || isPrompt(m.modelID) {
		return false
	}
	said := strings.ToLower(llm.Redact(api.ErrorMessage()))
	switch code, _ := codeOf(api.ErrorCode(), c.status, said); {
	case code != llm.ErrInvalidRequest && code != llm.ErrNotFound:
		return false
	case strings.Contains(said, "not supported for token counting"): // documents, for one
		return true
	case strings.Contains(said, "support counting tokens"),
		strings.Contains(said, "on-demand throughput"), // the base id is ours, and it may only take that of a profile
		// Of an ARN that does not show the model.
		strings.HasPrefix(m.modelID, "arn:") && strings.Contains(said, "model identifier is invalid"):
		m.uncountable.Store(true)
		return true
	}
	return false
}

package bedrock

import (
	"context"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/restjson1"

	"github.com/parley-sdk/parley/llm"
)

// GuardrailClient asks a guardrail for its verdict without calling a model: on what a
// user wrote before it goes anywhere, or on what a model of any provider said. It is
// safe for concurrent use.
type GuardrailClient struct {
	caller  caller
	version string
	scope   types.GuardrailOutputScope
}

// GuardrailClientOptions configures a [GuardrailClient]. Nil or zero means the defaults.
type GuardrailClientOptions struct {
	// FullOutput asks for all that was looked for, and not only for what was found.
	FullOutput bool

	// KeepSDKRetries is as [Options.KeepSDKRetries].
	KeepSDKRetries bool
}

// NewGuardrailClient returns a client for a version ("1", "DRAFT") of the guardrail of
// that id or ARN. Nothing is checked or sent before the first call.
func NewGuardrailClient(client *bedrockruntime.Client, id, version string, opts *GuardrailClientOptions) *GuardrailClient {
	if opts == nil {
		opts = &GuardrailClientOptions{}
	}
	g := &GuardrailClient{caller: newCaller(client, id, opts.KeepSDKRetries), version: version}
	if opts.FullOutput {
		g.scope = types.GuardrailOutputScopeFull
	}
	return g
}

// GuardrailResult is the answer of a [GuardrailClient].
type GuardrailResult struct {
	Verdict     GuardrailVerdict            // in short
	Outputs     []string                    // where it intervened, what to show instead: the text with parts masked, or the guardrail's own message
	Assessments []types.GuardrailAssessment // all that was found
	Usage       *types.GuardrailUsage       // units that are paid for, by policy
	Coverage    *types.GuardrailCoverage    // how much of the content was looked at
	RequestID   string
	Raw         json.RawMessage // the answer as it was received
}

// Apply returns the guardrail's verdict on parts that go to a model
// ([types.GuardrailContentSourceInput]) or come from one
// ([types.GuardrailContentSourceOutput]): text, inline PNG and JPEG images, and
// [GuardText] and [GuardImage] where qualifiers are needed.
//
// That the guardrail intervened is no error. Errors are [*llm.Error] as of a [Model],
// with the guardrail's id as their model.
//
// Package bedrocktest does not serve this operation.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
func (g *GuardrailClient) Apply(ctx context.Context, source types.GuardrailContentSource, parts ...llm.Part) (*GuardrailResult, error) {
	c := &call{op: "apply guardrail"}
	if g != nil {
		c.caller = &g.caller
	}
	r, err := g.apply(ctx, c, source, parts)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	return r, nil
}

func (g *GuardrailClient) apply(ctx context.Context, c *call, source types.GuardrailContentSource, parts []llm.Part) (*GuardrailResult, error) {
	if g == nil {
		return nil, invalid("", "nil guardrail client: make one with NewGuardrailClient")
	}
	if err := g.caller.usable(ctx, "the guardrail client with NewGuardrailClient"); err != nil {
		return nil, err
	}
	in, err := g.input(source, parts)
	if err != nil {
		return nil, err
	}
	if err := c.connect(); err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := g.caller.client.ApplyGuardrail(ctx, in, c.options...); err != nil {
		return nil, err
	}
	body, err := c.readBody(maxAnswer)
	if err != nil {
		return nil, err
	}
	r, err := decodeGuardrailResult(body, source)
	if err != nil {
		return nil, err
	}
	r.RequestID = c.requestID()
	return r, nil
}

func (g *GuardrailClient) input(source types.GuardrailContentSource, parts []llm.Part) (*bedrockruntime.ApplyGuardrailInput, error) {
	switch {
	case g.caller.id == "":
		return nil, invalid("id", "missing: the Bedrock console lists the guardrails of your region")
	case g.version == "":
		return nil, invalid("version", "missing: a number, or DRAFT")
	case source == "":
		return nil, invalid("source", "missing: INPUT or OUTPUT")
	case !slices.Contains(source.Values(), source):
		return nil, invalid("source", "neither INPUT nor OUTPUT: use a constant of the AWS SDK's types")
	case !utf8.ValidString(g.caller.id + g.version + string(source)):
		return nil, invalid("", "invalid UTF-8 in the id, version or source")
	case len(parts) == 0:
		return nil, invalid("parts", "empty")
	}
	in := &bedrockruntime.ApplyGuardrailInput{GuardrailIdentifier: &g.caller.id, GuardrailVersion: &g.version, Source: source, OutputScope: g.scope}
	e := &encoder{}
	for i, p := range parts {
		block, err := e.guardrailBlock(p)
		if err != nil {
			return nil, within(err, "parts[%d]", i)
		}
		in.Content = append(in.Content, block)
	}
	return in, nil
}

// guardrailBlock encodes a part for ApplyGuardrail.
func (e *encoder) guardrailBlock(p llm.Part) (types.GuardrailContentBlock, error) {
	if isNil(p) {
		return nil, invalid("", "nil part")
	}
	switch p := p.(type) {
	case *llm.TextPart:
		if !utf8.ValidString(p.Text) {
			return nil, invalid("text", "invalid UTF-8")
		}
		return &types.GuardrailContentBlockMemberText{Value: types.GuardrailTextBlock{Text: &p.Text}}, nil
	case *llm.MediaPart:
		switch {
		case p.URI != "":
			return nil, unsupported("uri", "a guardrail reads inline images only")
		case len(p.Data) == 0:
			return nil, invalid("data", "empty")
		}
		format, ok := imageFormats[mediaTypeOf(p.MediaType, p.Data)]
		if !ok {
			return nil, unsupported("media_type", "not an image, and a guardrail judges text and images only")
		}
		return e.guardrailImage(string(format), p.Data)
	case *llm.ProviderPart:
		if p.Provider != Provider || p.Kind != guardContent {
			break
		}
		block, err := providerBlock(p)
		if err != nil {
			return nil, err
		}
		switch guard := block.(*types.ContentBlockMemberGuardContent).Value.(type) {
		case *types.GuardrailConverseContentBlockMemberText:
			text := types.GuardrailTextBlock{Text: guard.Value.Text}
			for _, q := range guard.Value.Qualifiers {
				text.Qualifiers = append(text.Qualifiers, types.GuardrailContentQualifier(q))
			}
			return &types.GuardrailContentBlockMemberText{Value: text}, nil
		case *types.GuardrailConverseContentBlockMemberImage:
			if b, ok := guard.Value.Source.(*types.GuardrailConverseImageSourceMemberBytes); ok {
				return e.guardrailImage(string(guard.Value.Format), b.Value)
			}
		}
	}
	return nil, unsupported("", "a guardrail judges text and images, not a %T", p)
}

func (e *encoder) guardrailImage(format string, data []byte) (types.GuardrailContentBlock, error) {
	if e.inline(len(data)) != nil { // whose way out is none for a guardrail
		return nil, invalid("", "too large: the images come to %d bytes in base64, and Bedrock takes at most %d", e.inlined, maxInline)
	}
	return &types.GuardrailContentBlockMemberImage{Value: types.GuardrailImageBlock{
		Format: types.GuardrailImageFormat(format), Source: &types.GuardrailImageSourceMemberBytes{Value: data},
	}}, nil
}

func decodeGuardrailResult(body []byte, source types.GuardrailContentSource) (*GuardrailResult, error) {
	out := &bedrockruntime.ApplyGuardrailOutput{}
	op := smithy.NewOperationSchema(schemas.ApplyGuardrail, schemas.ApplyGuardrailRequest, schemas.ApplyGuardrailResponse)
	err := deserialize(restjson1.New(schemas.AmazonBedrockFrontendService), op, body, out)
	if err != nil || out.Action == "" {
		// A verdict that cannot be read is not one that all is well.
		return nil, &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer holds no verdict of a guardrail: is the endpoint Bedrock's?", Err: err}
	}
	r := &GuardrailResult{Assessments: out.Assessments, Usage: out.Usage, Coverage: out.GuardrailCoverage, Raw: body}
	r.Verdict.Intervened, r.Verdict.Reason = out.Action != types.GuardrailActionNone, aws.ToString(out.ActionReason)
	for _, o := range out.Outputs {
		r.Outputs = append(r.Outputs, aws.ToString(o.Text))
	}
	for i := range r.Assessments {
		withoutRepeats(&r.Assessments[i])
		r.Verdict.add(source, "", r.Assessments[i])
	}
	return r, nil
}

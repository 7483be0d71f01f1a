package bedrock

import (
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// encoder writes a draft as a Converse request. It only reads the former.
type encoder struct {
	modelID string
	inlined int    // bytes of inline media so far, in base64
	owner   string // of the S3 buckets; "" is the caller
}

// encode returns the Converse request of a draft.
func (m *Model) encode(d *draft) (*bedrockruntime.ConverseInput, error) {
	e := &encoder{modelID: m.modelID}
	if d.options != nil {
		e.owner = d.options.BucketOwner
	}
	in, err := e.input(d)
	if err != nil {
		return nil, err
	}
	if m.opts.ModifyInput != nil {
		m.opts.ModifyInput(in)
	}
	return in, nil
}

func (e *encoder) input(d *draft) (*bedrockruntime.ConverseInput, error) {
	in := &bedrockruntime.ConverseInput{ModelId: &e.modelID}
	var err error
	if in.System, err = e.system(d.system); err != nil {
		return nil, err
	}
	if in.Messages, err = e.messages(d.turns); err != nil {
		return nil, err
	}
	if in.ToolConfig, err = e.tools(&d.req); err != nil {
		return nil, err
	}
	if in.InferenceConfig, err = e.inference(&d.req); err != nil {
		return nil, err
	}
	if in.OutputConfig, err = e.output(d.req.Output); err != nil {
		return nil, err
	}
	if len(d.req.Metadata) > 0 {
		in.RequestMetadata = d.req.Metadata
	}
	if err := e.options(in, d); err != nil {
		return nil, err
	}
	return in, nil
}

func (e *encoder) system(items []item) ([]types.SystemContentBlock, error) {
	var blocks []types.SystemContentBlock
	for _, it := range items {
		b, err := e.systemBlock(it.part)
		if err != nil {
			return nil, within(err, "%v", it.at)
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// systemBlock encodes a part of the system prompt.
func (e *encoder) systemBlock(p llm.Part) (types.SystemContentBlock, error) {
	switch p := p.(type) {
	case *llm.TextPart:
		return &types.SystemContentBlockMemberText{Value: p.Text}, nil
	case *llm.CachePointPart:
		return &types.SystemContentBlockMemberCachePoint{Value: cachePoint(p)}, nil
	case *llm.ProviderPart:
		block, err := providerBlock(p)
		if guard, ok := block.(*types.ContentBlockMemberGuardContent); ok {
			return &types.SystemContentBlockMemberGuardContent{Value: guard.Value}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, unsupported("", "a %T cannot stand in Bedrock's system prompt", p)
}

func (e *encoder) messages(turns []turn) ([]types.Message, error) {
	if len(turns) == 0 {
		return nil, nil
	}
	out := make([]types.Message, len(turns))
	for i, t := range turns {
		blocks := make([]types.ContentBlock, 0, len(t.items))
		for _, it := range t.items {
			if it.block != nil {
				blocks = append(blocks, it.block)
				continue
			}
			var err error
			if blocks, err = e.appendBlocks(blocks, it.part); err != nil {
				return nil, within(err, "%v", it.at)
			}
		}
		// The roles have the same names on both sides.
		out[i] = types.Message{Role: types.ConversationRole(t.role), Content: blocks}
	}
	return out, nil
}

func (e *encoder) inference(req *llm.Request) (*types.InferenceConfiguration, error) {
	c := types.InferenceConfiguration{StopSequences: req.StopSequences}
	if req.MaxTokens > math.MaxInt32 {
		return nil, invalid("max_tokens", "beyond the 32 bits that Bedrock takes")
	}
	if req.MaxTokens > 0 {
		c.MaxTokens = new(int32(req.MaxTokens))
	}
	if req.Temperature != nil {
		c.Temperature = new(float32(*req.Temperature))
		if math.IsInf(float64(*c.Temperature), 0) {
			return nil, invalid("temperature", "beyond the 32 bits that Bedrock takes")
		}
	}
	if req.TopP != nil {
		c.TopP = new(float32(*req.TopP))
	}
	if c.MaxTokens == nil && c.Temperature == nil && c.TopP == nil && len(c.StopSequences) == 0 {
		return nil, nil
	}
	return &c, nil
}

func (e *encoder) output(f *llm.OutputFormat) (*types.OutputConfig, error) {
	if f == nil {
		return nil, nil
	}
	schema, err := canonical(f.Schema)
	if err != nil {
		return nil, invalid("output.schema", "not valid JSON")
	}
	def := types.JsonSchemaDefinition{Schema: new(string(schema))}
	if f.Name != "" {
		def.Name = &f.Name
	}
	if f.Description != "" {
		def.Description = &f.Description
	}
	return &types.OutputConfig{TextFormat: &types.OutputFormat{
		Type:      types.OutputFormatTypeJsonSchema,
		Structure: &types.OutputFormatStructureMemberJsonSchema{Value: def},
	}}, nil
}

// options applies what only Bedrock understands.
func (e *encoder) options(in *bedrockruntime.ConverseInput, d *draft) error {
	o := d.options
	fields, err := additionalFields(d)
	if err != nil {
		return err
	}
	if fields != nil {
		in.AdditionalModelRequestFields = &rawDocument{text: fields}
	}
	if o == nil {
		return nil
	}
	if name, ok := o.invalidUTF8(); ok {
		return invalid("options."+name, "invalid UTF-8")
	}
	if in.GuardrailConfig, err = o.Guardrail.config(); err != nil {
		return within(err, "options.guardrail")
	}
	if o.Effort != "" {
		if in.OutputConfig == nil {
			in.OutputConfig = &types.OutputConfig{}
		}
		in.OutputConfig.Effort = &o.Effort
	}
	if o.ServiceTier != "" {
		in.ServiceTier = &types.ServiceTier{Type: types.ServiceTierType(o.ServiceTier)}
	}
	if o.Latency != "" {
		in.PerformanceConfig = &types.PerformanceConfiguration{Latency: types.PerformanceConfigLatency(o.Latency)}
	}
	if len(o.PromptVariables) > 0 {
		in.PromptVariables = make(map[string]types.PromptVariableValues, len(o.PromptVariables))
		for k, v := range o.PromptVariables {
			in.PromptVariables[k] = &types.PromptVariableValuesMemberText{Value: v}
		}
	}
	in.AdditionalModelResponseFieldPaths = slices.Clone(o.ResponseFieldPaths)
	return nil
}

// streamInput is the same request for ConverseStream.
func streamInput(in *bedrockruntime.ConverseInput, g *Guardrail) *bedrockruntime.ConverseStreamInput {
	out := &bedrockruntime.ConverseStreamInput{
		ModelId:                           in.ModelId,
		AdditionalModelRequestFields:      in.AdditionalModelRequestFields,
		AdditionalModelResponseFieldPaths: in.AdditionalModelResponseFieldPaths,
		InferenceConfig:                   in.InferenceConfig,
		Messages:                          in.Messages,
		OutputConfig:                      in.OutputConfig,
		PerformanceConfig:                 in.PerformanceConfig,
		PromptVariables:                   in.PromptVariables,
		RequestMetadata:                   in.RequestMetadata,
		ServiceTier:                       in.ServiceTier,
		System:                            in.System,
		ToolConfig:                        in.ToolConfig,
	}
	if c := in.GuardrailConfig; c != nil {
		out.GuardrailConfig = &types.GuardrailStreamConfiguration{
			GuardrailIdentifier: c.GuardrailIdentifier, GuardrailVersion: c.GuardrailVersion, Trace: c.Trace,
		}
		if g != nil {
			out.GuardrailConfig.StreamProcessingMode = types.GuardrailStreamProcessingMode(g.StreamMode)
		}
	}
	return out
}

package bedrock

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// encoder turns a neutral request into a Converse request. It only reads the former.
type encoder struct {
	modelID  string
	profile  *Profile
	warnings []llm.Warning
	inlined  int      // bytes of inline media so far, in base64
	owner    string   // of the S3 buckets; "" is the caller
	at       location // what is being encoded
}

// location is the place of a part in the request, for warnings.
type location struct {
	list string // "system", "messages" or "tools"
	i, j int    // j is that of the part in a message
}

func (l location) String() string {
	if l.list == "messages" {
		return fmt.Sprintf("messages[%d].content[%d]", l.i, l.j)
	}
	return fmt.Sprintf("%s[%d]", l.list, l.i)
}

// encode returns the Converse request, and warnings about what it leaves out.
func (m *Model) encode(req *llm.Request, opts *RequestOptions) (*bedrockruntime.ConverseInput, []llm.Warning, error) {
	if err := req.Validate(); err != nil {
		return nil, nil, err
	}
	e := &encoder{modelID: m.modelID, profile: m.opts.Profile}
	if opts != nil {
		e.owner = opts.BucketOwner
	}
	in, err := e.input(req, opts)
	if err != nil {
		return nil, nil, err
	}
	if m.opts.ModifyInput != nil {
		m.opts.ModifyInput(in)
	}
	return in, e.warnings, nil
}

func (e *encoder) input(req *llm.Request, opts *RequestOptions) (*bedrockruntime.ConverseInput, error) {
	if len(req.Messages) == 0 && !isPrompt(e.modelID) {
		return nil, invalid("messages", "empty: add a user message")
	}
	in := &bedrockruntime.ConverseInput{ModelId: &e.modelID}
	var err error
	if in.System, err = e.system(req.System); err != nil {
		return nil, err
	}
	if in.Messages, err = e.messages(req.Messages); err != nil {
		return nil, err
	}
	if in.ToolConfig, err = e.tools(req); err != nil {
		return nil, err
	}
	if in.InferenceConfig, err = e.inference(req); err != nil {
		return nil, err
	}
	if in.OutputConfig, err = e.output(req.Output); err != nil {
		return nil, err
	}
	in.RequestMetadata = e.metadata(req.Metadata)
	if req.Reasoning != nil {
		e.warn(llm.WarningDropped, "reasoning", "the profile knows no way to ask this model: use RequestOptions.AdditionalFields")
	}
	if err := e.options(in, req, opts); err != nil {
		return nil, err
	}
	return in, nil
}

// isPrompt says whether the model id is the ARN of a stored prompt, which has
// messages of its own.
func isPrompt(modelID string) bool {
	return strings.HasPrefix(modelID, "arn:") && strings.Contains(modelID, ":prompt/")
}

func (e *encoder) system(parts []llm.Part) ([]types.SystemContentBlock, error) {
	var blocks []types.SystemContentBlock
	for i, p := range parts {
		e.at = location{list: "system", i: i}
		b, err := e.systemBlock(p)
		if err != nil {
			return nil, within(err, "%v", e.at)
		}
		if b != nil {
			blocks = append(blocks, b)
		} else {
			e.warnHere(llm.WarningDropped, "", whyDropped(p))
		}
	}
	return blocks, nil
}

// systemBlock encodes a part of the system prompt; nil means that it is not ours.
func (e *encoder) systemBlock(p llm.Part) (types.SystemContentBlock, error) {
	switch p := p.(type) {
	case *llm.TextPart:
		if blank(p.Text) {
			return nil, errBlank()
		}
		e.dropCitations(p)
		return &types.SystemContentBlockMemberText{Value: p.Text}, nil
	case *llm.CachePointPart:
		return &types.SystemContentBlockMemberCachePoint{Value: e.cachePoint(p)}, nil
	case *llm.ProviderPart:
		if p.Provider != Provider {
			return nil, nil
		}
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

func (e *encoder) messages(messages []llm.Message) ([]types.Message, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	out := make([]types.Message, 0, len(messages))
	for i, m := range messages {
		blocks := make([]types.ContentBlock, 0, len(m.Content))
		for j, p := range m.Content {
			e.at = location{"messages", i, j}
			before := len(blocks)
			var err error
			if blocks, err = e.appendBlocks(blocks, m.Role, p); err != nil {
				return nil, within(err, "%v", e.at)
			}
			if len(blocks) == before {
				e.warnHere(llm.WarningDropped, "", whyDropped(p))
			}
		}
		if len(blocks) == 0 {
			if m.Role == llm.RoleAssistant {
				e.warn(llm.WarningDropped, fmt.Sprintf("messages[%d]", i), "nothing in it can be sent to Bedrock")
				continue
			}
			return nil, within(invalid("", "nothing in it can be sent to Bedrock: leave the message out"), "messages[%d].content", i)
		}
		// The roles have the same names on both sides.
		out = append(out, types.Message{Role: types.ConversationRole(m.Role), Content: blocks})
	}
	if len(out) == 0 {
		return nil, invalid("messages", "nothing in them can be sent to Bedrock: add a user message")
	}
	return out, nil
}

func (e *encoder) inference(req *llm.Request) (*types.InferenceConfiguration, error) {
	c := types.InferenceConfiguration{StopSequences: slices.Clone(req.StopSequences)}
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

// Limits of requestMetadata.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
const (
	maxMetadata       = 16
	maxMetadataLength = 256
)

// metadata leaves out what Bedrock would refuse: a tag must not fail a call.
func (e *encoder) metadata(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		switch v := tags[k]; {
		case k == "" || !isMetadata(k) || !isMetadata(v):
			field := "metadata"
			if k != "" && isMetadata(k) {
				field += "." + k // the value is at fault
			}
			e.warn(llm.WarningDropped, field, "a tag with characters or a length that Bedrock does not take")
		case len(out) == maxMetadata:
			e.warn(llm.WarningDropped, "metadata", fmt.Sprintf("Bedrock takes %d tags at most; the first by key are sent", maxMetadata))
			return out
		default:
			out[k] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func isMetadata(s string) bool {
	return len(s) <= maxMetadataLength && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" \t\n\r\f\v:_@$#=/+,-.", r))
	})
}

// options applies what only Bedrock understands.
func (e *encoder) options(in *bedrockruntime.ConverseInput, req *llm.Request, o *RequestOptions) error {
	fields, err := e.additionalFields(req, o)
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

// warn notes that something was not honoured as asked.
func (e *encoder) warn(code llm.WarningCode, field, message string) {
	e.warnings = append(e.warnings, llm.Warning{Code: code, Field: field, Message: message})
}

// warnHere is warn about the part at hand, or its field of that name.
func (e *encoder) warnHere(code llm.WarningCode, field, message string) {
	path := e.at.String()
	if field != "" {
		path += "." + field
	}
	e.warn(code, path, message)
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

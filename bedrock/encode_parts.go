package bedrock

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// appendBlocks encodes a part as the blocks it becomes. None means that the part
// cannot be sent to this model and may be left out: see whyDropped.
func (e *encoder) appendBlocks(blocks []types.ContentBlock, role llm.Role, p llm.Part) ([]types.ContentBlock, error) {
	var block types.ContentBlock
	var err error
	switch p := p.(type) {
	case *llm.TextPart:
		if blank(p.Text) {
			if role == llm.RoleAssistant {
				return blocks, nil // models say nothing at times, and it must not end the conversation
			}
			return nil, errBlank()
		}
		if len(p.Citations) > 0 && role == llm.RoleAssistant && ours(p.Opaque) {
			block = e.citationsBlock(p)
			break
		}
		e.dropCitations(p)
		block = &types.ContentBlockMemberText{Value: p.Text}
	case *llm.MediaPart:
		block, err = e.media(p)
		if f, ok := err.(*fault); ok && f.code == llm.ErrUnsupported && role == llm.RoleAssistant {
			return blocks, nil // the model's own must not end the conversation
		}
	case *llm.DocumentPart:
		var doc types.DocumentBlock
		doc, err = e.document(p)
		block = &types.ContentBlockMemberDocument{Value: doc}
	case *llm.ToolCallPart:
		block, err = e.toolUse(p)
	case *llm.ToolResultPart:
		var result types.ToolResultBlock
		result, err = e.toolResult(p)
		block = &types.ContentBlockMemberToolResult{Value: result}
	case *llm.ReasoningPart:
		return e.appendReasoning(blocks, p), nil
	case *llm.CachePointPart:
		block = &types.ContentBlockMemberCachePoint{Value: e.cachePoint(p)}
	case *llm.ProviderPart:
		if p.Provider != Provider {
			return blocks, nil
		}
		block, err = providerBlock(p)
		if err != nil && role == llm.RoleAssistant {
			return blocks, nil // likewise
		}
	default:
		err = unsupported("", "a %T is unknown to this version of Parley", p)
	}
	if err != nil {
		return nil, err
	}
	return append(blocks, block), nil
}

func (e *encoder) dropCitations(p *llm.TextPart) {
	if len(p.Citations) > 0 {
		e.warnHere(llm.WarningDropped, "citations", "Bedrock takes back only its own, on the model's text")
	}
}

// ours says whether a part may carry what Bedrock attached: it came from Bedrock,
// or from the application.
func ours(o *llm.Opaque) bool { return o == nil || o.Provider == Provider }

// whyDropped explains a part that became no block.
func whyDropped(p llm.Part) string {
	switch p := p.(type) {
	case *llm.ReasoningPart:
		if ours(p.Opaque) {
			return "reasoning without a signature: most models refuse it"
		}
		return "reasoning of another provider"
	case *llm.TextPart:
		return "blank text, which Bedrock refuses"
	case *llm.MediaPart:
		return "media of a type or from a source that Bedrock does not take"
	case *llm.ProviderPart:
		switch p.Provider {
		case "":
			return "a kind of part that this version of Parley does not know"
		case Provider:
			return "a block that this version of the AWS SDK does not know"
		}
	}
	return "it belongs to another provider"
}

// appendReasoning encodes reasoning that this provider made and that the model
// will take back.
func (e *encoder) appendReasoning(blocks []types.ContentBlock, p *llm.ReasoningPart) []types.ContentBlock {
	if !ours(p.Opaque) {
		return blocks
	}
	if p.Signature != "" || p.Text != "" && e.profile.UnsignedReasoning {
		text := types.ReasoningTextBlock{Text: &p.Text}
		if p.Signature != "" {
			text.Signature = &p.Signature
		}
		blocks = append(blocks, &types.ContentBlockMemberReasoningContent{
			Value: &types.ReasoningContentBlockMemberReasoningText{Value: text}})
	}
	if len(p.Redacted) > 0 {
		blocks = append(blocks, &types.ContentBlockMemberReasoningContent{
			Value: &types.ReasoningContentBlockMemberRedactedContent{Value: p.Redacted}})
	}
	return blocks
}

func (e *encoder) toolUse(p *llm.ToolCallPart) (types.ContentBlock, error) {
	input, err := canonical(p.Input)
	switch {
	case p.Malformed != "":
		// Bedrock takes an object only. The model sees what it wrote.
		input, err = json.Marshal(map[string]string{"malformed_input": p.Malformed})
		e.warnHere(llm.WarningRepaired, "malformed", "arguments that are no JSON object are sent as text within one")
	case len(input) == 0:
		input = json.RawMessage("{}")
	}
	if err != nil {
		return nil, invalid("input", "not valid JSON")
	}
	return &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{
		ToolUseId: &p.ID, Name: &p.Name, Input: &rawDocument{text: input},
	}}, nil
}

func (e *encoder) toolResult(p *llm.ToolResultPart) (types.ToolResultBlock, error) {
	block := types.ToolResultBlock{ToolUseId: &p.CallID, Content: make([]types.ToolResultContentBlock, 0, len(p.Content))}
	if p.IsError {
		// Only where it says something: some models refuse the field.
		block.Status = types.ToolResultStatusError
	}
	for i, part := range p.Content {
		content, err := e.toolResultContent(part)
		if err != nil {
			return block, within(err, "content[%d]", i)
		}
		if content == nil {
			e.warnHere(llm.WarningDropped, fmt.Sprintf("content[%d]", i), whyDropped(part))
			continue
		}
		block.Content = append(block.Content, content)
	}
	return block, nil
}

// toolResultContent encodes a part of a tool's result; nil means that it may be left
// out: see whyDropped.
func (e *encoder) toolResultContent(p llm.Part) (types.ToolResultContentBlock, error) {
	switch p := p.(type) {
	case *llm.TextPart:
		if blank(p.Text) {
			return nil, nil // of a tool that printed nothing
		}
		e.dropCitations(p)
		return &types.ToolResultContentBlockMemberText{Value: p.Text}, nil
	case *llm.DocumentPart:
		doc, err := e.document(p)
		return &types.ToolResultContentBlockMemberDocument{Value: doc}, err
	case *llm.MediaPart:
		block, err := e.media(p)
		switch block := block.(type) {
		case *types.ContentBlockMemberImage:
			return &types.ToolResultContentBlockMemberImage{Value: block.Value}, err
		case *types.ContentBlockMemberVideo:
			return &types.ToolResultContentBlockMemberVideo{Value: block.Value}, err
		}
		if err != nil {
			return nil, err
		}
	case *llm.ProviderPart:
		if p.Provider == Provider {
			return providerResultContent(p)
		}
	}
	return nil, unsupported("", "a %T cannot stand in a tool result of Bedrock", p)
}

// cachePoint encodes a cache point. A lifetime that Bedrock does not have becomes
// its default of five minutes, with a warning.
func (e *encoder) cachePoint(p *llm.CachePointPart) types.CachePointBlock {
	block := types.CachePointBlock{Type: types.CachePointTypeDefault}
	switch p.TTL {
	case 0:
	case 5 * time.Minute:
		block.Ttl = types.CacheTTLFiveMinutes
	case time.Hour:
		block.Ttl = types.CacheTTLOneHour
	default:
		e.warnHere(llm.WarningClamped, "ttl", fmt.Sprintf("%v: Bedrock knows 5m and 1h; its default is used", p.TTL))
	}
	return block
}

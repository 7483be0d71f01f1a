package bedrock

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
)

// appendBlocks encodes a part as the blocks it becomes.
func (e *encoder) appendBlocks(blocks []types.ContentBlock, p llm.Part) ([]types.ContentBlock, error) {
	var block types.ContentBlock
	var err error
	switch p := p.(type) {
	case *llm.TextPart:
		if len(p.Citations) > 0 {
			block, err = citationsBlock(p)
			break
		}
		block = &types.ContentBlockMemberText{Value: p.Text}
	case *llm.MediaPart:
		block, err = e.media(p)
	case *llm.DocumentPart:
		var doc types.DocumentBlock
		doc, err = e.document(p)
		block = &types.ContentBlockMemberDocument{Value: doc}
	case *llm.ToolCallPart:
		block, err = toolUse(p)
	case *llm.ToolResultPart:
		var result types.ToolResultBlock
		result, err = e.toolResult(p)
		block = &types.ContentBlockMemberToolResult{Value: result}
	case *llm.ReasoningPart:
		return appendReasoning(blocks, p), nil
	case *llm.CachePointPart:
		block = &types.ContentBlockMemberCachePoint{Value: cachePoint(p)}
	case *llm.ProviderPart:
		block, err = providerBlock(p)
	default:
		err = unsupported("", "a %T is unknown to this version of Parley", p)
	}
	if err != nil {
		return nil, err
	}
	return append(blocks, block), nil
}

// ours says whether a part may carry what Bedrock attached: it came from Bedrock,
// or from the application.
func ours(o *llm.Opaque) bool { return o == nil || o.Provider == Provider }

// appendReasoning encodes reasoning: what was said, and what was redacted.
func appendReasoning(blocks []types.ContentBlock, p *llm.ReasoningPart) []types.ContentBlock {
	if p.Signature != "" || p.Text != "" {
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

func toolUse(p *llm.ToolCallPart) (types.ContentBlock, error) {
	text, err := canonical(input(p))
	if err != nil {
		return nil, invalid("input", "not valid JSON")
	}
	return &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{
		ToolUseId: &p.ID, Name: &p.Name, Input: &rawDocument{text: text},
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
		block.Content = append(block.Content, content)
	}
	return block, nil
}

// toolResultContent encodes a part of a tool's result.
func (e *encoder) toolResultContent(p llm.Part) (types.ToolResultContentBlock, error) {
	switch p := p.(type) {
	case *llm.TextPart:
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
		return providerResultContent(p)
	}
	return nil, unsupported("", "a %T cannot stand in a tool result of Bedrock", p)
}

func cachePoint(p *llm.CachePointPart) types.CachePointBlock {
	block := types.CachePointBlock{Type: types.CachePointTypeDefault}
	switch p.TTL {
	case 5 * time.Minute:
		block.Ttl = types.CacheTTLFiveMinutes
	case time.Hour:
		block.Ttl = types.CacheTTLOneHour
	}
	return block
}

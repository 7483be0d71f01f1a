package bedrock

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/restjson1"

	"github.com/parley-sdk/parley/llm"
)

// decodeOutput reads a Converse answer into the SDK's type, with the SDK's own
// decoder. It is the one way from JSON to the SDK's unions.
func decodeOutput(body []byte) (*bedrockruntime.ConverseOutput, error) {
	op := smithy.NewOperationSchema(schemas.Converse, schemas.ConverseRequest, schemas.ConverseResponse)
	resp := &smithyhttp.Response{Response: &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}}
	out := &bedrockruntime.ConverseOutput{}
	protocol := restjson1.New(schemas.AmazonBedrockFrontendService)
	if err := protocol.DeserializeResponse(context.Background(), op, bedrockruntime.TypeRegistry, resp, out); err != nil {
		return nil, err
	}
	return out, nil
}

// nativeBlock reads one content block, given as {"kind": data}.
func nativeBlock(kind string, data json.RawMessage) (types.ContentBlock, error) {
	name, err := json.Marshal(kind)
	if err != nil {
		return nil, invalid("kind", "not a name")
	}
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	var body bytes.Buffer
	body.WriteString(`{"output":{"message":{"role":"user","content":[{`)
	body.Write(name)
	body.WriteByte(':')
	body.Write(data)
	body.WriteString(`}]}}}`)
	out, err := decodeOutput(body.Bytes())
	if err != nil {
		return nil, invalid("data", "not what Bedrock knows as a block of this kind")
	}
	if msg, ok := out.Output.(*types.ConverseOutputMemberMessage); ok && len(msg.Value.Content) == 1 {
		switch block := msg.Value.Content[0].(type) {
		case nil, *types.UnknownUnionMember:
		default:
			return block, nil
		}
	}
	// The SDK would leave it out without a word.
	return nil, unsupported("kind", "unknown to this version of the AWS SDK: upgrade it, or leave the part out")
}

// providerBlock encodes a block that only Bedrock knows.
func providerBlock(p *llm.ProviderPart) (types.ContentBlock, error) {
	return nativeBlock(p.Kind, p.Data)
}

// providerResultContent encodes such a block within a tool result.
func providerResultContent(p *llm.ProviderPart) (types.ToolResultContentBlock, error) {
	if p.Kind == "json" {
		text, err := canonical(p.Data)
		if err != nil || text[0] != '{' {
			return nil, invalid("data", "Bedrock takes a JSON object only")
		}
		return &types.ToolResultContentBlockMemberJson{Value: &rawDocument{text: text}}, nil
	}
	content, err := json.Marshal(map[string]any{"toolUseId": "x", "content": []any{map[string]any{p.Kind: p.Data}}})
	if err != nil {
		return nil, invalid("data", "not valid JSON")
	}
	block, err := nativeBlock("toolResult", content)
	if err != nil {
		return nil, err
	}
	if result, ok := block.(*types.ContentBlockMemberToolResult); ok && len(result.Value.Content) == 1 {
		switch content := result.Value.Content[0].(type) {
		case nil, *types.UnknownUnionMember:
		default:
			return content, nil
		}
	}
	return nil, unsupported("kind", "unknown to this version of the AWS SDK: upgrade it, or leave the part out")
}

package bedrock

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/restjson1"

	"github.com/parley-sdk/parley/llm"
)

// decodeOutput reads a Converse answer into the SDK's type, with the SDK's own
// decoder. It is the one way from JSON to the SDK's unions.
func decodeOutput(body []byte) (*bedrockruntime.ConverseOutput, error) {
	protocol, op := converseProtocol()
	out := &bedrockruntime.ConverseOutput{}
	if err := deserialize(protocol, op, body, out); err != nil {
		return nil, err
	}
	return out, nil
}

// deserialize reads the answer of an operation into the SDK's type for it.
func deserialize(protocol *restjson1.Protocol, op *smithy.OperationSchema, body []byte, out smithy.Deserializable) error {
	resp := &smithyhttp.Response{Response: &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}}
	return protocol.DeserializeResponse(context.Background(), op, bedrockruntime.TypeRegistry, resp, out)
}

// encodeBlock writes a content block as the SDK would send it.
func encodeBlock(block types.ContentBlock) ([]byte, error) {
	protocol, op := converseProtocol()
	in := &bedrockruntime.ConverseInput{ModelId: new("m"), Messages: []types.Message{{Content: []types.ContentBlock{block}}}}
	req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	if err := protocol.SerializeRequest(context.Background(), op, in, req); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.GetStream())
	doc, _ := parse(body)
	for message := range doc.get("messages").items() {
		for item := range message.get("content").items() {
			return item, err
		}
	}
	return nil, err
}

func converseProtocol() (*restjson1.Protocol, *smithy.OperationSchema) {
	return restjson1.New(schemas.AmazonBedrockFrontendService),
		smithy.NewOperationSchema(schemas.Converse, schemas.ConverseRequest, schemas.ConverseResponse)
}

// nativeBlock reads one content block, given as {"kind": data}. What the SDK does not
// know, a kind or a member of one, it would leave out without a word; here it is a
// fault.
func nativeBlock(kind string, data json.RawMessage) (types.ContentBlock, error) {
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	given, err := json.Marshal(map[string]json.RawMessage{kind: data})
	if err != nil {
		return nil, invalid("data", "not valid JSON")
	}
	out, err := decodeOutput([]byte(`{"output":{"message":{"role":"user","content":[` + string(given) + `]}}}`))
	if err != nil {
		return nil, invalid("data", "not what Bedrock knows as a block of this kind")
	}
	unknown := unsupported("kind", "unknown to this version of the AWS SDK: upgrade it, or leave the part out")
	msg, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok || len(msg.Value.Content) != 1 {
		return nil, unknown
	}
	block := msg.Value.Content[0]
	switch block.(type) {
	case nil, *types.UnknownUnionMember:
		return nil, unknown
	}
	if sent, err := encodeBlock(block); err != nil || !sameJSON(sent, given) {
		return nil, unsupported("data", "holds something that this version of the AWS SDK does not know: upgrade it, or leave the part out")
	}
	if err := checkBlock(block); err != nil {
		return nil, invalid("data", "lacks what the AWS SDK requires")
	}
	return block, nil
}

// checker is a client whose calls end after the SDK's own check of their input.
var checker = sync.OnceValue(func() *bedrockruntime.Client {
	end := middleware.InitializeMiddlewareFunc("End", func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return middleware.InitializeOutput{Result: &bedrockruntime.ConverseOutput{}}, middleware.Metadata{}, nil
	})
	return bedrockruntime.New(bedrockruntime.Options{APIOptions: []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Initialize.Add(end, middleware.After) },
	}})
})

// checkBlock says whether the SDK would send a block.
func checkBlock(block types.ContentBlock) error {
	_, err := checker().Converse(context.Background(), &bedrockruntime.ConverseInput{ModelId: new("m"),
		Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{block}}}})
	return err
}

// sameJSON compares two documents, whatever the order of their members.
func sameJSON(a, b []byte) bool {
	var x, y any
	for doc, v := range map[*any][]byte{&x: a, &y: b} {
		d := json.NewDecoder(bytes.NewReader(v))
		d.UseNumber()
		if d.Decode(doc) != nil {
			return false
		}
	}
	return reflect.DeepEqual(x, y)
}

// providerBlock encodes a block that only Bedrock knows.
func providerBlock(p *llm.ProviderPart) (types.ContentBlock, error) {
	if p.Kind == resultJSON {
		return nil, unsupported("kind", "JSON stands in a tool result of Bedrock only")
	}
	return nativeBlock(p.Kind, p.Data)
}

// providerResultContent encodes such a block within a tool result.
func providerResultContent(p *llm.ProviderPart) (types.ToolResultContentBlock, error) {
	if p.Kind == resultJSON {
		text, err := canonical(p.Data)
		if err != nil || len(text) == 0 || text[0] != '{' {
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
	result, ok := block.(*types.ContentBlockMemberToolResult)
	if !ok || len(result.Value.Content) != 1 {
		return nil, unsupported("kind", "not a block that a tool result holds")
	}
	return result.Value.Content[0], nil
}

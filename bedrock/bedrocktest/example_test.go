package bedrocktest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// parrot is a model that repeats what it was told last.
type parrot struct{}

func (parrot) Info() llm.Info { return llm.Info{Provider: "example", Model: "parrot"} }

func (parrot) Generate(_ context.Context, req *llm.Request) (*llm.Response, error) {
	last := req.Messages[len(req.Messages)-1].Content[0].(*llm.TextPart)
	return &llm.Response{
		Message:    llm.AssistantText(last.Text),
		StopReason: llm.StopEndTurn,
		Usage:      llm.Usage{InputTokens: 4, OutputTokens: 4},
	}, nil
}

func (p parrot) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	resp, _ := p.Generate(ctx, req)
	return resp.Events()
}

var question = []types.Message{{
	Role:    types.ConversationRoleUser,
	Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "Pieces of eight!"}},
}}

func ExampleNewServer() {
	server := bedrocktest.NewServer(parrot{}, nil)
	defer server.Close()

	out, err := server.Client().Converse(context.Background(), &bedrockruntime.ConverseInput{
		ModelId:  aws.String("anthropic.claude-sonnet-4-5-20250929-v1:0"),
		Messages: question,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := out.Output.(*types.ConverseOutputMemberMessage).Value
	fmt.Println(answer.Content[0].(*types.ContentBlockMemberText).Value)
	fmt.Println(out.StopReason, *out.Usage.TotalTokens)
	// Output:
	// Pieces of eight!
	// end_turn 8
}

// Code that makes its own client from an aws.Config gets the server's address by it.
func ExampleServer_Config() {
	server := bedrocktest.NewServer(parrot{}, nil)
	defer server.Close()

	model := bedrock.NewFromConfig(server.Config(), "amazon.nova-lite-v1:0", nil)
	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Pieces of eight!")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	// Output: Pieces of eight!
}

func ExampleServer_Requests() {
	server := bedrocktest.NewServer(parrot{}, nil)
	defer server.Close()

	_, err := server.Client().Converse(context.Background(), &bedrockruntime.ConverseInput{
		ModelId:         aws.String("amazon.nova-lite-v1:0"),
		Messages:        question,
		InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(100)},
		ServiceTier:     &types.ServiceTier{Type: types.ServiceTierTypeFlex},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	req := server.Requests()[0]
	fmt.Println(req.Messages[0].Role, req.MaxTokens)
	wire := server.Exchanges()[0]
	fmt.Println(wire.Op, wire.ModelID)
	fmt.Printf("%s\n", wire.Body)
	// Output:
	// user 100
	// Converse amazon.nova-lite-v1:0
	// {"inferenceConfig":{"maxTokens":100},"messages":[{"content":[{"text":"Pieces of eight!"}],"role":"user"}],"serviceTier":{"type":"flex"}}
}

// The first request is throttled, and the answer to the second is cut after three
// events: messageStart, a delta and the end of its block.
func ExampleFaults() {
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{
		Fault: bedrocktest.Faults(
			&bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: time.Second},
			&bedrocktest.Fault{CutAfter: new(3)},
		),
	})
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Pieces of eight!")}}
	for range 3 {
		resp, err := llm.Collect(model.Stream(context.Background(), req))
		fmt.Printf("%q %s\n", resp.Text(), llm.CodeOf(err))
	}
	// Output:
	// "" rate limited
	// "Pieces of eight!" incomplete
	// "Pieces of eight!"
}

// One model is always overloaded, and the other fails once: what a fallback is
// tested with.
func ExamplePlan() {
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{
		Fault: bedrocktest.Plan(
			bedrocktest.Rule{ModelID: "amazon.nova-pro-v1:0", Then: &bedrocktest.Fault{Type: "ServiceUnavailableException"}},
			bedrocktest.Rule{Op: "ConverseStream", Faults: []*bedrocktest.Fault{{Exception: "ModelStreamErrorException", After: 2}}},
		),
	})
	defer server.Close()

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Pieces of eight!")}}
	for _, id := range []string{"amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0"} {
		_, err := llm.Collect(bedrock.New(server.Client(), id, nil).Stream(context.Background(), req))
		fmt.Println(id, cmp.Or(llm.CodeOf(err), "answered"))
	}
	// Output:
	// amazon.nova-pro-v1:0 overloaded
	// amazon.nova-lite-v1:0 internal
	// amazon.nova-pro-v1:0 overloaded
	// amazon.nova-lite-v1:0 answered
}

// What the code under test has sent.
func ExampleServer_AssertRequests() {
	t := printing{} // in a test: its *testing.T
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{
		Fault: bedrocktest.Faults(&bedrocktest.Fault{Type: "ThrottlingException"}),
	})
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	ctx, req := context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Pieces of eight!")}, MaxTokens: 100}
	if _, err := model.Generate(ctx, req); llm.IsRetryable(err) {
		_, err = model.Generate(ctx, req)
		fmt.Println("the second attempt:", err)
	}
	server.AssertRequests(t, "Converse amazon.nova-lite-v1:0", "Converse amazon.nova-lite-v1:0")
	fmt.Println(server.Last(t).MaxTokens)
	server.AssertRequests(t, "ConverseStream")
	// Output:
	// the second attempt: <nil>
	// 100
	// bedrocktest: request 1 is Converse amazon.nova-lite-v1:0, want ConverseStream
	// received:
	//   Converse amazon.nova-lite-v1:0 (429)
	//   Converse amazon.nova-lite-v1:0 (200)
}

// printing stands for a test.
type printing struct{}

func (printing) Helper()                           {}
func (printing) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// The wire as a text, to read or to keep as a golden file.
func ExampleExchange_String() {
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{Fault: bedrocktest.Faults(&bedrocktest.Fault{CutAfter: new(2)})})
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Pieces of eight!")}, MaxTokens: 100}
	_, err := llm.Collect(model.Stream(context.Background(), req))
	fmt.Println(llm.CodeOf(err))

	fmt.Print(server.Exchanges()[0])
	// Output:
	// incomplete
	// # 0 ConverseStream amazon.nova-lite-v1:0
	// > POST /model/amazon.nova-lite-v1%3A0/converse-stream HTTP/1.1
	// > Accept-Encoding: identity
	// > Amz-Sdk-Request: attempt=1; max=1
	// > Authorization: redacted
	// > Content-Length: 106
	// > Content-Type: application/json
	// {
	//   "inferenceConfig": {
	//     "maxTokens": 100
	//   },
	//   "messages": [
	//     {
	//       "content": [
	//         {
	//           "text": "Pieces of eight!"
	//         }
	//       ],
	//       "role": "user"
	//     }
	//   ]
	// }
	// < 200 OK
	// < Content-Type: application/vnd.amazon.eventstream
	// event messageStart {"role":"assistant"}
	// event contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Pieces of eight!"}}
	// < broken off
}

// Whatever the request calls the model, it is one that takes no temperature.
func ExampleOptions_profile() {
	profile := bedrock.ProfileFor("anthropic.claude-opus-4-8")
	profile.Sampling = bedrock.SamplingNone
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{Profile: profile})
	defer server.Close()

	_, err := server.Client().Converse(context.Background(), &bedrockruntime.ConverseInput{
		ModelId:         aws.String("my.model"),
		Messages:        question,
		InferenceConfig: &types.InferenceConfiguration{Temperature: aws.Float32(0.5)},
	})
	if refused, ok := errors.AsType[*types.ValidationException](err); ok {
		fmt.Println(refused.ErrorMessage())
	}
	// Output: The model returned the following errors: `temperature` is deprecated for this model.
}

package bedrocktest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

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
	wire := server.Wire()[0]
	fmt.Println(wire.Op, wire.ModelID)
	fmt.Printf("%s\n", wire.Body)
	// Output:
	// user 100
	// Converse amazon.nova-lite-v1:0
	// {"inferenceConfig":{"maxTokens":100},"messages":[{"content":[{"text":"Pieces of eight!"}],"role":"user"}],"serviceTier":{"type":"flex"}}
}

// The first request is throttled, and the answer to the second breaks off.
func ExampleFault() {
	server := bedrocktest.NewServer(parrot{}, &bedrocktest.Options{
		Fault: func(n int, r *http.Request) *bedrocktest.Fault {
			switch n {
			case 0:
				return &bedrocktest.Fault{Type: "ThrottlingException"}
			case 1:
				return &bedrocktest.Fault{Exception: "ModelStreamErrorException", After: 2, Message: "The model broke off."}
			}
			return nil
		},
	})
	defer server.Close()

	for range 3 {
		out, err := server.Client().ConverseStream(context.Background(), &bedrockruntime.ConverseStreamInput{
			ModelId:  aws.String("amazon.nova-lite-v1:0"),
			Messages: question,
		})
		if throttled, ok := errors.AsType[*types.ThrottlingException](err); ok {
			fmt.Println("not answered:", throttled.ErrorMessage())
			continue
		}
		stream := out.GetStream()
		for ev := range stream.Events() {
			if d, ok := ev.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
				fmt.Println(d.Value.Delta.(*types.ContentBlockDeltaMemberText).Value)
			}
		}
		fmt.Println("ended:", stream.Err())
		stream.Close()
	}
	// Output:
	// not answered: Too many requests, please wait before trying again.
	// Pieces of eight!
	// ended: ModelStreamErrorException: The model broke off.
	// Pieces of eight!
	// ended: <nil>
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

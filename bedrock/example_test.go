package bedrock_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// Credentials and region come from the usual AWS configuration.
func ExampleNewFromConfig() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	model := bedrock.NewFromConfig(cfg, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)

	resp, err := model.Generate(ctx, &llm.Request{
		Messages:  []llm.Message{llm.UserText("How are you today?")},
		MaxTokens: 200,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Text())
	fmt.Println(resp.StopReason, resp.Usage.TotalTokens(), "tokens")
}

// In a test the same code talks to a local server through the real AWS client.
func ExampleNew() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Quite well.")), nil)
	defer server.Close()

	model := bedrock.New(server.Client(), "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	resp, err := model.Generate(context.Background(), &llm.Request{
		Messages: []llm.Message{llm.UserText("How are you today?")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), resp.StopReason, resp.Provider)
	// Output: Quite well. end_turn aws.bedrock
}

func ExampleModel_Stream() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Quite well, thank you.").Chunk(8)), nil)
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("How are you today?")}}
	for text, err := range llm.TextStream(model.Stream(context.Background(), req)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("[%s]", text)
	}
	// Output: [Quite we][ll, than][k you.]
}

// What only Bedrock understands travels in the request's options.
func ExampleRequestOptions() {
	server := bedrocktest.NewServer(fake.New(fake.Text("I cannot help with that.")), nil)
	defer server.Close()

	req := &llm.Request{Messages: []llm.Message{llm.User(llm.Text("Check this:"), bedrock.GuardText("text to be checked"))}}
	req.SetOptions(&bedrock.RequestOptions{
		Guardrail:   &bedrock.Guardrail{ID: "gr-1", Version: "1", Trace: "enabled"},
		ServiceTier: "flex",
	})
	resp, err := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil).Generate(context.Background(), req)
	if err != nil {
		fmt.Println(err)
		return
	}
	details, ok := bedrock.Details(resp)
	fmt.Println(resp.Text(), ok, details.Guardrail == nil)
	fmt.Println(string(server.Exchanges()[0].Body))
	// Output:
	// I cannot help with that. true true
	// {"guardrailConfig":{"guardrailIdentifier":"gr-1","guardrailVersion":"1","trace":"enabled"},"messages":[{"content":[{"text":"Check this:"},{"guardContent":{"text":{"text":"text to be checked"}}}],"role":"user"}],"serviceTier":{"type":"flex"}}
}

func ExampleOutput() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Quite well.")), nil)
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How are you?")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, ok := bedrock.Output(resp) // the AWS SDK's own type
	fmt.Println(ok, out.StopReason == types.StopReasonEndTurn)
	// Output: true true
}

// Failures are typed, and the AWS exception is their cause.
func ExampleModel_Generate() {
	server := bedrocktest.NewServer(fake.New(fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Message: "Too many requests, please wait before trying again.", RetryAfter: 2 * time.Second})), nil)
	defer server.Close()

	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
	_, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How are you?")}})
	wait, _ := llm.RetryAfter(err)
	fmt.Println(llm.CodeOf(err), llm.IsRetryable(err), wait, isA[*types.ThrottlingException](err))
	// Output: rate limited true 2s true
}

// What Bedrock refuses differs by family.
func ExampleProfileFor() {
	fmt.Println(bedrock.ProfileFor("us.anthropic.claude-opus-5-5"))
	// Output:
	// claude-opus-5.5
	// Verified: 2026-09-23
	// NoVideo: true
	// NoAudio: true
	// LeadingAssistant: true
	// StreamTools: true
	// ToolResultStatus: true
	// EmptyToolResult: true
	// ToolResultImages: true
	// ToolResultDocuments: true
	// BesideToolResult: text
	// Reasoning: adaptive
	// AlwaysReasons: true
	// Efforts: low medium high xhigh max
	// Sampling: none
	// MaxStopSequences: 4
	// ContextTokens: 1000000
	// MaxOutputTokens: 128000
	// CacheSystem: true
	// CacheMessages: true
	// CacheTools: true
	// CacheBesideTools: true
	// NoCountTokens: true
	// ProfileOnly: true
}

// An ARN that hides its model is told what it runs, and what its owner knows better.
func ExampleProfileFor_arn() {
	server := bedrocktest.NewServer(fake.New(fake.Text("Ahoy!")), nil)
	defer server.Close()

	profile := bedrock.ProfileFor("anthropic.claude-sonnet-4-5-20250929-v1:0")
	profile.MaxOutputTokens = 8000
	arn := "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef123456"
	model := bedrock.New(server.Client(), arn, &bedrock.Options{Profile: profile})

	resp, err := model.Generate(context.Background(), &llm.Request{
		Messages:  []llm.Message{llm.UserText("Greet me like a pirate."), llm.UserText("Please.")},
		MaxTokens: 10_000,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	for _, w := range resp.Warnings {
		fmt.Println(w.Field, w.Message)
	}
	// Output:
	// Ahoy!
	// messages[1] alternation (P01): it joins the message before it, which has the same role
	// max_tokens max tokens (P43): lowered to 8000, the most that the model makes
}

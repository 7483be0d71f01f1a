package bedrock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/llm"
)

// answerWith returns an AWS client whose every call has the same answer.
func answerWith(answer string) (client *bedrockruntime.Client, done func()) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	transport := &http.Transport{}
	client = bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	})
	return client, func() {
		transport.CloseIdleConnections()
		s.Close()
	}
}

// A guardrail can judge what a user wrote before any model sees it.
func ExampleGuardrailClient_Apply() {
	client, done := answerWith(`{"action":"GUARDRAIL_INTERVENED","outputs":[{"text":"I cannot help with investments."}],
		"assessments":[{"topicPolicy":{"topics":[{"name":"investments","type":"DENY","action":"BLOCKED"}]}}],"usage":{"topicPolicyUnits":1}}`)
	defer done()

	guardrail := bedrock.NewGuardrailClient(client, "gr1abc", "1", nil)
	result, err := guardrail.Apply(context.Background(), types.GuardrailContentSourceInput, llm.Text("Which shares should I buy?"))
	if err != nil {
		fmt.Println(err) // no verdict: do not go on as if all were well
		return
	}
	if result.Verdict.Intervened {
		fmt.Println(result.Outputs[0])
	}
	for _, f := range result.Verdict.Findings {
		fmt.Println(f.Source, f.Policy, f.Name, f.Action)
	}
	// Output:
	// I cannot help with investments.
	// INPUT topic investments BLOCKED
}

func ExampleDetails() {
	client, done := answerWith(`{"output":{"message":{"role":"assistant","content":[{"text":"one, two, "}]}},"stopReason":"stop_sequence",
		"usage":{"inputTokens":9,"outputTokens":5,"totalTokens":14},"additionalModelResponseFields":{"stop_sequence":"three"},
		"serviceTier":{"type":"flex"},"trace":{"promptRouter":{"invokedModelId":"amazon.nova-lite-v1:0"},"guardrail":{"inputAssessment":{"gr1abc":{}}}}}`)
	defer done()

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Count.")}, StopSequences: []string{"three", "ten"}}
	req.SetOptions(&bedrock.RequestOptions{ServiceTier: "flex", ResponseFieldPaths: []string{"/stop_sequence", "/delta/stop_sequence"}})
	resp, err := bedrock.New(client, "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/nova", nil).Generate(context.Background(), req)
	if err != nil {
		fmt.Println(err)
		return
	}
	details, _ := bedrock.Details(resp)
	fmt.Println(details.StopSequence, details.ServiceTier, details.InvokedModel, details.Verdict.Intervened)
	// Output: three flex amazon.nova-lite-v1:0 false
}

// Hits of the application's own search, which the model cites.
func ExampleSearchResult() {
	client, done := answerWith(`{"output":{"message":{"role":"assistant","content":[{"citationsContent":{"content":[{"text":"Ten days."}],
		"citations":[{"title":"Returns","location":{"searchResultLocation":{"searchResultIndex":0,"start":0,"end":1}}}]}}]}},
		"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":5,"totalTokens":14}}`)
	defer done()

	resp, err := bedrock.New(client, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil).Generate(context.Background(), &llm.Request{
		Messages: []llm.Message{llm.User(
			bedrock.SearchResult("https://example.com/returns", "Returns", true, "Goods can be returned for ten days."),
			llm.Text("How long can I return goods?"),
		)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := resp.Message.Content[0].(*llm.TextPart)
	location, ok := bedrock.CitationLocation(text.Citations[0])
	fmt.Printf("%s [%s] %T %v\n", text.Text, text.Citations[0].Title, location, ok)
	// Output: Ten days. [Returns] *types.CitationLocationMemberSearchResultLocation true
}

// A part that only Bedrock knows is plain data, and is stored like any other.
func ExampleToolAddition() {
	b, _ := json.Marshal(llm.System(bedrock.ToolAddition("refund")))
	fmt.Println(string(b))
	// Output: {"role":"system","content":[{"type":"provider","provider":"aws.bedrock","kind":"toolAddition","data":{"tool":{"name":"refund"}}}]}
}

package fallback_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/fallback"
)

// An inference profile of one geography, and the global one where that is throttled.
func ExampleNew() {
	server := bedrocktest.NewServer(fake.New(fake.Text("It is 4 degrees.")), &bedrocktest.Options{
		Fault: func(_ int, r *http.Request) *bedrocktest.Fault {
			if strings.Contains(r.URL.Path, "/us.") {
				return &bedrocktest.Fault{Type: "ThrottlingException"}
			}
			return nil
		},
	})
	defer server.Close()
	client := server.Client()

	us := bedrock.New(client, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	global := bedrock.New(client, "global.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
	model := fallback.New(us, global)

	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How cold is it?")}, MaxTokens: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	fmt.Println(resp.Model)
	fmt.Println(resp.Warnings[0])
	// Output:
	// It is 4 degrees.
	// global.anthropic.claude-sonnet-4-5-20250929-v1:0
	// model downgraded: answered by aws.bedrock global.anthropic.claude-sonnet-4-5-20250929-v1:0, since aws.bedrock us.anthropic.claude-sonnet-4-5-20250929-v1:0 failed: rate limited
}

// A model that declines is not the last word.
func ExampleNewWithOptions() {
	first := fake.New(fake.Text("I cannot help with that.").StopWith(llm.StopRefusal)).WithInfo(llm.Info{Provider: "acme", Model: "strict"})
	second := fake.New(fake.Text("Mix one part of vinegar with two of water.")).WithInfo(llm.Info{Provider: "acme", Model: "open"})

	model := fallback.NewWithOptions(&fallback.Options{
		OnResponse: func(r *llm.Response) bool { return r.StopReason == llm.StopRefusal },
	}, first, second)

	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How do I clean my kettle?")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	fmt.Println(resp.Warnings[0])
	// Output:
	// Mix one part of vinegar with two of water.
	// model downgraded: answered by acme open, since the answer of acme strict would not do
}

// A model that is not there is a reason too, and a full quota is none.
func ExampleEligible() {
	opts := &fallback.Options{On: func(err error) bool {
		switch llm.CodeOf(err) {
		case llm.ErrNotFound:
			return true
		case llm.ErrQuotaExhausted:
			return false
		}
		return fallback.Eligible(err)
	}}
	fmt.Println(opts.On(llm.ErrNotFound), opts.On(llm.ErrQuotaExhausted), opts.On(llm.ErrOverloaded))
	// Output: true false true
}

package usage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/usage"
)

// scriptedSonnet is a model that answers from a script, at the price of a real one.
func scriptedSonnet(turns ...fake.Turn) llm.Model {
	return fake.New(turns...).WithInfo(llm.Info{Provider: "aws.bedrock", Model: "us.anthropic.claude-sonnet-4-6"})
}

// answers is so many answers of 1,000 tokens of input and 500 of output, for 0.01155 dollars each.
func answers(n int) (turns []fake.Turn) {
	for range n {
		turns = append(turns, fake.Text("Hello.").WithUsage(llm.Usage{InputTokens: 1000, OutputTokens: 500}))
	}
	return turns
}

func ExampleNew() {
	ledger := usage.NewLedger(nil)
	model := llm.Wrap(scriptedSonnet(answers(3)...), usage.New(ledger))

	for _, tenant := range []string{"acme", "globex", "acme"} {
		ctx := usage.WithTags(context.Background(), map[string]string{"tenant": tenant})
		if _, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}}); err != nil {
			fmt.Println(err)
		}
	}

	total := ledger.Total()
	fmt.Println(total.Calls, "calls,", total.Usage.TotalTokens(), "tokens,", total.Cost, "USD")
	for _, row := range ledger.By("tenant") {
		fmt.Println(row.Key, row.Calls, row.Cost)
	}
	// Output:
	// 3 calls, 4500 tokens, 0.03465 USD
	// acme 2 0.0231
	// globex 1 0.01155
}

// Inside of a retry, each attempt is booked that reached the provider. A stream that is left
// midway is an estimate, and summed apart.
func ExampleSummary() {
	ledger := usage.NewLedger(nil)
	turns := append([]fake.Turn{fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Status: 429})}, answers(2)...)
	model := llm.Wrap(scriptedSonnet(turns...), retry.New(&retry.Options{BaseDelay: time.Millisecond}), usage.New(ledger))
	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello to everybody.")}}

	_, err := model.Generate(context.Background(), ask)
	for ev := range model.Stream(context.Background(), ask) {
		if _, ok := ev.(*llm.TextDelta); ok {
			break
		}
	}
	total := ledger.Total()
	fmt.Println(err, total.Calls, "calls,", total.Errors, "failed")
	fmt.Println("reported: ", total.Reported.Calls, total.Reported.Usage.InputTokens, total.Reported.Cost)
	fmt.Println("estimated:", total.Estimated.Calls, total.Estimated.Usage.InputTokens, total.Estimated.Cost)
	// Output:
	// <nil> 3 calls, 1 failed
	// reported:  2 1000 0.01155
	// estimated: 1 6 0.0000528
}

func ExampleBudget() {
	ledger := usage.NewLedger(&usage.Options{Budgets: []usage.Budget{
		{Name: "acme", Tags: map[string]string{"tenant": "acme"}, Limit: usage.MustUSD("0.03")},
		{Name: "everybody, a day", Limit: usage.MustUSD("100"), Period: 24 * time.Hour},
	}})
	model := llm.Wrap(scriptedSonnet(answers(3)...), usage.New(ledger))
	ctx := usage.WithTags(context.Background(), map[string]string{"tenant": "acme"})
	ask := &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}, MaxTokens: 500}
	for range 3 {
		_, err := model.Generate(ctx, ask)
		fmt.Println(err)
		if cause, ok := errors.AsType[*usage.BudgetError](err); ok {
			fmt.Println(cause.Name, cause.Left, cause.Need)
		}
	}
	for _, b := range ledger.Budgets() {
		fmt.Println(b.Name, b.Spent, b.Left)
	}
	// Output:
	// <nil>
	// <nil>
	// aws.bedrock generate us.anthropic.claude-sonnet-4-6: budget exceeded: budget acme has 0.0069 of 0.03 USD left, and the call needs 0.0082896; raise the limit, or lower max_tokens
	// acme 0.0069 0.0082896
	// acme 0.0231 0.0069
	// everybody, a day 0.0231 99.9769
}

// A ledger in a file goes on where it was.
func ExampleOpenLedger() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 3 {
		ledger, err := usage.OpenLedger(filepath.Join(dir, "usage.jsonl"), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		model := llm.Wrap(scriptedSonnet(answers(1)...), usage.New(ledger))
		if _, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}}); err != nil {
			fmt.Println(err)
		}
		fmt.Println(ledger.Total().Cost)
		if err := ledger.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0.01155
	// 0.0231
	// 0.03465
}

func ExampleWithTags() {
	ctx := usage.WithTags(context.Background(), map[string]string{"tenant": "acme", "feature": "chat"})
	ctx = usage.WithTags(ctx, map[string]string{"feature": "summary"})
	tags := usage.TagsFrom(ctx)
	fmt.Println(tags["tenant"], tags["feature"])
	// Output: acme summary
}

func ExampleLedger_Reset() {
	ledger := usage.NewLedger(nil)
	model := llm.Wrap(scriptedSonnet(answers(2)...), usage.New(ledger))
	for range 2 {
		if _, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}}); err != nil {
			fmt.Println(err)
		}
		report := ledger.Reset()
		fmt.Println(report.Total.Calls, report.Total.Cost, report.By["model"][0].Key)
	}
	// Output:
	// 1 0.01155 us.anthropic.claude-sonnet-4-6
	// 1 0.01155 us.anthropic.claude-sonnet-4-6
}

func ExampleLedger_ServeHTTP() {
	ledger := usage.NewLedger(&usage.Options{GroupBy: []string{}})
	model := llm.Wrap(scriptedSonnet(answers(1)...), usage.New(ledger))
	if _, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello.")}}); err != nil {
		fmt.Println(err)
	}

	// In a server: mux.Handle("GET /usage", authenticated(ledger))
	w := httptest.NewRecorder()
	ledger.ServeHTTP(w, httptest.NewRequest("GET", "/usage?format=json", nil))
	var snapshot usage.Snapshot
	err := json.Unmarshal(w.Body.Bytes(), &snapshot)
	fmt.Println(w.Code, w.Header().Get("Content-Type"), snapshot.Total.Cost, err)
	// Output: 200 application/json 0.01155 <nil>
}

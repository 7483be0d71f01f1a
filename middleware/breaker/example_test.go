package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

func ExampleNew() {
	f := fake.New(fake.Fail(llm.ErrOverloaded), fake.Fail(llm.ErrOverloaded), fake.Text("Back again."))
	m := llm.Wrap(f, breaker.New(&breaker.Options{Failures: 2, OpenFor: 20 * time.Millisecond}))

	ctx, req := context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Anybody there?")}}
	for range 4 {
		resp, err := m.Generate(ctx, req)
		if err == nil {
			fmt.Println(resp.Text())
			continue
		}
		fmt.Println(llm.CodeOf(err), "because it was overloaded:", errors.Is(err, llm.ErrOverloaded))
		wait, _ := llm.RetryAfter(err)
		time.Sleep(wait)
	}
	fmt.Println("asked", len(f.Requests()), "times")
	// Output:
	// overloaded because it was overloaded: true
	// overloaded because it was overloaded: true
	// rejected because it was overloaded: true
	// Back again.
	// asked 3 times
}

// One model serves several regions, of which one fails: the calls to the others go on.
func ExampleOptions_key() {
	type region struct{} // the key of the region in the context
	regional := fake.Func(func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
		if ctx.Value(region{}) == "eu-west-1" {
			return nil, llm.ErrUnavailable
		}
		return &llm.Response{Message: llm.AssistantText("Hello.")}, nil
	})
	m := llm.Wrap(regional, breaker.New(&breaker.Options{
		Failures: 1,
		Key: func(ctx context.Context, _ *llm.Request, info llm.Info) string {
			return fmt.Sprintf("%s in %s", info.Model, ctx.Value(region{}))
		},
	}))

	req := &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}}
	for _, r := range []string{"eu-west-1", "eu-west-1", "us-east-1"} {
		_, err := m.Generate(context.WithValue(context.Background(), region{}, r), req)
		fmt.Printf("%s: %q\n", r, llm.CodeOf(err))
	}
	// Output:
	// eu-west-1: "unavailable"
	// eu-west-1: "rejected"
	// us-east-1: ""
}

// A health check looks at the circuits of a model, however it is wrapped.
func ExampleStates() {
	f := fake.New(fake.Fail(llm.ErrInternal))
	m := llm.Wrap(f, breaker.New(&breaker.Options{
		Failures:      1,
		OnStateChange: func(c breaker.Change) { fmt.Println(c.Key, "is", c.To, "after:", c.Code) },
	}))

	_, _ = m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello?")}})
	fmt.Println(breaker.States(m))
	// Output:
	// fake/fake is open after: internal
	// map[fake/fake:open]
}

package main

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// The backend over a server of the same wire.
func Example() {
	server := httptest.NewServer(Handler(fake.New(fake.Text("Hello from the other end."))))
	defer server.Close()

	var model llm.Model = New(server.URL, "", "any", server.Client())
	resp, err := model.Generate(context.Background(), &llm.Request{
		Messages:  []llm.Message{llm.UserText("Hello?")},
		MaxTokens: 100, // the wire wants a limit: without one the backend sends its own, and warns
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text(), len(resp.Warnings))
	// Output: Hello from the other end. 0
}

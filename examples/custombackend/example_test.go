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

	var model llm.Model = New(server.URL+"/v1", "", "any", server.Client())
	resp, err := model.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Hello?")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Text())
	// Output: Hello from the other end.
}

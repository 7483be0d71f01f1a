package structured_test

import (
	"context"
	"fmt"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/structured"
)

func ExampleGenerate() {
	type Invoice struct {
		Number string `json:"number"`
		Cents  int    `json:"cents" minimum:"0"`
	}
	model := fake.New(
		fake.Text(`{"number": "A-1", "cents": "2.50"}`), // is sent back, with what is wrong
		fake.Text(`{"number": "A-1", "cents": 250}`),
	)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Invoice A-1 is over 2.50.")}}
	invoice, _, err := structured.Generate[Invoice](context.Background(), model, req)
	fmt.Printf("%+v %v\n", invoice, err)
	// Output: {Number:A-1 Cents:250} <nil>
}

func ExampleStream() {
	type Poem struct {
		Title string   `json:"title"`
		Lines []string `json:"lines"`
	}
	model := fake.New(fake.Text(`{"title": "Rain", "lines": ["It rains.", "Still."]}`).Chunk(20))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("A poem, please.")}}
	for update, err := range structured.Stream[Poem](context.Background(), model, req) {
		if err != nil {
			panic(err)
		}
		fmt.Printf("%q %v\n", update.Value, update.Done)
	}
	// Output:
	// {"Rain" []} false
	// {"Rain" ["It rains."]} false
	// {"Rain" ["It rains." "Still."]} false
	// {"Rain" ["It rains." "Still."]} true
}

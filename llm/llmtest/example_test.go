package llmtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

// A backend's test file. Here the backend is the model of the script itself; one over
// a wire puts that behind its server.
func ExampleRun() {
	TestConformance := func(t *testing.T) {
		llmtest.Run(t, llmtest.Harness{
			New: func(t *testing.T, s llmtest.Script) llm.Model {
				return s.Model()
			},
			Virtual: true,
			Lacks: []llmtest.Capability{
				llmtest.OwnOptions,
				llmtest.ForeignState.Because("it is a double"),
			},
		})
	}
	_ = TestConformance // go test calls it
}

// The test of a backend whose client could leave the machine: it asks llm.MaySend.
func ExampleRunGuard() {
	TestGuard := func(t *testing.T) {
		llmtest.RunGuard(t, llmtest.Harness{
			New: func(t *testing.T, s llmtest.Script) llm.Model {
				return s.Model() // in a backend's test: the backend, over a server with s.Model() behind it
			},
			Lacks: []llmtest.Capability{llmtest.RemoteCount},
		})
	}
	_ = TestGuard // go test calls it
}

// A middleware's test file.
func ExampleRunMiddleware() {
	logging := func(next llm.Model) llm.Model { return next }
	TestConformance := func(t *testing.T) {
		llmtest.RunMiddleware(t, logging)
	}
	_ = TestConformance // go test calls it
}

// An answer that breaks off is an error that keeps what had arrived.
func ExampleScript_Model() {
	script := llmtest.Script{Turns: []llmtest.Turn{
		{Response: &llm.Response{Message: llm.AssistantText("Four degrees."), StopReason: llm.StopEndTurn}},
		{Events: []llm.Event{
			&llm.PartStart{Index: 0, Part: &llm.TextPart{}},
			&llm.TextDelta{Index: 0, Text: "Four deg"},
		}, Delay: time.Millisecond},
	}}
	model := script.Model()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("How cold is it?")}}
	for range 3 {
		resp, err := model.Generate(context.Background(), req)
		fmt.Printf("%q %v\n", resp.Text(), err)
	}
	// Output:
	// "Four degrees." <nil>
	// "Four deg" llmtest generate script: incomplete: the turn ends without a Finish
	// "" llmtest generate script: internal: this is call 3, and the script has turns for 2
}

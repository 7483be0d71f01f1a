package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A recorded call is played back without the model that answered it.
func ExampleRecord() {
	ctx := context.Background()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hello")}}

	var tape bytes.Buffer
	live := fake.New(fake.Text("Good morning.")) // stands for a real model
	if _, err := fake.Record(live, &tape).Generate(ctx, req); err != nil {
		fmt.Println(err)
		return
	}

	m, err := fake.Replay(&tape)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)

	_, err = m.Generate(ctx, req)
	fmt.Println(err)
	// Output:
	// Good morning. <nil>
	// fake generate fake: internal: no recording is left of this request: user(text 5); next on the tape: none (request id fake-2)
}

// Replay reads a tape, from a file for example.
func ExampleReplay() {
	_, err := fake.Replay(strings.NewReader("{\"v\":1}\n"))
	fmt.Println(err)
	// Output:
	// replay: invalid request: line 1: not a recording that can be replayed: no digest
}

// Secrets do not get onto a tape, and Scrub takes out what differs from run to run.
func ExampleRecordWith() {
	ctx := context.Background()
	date := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	opts := &fake.TapeOptions{Scrub: func(text string) string { return date.ReplaceAllString(text, "[date]") }}

	var tape bytes.Buffer
	live := fake.New(fake.Text("Better change it."))
	req := &llm.Request{Messages: []llm.Message{llm.UserText("On 2026-11-23 I set password=swordfish.")}}
	if _, err := fake.RecordWith(live, &tape, opts).Generate(ctx, req); err != nil {
		fmt.Println(err)
		return
	}
	var recorded struct{ Request llm.Request }
	if err := json.Unmarshal(tape.Bytes(), &recorded); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(recorded.Request.Messages[0].Content[0].(*llm.TextPart).Text)

	m, err := fake.ReplayWith(&tape, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	req = &llm.Request{Messages: []llm.Message{llm.UserText("On 2027-01-01 I set password=swordfish.")}}
	resp, err := m.Generate(ctx, req)
	fmt.Println(resp.Text(), err)
	// Output:
	// On [date] I set password=[scrubbed]
	// Better change it. <nil>
}

// A replay in real time takes as long as the call did. In a bubble of testing/synctest
// that costs nothing.
func ExampleReplayWith() {
	tape := `{"v":2,"digest":"any","request":{"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]},` +
		`"events":["20ms",{"type":"part_start","part":{"type":"text"}},{"type":"text_delta","text":"Good "},"5ms",{"type":"text_delta","text":"morning."},` +
		`{"type":"part_stop"},{"type":"finish","stop_reason":"end_turn"}]}`
	m, err := fake.ReplayWith(strings.NewReader(tape), &fake.TapeOptions{InOrder: true, RealTime: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Now()
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hi there")}}
	for text, err := range llm.TextStream(m.Stream(context.Background(), req)) {
		fmt.Printf("%q %v\n", text, err)
	}
	fmt.Println(time.Since(start) >= 25*time.Millisecond)
	// Output:
	// "Good " <nil>
	// "morning." <nil>
	// true
}

// In a test, t is its *testing.T. The file was recorded with PARLEY_RECORD=1.
func ExampleCassette() {
	t := new(cassetteTB)
	defer t.end() // as package testing does

	var live llm.Model // a model that costs money, which is made only where it is called
	if fake.Recording() {
		live = fake.New(fake.Text("It is four degrees."))
	}
	m := fake.Cassette(t, "testdata/cassette.jsonl", live)

	resp, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("How warm is it?")}})
	fmt.Println(resp.Text(), err)
	// Output:
	// It is four degrees. <nil>
}

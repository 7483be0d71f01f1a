package llm_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// BenchmarkStoreMedia saves and loads a history with a 4 MB image; the floor is its
// base64 as a JSON string.
func BenchmarkStoreMedia(b *testing.B) {
	image := make([]byte, 4<<20)
	history := []llm.Message{llm.User(llm.Text("Image 1:"), llm.Image("image/png", image), llm.Text("Describe it."))}
	stored, err := json.Marshal(history)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("save", func() error { _, err := json.Marshal(history); return err })
	run("save/floor", func() error { _, err := json.Marshal(image); return err })
	run("load", func() error { var h []llm.Message; return json.Unmarshal(stored, &h) })
	floor, _ := json.Marshal(base64.StdEncoding.EncodeToString(image))
	run("load/floor", func() error { var b []byte; return json.Unmarshal(floor, &b) })
}

// BenchmarkValidate checks a conversation of 40 messages with 10 tools.
func BenchmarkValidate(b *testing.B) {
	req := &llm.Request{}
	for i := range 20 {
		req.Messages = append(req.Messages, llm.UserText("a question of some length, as people ask"),
			llm.Assistant(llm.Text("an answer"), &llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{"city":"Oslo","days":3}`)}))
		if i < 10 {
			req.Tools = append(req.Tools, llm.Tool{Name: string(rune('a' + i)), Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}`)})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := req.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

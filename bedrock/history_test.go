package bedrock_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// rich is a conversation with all that a model takes: reasoning, tools, images,
// documents, citations and cache points; and with what most models refuse.
func rich(id string) []llm.Message {
	p := bedrock.ProfileFor(id)
	ours := &llm.Opaque{Provider: bedrock.Provider, Model: id}
	first := llm.User(llm.Text("Look at these."))
	if !p.NoImages {
		first.Content = append(first.Content, cat)
	}
	if !p.NoDocuments {
		first.Content = append(first.Content, llm.Document("Q3 report.pdf", "application/pdf", []byte("%PDF-1")), &llm.DocumentPart{Name: "notes", Text: "Cats purr.", Cite: true})
	}
	first.Content = append(first.Content, llm.CachePoint())
	seen := llm.ToolResult("tooluse_1", llm.Text("a cat"))
	if !p.NoImages {
		seen.Content = append(seen.Content, cat)
	}
	return []llm.Message{
		first,
		llm.Assistant(&llm.ReasoningPart{Text: "Two of them.", Signature: "c2ln+/==", Opaque: ours}, &llm.ReasoningPart{Redacted: []byte{0, 1, 254}, Opaque: ours},
			&llm.TextPart{Text: "Cats purr.", Opaque: ours, Citations: []llm.Citation{{Kind: "document_char", Title: "notes", Text: "Cats purr.", Document: new(1), Start: new(0), End: new(10)}}},
			&llm.ToolCallPart{ID: "tooluse_1", Name: "look", Input: raw(`{"z":9223372036854775807,"a":1.50,"s":"<&>"}`)}, &llm.ToolCallPart{ID: "tooluse_2", Name: "look", Malformed: `{"at":`}),
		llm.User(seen, llm.ToolError("tooluse_2", "no such place"), llm.Text("Hurry.")),
		llm.Assistant(llm.Text(""), llm.Text("A cat.\n")),
		llm.User(llm.Text("And now?"), llm.CachePoint()),
		llm.Assistant(calling("tooluse_3", "look")),
		llm.User(llm.ToolResult("tooluse_3")),
		llm.AssistantText("Nothing."),
		llm.UserText("Thanks."),
	}
}

// family ids, one for each that differs in how a history is sent.
var familyIDs = []string{
	"anthropic.claude-3-haiku-20240307-v1:0", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-opus-4-6-v1",
	"us.anthropic.claude-opus-5-5", "amazon.nova-lite-v1:0", "us.amazon.nova-2-lite-v1:0", "amazon.nova-micro-v1:0", "us.meta.llama3-3-70b-instruct-v1:0", "us.meta.llama4-scout-17b-instruct-v1:0",
	"mistral.mistral-large-2402-v1:0", "us.mistral.pixtral-large-2502-v1:0", "qwen.qwen3-32b-v1:0", "openai.gpt-oss-120b-1:0", "deepseek.v3-v1:0", "cohere.command-r-v1:0", "us.writer.palmyra-x4-v1:0",
	"moonshot.kimi-k2-thinking", "zai.glm-4.7", "unknown.model-v1:0",
}

// Same history, same bytes: what is sent of a conversation is the beginning of what is
// sent a turn later, so that prompt caches hit.
func TestPrefix(t *testing.T) {
	for _, id := range familyIDs {
		t.Run(id, func(t *testing.T) {
			s := answering(t, nil) // strict for the families that it knows
			m := bedrock.New(s.Client(), id, nil)
			history := rich(id)
			var before, now prompt
			for n := 1; n <= len(history); n += 2 {
				req := using(history[:n]...)
				if bedrock.ProfileFor(id).NoTools {
					req.Tools = nil
				}
				req.System = []llm.Part{llm.Text("Be brief."), llm.CachePoint()}
				if _, err := m.Generate(t.Context(), req); err != nil {
					t.Fatalf("turn %d: %v", n, err)
				}
				now = prompt{}
				if err := json.Unmarshal(s.Exchanges()[len(s.Exchanges())-1].Body, &now); err != nil {
					t.Fatal(err)
				}
				if n == 1 {
					before = now
				}
				if diff := cmp.Diff(string(before.System)+string(before.ToolConfig), string(now.System)+string(now.ToolConfig)); diff != "" {
					t.Errorf("turn %d: what comes before the messages differs:\n%s", n, diff)
				}
				for i, m := range before.Messages {
					if i >= len(now.Messages) || !bytes.Equal(m, now.Messages[i]) {
						t.Fatalf("turn %d: message %d is sent in another form than before:\n%s", n, i, cmp.Diff(string(m), string(now.Messages[min(i, len(now.Messages)-1)])))
					}
				}
				before = now
			}
		})
	}
}

type prompt struct {
	System, ToolConfig json.RawMessage
	Messages           []json.RawMessage
}

// A conversation survives: what the model said, saved and loaded, goes back as it came,
// byte for byte where the protocol wants it.
func TestHistorySurvives(t *testing.T) {
	const id = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
	said := rich(id)[1]
	s := bedrocktest.NewServer(replies{Message: said, StopReason: llm.StopToolUse}, nil)
	t.Cleanup(s.Close)
	m := bedrock.New(s.Client(), id, nil)
	whole, err := m.Generate(t.Context(), using(rich(id)[0]))
	if err != nil {
		t.Fatal(err)
	}
	streamed, err := llm.Collect(m.Stream(t.Context(), using(rich(id)[0])))
	if err != nil {
		t.Fatal(err)
	}
	var sent []json.RawMessage
	for _, r := range []*llm.Response{whole, streamed} {
		for _, reload := range []bool{false, true} {
			history := []llm.Message{rich(id)[0], r.Message, rich(id)[2]}
			if reload {
				text, err := json.Marshal(history)
				if err != nil {
					t.Fatal(err)
				}
				history = nil
				if err := json.Unmarshal(text, &history); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := m.Generate(t.Context(), using(history...)); err != nil {
				t.Fatal(err)
			}
			var now prompt
			if err := json.Unmarshal(s.Exchanges()[len(s.Exchanges())-1].Body, &now); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, now.Messages[1])
		}
	}
	for _, now := range sent {
		if diff := cmp.Diff(string(sent[0]), string(now)); diff != "" {
			t.Errorf("sent in another form:\n%s", diff)
		}
	}
	golden(t, "history.json", sent[0])
}

package conversation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

var update = flag.Bool("update", false, "write the golden files")

// What this release writes. When it has to change the version goes up, this file becomes the
// fixture of a former one, and TestFormerFormats reads it for ever.
func TestFormat(t *testing.T) {
	const golden = "testdata/v1.jsonl"
	got := bytes.Join(written(t), []byte("\n"))
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// written are the records of a conversation with everything in it.
func written(t *testing.T) [][]byte {
	t.Helper()
	store := conversation.NewMemoryStore()
	approve := conversation.Run
	c := conversation.New(fake.New(
		fake.Parts(&llm.ReasoningPart{Text: "Hm.", Signature: "c2ln"}, llm.Text("Let me look."), call("c1", "Oslo"), call("c2", "Paris")).WithUsage(used(10, 5)),
		fake.Text("4 °C <there>.").WithUsage(llm.Usage{InputTokens: 30, OutputTokens: 7, CacheReadTokens: 20, ServiceTier: "flex"}),
		fake.Parts(call("c3", "Rome"), call("c4", "Oslo")).WithUsage(used(40, 5)),
		fake.Text("Mild.").WithUsage(used(60, 1)),
		fake.Parts(call("c5", "Rome")),
		fake.Parts(call("c6", "Rome"), call("c7", "Oslo")).WithUsage(used(70, 4)),
		fake.Text("Still mild.").WithUsage(used(80, 2)),
	), &conversation.Options{
		ID: "c", Store: store, Tools: []tool.Tool{weather()},
		Approve: func(_ context.Context, call *llm.ToolCallPart) (conversation.Decision, error) { return approve, nil },
	})
	ctx := t.Context()
	if err := c.Append(ctx, llm.System(llm.Text("Be brief.")), llm.User(llm.Image("image/png", []byte("png"))), llm.AssistantText("A cat.")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, llm.Text("Oslo and Paris?")); err != nil {
		t.Fatal(err)
	}
	approve = conversation.Defer
	if _, err := c.Send(ctx, llm.Text("Rome?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resume(ctx, llm.ToolResult("c3", llm.Text("18 °C"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resume(ctx, llm.ToolResult("c4", llm.Text("4 °C"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, llm.Text("And now?")); err != nil {
		t.Fatal(err)
	}
	if err := c.Abandon(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, llm.Text("And there?")); err != nil {
		t.Fatal(err)
	}
	approve = conversation.Run
	if _, err := c.Resume(ctx, llm.ToolResult("c7", llm.Text("5 °C"))); err != nil {
		t.Fatal(err)
	}
	records, err := store.Load(ctx, "c")
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// Every prefix of what any release wrote is a conversation, and goes on.
func TestFormerFormats(t *testing.T) {
	const history = "s(Be brief.)u(*llm.MediaPart)a(A cat.)" +
		"u(Oslo and Paris?)a(*llm.ReasoningPart Let me look. c1? c2?)u(c1=4 °C c2=no such city)a(4 °C <there>.)" +
		"u(Rome?)a(c3? c4?)u(c3=18 °C c4=4 °C)a(Mild.)" +
		"u(And there?)a(c6? c7?)u(c6=18 °C c7=5 °C)a(Still mild.)"
	for _, c := range []struct {
		file    string
		pending []string // after each record
	}{
		{"testdata/v1.jsonl", []string{"", "", "c3 c4", "c4", "", "c5", "", "c6 c7", "c6", "", ""}},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		records := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		if len(records) != len(c.pending) {
			t.Fatalf("%s: %d records", c.file, len(records))
		}
		store := conversation.NewMemoryStore()
		for i, r := range records {
			if err := store.Append(t.Context(), "c", i, r); err != nil {
				t.Fatal(err)
			}
			conv, err := conversation.Open(t.Context(), fake.New(fake.Text("Going on.")), &conversation.Options{ID: "c", Store: store})
			if err != nil {
				t.Fatalf("%s, %d records: %v", c.file, i+1, err)
			}
			if got := shape(conv.Messages()); !strings.HasPrefix(history, got) {
				t.Errorf("%s, %d records: %s", c.file, i+1, got)
			}
			if got := strings.Join(ids(conv.Pending()), " "); got != c.pending[i] {
				t.Errorf("%s, %d records: pending %q, want %q", c.file, i+1, got, c.pending[i])
			}
			if i < len(records)-1 {
				continue
			}
			want := llm.Usage{InputTokens: 290, OutputTokens: 24, CacheReadTokens: 20, ServiceTier: llm.TierMixed}
			if got := shape(conv.Messages()); got != history || conv.Usage() != want {
				t.Errorf("%s: %s, %+v", c.file, got, conv.Usage())
			}
			if _, err := conv.Send(t.Context(), llm.Text("?")); err != nil {
				t.Errorf("%s: %v", c.file, err)
			}
		}
	}
}

// Loading what anybody may have written never panics, and what it takes it can write again.
func FuzzLoad(f *testing.F) {
	text, err := os.ReadFile("testdata/v1.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.SplitSeq(bytes.TrimSpace(text), []byte("\n")) {
		f.Add(line)
	}
	f.Add([]byte(`{"v":1,"type":"pending"}`))
	f.Add([]byte(`{"v":1,"type":"pending","messages":[{"role":"user"}],"results":[{"type":"text"}]}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		store := conversation.NewMemoryStore()
		if err := store.Append(t.Context(), "c", 0, record); err != nil {
			t.Fatal(err)
		}
		c, err := conversation.Open(t.Context(), fake.New(fake.Text("ok").Always()), &conversation.Options{ID: "c", Store: store})
		if err != nil {
			return
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("%s: %v", record, err)
		}
		var again conversation.Conversation
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if encoded(again.Messages()) != encoded(c.Messages()) || len(again.Pending()) != len(c.Pending()) {
			t.Errorf("%s\nbecomes %s", record, b)
		}
		_, _ = c.Resume(t.Context())
		_ = c.Abandon(t.Context())
		_, _ = c.Send(t.Context(), llm.Text("?"))
	})
}

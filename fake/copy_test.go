package fake_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// everyPart has a part of each kind, made anew, with all that can be changed in it.
func everyPart() []llm.Part {
	return []llm.Part{
		&llm.TextPart{Text: "text", Citations: []llm.Citation{{Title: "t", Start: new(1), Data: json.RawMessage(`{}`)}}, Opaque: &llm.Opaque{Data: json.RawMessage(`{}`)}},
		&llm.MediaPart{Data: []byte("abc"), Opaque: &llm.Opaque{Data: json.RawMessage(`{}`)}},
		&llm.DocumentPart{Name: "d", Data: []byte("abc")},
		&llm.ToolCallPart{ID: "1", Name: "n", Input: json.RawMessage(`{"a":1}`), Opaque: &llm.Opaque{Data: json.RawMessage(`{}`)}},
		&llm.ReasoningPart{Text: "r", Redacted: []byte("abc"), Opaque: &llm.Opaque{Data: json.RawMessage(`{}`)}},
		&llm.CachePointPart{},
		&llm.ProviderPart{Kind: "k", Data: json.RawMessage(`{}`)},
	}
}

// spoil changes all that can be changed in a message, payloads too.
func spoil(m llm.Message) {
	opaque := func(o *llm.Opaque) {
		if o != nil {
			o.Provider, o.Data[0] = "x", 'x'
		}
	}
	for i, p := range m.Content {
		switch p := p.(type) {
		case *llm.TextPart:
			p.Text = "spoilt"
			for i := range p.Citations {
				*p.Citations[i].Start = 9
				p.Citations[i].Title, p.Citations[i].Data[0] = "x", 'x'
			}
			opaque(p.Opaque)
		case *llm.MediaPart:
			p.Data[0] = 'x'
			opaque(p.Opaque)
		case *llm.DocumentPart:
			p.Name, p.Data[0] = "x", 'x'
		case *llm.ToolCallPart:
			p.Name, p.Input[0] = "x", 'x'
			opaque(p.Opaque)
		case *llm.ToolResultPart:
			spoil(llm.Message{Content: p.Content})
		case *llm.ReasoningPart:
			p.Text, p.Redacted[0] = "x", 'x'
			opaque(p.Opaque)
		case *llm.ProviderPart:
			p.Kind, p.Data[0] = "x", 'x'
		}
		m.Content[i] = nil
	}
}

func TestScriptCannotBeChanged(t *testing.T) {
	want := llm.Message{Role: llm.RoleAssistant, Content: everyPart()}

	parts := everyPart()
	turn := fake.Parts(parts...)
	m := fake.New(turn, turn)
	spoil(llm.Message{Content: parts}) // by the author
	r := generate(t, m, ask("hi"))
	if diff := cmp.Diff(want, r.Message); diff != "" {
		t.Fatalf("the author changed the script (-want +got):\n%s", diff)
	}
	spoil(r.Message) // by the caller
	if diff := cmp.Diff(want, generate(t, m, ask("hi")).Message); diff != "" {
		t.Errorf("the caller changed the script (-want +got):\n%s", diff)
	}

	turns := []fake.Turn{fake.Text("a")}
	m = fake.New(turns...)
	turns[0] = fake.Text("b")
	if got := generate(t, m, ask("hi")).Text(); got != "a" {
		t.Error("the caller's slice of turns is shared")
	}
}

func TestResponseOfFuncIsCopied(t *testing.T) {
	kept := &llm.Response{Message: llm.Assistant(everyPart()...)}
	m := fake.Func(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
		spoil(req.Messages[0])
		return kept, nil
	})
	req := conv(llm.User(llm.Text("hi"), llm.Image("image/png", []byte("abc"))))
	spoil(generate(t, m, req).Message)
	want := llm.Message{Role: llm.RoleAssistant, Content: everyPart()}
	if diff := cmp.Diff(want, generate(t, m, req).Message); diff != "" {
		t.Errorf("the function's response was changed (-want +got):\n%s", diff)
	}
	if kept.StopReason != "" || kept.Usage != (llm.Usage{}) {
		t.Error("the function's response was filled in")
	}
	if diff := cmp.Diff(conv(llm.User(llm.Text("hi"), llm.Image("image/png", []byte("abc")))), m.Requests()[0]); diff != "" {
		t.Errorf("the function changed the record (-want +got):\n%s", diff)
	}
}

func TestRequestsAreDeepCopies(t *testing.T) {
	full := func() *llm.Request {
		results := llm.User(llm.ToolResult("1", llm.Text("r"), &llm.MediaPart{Data: []byte("abc")}), llm.Text("and?"))
		return &llm.Request{
			System:        []llm.Part{llm.Text("s")},
			Messages:      []llm.Message{llm.UserText("q"), llm.Assistant(everyPart()...), results},
			Tools:         []llm.Tool{{Name: "n", Schema: json.RawMessage(`{}`), Cache: llm.CachePoint()}, {Provider: "p", Kind: "k", Config: json.RawMessage(`{}`)}},
			Temperature:   new(0.5),
			StopSequences: []string{"stop"},
			Output:        &llm.OutputFormat{Schema: json.RawMessage(`{}`)},
			Metadata:      map[string]string{"k": "v"},
		}
	}
	spoilRequest := func(r *llm.Request) {
		spoil(llm.Message{Content: r.System})
		for _, m := range r.Messages {
			spoil(m)
		}
		r.Tools[0].Schema[0], r.Tools[1].Config[0], r.Output.Schema[0] = 'x', 'x', 'x'
		r.Tools[0].Cache.TTL, *r.Temperature, r.StopSequences[0], r.Metadata["k"] = 1, 1, "x", "x"
	}
	req := full()
	var got *llm.Request
	m := fake.New(fake.Text("a").When(func(r *llm.Request) bool { spoilRequest(r); return true }), fake.Text("b"))
	generate(t, m, req)
	if diff := cmp.Diff(full(), req); diff != "" {
		t.Fatalf("the call changed the request (-want +got):\n%s", diff)
	}
	spoilRequest(req)
	for range 2 {
		got = m.Requests()[0]
		if diff := cmp.Diff(full(), got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		spoilRequest(got)
	}
}

package defaults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/defaults"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func TestConformance(t *testing.T) {
	// What it fills in the suite would find to have changed; a nil template fills nothing.
	llmtest.RunMiddleware(t, defaults.New(nil))
}

type options struct{ Provider, Value string }

func (o *options) ProviderName() string { return o.Provider }

// full sets every field, so that a field which is added to Request and not filled is found.
func full(s string) *llm.Request {
	return &llm.Request{
		System: []llm.Part{llm.Text(s)}, Messages: []llm.Message{llm.UserText(s)}, Tools: []llm.Tool{{Name: s}},
		ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: s}, MaxTokens: len(s), Temperature: new(float64(len(s))),
		TopP: new(float64(len(s))), TopK: new(len(s)), StopSequences: []string{s}, Output: &llm.OutputFormat{Name: s},
		Reasoning: &llm.Reasoning{Effort: s}, Metadata: map[string]string{"all": s, s: s},
		Options: []llm.ProviderOptions{&options{"all", s}, &options{s, s}},
	}
}

func TestFill(t *testing.T) {
	mine, theirs := full("mine"), full("template")
	all := full("template")
	all.Messages = mine.Messages
	both := full("mine")
	both.Metadata["template"] = "template"
	both.Options = append(both.Options, &options{"template", "template"})
	// What is empty and not nil is set; the rest is as in a full request.
	empty := func() *llm.Request {
		r := full("mine")
		r.System, r.Tools, r.StopSequences, r.Metadata, r.Options = []llm.Part{}, []llm.Tool{}, []string{}, map[string]string{}, []llm.ProviderOptions{}
		return r
	}
	chosen := full("template")
	chosen.Messages, chosen.ToolChoice = nil, mine.ToolChoice
	cases := []struct {
		name                string
		req, template, want *llm.Request
	}{
		{"nothing set", &llm.Request{Messages: mine.Messages}, theirs, all},
		{"all set", mine, theirs, both},
		{"no template", mine, nil, mine},
		{"empty template", mine, &llm.Request{}, mine},
		{"empty is set", empty(), theirs, empty()},
		{"the choice is among the template's tools", &llm.Request{Tools: mine.Tools}, &llm.Request{Tools: theirs.Tools, ToolChoice: theirs.ToolChoice}, &llm.Request{Tools: mine.Tools}},
		{"a choice without tools", &llm.Request{}, &llm.Request{ToolChoice: theirs.ToolChoice}, &llm.Request{}},
		{"a choice of the request among the template's tools", &llm.Request{ToolChoice: mine.ToolChoice}, theirs, chosen},
		{"temperature zero is set", &llm.Request{Temperature: new(0.0)}, &llm.Request{Temperature: new(1.0), MaxTokens: 9}, &llm.Request{Temperature: new(0.0), MaxTokens: 9}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &recorder{}
			before, _ := json.Marshal(c.req)
			m := llm.Wrap(f, defaults.New(c.template))
			if _, err := m.Generate(t.Context(), c.req); err != nil {
				t.Fatal(err)
			}
			if _, err := llm.Collect(m.Stream(t.Context(), c.req)); err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(c.req); string(after) != string(before) {
				t.Errorf("the caller's request changed: %s", cmp.Diff(string(before), string(after)))
			}
			for _, got := range f.requests {
				if d := cmp.Diff(asJSON(c.want), asJSON(got)); d != "" {
					t.Errorf("the model's request (-want +got): %s", d)
				}
			}
		})
	}
}

// recorder takes any request.
type recorder struct{ requests []*llm.Request }

func (r *recorder) Info() llm.Info { return llm.Info{} }

func (r *recorder) Generate(_ context.Context, req *llm.Request) (*llm.Response, error) {
	r.requests = append(r.requests, req)
	return &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn}, nil
}

func (r *recorder) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	resp, _ := r.Generate(ctx, req)
	return resp.Events()
}

func asJSON(r *llm.Request) string {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestTemplateIsCopied(t *testing.T) {
	template := &llm.Request{MaxTokens: 1, Metadata: map[string]string{"k": "v"}}
	f := fake.New(fake.Text("ok"))
	m := llm.Wrap(f, defaults.New(template))
	template.MaxTokens, template.Metadata["k"] = 2, "w"
	if _, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("?")}}); err != nil {
		t.Fatal(err)
	}
	if r := f.Requests()[0]; r.MaxTokens != 1 || r.Metadata["k"] != "v" {
		t.Errorf("the template changed with the caller's: %+v", r)
	}
}

func ExampleNew() {
	f := fake.New(fake.Text("Hello."))
	m := llm.Wrap(f, defaults.New(&llm.Request{MaxTokens: 16_000}))

	_, err := m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	fmt.Println(err, f.Requests()[0].MaxTokens)
	// Output: <nil> 16000
}

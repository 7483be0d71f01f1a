package structured_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/structured"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

type invoice struct {
	Number string   `json:"number" minLength:"2"`
	Cents  int      `json:"cents" minimum:"0"`
	Lines  []string `json:"lines,omitempty"`
}

const good = `{"number":"A-1","cents":250,"lines":["tea","milk"]}`

var want = invoice{"A-1", 250, []string{"tea", "milk"}}

func ask() *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.UserText("Which invoice?")}, MaxTokens: 100}
}

func sized(text string, out int) fake.Turn {
	return fake.Text(text).WithUsage(llm.Usage{InputTokens: 10, OutputTokens: out})
}

// ways are both ways to ask.
func ways[T any](opts *structured.Options) map[string]func(*testing.T, llm.Model, *llm.Request) (T, *llm.Response, error) {
	return map[string]func(*testing.T, llm.Model, *llm.Request) (T, *llm.Response, error){
		"Generate": func(t *testing.T, m llm.Model, req *llm.Request) (T, *llm.Response, error) {
			return structured.GenerateWith[T](t.Context(), m, req, opts)
		},
		"Stream": func(t *testing.T, m llm.Model, req *llm.Request) (value T, r *llm.Response, err error) {
			for u, e := range structured.StreamWith[T](t.Context(), m, req, opts) {
				if r != nil || err != nil {
					t.Error("something comes after the end")
				}
				if e != nil {
					r, err = u.Response, e
				} else if u.Done {
					value, r = u.Value, u.Response
				}
			}
			return value, r, err
		},
	}
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		turns []fake.Turn
		opts  *structured.Options
		code  llm.Code // "" = the value
		says  string
		text  string // that the response keeps
		usage llm.Usage
	}{
		"good":            {[]fake.Turn{sized(good, 5)}, nil, "", "", good, llm.Usage{InputTokens: 10, OutputTokens: 5}},
		"in a fence":      {[]fake.Turn{sized("```json\n"+good+"\n```", 5)}, nil, "", "", "```json\n" + good + "\n```", llm.Usage{InputTokens: 10, OutputTokens: 5}},
		"repaired":        {[]fake.Turn{sized(`{"number":"secret","cents":-1}`, 5), sized(good, 6)}, nil, "", "", good, llm.Usage{InputTokens: 20, OutputTokens: 11}},
		"not JSON":        {[]fake.Turn{sized(`secret`, 5), sized(good, 6)}, nil, "", "", good, llm.Usage{InputTokens: 20, OutputTokens: 11}},
		"twice wrong":     {[]fake.Turn{sized(`{}`, 5), sized(`{"number":"secret","cents":-1}`, 6)}, nil, llm.ErrMalformedOutput, "minimum of its schema at /properties/cents", `{"number":"secret","cents":-1}`, llm.Usage{InputTokens: 20, OutputTokens: 11}},
		"never sent back": {[]fake.Turn{sized(`secret`, 5)}, &structured.Options{Repairs: -1}, llm.ErrMalformedOutput, "not valid JSON", `secret`, llm.Usage{InputTokens: 10, OutputTokens: 5}},
		"thrice":          {[]fake.Turn{sized(`1`, 1), sized(`2`, 1), sized(good, 1)}, &structured.Options{Repairs: 2}, "", "", good, llm.Usage{InputTokens: 30, OutputTokens: 3}},
		"refused":         {[]fake.Turn{sized(`secret`, 5).StopWith(llm.StopRefusal)}, nil, llm.ErrContentFiltered, "refused", "secret", llm.Usage{InputTokens: 10, OutputTokens: 5}},
		"cut short":       {[]fake.Turn{sized(`{"number":"secret`, 5).StopWith(llm.StopMaxTokens)}, nil, llm.ErrMalformedOutput, "cut short", `{"number":"secret`, llm.Usage{InputTokens: 10, OutputTokens: 5}},
		"overloaded":      {[]fake.Turn{fake.Fail(llm.ErrOverloaded)}, nil, llm.ErrOverloaded, "", "", llm.Usage{}},
	} {
		for way, call := range ways[invoice](c.opts) {
			m, req := fake.New(c.turns...), ask()
			got, r, err := call(t, m, req)
			if llm.CodeOf(err) != c.code || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("%s, %s: %v", name, way, err)
			}
			if c.code == "" && !cmp.Equal(got, want) || c.code != "" && !cmp.Equal(got, invoice{}) {
				t.Errorf("%s, %s: %+v", name, way, got)
			}
			if c.text != "" && (r == nil || r.Text() != c.text || r.Usage != c.usage) {
				t.Errorf("%s, %s: response %+v", name, way, r)
			}
			if len(req.Messages) != 1 || req.Output != nil {
				t.Errorf("%s, %s: the request was changed", name, way)
			}
			m.AssertExhausted(t)
		}
	}
}

// What goes to the model: the schema, and what is wrong.
func TestRequests(t *testing.T) {
	m := fake.New(fake.Text(`{"number":"A","cents":1}`), fake.Text(good))
	if _, _, err := structured.Generate[invoice](t.Context(), m, ask()); err != nil {
		t.Fatal(err)
	}
	reqs := m.Requests()
	if schema := string(reqs[0].Output.Schema); !strings.HasPrefix(schema, `{"type":"object","properties":{"number":{"type":"string","minLength":2}`) {
		t.Errorf("schema: %s", schema)
	}
	second := reqs[1].Messages
	if len(second) != 3 || second[1].Role != llm.RoleAssistant {
		t.Fatalf("messages: %+v", second)
	}
	if text := second[2].Content[0].(*llm.TextPart).Text; !strings.Contains(text, `minLength: "A" contains 1`) {
		t.Errorf("the model reads: %s", text)
	}
}

// A round mends all that is wrong; the error of the last quotes none of it.
func TestAllFaultsAtOnce(t *testing.T) {
	m := fake.New(fake.Text(`{"number":"A","cents":-1,"lines":["tea",7],"secret":1}`), fake.Text(`{"number":"A","cents":"secret"}`))
	_, _, err := structured.Generate[invoice](t.Context(), m, ask())
	if !errors.Is(err, llm.ErrMalformedOutput) || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "minLength of its schema at /properties/number") {
		t.Errorf("%v", err)
	}
	want := `This answer does not satisfy the JSON schema:
unexpected additional properties ["secret"]
.number: minLength: "A" contains 1 Unicode code points, fewer than 2
.cents: minimum: -1/1 is less than 0.000000
.lines[1]: type: 7 has type "integer", want "string"
Answer with the whole document again, corrected, and nothing else.`
	if diff := cmp.Diff(want, m.Requests()[1].Messages[2].Content[0].(*llm.TextPart).Text); diff != "" {
		t.Errorf("the model reads (-want +got):\n%s", diff)
	}
}

func TestOwnSchema(t *testing.T) {
	req := ask()
	req.Output = &llm.OutputFormat{Name: "invoice", Schema: json.RawMessage(`{"type":"object","required":["cents"]}`)}
	m := fake.New(fake.Text(`{"cents":7}`))
	got, _, err := structured.Generate[invoice](t.Context(), m, req)
	if err != nil || got.Cents != 7 || m.Requests()[0].Output.Name != "invoice" {
		t.Errorf("%+v, %v", got, err)
	}
	req.Output.Schema = json.RawMessage(`{"$ref":"#"}`)
	if _, _, err := structured.Generate[invoice](t.Context(), m, req); !errors.Is(err, llm.ErrInvalidRequest) {
		t.Errorf("a schema that has no end: %v", err)
	}
	if _, _, err := structured.Generate[invoice](t.Context(), m, nil); !errors.Is(err, llm.ErrInvalidRequest) {
		t.Errorf("nil request: %v", err)
	}
}

// Values that are no object travel in one.
func TestEnvelope(t *testing.T) {
	for way, call := range ways[[]string](nil) {
		got, _, err := call(t, fake.New(fake.Text(`{"value":["a","b"]}`)), ask())
		if err != nil || !cmp.Equal(got, []string{"a", "b"}) {
			t.Errorf("%s: %q, %v", way, got, err)
		}
	}
}

func TestToolCalls(t *testing.T) {
	req := ask()
	req.Tools = []llm.Tool{{Name: "look", Schema: json.RawMessage(`{"type":"object"}`)}}
	for way, call := range ways[invoice](nil) {
		if _, r, err := call(t, fake.New(fake.ToolCall("look", map[string]any{})), req); !errors.Is(err, llm.ErrUnsupported) || r == nil {
			t.Errorf("%s: %v", way, err)
		}
	}
}

func TestStream(t *testing.T) {
	m := fake.New(fake.Text(good).Chunk(7))
	var seen []invoice
	seq := structured.Stream[invoice](t.Context(), m, ask())
	for u, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		if n := len(seen); n > 0 && u.Value.Number < seen[n-1].Number {
			t.Errorf("%+v comes after %+v", u.Value, seen[n-1])
		}
		seen = append(seen, u.Value)
	}
	if len(seen) < 4 || seen[0].Cents != 0 || !cmp.Equal(seen[len(seen)-1], want) {
		t.Errorf("updates: %+v", seen)
	}
	for _, err := range seq {
		if !errors.Is(err, llm.ErrStreamReused) {
			t.Errorf("a second range: %v", err)
		}
	}
	for range structured.Stream[invoice](t.Context(), fake.New(fake.Text(good).Chunk(1)), ask()) {
		break
	}
}

func TestNoSchema(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a type without a schema passes")
		}
	}()
	_, _, _ = structured.Generate[func()](t.Context(), fake.New(), ask())
}

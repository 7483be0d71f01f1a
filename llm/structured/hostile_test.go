package structured_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/structured"
)

type answer struct {
	Text string `json:"text"`
}

// broken is a model whose stream yields some text and then an error.
type broken struct {
	text string
	err  error
}

func (broken) Info() llm.Info { return llm.Info{Provider: "test", Model: "broken"} }
func (m broken) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}
func (m broken) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		_ = yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) && yield(&llm.TextDelta{Text: m.text}, nil) && yield(nil, m.err)
	}
}

// A stream that broke is not an answer, even where what arrived of it would pass.
func TestBrokenStreamIsNoAnswer(t *testing.T) {
	bad := &llm.Error{Code: llm.ErrMalformedOutput, Message: "the stream is out of order"}
	req := &llm.Request{Output: &llm.OutputFormat{Schema: json.RawMessage(`{"type":"integer"}`)}, Messages: []llm.Message{llm.UserText("?")}}
	v, r, err := structured.GenerateWith[int](t.Context(), broken{"12", bad}, req, &structured.Options{Repairs: -1})
	if !errors.Is(err, bad) || v != 0 || r == nil {
		t.Errorf("%d, %+v, %v", v, r, err)
	}
	for u, err := range structured.StreamWith[int](t.Context(), broken{"12", bad}, req, nil) {
		if u.Done {
			t.Errorf("%+v, %v", u, err)
		}
	}
}

func TestNilModel(t *testing.T) {
	if _, _, err := structured.Generate[answer](t.Context(), nil, &llm.Request{}); !errors.Is(err, llm.ErrInvalidRequest) {
		t.Error(err)
	}
	for _, err := range structured.Stream[answer](t.Context(), nil, &llm.Request{}) {
		if !errors.Is(err, llm.ErrInvalidRequest) {
			t.Error(err)
		}
	}
	nothing := fake.Func(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, nil })
	if _, _, err := structured.Generate[answer](t.Context(), nothing, &llm.Request{Messages: []llm.Message{llm.UserText("?")}}); err == nil {
		t.Error("no answer, and no error")
	}
	if _, _, err := structured.Generate[answer](t.Context(), silent{}, &llm.Request{Messages: []llm.Message{llm.UserText("?")}}); err == nil {
		t.Error("no answer, and no error")
	}
}

// silent is a model that returns nothing at all.
type silent struct{ llm.Model }

func (silent) Generate(context.Context, *llm.Request) (*llm.Response, error) { return nil, nil }

// Partial values only ever grow: no half of a character is shown as another.
func TestPartialCharacters(t *testing.T) {
	const text = `{"text":"caf\u00e9 \ud83d\ude00 \"quoted\" \\ 日本 \ud83d"}`
	var whole answer
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	n := 0
	for u, err := range structured.Stream[answer](t.Context(), fake.New(fake.Text(text).Chunk(1)), &llm.Request{Messages: []llm.Message{llm.UserText("?")}}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; !strings.HasPrefix(whole.Text, u.Value.Text) {
			t.Errorf("update %d: %q is no start of %q", n, u.Value.Text, whole.Text)
		}
	}
	if n < 10 {
		t.Errorf("%d updates", n)
	}
}

package usage_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// Tokens of "m" cost a dollar each, or half where they are read from the cache; of "other" half
// a dollar, and a quarter for output.
var dollars = must(usage.ParsePrices(strings.NewReader(`{"models": [
	{"id": "m", "input": "1000000", "cache_read": "500000", "output": "1000000"},
	{"id": "other", "input": "500000", "output": "250000"}
]}`)))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func usd(s string) usage.USD { return usage.MustUSD(s) }

// turn is what a model does, whole or as a stream.
type turn struct {
	resp   *llm.Response
	events []llm.Event
	err    error
	panics bool
}

type scripted struct {
	info llm.Info
	turn turn
}

func (s *scripted) Info() llm.Info { return s.info }

func (s *scripted) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	if s.turn.panics {
		panic("model")
	}
	return s.turn.resp, s.turn.err
}

func (s *scripted) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for _, ev := range s.turn.events {
			if !yield(ev, nil) {
				return
			}
		}
		if s.turn.panics {
			panic("model")
		}
		if s.turn.err != nil {
			yield(nil, s.turn.err)
		}
	})
}

// answering answers each call with the same usage, at once.
func answering(u llm.Usage) llm.Model {
	return &scripted{llm.Info{Provider: "test", Model: "m"}, turn{
		resp:   &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn, Usage: u, Provider: "test", Model: "m"},
		events: []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "ok"}, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn, Usage: u, Provider: "test", Model: "m"}},
	}}
}

// ask is a request of so many bytes.
func ask(bytes, maxTokens int) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.UserText(strings.Repeat("x", bytes))}, MaxTokens: maxTokens}
}

// way is one of the two ways to call a model.
type way struct {
	name string
	call func(context.Context, llm.Model, *llm.Request) (*llm.Response, error)
}

var ways = []way{
	{"Generate", func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
		return m.Generate(ctx, req)
	}},
	{"Stream", func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
		return llm.Collect(m.Stream(ctx, req))
	}},
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b usage.USD) bool { return a == b }), cmp.Comparer(func(a, b usage.Cost) bool { return a == b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantCode(t *testing.T, err error, code llm.Code) {
	t.Helper()
	if llm.CodeOf(err) != code {
		t.Fatalf("the error is %v, want %v", err, code)
	}
}

// reserved is what is reserved of a ledger's budgets.
func reserved(l *usage.Ledger) (total usage.USD) {
	for _, b := range l.Budgets() {
		total = must(total.Add(b.Reserved))
	}
	return total
}

func tagged(t testing.TB, pairs ...string) context.Context {
	tags := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		tags[pairs[i]] = pairs[i+1]
	}
	return usage.WithTags(t.Context(), tags)
}

package llm_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// Collect(r.Events()) equals r, for every kind of response (law 3).
func TestEventsCollectToTheSame(t *testing.T) {
	for seed := range uint64(2000) {
		r := newRandom(seed).response()
		got, err := llm.Collect(r.Events())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
	}
}

// What was not whole does not become so by being streamed again.
func TestEventsOfPartialResponses(t *testing.T) {
	partial, err := llm.Collect(play(llm.ErrOverloaded, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "cut"}, &llm.PartStop{}))
	if err == nil {
		t.Fatal("no error")
	}
	again, err := llm.Collect(partial.Events())
	if llm.CodeOf(err) != llm.ErrIncomplete {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(partial, again); diff != "" {
		t.Error(diff)
	}
}

// A call that is malformed stays so, whatever its text.
func TestMalformedStaysMalformed(t *testing.T) {
	for _, text := range []string{`{"a`, `{"path":"/"}`, " ", "[1]", "…"} {
		got, err := llm.Collect((&llm.Response{Message: llm.Assistant(&llm.ToolCallPart{ID: "1", Name: "rm", Malformed: text})}).Events())
		if err != nil || got.ToolCalls()[0].Malformed == "" || got.ToolCalls()[0].Input != nil {
			t.Errorf("%q: %+v, %v", text, got.ToolCalls()[0], err)
		}
	}
}

func TestEventsOfBadResponses(t *testing.T) {
	var none *llm.Response
	for _, r := range []*llm.Response{none, {Message: llm.Assistant(nil)}, {Message: llm.Assistant((*llm.TextPart)(nil))}} {
		if _, err := llm.Collect(r.Events()); llm.CodeOf(err) != llm.ErrInternal {
			t.Errorf("%v: %v", r, err)
		}
	}
}

func TestEventsStopWhereTheLoopDoes(t *testing.T) {
	r := newRandom(3).response()
	r.Message.Content = append(r.Message.Content, &llm.TextPart{Text: "t", Citations: []llm.Citation{{}, {}}}, llm.Text("u"))
	total := 0
	for range r.Events() {
		total++
	}
	for n := 1; n <= total; n++ {
		i := 0
		for range r.Events() { // a yield after the loop was left panics
			if i++; i == n {
				break
			}
		}
	}
}

func TestOnce(t *testing.T) {
	runs := 0
	seq := llm.Once(func(yield func(llm.Event, error) bool) { runs++; yield(&llm.Finish{}, nil) })
	for _, err := range seq {
		if err != nil {
			t.Error(err)
		}
	}
	var errs []error
	for ev, err := range seq {
		if ev != nil {
			t.Errorf("an event: %v", ev)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], llm.ErrStreamReused) || !errors.Is(errs[0], llm.ErrInvalidRequest) || runs != 1 {
		t.Errorf("%v after %d runs", errs, runs)
	}
	for _, err := range llm.Once(nil) {
		if llm.CodeOf(err) != llm.ErrInternal {
			t.Error(err)
		}
	}
	// Every helper that makes a stream makes it single-use.
	for name, seq := range map[string]func() error{
		"Events": func() error {
			s := (&llm.Response{}).Events()
			_, _ = llm.Collect(s)
			_, err := llm.Collect(s)
			return err
		},
		"Tee": func() error {
			s := new(llm.Accumulator).Tee(play(nil, &llm.Finish{}))
			_, _ = llm.Collect(s)
			_, err := llm.Collect(s)
			return err
		},
	} {
		if err := seq(); !errors.Is(err, llm.ErrStreamReused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextStream(t *testing.T) {
	text := func(seq func(yield func(string, error) bool)) (s string, last error) {
		for part, err := range seq {
			s += part
			last = err
		}
		return s, last
	}
	start := &llm.PartStart{Part: &llm.TextPart{}}
	got, err := text(llm.TextStream(play(nil, start, &llm.TextDelta{Text: "a"}, &llm.TextDelta{}, &llm.ProviderDelta{Index: -1}, &llm.TextDelta{Text: "b"}, &llm.Finish{})))
	if got != "ab" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	got, err = text(llm.TextStream(play(llm.ErrOverloaded, start, &llm.TextDelta{Text: "a"})))
	if got != "a" || err != llm.ErrOverloaded {
		t.Errorf("%q, %v", got, err)
	}
	got, err = text(llm.TextStream(play(nil, start, &llm.TextDelta{Text: "cut"})))
	if got != "cut" || llm.CodeOf(err) != llm.ErrIncomplete {
		t.Errorf("%q, %v", got, err)
	}
	if _, err = text(llm.TextStream(nil)); llm.CodeOf(err) != llm.ErrInternal {
		t.Error(err)
	}
	for range llm.TextStream(play(nil, start, &llm.TextDelta{Text: "a"}, &llm.TextDelta{Text: "b"})) {
		break
	}
}

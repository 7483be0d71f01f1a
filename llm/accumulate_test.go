package llm_test

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// play is a stream of events that ends with err where it is not nil.
func play(err error, events ...llm.Event) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range events {
			if !yield(ev, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestAccumulator(t *testing.T) {
	start := func(i int, p llm.Part) llm.Event { return &llm.PartStart{Index: i, Part: p} }
	finish := &llm.Finish{StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 1}}
	call := &llm.ToolCallPart{ID: "1", Name: "f"}
	deep := `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}"
	cases := []struct {
		name   string
		events []llm.Event
		want   []llm.Part
	}{
		{"nothing", nil, nil},
		{"a call that never stops", []llm.Event{start(0, call)}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Malformed: "…"}}},
		{"invalid UTF-8", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: "{\"a\":\"\xff\"}"}, &llm.PartStop{}}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Malformed: "{\"a\":\"\uFFFD\"}…"}}},
		{"too deep", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: deep}, &llm.PartStop{}}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Malformed: deep}}},
		{"text", []llm.Event{start(0, &llm.TextPart{}), &llm.TextDelta{Text: "a"}, &llm.TextDelta{Text: "b"}}, []llm.Part{llm.Text("ab")}},
		{"split rune", []llm.Event{start(0, &llm.TextPart{}), &llm.TextDelta{Text: "\xc3"}, &llm.TextDelta{Text: "\xa9"}}, []llm.Part{llm.Text("é")}},
		{"interleaved", []llm.Event{start(0, &llm.TextPart{}), start(1, &llm.ReasoningPart{}), &llm.TextDelta{Text: "a"},
			&llm.ReasoningDelta{Index: 1, Text: "r", Signature: "s"}, &llm.TextDelta{Text: "b"}, &llm.ReasoningDelta{Index: 1, Signature: "t", Redacted: []byte{1}},
			&llm.PartStop{Index: 1, Opaque: &llm.Opaque{Provider: "p"}}},
			[]llm.Part{llm.Text("ab"), &llm.ReasoningPart{Text: "r", Signature: "st", Redacted: []byte{1}, Opaque: &llm.Opaque{Provider: "p"}}}},
		{"citation", []llm.Event{start(0, &llm.TextPart{}), &llm.CitationDelta{Citation: llm.Citation{Title: "t"}}}, []llm.Part{&llm.TextPart{Citations: []llm.Citation{{Title: "t"}}}}},
		{"media", []llm.Event{start(0, &llm.MediaPart{MediaType: "image/png", Data: []byte{1}}), &llm.MediaDelta{Data: []byte{2}}, &llm.MediaDelta{Data: []byte{3}}},
			[]llm.Part{&llm.MediaPart{MediaType: "image/png", Data: []byte{1, 2, 3}}}},
		{"media by uri", []llm.Event{start(0, &llm.MediaPart{}), &llm.MediaDelta{URI: "s3://b/k"}}, []llm.Part{&llm.MediaPart{URI: "s3://b/k"}}},
		{"whole provider part", []llm.Event{start(0, &llm.ProviderPart{Kind: "k", Data: json.RawMessage(`{}`)})}, []llm.Part{&llm.ProviderPart{Kind: "k", Data: json.RawMessage(`{}`)}}},
		{"call", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: `{"n":9223372036854`}, &llm.ToolCallDelta{Input: `775807}`}},
			[]llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{"n":9223372036854775807}`)}}},
		{"call without arguments", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: " \n"}, &llm.PartStop{}}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{}`)}}},
		{"arguments that are no object", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: `[1]`}}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Malformed: `[1]`}}},
		{"malformed call", []llm.Event{start(0, call), &llm.ToolCallDelta{Input: `{"a":`}}, []llm.Part{&llm.ToolCallPart{ID: "1", Name: "f", Malformed: `{"a":`}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := llm.Collect(play(nil, append(c.events, finish)...))
			if err != nil {
				t.Fatal(err)
			}
			want := &llm.Response{Message: llm.Message{Role: llm.RoleAssistant, Content: c.want}, StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 1}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccumulatorRefuses(t *testing.T) {
	text := &llm.PartStart{Part: &llm.TextPart{}}
	cases := []struct {
		name   string
		events []llm.Event
	}{
		{"nil event", []llm.Event{nil}},
		{"typed nil event", []llm.Event{(*llm.TextDelta)(nil)}},
		{"nil part", []llm.Event{&llm.PartStart{}}},
		{"typed nil part", []llm.Event{&llm.PartStart{Part: (*llm.TextPart)(nil)}}},
		{"index too far", []llm.Event{&llm.PartStart{Index: 1, Part: &llm.TextPart{}}}},
		{"index negative", []llm.Event{&llm.PartStart{Index: -1, Part: &llm.TextPart{}}}},
		{"started twice", []llm.Event{text, text}},
		{"text in the start", []llm.Event{&llm.PartStart{Part: llm.Text("x")}}},
		{"reasoning in the start", []llm.Event{&llm.PartStart{Part: &llm.ReasoningPart{Signature: "x"}}}},
		{"input in the start", []llm.Event{&llm.PartStart{Part: &llm.ToolCallPart{Input: json.RawMessage(`{}`)}}}},
		{"delta before start", []llm.Event{&llm.TextDelta{Text: "x"}}},
		{"delta at -1", []llm.Event{text, &llm.TextDelta{Index: -1, Text: "x"}}},
		{"delta far off", []llm.Event{text, &llm.ToolCallDelta{Index: 1 << 40}}},
		{"delta after stop", []llm.Event{text, &llm.PartStop{}, &llm.TextDelta{Text: "x"}}},
		{"stopped twice", []llm.Event{text, &llm.PartStop{}, &llm.PartStop{}}},
		{"wrong delta", []llm.Event{text, &llm.ReasoningDelta{Text: "x"}}},
		{"wrong citation", []llm.Event{&llm.PartStart{Part: &llm.MediaPart{}}, &llm.CitationDelta{}}},
		{"wrong media", []llm.Event{text, &llm.MediaDelta{}}},
		{"wrong input", []llm.Event{text, &llm.ToolCallDelta{}}},
		{"event after finish", []llm.Event{&llm.Finish{}, text}},
		{"finished twice", []llm.Event{&llm.Finish{}, &llm.Finish{}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := llm.Collect(play(nil, c.events...))
			if llm.CodeOf(err) != llm.ErrMalformedOutput {
				t.Errorf("Collect: %v", err)
			}
			var acc llm.Accumulator
			var last error
			for _, err := range acc.Tee(play(nil, c.events...)) {
				last = err
			}
			if llm.CodeOf(last) != llm.ErrMalformedOutput {
				t.Errorf("Tee: %v", last)
			}
		})
	}
}

func TestPartialResponse(t *testing.T) {
	boom := &llm.Error{Code: llm.ErrOverloaded}
	got, err := llm.Collect(play(boom,
		&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 7}},
		&llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "so far"}, &llm.PartStop{},
		&llm.PartStart{Index: 1, Part: &llm.ToolCallPart{ID: "1", Name: "f"}}, &llm.ToolCallDelta{Index: 1, Input: `12`},
		&llm.PartStart{Index: 2, Part: &llm.ToolCallPart{ID: "2", Name: "f"}}, &llm.ToolCallDelta{Index: 2, Input: `{"a":1}`},
		&llm.PartStart{Index: 3, Part: &llm.ToolCallPart{ID: "3", Name: "f"}},
	))
	if !errors.Is(err, llm.ErrOverloaded) {
		t.Fatal(err)
	}
	// An object that is closed cannot go on. A call without arguments yet must not look
	// like one that takes none.
	want := &llm.Response{
		Message: llm.Assistant(llm.Text("so far"), &llm.ToolCallPart{ID: "1", Name: "f", Malformed: "12"},
			&llm.ToolCallPart{ID: "2", Name: "f", Input: json.RawMessage(`{"a":1}`)}, &llm.ToolCallPart{ID: "3", Name: "f", Malformed: "…"}),
		Usage: llm.Usage{InputTokens: 7, Estimated: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	got, err = llm.Collect(play(boom))
	if got != nil || err == nil {
		t.Errorf("nothing arrived: %v, %v", got, err)
	}
	got, err = llm.Collect(play(nil, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "cut"}))
	if llm.CodeOf(err) != llm.ErrIncomplete || got.Text() != "cut" || !llm.IsRetryable(err) {
		t.Errorf("a stream without finish: %v, %v", got, err)
	}
	if got, err = llm.Collect(nil); got != nil || llm.CodeOf(err) != llm.ErrInternal {
		t.Errorf("nil stream: %v, %v", got, err)
	}
}

func TestUnmappedEventsWarnOnceAKind(t *testing.T) {
	got, err := llm.Collect(play(nil,
		&llm.ProviderDelta{Index: -1, Provider: "p", Kind: "a"}, &llm.ProviderDelta{Index: -1, Provider: "p", Kind: "a"},
		&llm.ProviderDelta{Index: -1, Provider: "p", Kind: "b"},
		&llm.Finish{Warnings: []llm.Warning{{Code: llm.WarningDropped}}}))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, w := range got.Warnings {
		codes = append(codes, string(w.Code)+":"+w.Field)
	}
	if s := strings.Join(codes, " "); s != "dropped: unmapped:a unmapped:b" {
		t.Error(s)
	}
}

// What a snapshot holds is the caller's: later events do not change it, nor do
// changes to it reach the accumulator.
func TestSnapshotsAreSeparate(t *testing.T) {
	var acc llm.Accumulator
	add := func(ev llm.Event) {
		t.Helper()
		if err := acc.Add(ev); err != nil {
			t.Fatal(err)
		}
	}
	add(&llm.PartStart{Part: &llm.ReasoningPart{Opaque: &llm.Opaque{Provider: "p"}}})
	add(&llm.ReasoningDelta{Text: "a", Redacted: []byte{1}})
	first := acc.Response()
	p := first.Message.Content[0].(*llm.ReasoningPart)
	p.Text, p.Opaque.Provider = "changed", "changed"
	p.Redacted = append(p.Redacted, 99)
	add(&llm.ReasoningDelta{Text: "b", Redacted: []byte{2}})
	want := &llm.ReasoningPart{Text: "ab", Redacted: []byte{1, 2}, Opaque: &llm.Opaque{Provider: "p"}}
	if diff := cmp.Diff(llm.Part(want), acc.Response().Message.Content[0]); diff != "" {
		t.Error(diff)
	}
	if p.Text != "changed" || p.Redacted[1] != 99 {
		t.Error("the snapshot changed")
	}
}

// Events and their parts never change once yielded (law 11).
func TestAccumulatorLeavesEventsAlone(t *testing.T) {
	data := make([]byte, 1, 8)
	part := &llm.MediaPart{MediaType: "image/png", Data: data}
	events := []llm.Event{
		&llm.PartStart{Part: part}, &llm.MediaDelta{Data: []byte{2}}, &llm.PartStop{Opaque: &llm.Opaque{Provider: "p"}},
		&llm.PartStart{Index: 1, Part: &llm.TextPart{}}, &llm.CitationDelta{Index: 1, Citation: llm.Citation{Title: "t"}}, &llm.Finish{},
	}
	before, _ := json.Marshal(events)
	if _, err := llm.Collect(play(nil, events...)); err != nil {
		t.Fatal(err)
	}
	after, _ := json.Marshal(events)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Error(diff)
	}
	if data[:2][1] != 0 {
		t.Error("the event's array was written to")
	}
}

func TestTee(t *testing.T) {
	var acc llm.Accumulator
	var text strings.Builder
	for s, err := range llm.TextStream(acc.Tee((&llm.Response{Message: llm.AssistantText("hello")}).Events())) {
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(s)
	}
	if text.String() != "hello" || acc.Response().Text() != "hello" {
		t.Errorf("%q and %q", text.String(), acc.Response().Text())
	}
	for _, err := range acc.Tee(nil) {
		if llm.CodeOf(err) != llm.ErrInternal {
			t.Error(err)
		}
	}
	// Leaving the loop leaves the one below.
	left := false
	seq := func(yield func(llm.Event, error) bool) {
		left = !yield(&llm.UsageUpdate{}, nil)
	}
	for range new(llm.Accumulator).Tee(seq) {
		break
	}
	if !left {
		t.Error("the inner loop went on")
	}
}

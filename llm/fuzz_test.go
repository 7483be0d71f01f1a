package llm_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// What loads can be saved, and the second save equals the first.
func FuzzParts(f *testing.F) {
	for _, s := range []string{
		`[]`, `null`, `[{"type":"text","text":"x"}]`, `[{"type":"hologram","v":1,"deep":{"a":[1,2.50]}}]`,
		`[{"type":"tool_call","id":"1","name":"w","input":{"n":9223372036854775807,"x":1.50}}]`,
		`[{"type":"tool_result","call_id":"1","content":[{"type":"text"},{"type":"new","a":"<&>"}],"is_error":true}]`,
		`[{"type":"cache_point","ttl":"1h0m0s"}]`, `[{"type":"provider","kind":"k","data":{"type":"k"}}]`, `[{"Type":"x"}]`, `[{"type":"x","type":"text"}]`,
		`[{"type":"reasoning","redacted":"AQID","opaque":{"provider":"p","data":null}}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var ps llm.Parts
		if json.Unmarshal(in, &ps) != nil {
			return
		}
		first, err := json.Marshal(ps)
		if err != nil {
			t.Fatalf("loaded %q and cannot save it: %v", in, err)
		}
		var again llm.Parts
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("saved %q and cannot load it: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
		_ = llm.User(ps...).Clone()
		_ = (&llm.Request{Messages: []llm.Message{llm.User(ps...)}}).Validate()
	})
}

// seedEvents adds the events of the storage fixtures.
func seedEvents(f *testing.F, add func(json.RawMessage)) {
	b, err := os.ReadFile("testdata/v0.1/events.json")
	if err != nil {
		f.Fatal(err)
	}
	var events []json.RawMessage
	if err := json.Unmarshal(b, &events); err != nil {
		f.Fatal(err)
	}
	for _, ev := range events {
		add(ev)
	}
}

func FuzzEvent(f *testing.F) {
	seedEvents(f, func(ev json.RawMessage) { f.Add([]byte(ev)) })
	f.Add([]byte(`{"type":"new","a":[1.50]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		ev, err := llm.UnmarshalEvent(in)
		if err != nil {
			return
		}
		first, err := json.Marshal(ev)
		if err != nil {
			t.Fatalf("loaded %q and cannot save it: %v", in, err)
		}
		again, err := llm.UnmarshalEvent(first)
		if err != nil {
			t.Fatalf("saved %q and cannot load it: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
	})
}

// Any sequence of events is taken or refused; what is taken makes a response that
// streams to the same response again, and to an error where it is not whole.
func FuzzAccumulator(f *testing.F) {
	var all []byte
	seedEvents(f, func(ev json.RawMessage) {
		all = append(append(all, ev...), '\n')
		f.Add(append([]byte(`{"type":"part_start","part":{"type":"text"}}`+"\n"), ev...))
	})
	f.Add(all)
	f.Add([]byte(`{"type":"part_start","part":{"type":"tool_call","id":"1"}}
{"type":"tool_call_delta","input":"{\"a\""}
{"type":"finish"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var acc llm.Accumulator
		for line := range bytes.Lines(in) {
			ev, err := llm.UnmarshalEvent(line)
			if err != nil {
				continue
			}
			if err := acc.Add(ev); err != nil && llm.CodeOf(err) != llm.ErrMalformedOutput {
				t.Fatalf("%v", err)
			}
		}
		r := acc.Response()
		for _, call := range r.ToolCalls() {
			if (call.Input == nil) == (call.Malformed == "") || call.Input != nil && !json.Valid(call.Input) {
				t.Fatalf("input %q, malformed %q", call.Input, call.Malformed)
			}
		}
		again, err := llm.Collect(r.Events())
		if whole := r.StopReason != "" || !r.Usage.Estimated; whole != (err == nil) {
			t.Fatal(err)
		}
		if err != nil {
			r.Warnings = nil // they come with the finish only
		}
		if a, b := mustJSON(t, r), mustJSON(t, again); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}

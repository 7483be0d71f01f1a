package llm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

var update = flag.Bool("update", false, "write the golden files of this release")

// release names the fixtures that this release writes; those of earlier ones stay.
const release = "v0.1"

// everything is a value of each kind with every field set.
func everything() (*llm.Request, *llm.Response, []llm.Event) {
	opaque := &llm.Opaque{Provider: "aws.bedrock", Model: "m", Data: json.RawMessage(`{"b":1.50,"a":"<&>"}`)}
	cite := llm.Citation{Kind: "document_page", Title: "t", Source: "s", URL: "https://example.com", Text: "x", Document: new(0), Start: new(1), End: new(2), Data: json.RawMessage(`[]`)}
	answer := llm.Assistant(
		&llm.ReasoningPart{Text: "r", Signature: "s", Redacted: []byte{1, 2}, Opaque: opaque},
		&llm.TextPart{Text: "a \"b\" <c> \u2028", Citations: []llm.Citation{cite}, Opaque: opaque},
		&llm.MediaPart{MediaType: "image/png", Data: []byte{1, 2, 3}, Opaque: opaque},
		&llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{"z":9223372036854775807,"a":1.50}`), Opaque: opaque},
		&llm.ToolCallPart{ID: "2", Name: "f", Malformed: `{"z":`},
		&llm.ProviderPart{Provider: "aws.bedrock", Kind: "guardContent", Data: json.RawMessage(`{"text":{"text":"x"}}`)},
	)
	question := llm.User(
		&llm.MediaPart{MediaType: "video/mp4", URI: "s3://b/k"},
		&llm.DocumentPart{Name: "n", MediaType: "application/pdf", Data: []byte{4}, URI: "s3://b/d", Text: "t", Context: "c", Cite: true},
		&llm.ToolResultPart{CallID: "1", Name: "f", Content: []llm.Part{llm.Text("ok"), llm.Image("image/gif", []byte{5})}, IsError: true},
		&llm.CachePointPart{TTL: time.Hour}, llm.CachePoint(),
	)
	req := &llm.Request{
		System: []llm.Part{llm.Text("s")}, Messages: []llm.Message{question, answer, llm.System(llm.Text("now"))},
		Tools: []llm.Tool{{Name: "f", Description: "d", Schema: json.RawMessage(`{"type":"object"}`), Strict: true, Cache: &llm.CachePointPart{TTL: time.Hour}},
			{Name: "g", Provider: "aws.bedrock", Kind: "systemTool", Config: json.RawMessage(`{}`)}},
		ToolChoice: llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "f", Single: true},
		MaxTokens:  1, Temperature: new(0.0), TopP: new(0.5), TopK: new(2), StopSequences: []string{"END"},
		Output:    &llm.OutputFormat{Name: "n", Description: "d", Schema: json.RawMessage(`{"type":"object"}`)},
		Reasoning: &llm.Reasoning{Effort: llm.EffortHigh, BudgetTokens: 3}, Metadata: map[string]string{"b": "2", "a": "1"},
	}
	usage := llm.Usage{InputTokens: 1, OutputTokens: 2, CacheReadTokens: 3, CacheWriteTokens: 4, CacheWrite1hTokens: 5, ReasoningTokens: 6, ServiceTier: "flex", Estimated: true}
	warnings := []llm.Warning{{Code: llm.WarningDropped, Field: "top_k", Message: "m"}}
	resp := &llm.Response{Message: answer, StopReason: llm.StopToolUse, RawStopReason: "tool_use", Usage: usage, Provider: "aws.bedrock", Model: "m", RequestID: "r",
		Latency: 1500 * time.Millisecond, Warnings: warnings}
	events := []llm.Event{
		&llm.UsageUpdate{Usage: usage},
		&llm.PartStart{Part: &llm.TextPart{}}, &llm.PartStart{Index: 1, Part: &llm.ToolCallPart{ID: "1", Name: "f", Opaque: opaque}},
		&llm.TextDelta{Index: 1, Text: "t"}, &llm.TextDelta{Text: "t"},
		&llm.ReasoningDelta{Index: 1, Text: "t", Signature: "s", Redacted: []byte{1}},
		&llm.ToolCallDelta{Index: 1, Input: `{"a`}, &llm.CitationDelta{Index: 1, Citation: cite}, &llm.MediaDelta{Index: 1, Data: []byte{1}, URI: "u"},
		&llm.ProviderDelta{Index: -1, Provider: "p", Kind: "k", Data: json.RawMessage(`{"x":1}`)},
		&llm.PartStop{Index: 1, Opaque: opaque},
		&llm.Finish{StopReason: llm.StopToolUse, RawStopReason: "tool_use", Usage: usage, Provider: "aws.bedrock", Model: "m", RequestID: "r", Latency: time.Second, Warnings: warnings},
	}
	return req, resp, events
}

// A fixture that sets every field notices the field that is added to a type later.
func TestEverythingIsSet(t *testing.T) {
	req, resp, events := everything()
	seen := map[reflect.Type]map[string]bool{}
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				visit(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i))
			}
		case reflect.Struct:
			set := seen[v.Type()]
			if set == nil {
				set = map[string]bool{}
				seen[v.Type()] = set
			}
			for i := range v.NumField() {
				set[v.Type().Field(i).Name] = set[v.Type().Field(i).Name] || !v.Field(i).IsZero()
				visit(v.Field(i))
			}
		}
	}
	visit(reflect.ValueOf(req))
	visit(reflect.ValueOf(resp))
	visit(reflect.ValueOf(events))
	for typ, fields := range seen {
		for name, set := range fields {
			if !set && name != "Raw" && name != "Options" {
				t.Errorf("%v.%s is set nowhere: set it in everything, and run the tests with -update", typ, name)
			}
		}
	}
}

// What this release saves is what it has always saved, and what any release saved
// loads and saves as it was.
func TestStorageFormat(t *testing.T) {
	req, resp, events := everything()
	for name, v := range map[string]any{"request": req, "response": resp, "events": events} {
		path := filepath.Join("testdata", release, name+".json")
		got, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(got, '\n'), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("%s: the storage format changed:\n%s", name, diff)
		}
	}

	load := map[string]func([]byte) (any, error){
		"request.json":  func(b []byte) (any, error) { v := new(llm.Request); return v, json.Unmarshal(b, v) },
		"response.json": func(b []byte) (any, error) { v := new(llm.Response); return v, json.Unmarshal(b, v) },
		"events.json": func(b []byte) (any, error) {
			var raw []json.RawMessage
			if err := json.Unmarshal(b, &raw); err != nil {
				return nil, err
			}
			var events []llm.Event
			for _, b := range raw {
				ev, err := llm.UnmarshalEvent(b)
				if err != nil {
					return nil, err
				}
				events = append(events, ev)
			}
			return events, nil
		},
	}
	files, _ := filepath.Glob("testdata/v*/*.json")
	if len(files) < len(load) {
		t.Fatalf("only %v", files)
	}
	for _, path := range files {
		in, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := load[filepath.Base(path)](in)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(in), string(out)+"\n"); diff != "" {
			t.Errorf("%s saves differently:\n%s", path, diff)
		}
		want := map[string]any{"request.json": req, "response.json": resp, "events.json": events}[filepath.Base(path)]
		if strings.Contains(path, release+string(filepath.Separator)) {
			if diff := cmp.Diff(want, v, sameJSON); diff != "" {
				t.Errorf("%s loads differently:\n%s", path, diff)
			}
		}
	}
}

// sameJSON compares raw JSON up to white space and the escapes of encoding/json.
var sameJSON = cmp.Comparer(func(a, b json.RawMessage) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
})

func TestRandomRoundTrips(t *testing.T) {
	for seed := range uint64(1000) {
		r := newRandom(seed)
		req, resp := r.request(), r.response()
		for _, pair := range []struct{ in, out any }{{req, new(llm.Request)}, {resp, new(llm.Response)}} {
			first, err := json.Marshal(pair.in)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := json.Unmarshal(first, pair.out); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, first)
			}
			if diff := cmp.Diff(pair.in, pair.out, sameJSON); diff != "" {
				t.Fatalf("seed %d:\n%s", seed, diff)
			}
			second, err := json.Marshal(pair.out)
			if err != nil || !bytes.Equal(first, second) {
				t.Fatalf("seed %d: %v\n%s\n%s", seed, err, first, second)
			}
		}
		for ev, err := range resp.Events() {
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(ev)
			if err != nil {
				t.Fatal(err)
			}
			again, err := llm.UnmarshalEvent(b)
			if err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			if diff := cmp.Diff(ev, again, sameJSON); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

func TestUnknownKinds(t *testing.T) {
	in := `[{"type":"hologram","v":1,"deep":{"a":[1,2.50]}},{"type":"text","text":"x"}]`
	var ps llm.Parts
	if err := json.Unmarshal([]byte(in), &ps); err != nil {
		t.Fatal(err)
	}
	p, ok := ps[0].(*llm.ProviderPart)
	if !ok || p.Kind != "hologram" || p.Provider != "" {
		t.Errorf("loaded as %#v", ps[0])
	}
	if out, err := json.Marshal(ps); err != nil || string(out) != in {
		t.Errorf("%s, %v", out, err)
	}
	// A part of nobody's that is not such an object must load again all the same.
	for _, data := range []string{`{}`, `{"type":"text","text":"x"}`, `[1]`, `null`} {
		out, err := json.Marshal(llm.Parts{&llm.ProviderPart{Kind: "k", Data: json.RawMessage(data)}})
		if err != nil {
			t.Fatal(err)
		}
		var back llm.Parts
		if err := json.Unmarshal(out, &back); err != nil {
			t.Errorf("%s: %v", out, err)
		}
		if diff := cmp.Diff(llm.Part(&llm.ProviderPart{Kind: "k", Data: json.RawMessage(data)}), back[0]); diff != "" {
			t.Error(diff)
		}
	}

	ev, err := llm.UnmarshalEvent([]byte(`{"type":"applause","loud":true}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &llm.ProviderDelta{Index: -1, Kind: "applause", Data: json.RawMessage(`{"type":"applause","loud":true}`)}
	if diff := cmp.Diff(llm.Event(want), ev); diff != "" {
		t.Error(diff)
	}
	if out, err := json.Marshal(ev); err != nil || string(out) != string(want.Data) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`[{"text":"SECRET"}]`, "[0]: an object without a type"},
		{`[{"type":"text"},{"type":7}]`, "[1]: not in the storage format"},
		{`[null]`, "[0]: an object without a type"},
		{`["SECRET"]`, "[0]: not in the storage format"},
		{`{"SECRET":1}`, "not in the storage format"},
		{`[{"type":"tool_result","content":[{"type":"text"},{"x":1}]}]`, "[0]: content[1]: an object without a type"},
		{`[{"type":"tool_result","content":[{"type":"tool_result"}]}]`, "[0]: content[0]: a tool result within a tool result"},
		{`[{"type":"tool_result","is_error":12345}]`, "[0]: not in the storage format: is_error is a number"},
		{`[{"type":"text","text":{"SECRET":1}}]`, "[0]: not in the storage format"},
		{`[{"type":"cache_point","ttl":"SECRET"}]`, "[0]: not in the storage format"},
		{`[{"type":"tool_call","id":"x","name":"rm","type":"future"}]`, "[0]: an object with more than one type"},
		{`[{ "type":"tool_call","id":"x","name":"rm","\u0074ype":"future"}]`, "[0]: an object with more than one type"},
		{`[{"type":"future","TYPE":"tool_call"}]`, "[0]: an object with more than one type"},
		{`[{"Type":"future"}]`, "[0]: an object with more than one type"},
	} {
		var ps llm.Parts
		err := json.Unmarshal([]byte(c.in), &ps)
		if llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", c.in, err)
		}
	}
	for _, c := range []struct{ in, want string }{
		{`{"system":[7]}`, "system[0]: not in the storage format"},
		{`{"messages":[{"role":"user"},{"content":[{"type":"text"},{}]}]}`, "messages[1]: content[1]: an object without a type"},
		{`{"messages":[{"role":7}]}`, "messages[0]: not in the storage format: role is a number"},
		{`{"max_tokens":"SECRET"}`, "not in the storage format: max_tokens is a string"},
	} {
		r := &llm.Request{MaxTokens: 5, Temperature: new(0.5)}
		if err := json.Unmarshal([]byte(c.in), r); llm.CodeOf(err) != llm.ErrInvalidRequest || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", c.in, err)
		}
		if r.MaxTokens != 5 || len(r.Messages) > 0 {
			t.Errorf("%s: half a request is left: %+v", c.in, r)
		}
	}
	for _, in := range []string{``, `{`, `null`, `7`, `{"type":""}`, `{"type":"part_start"}`, `{"type":"part_start","part":null}`, `{"type":"part_start","part":{"type":7}}`, `{"type":"finish","latency":"x"}`} {
		if ev, err := llm.UnmarshalEvent([]byte(in)); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("%s: %v, %v", in, ev, err)
		}
	}
}

func TestSaveRefusesNilParts(t *testing.T) {
	for _, v := range []any{llm.Parts{nil}, llm.User((*llm.TextPart)(nil)), llm.ToolResult("1", nil), &llm.PartStart{},
		&llm.Request{System: []llm.Part{nil}}, &llm.Response{Message: llm.User(nil)}} {
		if _, err := json.Marshal(v); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, v := range []any{(*llm.TextPart)(nil), (*llm.Finish)(nil), (*llm.Request)(nil), (*llm.Response)(nil)} {
		if b, err := json.Marshal(v); err != nil || string(b) != "null" {
			t.Errorf("%T: %s, %v", v, b, err)
		}
	}
}

// No history becomes unsaveable, whatever an application has put into it.
// What is of no known type must not become one by being saved.
func TestProviderPartsStayWhatTheyAre(t *testing.T) {
	data := json.RawMessage(`{"type":"tool_call","id":"x","name":"rm","input":{"path":"/"}}`)
	p := &llm.ProviderPart{Kind: "tool_call", Data: data}
	b, err := json.Marshal(llm.Parts{p})
	var got llm.Parts
	if err := errors.Join(err, json.Unmarshal(b, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(llm.Parts{p}, got); diff != "" {
		t.Error(diff)
	}
	ev := &llm.ProviderDelta{Index: -1, Kind: "finish", Data: json.RawMessage(`{"type":"finish"}`)}
	b, err = json.Marshal(ev)
	again, err2 := llm.UnmarshalEvent(b)
	if diff := cmp.Diff(llm.Event(ev), again); errors.Join(err, err2) != nil || diff != "" {
		t.Error(err, err2, diff)
	}
}

// Whatever a file says of a call, one of input and malformed is left of it.
func TestStoredCallsAreValid(t *testing.T) {
	for in, want := range map[string]*llm.ToolCallPart{
		`"input":null`:                               {},
		`"input":5`:                                  {Malformed: "5"},
		`"input":5,"malformed":"orig"`:               {Malformed: "orig"},
		`"input":{},"malformed":"{\"a\":"`:           {Malformed: `{"a":`},
		`"malformed":"{}"`:                           {Malformed: "{}…"},
		"\"input\":{\"a\":1}":                        {Input: json.RawMessage(`{"a":1}`)},
		"\"malformed\":\"{\\\"a\\\":\\\"\xff\\\"}\"": {Malformed: "{\"a\":\"\uFFFD\"}…"},
	} {
		var ps llm.Parts
		if err := json.Unmarshal([]byte(`[{"type":"tool_call","id":"1","name":"f",`+in+`}]`), &ps); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		want.ID, want.Name = "1", "f"
		if diff := cmp.Diff(llm.Parts{want}, ps); diff != "" {
			t.Errorf("%s:\n%s", in, diff)
		}
		if err := (&llm.Request{Messages: []llm.Message{llm.Assistant(ps...)}}).Validate(); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestBrokenInputIsSavedAsMalformed(t *testing.T) {
	call := &llm.ToolCallPart{ID: "1", Name: "f", Input: json.RawMessage(`{"a`)}
	b, err := json.Marshal(call)
	if err != nil || string(b) != `{"type":"tool_call","id":"1","name":"f","malformed":"{\"a"}` {
		t.Errorf("%s, %v", b, err)
	}
	if string(call.Input) != `{"a` {
		t.Error("the part changed")
	}
}

// Loading into a request replaces it, and does not write through what it shares.
func TestLoadReplaces(t *testing.T) {
	a := llm.Request{MaxTokens: 5, Temperature: new(0.5), Messages: []llm.Message{llm.UserText("x")}}
	b := a
	if err := json.Unmarshal([]byte(`{"temperature":0.9}`), &b); err != nil {
		t.Fatal(err)
	}
	if *a.Temperature != 0.5 || b.MaxTokens != 0 || b.Messages != nil || *b.Temperature != 0.9 {
		t.Errorf("%v %+v", *a.Temperature, b)
	}
}

// Values encode as pointers do, so that a struct of one's own may hold either.
func TestValuesEncodeToo(t *testing.T) {
	req, resp, _ := everything()
	for _, pair := range [][2]any{{req, *req}, {resp, *resp}, {llm.Text("x"), *llm.Text("x")}, {&llm.TextDelta{Text: "x"}, llm.TextDelta{Text: "x"}}} {
		a, err1 := json.Marshal(pair[0])
		b, err2 := json.Marshal(pair[1])
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s\n%s\n%v %v", a, b, err1, err2)
		}
	}
}

// Options keep their JSON until their type is known.
func TestStoredOptions(t *testing.T) {
	in := `{"max_tokens":1,"options":[{"provider":"acme","options":{"turbo":true}}]}`
	b, err := json.Marshal(&llm.Request{MaxTokens: 1, Options: []llm.ProviderOptions{nil, &acmeOptions{Turbo: true}}})
	if err != nil || string(b) != in {
		t.Fatalf("%s, %v", b, err)
	}
	var back llm.Request
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if o, ok, err := llm.OptionsFor[*acmeOptions](&back); !ok || err != nil || !o.Turbo {
		t.Errorf("%v, %v, %v", o, ok, err)
	}
	if _, ok, err := llm.OptionsFor[*options](&back); ok || err != nil {
		t.Errorf("another provider's: %v, %v", ok, err)
	}
	if b, err := json.Marshal(back); err != nil || string(b) != in {
		t.Errorf("saved again: %s, %v", b, err)
	}
	// What the type does not know may matter, and is not dropped.
	for _, bad := range []string{`{"turbo":true,"new":1}`, `{"turbo":"SECRET"}`, `null`, `7`} {
		var r llm.Request
		if err := json.Unmarshal([]byte(`{"options":[{"provider":"acme","options":`+bad+`}]}`), &r); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := llm.OptionsFor[*acmeOptions](&r); ok || llm.CodeOf(err) != llm.ErrInvalidRequest || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v, %v", bad, ok, err)
		}
		r.SetOptions(&acmeOptions{})
		if _, ok, err := llm.OptionsFor[*acmeOptions](&r); !ok || err != nil {
			t.Errorf("set again: %v, %v", ok, err)
		}
	}
}

// The answer's fields are the same whole and streamed.
func TestFinishHasTheFieldsOfResponse(t *testing.T) {
	var want []string
	resp, finish := reflect.TypeFor[llm.Response](), reflect.TypeFor[llm.Finish]()
	for i := range resp.NumField() {
		if f := resp.Field(i); f.Name != "Message" {
			want = append(want, f.Name+" "+f.Type.String())
		}
	}
	var got []string
	for i := range finish.NumField() {
		got = append(got, finish.Field(i).Name+" "+finish.Field(i).Type.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

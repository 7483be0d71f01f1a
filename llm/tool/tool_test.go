package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

type weatherIn struct {
	City string `json:"city" minLength:"2"`
	Days *int   `json:"days,omitempty"`
}

type weatherOut struct {
	Celsius float64 `json:"celsius"`
}

func weather(_ context.Context, in weatherIn) (weatherOut, error) { return weatherOut{4}, nil }

// run runs one call and returns what the model reads and the error.
func run(t *testing.T, tl tool.Tool, input string, opts *tool.Options) (*llm.ToolResultPart, error) {
	t.Helper()
	set, err := tool.NewSet(tl)
	if err != nil {
		t.Fatal(err)
	}
	call := &llm.ToolCallPart{ID: "c1", Name: tl.Spec().Name, Input: json.RawMessage(input)}
	for result, err := range set.Run(t.Context(), opts, call) {
		return result, err
	}
	t.Fatal("no result")
	return nil, nil
}

func text(r *llm.ToolResultPart) string {
	var all []string
	for _, p := range r.Content {
		if p, ok := p.(*llm.TextPart); ok {
			all = append(all, p.Text)
		}
	}
	return strings.Join(all, "|")
}

func TestNew(t *testing.T) {
	w := tool.New("weather", "current weather", weather)
	want := `{"type":"object","properties":{"city":{"type":"string","minLength":2},"days":{"type":"integer"}},"required":["city"],"additionalProperties":false}`
	if spec := w.Spec(); spec.Name != "weather" || spec.Description != "current weather" || string(spec.Schema) != want {
		t.Errorf("spec: %+v", spec)
	}
	for input, c := range map[string]struct{ told, err string }{
		`{"city":"Oslo"}`:             {told: `{"celsius":4}`},
		`{"city":"Oslo","days":null}`: {told: `{"celsius":4}`},
		`{"city":"O"}`:                {`"O" contains 1 Unicode code points, fewer than 2`, `minLength of its schema at /properties/city`},
		`{}`:                          {`missing properties: ["city"]`, `required of its schema`},
		``:                            {`missing properties: ["city"]`, `required of its schema`},
		`{"city":"Oslo","day":1}`:     {`unexpected additional properties ["day"]`, `additionalProperties`},
		`{"days":"secret"}`:           {"required: missing properties: [\"city\"]\n.days: type: secret has type", `required of its schema`},
		`[1]`:                         {`has type "array", want "object"`, `type of its schema`},
		`{"city":"secret`:             {`not valid JSON`, `not valid JSON`},
		`{"city":"Oslo","days":1e99}`: {`cannot be read`, `cannot be read`},
	} {
		r, err := run(t, w, input, nil)
		if r.CallID != "c1" || r.Name != "weather" || r.IsError != (c.err != "") || !strings.Contains(text(r), c.told) {
			t.Errorf("%s: the model reads %+v %q", input, r, text(r))
		}
		if (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: error %v, want %q", input, err, c.err)
		}
	}
}

func TestResults(t *testing.T) {
	image := llm.Image("image/png", []byte("png"))
	for name, c := range map[string]struct {
		tool tool.Tool
		want []llm.Part
	}{
		"string":     {tool.New("t", "", func(context.Context, struct{}) (string, error) { return "words", nil }), []llm.Part{llm.Text("words")}},
		"nothing":    {tool.New("t", "", func(context.Context, struct{}) (string, error) { return "", nil }), nil},
		"nil":        {tool.New("t", "", func(context.Context, struct{}) (any, error) { return nil, nil }), nil},
		"part":       {tool.New("t", "", func(context.Context, struct{}) (*llm.MediaPart, error) { return image, nil }), []llm.Part{image}},
		"nil part":   {tool.New("t", "", func(context.Context, struct{}) (*llm.MediaPart, error) { return nil, nil }), nil},
		"parts":      {tool.New("t", "", func(context.Context, struct{}) ([]llm.Part, error) { return []llm.Part{image, nil, llm.Text("x")}, nil }), []llm.Part{image, llm.Text("x")}},
		"nil struct": {tool.New("t", "", func(context.Context, struct{}) (*weatherOut, error) { return nil, nil }), nil},
		"markup":     {tool.New("t", "", func(context.Context, struct{}) ([]string, error) { return []string{"<b> & co"}, nil }), []llm.Part{llm.Text(`["<b> & co"]`)}},
		"json":       {tool.New("t", "", func(context.Context, struct{}) (json.RawMessage, error) { return json.RawMessage(`{"n":1}`), nil }), []llm.Part{llm.Text(`{"n":1}`)}},
		"no struct":  {tool.New("t", "", func(_ context.Context, in map[string]int) (int, error) { return len(in), nil }), []llm.Part{llm.Text("0")}},
	} {
		r, err := run(t, c.tool, `{}`, nil)
		if err != nil || r.IsError {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(llm.Parts(c.want), llm.Parts(r.Content), cmp.Comparer(sameParts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func sameParts(a, b llm.Parts) bool {
	x, _ := json.Marshal(append(llm.Parts{}, a...))
	y, _ := json.Marshal(append(llm.Parts{}, b...))
	return string(x) == string(y)
}

// What the model reads of a failure, and what the program gets.
func TestErrors(t *testing.T) {
	cause := errors.New("password of the database")
	failing := func(f func() error) tool.Tool {
		return tool.New("t", "", func(context.Context, struct{}) (string, error) { return "lost", f() })
	}
	for name, c := range map[string]struct {
		tool tool.Tool
		opts *tool.Options
		told string
		is   func(error) bool
	}{
		"hidden": {failing(func() error { return cause }), nil, "the tool failed", func(err error) bool { return errors.Is(err, cause) }},
		"shown":  {failing(func() error { return cause }), &tool.Options{ShowErrors: true}, cause.Error(), func(err error) bool { return errors.Is(err, cause) }},
		"told":   {failing(func() error { return tool.Errorf("no such city: %w", cause) }), nil, "no such city: " + cause.Error(), func(err error) bool { return errors.Is(err, cause) }},
		"kept":   {failing(func() error { return &tool.Error{Message: "no such city", Err: cause} }), nil, "no such city", func(err error) bool { return errors.Is(err, cause) }},
		"panic": {failing(func() error { panic(cause) }), nil, "the tool failed", func(err error) bool {
			p, ok := errors.AsType[*tool.PanicError](err)
			return ok && p.Value == cause && len(p.Stack) > 0 && !strings.Contains(err.Error(), "password")
		}},
		"goexit": {failing(func() error { runtime.Goexit(); return nil }), nil, "the tool failed", func(err error) bool {
			_, ok := errors.AsType[*tool.PanicError](err)
			return ok
		}},
		"not JSON": {tool.New("t", "", func(context.Context, struct{}) (func(), error) { return func() {}, nil }), nil, "the tool failed", func(err error) bool {
			return strings.Contains(err.Error(), "does not encode")
		}},
	} {
		r, err := run(t, c.tool, `{}`, c.opts)
		if !r.IsError || text(r) != c.told {
			t.Errorf("%s: the model reads %q, want %q", name, text(r), c.told)
		}
		if err == nil || !c.is(err) {
			t.Errorf("%s: error %#v", name, err)
		}
	}
}

func TestNewPanics(t *testing.T) {
	for want, f := range map[string]func(){
		"func":           func() { tool.New("t", "", func(context.Context, struct{ F func() }) (int, error) { return 0, nil }) },
		"JSON object":    func() { tool.New("t", "", func(context.Context, string) (int, error) { return 0, nil }) },
		"a name":         func() { tool.New("", "", weather) },
		"and a function": func() { tool.New[weatherIn, weatherOut]("t", "", nil) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, want) {
					t.Errorf("panic %q, want %q", p, want)
				}
			}()
			f()
		}()
	}
}

func TestRaw(t *testing.T) {
	echo := func(_ context.Context, input json.RawMessage) ([]llm.Part, error) {
		return []llm.Part{llm.Text(string(input))}, nil
	}
	spec := llm.Tool{Name: "echo", Schema: json.RawMessage(`{"type":"object","required":["a"]}`)}
	e, err := tool.Raw(spec, echo)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := run(t, e, `{"a":9007199254740993}`, nil); err != nil || text(r) != `{"a":9007199254740993}` {
		t.Errorf("the digits are %q, %v", text(r), err)
	}
	if r, err := run(t, e, `{}`, nil); err == nil || !strings.Contains(text(r), "missing") {
		t.Errorf("unchecked: %q, %v", text(r), err)
	}
	if _, err := tool.Raw(llm.Tool{Name: "any"}, echo); err != nil {
		t.Errorf("without a schema: %v", err)
	}
	for want, spec := range map[string]llm.Tool{
		"name":             {},
		"provider runs":    {Name: "x", Provider: "p"},
		"schema: a schema": {Name: "x", Schema: json.RawMessage(`7`)},
		"back to itself":   {Name: "x", Schema: json.RawMessage(`{"$ref":"#"}`)},
		"something else":   {Name: "x", Schema: json.RawMessage(`{"type":"array"}`)},
	} {
		if _, err := tool.Raw(spec, echo); !errors.Is(err, llm.ErrInvalidRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSet(t *testing.T) {
	a, b := tool.New("a", "", weather), tool.WithSpec(tool.New("x", "", weather), func(s *llm.Tool) { s.Name, s.Strict = "b", true })
	set, err := tool.NewSet(b, a)
	if err != nil {
		t.Fatal(err)
	}
	specs := set.Specs()
	if len(specs) != 2 || specs[0].Name != "b" || !specs[0].Strict || specs[1].Name != "a" {
		t.Errorf("specs: %+v", specs)
	}
	specs[0].Name = "changed"
	if set.Specs()[0].Name != "b" {
		t.Error("the list is not the caller's")
	}
	if got, ok := set.Lookup("b"); !ok || got != b {
		t.Error("b is not found")
	}
	for want, tools := range map[string][]tool.Tool{
		`tools[1]: tools[0] has the same name`: {a, a},
		"tools[0]: the tool is nil":            {nil},
	} {
		if _, err := tool.NewSet(tools...); !errors.Is(err, llm.ErrInvalidRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	var none *tool.Set
	for r, err := range none.Run(t.Context(), nil, &llm.ToolCallPart{ID: "1", Name: "a"}) {
		if !errors.Is(err, tool.ErrUnknown) || text(r) != "there is no such tool" {
			t.Errorf("nil set: %q, %v", text(r), err)
		}
	}
	for r, err := range set.Run(t.Context(), nil, &llm.ToolCallPart{ID: "1", Name: "c"}, &llm.ToolCallPart{ID: "2", Name: "a", Malformed: `{"city`}) {
		want := map[string]string{"1": "there is no such tool; there are b, a", "2": "the arguments are not valid JSON: send a JSON object"}[r.CallID]
		if err == nil || text(r) != want || !r.IsError {
			t.Errorf("call %s: %q, want %q; %v", r.CallID, text(r), want, err)
		}
	}
}

// Calls run beside each other, as many as may, and their results come in their order.
func TestRunInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		type in struct {
			Seconds int `json:"seconds"`
		}
		wait := tool.New("wait", "", func(ctx context.Context, in in) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Duration(in.Seconds) * time.Second)
			return in.Seconds, nil
		})
		set, err := tool.NewSet(wait)
		if err != nil {
			t.Fatal(err)
		}
		var calls []*llm.ToolCallPart
		for _, s := range []string{"3", "1", "2", "1"} {
			calls = append(calls, &llm.ToolCallPart{ID: s, Name: "wait", Input: json.RawMessage(`{"seconds":` + s + `}`)})
		}
		for _, c := range []struct {
			concurrency int
			most        int64
			takes       time.Duration
		}{{0, 4, 3 * time.Second}, {2, 2, 4 * time.Second}, {1, 1, 7 * time.Second}} {
			most.Store(0)
			begin, i := time.Now(), 0
			for r, err := range set.Run(t.Context(), &tool.Options{Concurrency: c.concurrency}, calls...) {
				if err != nil || r.CallID != calls[i].ID || text(r) != calls[i].ID {
					t.Errorf("result %d: %+v, %v", i, r, err)
				}
				i++
			}
			if took := time.Since(begin); most.Load() != c.most || took != c.takes {
				t.Errorf("concurrency %d: %d at once, %v", c.concurrency, most.Load(), took)
			}
		}
	})
}

// Leaving the loop, or the end of the context, ends what runs, and waits for it.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began, ended atomic.Int64
		wait := tool.New("wait", "", func(ctx context.Context, in struct{}) (string, error) {
			if began.Add(1) == 1 {
				return "first", nil
			}
			<-ctx.Done()
			time.Sleep(time.Second) // tidies up
			ended.Add(1)
			return "", ctx.Err()
		})
		set, _ := tool.NewSet(wait)
		call := &llm.ToolCallPart{ID: "c", Name: "wait"}
		for range set.Run(t.Context(), &tool.Options{Concurrency: 1}, call, call) {
			break
		}
		if b, e := began.Load(), ended.Load(); b-1 != e {
			t.Errorf("after break: %d began, %d ended", b, e)
		}

		began.Store(1)
		ended.Store(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		for r, err := range set.Run(ctx, &tool.Options{Concurrency: 1}, call, call) {
			if n++; !errors.Is(err, context.DeadlineExceeded) || !r.IsError {
				t.Errorf("result %d: %+v, %v", n, r, err)
			}
		}
		if n != 2 || ended.Load() != 1 {
			t.Errorf("%d results, %d calls were run, want 2 and 1", n, ended.Load())
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := tool.New("slow", "", func(ctx context.Context, in struct{}) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		for name, c := range map[string]struct {
			tool tool.Tool
			opts *tool.Options
			want time.Duration
		}{
			"of the tool": {tool.WithTimeout(slow, time.Second), nil, time.Second},
			"of all":      {tool.WithTimeout(slow, 0), &tool.Options{Timeout: time.Minute}, time.Minute},
			"the earlier": {tool.WithTimeout(slow, time.Second), &tool.Options{Timeout: time.Minute}, time.Second},
		} {
			begin := time.Now()
			r, err := run(t, c.tool, `{}`, c.opts)
			if took := time.Since(begin); took != c.want || !errors.Is(err, context.DeadlineExceeded) || text(r) != "the tool took longer than "+c.want.String() {
				t.Errorf("%s: after %v %q, %v", name, took, text(r), err)
			}
		}
	})
}

func TestAround(t *testing.T) {
	type key struct{}
	var got []string
	opts := &tool.Options{Around: func(ctx context.Context, spec llm.Tool, call *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
		return context.WithValue(ctx, key{}, call.ID), func(result []llm.Part, err error) {
			p, _ := errors.AsType[*tool.PanicError](err)
			got = append(got, spec.Name, text(&llm.ToolResultPart{Content: result}), map[bool]string{true: "panic"}[p != nil])
		}
	}}
	ok := tool.New("ok", "", func(ctx context.Context, in struct{}) (string, error) { return ctx.Value(key{}).(string), nil })
	bad := tool.New("bad", "", func(context.Context, struct{}) (string, error) { panic("x") })
	_, _ = run(t, ok, `{}`, opts)
	_, _ = run(t, bad, `{}`, opts)
	if diff := cmp.Diff([]string{"ok", "c1", "", "bad", "", "panic"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	opts.Around = func(context.Context, llm.Tool, *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
		panic("around")
	}
	if r, err := run(t, ok, `{}`, opts); !r.IsError || err == nil {
		t.Errorf("a panic in Around: %+v, %v", r, err)
	}
}

func TestConcurrentRuns(t *testing.T) {
	set, _ := tool.NewSet(tool.New("weather", "", weather))
	call := &llm.ToolCallPart{ID: "c", Name: "weather", Input: json.RawMessage(`{"city":"Oslo"}`)}
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for r, err := range set.Run(t.Context(), nil, call, call, call) {
				if err != nil || text(r) != `{"celsius":4}` {
					t.Errorf("%+v, %v", r, err)
				}
			}
		})
	}
	all.Wait()
}

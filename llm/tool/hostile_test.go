package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// A nil call is answered like one to a tool that there is not, and the rest go on.
func TestRunNilCall(t *testing.T) {
	set, err := tool.NewSet(tool.New("act", "", func(context.Context, struct{}) (string, error) { return "ok", nil }))
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, err := range set.Run(t.Context(), nil, nil, &llm.ToolCallPart{ID: "1", Name: "act"}) {
		errs = append(errs, err)
	}
	if len(errs) != 2 || !errors.Is(errs[0], tool.ErrUnknown) || errs[1] != nil {
		t.Errorf("%v", errs)
	}
}

// What watches calls learns of a tool that ended its goroutine.
func TestAroundSeesExit(t *testing.T) {
	for name, f := range map[string]func(){"exit": runtime.Goexit, "panic": func() { panic("x") }} {
		set, err := tool.NewSet(tool.New("act", "", func(context.Context, struct{}) (string, error) { f(); return "ok", nil }))
		if err != nil {
			t.Fatal(err)
		}
		var seen error
		opts := &tool.Options{Around: func(ctx context.Context, _ llm.Tool, _ *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
			return ctx, func(_ []llm.Part, err error) { seen = err }
		}}
		for _, err := range set.Run(t.Context(), opts, &llm.ToolCallPart{ID: "1", Name: "act"}) {
			if _, ok := errors.AsType[*tool.PanicError](err); !ok {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
		if _, ok := errors.AsType[*tool.PanicError](seen); !ok {
			t.Errorf("%s: the end was told %v", name, seen)
		}
	}
}

// A name that occurs twice in an object cannot slip a value past the schema: encoding/json
// merges into a struct what a validator sees as replaced.
func TestDuplicateNames(t *testing.T) {
	type inner struct {
		N int `json:"n,omitempty" maximum:"10"`
	}
	set, err := tool.NewSet(tool.New("act", "", func(_ context.Context, in struct {
		In inner            `json:"in"`
		M  map[string]inner `json:"m,omitempty"`
	}) (any, error) {
		return in, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{
		`{"in":{"n":999},"in":{}}`,
		`{"in":{"n":999},"i\u006e":{}}`,
		`{"in":{},"m":{"a":{"n":999}},"m":{}}`,
	} {
		for result, err := range set.Run(t.Context(), nil, &llm.ToolCallPart{ID: "1", Name: "act", Input: json.RawMessage(input)}) {
			if err == nil {
				t.Errorf("%s is taken: %s", input, result.Content[0].(*llm.TextPart).Text)
			}
		}
	}
}

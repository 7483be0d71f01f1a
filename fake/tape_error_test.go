package fake

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Every field of an error survives the tape; one that is added later must too.
func TestTapeErrorKeepsEveryField(t *testing.T) {
	in := &llm.Error{Code: llm.ErrRateLimited, Op: "generate", Provider: "p", Model: "m", Message: "slow down", RawCode: "Throttling",
		RequestID: "r", Status: 429, RetryAfter: time.Second, Retryable: new(true),
		Err: errors.Join(context.Canceled, &llm.Error{Code: llm.ErrOverloaded, Status: 503})}
	for i := range reflect.TypeFor[llm.Error]().NumField() {
		if reflect.ValueOf(*in).Field(i).IsZero() {
			t.Errorf("%s is not set here: set it, and keep it on the tape", reflect.TypeFor[llm.Error]().Field(i).Name)
		}
	}
	b, err := json.Marshal(newTapeError(in))
	if err != nil {
		t.Fatal(err)
	}
	var stored tapeError
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	out := stored.restore().(*llm.Error)
	if out.Error() != in.Error() || !errors.Is(out, context.Canceled) || !errors.Is(out, llm.ErrOverloaded) {
		t.Errorf("got  %v\nwant %v", out, in)
	}
	out.Err, in.Err = nil, nil
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got  %+v\nwant %+v", *out, *in)
	}
}

// A secret in what an error says is scrubbed, however deep it stands.
func TestTapeErrorScrubsCauses(t *testing.T) {
	key := "AKIA" + "IOSFODNN7EXAMPLE"
	e := newTapeError(&llm.Error{Code: llm.ErrUnavailable, Message: "with " + key, Err: errors.Join(errors.New("x"),
		&llm.Error{Code: llm.ErrPermissionDenied, Message: "of " + key, Err: &llm.Error{Code: llm.ErrUnauthenticated, Message: "for " + key}})})
	e.scrub(scrubber{})
	b, err := json.Marshal(e)
	if err != nil || strings.Contains(string(b), key) || strings.Count(string(b), scrubbed) != 3 {
		t.Errorf("%s, %v", b, err)
	}
}

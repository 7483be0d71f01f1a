package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFrames(t *testing.T) {
	for body, want := range map[string][]string{
		"":                                    nil,
		"data: a\n\n":                         {"a"},
		"data: a\n":                           nil, // cut before the blank line
		"data: a\n\ndata: b":                  {"a"},
		"event: x\r\ndata:a\r\n\r\n":          {"a"},
		": waiting\n\n\ndata: a\nid: 3\n\n":   {"a"},
		"data: {\ndata: }\n\n":                {"{\n }"},
		"event: x\n\nretry: 1\n\ndata: a\n\n": {"a"},
	} {
		var got []string
		var last error
		for data, err := range frames(strings.NewReader(body)) {
			if last = err; err == nil {
				got = append(got, strings.TrimSpace(string(data)))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(last, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v (-want +got)\n%s", body, last, diff)
		}
	}
}

// Whoever leaves the loop is not called again.
func TestFramesBreak(t *testing.T) {
	n := 0
	for range frames(strings.NewReader("data: a\n\ndata: b\n\n")) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d frames", n)
	}
}

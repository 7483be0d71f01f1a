package bedrocktest_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
)

// The text of exchanges that go well, are refused, break off, and are not Bedrock's.
func TestTranscript(t *testing.T) {
	var tape bytes.Buffer
	unhurried := *hello
	unhurried.Latency = 12 * time.Millisecond
	s := serve(t, says(&unhurried), &bedrocktest.Options{
		Record: &tape,
		Forget: true,
		Fault: bedrocktest.Faults(
			nil,
			nil,
			&bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: 2 * time.Second},
			&bedrocktest.Fault{Exception: "ModelStreamErrorException", After: 2},
			&bedrocktest.Fault{CutAt: new(150)},
			&bedrocktest.Fault{FlipBit: new(1000)},
			&bedrocktest.Fault{Insert: []bedrocktest.Frame{{At: 1, Name: "newEvent", Payload: "not JSON"}}},
			&bedrocktest.Fault{CutAt: new(20)},
			&bedrocktest.Fault{CutAt: new(0)},
		),
	})
	for _, path := range []string{"converse", "converse-stream", "converse", "converse-stream", "converse-stream", "converse-stream",
		"converse-stream", "converse", "converse", "nonsense"} {
		r := newPost(t, s, "/model/m/"+path+"?X-Amz-Signature=secret", helloBody)
		r.Header.Set("X-Amz-Security-Token", "secret")
		r.Header.Set("X-Amz-Date", "20260101T000000Z")
		if resp, err := http.DefaultClient.Do(r); err == nil {
			readAll(resp)
			resp.Body.Close()
		}
	}
	s.Close()
	if n := len(s.Exchanges()); n > 0 {
		t.Errorf("%d exchanges are kept", n)
	}
	got := tape.String()
	if strings.Contains(got, "secret") {
		t.Error("it tells a secret")
	}
	golden := filepath.Join("testdata", "transcript.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// What a client has seen of an answer is recorded, and what is returned of it is the
// caller's.
func TestAnswerIsRecorded(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, says(hello), &bedrocktest.Options{HTTP2: http2})
		resp := get(t, s, http2, "converse-stream")
		seen := make([]byte, 50)
		if _, err := io.ReadFull(resp.Body, seen); err != nil {
			t.Fatal(err)
		}
		first := s.Exchanges()[0].Answer
		if !bytes.HasPrefix(first.Body, seen) || first.Status != 200 || first.Header.Get("Content-Type") != "application/vnd.amazon.eventstream" {
			t.Errorf("%+v", first)
		}
		first.Header.Set("Content-Type", "changed")
		_ = append(first.Body, "changed"...)
		rest, err := readAll(resp)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.Exchanges()[0].Answer; string(a.Body) != string(seen)+rest || a.Header.Get("Content-Type") == "changed" || a.Broken {
			t.Errorf("%+v", a)
		}
	})
}

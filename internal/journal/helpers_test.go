package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) {
	if os.Getenv("PARLEY_JOURNAL_CHILD") != "" {
		child()
		return
	}
	os.Exit(leak.Run(m))
}

// soak is how often long tests repeat what they do: PARLEY_SOAK, or once.
func soak(t *testing.T) int {
	t.Helper()
	v := os.Getenv("PARLEY_SOAK")
	if v == "" {
		return 1
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("PARLEY_SOAK is %q, not a number from 1 up", v)
	}
	return n
}

// noSync is what most tests open with, since syncs take long and change nothing for them.
var noSync = &Options{NoSync: true}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "journal") }

// open opens a journal that is closed at the end of the test.
func open(t testing.TB, path string, opts *Options) *Journal {
	t.Helper()
	j, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return j
}

func mustAppend(t testing.TB, j *Journal, records ...string) {
	t.Helper()
	if err := j.Append(list(records...)...); err != nil {
		t.Fatal(err)
	}
}

func list(records ...string) [][]byte {
	var l [][]byte
	for _, r := range records {
		l = append(l, []byte(r))
	}
	return l
}

// numbered returns the records {"n":from} up to {"n":to-1}.
func numbered(from, to int) []string {
	var l []string
	for n := from; n < to; n++ {
		l = append(l, fmt.Sprintf(`{"n":%d}`, n))
	}
	return l
}

func texts(records [][]byte) []string {
	var l []string
	for _, r := range records {
		l = append(l, string(r))
	}
	return l
}

// stored fails the test unless a journal holds these records, for Read and for Open.
func stored(t testing.TB, path string, want ...string) {
	t.Helper()
	read, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, texts(read)); diff != "" {
		t.Fatalf("Read (-want +got):\n%s", diff)
	}
	replayed, j := reopen(t, path)
	defer j.Close()
	if diff := cmp.Diff(want, replayed); diff != "" {
		t.Fatalf("Replay (-want +got):\n%s", diff)
	}
	if j.At() != len(want) {
		t.Fatalf("At is %d with %d records", j.At(), len(want))
	}
}

func reopen(t testing.TB, path string) ([]string, *Journal) {
	t.Helper()
	var replayed []string
	j, err := Open(path, &Options{NoSync: true, Replay: func(r []byte) error {
		replayed = append(replayed, string(r))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return replayed, j
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err, want error, parts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, not %v", err, want)
	}
	for _, part := range append(parts, "journal: ") {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("the error does not say %q: %v", part, err)
		}
	}
}

// sample is a journal of 3 commits with 1, 2 and 1 records, as text.
func sample() string {
	b := []byte(header)
	b = appendLine(b, 0, list(`{"n":0}`))
	b = appendLine(b, 1, list(`{"n":1}`, `{"n":2,"text":"a,\tb{\"crc\":\""}`))
	b = appendLine(b, 3, list(`{"n":3,"crc":{"crc":"x"}}`))
	return string(b)
}

var sampleRecords = []string{`{"n":0}`, `{"n":1}`, `{"n":2,"text":"a,\tb{\"crc\":\""}`, `{"n":3,"crc":{"crc":"x"}}`}

// lastLine is where the last line of a text begins.
func lastLine(text string) int { return strings.LastIndexByte(text[:len(text)-1], '\n') + 1 }

package fake

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parley-sdk/parley/llm"
)

// recordEnv is the environment variable that asks for a recording.
const recordEnv = "PARLEY_RECORD"

// Recording says whether [Cassette] records: whether the environment variable
// PARLEY_RECORD is 1, or true. A test needs its live model only then, and TestMain may
// call [llm.ForbidSend] otherwise.
func Recording() bool {
	on, err := strconv.ParseBool(os.Getenv(recordEnv))
	return on && err == nil
}

// CassetteTB is the part of *testing.T that [Cassette] needs.
type CassetteTB interface {
	TB
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Cassette returns a model for a test that was recorded once: it replays the tape in the
// file at path, as [Replay] does, and sends nothing. With PARLEY_RECORD=1 in the
// environment it calls live instead, as [Record] does, and the file is written when the
// test ends.
//
// While it replays, live is not used and may be nil; [Recording] says which it is. What
// live can do beyond the interface, such as to count tokens, [llm.As] finds in neither
// case, so that code which asks for it does the same. The test fails where there is no such file, where a call was not recorded, and where a
// recording was not played. What it prints then shows requests, secrets scrubbed.
//
// A recording takes the place of the file in one step, and only if the test, with its
// subtests, has not failed: the file is never torn, and a failure leaves the old one.
// Folders are made. Each test, and each model in it, has a file of its own, and is recorded
// as a whole.
func Cassette(t CassetteTB, path string, live llm.Model) llm.Model {
	t.Helper()
	return CassetteWith(t, path, live, nil)
}

// CassetteWith is [Cassette] with options; nil options are those of Cassette.
func CassetteWith(t CassetteTB, path string, live llm.Model, opts *TapeOptions) llm.Model {
	t.Helper()
	if v := os.Getenv(recordEnv); v != "" {
		if _, err := strconv.ParseBool(v); err != nil {
			t.Fatalf("fake: %s=%q in the environment: want 1 or 0", recordEnv, v)
			return New()
		}
	}
	if Recording() {
		return recordCassette(t, path, live, opts)
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("fake: there is no cassette %s yet: run the test once with %s=1 in the environment, and a live model", path, recordEnv)
		return New()
	}
	m, err := ReplayWith(bytes.NewReader(b), opts)
	if err != nil {
		t.Fatalf("fake: the cassette %s cannot be played, with %s=1 it is recorded anew: %v", path, recordEnv, err)
		return New()
	}
	t.Cleanup(func() {
		t.Helper()
		if said := m.report(); said != "" {
			t.Errorf("fake: the cassette %s is not of these calls; with %s=1 it is recorded anew: %s", path, recordEnv, said)
		}
	})
	return m
}

func recordCassette(t CassetteTB, path string, live llm.Model, opts *TapeOptions) llm.Model {
	t.Helper()
	if isNil(live) {
		t.Fatalf("fake: %s asks to record %s, and there is no live model", recordEnv, path)
		return New()
	}
	var tape bytes.Buffer
	r := &recorder{next: live, w: &tape, scrubber: opts.scrubber()}
	before, _ := os.Stat(path)
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			t.Logf("fake: %s is left as it was, since the test failed", path)
			return
		}
		// A call that is still being made is not part of it.
		r.mu.Lock()
		defer r.mu.Unlock()
		if now, _ := os.Stat(path); now != nil && (before == nil || !os.SameFile(before, now)) {
			t.Errorf("fake: the cassette %s was written meanwhile: give each test, and each model in it, a file of its own", path)
			return
		}
		if err := replaceFile(path, tape.Bytes()); err != nil {
			t.Errorf("fake: the cassette %s could not be written: %v", path, err)
			return
		}
		t.Logf("fake: %d calls recorded in %s", bytes.Count(tape.Bytes(), []byte("\n")), path)
	})
	return struct{ llm.Model }{r} // without Unwrap: a tape has nothing beyond the interface either
}

// replaceFile writes a file in one step: who opens it finds the old or the new one whole.
func replaceFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

//go:build darwin || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// fill appends until the system cuts a write short, and then what still fits.
func fill(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10_000, Max: 10_000}); err != nil {
		return err
	}
	j, err := Open(path, nil)
	if err != nil {
		return err
	}
	failures := 0
	for size := 3000; size > 0; {
		err := j.Append([]byte(`"` + strings.Repeat("x", size) + `"`))
		if err == nil {
			continue
		}
		if !errors.Is(err, syscall.EFBIG) || errors.Is(err, ErrBroken) {
			return err
		}
		failures++
		size /= 10
	}
	fmt.Println(j.At(), failures)
	return j.Close()
}

// A write that the system itself cuts short: the file may not grow beyond a limit.
func TestShortWrite(t *testing.T) {
	path := newPath(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PARLEY_JOURNAL_CHILD=fill", "PARLEY_JOURNAL_PATH="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var at, failures int
	if _, err := fmt.Sscan(string(out), &at, &failures); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, j := reopen(t, path)
	j.Close()
	if len(got) != at || failures != 4 || j.Torn() != 0 || len(content(t, path)) < 9900 {
		t.Errorf("%d records of %d, %d failures, Torn %d, %d bytes", len(got), at, failures, j.Torn(), len(content(t, path)))
	}
}

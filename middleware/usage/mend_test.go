package usage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// takeAway moves a file away from under the ledger that has it open.
func takeAway(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, path+fmt.Sprint(".", time.Now().UnixNano())); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// A file that cannot be written is written anew, with all that it lacks, once that is possible.
func TestFileThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "ledger")
		var warnings []string
		opts := options()
		opts.NoSync, opts.Budgets, opts.OnWarning = false, nil, func(err error) { warnings = append(warnings, err.Error()) }
		l := open(t, path, opts)
		m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
		call := func() {
			t.Helper()
			if _, err := m.Generate(context.Background(), nil); err != nil {
				t.Error(err)
			}
		}
		inFile := func() int {
			b, err := os.ReadFile(path)
			if err != nil {
				return -1
			}
			return strings.Count(string(b), `"call":{`) + 100*strings.Count(string(b), `"sums":{`)
		}
		call()
		same(t, "in the file", 1, inFile())

		takeAway(t, path) // writes fail
		away := filepath.Join(dir, "away")
		if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil { // and so does writing it anew
			t.Fatal(err)
		}
		call()
		call()
		same(t, "warnings", 1, len(warnings))
		if !strings.HasPrefix(warnings[0], "ledger: internal: calls are booked in memory only until the file can be written: ") {
			t.Error(warnings[0])
		}
		time.Sleep(10 * time.Second)
		call()
		same(t, "warnings after ten seconds", 2, len(warnings))
		same(t, "in the file", -1, inFile())
		if err := os.Rename(path+".tmp", away); err != nil {
			t.Fatal(err)
		}
		call()
		same(t, "in the file, too early to try again", -1, inFile())
		time.Sleep(10 * time.Second)
		call()
		same(t, "in the file, written anew", 100, inFile())
		call()
		same(t, "in the file", 101, inFile())
		l.Close()
		l = open(t, path, opts)
		defer l.Close()
		same(t, "calls", int64(7), l.Total().Calls)
		same(t, "warnings", 2, len(warnings))
	})
}

// A file that cannot be written anew has calls added to it, as long as that works.
func TestFileThatIsNotCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	var warnings []string
	l := open(t, path, &usage.Options{Prices: dollars, NoSync: true, OnWarning: func(err error) { warnings = append(warnings, err.Error()) }})
	usage.CompactAfter(l, 5)
	if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
	for range 12 {
		m.Generate(t.Context(), nil)
	}
	same(t, "in the file", 12, len(must(journal.Read(path))))
	same(t, "warnings", 2, len(warnings)) // one for each five calls
	for _, w := range warnings {
		if !strings.HasPrefix(w, "ledger: internal: the file grows until it can be written anew: ") {
			t.Error(w)
		}
	}

	if calls := l.Reset().Total.Calls; calls != 12 { // which the file still has
		t.Errorf("%d calls", calls)
	}
	m.Generate(t.Context(), nil)
	same(t, "in the file after Reset", 12, len(must(journal.Read(path))))
	if err := os.RemoveAll(path + ".tmp"); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = open(t, path, nil)
	defer l.Close()
	same(t, "calls", int64(1), l.Total().Calls)
}

// A warning is given too where the file was written anew just now.
func TestFileThatFailsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		warnings := 0
		l := open(t, path, &usage.Options{Prices: dollars, OnWarning: func(err error) { warnings++ }})
		defer l.Close()
		m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
		l.Reset()
		takeAway(t, path)
		for range 3 {
			m.Generate(t.Context(), nil)
		}
		if _, err := journal.Read(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is written too early: %v", err)
		}
		same(t, "warnings", 1, warnings)
	})
}

// A file that was removed, renamed or cut is written anew at once, and nothing was lost. The
// folder of the process may be another by then.
func TestFileIsWrittenAnew(t *testing.T) {
	for name, happen := range map[string]func(path string) error{
		"removed":               os.Remove,
		"removed with its lock": func(path string) error { return errors.Join(os.Remove(path), os.Remove(path+".lock")) },
		"renamed":               func(path string) error { return os.Rename(path, path+".1") },
		"cut":                   func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			path := filepath.Join(dir, "ledger")
			l := open(t, "ledger", &usage.Options{Prices: dollars, OnWarning: func(err error) { t.Error(err) }})
			m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
			t.Chdir(t.TempDir())
			m.Generate(t.Context(), nil)
			if err := happen(path); err != nil {
				t.Skip(err) // the system does not let it happen
			}
			for i := range 3 {
				m.Generate(t.Context(), nil)
				same(t, "in the file", i+1, len(must(journal.Read(path)))) // sums first
			}
			if _, err := usage.OpenLedger(path, nil); !errors.Is(err, journal.ErrLocked) {
				t.Errorf("opened again: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			l = open(t, path, nil)
			defer l.Close()
			same(t, "calls", int64(4), l.Total().Calls)
		})
	}
}

// However often the file goes while calls end, each is there after Close, once.
func TestFileIsRemovedWhileCallsEnd(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "ledger")
		opts := options()
		opts.NoSync = noSync
		l := open(t, path, opts)
		usage.CompactAfter(l, 97) // which writes the file anew, so that there is one to remove
		m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
		var wg sync.WaitGroup
		var removed atomic.Int64
		for w := range 8 {
			wg.Go(func() {
				for i := range 200 {
					ways[i%2].call(t.Context(), m, ask(1, 1))
					if w == 0 && i%10 == 9 && os.Remove(path) == nil {
						removed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if removed.Load() == 0 && runtime.GOOS != "windows" {
			t.Error("the file was never removed")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		again := open(t, path, opts)
		same(t, "calls", int64(8*200), again.Total().Calls)
		same(t, "spent", "1600", again.Budgets()[0].Spent.String())
		again.Close()
	}
}

// A file that has taken the place of the ledger's is not overwritten; when it is moved away
// the ledger's is written.
func TestFileThatIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		var warnings []string
		l := open(t, path, &usage.Options{Prices: dollars, OnWarning: func(err error) { warnings = append(warnings, err.Error()) }})
		m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
		m.Generate(t.Context(), nil)
		takeAway(t, path)
		if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			m.Generate(t.Context(), nil)
			time.Sleep(10 * time.Second)
		}
		same(t, "warnings", 3, len(warnings))
		if !strings.Contains(warnings[0], "another file now: move that away") {
			t.Error(warnings[0])
		}
		same(t, "the other file", "another's", string(must(os.ReadFile(path))))
		takeAway(t, path)
		m.Generate(t.Context(), nil)
		same(t, "warnings", 3, len(warnings))
		l.Close()
		l = open(t, path, nil)
		defer l.Close()
		same(t, "calls", int64(5), l.Total().Calls)
	})
}

// Close looks whether the file is there, where single calls with NoSync did not.
func TestCloseOfAFileThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		l := open(t, path, options())
		some(t, l)
		was := l.Snapshot()
		takeAway(t, path)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l = open(t, path, options())
		defer l.Close()
		sameBooks(t, "after Close", was, l.Snapshot())
	})
}

// Close writes what a file lacks, if that is possible by then.
func TestCloseOfAFileThatFails(t *testing.T) {
	for _, possible := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "ledger")
		l := open(t, path, options())
		some(t, l)
		takeAway(t, path)
		if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		some(t, l)
		was := l.Snapshot()
		if possible {
			if err := os.RemoveAll(path + ".tmp"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); (err == nil) != possible {
			t.Error(err)
		}
		if !possible {
			continue
		}
		l = open(t, path, options())
		sameBooks(t, "after Close", was, l.Snapshot())
		l.Close()
	}
}

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
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// some makes calls of all kinds.
func some(t *testing.T, l *usage.Ledger) {
	t.Helper()
	for i := range 10 {
		ctx := tagged(t, "tenant", fmt.Sprint("t", i%3), "feature", "ünï \"code\"\n\t\xff")
		u := llm.Usage{InputTokens: 10 + i, CacheReadTokens: i, OutputTokens: i, ServiceTier: "default"}
		llm.Wrap(answering(u), usage.New(l)).Generate(ctx, ask(20, 10))
		llm.Wrap(&scripted{llm.Info{Model: "other"}, turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(ctx, ask(10, 1))
		llm.Wrap(&scripted{llm.Info{Model: "new"}, turn{resp: &llm.Response{Usage: u}}}, usage.New(l)).Generate(t.Context(), ask(10, 1))
	}
}

// sameBooks compares two ledgers.
func sameBooks(t *testing.T, what string, want, got usage.Snapshot) {
	t.Helper()
	got.At = want.At
	same(t, what, want, got)
}

func options() *usage.Options {
	return &usage.Options{Prices: dollars, NoSync: true, OnWarning: func(error) {}, Budgets: []usage.Budget{
		{Limit: usd("10000")}, {Name: "a", Tags: map[string]string{"tenant": "t1"}, Limit: usd("1000"), Period: 24 * time.Hour}}}
}

func TestFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no period ends meanwhile
		for _, noSync := range []bool{false, true} {
			for _, compactAfter := range []int64{1 << 40, 1, 7} {
				path := filepath.Join(t.TempDir(), "ledger")
				opts := options()
				opts.NoSync = noSync
				memory := usage.NewLedger(opts)
				for run := range 3 {
					l := open(t, path, opts)
					usage.CompactAfter(l, compactAfter)
					sameBooks(t, fmt.Sprint("after run ", run), memory.Snapshot(), l.Snapshot())
					some(t, l)
					some(t, memory)
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
				}
				l := open(t, path, opts)
				sameBooks(t, "in the end", memory.Snapshot(), l.Snapshot())
				if l.Total().Calls != 90 || l.Budgets()[1].Spent == (usage.Cost{}) {
					t.Errorf("the ledger has %+v, %+v", l.Total(), l.Budgets())
				}
				records, err := journal.Read(path)
				if err != nil || int64(len(records)) > compactAfter+1 {
					t.Errorf("the file has %d records (%v)", len(records), err)
				}
				l.Close()
			}
		}
	})
}

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		l := open(t, path, &usage.Options{Prices: dollars, NoSync: true, GroupBy: []string{"tenant"}, Budgets: []usage.Budget{{Tags: map[string]string{"team": "x"}, Limit: usd("100"), Period: time.Hour}}})
		ctx := tagged(t, "tenant", "a", "team", "x")
		llm.Wrap(answering(llm.Usage{InputTokens: 10, OutputTokens: 1}), usage.New(l)).Generate(ctx, ask(20, 10))
		llm.Wrap(&scripted{llm.Info{Model: "m"}, turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(t.Context(), ask(8, 1))
		l.Close()
		var got []string
		for _, r := range must(journal.Read(path)) {
			got = append(got, string(r))
		}
		same(t, "records", []string{
			`{"call":{"id":1,"at":"2000-01-01T00:00:00Z","model":"m","tags":{"tenant":"a"},"usage":{"input_tokens":10,"output_tokens":1},"cost":{"usd":"11"},"charges":[{"budget":"3600000000000{\"team\":\"x\"}","start":946684800000000000,"spent":{"usd":"11"}}]}}`,
			`{"call":{"id":2,"at":"2000-01-01T00:00:00Z","model":"m","usage":{"input_tokens":2,"estimated":true},"cost":{"usd":"2"},"failed":true}}`}, got)

		l = open(t, path, &usage.Options{NoSync: true})
		l.Reset()
		llm.Wrap(answering(llm.Usage{InputTokens: 10}), usage.New(l)).Generate(t.Context(), ask(20, 10))
		l.Close()
		got = nil
		for _, r := range must(journal.Read(path)) {
			got = append(got, string(r)[:20])
		}
		same(t, "records", []string{`{"sums":{"id":2,"at"`, `{"call":{"id":3,"at"`}, got)

		for range 2 { // so that no record tells the last ID but that of the sums
			l = open(t, path, &usage.Options{NoSync: true})
			l.Reset()
			l.Close()
		}
		same(t, "sums", `{"sums":{"id":3,"at"`, string(must(journal.Read(path))[0])[:20])
	})
}

// Options may differ from one run to the next.
func TestFileWithOtherOptions(t *testing.T) {
	for _, compact := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger")
			l := open(t, path, options())
			if compact {
				usage.CompactAfter(l, 1)
			}
			some(t, l)
			was := l.Snapshot()
			l.Close()

			opts := options()
			opts.GroupBy, opts.MaxRows, opts.Prices = []string{"tenant"}, 2, nil
			opts.Budgets[1].Limit, opts.Budgets[0].Period = usd("2000"), time.Hour
			opts.Budgets = append(opts.Budgets, usage.Budget{Tags: map[string]string{"tenant": "t2"}, Limit: usd("5")})
			l = open(t, path, opts)
			defer l.Close()
			same(t, "total", was.Total, l.Total())
			same(t, "features", 0, len(l.By("feature")))
			same(t, "rows", []usage.Row{sumOf("(other)", was.By["tenant"][2]), was.By["tenant"][0], was.By["tenant"][1]}, l.By("tenant"))
			b := l.Budgets()
			same(t, "of another period", usage.Cost{}, b[0].Spent)
			same(t, "of another limit", was.Budgets[1].Spent, b[1].Spent)
			same(t, "left of it", must(usd("2000").Sub(known(b[1].Spent))), b[1].Left)
			same(t, "new", usage.Cost{}, b[2].Spent)
		})
	}
}

func sumOf(key string, row usage.Row) usage.Row { return usage.Row{Key: key, Summary: row.Summary} }

// A budget whose period ended while nothing ran begins anew.
// A file with rows of more tags than the next run keeps has those of the model all the same.
func TestFileWithManyTags(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	var names, pairs []string
	for i := range 60 {
		names = append(names, fmt.Sprint("a", i))
		pairs = append(pairs, names[i], "x")
	}
	for run, groupBy := range [][]string{names, nil} {
		l := open(t, path, &usage.Options{Prices: dollars, NoSync: true, GroupBy: groupBy})
		usage.CompactAfter(l, 1)
		llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(tagged(t, pairs...), nil)
		same(t, "calls of the model", int64(run+1), l.By("model")[0].Calls)
		l.Close()
	}
}

func TestFileAfterAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		for run := range 3 {
			l := open(t, path, options())
			b := l.Budgets()
			if days := run; (b[1].Spent == usage.Cost{}) != (days == 0 || days == 2) {
				t.Errorf("run %d: %s is spent", run, b[1].Spent)
			}
			if run == 0 {
				some(t, l)
			}
			if run == 1 {
				time.Sleep(24 * time.Hour)
			}
			l.Close()
		}
	})
}

// Calls of earlier runs count towards the size of the file.
func TestFileIsCompactedOverRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	for range 5 {
		l := open(t, path, options())
		usage.CompactAfter(l, 7)
		for range 3 {
			llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(t.Context(), ask(1, 1))
		}
		l.Close()
	}
	if n := len(must(journal.Read(path))); n > 8 {
		t.Errorf("the file has %d records", n)
	}
}

// A call that ends after its period, and after a call of the next, counts in its own.
func TestFileWithACallOfAnEarlierPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger")
		opts := options()
		opts.Budgets = []usage.Budget{{Limit: usd("1000"), Period: time.Hour}}
		l := open(t, path, opts)
		time.Sleep(time.Hour - time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			llm.Wrap(slow{}, usage.New(l)).Generate(using(t.Context(), llm.Usage{InputTokens: 100}), ask(100, 1))
		})
		time.Sleep(2 * time.Second)
		llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(t.Context(), ask(1, 1))
		wg.Wait()
		same(t, "calls", int64(2), l.Total().Calls)
		same(t, "spent", "1", l.Budgets()[0].Spent.String())
		l.Close()
		l = open(t, path, opts)
		defer l.Close()
		same(t, "spent, from the file", "1", l.Budgets()[0].Spent.String())
	})
}

func TestFileReset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l := open(t, path, options())
	some(t, l)
	spent := l.Budgets()[0].Spent
	if got := l.Reset(); got.Total.Calls != 30 {
		t.Errorf("there were %d calls", got.Total.Calls)
	}
	l.Close()
	l = open(t, path, options())
	defer l.Close()
	same(t, "total", usage.Summary{}, l.Total())
	same(t, "spent", spent, l.Budgets()[0].Spent)
}

// What is returned by Reset, and what is in the file, are all calls, each once.
func TestResetWhileCallsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l := open(t, path, &usage.Options{Prices: dollars, NoSync: true})
	usage.CompactAfter(l, 13)
	m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
	var wg sync.WaitGroup
	for i := range 64 {
		ctx := tagged(t, "worker", fmt.Sprint(i))
		wg.Go(func() {
			for i := range 20 {
				ways[i%2].call(ctx, m, nil)
			}
		})
	}
	var calls int64
	for range 10 {
		calls += l.Reset().Total.Calls
	}
	wg.Wait()
	l.Close()
	l = open(t, path, nil)
	defer l.Close()
	same(t, "calls", int64(64*20), calls+l.Total().Calls)
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger")
	l := open(t, path, options())
	_, err := usage.OpenLedger(path, options())
	wantCode(t, err, llm.ErrInternal)
	if !strings.Contains(err.Error(), "open already") || llm.IsRetryable(err) {
		t.Error(err)
	}
	some(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if err := usage.NewLedger(nil).Close(); err != nil {
		t.Errorf("a ledger in memory: %v", err)
	}

	if _, err := usage.OpenLedger(filepath.Join(dir, "no", "ledger"), nil); err == nil || strings.Count(err.Error(), "no such file") != 1 {
		t.Error(err)
	}
	for name, content := range map[string]string{"not a ledger": `{"name":"annabel"}`, "not of this release": `{"batch":{"id":1}}`, "not an object": `[1]`, "odd money": `{"call":{"id":1,"cost":{"usd":1.5}}}`} {
		foreign := filepath.Join(dir, name)
		j := must(journal.Open(foreign, nil))
		if err := j.Append([]byte(content)); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if _, err := usage.OpenLedger(foreign, nil); err == nil || strings.Contains(err.Error(), "annabel") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := usage.OpenLedger(filepath.Join(dir, "text"), nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

func TestCallsAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	var warnings []string
	opts := options()
	opts.Budgets, opts.OnWarning = nil, func(err error) { warnings = append(warnings, err.Error()) }
	l := open(t, path, opts)
	some(t, l)
	l.Close()
	some(t, l)
	same(t, "in memory", int64(60), l.Total().Calls)
	same(t, "after Reset", int64(60), l.Reset().Total.Calls)
	same(t, "warnings", []string{"ledger: internal: a call ended after Close: it is booked in memory only"}, warnings)
	l = open(t, path, opts)
	defer l.Close()
	same(t, "in the file", int64(30), l.Total().Calls)
}

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

// A record that no ledger has written is no panic.
func TestFileOfNulls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	j := must(journal.Open(path, nil))
	if err := j.Append([]byte(`{"sums":{"id":1,"rows":{"model":{"m":null,"n":{}},"tenant":null},"budgets":null}}`)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := usage.OpenLedger(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rows := l.By("model"); len(rows) != 1 || rows[0].Key != "n" {
		t.Errorf("rows are %+v", rows)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

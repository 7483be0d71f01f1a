package usage_test

import (
	"fmt"
	"os"
	"path/filepath"
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

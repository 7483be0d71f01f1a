package usage_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestConformance(t *testing.T) {
	quiet := func(error) {}
	for name, opts := range map[string]*usage.Options{
		"defaults": nil,
		"budgets": {OnWarning: quiet, StopStreams: true, Budgets: []usage.Budget{
			{Limit: usd("1000")}, {Limit: usd("1000"), Period: time.Hour}, {Tags: map[string]string{"tenant": "a"}, Limit: usd("0")}}},
		"described": {Describe: func(*usage.Call, *llm.Response) {}, GroupBy: []string{}, MaxRows: 3},
	} {
		t.Run(name, func(t *testing.T) {
			l := usage.NewLedger(opts)
			llmtest.RunMiddleware(t, usage.New(l))
			if l.Total().Calls == 0 {
				t.Error("nothing is booked")
			}
			same(t, "reserved", usage.USD{}, reserved(l))
		})
	}
	t.Run("nil", func(t *testing.T) { llmtest.RunMiddleware(t, usage.New(nil)) })
	t.Run("file", func(t *testing.T) {
		l := open(t, t.TempDir()+"/ledger", &usage.Options{NoSync: true})
		defer l.Close()
		llmtest.RunMiddleware(t, usage.New(l))
	})
}

func TestNilRequest(t *testing.T) {
	for _, w := range ways {
		l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10000")}}})
		m := &scripted{llm.Info{Model: "m"}, turn{err: llm.ErrInvalidRequest}}
		_, err := w.call(t.Context(), llm.Wrap(m, usage.New(l)), nil)
		wantCode(t, err, llm.ErrInvalidRequest)
		same(t, w.name, usage.Summary{}, l.Total())
	}
}

func TestStreamIsForOneRange(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars})
	seq := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Stream(t.Context(), ask(1, 1))
	if l.Total().Calls != 0 {
		t.Error("a stream that nobody ranged over is booked")
	}
	_, err := llm.Collect(seq)
	_, again := llm.Collect(seq)
	if err != nil || again != llm.ErrStreamReused {
		t.Errorf("the errors are %v and %v", err, again)
	}
	same(t, "calls", int64(1), l.Total().Calls)
}

// A call is booked when its end is seen.
func TestBookedBeforeTheEndIsSeen(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars})
	for ev := range llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Stream(t.Context(), ask(1, 1)) {
		_, end := ev.(*llm.Finish)
		if got := l.Total().Calls; end != (got == 1) {
			t.Errorf("at a %T %d calls are booked", ev, got)
		}
	}
	failing := &scripted{llm.Info{}, turn{err: llm.ErrRateLimited}}
	for range llm.Wrap(failing, usage.New(l)).Stream(t.Context(), ask(1, 1)) {
		same(t, "calls at the error", int64(2), l.Total().Calls)
	}
}

func TestRows(t *testing.T) {
	type rows = map[string][]string
	long := strings.Repeat("x", 257)
	type tags map[string]string
	for _, c := range []struct {
		name  string
		opts  usage.Options
		calls []struct{ private, public tags }
		want  rows
	}{
		{"every tag", usage.Options{}, []struct{ private, public tags }{
			{tags{"tenant": "b", "feature": "chat"}, nil},
			{tags{"tenant": "a"}, nil},
			{nil, nil},
			{nil, tags{"tenant": "b", "team": ""}},
			{tags{"tenant": "private", "model": "x"}, tags{"tenant": "public", "model": "y"}},
		}, rows{"tenant": {"a 1", "b 2", "private 1"}, "feature": {"chat 1"}, "team": {" 1"}, "model": {"m 5"}}},
		{"some tags", usage.Options{GroupBy: []string{"tenant", "model"}}, []struct{ private, public tags }{
			{tags{"tenant": "a", "feature": "chat"}, tags{"team": "t"}},
		}, rows{"tenant": {"a 1"}, "model": {"m 1"}}},
		{"a tag named twice", usage.Options{GroupBy: []string{"tenant", "team", "tenant"}}, []struct{ private, public tags }{
			{tags{"tenant": "a"}, nil},
		}, rows{"tenant": {"a 1"}, "model": {"m 1"}}},
		{"names that are not UTF-8", usage.Options{}, []struct{ private, public tags }{
			{tags{"a\xff": "x", "a\xfe": "x"}, nil},
		}, rows{"model": {"m 1"}}},
		{"no tags", usage.Options{GroupBy: []string{}}, []struct{ private, public tags }{
			{tags{"tenant": "a"}, nil},
		}, rows{"model": {"m 1"}}},
		{"few rows", usage.Options{MaxRows: 2}, []struct{ private, public tags }{
			{tags{"tenant": "b"}, nil}, {tags{"tenant": "a"}, nil}, {tags{"tenant": "c"}, nil}, {tags{"tenant": "d"}, nil}, {tags{"tenant": "a"}, nil},
			{tags{"tenant": "(other)"}, nil}, {tags{"team": "c"}, nil},
		}, rows{"tenant": {"(other) 3", "a 2", "b 1"}, "team": {"c 1"}, "model": {"m 7"}}},
		{"a key that is called as the others are", usage.Options{MaxRows: 1}, []struct{ private, public tags }{
			{tags{"tenant": "(other)"}, nil}, {tags{"tenant": "a"}, nil}, {tags{"tenant": "b"}, nil},
		}, rows{"tenant": {"(other) 2", "a 1"}, "model": {"m 3"}}},
		{"long keys", usage.Options{}, []struct{ private, public tags }{
			{tags{"tenant": long}, nil}, {tags{long: "a"}, nil}, {tags{"tenant": long[:256]}, nil},
		}, rows{"tenant": {"(other) 1", long[:256] + " 1"}, "model": {"m 3"}}},
		{"not UTF-8", usage.Options{}, []struct{ private, public tags }{
			{tags{"tenant": "a\xff"}, nil}, {tags{"tenant": "a\xfe"}, nil},
		}, rows{"tenant": {"a\ufffd 2"}, "model": {"m 2"}}},
	} {
		l := usage.NewLedger(&c.opts)
		m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
		for _, call := range c.calls {
			req := ask(1, 1)
			req.Metadata = call.public
			if _, err := m.Generate(usage.WithTags(t.Context(), call.private), req); err != nil {
				t.Fatal(err)
			}
		}
		got := rows{}
		for tag, list := range l.Snapshot().By {
			same(t, c.name+": By and Snapshot", list, l.By(tag))
			for _, row := range list {
				got[tag] = append(got[tag], fmt.Sprint(row.Key, " ", row.Calls))
			}
		}
		same(t, c.name, c.want, got)
		same(t, c.name+": all calls", int64(len(c.calls)), l.Total().Calls)
		same(t, c.name+": a tag that nobody bears", 0, len(l.By("nobody")))
	}
}

func TestManyTags(t *testing.T) {
	for _, n := range []int{30, 31, 32} {
		var names []string
		tags := map[string]string{}
		for i := range n {
			names = append(names, fmt.Sprint("tag", i))
			tags[names[i]] = "x"
		}
		ctx := usage.WithTags(t.Context(), tags)
		every, these := usage.NewLedger(nil), usage.NewLedger(&usage.Options{GroupBy: names})
		llm.Wrap(answering(llm.Usage{}), usage.New(every), usage.New(these)).Generate(ctx, ask(1, 1))
		same(t, "tags", min(n, 31)+1, len(every.Snapshot().By))
		same(t, "named tags", n+1, len(these.Snapshot().By))
	}
}

// Rows are bounded while others begin anew, and the model always has one.
func TestResetWhileThereAreManyTags(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, MaxRows: 10})
	m := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				tags := map[string]string{}
				for tag := range 40 {
					tags[fmt.Sprint("tag", (tag+i)%60)] = fmt.Sprint(w, i)
				}
				m.Generate(usage.WithTags(t.Context(), tags), nil)
			}
		})
	}
	var calls, ofModel int64
	for range 400 {
		s := l.Reset()
		calls += s.Total.Calls
		for _, row := range s.By["model"] {
			ofModel += row.Calls
		}
		if len(s.By) > 32 {
			t.Fatalf("there are rows of %d tags", len(s.By))
		}
		for tag, rows := range s.By {
			if len(rows) > 11 {
				t.Fatalf("%s has %d rows", tag, len(rows))
			}
		}
	}
	wg.Wait()
	same(t, "calls", int64(4*200), calls+l.Total().Calls)
	same(t, "of the model", calls, ofModel)
}

func TestOptionsAreCopied(t *testing.T) {
	groupBy := []string{"tenant"}
	budgets := []usage.Budget{{Tags: map[string]string{"tenant": "a"}, Limit: usd("1")}}
	l := usage.NewLedger(&usage.Options{Prices: dollars, GroupBy: groupBy, Budgets: budgets})
	groupBy[0], budgets[0].Limit, budgets[0].Tags["tenant"] = "team", usd("100"), "b"
	_, err := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(tagged(t, "tenant", "a", "team", "x"), ask(1, 1))
	wantCode(t, err, llm.ErrBudgetExceeded)
	l.Budgets()[0].Tags["tenant"] = "b"
	_, err = llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(tagged(t, "tenant", "a"), ask(1, 1))
	wantCode(t, err, llm.ErrBudgetExceeded)
}

func TestReset(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, MaxRows: 1, Budgets: []usage.Budget{{Limit: usd("100")}}})
	m := llm.Wrap(answering(llm.Usage{InputTokens: 2}), usage.New(l))
	m.Generate(tagged(t, "tenant", "a"), ask(1, 1))
	was := l.Snapshot()
	got := l.Reset()
	got.At = was.At
	same(t, "what it was", was, got)
	empty := l.Snapshot()
	same(t, "total", usage.Summary{}, empty.Total)
	same(t, "rows", map[string][]usage.Row{}, empty.By)
	same(t, "spent", "2", empty.Budgets[0].Spent.String())
	m.Generate(tagged(t, "tenant", "b"), ask(1, 1))
	same(t, "a new row", "b", l.By("tenant")[0].Key)
}

func TestSnapshotJSON(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, OnWarning: func(error) {}, Budgets: []usage.Budget{
		{Name: "team", Tags: map[string]string{"team": "x"}, Limit: usd("100"), Period: 24 * time.Hour}, {Limit: usd("1000")}}})
	m := llm.Wrap(answering(llm.Usage{InputTokens: 4, CacheReadTokens: 2, OutputTokens: 1}), usage.New(l))
	m.Generate(tagged(t, "tenant", "a"), ask(1, 1))
	llm.Wrap(&scripted{llm.Info{Model: "new"}, turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(t.Context(), ask(8, 1))
	s := l.Snapshot()
	b := must(json.Marshal(s))
	var got usage.Snapshot
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	same(t, "read back", s, got)
	i := strings.Index(string(b), `"total"`)
	j := strings.Index(string(b), `"budgets"`)
	want := `"total":{"calls":2,"errors":1,"usage":{"input_tokens":6,"output_tokens":1,"cache_read_tokens":2,"estimated":true},"cost":{"known_usd":"4","unpriced_calls":1,"unpriced_tokens":2},` +
		`"reported":{"calls":1,"usage":{"input_tokens":4,"output_tokens":1,"cache_read_tokens":2},"cost":{"usd":"4"}},` +
		`"estimated":{"calls":1,"usage":{"input_tokens":2,"estimated":true},"cost":{"known_usd":"0","unpriced_calls":1,"unpriced_tokens":2}}},` +
		`"by":{"model":[{"key":"m","calls":1,`
	if !strings.HasPrefix(string(b[i:j]), want) {
		t.Errorf("the JSON is\n%s\nwant\n%s", b[i:j], want)
	}
	if !strings.Contains(string(b[j:]), `[{"name":"team","tags":{"team":"x"},"limit":"100","period_ns":86400000000000,"ends":"20`) {
		t.Errorf("the budgets are\n%s", b[j:])
	}
}

// A sum that is too large is a cost that is unknown, never one that is wrong; the call is booked.
func TestOverflow(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("4000000000000")}}})
	const most = 1<<40 - 1
	m := llm.Wrap(answering(llm.Usage{InputTokens: most, OutputTokens: most}), usage.New(l))
	call := func() {
		if _, err := m.Generate(t.Context(), ask(1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	call()
	same(t, "a call", "2199023255550", l.Total().Cost.String())
	usage.SetTotal(l, usage.KnownCost(usd("9223372036854775807"))) // nearly the largest amount
	call()
	total := l.Total()
	if total.Calls != 2 || total.Cost.String() != "9223372036854775807 + unknown" || total.Usage.InputTokens != most {
		t.Errorf("the total is %+v, %s", total, total.Cost)
	}
	same(t, "rows", "4398046511100", l.By("model")[0].Cost.String())
	same(t, "reserved", usage.USD{}, reserved(l))
	_, err := m.Generate(t.Context(), ask(1, math.MaxInt))
	wantCode(t, err, llm.ErrBudgetExceeded)
}

// A million tiny calls sum to the last digit, from 64 goroutines.
func TestExactSum(t *testing.T) {
	calls := 100_000
	if testing.Short() {
		calls = 10_000
	}
	prices := must(usage.ParsePrices(strings.NewReader(`{"models": [{"id": "m", "input": "0.000000000003", "output": "0.1"}]}`)))
	l := usage.NewLedger(&usage.Options{Prices: prices})
	m := llm.Wrap(answering(llm.Usage{InputTokens: 1, OutputTokens: 3}), usage.New(l)) // 0.000000300000000003 each
	var wg sync.WaitGroup
	for w := range 64 {
		ctx := tagged(t, "worker", fmt.Sprint(w%8))
		wg.Go(func() {
			for i := w; i < calls; i += 64 {
				if _, err := ways[i%2].call(ctx, m, nil); err != nil {
					t.Error(err)
				}
				if i%1000 == 0 {
					s := l.Snapshot() // meanwhile
					var rows int64
					for _, row := range s.By["worker"] {
						rows += row.Calls
					}
					if rows != s.Total.Calls || s.By["model"][0].Calls != rows {
						t.Errorf("a snapshot has %d calls, but %d in rows", s.Total.Calls, rows)
					}
				}
			}
		})
	}
	wg.Wait()
	want := map[int]string{100_000: "0.0300000000003", 10_000: "0.00300000000003"}[calls]
	same(t, "total", want, l.Total().Cost.String())
	var sum usage.USD
	rows := l.By("worker")
	for _, row := range rows {
		u, _ := row.Cost.USD()
		sum = must(sum.Add(u))
	}
	same(t, "rows", want, sum.String())
	if !slices.IsSortedFunc(rows, func(a, b usage.Row) int { return strings.Compare(a.Key, b.Key) }) || len(rows) != 8 {
		t.Errorf("the rows are %v", rows)
	}
}

func open(t testing.TB, path string, opts *usage.Options) *usage.Ledger {
	t.Helper()
	l, err := usage.OpenLedger(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

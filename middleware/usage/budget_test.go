package usage_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// slow is a model whose answers take a minute and use what the context says.
type slow struct{}

type usageKey struct{}

func using(ctx context.Context, u llm.Usage) context.Context {
	return context.WithValue(ctx, usageKey{}, u)
}

func (slow) Info() llm.Info { return llm.Info{Provider: "test", Model: "m"} }

func (m slow) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

func (slow) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		timer := time.NewTimer(time.Minute)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			yield(nil, &llm.Error{Code: llm.CodeOf(ctx.Err()), Err: ctx.Err()})
			return
		}
		u, _ := ctx.Value(usageKey{}).(llm.Usage)
		if yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) && yield(&llm.TextDelta{Text: "done"}, nil) && yield(&llm.PartStop{}, nil) {
			yield(&llm.Finish{StopReason: llm.StopEndTurn, Usage: u}, nil)
		}
	})
}

// TestBudgetHolds makes calls at the same time that use at most what they reserve: whatever
// happens to them, no more is spent than the limit.
func TestBudgetHolds(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			l := usage.NewLedger(&usage.Options{Prices: dollars, StopStreams: seed%2 == 0, Budgets: []usage.Budget{
				{Name: "all", Limit: usd("1000")},
				{Name: "a", Tags: map[string]string{"tenant": "a"}, Limit: usd("300.5")},
			}})
			m := llm.Wrap(slow{}, usage.New(l))
			var refused, billed atomic.Int64
			var wg sync.WaitGroup
			for i := range 100 {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				wg.Go(func() {
					for range 1 + rng.IntN(3) {
						time.Sleep(time.Duration(rng.IntN(120)) * time.Second)
						input, output := 1+rng.IntN(20), 1+rng.IntN(20)
						u := llm.Usage{InputTokens: rng.IntN(input) + 1, OutputTokens: rng.IntN(output + 1)}
						ctx, cancel := context.WithTimeout(using(tagged(t, "tenant", string("ab"[rng.IntN(2)])), u), time.Duration(rng.IntN(200))*time.Second)
						_, err := ways[rng.IntN(2)].call(ctx, m, ask(input, output))
						cancel()
						switch {
						case err == nil:
							billed.Add(int64(u.TotalTokens()))
						case llm.CodeOf(err) == llm.ErrBudgetExceeded:
							refused.Add(1)
						}
						for _, b := range l.Budgets() {
							spent, _ := b.Spent.USD()
							if sum := must(spent.Add(b.Reserved)); sum.Cmp(b.Limit) > 0 {
								t.Errorf("seed %d: of %s %s is spent or reserved", seed, b.Name, sum)
							}
						}
					}
				})
			}
			wg.Wait()
			if refused.Load() == 0 || billed.Load() < 300 {
				t.Errorf("seed %d: %d calls were refused, and %d tokens billed: nothing is tested", seed, refused.Load(), billed.Load())
			}
			same(t, "reserved", usage.USD{}, reserved(l))
			same(t, "spent", l.Total().Cost, l.Budgets()[0].Spent)
			if exact, _ := l.Total().Reported.Cost.USD(); exact != usd(strconv.FormatInt(billed.Load(), 10)) {
				t.Errorf("seed %d: %s is reported, %d billed", seed, exact, billed.Load())
			}
			b := l.Budgets()[1]
			left := must(b.Limit.Sub(known(b.Spent)))
			same(t, "left", left, b.Left)
		})
	}
}

func known(c usage.Cost) usage.USD {
	u, _ := c.USD()
	return u
}

// A hundred calls at once, each of which reserves 10 and uses it: ten fit into 105.
func TestHundredCallsAtOnce(t *testing.T) {
	for _, w := range ways {
		synctest.Test(t, func(t *testing.T) {
			l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("105")}}})
			m := llm.Wrap(slow{}, usage.New(l))
			var passed atomic.Int64
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					_, err := w.call(using(t.Context(), llm.Usage{InputTokens: 4, OutputTokens: 6}), m, ask(4, 6))
					if err == nil {
						passed.Add(1)
					} else if llm.CodeOf(err) != llm.ErrBudgetExceeded {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			same(t, "passed", int64(10), passed.Load())
			same(t, "spent", "100", l.Budgets()[0].Spent.String())
		})
	}
}

// What calls use beyond their reservations is all that is overspent.
func TestOverspend(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("20")}}})
	m := llm.Wrap(answering(llm.Usage{InputTokens: 10, OutputTokens: 8}), usage.New(l))
	for _, want := range []string{"18", "36"} { // each reserves 2
		if _, err := m.Generate(t.Context(), ask(1, 1)); err != nil {
			t.Fatal(err)
		}
		same(t, "spent", want, l.Budgets()[0].Spent.String())
	}
	_, err := m.Generate(t.Context(), ask(1, 1))
	wantCode(t, err, llm.ErrBudgetExceeded)
	same(t, "left", "0", l.Budgets()[0].Left.String())
}

func TestRefusal(t *testing.T) {
	midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		budgets []usage.Budget
		spend   int // before
		busy    int // reserved by another
		want    usage.BudgetError
		text    string
		after   time.Duration
	}{
		{"larger than the limit", []usage.Budget{{Name: "small", Limit: usd("9.5"), Period: time.Hour}}, 0, 0,
			usage.BudgetError{Name: "small", Limit: usd("9.5"), Left: usd("9.5"), Ends: time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC)},
			"budget small has 9.5 of 9.5 USD left, and the call needs 10; raise the limit, or lower max_tokens", 0},
		{"spent for ever", []usage.Budget{{Limit: usd("15")}}, 6, 0,
			usage.BudgetError{Name: "of all calls", Limit: usd("15"), Left: usd("9")},
			"budget of all calls has 9 of 15 USD left, and the call needs 10; raise the limit, or lower max_tokens", 0},
		{"spent for today", []usage.Budget{{Tags: map[string]string{"tenant": "a", "team": "x"}, Limit: usd("15"), Period: 24 * time.Hour}}, 6, 0,
			usage.BudgetError{Name: "by team, tenant", Limit: usd("15"), Left: usd("9"), Ends: midnight},
			"budget by team, tenant has 9 of 15 USD left, and the call needs 10; it is renewed at 2000-01-02T00:00:00Z", 22*time.Hour + 30*time.Minute},
		{"overspent", []usage.Budget{{Limit: usd("15"), Period: 24 * time.Hour}}, 20, 0,
			usage.BudgetError{Name: "of all calls", Limit: usd("15"), Ends: midnight},
			"budget of all calls has 0 of 15 USD left, and the call needs 10; it is renewed at 2000-01-02T00:00:00Z", 22*time.Hour + 30*time.Minute},
		{"reserved", []usage.Budget{{Limit: usd("15"), Period: 24 * time.Hour}}, 2, 8,
			usage.BudgetError{Name: "of all calls", Limit: usd("15"), Left: usd("5"), Reserved: usd("8"), Ends: midnight},
			"budget of all calls has 5 of 15 USD left, apart from 8 reserved for others, and the call needs 10; ask again when they have ended", 0},
		{"reserved, but of no use", []usage.Budget{{Limit: usd("15")}}, 6, 8,
			usage.BudgetError{Name: "of all calls", Limit: usd("15"), Left: usd("1"), Reserved: usd("8")},
			"budget of all calls has 1 of 15 USD left, apart from 8 reserved for others, and the call needs 10; raise the limit, or lower max_tokens", 0},
		{"several", []usage.Budget{{Name: "hour", Limit: usd("15"), Period: time.Hour}, {Name: "day", Limit: usd("15"), Period: 24 * time.Hour}, {Name: "minute", Limit: usd("15"), Period: time.Minute}}, 6, 0,
			usage.BudgetError{Name: "day", Limit: usd("15"), Left: usd("9"), Ends: midnight},
			"budget day has 9 of 15 USD left, and the call needs 10; it is renewed at 2000-01-02T00:00:00Z", 22*time.Hour + 30*time.Minute},
		{"nothing at all", []usage.Budget{{Limit: usd("-1")}}, 0, 0,
			usage.BudgetError{Name: "of all calls", Limit: usd("-1")},
			"budget of all calls has 0 of -1 USD left, and the call needs 10; raise the limit, or lower max_tokens", 0},
	} {
		for _, w := range ways {
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // midnight of 2000-01-01
					time.Sleep(90 * time.Minute)
					l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: c.budgets})
					ctx, cancel := context.WithCancel(tagged(t, "tenant", "a", "team", "x"))
					if c.spend > 0 {
						llm.Wrap(answering(llm.Usage{InputTokens: c.spend}), usage.New(l)).Generate(ctx, ask(1, 1))
					}
					var wg sync.WaitGroup
					defer wg.Wait()
					defer cancel()
					if c.busy > 0 {
						wg.Go(func() { llm.Wrap(slow{}, usage.New(l)).Generate(ctx, ask(c.busy-1, 1)) })
						synctest.Wait()
					}
					before := l.Snapshot()
					model := &scripted{llm.Info{Provider: "test", Model: "m"}, turn{panics: true}}
					var told []hook.Event
					watched := hook.Observe(ctx, func(ev hook.Event) { told = append(told, ev) })
					_, err := w.call(watched, llm.Wrap(model, usage.New(l)), ask(5, 5))
					if l := (*llm.Error)(nil); !errors.As(err, &l) || l.Message != c.text || l.RetryAfter != c.after || l.Code != llm.ErrBudgetExceeded || l.Provider != "test" || l.Model != "m" || l.Op != strings.ToLower(w.name) || llm.IsRetryable(err) {
						t.Errorf("the error is %#v, want %q after %v", err, c.text, c.after)
					}
					if !strings.Contains(err.Error(), c.text) {
						t.Errorf("the error reads %q", err)
					}
					cause, _ := errors.AsType[*usage.BudgetError](err)
					c.want.Need = usage.KnownCost(usd("10"))
					if cause == nil || cause.Name != c.want.Name || cause.Limit != c.want.Limit || cause.Left != c.want.Left || cause.Reserved != c.want.Reserved || cause.Need != c.want.Need || !cause.Ends.Equal(c.want.Ends) {
						t.Errorf("the cause is %+v, want %+v", cause, c.want)
					}
					same(t, "told", []hook.Event{{Kind: hook.Reject, Policy: "usage", Code: "budget_exceeded", Wait: c.after, Provider: "test", Model: "m"}}, told)
					same(t, "the ledger", before, l.Snapshot())
				})
			})
		}
	}
}

func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Saturday, 2000-01-01
		l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{
			{Name: "hour", Limit: usd("10"), Period: time.Hour}, {Name: "week", Limit: usd("100"), Period: 7 * 24 * time.Hour}, {Name: "ever", Limit: usd("1000"), Period: -1}}})
		m := llm.Wrap(slow{}, usage.New(l))
		call := func() error {
			_, err := m.Generate(using(t.Context(), llm.Usage{InputTokens: 3, OutputTokens: 5}), ask(3, 6))
			return err
		}
		spent := func(want ...string) {
			t.Helper()
			for i, b := range l.Budgets() {
				same(t, b.Name, want[i], b.Spent.String())
			}
		}
		week := time.Date(2000, 1, 6, 0, 0, 0, 0, time.UTC)
		if got := l.Budgets(); !got[1].Ends.Equal(week) || week.Weekday() != time.Thursday || !got[2].Ends.IsZero() || got[2].Period != 0 {
			t.Errorf("the budgets are %+v", got)
		}
		time.Sleep(30 * time.Minute)
		if err := call(); err != nil {
			t.Error(err)
		}
		spent("8", "8", "8")
		err := call()
		wantCode(t, err, llm.ErrBudgetExceeded)
		wait, _ := llm.RetryAfter(err)
		time.Sleep(wait - time.Nanosecond)
		wantCode(t, call(), llm.ErrBudgetExceeded)
		time.Sleep(time.Nanosecond)
		spent("0", "8", "8")
		if now := time.Now(); now.Minute() != 0 || now.Nanosecond() != 0 || call() != nil {
			t.Errorf("no call passes at %v", now)
		}

		// One that lasts into the next hour counts in its own.
		time.Sleep(time.Until(time.Date(2000, 1, 1, 2, 59, 30, 0, time.UTC)))
		if err := call(); err != nil || time.Now().Hour() != 3 {
			t.Error(err, time.Now())
		}
		spent("0", "24", "24")
		if err := call(); err != nil {
			t.Error(err)
		}
		spent("8", "32", "32")
		time.Sleep(time.Until(week))
		spent("0", "0", "32")
		same(t, "reserved", usage.USD{}, reserved(l))
	})
}

func TestBudgetTags(t *testing.T) {
	one := usd("1")
	for _, c := range []struct {
		name            string
		tags            map[string]string
		private, public map[string]string
		counts          bool
	}{
		{"every call", nil, nil, nil, true},
		{"every call, with tags", nil, map[string]string{"tenant": "a"}, nil, true},
		{"a tag", map[string]string{"tenant": "a"}, map[string]string{"tenant": "a", "team": "x"}, nil, true},
		{"a public tag", map[string]string{"tenant": "a"}, nil, map[string]string{"tenant": "a"}, true},
		{"a hidden tag", map[string]string{"tenant": "a"}, map[string]string{"tenant": "b"}, map[string]string{"tenant": "a"}, false},
		{"another value", map[string]string{"tenant": "a"}, map[string]string{"tenant": "b"}, nil, false},
		{"no tag", map[string]string{"tenant": ""}, nil, nil, false},
		{"an empty tag", map[string]string{"tenant": ""}, map[string]string{"tenant": ""}, nil, true},
		{"two tags", map[string]string{"tenant": "a", "team": "x"}, map[string]string{"tenant": "a"}, map[string]string{"team": "x"}, true},
		{"one of two", map[string]string{"tenant": "a", "team": "x"}, map[string]string{"team": "x"}, nil, false},
		{"the other of two", map[string]string{"tenant": "a", "team": "x"}, map[string]string{"tenant": "a"}, nil, false},
		{"the model", map[string]string{"model": "m"}, nil, nil, true},
		{"another model", map[string]string{"model": "other"}, map[string]string{"model": "other"}, map[string]string{"model": "other"}, false},
		{"the model and a tag", map[string]string{"model": "m", "tenant": "a"}, map[string]string{"tenant": "a"}, nil, true},
	} {
		l := usage.NewLedger(&usage.Options{Prices: dollars, GroupBy: []string{}, Budgets: []usage.Budget{{Tags: c.tags, Limit: one}, {Tags: map[string]string{"no": "one"}, Limit: one}}})
		req := ask(1, 1)
		req.Metadata = c.public
		_, err := llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(usage.WithTags(t.Context(), c.private), req)
		if counts := llm.CodeOf(err) == llm.ErrBudgetExceeded; counts != c.counts {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "by ") && strings.Contains(err.Error(), `"`) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Of two budgets with the same tags and period the lower counts.
func TestTwins(t *testing.T) {
	for _, limits := range [][2]string{{"5", "9"}, {"9", "5"}} {
		l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Name: limits[0], Limit: usd(limits[0])}, {Name: limits[1], Limit: usd(limits[1])}}})
		_, err := llm.Wrap(answering(llm.Usage{}), usage.New(l)).Generate(t.Context(), ask(3, 3))
		wantCode(t, err, llm.ErrBudgetExceeded)
		same(t, "budgets", 1, len(l.Budgets()))
		same(t, "name", "5", l.Budgets()[0].Name)
	}
}

// Budgets whose tags are not UTF-8 are two, if the bytes differ.
func TestBudgetTagsThatAreNotUTF8(t *testing.T) {
	var budgets []usage.Budget
	for _, tenant := range []string{"\xff", "\xfe", "\ufffd"} {
		budgets = append(budgets, usage.Budget{Tags: map[string]string{"tenant": tenant}, Limit: usd("1")})
	}
	path := filepath.Join(t.TempDir(), "ledger")
	opts := &usage.Options{Prices: dollars, Budgets: budgets}
	l := open(t, path, opts)
	llm.Wrap(answering(llm.Usage{InputTokens: 1}), usage.New(l)).Generate(tagged(t, "tenant", "\xfe"), ask(0, 1))
	l.Close()
	l = open(t, path, opts)
	defer l.Close()
	var spent []string
	for _, b := range l.Budgets() {
		spent = append(spent, b.Spent.String())
	}
	same(t, "spent", []string{"0", "1", "0"}, spent)
}

func TestReservation(t *testing.T) {
	image, paper := llm.Image("image/png", []byte("large")), llm.Document("paper", "application/pdf", []byte("large"))
	text := &llm.DocumentPart{Name: "note", MediaType: "text/plain", Data: []byte("seven b"), Context: "ctx"}
	written := &llm.DocumentPart{Name: "n", Text: "text"}
	for _, c := range []struct {
		name string
		req  llm.Request
		opts usage.Options
		want string
	}{
		{"defaults", *ask(100, 0), usage.Options{}, "4196"},
		{"MaxTokens", *ask(100, 7), usage.Options{}, "107"},
		{"bad MaxTokens", *ask(100, -7), usage.Options{}, "4196"},
		{"AssumeMaxTokens", *ask(100, 0), usage.Options{AssumeMaxTokens: 5}, "105"},
		{"bad AssumeMaxTokens", *ask(100, 0), usage.Options{AssumeMaxTokens: -5}, "4196"},
		{"media", llm.Request{Messages: []llm.Message{llm.User(image, paper)}, MaxTokens: 1}, usage.Options{}, "10006"},
		{"MediaTokens", llm.Request{Messages: []llm.Message{llm.User(image, paper)}, MaxTokens: 1}, usage.Options{MediaTokens: 10}, "26"},
		{"bad MediaTokens", llm.Request{Messages: []llm.Message{llm.User(image)}, MaxTokens: 1}, usage.Options{MediaTokens: -10}, "5001"},
		{"documents", llm.Request{Messages: []llm.Message{llm.User(text, written)}, MaxTokens: 1}, usage.Options{}, "20"},
		{"everything", llm.Request{
			System: []llm.Part{llm.Text("12"), (*llm.TextPart)(nil), nil},
			Messages: []llm.Message{llm.Assistant(&llm.ReasoningPart{Text: "12", Redacted: []byte("3")}, &llm.ToolCallPart{Name: "12", Input: []byte(`{"a":1}`)}, &llm.ToolCallPart{Name: "12", Input: []byte(`{}`)}, &llm.ToolCallPart{Malformed: "12"}),
				llm.User(llm.ToolResult("call", llm.Text("12"), image), &llm.ProviderPart{Data: []byte("123")})},
			Tools:     []llm.Tool{{Name: "12", Description: "123", Schema: []byte("{}"), Config: []byte("{}")}},
			Output:    &llm.OutputFormat{Name: "1", Description: "12", Schema: []byte("{}")},
			MaxTokens: 1}, usage.Options{MediaTokens: 100}, "138"},
	} {
		c.opts.Prices, c.opts.Budgets = dollars, []usage.Budget{{Limit: usd("1000000")}}
		l := usage.NewLedger(&c.opts)
		watcher := &watcher{ledger: l}
		if _, err := llm.Wrap(watcher, usage.New(l)).Generate(t.Context(), &c.req); err != nil {
			t.Error(err)
		}
		same(t, c.name, c.want, watcher.reserved.String())
	}
}

// watcher looks at the ledger while it is called.
type watcher struct {
	ledger   *usage.Ledger
	reserved usage.USD
}

func (w *watcher) Info() llm.Info { return llm.Info{Provider: "test", Model: "m"} }

func (w *watcher) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	w.reserved = reserved(w.ledger)
	return &llm.Response{}, nil
}

func (w *watcher) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] { return nil }

// Calls that are free pass even where nothing is left.
func TestFree(t *testing.T) {
	free := must(usage.ParsePrices(strings.NewReader(`{"models": [{"id": "m", "input": "0", "output": "0"}]}`)))
	for _, limit := range []string{"0", "-1"} {
		l := usage.NewLedger(&usage.Options{Prices: free, Budgets: []usage.Budget{{Limit: usd(limit)}}})
		if _, err := llm.Wrap(answering(llm.Usage{InputTokens: 4}), usage.New(l)).Generate(t.Context(), ask(4, 2)); err != nil {
			t.Error(err)
		}
	}
}

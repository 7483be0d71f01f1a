package usage_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/fallback"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
	"github.com/parley-sdk/parley/middleware/usage"
)

// soakCalls is the number of calls of the soak: 2,000 times PARLEY_SOAK.
func soakCalls(t *testing.T) int {
	soak := 1
	if s := os.Getenv("PARLEY_SOAK"); s != "" {
		var err error
		if soak, err = strconv.Atoi(s); err != nil || soak < 1 {
			t.Fatalf("PARLEY_SOAK=%q is not a positive number", s)
		}
	}
	return 2000 * soak
}

// books are what the backends of the soak know themselves of what they served.
type books struct {
	mu       sync.Mutex
	began    int64
	unsent   int64 // ended as if they had never arrived
	errors   int64
	reported usage.Part // finished, or refused at no cost
	guessed  usage.Part // all others, with what was delivered
}

// chaos is a backend that throttles, fails, cuts and stalls at random, and keeps books.
type chaos struct {
	model  string
	prices *usage.Prices
	books  *books
	seed   uint64
	n      atomic.Uint64
}

func (m *chaos) Info() llm.Info { return llm.Info{Provider: "aws.bedrock", Model: m.model} }

func (m *chaos) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, req))
}

// served is an attempt as the backend sees it.
type served struct {
	yield func(llm.Event, error) bool
	left  bool
	bytes int
	told  llm.Usage
	begun bool // something came
	done  bool // finished
	free  bool
	never bool // it did not arrive
	err   bool
}

func (s *served) event(ev llm.Event) bool {
	switch ev := ev.(type) {
	case *llm.UsageUpdate:
		s.told = ev.Usage
	case *llm.TextDelta:
		s.bytes += len(ev.Text)
	case *llm.Finish:
		if s.done = ev.Usage.TotalTokens() > 0; s.done {
			s.told = ev.Usage
		}
	}
	s.begun = true
	s.left = !s.yield(ev, nil)
	return !s.left
}

func (s *served) fail(code llm.Code, status int, cause error) {
	s.err = true
	s.yield(nil, &llm.Error{Code: code, Op: "stream", Provider: "aws.bedrock", Status: status, Err: cause})
}

func (m *chaos) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		s := &served{yield: yield}
		m.play(ctx, s, req, rand.New(rand.NewPCG(m.seed, m.n.Add(1))))
		m.book(s, req)
	})
}

func (m *chaos) book(s *served, req *llm.Request) {
	b := m.books
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began++
	if s.never {
		b.unsent++
		return
	}
	if s.err {
		b.errors++
	}
	part := usage.Part{Calls: 1, Usage: s.told}
	into := &b.reported
	switch {
	case s.done:
	case s.free:
		part.Usage = llm.Usage{}
	default:
		into = &b.guessed
		if part.Usage.InputTokens == 0 {
			part.Usage.InputTokens = (len(req.Messages[0].Content[0].(*llm.TextPart).Text) + 3) / 4
		}
		part.Usage.OutputTokens = max(part.Usage.OutputTokens, (s.bytes+3)/4)
		part.Usage.Estimated = true
	}
	part.Cost = m.prices.Cost(usage.Call{Model: m.model, Usage: part.Usage})
	into.Calls++
	into.Usage = into.Usage.Add(part.Usage)
	into.Cost = must(into.Cost.Add(part.Cost))
}

// play uses no more than a request reserves: a token for each byte, and MaxTokens.
func (m *chaos) play(ctx context.Context, s *served, req *llm.Request, rng *rand.Rand) {
	stall := func() {
		<-ctx.Done()
		s.never = !s.begun && llm.CodeOf(ctx.Err()) == llm.ErrCanceled
		s.fail(llm.CodeOf(ctx.Err()), 0, ctx.Err())
	}
	pause := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if !pause(time.Duration(rng.IntN(200)) * time.Millisecond) {
		stall()
		return
	}
	fate := rng.IntN(100)
	switch {
	case fate < 6:
		s.free = true
		s.fail(llm.ErrRateLimited, 429, nil)
		return
	case fate < 9:
		s.free = true
		s.fail(llm.ErrInternal, 500, nil)
		return
	case fate < 11:
		s.free = true
		s.fail(llm.ErrInvalidRequest, 400, nil)
		return
	case fate < 13:
		s.never = true
		s.fail(llm.ErrUnavailable, 0, nil)
		return
	case fate < 15:
		s.never = true
		s.fail(llm.ErrInvalidRequest, 0, nil)
		return
	case fate < 18:
		stall()
		return
	}
	input := len(req.Messages[0].Content[0].(*llm.TextPart).Text)
	u := llm.Usage{InputTokens: 1 + rng.IntN(input), OutputTokens: 1 + rng.IntN(req.MaxTokens), ServiceTier: "default"}
	u.CacheReadTokens = rng.IntN(u.InputTokens + 1)
	u.CacheWriteTokens = rng.IntN(u.InputTokens - u.CacheReadTokens + 1)
	u.CacheWrite1hTokens = rng.IntN(u.CacheWriteTokens + 1)
	silent := fate >= 23 && fate < 25 // about its usage
	if !silent && fate < 50 && !s.event(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: u.InputTokens, OutputTokens: 1}}) {
		return
	}
	if !s.event(&llm.PartStart{Part: &llm.TextPart{}}) {
		return
	}
	for i := range 8 {
		switch {
		case i == 3 && fate < 21:
			s.fail(llm.ErrIncomplete, 0, nil)
			return
		case i == 5 && fate < 23, !pause(10 * time.Millisecond):
			stall()
			return
		}
		if !s.event(&llm.TextDelta{Text: strings.Repeat("x", rng.IntN(req.MaxTokens/8))}) {
			return
		}
	}
	if !s.event(&llm.PartStop{}) {
		return
	}
	if silent {
		u = llm.Usage{}
	}
	s.event(&llm.Finish{StopReason: llm.StopEndTurn, Usage: u, Provider: "aws.bedrock", Model: m.model})
}

// TestSoak makes many calls through retries, fallbacks and timeouts over backends that
// throttle, fail, cut and stall, while callers break and cancel. The ledger agrees with the
// backends on every attempt: exactly on what was finished, and apart from that on the rest.
func TestSoak(t *testing.T) {
	calls := soakCalls(t)
	path := filepath.Join(t.TempDir(), "ledger")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		prices := usage.DefaultPrices()
		var warnings atomic.Int64
		opts := &usage.Options{NoSync: true, StopStreams: true, OnWarning: func(err error) { warnings.Add(1) }, Budgets: []usage.Budget{
			{Name: "minute", Limit: usd("12"), Period: time.Minute},
			{Name: "tenant", Tags: map[string]string{"tenant": "t1"}, Limit: usd("1"), Period: time.Minute},
			{Name: "unpriced", Tags: map[string]string{"model": "new.model-v1:0"}, Limit: usd("1000000")}}}
		l := open(t, path, opts)
		usage.CompactAfter(l, 999)
		own := &books{}
		backend := func(model string, seed uint64) llm.Model {
			return llm.Wrap(&chaos{model: model, prices: prices, books: own, seed: seed},
				retry.New(&retry.Options{MaxAttempts: 3}),
				timeout.New(&timeout.Options{Generate: 5 * time.Second, FirstEvent: 2 * time.Second, BetweenEvents: 2 * time.Second}),
				usage.New(l))
		}
		model := fallback.New(backend("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 1), backend("amazon.nova-lite-v1:0", 2), backend("new.model-v1:0", 3))
		var ids, left, refused atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for id := int(ids.Add(1)); id <= calls; id = int(ids.Add(1)) {
					rng := rand.New(rand.NewPCG(4, uint64(id)))
					time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
					ctx := tagged(t, "tenant", fmt.Sprint("t", rng.IntN(5)), "call", strconv.Itoa(id%300))
					if rng.IntN(10) == 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithCancel(ctx)
						defer time.AfterFunc(time.Duration(rng.IntN(1000))*time.Millisecond, cancel).Stop()
						defer cancel()
					}
					req := ask(400+rng.IntN(4000), 160+rng.IntN(400))
					leave := -1
					if rng.IntN(10) == 0 {
						leave = rng.IntN(13)
					}
					if rng.IntN(2) == 0 {
						if _, err := model.Generate(ctx, req); llm.CodeOf(err) == llm.ErrBudgetExceeded {
							refused.Add(1)
						}
						continue
					}
					for _, err := range model.Stream(ctx, req) {
						if llm.CodeOf(err) == llm.ErrBudgetExceeded {
							refused.Add(1)
						}
						if leave--; leave == -1 {
							left.Add(1)
							break
						}
					}
				}
			})
		}
		wg.Wait()
		total := l.Total()
		same(t, "attempts", own.began-own.unsent, total.Calls)
		same(t, "errors", own.errors, total.Errors)
		same(t, "reported", own.reported, total.Reported)
		same(t, "estimated", own.guessed, total.Estimated)
		for tag := range l.Snapshot().By {
			var calls int64
			for _, row := range l.By(tag) {
				calls += row.Calls
			}
			same(t, tag, total.Calls, calls)
		}
		for _, b := range l.Budgets() {
			same(t, b.Name+": reserved", usage.USD{}, b.Reserved)
			if known(b.Spent).Cmp(b.Limit) > 0 {
				t.Errorf("%s is overspent: %s", b.Name, b.Spent)
			}
		}
		if left.Load() == 0 || refused.Load() == 0 || total.Estimated.Calls < int64(calls)/50 || total.Reported.Calls < int64(calls)/2 || warnings.Load() > 1 {
			t.Errorf("%d left, %d refused, %d warnings, %+v: the soak tests nothing", left.Load(), refused.Load(), warnings.Load(), total)
		}
		was := l.Snapshot()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, path, opts)
		defer again.Close()
		sameBooks(t, "from the file", was, again.Snapshot())
		t.Logf("%d calls in %v of virtual time: %d attempts, %d of them estimated, %d not counted, %d refused, %d left; %s for %d calls, and %s by estimate",
			calls, time.Since(begin).Round(time.Second), total.Calls, total.Estimated.Calls, own.unsent, refused.Load(), left.Load(), total.Reported.Cost, total.Reported.Calls, total.Estimated.Cost)
	})
}

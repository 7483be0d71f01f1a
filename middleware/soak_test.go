package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

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

// tally counts what happened above and below the attempts' policies.
type tally struct {
	attempts, unsent                       atomic.Int64
	retries, fallbacks, hedges, rejections atomic.Int64 // as observers are told
	answers, failures, breaks              atomic.Int64
	failed                                 sync.Map // code → *atomic.Int64
}

// attempts counts the attempts that retry makes, and those that ended before the backend.
func (n *tally) around(mw llm.Middleware) llm.Middleware {
	return func(next llm.Model) llm.Model { return &attemptCounter{mw(next), n} }
}

type attemptCounter struct {
	next llm.Model
	n    *tally
}

func (a *attemptCounter) Info() llm.Info    { return a.next.Info() }
func (a *attemptCounter) Unwrap() llm.Model { return a.next }

func (a *attemptCounter) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	ctx, end := a.count(ctx)
	defer end()
	return a.next.Generate(ctx, req)
}

func (a *attemptCounter) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		ctx, end := a.count(ctx)
		defer end()
		a.next.Stream(ctx, req)(yield)
	})
}

func (a *attemptCounter) count(ctx context.Context) (_ context.Context, end func()) {
	sent := new(atomic.Bool)
	a.n.attempts.Add(1)
	return context.WithValue(ctx, sentKey{}, sent), func() {
		if !sent.Load() {
			a.n.unsent.Add(1)
		}
	}
}

// TestSoak makes many calls through Standard over a backend that throttles, fails, cuts
// and stalls, while callers break, cancel and have deadlines. Every call ends in its
// answer or a typed error, the counts above and below add up, and nothing is left.
func TestSoak(t *testing.T) {
	calls := soakCalls(t)
	const workers, slots, perMinute = 64, 24, 1800
	before := heap()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		down := func() bool {
			t := time.Since(begin) % (5 * time.Minute)
			return 30*time.Second < t && t < 40*time.Second
		}
		backend := &chaos{model: "chaos-1", seed: 7, outage: down}
		n := new(tally)
		model := llm.Wrap(backend, middleware.Standard(middleware.Config{
			Timeout: timeout.New(&timeout.Options{Total: 5 * time.Minute}),
			Retry:   retry.New(nil),
			Breaker: n.around(breaker.New(&breaker.Options{OpenFor: 10 * time.Second})),
			RateLimit: ratelimit.New(&ratelimit.Options{
				RequestsPerMinute: perMinute, TokensPerMinute: 500_000, MaxConcurrent: slots}),
			AttemptTimeout: timeout.New(&timeout.Options{Generate: 20 * time.Second, FirstEvent: 5 * time.Second, BetweenEvents: 5 * time.Second}),
		}))
		var ids atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for id := int(ids.Add(1)); id <= calls; id = int(ids.Add(1)) {
					n.caller(t, model, id)
				}
			})
		}
		wg.Wait()
		n.check(t, calls, backend)
		backend.check(t, slots, perMinute)
		if most := float64(calls)/5 + 40 + 10*(1+time.Since(begin).Minutes()); float64(n.retries.Load()) > most {
			t.Errorf("%d retries, where the budget allows %.0f", n.retries.Load(), most)
		}
		t.Logf("%d calls in %v of virtual time: %d answers, %d failures, %d left; %d attempts, %d retries, %d rejections, %d reached the backend",
			calls, time.Since(begin).Round(time.Second), n.answers.Load(), n.failures.Load(), n.breaks.Load(), n.attempts.Load(), n.retries.Load(), n.rejections.Load(), backend.began.Load())
	})
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}

// caller makes one call, in one of several ways.
func (n *tally) caller(t *testing.T, model llm.Model, id int) {
	rng := rand.New(rand.NewPCG(11, uint64(id)))
	time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond) // else all calls are made in the outage, where they end at once
	ctx := context.WithValue(t.Context(), callKey{}, id)
	ctx = hook.Observe(ctx, func(ev hook.Event) {
		switch ev.Kind {
		case hook.Retry:
			n.retries.Add(1)
		case hook.Fallback:
			n.fallbacks.Add(1)
		case hook.Hedge:
			n.hedges.Add(1)
		case hook.Reject:
			n.rejections.Add(1)
		}
	})
	impatient := false
	switch rng.IntN(20) {
	case 0:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(1000))*time.Millisecond)
		defer cancel()
		impatient = true
	case 1:
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(rng.IntN(1000))*time.Millisecond, cancel).Stop()
		defer cancel()
		impatient = true
	}
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Go.")}, MaxTokens: 50}
	if rng.IntN(2) == 0 {
		resp, err := model.Generate(ctx, req)
		n.end(t, ctx, id, impatient, resp, err)
		return
	}
	leave := -1
	if rng.IntN(10) == 0 {
		leave = rng.IntN(words + 3)
	}
	var acc llm.Accumulator
	seen := 0
	for _, err := range acc.Tee(model.Stream(ctx, req)) {
		if err != nil {
			n.end(t, ctx, id, impatient, acc.Response(), err)
			return
		}
		if seen++; seen == leave {
			n.breaks.Add(1)
			return
		}
	}
	n.end(t, ctx, id, impatient, acc.Response(), nil)
}

func (n *tally) end(t *testing.T, ctx context.Context, id int, impatient bool, resp *llm.Response, err error) {
	if err == nil {
		n.answers.Add(1)
		usage := llm.Usage{InputTokens: input(id), OutputTokens: words}
		if want := strings.Repeat(word(id), words); resp.Text() != want || resp.StopReason != llm.StopEndTurn || resp.Usage != usage {
			t.Errorf("call %d was answered with %q (%s), %+v", id, resp.Text(), resp.StopReason, resp.Usage)
		}
		return
	}
	n.failures.Add(1)
	code := llm.CodeOf(err)
	c, _ := n.failed.LoadOrStore(code, new(atomic.Int64))
	c.(*atomic.Int64).Add(1)
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || code == llm.ErrUnknown {
		t.Errorf("call %d failed without a code: %v", id, err)
		return
	}
	canceled, late := errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded)
	switch code {
	case llm.ErrCanceled:
		if !canceled || late && ctx.Err() != context.DeadlineExceeded {
			t.Errorf("call %d was cancelled, and its error is %v", id, err)
		}
	case llm.ErrTimeout:
		if !late || canceled {
			t.Errorf("call %d took too long, and its error is %v", id, err)
		}
	case llm.ErrRejected:
		if canceled || llm.IsRetryable(err) {
			t.Errorf("call %d was rejected, and its error is %v", id, err)
		}
	default: // the backend's own
		if e.RequestID != fmt.Sprint("r", id) || code != llm.ErrIncomplete && e.Status == 0 {
			t.Errorf("of call %d the error says too little: %v", id, err)
		}
	}
	if code == llm.ErrIncomplete && (resp == nil || resp.Text() != strings.Repeat(word(id), 3) || resp.Usage.InputTokens != input(id)) {
		t.Errorf("of the answer to call %d that was cut, this is left: %+v", id, resp)
	}
	if code == llm.ErrCanceled && !impatient {
		t.Errorf("call %d was cancelled by nobody: %v", id, err)
	}
	if resp != nil && !strings.HasPrefix(strings.Repeat(word(id), words), resp.Text()) {
		t.Errorf("call %d failed with the words of another: %q", id, resp.Text())
	}
}

// check looks that the counts add up.
func (n *tally) check(t *testing.T, calls int, backends ...*chaos) {
	t.Helper()
	var began, ended int64
	for _, b := range backends {
		began, ended = began+b.began.Load(), ended+b.ended.Load()
	}
	equal := func(what string, got, want int64) {
		if t.Helper(); got != want {
			t.Errorf("%s: %d and %d", what, got, want)
		}
	}
	equal("answers, failures and broken loops, and calls", n.answers.Load()+n.failures.Load()+n.breaks.Load(), int64(calls))
	equal("attempts, and calls, retries, fallbacks and hedges", n.attempts.Load(), int64(calls)+n.retries.Load()+n.fallbacks.Load()+n.hedges.Load())
	equal("attempts that were sent, and those that arrived", n.attempts.Load()-n.unsent.Load(), began)
	equal("attempts that arrived, and that ended", began, ended)
	if n.rejections.Load() > n.unsent.Load() {
		t.Errorf("%d rejections, but only %d attempts were not sent", n.rejections.Load(), n.unsent.Load())
	}
	if n.answers.Load() < int64(calls)/20 || n.retries.Load() == 0 || n.rejections.Load() == 0 {
		t.Errorf("only %d answers, %d retries, %d rejections: the soak tests nothing", n.answers.Load(), n.retries.Load(), n.rejections.Load())
	}
	codes := map[llm.Code]int64{}
	for code, c := range n.failed.Range {
		codes[code.(llm.Code)] = c.(*atomic.Int64).Load()
	}
	t.Logf("failures: %v", codes)
}

// check looks that the backend was not asked too often, nor by too many at a time.
func (m *chaos) check(t *testing.T, slots, perMinute int) {
	t.Helper()
	if m.top > slots || m.top < slots/2 {
		t.Errorf("%d attempts at a time, where the limit is %d", m.top, slots)
	}
	first, most := 0, 0
	for i, at := range m.times {
		for at.Sub(m.times[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	if limit := perMinute + perMinute/6; most > limit || most < limit/4 {
		t.Errorf("%d attempts in a minute, where limit and burst are %d", most, limit)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

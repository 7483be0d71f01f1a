package hedge_test

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/hedge"
)

// paced is a model whose answer takes as long as it is told.
type paced struct {
	takes func(attempt int) time.Duration
	fails bool

	mu      sync.Mutex
	further int
}

func (p *paced) Info() llm.Info { return llm.Info{} }

func (p *paced) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(p.Stream(ctx, req))
}

func (p *paced) Stream(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		p.mu.Lock()
		attempt := hook.Attempt(ctx)
		if attempt > 1 {
			p.further++
		}
		d := p.takes(attempt)
		p.mu.Unlock()
		if err := sleep(ctx, d); err != nil {
			yield(nil, err)
		} else if p.fails {
			yield(nil, overloaded)
		} else {
			yield(&llm.Finish{StopReason: llm.StopEndTurn}, nil)
		}
	})
}

// measure returns the delay that is in force: when a second call begins beside one that hangs.
func measure(t *testing.T, model llm.Model, p *paced, call caller) time.Duration {
	t.Helper()
	before := p.takes
	defer func() { p.takes = before }()
	p.takes = func(attempt int) time.Duration {
		if attempt == 1 {
			return never
		}
		return 0
	}
	start := time.Now()
	if _, err := call(t.Context(), model, ask()); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func calls(t *testing.T, model llm.Model, p *paced, call caller, n int, takes time.Duration) {
	t.Helper()
	p.takes = func(int) time.Duration { return takes }
	for range n {
		_, _ = call(t.Context(), model, ask())
	}
}

func TestQuantile(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			p := &paced{}
			model := hedge.New(p, &hedge.Options{Delay: 30 * s, Quantile: 0.75})
			want := func(when string, want time.Duration) {
				t.Helper()
				if got := measure(t, model, p, call); got != want {
					t.Errorf("%s: the delay is %v, want %v", when, got, want)
				}
			}
			calls(t, model, p, call, 18, s)
			want("after 18 calls", 30*s) // the 19th: at least 30 s
			calls(t, model, p, call, 1, 2*s)
			want("after 20 calls", s) // the 21st: at least 1 s
			calls(t, model, p, call, 4, 500*time.Millisecond)
			want("after 25 calls", s)
			// Calls that were cut off count as long ones: the delay does not shrink with each.
			for range 3 {
				measure(t, model, p, call)
			}
			want("after 29 calls, 22 of them quick", s)
			want("after 30 calls, 22 of them quick", s+s/2)
			calls(t, model, p, call, 256, 500*time.Millisecond)
			want("once the window is full of others", 500*time.Millisecond)
			calls(t, model, p, call, 256, 0)
			want("where a cache answers", 10*time.Millisecond)
		})
	})
}

func TestQuantileOff(t *testing.T) {
	for _, q := range []float64{0, -1, 1, 2, math.NaN(), math.Inf(1)} {
		synctest.Test(t, func(t *testing.T) {
			p := &paced{}
			model := hedge.New(p, &hedge.Options{Delay: 3 * s, Quantile: q})
			calls(t, model, p, generate, 30, s)
			if got := measure(t, model, p, generate); got != 3*s {
				t.Errorf("quantile %v: the delay is %v", q, got)
			}
		})
	}
}

// What was seen of Generate does not hold for streams.
func TestQuantilesAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paced{}
		model := hedge.New(p, &hedge.Options{Quantile: 0.9})
		calls(t, model, p, generate, 30, 20*s)
		if got := measure(t, model, p, collect); got != 3*s {
			t.Errorf("the delay of streams is %v", got)
		}
		calls(t, model, p, collect, 30, s)
		if g, c := measure(t, model, p, generate), measure(t, model, p, collect); g != 20*s || c != s {
			t.Errorf("the delay is %v, of streams %v", g, c)
		}
	})
}

// Failures and cancels that came before a second call say nothing of how long an answer takes.
func TestQuantileOfAnswersOnly(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		synctest.Test(t, func(t *testing.T) {
			p := &paced{fails: true}
			model := hedge.New(p, &hedge.Options{Delay: 30 * s, Quantile: 0.5})
			calls(t, model, p, call, 30, s)
			p.fails = false
			hasty := func(ctx context.Context, m llm.Model, req *llm.Request) (*llm.Response, error) {
				ctx, cancel := context.WithTimeout(ctx, s)
				defer cancel()
				return call(ctx, m, req)
			}
			calls(t, model, p, hasty, 30, never)
			if got := measure(t, model, p, call); got != 30*s {
				t.Errorf("the delay is %v", got)
			}
		})
	})
}

// The share of calls that are hedged is what the quantile says, whatever the model does:
// also where it slows down as a whole, and where second calls are quick.
func TestShareOfHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		scale := 1.0
		p := &paced{takes: func(attempt int) time.Duration {
			if attempt > 1 {
				return 100 * time.Millisecond
			}
			return time.Duration(scale * random.ExpFloat64() * float64(s))
		}}
		model := hedge.New(p, &hedge.Options{Delay: 3 * s, Quantile: 0.95})
		for _, scale = range []float64{1, 10, 0.1} {
			const n = 4000
			for i := range n + 500 {
				if i == 500 {
					p.further = 0 // it has adapted
				}
				if _, err := model.Generate(t.Context(), ask()); err != nil {
					t.Fatal(err)
				}
			}
			if share := float64(p.further) / n; share < 0.03 || share > 0.07 {
				t.Errorf("at %v s a call %.3f of the calls were hedged", scale, share)
			}
		}
	})
}

package timeout_test

import (
	"context"
	"iter"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// exits are the ways in which a call may end.
var exits = map[string]func(ctx context.Context, next *slow, m llm.Model){
	"finish": func(ctx context.Context, _ *slow, m llm.Model) { _, _ = stream().call(ctx, m) },
	"error": func(ctx context.Context, next *slow, m llm.Model) {
		next.steps = []step{{ev: &llm.PartStart{Part: &llm.TextPart{}}}, {err: llm.ErrOverloaded}}
		_, _ = stream().call(ctx, m)
	},
	"error at once": func(ctx context.Context, next *slow, m llm.Model) {
		next.steps = []step{{err: llm.ErrOverloaded}}
		_, _ = stream().call(ctx, m)
	},
	"break": func(ctx context.Context, _ *slow, m llm.Model) {
		for range m.Stream(ctx, nil) {
			break
		}
	},
	"break later": func(ctx context.Context, _ *slow, m llm.Model) {
		for ev := range m.Stream(ctx, nil) {
			if _, ok := ev.(*llm.TextDelta); ok {
				break
			}
		}
	},
	"panic in the loop": func(ctx context.Context, _ *slow, m llm.Model) {
		defer func() { _ = recover() }()
		for range m.Stream(ctx, nil) {
			panic("in the loop")
		}
	},
	"panic of the model": func(ctx context.Context, next *slow, m llm.Model) {
		next.echo = func(context.Context) error { panic("of the model") }
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		for _, w := range []way{generate(), stream()} {
			func() {
				defer func() { _ = recover() }()
				_, _ = w.call(ctx, m)
			}()
		}
	},
	"cancel": func(ctx context.Context, _ *slow, m llm.Model) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for range m.Stream(ctx, nil) {
			cancel()
		}
	},
	"generate":     func(ctx context.Context, _ *slow, m llm.Model) { _, _ = m.Generate(ctx, nil) },
	"never ranged": func(ctx context.Context, _ *slow, m llm.Model) { m.Stream(ctx, nil) },
}

// spy keeps the contexts that its model is called with.
type spy struct {
	next     llm.Model
	contexts []context.Context
}

func (s *spy) Info() llm.Info { return s.next.Info() }

func (s *spy) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	s.contexts = append(s.contexts, ctx)
	return s.next.Generate(ctx, req)
}

func (s *spy) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	s.contexts = append(s.contexts, ctx)
	return s.next.Stream(ctx, req)
}

// However a call ends, the context that it gave out is done and its timers are stopped: were
// one left, it would start a goroutine when its time has come.
func TestEverythingIsReleased(t *testing.T) {
	const calls = 200
	mw := []llm.Middleware{timeout.New(&timeout.Options{Total: time.Hour}), timeout.New(&timeout.Options{Generate: time.Hour, FirstEvent: time.Hour, BetweenEvents: time.Hour})}
	for name, exit := range exits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var given []context.Context
				for i := range calls {
					next := &slow{steps: after()}
					spy := &spy{next: next}
					exit(t.Context(), next, mw[i%len(mw)](spy))
					given = append(given, spy.contexts...)
					if n := next.running.Load(); n != 0 {
						t.Fatalf("%d calls still run", n)
					}
				}
				for _, ctx := range given {
					if ctx.Err() == nil {
						t.Fatal("a context is still alive")
					}
				}
				before := goroutinesCreated()
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if n := goroutinesCreated() - before; n >= calls/4 {
					t.Errorf("%d goroutines were started after the calls", n)
				}
			})
		})
	}
}

// The test above would notice a timer.
func TestTimersAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutinesCreated()
		for range 200 {
			time.AfterFunc(time.Hour, func() {})
		}
		time.Sleep(3 * time.Hour)
		if n := goroutinesCreated() - before; n < 200 {
			t.Errorf("%d goroutines were started by 200 timers", n)
		}
	})
}

func goroutinesCreated() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// One middleware serves several models and many calls at a time, which end in every way.
func TestConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mw := timeout.New(&timeout.Options{Total: time.Hour, Generate: 3 * time.Second, FirstEvent: 2 * time.Second, BetweenEvents: time.Second})
		models := []*slow{
			{steps: after()},
			{steps: after(0, 0, time.Minute)},
			{steps: after(time.Minute)},
			{steps: after(time.Second, time.Second-1, time.Second-1)},
		}
		want := [][2]llm.Code{{"", ""}, {llm.ErrTimeout, llm.ErrTimeout}, {llm.ErrTimeout, llm.ErrTimeout}, {"", ""}}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				n := i % len(models)
				m := mw(models[n])
				for range 10 {
					for j, w := range []way{generate(), stream()} {
						if _, err := w.call(t.Context(), m); llm.CodeOf(err) != want[n][j] {
							t.Errorf("model %d, %s: %v", n, w.name, err)
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// In real time events come just as the limit passes: every call ends as it should, and the
// race detector has nothing to say.
func TestRace(t *testing.T) {
	const limit = 200 * time.Microsecond
	mw := timeout.New(&timeout.Options{Generate: 3 * limit, FirstEvent: limit, BetweenEvents: limit})
	next := &slow{steps: after(limit, limit, limit, limit)}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			m := mw(next)
			for range 20 {
				w := []way{generate(), stream()}[i%2]
				resp, err := w.call(t.Context(), m)
				if code := llm.CodeOf(err); code != "" && code != llm.ErrTimeout || code == "" && resp.Text() != "Four degrees." {
					t.Errorf("%s: %v, %v", w.name, resp, err)
				}
			}
		})
	}
	wg.Wait()
	if n := next.running.Load(); n != 0 {
		t.Errorf("%d calls still run", n)
	}
}

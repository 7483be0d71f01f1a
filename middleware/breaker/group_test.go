package breaker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/breaker"
)

type keyed struct{}

// byContext keys circuits by a value of the context; do makes a call that ends with an error.
func byContext(opts breaker.Options) (m llm.Model, do func(key string, err error) error) {
	type outcome struct{}
	opts.Key = func(ctx context.Context, _ *llm.Request, _ llm.Info) string { return ctx.Value(keyed{}).(string) }
	m = llm.Wrap(&backend{do: func(ctx context.Context) error {
		err, _ := ctx.Value(outcome{}).(error)
		return err
	}}, breaker.New(&opts))
	return m, func(key string, err error) error {
		ctx := context.WithValue(context.WithValue(context.Background(), keyed{}, key), outcome{}, err)
		return generate.call(ctx, m)
	}
}

func TestManyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, do := byContext(breaker.Options{Failures: 2})
		for _, key := range []string{"open", "recovered"} {
			_, _, _ = do(key, llm.ErrInternal), do(key, llm.ErrInternal), do(key, nil)
		}
		time.Sleep(31 * time.Second)
		if err := do("recovered", nil); err != nil {
			t.Fatal(err)
		}
		_ = do("often", llm.ErrInternal)
		for i := range 3000 {
			_ = do("often", llm.ErrRejected)
			_ = do(fmt.Sprint("once ", i), llm.ErrInternal)
		}

		if n := len(breaker.States(m)); n != 1024 {
			t.Errorf("%d circuits are kept, want 1,024", n)
		}
		// One more fault shows whether the first is still known.
		for _, key := range []string{"often", "once 0", "once 2999"} {
			_ = do(key, llm.ErrInternal)
		}
		states := breaker.States(m)
		for key, want := range map[string]breaker.State{"open": breaker.HalfOpen, "recovered": "", "often": breaker.Open, "once 0": breaker.Closed, "once 2999": breaker.Open} {
			if states[key] != want {
				t.Errorf("the circuit %q is %q, want %q", key, states[key], want)
			}
		}
	})
}

func TestManyOpenKeys(t *testing.T) {
	m, do := byContext(breaker.Options{Failures: 1})
	for i := range 1500 {
		_ = do(fmt.Sprint("open ", i), llm.ErrInternal)
	}
	for i := range 1000 { // a few circuits are looked at for each new key
		_ = do(fmt.Sprint("closed ", i), nil)
	}
	states := breaker.States(m)
	if len(states) > 1500+500 || states["closed 999"] != breaker.Closed {
		t.Errorf("%d circuits are kept, of which 1,500 are open", len(states))
	}
	if err := do("open 0", nil); passed(err) {
		t.Errorf("the first open circuit was lost: %v", err)
	}
}

// The circuit of a call that is under way stays, since its outcome has yet to be counted.
func TestKeysInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcome := make(chan error)
		b := &backend{do: func(ctx context.Context) error {
			if ctx.Value(keyed{}) == "slow" {
				return <-outcome
			}
			return nil
		}}
		m := llm.Wrap(b, breaker.New(&breaker.Options{Failures: 1, Key: func(ctx context.Context, _ *llm.Request, _ llm.Info) string {
			return ctx.Value(keyed{}).(string)
		}}))
		do := func(key string) error { return stream.call(context.WithValue(t.Context(), keyed{}, key), m) }
		var slow sync.WaitGroup
		slow.Go(func() { _ = do("slow") })
		synctest.Wait()
		for i := range 2000 {
			if err := do(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		outcome <- llm.ErrInternal
		slow.Wait()
		if err := do("slow"); passed(err) {
			t.Errorf("the fault of a slow call was lost: %v", err)
		}
	})
}

package hook_test

import (
	"context"
	"slices"
	"testing"

	"github.com/parley-sdk/parley/internal/hook"
)

func TestObservers(t *testing.T) {
	ctx := context.Background()
	hook.Tell(ctx, hook.Event{Kind: hook.Retry}) // nobody listens
	var heard []string
	ctx = hook.Observe(ctx, func(ev hook.Event) { heard = append(heard, "outer "+string(ev.Kind)) })
	hook.Tell(ctx, hook.Event{Kind: hook.Wait})
	inner := hook.Observe(ctx, func(ev hook.Event) { heard = append(heard, "inner "+string(ev.Kind)) })
	hook.Tell(inner, hook.Event{Kind: hook.Hedge})
	if want := []string{"outer wait", "inner hedge", "outer hedge"}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}

func TestAttempt(t *testing.T) {
	ctx := context.Background()
	if n := hook.Attempt(ctx); n != 1 {
		t.Errorf("a first attempt is number %d", n)
	}
	if n := hook.Attempt(hook.WithAttempt(ctx, 3)); n != 3 {
		t.Errorf("the third attempt is number %d", n)
	}
}

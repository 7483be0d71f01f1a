package retry_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/retry"
)

// Where a policy further in refuses to send the next attempt, what was known of the one
// before is kept, and only that is counted.
func TestRefusedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &llm.Error{Code: llm.ErrIncomplete, Status: 200, RequestID: "r1"}
		rejected := &llm.Error{Code: llm.ErrRejected, Message: "the circuit breaker is open"}
		partial := []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 7}}, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "hel"}}
		m := llm.Wrap(plays(fails(cut, partial...), fails(rejected)), retry.New(nil))
		resp, err := m.Generate(t.Context(), ask())
		if llm.CodeOf(err) != llm.ErrRejected || !errors.Is(err, cut) || !errors.Is(err, rejected) || llm.IsRetryable(err) {
			t.Errorf("the error is %v", err)
		}
		if resp.Text() != "hel" || resp.Usage.InputTokens != 7 {
			t.Errorf("the partial response is %+v", resp)
		}
		e, _ := errors.AsType[*llm.Error](err)
		if got := e.Message; len(got) < 20 || got[:20] != "gave up after 1 atte" {
			t.Errorf("the message is %q", got)
		}
	})
}

// Only what a policy further in decides counts as not sent: whether a provider saw a request that
// failed in another way is not for a retry to guess.
func TestUnsentCodes(t *testing.T) {
	codes := map[llm.Code]bool{llm.ErrRejected: true, llm.ErrBudgetExceeded: true}
	for _, code := range []llm.Code{llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound,
		llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrUnavailable, llm.ErrTimeout, llm.ErrCanceled,
		llm.ErrContextTooLong, llm.ErrContentFiltered, llm.ErrMalformedOutput, llm.ErrUnsupported, llm.ErrInternal, llm.ErrUnknown} {
		codes[code] = false
	}
	for code, unsent := range codes {
		synctest.Test(t, func(t *testing.T) {
			_, err := generate(t.Context(), llm.Wrap(plays(fails(llm.ErrIncomplete), fails(code)), retry.New(&retry.Options{MaxAttempts: 2})))
			if got := errors.Is(err, llm.ErrIncomplete); got != unsent || !errors.Is(err, code) {
				t.Errorf("%s: the attempt before is kept: %t, want %t: %v", code, got, unsent, err)
			}
		})
	}
}

// The attempts of a retry within another are counted by the inner one.
func TestNestedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := plays(fails(failure(llm.ErrOverloaded)), fails(failure(llm.ErrOverloaded)), fails(failure(llm.ErrOverloaded)), fails(failure(llm.ErrOverloaded)))
		always := func(error) bool { return true }
		m := llm.Wrap(b, retry.New(&retry.Options{MaxAttempts: 2, Retryable: always}), retry.New(&retry.Options{MaxAttempts: 2}))
		ctx := hook.WithAttempt(t.Context(), 1)
		if _, err := m.Generate(ctx, ask()); llm.CodeOf(err) != llm.ErrOverloaded {
			t.Error(err)
		}
		if want := []int{1, 2, 1, 2}; !slices.Equal(b.numbers, want) {
			t.Errorf("the model saw attempts %v, want %v", b.numbers, want)
		}
	})
}

package llmtest

import (
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// providerCodes are the errors that a provider may answer a call with.
func providerCodes() []llm.Code {
	return []llm.Code{llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrRateLimited,
		llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrUnavailable, llm.ErrTimeout, llm.ErrContextTooLong,
		llm.ErrContentFiltered, llm.ErrInternal}
}

// streamCodes are those that may come when the answer has begun.
func streamCodes() []llm.Code {
	return []llm.Code{llm.ErrInvalidRequest, llm.ErrRateLimited, llm.ErrOverloaded, llm.ErrUnavailable, llm.ErrTimeout,
		llm.ErrContentFiltered, llm.ErrInternal}
}

// errorCases check that the verdict on a failure survives its way.
func errorCases() []testCase {
	const why = "Policies switch on the code: a retry, a breaker and a fallback do the wrong thing where it is wrong. "
	var cases []testCase
	for _, code := range providerCodes() {
		cases = append(cases, testCase{
			name:  "errors/before-" + strings.ReplaceAll(string(code), "_", "-"),
			needs: []Capability{ErrorCode(code)},
			explain: "A call that the provider refuses with " + string(code) + " fails with that code, in an *llm.Error, and " +
				"IsRetryable says what the code says. " + why +
				"Map by type, then by status; never by the text of a message alone.",
			run: func(c *run) { errorBefore(c, code) },
		})
	}
	for _, code := range streamCodes() {
		cases = append(cases, testCase{
			name:  "errors/midstream-" + strings.ReplaceAll(string(code), "_", "-"),
			needs: []Capability{StreamErrors, StreamErrorCode(code)},
			explain: "A stream that the provider ends half-way with " + string(code) + " fails with that code, though the HTTP " +
				"status was 200. " + why +
				"Look for errors within a stream that are mapped in another place than those before it.",
			run: func(c *run) { errorMidstream(c, code) },
		})
	}
	return append(cases,
		testCase{
			name:  "errors/retry-after",
			needs: []Capability{ErrorCode(llm.ErrRateLimited), RetryAfter},
			explain: "How long the provider asks to wait is in Error.RetryAfter: who tries again earlier is refused again. " +
				"Look for the header, in seconds, as a date, and in the provider's own form.",
			run: func(c *run) { retryAfter(c, Turn{}) },
		},
		testCase{
			name:    "errors/midstream-retry-after",
			needs:   []Capability{StreamErrors, StreamErrorCode(llm.ErrRateLimited), StreamRetryAfter},
			explain: "How long the provider asks to wait is in Error.RetryAfter, for an error within a stream too.",
			run:     func(c *run) { retryAfter(c, Turn{Events: halfway()}) },
		})
}

func errorBefore(c *run, code llm.Code) {
	turns := repeated(Turn{Err: &llm.Error{Code: code, Message: "scripted"}})
	for _, w := range ways() {
		_, err := w.call(c.Context(), c.model(turns...), c.ask())
		c.wantVerdict(w.name, err, code)
	}
	tp := play(c.model(turns...).Stream(c.Context(), c.ask()), nil)
	for _, ev := range tp.events {
		if _, ok := ev.(*llm.UsageUpdate); !ok {
			c.Errorf("a stream that failed at once yielded a %T", ev)
		}
	}
}

func errorMidstream(c *run, code llm.Code) {
	turns := repeated(Turn{Events: halfway(), Err: &llm.Error{Code: code, Message: "scripted"}})
	_, err := llm.Collect(c.model(turns...).Stream(c.Context(), c.ask()))
	c.wantVerdict("a stream that fails half-way", err, code)
	_, err = c.model(turns...).Generate(c.Context(), c.ask())
	if !c.lacks(ErrorCode(code)) {
		c.wantVerdict("Generate of an answer that fails half-way", err, code)
	} else if err == nil {
		c.Errorf("Generate of an answer that fails half-way: no error")
	}
}

func (c *run) wantVerdict(what string, err error, code llm.Code) {
	c.Helper()
	// A retry that has given up says that trying again is no use, and is right.
	if c.wantCode(what, err, code) && !c.isMiddleware() && llm.IsRetryable(err) != llm.IsRetryable(code) {
		c.Errorf("%s: IsRetryable says %t, want %t: %v", what, llm.IsRetryable(err), llm.IsRetryable(code), err)
	}
}

func retryAfter(c *run, turn Turn) {
	const wait = 7 * time.Second
	turn.Err = &llm.Error{Code: llm.ErrRateLimited, Message: "scripted", RetryAfter: wait}
	for _, w := range ways() {
		if turn.Events != nil && w.name == generate().name {
			continue // it is not a stream
		}
		_, err := w.call(c.Context(), c.model(repeated(turn)...), c.ask())
		if !c.wantCode(w.name, err, llm.ErrRateLimited) {
			continue
		}
		if d, ok := llm.RetryAfter(err); !ok || d != wait {
			c.Errorf("%s: RetryAfter is %v, want %v", w.name, d, wait)
		}
	}
}

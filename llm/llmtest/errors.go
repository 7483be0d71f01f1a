package llmtest

import (
	"errors"
	"maps"
	"slices"
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
		},
		testCase{
			name: "errors/names-the-provider",
			explain: "The error of a call that the provider refused, or that broke off, names the provider, as Info does, and " +
				"the operation: with several models behind a fallback, an error of nobody cannot be acted on, and one " +
				"without a provider counts as a fault of this process. Look for errors that are made in one place and " +
				"completed in another, and for those within a stream.",
			run: namesProvider,
		},
		testCase{
			name:  "errors/request-id",
			needs: []Capability{RequestIDs},
			explain: "The error of a call that the provider refused has the provider's id of the call, before an answer and " +
				"within a stream: support asks for it first. Look for a header that is read for successes only.",
			run: errorRequestID,
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

// eachFailure calls f with the error of each way to fail in which something was sent:
// the call is refused, before an answer and within it, or with cut it breaks off. The
// script's errors say whose they are, since doubles pass an error on as it is; a
// backend says so itself. A middleware may wrap the error in one of its own, so there
// it is the one within that names a provider.
func (c *run) eachFailure(cut bool, f func(what string, e *llm.Error)) {
	c.Helper()
	refusal := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted", Op: "call", Provider: c.provider(), RequestID: "req-1"}
	failures := map[string]Turn{"that fails at once": {Err: refusal}}
	if !c.lacks(StreamErrors) {
		failures["that fails half-way"] = Turn{Events: halfway(), Err: refusal}
	}
	if cut {
		failures["of an answer that breaks off"] = Turn{Events: halfway()}
	}
	for _, how := range slices.Sorted(maps.Keys(failures)) {
		for _, w := range ways() {
			_, err := w.call(c.Context(), c.model(repeated(failures[how])...), c.ask())
			e, ok := errors.AsType[*llm.Error](err)
			if !ok {
				continue // for the cases of other laws to check
			}
			for _, cause := range tree(err) {
				if inner, ok := cause.(*llm.Error); ok && inner.Provider != "" && c.isMiddleware() {
					e = inner
				}
			}
			f(w.name+" "+how, e)
		}
	}
}

func namesProvider(c *run) {
	own := c.provider()
	c.eachFailure(true, func(what string, e *llm.Error) {
		if e.Provider != own || e.Op == "" {
			c.Errorf("%s: the error names the provider %q and the operation %q, want %q and what was being done: %v", what, e.Provider, e.Op, own, e)
		}
	})
}

func errorRequestID(c *run) {
	c.eachFailure(false, func(what string, e *llm.Error) {
		if e.RequestID == "" {
			c.Errorf("%s: the error has no request id: %v", what, e)
		}
	})
}

package llmtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// failureCases are the middleware's cases of calls that fail.
func failureCases() []testCase {
	return []testCase{
		{
			name: "middleware/errors-pass",
			explain: "An error that the middleware does not deal with passes unchanged in code and verdict, once, and with its " +
				"causes, request id and status: who debugs needs them. The scripted error is not retryable, so the " +
				"model must be called once. Look for fmt.Errorf with %v, and for a new error without the old one in Err.",
			run: errorsPass,
		},
		{
			name: "middleware/partial-passes",
			explain: "What had arrived survives a failure: Generate returns it beside the error, as the model did. Look " +
				"for `if err != nil { return nil, err }`, which is every wrapper's habit.",
			run: partialPasses,
		},
		{
			name: "middleware/retryable-error",
			explain: "A model that goes on failing is given up in the end, be it before anything has come or after a " +
				"UsageUpdate. The last error comes once, with its code and its cause (a retry wraps it to say how often " +
				"it tried), and from then on nothing calls the model. Look for an error of attempts that were used up " +
				"which has no Err, and for a loop without a limit.",
			run: retryableErrorPasses,
		},
		{
			name: "middleware/after-first-event",
			explain: "A stream of which anything was seen, but for its usage, is never begun again: the reader would see " +
				"it twice. So a failure after the first event passes at once, however retryable it is, and so does an " +
				"answer that breaks off. PartStart and ProviderDelta count as well as a delta. Look for a retry that " +
				"looks at the error only.",
			run: failurePassesAfterFirstEvent,
		},
		{
			name: "middleware/usage-update-first",
			explain: "The usage that the model told before it failed was paid for, and arrives: a UsageUpdate comes out " +
				"of the stream before the error, and Generate has it beside the error. A policy that holds it back until " +
				"the first event passes it on when there will be none. Look for a loop that returns at an error with " +
				"something in hand.",
			run: usageBeforeFailurePasses,
		},
		{
			name: "middleware/same-policy",
			explain: "What a policy does for Generate it does for Stream before the first event, and a UsageUpdate is not " +
				"that. The model fails once with a retryable error and would then answer: both ways get the answer, or " +
				"neither does, in the same number of calls. Look for a policy that was written for one method only.",
			run: samePolicy,
		},
		{
			name: "middleware/callers-doing",
			explain: "What callers do to their own calls is held against nobody: they cancel, leave loops, set deadlines " +
				"that are too short, and ask for what is refused as invalid. Many do in turn, and then the model must " +
				"serve the next call. Look for a breaker that counts any error, and for permits and budgets that only a " +
				"success gives back.",
			run: callersDoingIsForgiven,
		},
		{
			name: "middleware/cancel-ends-loops",
			explain: "Once the caller's context has ended the model is not called again, whatever its last error was. The " +
				"model fails with retryable errors, and the caller cancels during a call, or soon after, or has a deadline " +
				"that is nearer than the provider's RetryAfter. Look at ctx.Err() before the next attempt, and for " +
				"time.Sleep in a backoff.",
			run: cancelEndsLoops,
		},
	}
}

func errorsPass(c *run) {
	cause := errors.New("the cause")
	failure := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted", RequestID: "req-1", Status: 403, Err: cause}
	final := &llm.Error{Code: llm.ErrOverloaded, Message: "scripted", Retryable: new(false), RequestID: "req-1", Status: 403, Err: cause}
	for _, turn := range []Turn{{Err: failure}, {Events: halfway(), Err: failure}, {Events: halfway(), Err: final}} {
		for _, w := range ways() {
			if turn.Err == error(final) && w.name == generate().name {
				continue // nobody has seen anything, so a fallback may judge by the code
			}
			m, p := c.probed(repeated(turn)...)
			_, err := w.call(c.Context(), m, c.ask())
			if !c.wantCode(w.name, err, llm.CodeOf(turn.Err)) {
				continue
			}
			if llm.IsRetryable(err) {
				c.Errorf("%s: the model said that trying again is no use, and the error that it may help: %v", w.name, err)
			}
			if !errors.Is(err, cause) {
				c.Errorf("%s: the cause is lost: %v", w.name, err)
			}
			if !slices.ContainsFunc(tree(err), func(err error) bool {
				e, ok := err.(*llm.Error)
				return ok && e.RequestID == "req-1" && e.Status == 403
			}) {
				c.Errorf("%s: the request id or the status is lost: %v", w.name, err)
			}
			p.read(func() {
				if p.calls != 1 {
					c.Errorf("%s: an error that is not retryable, and the model was called %d times", w.name, p.calls)
				}
			})
		}
		m, _ := c.probed(repeated(turn)...)
		for _, f := range play(m.Stream(c.Context(), c.ask()), nil).faults {
			c.Errorf("Stream: %s", f)
		}
	}
}

func partialPasses(c *run) {
	turn := Turn{Events: append([]llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}}, halfway()...),
		Err: &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}}
	m, p := c.probed(turn, turn)
	got, err := m.Generate(c.Context(), c.ask())
	if err == nil {
		c.Error("no error")
	}
	want, _ := p.next.Generate(c.Context(), c.ask())
	c.same("the partial response beside the error", normal(want), normal(got))
}

// fails makes a call that has to fail, and returns what came before its error. Streams
// are ranged over with all checks of their protocol.
func (c *run) fails(ctx context.Context, w way, m llm.Model) ([]llm.Event, error) {
	c.Helper()
	if w.name == generate().name {
		_, err := m.Generate(ctx, c.ask())
		return nil, err
	}
	tp := play(m.Stream(ctx, c.ask()), nil)
	for _, f := range tp.faults {
		c.Errorf("Stream: %s", f)
	}
	return tp.events, tp.err
}

// usageOnly is what comes of a call that tells its usage and nothing else.
func usageOnly() []llm.Event {
	return []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}}
}

func retryableErrorPasses(c *run) {
	cause := errors.New("the cause")
	for _, failure := range []*llm.Error{
		{Code: llm.ErrOverloaded, Message: "scripted", Err: cause},
		{Code: llm.ErrRateLimited, Message: "scripted", Err: cause, RetryAfter: 2 * time.Second},
	} {
		for _, events := range [][]llm.Event{nil, usageOnly()} {
			for _, w := range ways() {
				m, p := c.probed(repeated(Turn{Events: events, Err: failure})...)
				base := goroutines()
				_, err := c.fails(c.Context(), w, m)
				ended, calls := p.ended(), p.called()
				if c.wantCode(w.name, err, failure.Code) && !errors.Is(err, cause) {
					c.Errorf("%s: the cause is lost: %v", w.name, err)
				}
				if calls == 0 {
					c.Errorf("%s failed without a call of the model", w.name)
				}
				if !ended {
					c.Errorf("%s returned before the model's call had ended", w.name)
				}
				c.settled(base)
				time.Sleep(ages)
				if late := p.called() - calls; late > 0 {
					c.Errorf("%s called the model %d times more after it had returned", w.name, late)
				}
			}
		}
	}
}

func failurePassesAfterFirstEvent(c *run) {
	for _, events := range [][]llm.Event{
		halfway()[:1],
		halfway(),
		append(usageOnly(), halfway()...),
		{&llm.ProviderDelta{Index: -1, Provider: "llmtest", Kind: "ping"}},
	} {
		for _, failure := range []error{
			&llm.Error{Code: llm.ErrOverloaded, Message: "scripted"},
			&llm.Error{Code: llm.ErrRateLimited, Message: "scripted", RetryAfter: 20 * time.Second},
			nil, // it breaks off
		} {
			what, want := "a stream that breaks off", llm.ErrIncomplete
			if failure != nil {
				what, want = "a stream that fails", llm.CodeOf(failure)
			}
			m, p := c.probed(repeated(Turn{Events: events, Err: failure})...)
			start := time.Now()
			got, err := c.fails(c.Context(), collect(), m)
			c.wantCode(what, err, want)
			c.same("the events of "+what, stored(events), stored(got))
			if calls := p.called(); calls != 1 {
				c.Errorf("%s after it had begun: the model was called %d times", what, calls)
			}
			if d := time.Since(start); d > promptly {
				c.Errorf("%s: the error came %v after the model gave it", what, d)
			}
			time.Sleep(ages) // a limiter may have heard of the RetryAfter
		}
	}
}

func usageBeforeFailurePasses(c *run) {
	denied := &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}
	turns := repeated(Turn{Events: usageOnly(), Err: denied})
	m, _ := c.probed(turns...)
	events, err := c.fails(c.Context(), collect(), m)
	c.wantCode("Stream", err, llm.ErrPermissionDenied)
	c.same("the events before the error", stored(usageOnly()), stored(events))
	m, _ = c.probed(turns...)
	switch resp, err := m.Generate(c.Context(), c.ask()); {
	case err == nil:
		c.Error("Generate: no error")
	case resp == nil:
		c.Errorf("Generate: no response beside the error, though usage had arrived: %v", err)
	case resp.Usage.InputTokens != 25:
		c.Errorf("Generate: the usage beside the error is %+v, want 25 input tokens", resp.Usage)
	}
}

func samePolicy(c *run) {
	type outcome struct {
		answered bool
		calls    int
	}
	for _, events := range [][]llm.Event{nil, usageOnly()} {
		got := map[string]outcome{}
		for _, w := range ways() {
			// Earlier cases may have used up what the policy has for all calls together,
			// such as a retry's budget. It gets time, and calls that succeed.
			time.Sleep(time.Minute)
			for range 32 {
				c.must(w, c.model(says("ok")), c.ask())
			}
			turns := append([]Turn{{Events: events, Err: &llm.Error{Code: llm.ErrOverloaded, Message: "scripted"}}}, repeated(says("answer"))...)
			m, p := c.probed(turns...)
			_, err := w.call(c.Context(), m, c.ask())
			got[w.name] = outcome{err == nil, p.called()}
		}
		if g, s := got[generate().name], got[collect().name]; g != s {
			c.Errorf("a failure before the first event: Generate called the model %d times and got an answer: %t, Stream %d times: %t",
				g.calls, g.answered, s.calls, s.answered)
		}
	}
}

func callersDoingIsForgiven(c *run) {
	const times = 20
	late := says("late")
	late.Delay = ages
	invalid := Turn{Err: &llm.Error{Code: llm.ErrInvalidRequest, Message: "scripted"}}
	for _, w := range ways() {
		turns := slices.Repeat([]Turn{late, late, invalid, stalled()}, times)
		m, _ := c.probed(append(turns, says("after"))...)
		for range times {
			ctx, cancel := context.WithCancel(c.Context())
			time.AfterFunc(moment, cancel)
			_, err := w.call(ctx, m, small(c.ask()))
			c.wantCancel(w.name, err)
			ctx, cancel = context.WithTimeout(c.Context(), moment)
			_, err = w.call(ctx, m, small(c.ask()))
			cancel()
			c.wantCode(w.name, err, llm.ErrTimeout)
			_, err = w.call(c.Context(), m, small(c.ask()))
			c.wantCode(w.name, err, llm.ErrInvalidRequest)
			tp := play(m.Stream(c.Context(), small(c.ask())), func(_ int, ev llm.Event) bool { return !isDelta(ev) })
			c.noFault("a stream that is left", tp)
		}
		c.serves(m, "after", "after callers had cancelled, left and asked for what is invalid")
	}
}

// small asks for a short answer, for cases of so many calls that a limiter would have
// them wait.
func small(req *llm.Request) *llm.Request {
	req.MaxTokens = 10
	return req
}

func cancelEndsLoops(c *run) {
	overloaded := &llm.Error{Code: llm.ErrOverloaded, Message: "scripted"}
	for _, w := range ways() {
		ctx, cancel := context.WithCancel(c.Context())
		m, p := c.probed(repeated(Turn{Err: overloaded, pause: func(int) time.Duration { cancel(); return 0 }})...)
		c.endsWith(ctx, w, m, p, "cancelled during a call that fails")
		if calls := p.called(); calls != 1 {
			c.Errorf("%s was cancelled during its first call of the model, and called it %d times", w.name, calls)
		}

		ctx, cancel = context.WithCancel(c.Context())
		m, p = c.probed(repeated(Turn{Err: overloaded})...)
		time.AfterFunc(moment, cancel)
		c.endsWith(ctx, w, m, p, "cancelled between calls that fail")

		ctx, cancel = context.WithTimeout(c.Context(), 10*time.Second)
		m, p = c.probed(repeated(Turn{Err: &llm.Error{Code: llm.ErrRateLimited, Message: "scripted", RetryAfter: 20 * time.Second}})...)
		c.endsWith(ctx, w, m, p, "past its deadline in a wait that the provider asked for")
		cancel()
	}
}

// endsWith makes a call that fails, and checks that it ends with its context, if not
// before, and calls the model no more.
func (c *run) endsWith(ctx context.Context, w way, m llm.Model, p *probe, what string) {
	c.Helper()
	over := make(chan time.Time, 1)
	context.AfterFunc(ctx, func() { over <- time.Now() })
	_, err := c.fails(ctx, w, m)
	end, calls := time.Now(), p.called()
	switch llm.CodeOf(err) {
	case "":
		c.Errorf("%s, %s: no error", w.name, what)
	case llm.ErrCanceled:
		c.wantCancel(w.name+", "+what, err)
	}
	if late := end.Sub(<-over); late > promptly {
		c.Errorf("%s, %s, went on for %v", w.name, what, late)
	}
	time.Sleep(ages)
	if more := p.called() - calls; more > 0 {
		c.Errorf("%s, %s, called the model %d times more after it had returned", w.name, what, more)
	}
}

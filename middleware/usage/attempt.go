package usage

import (
	"context"
	"math"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

const policy = "usage" // for observers

// attempt is a call from its reservation to its booking.
type attempt struct {
	ledger *Ledger
	ctx    context.Context
	req    *llm.Request
	info   llm.Info
	op     string
	tags   callTags

	charges  []charge // what is reserved
	nextLook int      // bytes of the answer after which the charges are looked at again

	outcome
	done   bool      // it is booked
	booked llm.Usage // with this usage
}

// begin reserves what the call may cost. An error refuses the call, which ends with it.
func (a *attempt) begin() error {
	a.tags = tagsOf(a.ctx, a.req, a.info.Model)
	l := a.ledger
	a.charges = l.budgets.match(&a.tags)
	if len(a.charges) == 0 {
		return nil
	}
	input, output := sizeOf(a.req).most(l.opts.MediaTokens), l.opts.AssumeMaxTokens
	if a.req != nil && a.req.MaxTokens > 0 {
		output = a.req.MaxTokens
	}
	usd, known := l.opts.Prices.WorstCase(a.info.Model, min(input, absurd), min(output, absurd))
	need := KnownCost(usd)
	if !known {
		if err := l.unpriced(a); err != nil {
			return err
		}
		need, output = UnknownCost(0), 0
	}
	if refused := l.budgets.reserve(a.charges, time.Now(), need); refused != nil {
		return a.refused(refused, "")
	}
	a.nextLook = bytesOf(output)
	return nil
}

// bytesOf returns how many bytes of an answer are so many tokens, by the estimate.
func bytesOf(tokens int) int { return 4 * min(tokens, math.MaxInt/4) }

// overdrawn says why a stream has to stop, if it has: it costs more by now than was reserved, and
// a budget has no room for it.
func (a *attempt) overdrawn(ev llm.Event) error {
	if !a.ledger.opts.StopStreams || len(a.charges) == 0 {
		return nil
	}
	if _, told := ev.(*llm.UsageUpdate); !told && a.delivered.bytes < a.nextLook {
		return nil
	}
	a.nextLook = max(a.nextLook, a.delivered.bytes+a.delivered.bytes/16+1024)
	cost := a.ledger.opts.Prices.Cost(Call{Model: a.info.Model, Usage: a.usage(a.likelyInput)})
	if refused := a.ledger.budgets.extend(a.charges, cost); refused != nil {
		return a.refused(refused, "stopped midway: ")
	}
	return nil
}

func (a *attempt) likelyInput() int {
	return sizeOf(a.req).likely(min(usualMedia, a.ledger.opts.MediaTokens))
}

// refused is the error of a call for which a budget has no room.
func (a *attempt) refused(cause *BudgetError, prefix string) error {
	e := a.local(llm.ErrBudgetExceeded, cause)
	advice := "raise the limit, or lower max_tokens"
	switch cause.remedy {
	case settlement:
		advice = "ask again when they have ended"
	case renewal:
		e.RetryAfter = max(time.Until(cause.Ends), time.Millisecond)
		advice = "it is renewed at " + cause.Ends.Format(time.RFC3339)
	}
	e.Message = prefix + cause.Error() + "; " + advice
	return a.tell(e)
}

func (a *attempt) local(code llm.Code, cause error) *llm.Error {
	return &llm.Error{Code: code, Op: a.op, Provider: a.info.Provider, Model: a.info.Model, Err: cause}
}

// tell tells observers of a refusal.
func (a *attempt) tell(e *llm.Error) error {
	hook.Tell(a.ctx, hook.Event{Kind: hook.Reject, Policy: policy, Code: string(e.Code), Wait: e.RetryAfter, Provider: e.Provider, Model: e.Model})
	return e
}

// book settles the call, once: what was reserved is free again, and what it used is booked if it
// reached the provider.
func (a *attempt) book() {
	if a.done {
		return
	}
	a.done = true
	if !a.reached() {
		a.ledger.budgets.release(a.charges)
		return
	}
	a.booked = a.usage(a.likelyInput)
	b := booking{model: a.model(a.info.Model), failed: a.state == failed, estimated: a.booked.Estimated,
		part: Part{Calls: 1, Usage: a.booked}}
	priced := Call{Model: b.model, Usage: a.booked}
	if describe := a.ledger.opts.Describe; describe != nil {
		a.describe(describe, priced, b)
		return
	}
	b.part.Cost = a.ledger.opts.Prices.Cost(priced)
	a.ledger.book(a, &b)
}

// describe books a call whose price the user's function knows more of. Where that panics
// the call is booked without it.
func (a *attempt) describe(f func(*Call, *llm.Response), priced Call, b booking) {
	c := priced
	defer func() {
		b.part.Cost = a.ledger.opts.Prices.Cost(c)
		a.ledger.book(a, &b)
	}()
	if resp := a.answer.described(); resp != nil {
		f(&c, resp)
	}
}

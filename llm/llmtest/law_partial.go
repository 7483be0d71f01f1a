package llmtest

import (
	"context"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// law09: a failure keeps what is known.
func law09() []testCase {
	return []testCase{
		{
			name: "law09/failure-keeps-text",
			explain: "A call that fails half-way returns what had arrived together with its error: users have read it, " +
				"and it was paid for. The stream yields it as events, and Generate returns it as Collect does, without " +
				"a stop reason. Look for `if err != nil { return nil, err }`.",
			run: func(c *run) {
				c.keepsPartial(Turn{Events: halfway(), Err: &llm.Error{Code: llm.ErrInvalidRequest, Message: "scripted"}})
			},
		},
		{
			name: "law09/cut-keeps-text",
			explain: "An answer that breaks off keeps what had arrived, beside ErrIncomplete. Look for a decoder that " +
				"drops what it holds when the connection ends, and for `if err != nil { return nil, err }`.",
			run: func(c *run) { c.keepsPartial(Turn{Events: halfway()}) },
		},
		{
			name:  "law09/cancel-keeps-text",
			needs: []Capability{Stalls},
			explain: "A call that is cancelled half-way keeps what had arrived: every chat application has a stop " +
				"button. The scripted stream stops half-way and is then cancelled. Look for an error of the context " +
				"that is returned before what was read.",
			run: cancelKeeps,
		},
		{
			name:  "law09/usage-so-far",
			needs: []Capability{EarlyUsage},
			explain: "Usage that was reported before a failure is kept and marked as estimated: it was paid for. The " +
				"scripted stream reports its input tokens first, and then fails. Look for usage that is read at the end " +
				"only.",
			run: usageSoFar,
		},
		{
			name: "law09/estimated",
			explain: "The usage of a call that failed is marked as estimated, since the provider never reported the " +
				"whole: a ledger must not take it for the bill. The usage of a call that succeeded is not. Look at " +
				"Usage.Estimated.",
			run: estimated,
		},
	}
}

func (c *run) keepsPartial(turn Turn) {
	want, _ := llm.Collect(turn.events())
	for _, w := range ways() {
		if w.name == generate().name && c.lacks(GeneratePartial) {
			continue
		}
		resp, err := w.call(c.Context(), c.model(repeated(turn)...), c.ask())
		c.partial(w.name, want, resp, err)
	}
}

func (c *run) partial(what string, want, got *llm.Response, err error) {
	c.Helper()
	if err == nil {
		c.Errorf("%s: no error", what)
	}
	if got == nil {
		c.Errorf("%s: no response beside the error, though %q had arrived: %v", what, want.Text(), err)
		return
	}
	c.same(what+": the partial message", stored(want.Message), stored(llm.Message{Role: llm.RoleAssistant, Content: got.Message.Content}))
	if got.StopReason != "" {
		c.Errorf("%s: the partial response has the stop reason %q", what, got.StopReason)
	}
}

func cancelKeeps(c *run) {
	want := reply(llm.Text("F")) // the first of the pieces
	for _, w := range ways() {
		if w.name == generate().name && c.lacks(GeneratePartial) {
			continue
		}
		var resp *llm.Response
		var err error
		// The first delta needs some time to arrive, and more of it in a busy process.
		for _, wait := range []time.Duration{4 * moment, 80 * moment} {
			m := c.model(says("a"), stalled())
			c.must(w, m, c.ask())
			ctx, cancel := context.WithCancel(c.Context())
			timer := time.AfterFunc(wait, cancel)
			c.withinTime(wait+promptly, w.name, func() { resp, err = w.call(ctx, m, c.ask()) })
			timer.Stop()
			cancel()
			if resp != nil {
				break
			}
		}
		c.partial(w.name+" that is cancelled half-way", want, resp, err)
	}
}

func usageSoFar(c *run) {
	events := append([]llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 25}}}, halfway()...)
	for _, turn := range []Turn{{Events: events}, {Events: events, Err: &llm.Error{Code: llm.ErrInvalidRequest, Message: "scripted"}}} {
		for _, w := range ways() {
			if w.name == generate().name && c.lacks(GeneratePartial) {
				continue
			}
			resp, err := w.call(c.Context(), c.model(repeated(turn)...), c.ask())
			switch {
			case err == nil:
				c.Errorf("%s: no error", w.name)
			case resp == nil:
				c.Errorf("%s: no response beside the error, though usage had arrived: %v", w.name, err)
			case resp.Usage.InputTokens != 25 || !resp.Usage.Estimated:
				c.Errorf("%s: the usage beside the error is %+v, want 25 input tokens, estimated", w.name, resp.Usage)
			}
		}
	}
}

func estimated(c *run) {
	for _, w := range ways() {
		if resp := c.must(w, c.model(says("whole")), c.ask()); resp.Usage.Estimated {
			c.Errorf("%s that succeeded: the usage is marked as estimated: %+v", w.name, resp.Usage)
		}
		resp, err := w.call(c.Context(), c.model(repeated(Turn{Events: halfway()})...), c.ask())
		if err == nil {
			c.Errorf("%s of an answer that breaks off: no error", w.name)
		}
		if resp != nil && !resp.Usage.Estimated {
			c.Errorf("%s of an answer that breaks off: the usage is not marked as estimated: %+v", w.name, resp.Usage)
		}
	}
}

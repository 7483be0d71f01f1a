package usage_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// TestBooked looks at what is booked of a call, for each way that one can end.
func TestBooked(t *testing.T) {
	const input = 25 // tokens, by the estimate
	told := llm.Usage{InputTokens: 30, OutputTokens: 5, CacheReadTokens: 10}
	early := llm.Usage{InputTokens: 30, OutputTokens: 1}
	delta := &llm.TextDelta{Text: strings.Repeat("x", 41)}
	start, stop := &llm.PartStart{Part: &llm.TextPart{}}, &llm.PartStop{}
	half := []llm.Part{llm.Text(delta.Text)}
	fail := func(code llm.Code) *llm.Error { return &llm.Error{Code: code} }
	status := func(code llm.Code) *llm.Error { return &llm.Error{Code: code, Status: 418} }
	id := func(code llm.Code) *llm.Error { return &llm.Error{Code: code, RequestID: "1"} }
	partial := func(u llm.Usage, parts ...llm.Part) *llm.Response {
		u.Estimated = true
		return &llm.Response{Message: llm.Assistant(parts...), Usage: u}
	}
	whole := func(u llm.Usage) turn {
		return turn{resp: &llm.Response{Message: llm.Assistant(half...), Usage: u}, events: []llm.Event{start, delta, stop, &llm.Finish{Usage: u}}}
	}
	failing := func(err error) turn { return turn{err: err} }
	reported := func(u llm.Usage, cost string) usage.Summary {
		p := usage.Part{Calls: 1, Usage: u, Cost: usage.KnownCost(usd(cost))}
		return usage.Summary{Calls: 1, Usage: u, Cost: p.Cost, Reported: p}
	}
	estimated := func(u llm.Usage, cost string) usage.Summary {
		u.Estimated = true
		p := usage.Part{Calls: 1, Usage: u, Cost: usage.KnownCost(usd(cost))}
		return usage.Summary{Calls: 1, Usage: u, Cost: p.Cost, Estimated: p}
	}
	erred := func(s usage.Summary) usage.Summary {
		s.Errors = 1
		return s
	}
	guess := llm.Usage{InputTokens: input}
	guessHalf := llm.Usage{InputTokens: input, OutputTokens: 11}
	for _, c := range []struct {
		name  string
		turn  turn
		leave int    // after so many events; 0 = at the end
		only  string // one way
		want  usage.Summary
	}{
		{name: "answer", turn: whole(told), want: reported(told, "30")},
		{name: "answer of a service tier", turn: whole(llm.Usage{InputTokens: 3, ServiceTier: "default"}), want: reported(llm.Usage{InputTokens: 3, ServiceTier: "default"}, "3")},
		{name: "no usage", turn: whole(llm.Usage{}), want: estimated(guessHalf, "36")},
		{name: "no usage but a flag", turn: whole(llm.Usage{Estimated: true}), want: estimated(guessHalf, "36")},
		{name: "usage that the backend estimates", turn: whole(llm.Usage{InputTokens: 7, Estimated: true}), want: estimated(llm.Usage{InputTokens: 7, OutputTokens: 11}, "18")},
		{name: "negative usage", turn: whole(llm.Usage{InputTokens: -7, OutputTokens: 9}), want: estimated(guessHalf, "36")},
		{name: "usage that does not nest", turn: whole(llm.Usage{InputTokens: 7, CacheReadTokens: 8}), want: estimated(guessHalf, "36")},
		{name: "more reasoning than output", turn: whole(llm.Usage{InputTokens: 7, ReasoningTokens: 8}), want: estimated(guessHalf, "36")},
		{name: "absurd usage", turn: whole(llm.Usage{InputTokens: math.MaxInt - 3, OutputTokens: 3}), want: estimated(guessHalf, "36")},
		{name: "usage told before the end only", only: "Stream", turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: early}, start, delta, stop, &llm.Finish{}}}, want: estimated(llm.Usage{InputTokens: 30, OutputTokens: 11}, "41")},
		{name: "neither answer nor error", only: "Generate", turn: turn{}, want: estimated(guess, "25")},
		{name: "no end", only: "Stream", turn: turn{events: []llm.Event{start, delta}}, want: estimated(guessHalf, "36")},

		{name: "left after its usage", leave: 1, turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: early}, start}}, want: estimated(early, "31")},
		{name: "left midway", leave: 3, turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: early}, start, delta, stop}}, want: estimated(llm.Usage{InputTokens: 30, OutputTokens: 11}, "41")},
		{name: "left midway without usage", leave: 2, turn: turn{events: []llm.Event{start, delta, stop}}, want: estimated(guessHalf, "36")},
		{name: "left at the end", leave: 4, turn: whole(told), want: reported(told, "30")},
		{name: "every kind of delta", leave: 7, turn: turn{events: []llm.Event{delta,
			&llm.ReasoningDelta{Text: "four", Redacted: []byte("four")}, &llm.ToolCallDelta{Input: `{"a":1}`},
			&llm.PartStart{Part: &llm.ToolCallPart{Name: "four"}}, &llm.PartStart{Part: &llm.ProviderPart{Data: []byte(`"12"`)}},
			&llm.ProviderDelta{Index: -1}, &llm.MediaDelta{Data: []byte("data")}, stop}}, want: estimated(llm.Usage{InputTokens: input, OutputTokens: 16}, "41")},

		{name: "broke off", turn: turn{resp: partial(early, half...), events: []llm.Event{&llm.UsageUpdate{Usage: early}, start, delta}, err: fail(llm.ErrIncomplete)},
			want: erred(estimated(llm.Usage{InputTokens: 30, OutputTokens: 11}, "41"))},
		{name: "broke off without usage", turn: turn{resp: partial(llm.Usage{}, half...), events: []llm.Event{start, delta}, err: fail(llm.ErrOverloaded)},
			want: erred(estimated(guessHalf, "36"))},
		{name: "cancelled midway", turn: turn{resp: partial(llm.Usage{}, half...), events: []llm.Event{start, delta}, err: fail(llm.ErrCanceled)},
			want: erred(estimated(guessHalf, "36"))},
		{name: "failed with usage only", turn: turn{resp: partial(told), events: []llm.Event{&llm.UsageUpdate{Usage: told}}, err: fail(llm.ErrRateLimited)},
			want: erred(estimated(told, "30"))},
		{name: "a tool call that broke off", turn: turn{resp: partial(llm.Usage{}, &llm.ToolCallPart{Name: "four", Malformed: `{"a":1`}), events: []llm.Event{&llm.PartStart{Part: &llm.ToolCallPart{Name: "four"}}, &llm.ToolCallDelta{Input: `{"a":1`}}, err: fail(llm.ErrIncomplete)},
			want: erred(estimated(llm.Usage{InputTokens: input, OutputTokens: 3}, "28"))},
		{name: "timeout", turn: failing(fail(llm.ErrTimeout)), want: erred(estimated(guess, "25"))},
		{name: "deadline", turn: failing(context.DeadlineExceeded), want: erred(estimated(guess, "25"))},
		{name: "broke off before anything came", turn: failing(fail(llm.ErrIncomplete)), want: erred(estimated(guess, "25"))},
		{name: "unknown", turn: failing(errors.New("?")), want: erred(estimated(guess, "25"))},
		{name: "filtered", turn: failing(fail(llm.ErrContentFiltered)), want: erred(estimated(guess, "25"))},
		{name: "malformed", turn: failing(fail(llm.ErrMalformedOutput)), want: erred(estimated(guess, "25"))},
		{name: "cancelled with a request id", turn: failing(id(llm.ErrCanceled)), want: erred(estimated(guess, "25"))},

		{name: "rate limited", turn: failing(fail(llm.ErrRateLimited)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "quota", turn: failing(fail(llm.ErrQuotaExhausted)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "overloaded", turn: failing(fail(llm.ErrOverloaded)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "not ready", turn: failing(fail(llm.ErrNotReady)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "internal", turn: failing(status(llm.ErrInternal)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "denied", turn: failing(fail(llm.ErrPermissionDenied)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "not found", turn: failing(fail(llm.ErrNotFound)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "too long", turn: failing(fail(llm.ErrContextTooLong)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "invalid for the provider", turn: failing(status(llm.ErrInvalidRequest)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "unauthenticated for the provider", turn: failing(id(llm.ErrUnauthenticated)), want: erred(reported(llm.Usage{}, "0"))},
		{name: "unavailable, with a status", turn: failing(status(llm.ErrUnavailable)), want: erred(reported(llm.Usage{}, "0"))},

		{name: "invalid", turn: failing(fail(llm.ErrInvalidRequest))},
		{name: "unsupported", turn: failing(fail(llm.ErrUnsupported))},
		{name: "rejected", turn: failing(fail(llm.ErrRejected))},
		{name: "another budget", turn: failing(fail(llm.ErrBudgetExceeded))},
		{name: "cancelled after an empty usage", only: "Stream", turn: turn{events: []llm.Event{&llm.UsageUpdate{}}, err: fail(llm.ErrCanceled)}},
		{name: "cancelled", turn: failing(context.Canceled)},
		{name: "unauthenticated", turn: failing(fail(llm.ErrUnauthenticated))},
		{name: "unreachable", turn: failing(fail(llm.ErrUnavailable))},
	} {
		for _, w := range ways {
			if c.only != "" && c.only != w.name || c.leave > 0 && w.name == "Generate" {
				continue
			}
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10000")}}})
				m := llm.Wrap(&scripted{llm.Info{Provider: "test", Model: "m"}, c.turn}, usage.New(l))
				if c.leave > 0 {
					n := 0
					for range m.Stream(t.Context(), ask(100, 10)) {
						if n++; n == c.leave {
							break
						}
					}
				} else if _, err := w.call(t.Context(), m, ask(100, 10)); c.turn.err != nil && !errors.Is(err, c.turn.err) {
					t.Errorf("the error is %v, want %v", err, c.turn.err)
				}
				same(t, "booked", c.want, l.Total())
				b := l.Budgets()[0]
				same(t, "spent", c.want.Cost, b.Spent)
				same(t, "reserved", usage.USD{}, b.Reserved)
			})
		}
	}
}

func TestEstimatedInput(t *testing.T) {
	req := &llm.Request{System: []llm.Part{llm.Text("12345")}, Messages: []llm.Message{llm.User(llm.Image("image/png", []byte("large")), llm.Text("1234"))}}
	for _, c := range []struct{ media, want int }{{0, 1603}, {100, 103}, {10_000, 1603}} {
		l := usage.NewLedger(&usage.Options{Prices: dollars, MediaTokens: c.media})
		llm.Wrap(&scripted{turn: turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(t.Context(), req)
		same(t, "input", c.want, l.Total().Usage.InputTokens)
	}
}

// A panic, of the model or of the loop, ends the call as a break does.
func TestPanic(t *testing.T) {
	events := []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "four"}}
	for name, call := range map[string]func(l *usage.Ledger){
		"the model of Generate": func(l *usage.Ledger) {
			llm.Wrap(&scripted{turn: turn{panics: true}}, usage.New(l)).Generate(t.Context(), ask(100, 10))
		},
		"the model of Stream": func(l *usage.Ledger) {
			llm.Collect(llm.Wrap(&scripted{turn: turn{events: events, panics: true}}, usage.New(l)).Stream(t.Context(), ask(100, 10)))
		},
		"the loop": func(l *usage.Ledger) {
			for range llm.Wrap(&scripted{turn: turn{events: events}}, usage.New(l)).Stream(t.Context(), ask(100, 10)) {
				panic("loop")
			}
		},
	} {
		l := usage.NewLedger(&usage.Options{Prices: dollars, Budgets: []usage.Budget{{Limit: usd("10000")}}, OnWarning: func(error) {}})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic is lost", name)
				}
			}()
			call(l)
		}()
		if got := l.Total(); got.Calls != 1 || got.Estimated.Calls != 1 || got.Usage.InputTokens != 25 {
			t.Errorf("%s: booked is %+v", name, got)
		}
		same(t, name, usage.USD{}, reserved(l))
	}
}

// The model that served is billed, as the response or the error names it.
func TestServed(t *testing.T) {
	u := llm.Usage{InputTokens: 4, OutputTokens: 4}
	for _, c := range []struct {
		name string
		turn turn
		want string
		cost string
	}{
		{"served by another", turn{resp: &llm.Response{Usage: u, Model: "other"}, events: []llm.Event{&llm.Finish{Usage: u, Model: "other"}}}, "other", "3"},
		{"nobody says", turn{resp: &llm.Response{Usage: u}, events: []llm.Event{&llm.Finish{Usage: u}}}, "m", "8"},
		{"failed by another", turn{err: &llm.Error{Code: llm.ErrRateLimited, Model: "other"}}, "other", "0"},
		{"unknown price", turn{resp: &llm.Response{Usage: u, Model: "new"}, events: []llm.Event{&llm.Finish{Usage: u, Model: "new"}}}, "new", "unknown"},
	} {
		for _, w := range ways {
			l := usage.NewLedger(&usage.Options{Prices: dollars})
			w.call(t.Context(), llm.Wrap(&scripted{llm.Info{Model: "m"}, c.turn}, usage.New(l)), ask(1, 1))
			rows := l.By("model")
			if len(rows) != 1 || rows[0].Key != c.want || rows[0].Cost.String() != c.cost {
				t.Errorf("%s, %s: %+v, want %s for %s", c.name, w.name, rows, c.want, c.cost)
			}
		}
	}
}

// Whether a nil event is refused is for others to say.
func TestNilEvents(t *testing.T) {
	for _, ev := range []llm.Event{nil, (*llm.UsageUpdate)(nil), (*llm.Finish)(nil), (*llm.PartStart)(nil), (*llm.TextDelta)(nil), (*llm.ReasoningDelta)(nil), (*llm.ToolCallDelta)(nil)} {
		l := usage.NewLedger(&usage.Options{Prices: dollars, StopStreams: true, Budgets: []usage.Budget{{Limit: usd("100")}}})
		m := llm.Wrap(&scripted{llm.Info{Model: "m"}, turn{events: []llm.Event{ev}}}, usage.New(l))
		_, err := llm.Collect(m.Stream(t.Context(), ask(4, 1)))
		wantCode(t, err, llm.ErrMalformedOutput)
		same(t, "calls", int64(1), l.Total().Calls)
		same(t, "reserved", usage.USD{}, reserved(l))
	}
}

func TestDescribe(t *testing.T) {
	prices := must(usage.ParsePrices(strings.NewReader(`{"models": [{"id": "m", "input": "500000", "output": "500000", "latency_optimized": {"input": "1000000", "output": "1000000"}}]}`)))
	type raw struct{ latency string }
	u := llm.Usage{InputTokens: 4}
	answer := turn{resp: &llm.Response{Message: llm.AssistantText("secret"), Usage: u, Raw: raw{"optimized"}}, events: []llm.Event{&llm.Finish{Usage: u, Raw: raw{"optimized"}}}}
	for _, w := range ways {
		l := usage.NewLedger(&usage.Options{Prices: prices, Describe: func(c *usage.Call, resp *llm.Response) {
			if len(resp.Message.Content) > 0 {
				t.Error("the response has content")
			}
			if c.Model != "m" || c.Usage != u {
				t.Errorf("the call is %+v", c)
			}
			c.Latency = resp.Raw.(raw).latency
		}})
		m := &scripted{llm.Info{Model: "m"}, answer}
		resp, err := w.call(t.Context(), llm.Wrap(m, usage.New(l)), ask(1, 1))
		if err != nil || w.name == "Generate" && resp.Text() != "secret" {
			t.Errorf("%s: %v, %v", w.name, resp, err)
		}
		same(t, w.name, "4", l.Total().Cost.String())
		m.turn = turn{err: llm.ErrTimeout} // has no response
		w.call(t.Context(), llm.Wrap(m, usage.New(l)), ask(4, 1))
		same(t, w.name+" that failed", "4.5", l.Total().Cost.String())
	}

	l := usage.NewLedger(&usage.Options{Prices: dollars, Describe: func(*usage.Call, *llm.Response) { panic("mine") }, Budgets: []usage.Budget{{Limit: usd("100")}}})
	func() {
		defer func() { recover() }()
		llm.Wrap(answering(u), usage.New(l)).Generate(t.Context(), ask(1, 1))
		t.Error("the panic is lost")
	}()
	same(t, "booked in spite of a panic", "4", l.Total().Cost.String())
	same(t, "reserved", usage.USD{}, reserved(l))
}

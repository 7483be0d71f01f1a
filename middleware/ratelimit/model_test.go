package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/ratelimit"
)

// ledger is a limiter that lets all pass and keeps what it is told.
type ledger struct {
	key     string
	tokens  int
	results []ratelimit.Result
}

func (l *ledger) Acquire(_ context.Context, key string, tokens int) (func(ratelimit.Result), error) {
	l.key, l.tokens = key, tokens
	return func(r ratelimit.Result) { l.results = append(l.results, r) }, nil
}

// turn is what a model does, whole or as a stream.
type turn struct {
	resp   *llm.Response
	events []llm.Event
	err    error
	panics bool
}

type scripted struct{ turn turn }

func (s *scripted) Info() llm.Info { return llm.Info{Provider: "test", Model: "m"} }

func (s *scripted) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	if s.turn.panics {
		panic("model")
	}
	return s.turn.resp, s.turn.err
}

func (s *scripted) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range s.turn.events {
			if !yield(ev, nil) {
				return
			}
		}
		if s.turn.panics {
			panic("model")
		}
		if s.turn.err != nil {
			yield(nil, s.turn.err)
		}
	}
}

func TestReserved(t *testing.T) {
	const text = "twelve bytes" // three tokens
	ten := func(*llm.Request) int { return 10 }
	for _, c := range []struct {
		name      string
		opts      ratelimit.Options
		maxTokens int
		want      int
	}{
		{"default", ratelimit.Options{}, 100, 103},
		{"no MaxTokens", ratelimit.Options{}, 0, 3 + 4096},
		{"bad MaxTokens", ratelimit.Options{}, -1, 3 + 4096},
		{"assumed", ratelimit.Options{AssumeMaxTokens: 7}, 0, 10},
		{"assumed, but set", ratelimit.Options{AssumeMaxTokens: 7}, 1, 4},
		{"bad assumption", ratelimit.Options{AssumeMaxTokens: -7}, 0, 3 + 4096},
		{"own estimate", ratelimit.Options{Estimate: ten}, 100, 110},
		{"negative estimate", ratelimit.Options{Estimate: func(*llm.Request) int { return -10 }}, 100, 100},
		{"overflow", ratelimit.Options{Estimate: ten}, math.MaxInt, math.MaxInt},
	} {
		l := &ledger{}
		c.opts.Limiter = l
		m := llm.Wrap(&scripted{turn{resp: answer(1, 1)}}, ratelimit.New(&c.opts))
		if _, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText(text)}, MaxTokens: c.maxTokens}); err != nil {
			t.Fatal(err)
		}
		if l.tokens != c.want || l.key != "test/m" {
			t.Errorf("%s: %d tokens are reserved under %q, want %d", c.name, l.tokens, l.key, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	type tenant struct{}
	l := &ledger{}
	m := llm.Wrap(&scripted{turn{resp: answer(1, 1)}}, ratelimit.New(&ratelimit.Options{Limiter: l,
		Key: func(ctx context.Context, req *llm.Request) string {
			return fmt.Sprint(ctx.Value(tenant{}), req.MaxTokens)
		}}))
	if _, err := m.Generate(context.WithValue(t.Context(), tenant{}, "a"), ask(5)); err != nil || l.key != "a5" {
		t.Errorf("the key is %q (%v)", l.key, err)
	}
}

func TestWhatComesBack(t *testing.T) {
	delta := &llm.TextDelta{Text: strings.Repeat("x", 400)}
	start := &llm.PartStart{Part: &llm.TextPart{}}
	usage := llm.Usage{InputTokens: 30, OutputTokens: 5, CacheReadTokens: 10}
	partial := func(u llm.Usage) *llm.Response {
		return &llm.Response{Message: llm.AssistantText("half"), Usage: u}
	}
	fail := func(code llm.Code) *llm.Error { return &llm.Error{Code: code} }
	type result = ratelimit.Result
	for _, c := range []struct {
		name       string
		turn       turn
		unary      *result // nil = the same as streamed, and the other way round
		streamed   *result
		leaveAfter int
	}{
		{name: "answer", turn: turn{resp: &llm.Response{Usage: usage}, events: []llm.Event{start, delta, &llm.Finish{Usage: usage}}}, unary: &result{Tokens: 25}},
		{name: "no usage", turn: turn{resp: partial(llm.Usage{}), events: []llm.Event{start, delta, &llm.Finish{}}}, unary: &result{Tokens: -1}},
		{name: "no usage but a flag", turn: turn{resp: partial(llm.Usage{Estimated: true}), events: []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{Estimated: true}}, start}}, unary: &result{Tokens: -1}},
		{name: "usage told before", turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: usage}, start, delta, &llm.Finish{}}}, streamed: &result{Tokens: -1}},
		{name: "partial", turn: turn{resp: partial(usage), events: []llm.Event{start, &llm.UsageUpdate{Usage: usage}}, err: fail(llm.ErrIncomplete)}, unary: &result{Tokens: 25, Err: fail(llm.ErrIncomplete)}},
		{name: "partial without usage", turn: turn{resp: partial(llm.Usage{}), events: []llm.Event{start, delta}, err: fail(llm.ErrOverloaded)}, unary: &result{Tokens: -1, Err: fail(llm.ErrOverloaded)}},
		{name: "refused with usage", turn: turn{resp: &llm.Response{Usage: usage}, events: []llm.Event{&llm.UsageUpdate{Usage: usage}}, err: fail(llm.ErrRateLimited)}, unary: &result{Tokens: 25, Err: fail(llm.ErrRateLimited)}},
		{name: "left early", turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: usage}, start, delta, &llm.Finish{Usage: usage}}}, streamed: &result{Tokens: 20 + 100}, leaveAfter: 3},
		{name: "left early without usage", turn: turn{events: []llm.Event{start, delta, &llm.Finish{Usage: usage}}}, streamed: &result{Tokens: -1}, leaveAfter: 2},
		{name: "left at the end", turn: turn{events: []llm.Event{start, delta, &llm.Finish{Usage: usage}}}, streamed: &result{Tokens: 25}, leaveAfter: 3},
		{name: "ended without a finish", turn: turn{events: []llm.Event{start, delta}}, streamed: &result{Tokens: -1}},
		{name: "all kinds of deltas", turn: turn{events: []llm.Event{&llm.UsageUpdate{Usage: usage}, delta, &llm.ReasoningDelta{Text: "four"}, &llm.ToolCallDelta{Input: `{"a":1}.`}}}, streamed: &result{Tokens: 20 + 100 + 1 + 2}},
		{name: "rate limited", turn: turn{err: fail(llm.ErrRateLimited)}, unary: &result{Err: fail(llm.ErrRateLimited)}},
		{name: "timeout", turn: turn{err: context.DeadlineExceeded}, unary: &result{Tokens: -1, Err: context.DeadlineExceeded}},
		{name: "local", turn: turn{err: fail(llm.ErrInvalidRequest)}, unary: &result{Unsent: true, Err: fail(llm.ErrInvalidRequest)}},
		{name: "remote", turn: turn{err: &llm.Error{Code: llm.ErrInvalidRequest, Status: 400}}, unary: &result{Err: &llm.Error{Code: llm.ErrInvalidRequest, Status: 400}}},
		{name: "remote, by its id", turn: turn{err: &llm.Error{Code: llm.ErrInvalidRequest, RequestID: "1"}}, unary: &result{Err: &llm.Error{Code: llm.ErrInvalidRequest, RequestID: "1"}}},
	} {
		check := func(way string, want *result, call func(m llm.Model)) {
			if want == nil {
				return
			}
			l := &ledger{}
			call(llm.Wrap(&scripted{c.turn}, ratelimit.New(&ratelimit.Options{Limiter: l})))
			if d := cmp.Diff([]result{*want}, l.results, cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); d != "" {
				t.Errorf("%s, %s (-want +got): %s", c.name, way, d)
			}
		}
		if c.turn.resp != nil || c.turn.events == nil {
			check("Generate", c.unary, func(m llm.Model) {
				resp, err := m.Generate(t.Context(), ask(1000))
				if resp != c.turn.resp || err != c.turn.err {
					t.Errorf("%s: Generate returned %v, %v", c.name, resp, err)
				}
			})
			c.streamed = c.unary
		}
		check("Stream", c.streamed, func(m llm.Model) {
			n := 0
			for ev, err := range m.Stream(t.Context(), ask(1000)) {
				if ev != nil && ev != c.turn.events[n] || ev == nil && err != c.turn.err {
					t.Errorf("%s: event %d is %v, %v", c.name, n, ev, err)
				}
				if n++; n == c.leaveAfter {
					break
				}
			}
		})
	}
}

// What a model streams settles the same when it is collected first.
func TestGenerateSettlesAsStream(t *testing.T) {
	told := &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 20}}
	long := strings.Repeat("x", 10_000)
	text := []llm.Event{told, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: long}, &llm.TextDelta{Text: long},
		&llm.PartStart{Index: 1, Part: &llm.ReasoningPart{}}, &llm.ReasoningDelta{Index: 1, Text: long},
		&llm.PartStart{Index: 2, Part: &llm.ToolCallPart{ID: "1", Name: "f"}}, &llm.ToolCallDelta{Index: 2, Input: long}}
	ends := func(u llm.Usage) []llm.Event {
		return append(text[:len(text):len(text)], &llm.Finish{StopReason: llm.StopEndTurn, Usage: u})
	}
	for _, c := range []struct {
		name string
		turn turn
		want int
	}{
		{"broke off", turn{events: text, err: llm.ErrIncomplete}, 10_020},
		{"finish without usage", turn{events: ends(llm.Usage{})}, -1},
		{"finish with usage", turn{events: ends(llm.Usage{InputTokens: 20, OutputTokens: 7})}, 27},
		{"finish with estimated usage", turn{events: ends(llm.Usage{InputTokens: 20, OutputTokens: 7, Estimated: true})}, 10_020},
		{"error after finish", turn{events: ends(llm.Usage{InputTokens: 20, OutputTokens: 7}), err: llm.ErrIncomplete}, 10_020},
		{"absurd usage", turn{events: ends(llm.Usage{InputTokens: 1, OutputTokens: math.MaxInt})}, 1 + 1<<28},
		{"negative usage", turn{events: ends(llm.Usage{InputTokens: 20, CacheReadTokens: math.MinInt, OutputTokens: -5})}, 20},
	} {
		for way, call := range map[string]func(m llm.Model){
			"Stream":   func(m llm.Model) { _, _ = llm.Collect(m.Stream(t.Context(), ask(1))) },
			"Generate": func(m llm.Model) { _, _ = m.Generate(t.Context(), ask(1)) },
		} {
			l := &ledger{}
			inner := c.turn
			inner.resp, _ = llm.Collect((&scripted{c.turn}).Stream(t.Context(), nil))
			call(llm.Wrap(&scripted{inner}, ratelimit.New(&ratelimit.Options{Limiter: l})))
			if got := l.results[0].Tokens; got != c.want {
				t.Errorf("%s, %s: %d tokens are settled, want %d", c.name, way, got, c.want)
			}
		}
	}
}

// Nil pointers are refused by who reads them.
func TestNilEventsPass(t *testing.T) {
	for _, ev := range []llm.Event{nil, (*llm.UsageUpdate)(nil), (*llm.Finish)(nil), (*llm.PartStart)(nil), (*llm.TextDelta)(nil),
		(*llm.ReasoningDelta)(nil), (*llm.ToolCallDelta)(nil), (*llm.PartStop)(nil)} {
		m := llm.Wrap(&scripted{turn{events: []llm.Event{ev}}}, ratelimit.New(&ratelimit.Options{Limiter: &ledger{}}))
		n := 0
		for got, err := range m.Stream(t.Context(), ask(1)) {
			if n++; got != ev || err != nil {
				t.Errorf("%T became %#v, %v", ev, got, err)
			}
		}
		if _, err := llm.Collect(m.Stream(t.Context(), ask(1))); n != 1 || llm.CodeOf(err) != llm.ErrMalformedOutput {
			t.Errorf("%T: %d events, collected as %v", ev, n, err)
		}
	}
	resp := &llm.Response{Usage: llm.Usage{InputTokens: 1, Estimated: true}, Message: llm.Message{
		Content: []llm.Part{nil, (*llm.TextPart)(nil), (*llm.ReasoningPart)(nil), (*llm.ToolCallPart)(nil)}}}
	m := llm.Wrap(&scripted{turn{resp: resp}}, ratelimit.New(&ratelimit.Options{Limiter: &ledger{}}))
	if got, err := m.Generate(t.Context(), ask(1)); got != resp || err != nil {
		t.Errorf("nil parts: %v, %v", got, err)
	}
}

// A report of absurd numbers costs its key an hour.
func TestDebtIsBounded(t *testing.T) {
	for _, burndown := range []int{1, math.MaxInt} {
		synctest.Test(t, func(t *testing.T) {
			m := llm.Wrap(&provider{f: func(_ context.Context, req *llm.Request) (*llm.Response, error) {
				return answer(req.MaxTokens, math.MaxInt), nil
			}}, ratelimit.New(&ratelimit.Options{TokensPerMinute: 600, Estimate: none, Used: ratelimit.Burndown(burndown)}))
			began := time.Now()
			for _, want := range []time.Duration{0, time.Hour + 10*time.Second, 2*time.Hour + 20*time.Second} {
				if _, err := m.Generate(t.Context(), ask(100)); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(began).Round(time.Millisecond); d != want {
					t.Errorf("a call is sent after %v, want %v", d, want)
				}
			}
		})
	}
}

// Calls that end together do not add their debts up beyond it, whatever a limiter is told.
func TestDebtsTogetherAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(ratelimit.NewLimiter(&ratelimit.Options{TokensPerMinute: 600}))
		for range 6 {
			l.add(t.Context(), "", 100)
		}
		for _, q := range l.calls {
			q.release(ratelimit.Result{Tokens: math.MaxInt})
		}
		q := l.add(t.Context(), "", 10)
		l.wg.Wait()
		if want := time.Hour + time.Second; q.err != nil || q.at.Round(time.Millisecond) != want {
			t.Errorf("%v: the next is sent after %v, want %v", q.err, q.at, want)
		}
	})
}

// The documentation of the package lists the codes.
func TestRefusals(t *testing.T) {
	back := []llm.Code{llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrUnsupported,
		llm.ErrContextTooLong, llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrUnavailable,
		llm.ErrRejected, llm.ErrBudgetExceeded}
	stays := []llm.Code{llm.ErrTimeout, llm.ErrCanceled, llm.ErrContentFiltered, llm.ErrMalformedOutput, llm.ErrIncomplete, llm.ErrInternal, llm.ErrUnknown}
	unsent := map[llm.Code]bool{llm.ErrInvalidRequest: true, llm.ErrUnauthenticated: true, llm.ErrUnsupported: true, llm.ErrRejected: true, llm.ErrBudgetExceeded: true}
	for tokens, codes := range map[int][]llm.Code{0: back, -1: stays} {
		for _, code := range codes {
			l := &ledger{}
			m := llm.Wrap(&scripted{turn{err: fmt.Errorf("wrapped: %w", code)}}, ratelimit.New(&ratelimit.Options{Limiter: l}))
			_, _ = m.Generate(t.Context(), ask(1))
			if r := l.results[0]; r.Tokens != tokens || r.Unsent != unsent[code] {
				t.Errorf("%s: %+v", code, r)
			}
		}
	}
}

func TestUsed(t *testing.T) {
	u := llm.Usage{InputTokens: 100, CacheReadTokens: 60, CacheWriteTokens: 20, OutputTokens: 10}
	for _, c := range []struct {
		name string
		used func(llm.Usage) int
		want int
	}{
		{"default", nil, 50}, {"burndown", ratelimit.Burndown(5), 90}, {"output is free", ratelimit.Burndown(0), 40},
		{"all", llm.Usage.TotalTokens, 110}, {"negative", func(llm.Usage) int { return -1 }, 0},
	} {
		l := &ledger{}
		m := llm.Wrap(&scripted{turn{resp: &llm.Response{Usage: u}}}, ratelimit.New(&ratelimit.Options{Limiter: l, Used: c.used}))
		if _, err := m.Generate(t.Context(), ask(1)); err != nil || l.results[0].Tokens != c.want {
			t.Errorf("%s: %+v, want %d", c.name, l.results[0], c.want)
		}
	}
	if !panics(func() { ratelimit.Burndown(-1) }) {
		t.Error("a negative burndown is taken")
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return
}

func TestTooLargeSaysWhatFits(t *testing.T) {
	m := llm.Wrap(takes(0), ratelimit.New(&ratelimit.Options{TokensPerMinute: 100_000, Estimate: func(r *llm.Request) int { return len(r.Messages) * 10_000 }}))
	for _, c := range []struct {
		messages, maxTokens int
		want                string
	}{
		{2, 100_000, "test generate m: rejected: the request needs 120,000 tokens, and the bucket holds 100,000: lower max_tokens to 80,000, or raise the burst (ratelimit.Options.TokenBurst)"},
		{11, 50, "test generate m: rejected: the request needs 110,050 tokens, and the bucket holds 100,000: shorten the input, which is estimated at 110,000, or raise the burst (ratelimit.Options.TokenBurst)"},
	} {
		req := &llm.Request{Messages: make([]llm.Message, c.messages), MaxTokens: c.maxTokens}
		resp, err := m.Generate(t.Context(), req)
		if resp != nil || llm.CodeOf(err) != llm.ErrRejected || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		_, err = llm.Collect(m.Stream(t.Context(), req))
		if want := strings.Replace(c.want, "generate", "stream", 1); err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A permit is held for as long as the call lasts, however it ends.
func TestSlotIsHeldUntilTheEnd(t *testing.T) {
	deltas := func(ctx context.Context, err error) iter.Seq2[llm.Event, error] {
		return func(yield func(llm.Event, error) bool) {
			for _, ev := range []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "a"}, &llm.TextDelta{Text: "b"}} {
				if serr := sleep(ctx, time.Second); serr != nil {
					yield(nil, serr)
					return
				}
				if !yield(ev, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			yield(&llm.Finish{StopReason: llm.StopEndTurn}, nil)
		}
	}
	drain := func(seq iter.Seq2[llm.Event, error]) {
		for range seq {
		}
	}
	for _, c := range []struct {
		name string
		call func(ctx context.Context, m llm.Model)
		err  error
		want time.Duration
	}{
		{"finish", func(ctx context.Context, m llm.Model) { drain(m.Stream(ctx, ask(1))) }, nil, 3 * time.Second},
		{"error", func(ctx context.Context, m llm.Model) { drain(m.Stream(ctx, ask(1))) }, llm.ErrIncomplete, 3 * time.Second},
		{"slow reader", func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask(1)) {
				time.Sleep(time.Second)
			}
		}, nil, 7 * time.Second},
		{"break", func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask(1)) {
				break
			}
		}, nil, time.Second},
		{"panic in the loop", func(ctx context.Context, m llm.Model) {
			if !panics(func() {
				for range m.Stream(ctx, ask(1)) {
					panic("loop")
				}
			}) {
				panic("the panic is lost")
			}
		}, nil, time.Second},
		{"cancel", func(ctx context.Context, m llm.Model) {
			ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			defer cancel()
			drain(m.Stream(ctx, ask(1)))
		}, nil, 1500 * time.Millisecond},
		{"never ranged", func(ctx context.Context, m llm.Model) { _ = m.Stream(ctx, ask(1)) }, nil, 0},
		{"ranged twice", func(ctx context.Context, m llm.Model) {
			s := m.Stream(ctx, ask(1))
			drain(s)
			drain(s)
		}, nil, 3 * time.Second},
		{"generate", func(ctx context.Context, m llm.Model) { _, _ = m.Generate(ctx, ask(1)) }, nil, 3 * time.Second},
		{"panic in the model", func(ctx context.Context, m llm.Model) {
			if !panics(func() { _, _ = m.Generate(ctx, &llm.Request{MaxTokens: 13}) }) {
				panic("the panic is lost")
			}
		}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limiter := ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 1})
				m := llm.Wrap(&streamed{func(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
					if req.MaxTokens == 13 {
						panic("model")
					}
					return deltas(ctx, c.err)
				}}, ratelimit.New(&ratelimit.Options{Limiter: limiter, Key: func(context.Context, *llm.Request) string { return "k" }}))
				began := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { c.call(t.Context(), m) })
				synctest.Wait()
				release, err := limiter.Acquire(t.Context(), "k", 0)
				if err != nil {
					t.Fatal(err)
				}
				if d := time.Since(began); d != c.want {
					t.Errorf("the slot was free after %v, want %v", d, c.want)
				}
				release(all)
				wg.Wait()
				if n := ratelimit.Running(limiter, "k"); n != 0 {
					t.Errorf("%d permits are left", n)
				}
			})
		})
	}
}

// streamed is a model that is all stream.
type streamed struct {
	f func(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error]
}

func (s *streamed) Info() llm.Info { return llm.Info{Provider: "test", Model: "m"} }
func (s *streamed) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(s.f(ctx, req))
}
func (s *streamed) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return s.f(ctx, req)
}

// One New has one state for all the models it wraps, and each model its own key.
func TestSharedState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := ratelimit.NewLimiter(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1})
		same := func(context.Context, *llm.Request) string { return "same" }
		shared := ratelimit.New(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1, Key: same})
		each := ratelimit.New(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1})
		models := func(a, b llm.Middleware) [2]llm.Model {
			second := takes(0)
			second.info.Model = "n"
			return [2]llm.Model{llm.Wrap(takes(0), a), llm.Wrap(second, b)}
		}
		for _, c := range []struct {
			name   string
			models [2]llm.Model
			want   time.Duration
		}{
			{"one New, one key", models(shared, shared), time.Second},
			{"one New, a key each", models(each, each), 0},
			{"two News, one Limiter", models(ratelimit.New(&ratelimit.Options{Limiter: one, Key: same}), ratelimit.New(&ratelimit.Options{Limiter: one, Key: same})), time.Second},
		} {
			began := time.Now()
			for _, m := range c.models {
				if _, err := m.Generate(t.Context(), ask(1)); err != nil {
					t.Fatal(err)
				}
			}
			if d := time.Since(began); d != c.want {
				t.Errorf("%s: %v, want %v", c.name, d, c.want)
			}
		}
	})
}

func TestOptionsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1, Key: func(context.Context, *llm.Request) string { return "k" }}
		m := llm.Wrap(takes(0), ratelimit.New(o))
		*o = ratelimit.Options{}
		began := time.Now()
		for range 3 {
			if _, err := m.Generate(t.Context(), ask(1)); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("three calls took %v", d)
		}
	})
}

func TestNilRequest(t *testing.T) {
	m := llm.Wrap(&scripted{turn{err: llm.ErrInvalidRequest}}, ratelimit.New(&ratelimit.Options{RequestsPerMinute: 1,
		Key: func(_ context.Context, r *llm.Request) string { return fmt.Sprint(r.MaxTokens) }}))
	for range 3 { // it takes no permit
		if _, err := m.Generate(t.Context(), nil); err != error(llm.ErrInvalidRequest) {
			t.Error(err)
		}
		if _, err := llm.Collect(m.Stream(t.Context(), nil)); llm.CodeOf(err) != llm.ErrInvalidRequest {
			t.Error(err)
		}
	}
}

func TestObservers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := llm.Wrap(takes(0), ratelimit.New(&ratelimit.Options{RequestsPerMinute: 60, RequestBurst: 1, TokensPerMinute: 1000, Estimate: none}))
		var heard []hook.Event
		ctx := hook.Observe(t.Context(), func(ev hook.Event) { heard = append(heard, ev) })
		hurried, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		defer cancel()
		if _, err := m.Generate(ctx, ask(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := llm.Collect(m.Stream(ctx, ask(1))); err != nil {
			t.Fatal(err)
		}
		_, _ = m.Generate(hurried, ask(1)) // its turn comes after a second, and it has half of one
		_, _ = m.Generate(ctx, ask(1001))
		canceled, cancel2 := context.WithCancel(ctx)
		cancel2()
		_, _ = m.Generate(canceled, ask(1)) // is nobody's refusal
		want := []hook.Event{
			{Kind: hook.Wait, Policy: "ratelimit", Wait: time.Second, Provider: "test", Model: "m"},
			{Kind: hook.Reject, Policy: "ratelimit", Code: "rejected", Wait: time.Second, Provider: "test", Model: "m"},
			{Kind: hook.Reject, Policy: "ratelimit", Code: "rejected", Provider: "test", Model: "m"},
		}
		if d := cmp.Diff(want, heard); d != "" {
			t.Errorf("heard (-want +got): %s", d)
		}
	})
}

func TestLimiterOfTheUsers(t *testing.T) {
	cause := errors.New("connection refused")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	own := &llm.Error{Code: llm.ErrQuotaExhausted, Message: "the day's tokens are used up", RetryAfter: time.Hour}
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code llm.Code
		text string
	}{
		{"typed", t.Context(), own, llm.ErrQuotaExhausted, "test generate m: quota exhausted: the day's tokens are used up"},
		{"typed by another", t.Context(), &llm.Error{Code: llm.ErrRejected, Op: "acquire", Provider: "redis", Model: "r"}, llm.ErrRejected, "redis acquire r: rejected"},
		{"coded", t.Context(), fmt.Errorf("wrapped: %w", llm.ErrUnavailable), llm.ErrUnavailable, "test generate m: unavailable: nothing was sent: the limiter failed"},
		{"typed without a code", t.Context(), &llm.Error{Message: "store down"}, llm.ErrRejected, "test generate m: rejected: store down"},
		{"typed with a coded cause", t.Context(), &llm.Error{Message: "store down", Err: llm.ErrUnavailable}, llm.ErrUnavailable, ""},
		{"typed with its own timeout", t.Context(), &llm.Error{Message: "store down", Err: context.DeadlineExceeded}, llm.ErrRejected, ""},
		{"typed without a code, after a cancel", done, &llm.Error{Message: "store down"}, llm.ErrCanceled, ""},
		{"plain", t.Context(), cause, llm.ErrRejected, "test generate m: rejected: nothing was sent: the limiter failed"},
		{"its own timeout", t.Context(), context.DeadlineExceeded, llm.ErrRejected, "test generate m: rejected: nothing was sent: the limiter failed: context deadline exceeded"},
		{"after a cancel", done, cause, llm.ErrCanceled, "test generate m: canceled: nothing was sent: the limiter failed: context canceled"},
	} {
		m := llm.Wrap(takes(0), ratelimit.New(&ratelimit.Options{Limiter: limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) {
			return func(ratelimit.Result) { t.Error("a release beside an error is called") }, c.err
		})}))
		_, err := m.Generate(c.ctx, ask(1))
		if llm.CodeOf(err) != c.code || !errors.Is(err, c.err) && !strings.HasPrefix(c.name, "typed") || c.ctx.Err() != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.text != "" && err.Error() != c.text {
			t.Errorf("%s: %v, want %s", c.name, err, c.text)
		}
	}
	if own.Provider != "" {
		t.Error("the limiter's own error was written to")
	}
}

// Callbacks that panic leave no permit behind.
func TestCallbacksPanic(t *testing.T) {
	limiter := ratelimit.NewLimiter(&ratelimit.Options{MaxConcurrent: 1, TokensPerMinute: 600})
	key := func(context.Context, *llm.Request) string { return "k" }
	var released atomic.Int64
	observed := hook.Observe(t.Context(), func(hook.Event) { panic("observer") })
	for name, o := range map[string]ratelimit.Options{
		"Key":      {Limiter: limiter, Key: func(context.Context, *llm.Request) string { panic("Key") }},
		"Estimate": {Limiter: limiter, Key: key, Estimate: func(*llm.Request) int { panic("Estimate") }},
		"Used":     {Limiter: limiter, Key: key, Used: func(llm.Usage) int { panic("Used") }},
		"Acquire":  {Limiter: limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) { panic("Acquire") })},
		"release": {Limiter: limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) {
			return func(ratelimit.Result) { panic("release") }, nil
		})},
		"observer": {Key: key, Limiter: limiterFunc(func(context.Context, string, int) (func(ratelimit.Result), error) {
			time.Sleep(2 * time.Millisecond)
			return func(ratelimit.Result) { released.Add(1) }, nil
		})},
	} {
		m := llm.Wrap(takes(0), ratelimit.New(&o))
		if !panics(func() { _, _ = m.Generate(observed, ask(1)) }) {
			t.Errorf("%s: the panic of Generate is lost", name)
		}
		if !panics(func() { _, _ = llm.Collect(m.Stream(observed, ask(1))) }) {
			t.Errorf("%s: the panic of Stream is lost", name)
		}
		if n := ratelimit.Running(limiter, "k"); n != 0 {
			t.Errorf("%s: %d permits are left", name, n)
		}
	}
	if released.Load() != 2 {
		t.Errorf("a panic of an observer leaves %d of 2 permits behind", 2-released.Load())
	}
}

// 64 callers of both kinds at once: each gets its answer, and the limits hold.
func TestManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := ratelimit.Options{RequestsPerMinute: 600, RequestBurst: 10, TokensPerMinute: 60_000, TokenBurst: 2000, MaxConcurrent: 8, Estimate: none}
		w := &watched{next: ratelimit.NewLimiter(&o)}
		var running atomic.Int64
		m := llm.Wrap(&provider{f: func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			if n := running.Add(1); n > 8 {
				t.Errorf("%d calls at a time", n)
			}
			defer running.Add(-1)
			time.Sleep(time.Duration(req.MaxTokens) * time.Millisecond)
			return answer(0, req.MaxTokens/2), nil
		}}, ratelimit.New(&ratelimit.Options{Limiter: w, Estimate: none}))
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for n := range 20 {
					var err error
					if req := ask(1 + i*20 + n); n%2 == 0 {
						_, err = m.Generate(t.Context(), req)
					} else {
						_, err = llm.Collect(m.Stream(t.Context(), req))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if len(w.log) != 2*64*20 {
			t.Errorf("%d entries", len(w.log))
		}
		w.check(t, o)
	})
}

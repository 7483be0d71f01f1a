package logging_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
	"github.com/parley-sdk/parley/middleware/logging"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// lines collects what is logged, without the time.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// take returns the lines so far, and forgets them.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.buf.Reset()
	return l.buf.String()
}

func newLogger(level slog.Level) (*slog.Logger, *lines) {
	l := new(lines)
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), l
}

func TestConformance(t *testing.T) {
	logger, _ := newLogger(slog.LevelDebug)
	for name, mw := range map[string]llm.Middleware{
		"nil":      logging.New(nil, nil),
		"default":  logging.New(logger, nil),
		"zero":     logging.New(logger, &logging.Options{}),
		"content":  logging.New(logger, &logging.Options{Content: true, Metadata: []string{"tenant"}}),
		"uncut":    logging.New(logger, &logging.Options{Content: true, MaxContent: -1}),
		"panics":   logging.New(slog.New(broken{}), nil),
		"no level": logging.New(logger, &logging.Options{Level: func(llm.Code) slog.Level { panic("no level") }}),
	} {
		t.Run(name, func(t *testing.T) { llmtest.RunMiddleware(t, mw) })
	}
}

// broken is a handler that panics.
type broken struct{ free }

func (broken) Handle(context.Context, slog.Record) error { panic("a broken handler") }

func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("How is it?")}} }

// Calls of both kinds.
func generate(ctx context.Context, m llm.Model) { _, _ = m.Generate(ctx, ask()) }
func read(ctx context.Context, m llm.Model)     { _, _ = llm.Collect(m.Stream(ctx, ask())) }

func TestLines(t *testing.T) {
	full := &llm.Response{
		Message: llm.AssistantText("Fine."), StopReason: llm.StopEndTurn, Provider: "other", Model: "other-1", RequestID: "req-1",
		Usage: llm.Usage{InputTokens: 60, OutputTokens: 50, CacheReadTokens: 20, CacheWriteTokens: 10, CacheWrite1hTokens: 5,
			ReasoningTokens: 40, ServiceTier: "flex", Estimated: true},
		Warnings: []llm.Warning{{Code: llm.WarningDropped}, {Code: llm.WarningClamped}},
	}
	limited := &llm.Error{Code: llm.ErrRateLimited, Provider: "other", Model: "other-1", Message: "slow down", RequestID: "req-2", Status: 429, RetryAfter: 2 * time.Second}
	fails := func(code llm.Code) fake.Turn { return fake.Fail(&llm.Error{Code: code}) }
	cases := []struct {
		name string
		turn fake.Turn
		call func(ctx context.Context, m llm.Model)
		want string
	}{
		{"answer", fake.Text("Fine.").Delay(time.Second), generate,
			`level=INFO msg="model call" op=generate provider=fake model=fake duration_ms=1000 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"streamed answer", fake.Text("Fine.").Delay(time.Second), read,
			`level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=1000 time_to_first_event_ms=1000 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"all that an answer may say", fake.Response(full), generate,
			`level=INFO msg="model call" op=generate provider=other model=other-1 duration_ms=0 stop_reason=end_turn input_tokens=60 output_tokens=50 cache_read_tokens=20 cache_write_tokens=10 cache_write_1h_tokens=5 reasoning_tokens=40 service_tier=flex estimated=true warnings=2 request_id=req-1`},
		{"all that a streamed answer may say", fake.Response(full), read,
			`level=INFO msg="model call" op=stream provider=other model=other-1 duration_ms=0 time_to_first_event_ms=0 stop_reason=end_turn input_tokens=60 output_tokens=50 cache_read_tokens=20 cache_write_tokens=10 cache_write_1h_tokens=5 reasoning_tokens=40 service_tier=flex estimated=true warnings=2 request_id=req-1`},
		{"attempt", fake.Text("Fine."), func(ctx context.Context, m llm.Model) { generate(hook.WithAttempt(ctx, 3), m) },
			`level=INFO msg="model call" op=generate provider=fake model=fake attempt=3 duration_ms=0 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"first attempt", fake.Text("Fine."), func(ctx context.Context, m llm.Model) { generate(hook.WithAttempt(ctx, 1), m) },
			`level=INFO msg="model call" op=generate provider=fake model=fake duration_ms=0 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"late first event", fake.Events(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 9}}, &llm.PartStart{Part: &llm.TextPart{}}, &llm.PartStop{}, &llm.Finish{}), func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask()) {
				time.Sleep(time.Second)
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=4000 time_to_first_event_ms=1000`},

		{"failure", fake.Fail(limited), generate,
			`level=WARN msg="model call" op=generate provider=other model=other-1 duration_ms=0 code=rate_limited error="other other-1: rate limited: slow down (status 429, request id req-2)" status=429 retry_after_ms=2000 request_id=req-2`},
		{"failure of a stream", fake.Fail(limited), read,
			`level=WARN msg="model call" op=stream provider=other model=other-1 duration_ms=0 code=rate_limited error="other other-1: rate limited: slow down (status 429, request id req-2)" status=429 retry_after_ms=2000 request_id=req-2`},
		{"partial answer", fake.Text("Fine.").CutAfter(2), generate,
			`level=WARN msg="model call" op=generate provider=fake model=fake duration_ms=0 code=incomplete error="fake generate fake: incomplete: the answer broke off (request id fake-1)" input_tokens=3 output_tokens=2 estimated=true request_id=fake-1`},
		{"cut stream", fake.Text("Fine.").CutAfter(2), read,
			`level=WARN msg="model call" op=stream provider=fake model=fake duration_ms=0 time_to_first_event_ms=0 code=incomplete error="fake stream fake: incomplete: the answer broke off (request id fake-1)" input_tokens=3 output_tokens=2 estimated=true request_id=fake-1`},
		{"internal", fails(llm.ErrInternal), generate,
			`level=ERROR msg="model call" op=generate provider=fake model=fake duration_ms=0 code=internal error=internal`},
		{"cancel", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			generate(ctx, m)
		}, `level=INFO msg="model call" op=generate provider=fake model=fake duration_ms=0 code=canceled error="fake generate fake: canceled: context canceled"`},
		{"cancel in the loop", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			for range m.Stream(ctx, ask()) {
				cancel()
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=0 time_to_first_event_ms=0 code=canceled error="fake stream fake: canceled: context canceled (request id fake-1)" input_tokens=3 output_tokens=1 estimated=true request_id=fake-1`},
		{"deadline", fake.Text("Fine.").Delay(time.Minute), func(ctx context.Context, m llm.Model) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			generate(ctx, m)
		}, `level=WARN msg="model call" op=generate provider=fake model=fake duration_ms=1000 code=timeout error="fake generate fake: timeout: context deadline exceeded (request id fake-1)" request_id=fake-1`},

		{"break", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask()) {
				time.Sleep(time.Second)
				break
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=1000 time_to_first_event_ms=0 abandoned=true`},
		{"break after usage", fake.Events(&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 9}}, &llm.Finish{}), func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask()) {
				break
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=0 abandoned=true input_tokens=9 estimated=true`},
		{"break at Finish", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			for ev := range m.Stream(ctx, ask()) {
				if _, ok := ev.(*llm.Finish); ok {
					break
				}
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=0 time_to_first_event_ms=0 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"break at the error", fake.Fail(limited), func(ctx context.Context, m llm.Model) {
			for range m.Stream(ctx, ask()) {
				break
			}
		}, `level=WARN msg="model call" op=stream provider=other model=other-1 duration_ms=0 code=rate_limited error="other other-1: rate limited: slow down (status 429, request id req-2)" status=429 retry_after_ms=2000 request_id=req-2`},
		{"panic in the loop", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			defer func() { _ = recover() }()
			for range m.Stream(ctx, ask()) {
				panic("in the loop")
			}
		}, `level=ERROR msg="model call" op=stream provider=fake model=fake duration_ms=0 time_to_first_event_ms=0 panic=true`},
		{"panic of the model", fake.Text("Fine.").When(func(*llm.Request) bool { panic("of the model") }), func(ctx context.Context, m llm.Model) {
			defer func() { _ = recover() }()
			generate(ctx, m)
		}, `level=ERROR msg="model call" op=generate provider=fake model=fake duration_ms=0 panic=true`},
		{"never ranged", fake.Text("Fine."), func(ctx context.Context, m llm.Model) { m.Stream(ctx, ask()) }, ``},
		{"ranged twice", fake.Text("Fine."), func(ctx context.Context, m llm.Model) {
			seq := m.Stream(ctx, ask())
			for range 2 {
				for range seq {
				}
			}
		}, `level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=0 time_to_first_event_ms=0 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1`},
		{"nil request", fake.Text("Fine."), func(ctx context.Context, m llm.Model) { _, _ = m.Generate(ctx, nil) },
			`level=WARN msg="model call" op=generate provider=fake model=fake duration_ms=0 code=invalid_request error="fake generate fake: invalid request: validate: nil request"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, out := newLogger(slog.LevelInfo)
				c.call(t.Context(), llm.Wrap(fake.New(c.turn), logging.New(logger, nil)))
				if d := cmp.Diff(c.want, strings.TrimSuffix(out.take(), "\n")); d != "" {
					t.Errorf("(-want +got): %s", d)
				}
			})
		})
	}
}

// failing is a model that fails as it is told to, beside an answer or after some events.
type failing struct {
	err    error
	events []llm.Event
}

func (*failing) Info() llm.Info { return llm.Info{Provider: "p", Model: "m"} }

func (f *failing) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return nil, f.err
}

func (f *failing) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range f.events {
			if !yield(ev, nil) {
				return
			}
		}
		if f.err != nil {
			yield(nil, f.err)
		}
	}
}

// rude is a model that goes on after an error, and has it after the end.
type rude struct{ failing }

func (r *rude) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		_ = yield(&llm.Finish{}, nil) && yield(nil, llm.ErrInternal) && yield(nil, llm.ErrNotFound)
	}
}

// A stream is over with its first error, and that is what its line says.
func TestErrorAfterTheEnd(t *testing.T) {
	logger, out := newLogger(slog.LevelInfo)
	errs := 0
	for _, err := range llm.Wrap(&rude{}, logging.New(logger, nil)).Stream(t.Context(), nil) {
		if err != nil {
			errs++
		}
	}
	if got := out.take(); errs != 1 || !strings.Contains(got, "code=internal") {
		t.Errorf("%d errors, and: %s", errs, got)
	}
}

// What an error may say, whoever made it.
func TestErrors(t *testing.T) {
	typed := &llm.Error{Code: llm.ErrOverloaded, Status: 529, RetryAfter: time.Second}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("secret"), `level=ERROR code=unknown`},
		{fmt.Errorf("secret: %w", typed), `level=WARN code=overloaded error="overloaded (status 529)" status=529 retry_after_ms=1000`},
		{errors.Join(errors.New("secret"), typed), `level=WARN code=overloaded error="overloaded (status 529)" status=529 retry_after_ms=1000`},
		{fmt.Errorf("secret: %w", context.DeadlineExceeded), `level=WARN code=timeout`},
		{llm.ErrRateLimited, `level=WARN code=rate_limited`},
		{llm.Code("secret"), `level=WARN code=…`},
		{&llm.Error{Code: "secret"}, `level=WARN code=… error=…`},
		{&llm.Error{Err: errors.New("secret")}, `level=ERROR code=unknown error=unknown`},
		{(*llm.Error)(nil), `level=ERROR code=unknown`},
		{&llm.Error{Code: llm.ErrInternal, Message: `got "secret"`}, `level=ERROR code=internal error="internal: got \"…\""`},
	} {
		for _, call := range []func(context.Context, llm.Model){generate, read} {
			logger, out := newLogger(slog.LevelInfo)
			call(t.Context(), llm.Wrap(&failing{err: c.err}, logging.New(logger, nil)))
			got := out.take()
			level, rest, _ := strings.Cut(got, " ")
			if _, rest, _ = strings.Cut(rest, " code="); level+" code="+strings.TrimSpace(rest) != c.want {
				t.Errorf("%#v: %s, want %s", c.err, got, c.want)
			}
			if strings.Contains(got, "secret") {
				t.Errorf("%#v: %s", c.err, got)
			}
		}
	}
	logger, out := newLogger(slog.LevelInfo)
	read(t.Context(), llm.Wrap(&failing{events: []llm.Event{&llm.PartStart{Part: &llm.TextPart{}}}}, logging.New(logger, nil)))
	if got := out.take(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "code=incomplete") {
		t.Errorf("a stream without an end: %s", got)
	}
}

func TestDefaultLevel(t *testing.T) {
	for code, want := range map[llm.Code]slog.Level{
		"": slog.LevelInfo, llm.ErrCanceled: slog.LevelInfo,
		llm.ErrInvalidRequest: slog.LevelWarn, llm.ErrUnauthenticated: slog.LevelWarn, llm.ErrPermissionDenied: slog.LevelWarn,
		llm.ErrNotFound: slog.LevelWarn, llm.ErrRateLimited: slog.LevelWarn, llm.ErrQuotaExhausted: slog.LevelWarn,
		llm.ErrOverloaded: slog.LevelWarn, llm.ErrNotReady: slog.LevelWarn, llm.ErrUnavailable: slog.LevelWarn,
		llm.ErrTimeout: slog.LevelWarn, llm.ErrContextTooLong: slog.LevelWarn, llm.ErrContentFiltered: slog.LevelWarn,
		llm.ErrMalformedOutput: slog.LevelWarn, llm.ErrUnsupported: slog.LevelWarn, llm.ErrIncomplete: slog.LevelWarn,
		llm.ErrRejected: slog.LevelWarn, llm.ErrBudgetExceeded: slog.LevelWarn,
		llm.ErrInternal: slog.LevelError, llm.ErrUnknown: slog.LevelError,
	} {
		if got := logging.DefaultLevel(code); got != want {
			t.Errorf("%q: %v, want %v", code, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, out := newLogger(slog.LevelInfo)
		var codes []llm.Code
		opts := &logging.Options{Message: "llm", Metadata: []string{"tenant", "absent", "feature"}, Level: func(code llm.Code) slog.Level {
			codes = append(codes, code)
			return slog.LevelWarn
		}}
		mw := logging.New(logger, opts)
		opts.Message, opts.Metadata[0], opts.Level = "changed", "secret", nil
		m := llm.Wrap(fake.New(fake.Text("Fine."), fake.Text("Fine."), fake.Fail(llm.ErrNotReady), fake.Text("Fine.")), mw)
		req := ask()
		req.Metadata = map[string]string{"feature": "chat", "tenant": "acme", "secret": "secret"}

		_, _ = m.Generate(t.Context(), req)
		want := "level=WARN msg=llm op=generate provider=fake model=fake duration_ms=0 stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1 metadata.tenant=acme metadata.feature=chat\n"
		if d := cmp.Diff(want, out.take()); d != "" {
			t.Errorf("(-want +got): %s", d)
		}
		for range m.Stream(t.Context(), req) {
			break
		}
		generate(t.Context(), m)
		func() {
			defer func() { _ = recover() }()
			for range m.Stream(t.Context(), req) {
				panic("in the loop")
			}
		}()
		generate(t.Context(), llm.Wrap(&failing{err: llm.Code("busy")}, mw))
		if d := cmp.Diff([]llm.Code{"", "", llm.ErrNotReady, llm.ErrUnknown, "busy"}, codes); d != "" {
			t.Errorf("the codes that Level was asked for (-want +got): %s", d)
		}
	})
}

// Where the level is off nothing is made of a call.
func TestLevelOff(t *testing.T) {
	logger, out := newLogger(slog.LevelError)
	for name, mw := range map[string]llm.Middleware{"level off": logging.New(logger, nil), "nil logger": logging.New(nil, nil)} {
		next := &asked{next: newIdle()}
		m := llm.Wrap(next, mw)
		if n := testing.AllocsPerRun(100, func() { _, _ = m.Generate(t.Context(), nil) }); n > 0 || next.infos > 0 {
			t.Errorf("%s: %v allocations, and the model was asked its name %d times", name, n, next.infos)
		}
		read(t.Context(), m)
		generate(t.Context(), llm.Wrap(&failing{err: llm.ErrNotFound}, mw))
	}
	if got := out.take(); got != "" {
		t.Errorf("it wrote %s", got)
	}
	generate(t.Context(), llm.Wrap(&failing{err: llm.ErrInternal}, logging.New(logger, nil)))
	if got := out.take(); strings.Count(got, "\n") != 1 {
		t.Errorf("of an error it wrote %q", got)
	}
}

// asked counts who asks for its name, as only a line does.
type asked struct {
	next  llm.Model
	infos int
}

func (a *asked) Info() llm.Info { a.infos++; return a.next.Info() }

func (a *asked) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return a.next.Generate(ctx, req)
}

func (a *asked) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return a.next.Stream(ctx, req)
}

// Events cost no allocation, however many there are.
func TestEventsAllocateNothing(t *testing.T) {
	allocs := func(n int) float64 {
		next := newIdle()
		for range n {
			next.events = append([]llm.Event{next.events[0]}, next.events...)
		}
		m := llm.Wrap(next, logging.New(slog.New(free{}), nil))
		return testing.AllocsPerRun(50, func() {
			for range m.Stream(t.Context(), nil) {
			}
		})
	}
	if few, many := allocs(0), allocs(1000); many > few+1 {
		t.Errorf("%v allocations for a short stream, %v for a long one", few, many)
	}
}

// A handler that panics costs its line only, and hides no panic of the application.
func TestBrokenHandler(t *testing.T) {
	m := llm.Wrap(fake.New(fake.Text("Fine."), fake.Text("Fine."), fake.Text("Fine.")), logging.New(slog.New(broken{}), nil))
	if resp, err := m.Generate(t.Context(), ask()); err != nil || resp.Text() != "Fine." {
		t.Errorf("Generate: %v, %v", resp, err)
	}
	if resp, err := llm.Collect(m.Stream(t.Context(), ask())); err != nil || resp.Text() != "Fine." {
		t.Errorf("Stream: %v, %v", resp, err)
	}
	defer func() {
		if got := recover(); got != "in the loop" {
			t.Errorf("the application's panic has become %v", got)
		}
	}()
	for range m.Stream(t.Context(), ask()) {
		panic("in the loop")
	}
}

// Attributes are those of the call, are asked for only where a line is written, and cost no answer.
func TestAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		asked := 0
		opts := &logging.Options{Attributes: func(ctx context.Context, req *llm.Request) []slog.Attr {
			if asked++; req == nil {
				panic("a request is expected")
			}
			return []slog.Attr{slog.Any("feature", ctx.Value(key{})), slog.Int("messages", len(req.Messages))}
		}}
		var out bytes.Buffer
		h := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		m := llm.Wrap(fake.New(fake.Text("Fine.").Delay(1500*time.Millisecond)), logging.New(slog.New(h), opts))
		generate(context.WithValue(t.Context(), key{}, "chat"), m)
		want := `{"level":"INFO","msg":"model call","op":"generate","provider":"fake","model":"fake","duration_ms":1500,"stop_reason":"end_turn",` +
			`"input_tokens":3,"output_tokens":2,"request_id":"fake-1","feature":"chat","messages":1}` + "\n"
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("(-want +got): %s", d)
		}
		if _, err := m.Generate(t.Context(), nil); llm.CodeOf(err) != llm.ErrInvalidRequest || asked != 2 || out.String() != want {
			t.Errorf("a panic in Attributes: %v, asked %d times, %s", err, asked, &out)
		}
		generate(t.Context(), llm.Wrap(fake.Auto(), logging.New(nil, opts)))
		if asked != 2 {
			t.Error("Attributes is called though there is no line")
		}
	})
}

// The handler gets the context of the call, from which it may take a trace id.
func TestContext(t *testing.T) {
	type key struct{}
	h := &contexts{}
	m := llm.Wrap(fake.New(fake.Text("Fine."), fake.Text("Fine.")), logging.New(slog.New(h), nil))
	ctx := context.WithValue(t.Context(), key{}, "trace")
	generate(ctx, m)
	read(ctx, m)
	if len(h.seen) != 2 || h.seen[0].Value(key{}) != "trace" || h.seen[1].Value(key{}) != "trace" {
		t.Errorf("the handler's contexts: %v", h.seen)
	}
}

type contexts struct {
	free
	seen []context.Context
}

func (h *contexts) Handle(ctx context.Context, _ slog.Record) error {
	h.seen = append(h.seen, ctx)
	return nil
}

// One middleware serves several models and many calls at a time: a line for each.
func TestConcurrentCalls(t *testing.T) {
	logger, out := newLogger(slog.LevelInfo)
	mw := logging.New(logger, &logging.Options{Content: true})
	models := []llm.Model{mw(newIdle()), mw(&failing{err: llm.ErrInternal})}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			generate(t.Context(), models[i%2])
			read(t.Context(), models[i%2])
		})
	}
	wg.Wait()
	got := out.take()
	if n := strings.Count(got, "\n"); n != 128 {
		t.Errorf("%d lines, want 128", n)
	}
	if n := strings.Count(got, "code=internal"); n != 64 {
		t.Errorf("%d failures, want 64", n)
	}
}

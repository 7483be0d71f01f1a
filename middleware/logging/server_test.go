package logging_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/logging"
)

// scripted is a model of one answer.
type scripted struct {
	resp   *llm.Response
	err    error
	events []llm.Event
}

func (*scripted) Info() llm.Info { return llm.Info{Provider: "p", Model: "m"} }

func (s *scripted) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return s.resp, s.err
}

func (s *scripted) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for _, ev := range s.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// What a server calls an id, a reason or a tier may be any text.
func TestTextsOfAServer(t *testing.T) {
	const secret = "the patient has cancer"
	for _, m := range []*scripted{
		{err: &llm.Error{Code: llm.ErrInternal, RequestID: "id 7: " + secret}},
		{resp: &llm.Response{RequestID: "id 7: " + secret, StopReason: secret, Usage: llm.Usage{InputTokens: 1, ServiceTier: secret}}},
	} {
		var out bytes.Buffer
		_, _ = llm.Wrap(m, logging.New(slog.New(slog.NewTextHandler(&out, nil)), nil)).Generate(t.Context(), &llm.Request{})
		if strings.Contains(out.String(), "patient") || !strings.Contains(out.String(), "request_id=…") {
			t.Errorf("the line is %s", &out)
		}
	}
}

// Nil events break the law, and are passed on for others to report.
func TestNilEvents(t *testing.T) {
	events := []llm.Event{(*llm.UsageUpdate)(nil), (*llm.TextDelta)(nil), (*llm.Finish)(nil)}
	for _, opts := range []*logging.Options{nil, {Content: true}} {
		var out bytes.Buffer
		m := llm.Wrap(&scripted{events: events}, logging.New(slog.New(slog.NewTextHandler(&out, nil)), opts))
		passed := 0
		for range m.Stream(t.Context(), &llm.Request{}) {
			passed++
		}
		if passed != len(events) || !strings.Contains(out.String(), "code=incomplete") {
			t.Errorf("%d events passed, and the line is %s", passed, &out)
		}
	}
}

// runtime.Goexit in the loop's body, as in t.FailNow, leaves the loop; in the model it is a fault.
func TestGoexit(t *testing.T) {
	for _, c := range []struct {
		name string
		turn fake.Turn
		want string
	}{
		{"in the loop", fake.Text("Fine.").Delay(time.Second),
			`level=INFO msg="model call" op=stream provider=fake model=fake duration_ms=1000 time_to_first_event_ms=1000 abandoned=true`},
		{"in the model", fake.Text("Fine.").When(func(*llm.Request) bool { runtime.Goexit(); return true }),
			`level=ERROR msg="model call" op=stream provider=fake model=fake duration_ms=0 panic=true`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, out := newLogger(slog.LevelInfo)
				m := llm.Wrap(fake.New(c.turn), logging.New(logger, nil))
				after := false
				var wg sync.WaitGroup
				wg.Go(func() {
					for range m.Stream(t.Context(), ask()) {
						runtime.Goexit()
					}
					after = true
				})
				wg.Wait()
				if got := strings.TrimSuffix(out.take(), "\n"); after || got != c.want {
					t.Errorf("the goroutine went on: %t, and: %s\nwant %s", after, got, c.want)
				}
			})
		})
	}
}

// A panic goes on as it was, whoever has it, and one that is under way is not touched by a loop
// that is left meanwhile.
func TestPanicsGoOn(t *testing.T) {
	mine := errors.New("mine")
	start := &llm.PartStart{Part: &llm.TextPart{}}
	for name, c := range map[string]struct {
		run  func(m llm.Model)
		want string
	}{
		"in the loop": {func(m llm.Model) {
			for range m.Stream(t.Context(), ask()) {
				panic(mine)
			}
		}, "level=ERROR"},
		"under way": {func(m llm.Model) {
			defer func() {
				for range m.Stream(t.Context(), ask()) {
					break
				}
			}()
			panic(mine)
		}, "level=INFO"},
	} {
		t.Run(name, func(t *testing.T) {
			logger, out := newLogger(slog.LevelInfo)
			defer func() {
				if got := recover(); got != error(mine) {
					t.Errorf("the panic has become %v", got)
				}
				if got := out.take(); !strings.HasPrefix(got, c.want) || strings.Contains(got, "abandoned") == strings.Contains(got, "panic=true") {
					t.Errorf("the line is %s", got)
				}
			}()
			c.run(llm.Wrap(&scripted{events: []llm.Event{start}}, logging.New(logger, nil)))
		})
	}
}

// A model that panics while its loop is left has not just been left.
func TestPanicOfALeftModel(t *testing.T) {
	logger, out := newLogger(slog.LevelInfo)
	m := llm.Wrap(&falls{}, logging.New(logger, nil))
	defer func() {
		if got, line := recover(), out.take(); got != "on leaving" || !strings.Contains(line, "panic=true") {
			t.Errorf("the panic is %v, and the line %s", got, line)
		}
	}()
	for range m.Stream(t.Context(), ask()) {
		break
	}
}

// falls is a model that panics where its loop is left.
type falls struct{ scripted }

func (*falls) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		if !yield(&llm.PartStart{Part: &llm.TextPart{}}, nil) {
			panic("on leaving")
		}
	}
}

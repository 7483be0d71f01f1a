package llmtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// cancelMutants break laws 5 and 6.
func cancelMutants() []mutant {
	return []mutant{
		// Law 5.
		{name: "drains", fails: []string{"law05/break"}, model: streams(drains)},
		{name: "yields-after-the-loop-was-left", fails: []string{"law05/break", "law05/break-anywhere"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					for ev, err := range m.Stream(ctx, req) {
						yield(ev, err)
					}
				})
			})},
		{name: "leaks-on-break", fails: []string{"law05/break", "law05/break-anywhere"}, model: streams(leaksOnBreak)},
		{name: "leaks-on-failure", fails: []string{"law05/failures-release"}, model: failures(func(err error) error {
			if !isContext(err) {
				go time.Sleep(10 * time.Second)
			}
			return err
		})},
		{name: "starts-a-goroutine-in-stream", fails: []string{"law05/never-ranged"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				ctx, cancel := context.WithCancel(ctx)
				go func() { <-ctx.Done() }()
				return llm.Once(func(yield func(llm.Event, error) bool) {
					defer cancel()
					m.Stream(ctx, req)(yield)
				})
			})},
		{name: "hides-the-cancel",
			fails: []string{"law05/cancelled-before", "law05/cancel-while-waiting", "law05/cancel-in-loop", "law05/cancel-in-buffer", "law05/cancel-in-stall"},
			model: failures(func(err error) error {
				if errors.Is(err, context.Canceled) {
					return &llm.Error{Code: llm.ErrUnavailable, Message: "use of closed network connection"}
				}
				return err
			})},
		{name: "returns-the-cause-only", fails: []string{"law05/cancel-while-waiting"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return mapped(m.Stream(ctx, req), one, func(err error) error {
					if errors.Is(err, context.Canceled) {
						return &llm.Error{Code: llm.ErrCanceled, Err: context.Cause(ctx)}
					}
					return err
				})
			})},
		{name: "ignores-the-context",
			fails: []string{"law05/cancel-while-waiting", "law05/cancel-in-stall", "law05/deadline", "law08/failed-call",
				"law09/cancel-keeps-text"},
			model: streams(ignoresTheContext)},
		{name: "plays-its-buffer-after-a-cancel", fails: []string{"law05/cancel-in-loop", "law05/cancel-in-buffer"}, model: streams(playsItsBuffer)},
		{name: "plays-some-of-its-buffer-after-a-cancel", fails: []string{"law05/cancel-in-loop", "law05/cancel-in-buffer"}, model: streams(playsSome)},
		{name: "keeps-its-lock-when-the-loop-panics", fails: []string{"law05/panic-in-loop", "law01/within-a-loop"}, model: keepsItsLock},
		{name: "catches-the-panic-of-the-loop", fails: []string{"law05/panic-in-loop"},
			model: streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
				return llm.Once(func(yield func(llm.Event, error) bool) {
					defer func() { _ = recover() }()
					m.Stream(ctx, req)(yield)
				})
			})},
		{name: "calls-a-deadline-a-cancel", fails: []string{"law05/deadline", "law05/cancel-in-buffer"}, model: failures(func(err error) error {
			if errors.Is(err, context.DeadlineExceeded) {
				return &llm.Error{Code: llm.ErrCanceled, Err: err}
			}
			return err
		})},

		// Law 6.
		{name: "stops-no-part", fails: []string{"law06/grammar", "law06/interleaved", "law06/usage-first", "law03/empty-arguments", "law10/empty-arguments"},
			model: events(func(ev llm.Event) []llm.Event {
				if stop, ok := ev.(*llm.PartStop); ok && stop.Opaque == nil {
					return nil
				}
				return one(ev)
			})},
		{name: "cuts-deltas-at-a-kilobyte", fails: []string{"law06/runes"}, model: events(func(ev llm.Event) []llm.Event {
			d, ok := ev.(*llm.TextDelta)
			if !ok {
				return one(ev)
			}
			var cut []llm.Event
			for text := range slices.Chunk([]byte(d.Text), 1024) {
				cut = append(cut, &llm.TextDelta{Index: d.Index, Text: string(text)})
			}
			return cut
		})},
		{name: "splits-runes", fails: []string{"law06/runes"}, model: events(func(ev llm.Event) []llm.Event {
			d, ok := ev.(*llm.TextDelta)
			if !ok || utf8.RuneCountInString(d.Text) == len(d.Text) {
				return one(ev)
			}
			at := strings.IndexFunc(d.Text, func(r rune) bool { return r >= utf8.RuneSelf }) + 1
			return []llm.Event{&llm.TextDelta{Index: d.Index, Text: d.Text[:at]}, &llm.TextDelta{Index: d.Index, Text: d.Text[at:]}}
		})},
		{name: "keeps-one-current-part", fails: []string{"law06/interleaved"}, model: streams(keepsOnePart)},
		{name: "adds-up-usage-updates", fails: []string{"law06/usage-first"}, model: streams(addsUpUsage)},
	}
}

// drains reads to the end what nobody wants any more.
func drains(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		left := false
		for ev, err := range m.Stream(ctx, req) {
			if !left {
				left = !yield(ev, err)
			}
		}
	})
}

// leaksOnBreak has a goroutine that goes on for a while when the loop is left.
func leaksOnBreak(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.Stream(ctx, req) {
			if !yield(ev, err) {
				if err == nil {
					go time.Sleep(10 * time.Second)
				}
				return
			}
		}
	})
}

// ignoresTheContext looks at it before each event, but does not wait with it.
func ignoresTheContext(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.Stream(context.WithoutCancel(ctx), req) {
			if dead := m.alive(ctx, "stream"); dead != nil {
				ev, err = nil, dead
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	})
}

// playsItsBuffer hears of a cancel only when it reads on, which it does not while
// its buffer lasts: for a millisecond.
func playsItsBuffer(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if err := m.alive(ctx, "stream"); err != nil {
			yield(nil, err)
			return
		}
		late, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		if d, ok := ctx.Deadline(); ok {
			var cancelDeadline context.CancelFunc
			late, cancelDeadline = context.WithDeadline(late, d)
			defer cancelDeadline()
		}
		stop := context.AfterFunc(ctx, func() {
			if ctx.Err() == context.Canceled {
				time.AfterFunc(time.Millisecond, cancel)
			}
		})
		defer stop()
		m.Stream(late, req)(yield)
	})
}

// playsSome looks at the context only when it has yielded so many events more.
func playsSome(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if ctx.Err() != nil {
			m.Stream(ctx, req)(yield)
			return
		}
		late, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(time.Millisecond, stop) })()
		more := 60
		for ev, err := range m.Stream(late, req) {
			if dead := m.alive(ctx, "stream"); dead != nil && (err != nil || more == 0) {
				ev, err = nil, dead
			} else if dead != nil {
				more--
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	})
}

// keepsItsLock holds a lock while the loop has an event, and gives it back only when
// the loop returns.
func keepsItsLock(m *scriptModel) llm.Model {
	var mu sync.Mutex
	return streams(func(ctx context.Context, m *scriptModel, req *llm.Request) stream {
		return llm.Once(func(yield func(llm.Event, error) bool) {
			for ev, err := range m.Stream(ctx, req) {
				mu.Lock()
				ok := yield(ev, err)
				mu.Unlock()
				if !ok {
					return
				}
			}
		})
	})(m)
}

func keepsOnePart(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	current := 0
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		switch ev := ev.(type) {
		case *llm.PartStart:
			current = ev.Index
		case *llm.TextDelta:
			return one(&llm.TextDelta{Index: current, Text: ev.Text})
		}
		return one(ev)
	}, same)
}

func addsUpUsage(ctx context.Context, m *scriptModel, req *llm.Request) stream {
	var sum llm.Usage
	return mapped(m.Stream(ctx, req), func(ev llm.Event) []llm.Event {
		switch ev := ev.(type) {
		case *llm.UsageUpdate:
			sum = sum.Add(ev.Usage)
		case *llm.Finish:
			c := *ev
			c.Usage = sum.Add(ev.Usage)
			return one(&c)
		}
		return one(ev)
	}, same)
}

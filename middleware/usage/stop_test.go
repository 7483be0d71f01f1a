package usage_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestStopStreams(t *testing.T) {
	delta := func(n int) *llm.TextDelta { return &llm.TextDelta{Text: strings.Repeat("x", 4*n)} }
	start, stop := &llm.PartStart{Part: &llm.TextPart{}}, &llm.PartStop{}
	finish := &llm.Finish{Usage: llm.Usage{InputTokens: 10, OutputTokens: 5000}}
	many := []llm.Event{start}
	for range 50 {
		many = append(many, delta(100))
	}
	many = append(many, stop, finish)
	for _, c := range []struct {
		name   string
		limit  string
		events []llm.Event
		off    bool
		seen   int    // events before the error; all of them where there is none
		spent  string // by the end
	}{
		{"within the reservation", "100", []llm.Event{start, delta(40), stop, &llm.Finish{Usage: llm.Usage{InputTokens: 10, OutputTokens: 40}}}, false, 4, "50"},
		{"more than reserved, and there is room", "6000", many, false, 53, "5010"},
		{"more than reserved, and no room", "100", many, false, 2, "110"},
		{"more than reserved, and some room", "1000", many, false, 11, "1010"},
		{"off", "100", many, true, 53, "5010"},
		{"told to be more", "100", []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 101}}, start}, false, 1, "101"},
		{"told at the end", "100", []llm.Event{start, stop, finish}, false, 3, "5010"},
		{"told to be less", "100", []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 3}}, start, delta(40), stop, &llm.Finish{Usage: llm.Usage{InputTokens: 3, OutputTokens: 40}}}, false, 5, "43"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := usage.NewLedger(&usage.Options{Prices: dollars, StopStreams: !c.off, Budgets: []usage.Budget{{Limit: usd(c.limit)}}})
			released := false
			m := llm.Wrap(&onRelease{&scripted{llm.Info{Provider: "test", Model: "m"}, turn{events: c.events}}, &released}, usage.New(l))
			var events []llm.Event
			var err error
			for ev, e := range m.Stream(t.Context(), ask(40, 50)) {
				if e != nil {
					err = e
					continue
				}
				events = append(events, ev)
			}
			stopped := c.seen < len(c.events)
			if stopped != (llm.CodeOf(err) == llm.ErrBudgetExceeded) {
				t.Fatalf("the error is %v", err)
			}
			if stopped {
				last, ok := events[len(events)-1].(*llm.UsageUpdate)
				if !ok || last.Usage != l.Total().Usage || !last.Usage.Estimated {
					t.Errorf("the last event is %#v", events[len(events)-1])
				}
				events = events[:len(events)-1]
				same(t, "errors", int64(1), l.Total().Errors)
				if !strings.Contains(err.Error(), "stopped midway: budget of all calls has ") {
					t.Error(err)
				}
			}
			same(t, "events", c.events[:c.seen], events)
			same(t, "spent", c.spent, l.Budgets()[0].Spent.String())
			same(t, "booked", c.spent, l.Total().Cost.String())
			same(t, "reserved", usage.USD{}, reserved(l))
			if !released {
				t.Error("the stream is not released")
			}
		})
	}

	t.Run("the loop is left at the last event", func(t *testing.T) {
		l := usage.NewLedger(&usage.Options{Prices: dollars, StopStreams: true, Budgets: []usage.Budget{{Limit: usd("100")}}})
		n := 0
		for range llm.Wrap(&scripted{llm.Info{Model: "m"}, turn{events: many}}, usage.New(l)).Stream(t.Context(), ask(40, 50)) {
			if n++; n == 3 { // the UsageUpdate
				break
			}
		}
		same(t, "booked", int64(1), l.Total().Calls)
	})
}

// onRelease notes the end of a stream.
type onRelease struct {
	next     llm.Model
	released *bool
}

func (m *onRelease) Info() llm.Info { return m.next.Info() }
func (m *onRelease) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}

func (m *onRelease) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		defer func() { *m.released = true }()
		m.next.Stream(ctx, req)(yield)
	}
}

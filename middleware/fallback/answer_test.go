package fallback_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/fallback"
)

func refused(r *llm.Response) bool { return r.StopReason == llm.StopRefusal }

func refusal() fake.Turn { return fake.Parts().StopWith(llm.StopRefusal) }

// by is what an answer says of who gave it.
type by struct {
	Text, Provider, Model string
	Warnings              []string
}

func whoServed(r *llm.Response) by {
	b := by{r.Text(), r.Provider, r.Model, nil}
	for _, w := range r.Warnings {
		if w.Code != llm.WarningDowngraded || w.Field != "model" {
			w.Message = w.String()
		}
		b.Warnings = append(b.Warnings, w.Message)
	}
	return b
}

func TestWhoServed(t *testing.T) {
	model := func(name string, err error, events ...llm.Event) llm.Model {
		return &scripted{info: llm.Info{Provider: "test", Model: name}, events: events, err: err}
	}
	says := func(name string, finish llm.Finish) llm.Model {
		finish.StopReason = llm.StopEndTurn
		return model(name, nil, &llm.PartStart{Part: &llm.TextPart{}}, &llm.TextDelta{Text: "ok"}, &llm.PartStop{}, &finish)
	}
	refuses := func(name string) llm.Model { return model(name, nil, &llm.Finish{StopReason: llm.StopRefusal}) }
	fails := func(name string, code llm.Code) llm.Model {
		return model(name, &llm.Error{Code: code, Message: "secret"})
	}
	const rejected = "returned though it will not do, since there was no other answer"
	cases := []struct {
		name   string
		models []llm.Model
		want   by
	}{
		{"the primary", []llm.Model{says("a", llm.Finish{Provider: "p", Model: "m"}), says("b", llm.Finish{})}, by{"ok", "p", "m", nil}},
		{"the primary, who does not say", []llm.Model{says("a", llm.Finish{})}, by{"ok", "test", "a", nil}},
		{"the primary, who says half of it", []llm.Model{says("a", llm.Finish{Model: "m"})}, by{"ok", "test", "m", nil}},
		{"the second", []llm.Model{fails("a", llm.ErrRateLimited), says("b", llm.Finish{Provider: "p", Model: "m"})},
			by{"ok", "p", "m", []string{"answered by p m, since test a failed: rate limited"}}},
		{"the second, who does not say", []llm.Model{fails("a", llm.ErrRateLimited), says("b", llm.Finish{})},
			by{"ok", "test", "b", []string{"answered by test b, since test a failed: rate limited"}}},
		{"the third", []llm.Model{fails("a", llm.ErrRateLimited), refuses("b"), says("c", llm.Finish{})},
			by{"ok", "test", "c", []string{"answered by test c, since test a failed: rate limited; the answer of test b would not do"}}},
		{"after one without a name", []llm.Model{&scripted{err: llm.ErrTimeout}, says("b", llm.Finish{})},
			by{"ok", "test", "b", []string{"answered by test b, since a model without a name failed: timeout"}}},
		{"the only one, rejected", []llm.Model{refuses("a")}, by{"", "test", "a", []string{rejected}}},
		{"all rejected", []llm.Model{refuses("a"), refuses("b")},
			by{"", "test", "b", []string{"answered by test b, since the answer of test a would not do", rejected}}},
		{"rejected, and the others fail", []llm.Model{refuses("a"), fails("b", llm.ErrOverloaded), fails("c", llm.ErrTimeout)},
			by{"", "test", "a", []string{rejected + ": test b failed: overloaded; test c failed: timeout"}}},
		{"rejected, and another fails for good", []llm.Model{refuses("a"), fails("b", llm.ErrUnauthenticated), says("c", llm.Finish{})},
			by{"", "test", "a", []string{rejected + ": test b failed: unauthenticated"}}},
		{"nested, the inner second", []llm.Model{fallback.New(fails("a", llm.ErrTimeout), says("b", llm.Finish{})), says("c", llm.Finish{})},
			by{"ok", "test", "b", []string{"answered by test b, since test a failed: timeout"}}},
		{"nested, the outer second", []llm.Model{fallback.New(fails("a", llm.ErrTimeout), fails("b", llm.ErrRateLimited)),
			fallback.New(fails("c", llm.ErrOverloaded), says("d", llm.Finish{}))},
			by{"ok", "test", "d", []string{"answered by test d, since test c failed: overloaded", "answered by test d, since test a failed: rate limited"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, call caller) {
				m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused}, c.models[0], c.models[1:]...)
				resp, err := call(t.Context(), m, ask())
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, whoServed(resp)); d != "" {
					t.Errorf("(-want +got): %s", d)
				}
			})
		})
	}
}

func TestOnResponse(t *testing.T) {
	tooShort := func(r *llm.Response) bool { return len(r.Text()) < 3 }
	models := func() (first, second *fake.Model) {
		return named("first", fake.Text("no")), named("second", fake.Text("yes"))
	}
	opts := &fallback.Options{OnResponse: tooShort}

	t.Run("Generate judges the whole answer", func(t *testing.T) {
		first, second := models()
		resp, err := fallback.NewWithOptions(opts, first, second).Generate(t.Context(), ask())
		if err != nil || resp.Text() != "yes" || resp.Model != "second" {
			t.Errorf("%+v, %v", resp, err)
		}
	})
	t.Run("a stream that was shown is not judged", func(t *testing.T) {
		first, second := models()
		resp, err := llm.Collect(fallback.NewWithOptions(opts, first, second).Stream(t.Context(), ask()))
		if err != nil || resp.Text() != "no" || len(resp.Warnings) > 0 || len(second.Requests()) > 0 {
			t.Errorf("%+v, %v", resp, err)
		}
	})
	t.Run("a stream of Finish alone is", func(t *testing.T) {
		finish := &llm.Finish{StopReason: llm.StopRefusal, RawStopReason: "declined", Usage: llm.Usage{InputTokens: 9}, RequestID: "req-1"}
		first := &scripted{info: llm.Info{Provider: "test", Model: "first"},
			events: []llm.Event{&llm.UsageUpdate{Usage: llm.Usage{InputTokens: 3}}, finish}}
		_, second := models()
		var judged *llm.Response
		opts := &fallback.Options{OnResponse: func(r *llm.Response) bool { judged = r; return true }}
		resp, err := llm.Collect(fallback.NewWithOptions(opts, first, second).Stream(t.Context(), ask()))
		if err != nil || resp.Text() != "yes" || resp.Usage.InputTokens == 9 {
			t.Errorf("%+v, %v", resp, err)
		}
		want := &llm.Response{Message: llm.Message{Role: llm.RoleAssistant}, StopReason: llm.StopRefusal, RawStopReason: "declined",
			Usage: llm.Usage{InputTokens: 9}, Provider: "test", Model: "first", RequestID: "req-1"}
		if d := cmp.Diff(want, judged); d != "" {
			t.Errorf("OnResponse was asked of (-want +got): %s", d)
		}
		if first.ended != 1 || first.left {
			t.Error("the rejected stream was left before its end")
		}
		if finish.Provider != "" || finish.Warnings != nil {
			t.Errorf("the model's Finish was changed: %+v", finish)
		}
	})
	t.Run("no second Finish", func(t *testing.T) {
		// The last answer is rejected; the one before was held, and is not shown too.
		m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused}, named("a", refusal()), named("b", refusal()))
		finishes := 0
		for ev, err := range m.Stream(t.Context(), ask()) {
			if _, ok := ev.(*llm.Finish); ok && err == nil {
				finishes++
			}
		}
		if finishes != 1 {
			t.Errorf("%d Finish events", finishes)
		}
	})
	t.Run("another that breaks off", func(t *testing.T) {
		cut := &scripted{info: llm.Info{Provider: "test", Model: "b"}, events: begun, err: llm.ErrIncomplete}
		m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused},
			&scripted{events: []llm.Event{&llm.Finish{StopReason: llm.StopRefusal}}}, cut)
		if resp, err := m.Generate(t.Context(), ask()); err != nil || resp.StopReason != llm.StopRefusal {
			t.Errorf("Generate: %+v, %v", resp, err)
		}
		// Here it was shown, so there is no way back.
		resp, err := llm.Collect(m.Stream(t.Context(), ask()))
		if llm.CodeOf(err) != llm.ErrIncomplete || resp.Text() != "half" || resp.StopReason != "" {
			t.Errorf("Stream: %+v, %v", resp, err)
		}
	})
	t.Run("neither answer nor error", func(t *testing.T) {
		m := fallback.NewWithOptions(&fallback.Options{OnResponse: refused}, silent{}, named("b", fake.Text("never")))
		if resp, err := m.Generate(t.Context(), ask()); resp != nil || err != nil {
			t.Errorf("%+v, %v", resp, err)
		}
	})
	t.Run("an answer that broke off is no answer", func(t *testing.T) {
		opts := &fallback.Options{OnResponse: func(*llm.Response) bool { t.Error("OnResponse was asked of it"); return true }}
		m := fallback.NewWithOptions(opts, named("a", fake.Text("half").CutAfter(2)))
		if resp, err := m.Generate(t.Context(), ask()); llm.CodeOf(err) != llm.ErrIncomplete || resp.Text() == "" {
			t.Errorf("%+v, %v", resp, err)
		}
	})
}

// silent breaks the law: Generate returns nothing at all.
type silent struct{ *idle }

func (silent) Generate(context.Context, *llm.Request) (*llm.Response, error) { return nil, nil }

func TestAllFailed(t *testing.T) {
	limited := &llm.Error{Code: llm.ErrRateLimited, Provider: "test", Model: "a", RequestID: "req-a", RetryAfter: 30 * time.Second}
	exhausted := &llm.Error{Code: llm.ErrOverloaded, Provider: "test", Model: "b", RequestID: "req-b", Status: 503, RetryAfter: 20 * time.Second, Retryable: new(false)}
	tooLong := &llm.Error{Code: llm.ErrContextTooLong, Provider: "test", Model: "c", RequestID: "req-c", Op: "converse", Status: 400}
	invalid := &llm.Error{Code: llm.ErrInvalidRequest, Provider: "test", Model: "d"}
	cases := []struct {
		name      string
		errs      []error
		code      llm.Code
		message   string
		retryable bool
		wait      time.Duration
	}{
		{"the last decides, but on trying again", []error{limited, exhausted, tooLong}, llm.ErrContextTooLong, "all 3 models failed", true, 20 * time.Second},
		{"none may help again", []error{exhausted, tooLong}, llm.ErrContextTooLong, "all 2 models failed", false, 20 * time.Second},
		{"the last may help again", []error{tooLong, limited}, llm.ErrRateLimited, "all 2 models failed", true, 30 * time.Second},
		{"no wait is known", []error{tooLong, llm.ErrTimeout}, llm.ErrTimeout, "all 2 models failed", true, 0},
		{"the call is at an end", []error{limited, invalid, tooLong}, llm.ErrInvalidRequest, "gave up after 2 of 3 models", false, 30 * time.Second},
		{"the last is at an end", []error{limited, invalid}, llm.ErrInvalidRequest, "all 2 models failed", false, 30 * time.Second},
		{"an error of nobody", []error{limited, errors.Join(llm.ErrTimeout)}, llm.ErrTimeout, "all 2 models failed", true, 30 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, call caller) {
				var models []llm.Model
				for i, err := range c.errs {
					models = append(models, &scripted{info: llm.Info{Provider: "test", Model: string(rune('a' + i))}, err: err})
				}
				resp, err := call(t.Context(), fallback.New(models[0], models[1:]...), ask())
				if resp != nil {
					t.Errorf("a response: %+v", resp)
				}
				e, ok := err.(*llm.Error)
				if !ok {
					t.Fatalf("the error is a %T: %v", err, err)
				}
				wait, _ := llm.RetryAfter(err)
				if e.Code != c.code || e.Message != c.message || llm.IsRetryable(err) != c.retryable || wait != c.wait {
					t.Errorf("%v, retryable: %t, after %v", err, llm.IsRetryable(err), wait)
				}
				asked := c.errs
				if strings.HasPrefix(c.message, "gave up") {
					asked = c.errs[:2]
				}
				joined, ok := e.Err.(interface{ Unwrap() []error })
				if !ok || !slices.Equal(joined.Unwrap(), asked) {
					t.Errorf("it joins %v", e.Err)
				}
				if e.Provider != "test" || e.Model == "" || e.Op == "" {
					t.Errorf("it is of nobody: %+v", e)
				}
				if last, ok := errors.AsType[*llm.Error](asked[len(asked)-1]); ok &&
					(e.RequestID != last.RequestID || e.Status != last.Status || e.Model != last.Model) {
					t.Errorf("it is not of the last: %+v", e)
				}
			})
		})
	}
}

func TestErrorText(t *testing.T) {
	m := fallback.New(
		&scripted{info: llm.Info{Provider: "aws.bedrock", Model: "us.m"}, err: &llm.Error{Code: llm.ErrRateLimited, Provider: "aws.bedrock", Model: "us.m", Op: "generate", Status: 429}},
		&scripted{info: llm.Info{Provider: "aws.bedrock", Model: "global.m"}, err: errors.Join(llm.ErrTimeout, errors.New("secret"))})
	_, err := m.Generate(t.Context(), ask())
	const want = "aws.bedrock generate global.m: timeout: all 2 models failed: us.m: rate limited (status 429)"
	if got := err.Error(); got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

// A code that is not of package llm may be any text.
func TestWarningHoldsNothingElse(t *testing.T) {
	always := &fallback.Options{On: func(error) bool { return true }}
	m := fallback.NewWithOptions(always, &scripted{info: llm.Info{Provider: "test", Model: "a\nb"}, err: llm.Code("secret")}, named("b", fake.Text("ok")))
	resp, err := m.Generate(t.Context(), ask())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`answered by test b, since test "a\nb" failed: …`}, whoServed(resp).Warnings); d != "" {
		t.Errorf("(-want +got): %s", d)
	}
}

func TestPartialResponseIsOfTheLast(t *testing.T) {
	eachWay(t, func(t *testing.T, call caller) {
		m := fallback.New(named("a", fake.Fail(llm.ErrOverloaded)), named("b", fake.Text("Four degrees").Chunk(5).CutAfter(2)))
		resp, err := call(t.Context(), m, ask())
		if resp.Text() != "Four " || llm.CodeOf(err) != llm.ErrIncomplete || !errors.Is(err, llm.ErrOverloaded) {
			t.Errorf("%q, %v", resp.Text(), err)
		}
		if e, ok := err.(*llm.Error); !ok || e.Model != "b" || e.Message != "all 2 models failed" || !llm.IsRetryable(err) {
			t.Errorf("%v", err)
		}
	})
}

// Nil pointers are refused by who reads them.
func TestNilEventsPass(t *testing.T) {
	for _, ev := range []llm.Event{nil, (*llm.Finish)(nil), (*llm.UsageUpdate)(nil), (*llm.TextDelta)(nil)} {
		for _, onResponse := range []func(*llm.Response) bool{nil, func(*llm.Response) bool { return true }} {
			m := fallback.NewWithOptions(&fallback.Options{OnResponse: onResponse}, &plays{ev})
			n := 0
			for got, err := range m.Stream(t.Context(), ask()) {
				if n++; got != ev || err != nil {
					t.Errorf("%T became %#v, %v", ev, got, err)
				}
			}
			if _, err := llm.Collect(m.Stream(t.Context(), ask())); n != 1 || llm.CodeOf(err) != llm.ErrMalformedOutput {
				t.Errorf("%T: %d events, collected as %v", ev, n, err)
			}
		}
	}
}

// plays is a model that streams one event.
type plays struct{ ev llm.Event }

func (p *plays) Info() llm.Info { return llm.Info{} }

func (p *plays) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(p.Stream(ctx, req))
}

func (p *plays) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) { yield(p.ev, nil) })
}

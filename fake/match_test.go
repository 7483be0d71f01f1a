package fake_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestMatchers(t *testing.T) {
	looped := conv(question, llm.Assistant(call("a")), llm.User(result("a")))
	looped.Tools = []llm.Tool{{Name: "weather"}, {Provider: "p", Kind: "search"}}
	both := func(m fake.Matcher) fake.Turn { return fake.Text("yes").On(m) }
	for _, tt := range []struct {
		name string
		turn fake.Turn
		req  *llm.Request
		want bool
	}{
		{"says", both(fake.UserSays("warm")), ask("how warm?"), true},
		{"says other", both(fake.UserSays("cold")), ask("how warm?"), false},
		{"says earlier", both(fake.UserSays("first")), conv(llm.UserText("first"), llm.AssistantText("x"), llm.UserText("second")), false},
		{"says before results", both(fake.UserSays("how warm")), looped, true},
		{"has tool", both(fake.HasTool("weather")), looped, true},
		{"has tool of a kind", both(fake.HasTool("search")), looped, true},
		{"has no tool", both(fake.HasTool("weather")), ask("x"), false},
		{"has result", both(fake.HasResult("weather")), looped, true},
		{"has other result", both(fake.HasResult("search")), looped, false},
		{"has no result", both(fake.HasResult("weather")), ask("x"), false},
		{"first", both(fake.Nth(1)), ask("x"), true},
		{"second", both(fake.Nth(2)), ask("x"), false},
		{"function", both(fake.Match("long", func(r *llm.Request) bool { return len(r.Messages) > 2 })), looped, true},
		{"all", fake.Text("yes").On(fake.UserSays("warm"), fake.HasTool("x")), looped, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fake.New(tt.turn).Generate(t.Context(), tt.req)
			if (err == nil) != tt.want {
				t.Errorf("matches: %v, want %v: %v", err == nil, tt.want, err)
			}
		})
	}
}

func TestMatchersThatCannotBe(t *testing.T) {
	for want, m := range map[string]fake.Matcher{
		"On: a Matcher that was not made": {},
		"Nth: less than 1":                fake.Nth(0),
		"Match: nil function":             fake.Match("x", nil),
	} {
		_, err := fake.New(fake.Text("x").On(m)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "turns[0]: "+want)
	}
}

// What a request differs in is shown to the author of the test, and to nobody else.
func TestMismatchIsShown(t *testing.T) {
	m := fake.New(
		fake.Text("a").Times(2),
		fake.Text("b").On(fake.UserSays("secret"), fake.HasResult("x"), fake.Nth(9), fake.HasTool("y"), fake.Match("is long", func(*llm.Request) bool { return false })),
		fake.Text("c").Always(),
		fake.Text("d").Times(3),
	)
	generate(t, m, ask("one"))
	generate(t, m, ask("two"))
	generate(t, m, ask("three"))
	var tb recorderTB
	m.AssertExhausted(&tb)
	want := `fake: 2 not played:
  turns[1]: text "b", when user says "secret" and has result of x and is call 9 and has tool y and is long
    fake-3 differs:
      - user says "secret"
      + user says "three"
      - has result of x
      + has results of none
      - is call 9
      + is call 3
      - has tool y
      + has tools none
      - is long
      + it does not
  turns[3]: text "d", never reached: turns[2] is for ever, played 0 of 3 times
`
	if len(tb.errors) != 1 || !strings.HasPrefix(tb.errors[0], want) {
		t.Errorf("(-want +got):\n%s", cmp.Diff([]string{want}, tb.errors))
	}
	m = fake.New(fake.Text("b").On(fake.UserSays("hunter2")))
	_, err := m.Generate(t.Context(), ask("swordfish"))
	wantError(t, err, llm.ErrInternal, "none of the turns that are left matches (1 of 1); the request: user(text 9)")
	for _, secret := range []string{"hunter2", "swordfish"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("content in the error: %v", err)
		}
	}
}

func TestTimes(t *testing.T) {
	m := fake.New(fake.Fail(llm.ErrOverloaded).Times(2), fake.Text("ok"), fake.Text("again").Always())
	for _, want := range []string{"", "", "ok", "again", "again"} {
		r, err := m.Generate(t.Context(), ask("hi"))
		if want == "" {
			wantError(t, err, llm.ErrOverloaded)
		} else if err != nil || r.Text() != want {
			t.Errorf("got %v %v, want %q", r, err, want)
		}
	}
	m.AssertExhausted(t)

	m = fake.New(fake.Text("x").Times(3))
	generate(t, m, ask("hi"))
	var tb recorderTB
	m.AssertExhausted(&tb)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], `turns[0]: text "x", played 1 of 3 times`) {
		t.Errorf("got %q", tb.errors)
	}
	_, err := fake.New(fake.Text("x").Times(0)).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrInternal, "turns[0]: Times: less than once")
}

func TestTimesOfManyCalls(t *testing.T) {
	const n = 64
	m := fake.New(fake.Text("a").Times(n).On(fake.UserSays("hi")), fake.Text("b").Always())
	var mu sync.Mutex
	count := map[string]int{}
	var wg sync.WaitGroup
	for range 3 * n {
		wg.Go(func() {
			r, err := m.WithInfo(llm.Info{Provider: "p"}).Generate(t.Context(), ask("hi"))
			if err != nil {
				t.Error(err)
				return
			}
			m.Requests()
			mu.Lock()
			defer mu.Unlock()
			count[r.Text()]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]int{"a": n, "b": 2 * n}, count); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One model, many goroutines: answers depend on the request alone.
func TestAutoOfManyCalls(t *testing.T) {
	m := fake.AutoWith(&fake.AutoOptions{Seed: 3, Optional: true})
	req := ask("please")
	req.Tools = []llm.Tool{queryTool("a")}
	want := string(generate(t, m, req).ToolCalls()[0].Input)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			r, err := m.WithInfo(llm.Info{Provider: "p"}).Generate(t.Context(), req)
			if err != nil || string(r.ToolCalls()[0].Input) != want {
				t.Errorf("got %v %v, want %s", r, err, want)
			}
			m.Requests()
		})
	}
	wg.Wait()
	if got := len(m.Requests()); got != 33 {
		t.Errorf("%d requests", got)
	}
}

func TestStallAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			turn fake.Turn
			want string
		}{
			{fake.Text("abcdef").Chunk(2).StallAfter(2), "start text usage"},
			{fake.Text("abcdef").Chunk(2).StallAfter(0), ""},
			{fake.Text("abcdef").Chunk(2).StallAfter(99), "start text text text stop usage"},
			{fake.Text("abcdef").Chunk(2).ThenFail(llm.ErrOverloaded).StallAfter(1), "start usage"},
			{fake.Events(&llm.PartStart{Part: llm.Text("")}, &llm.Finish{}).StallAfter(1), "start usage"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			start := time.Now()
			events, err := drain(ctx, fake.New(tt.turn), ask("hi"))
			cancel()
			wantError(t, err, llm.ErrTimeout)
			if !errors.Is(err, context.DeadlineExceeded) || kinds(events) != tt.want || time.Since(start) != time.Hour {
				t.Errorf("%q after %v: %v, want %q", kinds(events), time.Since(start), err, tt.want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err := fake.New(fake.Text("x").StallAfter(1)).Generate(ctx, ask("hi"))
		wantError(t, err, llm.ErrCanceled)

		// The last one counts.
		_, err = fake.New(fake.Text("x").StallAfter(1).CutAfter(1)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrIncomplete)
		_, err = fake.New(fake.Text("x").StallAfter(-1)).Generate(t.Context(), ask("hi"))
		wantError(t, err, llm.ErrInternal, "StallAfter: a negative number")
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := fake.Parts(&llm.ReasoningPart{Text: "12345678"}, llm.Text("12345678"), &llm.ToolCallPart{Name: "f", Input: []byte(`{"a": 1}`)}).Pace(2)
		m := fake.New(turn.Times(2), turn.Delay(time.Second))
		start := time.Now()
		generate(t, m, ask("hi"))
		if got := time.Since(start); got != 3*time.Second { // 6 tokens
			t.Errorf("took %v", got)
		}
		start = time.Now()
		for ev, err := range m.Stream(t.Context(), ask("hi")) {
			if d, ok := ev.(*llm.TextDelta); ok && (d.Text != "12345678" || time.Since(start) != 2*time.Second) {
				t.Errorf("%q after %v, %v", d.Text, time.Since(start), err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		r, err := m.Generate(ctx, ask("hi"))
		wantError(t, err, llm.ErrTimeout)
		if r == nil || r.Text() != "12345678" || !r.Usage.Estimated {
			t.Errorf("partial %+v", r)
		}
		for _, pace := range []float64{0, -1} {
			_, err := fake.New(fake.Text("x").Pace(pace)).Generate(t.Context(), ask("hi"))
			wantError(t, err, llm.ErrInternal, "Pace: not more than 0")
		}
	})
}

func TestEveryStopReason(t *testing.T) {
	for _, reason := range []llm.StopReason{llm.StopEndTurn, llm.StopToolUse, llm.StopMaxTokens, llm.StopSequence, llm.StopContentFilter,
		llm.StopRefusal, llm.StopPause, llm.StopContextWindow, llm.StopMalformed, llm.StopOther} {
		r := generate(t, fake.New(fake.Text("x").StopWith(reason)), ask("hi"))
		if r.StopReason != reason || r.RawStopReason != string(reason) {
			t.Errorf("%q: got %q, %q", reason, r.StopReason, r.RawStopReason)
		}
	}
}

func TestStreamFunc(t *testing.T) {
	play := func(err error, events ...llm.Event) *fake.Model {
		return fake.StreamFunc(func(_ context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
			req.Messages = nil // it is a copy
			return func(yield func(llm.Event, error) bool) {
				for _, ev := range events {
					if !yield(ev, nil) {
						return
					}
				}
				if err != nil {
					yield(nil, err)
				}
			}
		})
	}
	text := []llm.Event{&llm.PartStart{Part: llm.Text("")}, &llm.TextDelta{Text: "hello"}, &llm.PartStop{}}

	m := play(nil, append(text, &llm.Finish{})...)
	r := generate(t, m, ask("hi"))
	if r.Text() != "hello" || r.StopReason != llm.StopEndTurn || r.RequestID != "fake-1" || r.Provider != "fake" || r.Usage.OutputTokens != 2 || r.Usage.Estimated {
		t.Errorf("got %+v", r)
	}
	m.AssertExhausted(t)
	if got := m.Requests(); len(got) != 1 || len(got[0].Messages) != 1 {
		t.Errorf("requests %+v", got)
	}
	r = generate(t, play(nil, append(text, &llm.Finish{StopReason: llm.StopRefusal, RequestID: "mine", Usage: llm.Usage{InputTokens: 9}})...), ask("hi"))
	if r.StopReason != llm.StopRefusal || r.RequestID != "mine" || r.Usage.InputTokens != 9 {
		t.Errorf("got %+v", r)
	}
	r, err := play(nil, text...).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrIncomplete)
	if r.Text() != "hello" || !r.Usage.Estimated {
		t.Errorf("partial %+v", r)
	}
	r, err = play(errors.New("secret"), text...).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrUnknown)
	if r.Text() != "hello" || strings.Contains(err.Error(), "secret") {
		t.Errorf("partial %+v, %v", r, err)
	}
	_, err = play(nil, nil, nil).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrInternal, "nil event")
	_, err = fake.StreamFunc(nil).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrInternal, "StreamFunc: nil function")
	_, err = fake.StreamFunc(func(context.Context, *llm.Request) iter.Seq2[llm.Event, error] { return nil }).Generate(t.Context(), ask("hi"))
	wantError(t, err, llm.ErrInternal, "no stream")

	// Leaving the loop leaves the function.
	left := false
	m = fake.StreamFunc(func(context.Context, *llm.Request) iter.Seq2[llm.Event, error] {
		return func(yield func(llm.Event, error) bool) {
			defer func() { left = true }()
			for _, ev := range text {
				if !yield(ev, nil) {
					return
				}
			}
			t.Error("the function went on")
		}
	})
	for range m.Stream(t.Context(), ask("hi")) {
		break
	}
	if !left {
		t.Error("the function was not left")
	}
}

// What a matcher does to its copy of the request reaches no other.
func TestMatchersAreApart(t *testing.T) {
	m := fake.New(
		fake.Text("never").When(func(r *llm.Request) bool { r.Messages[0] = llm.UserText("changed"); return false }),
		fake.Text("found").On(fake.UserSays("asked")),
	)
	if got := generate(t, m, ask("asked")).Text(); got != "found" {
		t.Errorf("%q", got)
	}
}

// A pace so slow that its time overflows is no pace at all, if nobody looks.
func TestSlowestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := fake.New(fake.Text("x").Pace(1e-300)).Generate(ctx, ask("hi"))
		wantError(t, err, llm.ErrTimeout)
	})
}

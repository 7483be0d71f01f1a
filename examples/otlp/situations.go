package main

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// situation is a call of the application's and what the models make of it.
type situation struct {
	name   string
	share  int                                                 // of calls, in percent
	script func(random *rand.Rand) (first, second []fake.Turn) // of the two models; no second = it answers
	call   func(context.Context, llm.Model) error
}

var situations = []situation{
	{"answer", 55, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{answer(r)}, nil
	}, generate},
	{"stream", 27, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{answer(r)}, nil
	}, stream},
	{"throttled", 9, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{throttled, answer(r)}, nil
	}, stream},
	{"quota used up", 3, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{fake.Fail(&llm.Error{Code: llm.ErrQuotaExhausted, Status: 429, Message: "tokens per day"})}, nil
	}, generate},
	{"refused", 2, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{fake.Fail(&llm.Error{Code: llm.ErrContentFiltered, Status: 400, Message: "blocked by a guardrail"}).Delay(150 * time.Millisecond)}, nil
	}, generate},
	{"left early", 4, func(r *rand.Rand) (first, second []fake.Turn) {
		return []fake.Turn{answer(r)}, nil
	}, leave},
}

// overloaded is what most calls are while the first model is in trouble. The second one is
// then at its own limits, now and then.
var overloaded = situation{"overloaded", 0, func(r *rand.Rand) (first, second []fake.Turn) {
	down := fake.Fail(&llm.Error{Code: llm.ErrOverloaded, Status: 503, Message: "too many requests to this model"}).Delay(80 * time.Millisecond)
	if r.IntN(6) == 0 {
		second = slices.Repeat([]fake.Turn{throttled}, 4)
	}
	return slices.Repeat([]fake.Turn{down}, 4), second
}, stream}

var throttled = fake.Fail(&llm.Error{Code: llm.ErrRateLimited, Status: 429, Message: "too many tokens", RetryAfter: 300 * time.Millisecond})

// pick chooses a situation by its share.
func pick(random *rand.Rand, trouble bool) situation {
	if trouble && random.IntN(100) < 80 {
		return overloaded
	}
	n := random.IntN(100)
	for _, s := range situations {
		if n -= s.share; n < 0 {
			return s
		}
	}
	return situations[0]
}

// answer is an answer to a prompt of which most is in the provider's cache.
func answer(random *rand.Rand) fake.Turn {
	sentences := 1 + random.IntN(6)
	text := strings.Repeat("Sorry to hear that; the parcel is on its way. ", sentences)
	return fake.Text(text).
		Delay(time.Duration(300+random.ExpFloat64()*250) * time.Millisecond).
		WithUsage(llm.Usage{InputTokens: 3900 + random.IntN(600), CacheReadTokens: 3600, OutputTokens: 11 * sentences})
}

func request() *llm.Request {
	return &llm.Request{
		System:    []llm.Part{llm.Text("You answer customers of a shop.")},
		Messages:  []llm.Message{llm.UserText("Where is my order 4711?")},
		MaxTokens: 500,
	}
}

func generate(ctx context.Context, m llm.Model) error {
	_, err := m.Generate(ctx, request())
	return err
}

func stream(ctx context.Context, m llm.Model) error {
	for _, err := range m.Stream(ctx, request()) {
		if err != nil {
			return err
		}
	}
	return nil
}

// leave leaves the loop at the third piece of text.
func leave(ctx context.Context, m llm.Model) error {
	pieces := 0
	for _, err := range llm.TextStream(m.Stream(ctx, request())) {
		if err != nil {
			return err
		}
		if pieces++; pieces == 3 {
			break
		}
	}
	return nil
}

// paced makes a model stream its pieces one by one, as real ones do.
func paced(next llm.Model) llm.Model { return pacedModel{next} }

type pacedModel struct{ next llm.Model }

func (m pacedModel) Info() llm.Info    { return m.next.Info() }
func (m pacedModel) Unwrap() llm.Model { return m.next }

func (m pacedModel) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}

func (m pacedModel) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for ev, err := range m.next.Stream(ctx, req) {
			if _, text := ev.(*llm.TextDelta); text {
				time.Sleep(30 * time.Millisecond)
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

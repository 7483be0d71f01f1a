package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware"
	"github.com/parley-sdk/parley/middleware/breaker"
	"github.com/parley-sdk/parley/middleware/ratelimit"
	"github.com/parley-sdk/parley/middleware/retry"
	"github.com/parley-sdk/parley/middleware/timeout"
)

// The story, in seconds.
const (
	length    = 480
	perSecond = 10 // calls that begin in each
	patience  = 30 // seconds until a caller gives up
	quota     = 5  // requests a second that the provider takes when it comes back
)

// phases are what the provider does, and when that begins.
var phases = []struct {
	from int
	name string
}{{0, "healthy"}, {60, "overloaded"}, {120, "hangs"}, {180, "throttles"}, {240, "healthy"}}

func phase(second int) string {
	name := ""
	for _, p := range phases {
		if second >= p.from {
			name = p.name
		}
	}
	return name
}

// application is a way to call the provider.
type application struct {
	name string
	wrap func(*timeline) llm.Middleware
}

// applications are the two that are compared. Both have callers with a deadline, and four
// attempts.
func applications(second time.Duration) []application {
	retries := retry.Options{MaxAttempts: 4, BaseDelay: second / 2, MaxDelay: 10 * second}
	return []application{
		{"retries only", func(*timeline) llm.Middleware {
			o := retries
			o.Budget = &retry.Budget{Share: math.Inf(1)}
			return retry.New(&o)
		}},
		{"middleware.Standard", func(tl *timeline) llm.Middleware {
			return middleware.Standard(middleware.Config{
				Retry: retry.New(&retries),
				Breaker: breaker.New(&breaker.Options{OpenFor: 10 * second, OnStateChange: func(c breaker.Change) {
					tl.note(func(s *sample) { s.state = c.To })
				}}),
				RateLimit:      ratelimit.New(&ratelimit.Options{RequestsPerMinute: int(2 * perSecond * time.Minute / second), MaxWait: 10 * second, Adaptive: true}),
				AttemptTimeout: timeout.New(&timeout.Options{Generate: 5 * second, FirstEvent: 5 * second, BetweenEvents: 5 * second}),
			})
		}},
	}
}

// sample is what happened in one second.
type sample struct {
	attempts int // that reached the provider
	answers  int
	failures int
	waited   time.Duration // by the callers whose calls failed
	inFlight int           // calls under way at its end
	state    breaker.State // the last that was entered; "" = none was
}

// timeline is what happened to an application.
type timeline struct {
	name    string
	second  time.Duration
	begin   time.Time
	mu      sync.Mutex
	now     int // calls under way
	samples [length + patience + 1]sample
}

// note notes something in the sample of the current second.
func (tl *timeline) note(f func(*sample)) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	f(&tl.samples[tl.at()])
}

func (tl *timeline) at() int {
	return min(int(time.Since(tl.begin)/tl.second), len(tl.samples)-1)
}

// play lets an application live through the story.
func play(ctx context.Context, second time.Duration, app application) (*timeline, error) {
	tl := &timeline{name: app.name, second: second, begin: time.Now()}
	model := llm.Wrap(&provider{tl: tl}, app.wrap(tl))
	tick := time.NewTicker(second / perSecond)
	defer tick.Stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	for time.Since(tl.begin) < length*second {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
			calls.Go(func() { tl.call(ctx, model) })
		}
		tl.note(func(s *sample) { s.inFlight = tl.now })
	}
	calls.Wait()
	return tl, nil
}

// call is a caller with a deadline.
func (tl *timeline) call(ctx context.Context, model llm.Model) {
	ctx, cancel := context.WithTimeout(ctx, patience*tl.second)
	defer cancel()
	began := time.Now()
	tl.note(func(*sample) { tl.now++ })
	_, err := model.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("How are you?")}})
	tl.note(func(s *sample) {
		tl.now--
		if err == nil {
			s.answers++
			return
		}
		s.failures++
		s.waited += time.Since(began)
	})
}

// provider is a model that has an outage.
type provider struct {
	tl     *timeline
	mu     sync.Mutex
	second int
	taken  int // requests in that second
}

func (p *provider) Info() llm.Info { return llm.Info{Provider: "story", Model: "story-1"} }

func (p *provider) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		resp, err := p.Generate(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		resp.Events()(yield)
	})
}

func (p *provider) Generate(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
	p.tl.note(func(s *sample) { s.attempts++ })
	now := p.tl.at()
	var answer error
	wait := p.tl.second
	switch phase(now) {
	case "overloaded":
		answer, wait = llm.ErrOverloaded, p.tl.second/10
	case "hangs":
		wait = time.Duration(length) * p.tl.second
	case "throttles":
		if !p.take(now) {
			answer, wait = llm.ErrRateLimited, p.tl.second/10
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		code := llm.ErrCanceled
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			code = llm.ErrTimeout
		}
		return nil, &llm.Error{Code: code, Provider: "story", Model: "story-1", Err: ctx.Err()}
	}
	if answer != nil {
		return nil, &llm.Error{Code: llm.CodeOf(answer), Provider: "story", Model: "story-1", Status: 503}
	}
	return &llm.Response{Message: llm.AssistantText("Quite well."), StopReason: llm.StopEndTurn, Usage: llm.Usage{InputTokens: 10, OutputTokens: 4}}, nil
}

// take says whether the request fits into the quota of its second.
func (p *provider) take(second int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if second != p.second {
		p.second, p.taken = second, 0
	}
	p.taken++
	return p.taken <= quota
}

// total adds up the samples of the seconds from, inclusive, to, exclusive.
func (tl *timeline) total(from, to int) (s sample) {
	for i := from; i < to; i++ {
		s.attempts += tl.samples[i].attempts
		s.answers += tl.samples[i].answers
		s.failures += tl.samples[i].failures
		s.waited += tl.samples[i].waited
		s.inFlight = max(s.inFlight, tl.samples[i].inFlight)
	}
	return s
}

// String returns the numbers of the story.
func (tl *timeline) String() string {
	s := tl.total(0, len(tl.samples))
	mean := 0.0
	if s.failures > 0 {
		mean = float64(s.waited) / float64(tl.second) / float64(s.failures)
	}
	return fmt.Sprintf("%s: %d attempts, %d answers, %d failures after %.1f s on average, at most %d calls under way",
		tl.name, s.attempts, s.answers, s.failures, mean, s.inFlight)
}

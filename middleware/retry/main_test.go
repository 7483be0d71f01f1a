package retry_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// ask is a request with one question.
func ask() *llm.Request { return &llm.Request{Messages: []llm.Message{llm.UserText("?")}} }

// way is Generate, or Stream and Collect.
type way func(ctx context.Context, m llm.Model) (*llm.Response, error)

func generate(ctx context.Context, m llm.Model) (*llm.Response, error) { return m.Generate(ctx, ask()) }

func stream(ctx context.Context, m llm.Model) (*llm.Response, error) {
	return llm.Collect(m.Stream(ctx, ask()))
}

// bothWays runs a test in virtual time, for Generate and for Stream.
func bothWays(t *testing.T, test func(t *testing.T, call way)) {
	t.Helper()
	t.Run("Generate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, generate) })
	})
	t.Run("Stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, stream) })
	})
}

// turn is what a backend does in one attempt: it yields the events, then the error if there
// is one.
type turn struct {
	events []llm.Event
	err    error
	takes  time.Duration // before anything else
}

var (
	usage = &llm.UsageUpdate{Usage: llm.Usage{InputTokens: 7, Estimated: true}}
	start = &llm.PartStart{Part: &llm.TextPart{}}
	hello = &llm.TextDelta{Text: "hello"}
	good  = turn{events: []llm.Event{start, hello, &llm.PartStop{}, &llm.Finish{StopReason: llm.StopEndTurn}}}
)

func fails(err error, events ...llm.Event) turn { return turn{events: events, err: err} }

// backend plays its turns in order, and the last one for ever.
type backend struct {
	turns []turn

	mu       sync.Mutex
	numbers  []int // what hook.Attempt said, attempt by attempt
	running  int
	requests []*llm.Request
}

func plays(turns ...turn) *backend { return &backend{turns: turns} }

func (b *backend) Info() llm.Info { return llm.Info{Provider: "acme", Model: "m-1"} }

func (b *backend) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(b.Stream(ctx, req))
}

func (b *backend) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		t := b.begin(ctx, req)
		defer b.end()
		time.Sleep(t.takes)
		for _, ev := range t.events {
			if !yield(ev, nil) {
				return
			}
		}
		if t.err != nil {
			yield(nil, t.err)
		}
	}
}

func (b *backend) begin(ctx context.Context, req *llm.Request) turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.turns[min(len(b.numbers), len(b.turns)-1)]
	b.numbers = append(b.numbers, hook.Attempt(ctx))
	b.requests = append(b.requests, req)
	b.running++
	return t
}

func (b *backend) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
}

func (b *backend) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.numbers)
}

// wantAttempts checks how often the backend was asked, with which numbers, and that no
// attempt is still open.
func (b *backend) wantAttempts(t *testing.T, numbers ...int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.numbers, numbers) {
		t.Errorf("the backend saw the attempts %v, want %v", b.numbers, numbers)
	}
	if b.running != 0 {
		t.Errorf("%d attempts are still open", b.running)
	}
}

// failure is an error of the backend that tells of a cause.
func failure(code llm.Code) *llm.Error {
	return &llm.Error{Code: code, Op: "generate", Provider: "acme", Model: "m-1", Message: "try later", RequestID: "req-1", Status: 503, Err: errCause}
}

var errCause = errors.New("the cause")

// wantGaveUp checks the error of a call that had made so many attempts.
func wantGaveUp(t *testing.T, err error, code llm.Code, text string) {
	t.Helper()
	if got := llm.CodeOf(err); got != code {
		t.Errorf("the code of %v is %q, want %q", err, got, code)
	}
	if llm.IsRetryable(err) {
		t.Errorf("%v is retryable: retries would multiply", err)
	}
	if !errors.Is(err, errCause) {
		t.Errorf("%v has lost its cause", err)
	}
	if err != nil && err.Error() != text {
		t.Errorf("the error is\n%s\nwant\n%s", err, text)
	}
}

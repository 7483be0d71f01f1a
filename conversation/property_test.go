package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// soakRuns is the number of runs: 400 times PARLEY_SOAK.
func soakRuns(t *testing.T) int {
	soak := 1
	if s := os.Getenv("PARLEY_SOAK"); s != "" {
		var err error
		if soak, err = strconv.Atoi(s); err != nil || soak < 1 {
			t.Fatalf("PARLEY_SOAK=%q is not a positive number", s)
		}
	}
	return 400 * soak
}

// TestHistoryCannotBreak lets a model, tools, a store and the application fail, cancel, panic
// and die at every step. Whatever happens, the history is one that a strict Bedrock accepts, a
// turn that was reported as committed stays, and no turn is half there.
func TestHistoryCannotBreak(t *testing.T) {
	runs := soakRuns(t)
	const workers = 4
	var all sync.WaitGroup
	var total counts
	for w := range workers {
		all.Go(func() {
			brain := new(brain)
			server := bedrocktest.NewServer(brain, &bedrocktest.Options{Forget: true, Latency: -1})
			defer server.Close()
			m := bedrock.New(server.Client(), "anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
			for i := w; i < runs; i += workers {
				p := &player{t: t, seed: i, rng: rand.New(rand.NewPCG(uint64(i), 7)), brain: brain, model: m, store: &mortal{Store: conversation.NewMemoryStore()}}
				p.run()
				total.add(&p.counts)
				if t.Failed() {
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d runs: %d turns committed, %d failed, %d deaths, %d pauses for a human, %d forks", runs, total.committed, total.failed, total.deaths, total.deferred, total.forks)
	if total.committed < runs || total.failed < runs || total.deaths < runs/10 || total.deferred < runs/10 {
		t.Errorf("the runs tried too little: %+v", &total)
	}
}

type counts struct {
	mu                                         sync.Mutex
	committed, failed, deaths, deferred, forks int
}

func (c *counts) add(d *counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.committed += d.committed
	c.failed += d.failed
	c.deaths += d.deaths
	c.deferred += d.deferred
	c.forks += d.forks
}

// brain is the model behind the server. It does what the player's dice say.
type brain struct {
	mu   sync.Mutex
	next func(*llm.Request) (*llm.Response, int, error) // answer, events before the error
}

func (b *brain) Info() llm.Info { return llm.Info{Provider: "test", Model: "brain"} }

func (b *brain) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(b.Stream(ctx, req))
}

func (b *brain) Stream(_ context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		b.mu.Lock()
		r, events, err := b.next(req)
		b.mu.Unlock()
		n := 0
		for ev := range r.Events() {
			if err != nil && n == events {
				yield(nil, err)
				return
			}
			if _, last := ev.(*llm.Finish); last && err != nil {
				yield(nil, err)
				return
			}
			if n++; !yield(ev, nil) {
				return
			}
		}
	}
}

// mortal is a store that fails before or after it has written, and may take the process along.
type mortal struct {
	conversation.Store
	fate   int
	writes int
}

const (
	lives = iota
	failsBefore
	failsAfter
	diesBefore
	diesAfter
)

type death struct{}

func (s *mortal) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	fate := s.fate
	s.fate = lives
	switch fate {
	case failsBefore:
		return errors.New("disk full")
	case diesBefore:
		panic(death{})
	}
	if err := s.Store.Append(ctx, id, at, records...); err != nil {
		return err
	}
	s.writes++
	switch fate {
	case failsAfter:
		return errors.New("the answer was lost")
	case diesAfter:
		panic(death{})
	}
	return nil
}

// player is one application over one conversation.
type player struct {
	counts
	t      *testing.T
	seed   int
	rng    *rand.Rand
	brain  *brain
	model  llm.Model
	store  *mortal
	cancel context.CancelFunc
	opts   conversation.Options
	c      *conversation.Conversation
	ids    int
	ran    map[string]int // calls, by id
}

func (p *player) chance(percent int) bool { return p.rng.IntN(100) < percent }

func (p *player) fatalf(format string, args ...any) {
	p.t.Errorf("seed %d: %s", p.seed, fmt.Sprintf(format, args...))
}

func (p *player) run() {
	p.brain.mu.Lock()
	p.brain.next = p.answer
	p.brain.mu.Unlock()
	p.ran = make(map[string]int)
	p.opts = conversation.Options{
		ID: "c", Store: p.store, MaxSteps: 4, RunAgain: p.chance(20),
		Run: tool.Options{Concurrency: 1, Around: func(ctx context.Context, _ llm.Tool, call *llm.ToolCallPart) (context.Context, func([]llm.Part, error)) {
			p.ran[call.ID]++
			return ctx, nil
		}},
		Refused: []conversation.Refused{conversation.KeepRefused, conversation.DropRefused, conversation.RedactRefused}[p.rng.IntN(3)],
		Tools: []tool.Tool{tool.New("act", "acts", func(ctx context.Context, in struct {
			How string `json:"how"`
		}) (string, error) {
			switch in.How {
			case "panic":
				panic("tool")
			case "exit":
				runtime.Goexit()
			case "cancel":
				p.cancel()
				return "", ctx.Err()
			case "error":
				return "", errors.New("failed")
			}
			return "done", nil
		})},
		Approve: func(context.Context, *llm.ToolCallPart) (conversation.Decision, error) {
			switch {
			case p.chance(5):
				return conversation.Defer, nil
			case p.chance(5):
				return conversation.Deny("no"), nil
			case p.chance(3):
				return "", errors.New("nobody is there")
			case p.chance(2):
				panic(death{})
			}
			return conversation.Run, nil
		},
		OnStep: func(context.Context, int, *llm.Response) {
			if p.chance(2) {
				panic(death{})
			}
		},
		Prepare: func(context.Context, int, *llm.Request) error {
			if p.chance(2) {
				return errors.New("not prepared")
			}
			return nil
		},
	}
	p.open()
	for range 8 {
		if p.t.Failed() {
			return
		}
		p.step()
		p.check()
	}
	for id, n := range p.ran {
		if n > 1 && !p.opts.RunAgain && id != "call_1" { // which the model repeats
			p.fatalf("%s ran %d times", id, n)
		}
	}
}

// open is a process that starts.
func (p *player) open() {
	c, err := conversation.Open(context.Background(), p.model, &p.opts)
	if err != nil {
		p.fatalf("open: %v", err)
		c = conversation.New(p.model, nil)
	}
	p.c = c
}

// answer is what the model says next.
func (p *player) answer(req *llm.Request) (*llm.Response, int, error) {
	r := &llm.Response{Message: llm.Assistant(), StopReason: llm.StopEndTurn, Usage: used(5, 3)}
	if p.chance(70) {
		r.Message.Content = append(r.Message.Content, llm.Text("Some words."))
	}
	if p.chance(10) {
		r.Message.Content = append([]llm.Part{&llm.ReasoningPart{Text: "Hm.", Signature: "c2ln"}}, r.Message.Content...)
	}
	if p.chance(50) && len(req.Tools) > 0 {
		r.StopReason = llm.StopToolUse
		for range 1 + p.rng.IntN(3) {
			p.ids++
			call := &llm.ToolCallPart{ID: fmt.Sprintf("call_%d", p.ids), Name: "act"}
			switch how := []string{"ok", "ok", "ok", "error", "panic", "exit", "cancel", "bad"}[p.rng.IntN(8)]; how {
			case "bad":
				call.Malformed = `{"how"`
			default:
				call.Input = fmt.Appendf(nil, `{"how":%q}`, how)
			}
			if p.chance(5) {
				call.Name = "other"
			}
			if p.chance(3) {
				call.ID = "call_1"
			}
			r.Message.Content = append(r.Message.Content, call)
		}
	}
	switch {
	case p.chance(3):
		r.StopReason = llm.StopMaxTokens
	case p.chance(3):
		r.StopReason = llm.StopRefusal
	case p.chance(3):
		r.StopReason = llm.StopContentFilter
	case p.chance(12):
		codes := []llm.Code{llm.ErrRateLimited, llm.ErrOverloaded, llm.ErrIncomplete, llm.ErrContextTooLong, llm.ErrInternal}
		return r, p.rng.IntN(6), codes[p.rng.IntN(len(codes))]
	}
	return r, 0, nil
}

// step does one thing with the conversation, and notes what has to be there after it.
func (p *player) step() {
	before := p.c.Messages()
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	defer p.cancel()
	if p.chance(10) {
		p.store.fate = failsBefore + p.rng.IntN(4)
	}
	unsure := p.store.fate == failsAfter || p.store.fate == diesAfter
	question := []llm.Part{llm.Text(fmt.Sprintf("Question %d?", p.rng.IntN(1000)))}
	err, died := p.survive(func() (err error) {
		pending := p.c.Pending()
		switch {
		case len(pending) > 0 && p.chance(20):
			return p.c.Abandon(ctx)
		case len(pending) > 0 && p.chance(80):
			var results []*llm.ToolResultPart
			for _, call := range pending {
				if p.chance(70) {
					results = append(results, llm.ToolResult(call.ID, llm.Text("given")))
				}
			}
			writes := p.store.writes
			rival, openErr := conversation.Open(ctx, p.model, &p.opts)
			if openErr != nil {
				p.fatalf("open: %v", openErr)
				return nil
			}
			if p.chance(50) {
				_, err = p.c.Resume(ctx, results...)
			} else {
				err = p.consume(p.c.ResumeStream(ctx, results...))
			}
			if p.store.writes > writes && p.store.fate == lives {
				if err, died := p.survive(func() error { _, err := rival.Resume(ctx); return err }); err == nil && !died {
					p.fatalf("two processes resumed the same turn")
				}
			}
			return err
		case p.chance(10):
			return p.c.Append(ctx, llm.User(question...), llm.AssistantText("Noted."))
		case p.chance(5):
			p.forks++
			f := p.c.Fork()
			if _, err := f.Send(ctx, question...); err == nil && len(f.Messages()) < len(before) {
				p.fatalf("a fork lost messages")
			}
			return nil
		case p.chance(50):
			_, err = p.c.Send(ctx, question...)
			return err
		}
		var acc llm.Accumulator
		err = p.consume(acc.Tee(p.c.Stream(ctx, question...)))
		kept := conversation.Interrupted(question, acc.Response(), "[Interrupted.]")
		if err == nil || kept == nil || p.chance(50) {
			return err
		}
		if err = p.c.Append(context.WithoutCancel(ctx), kept...); errors.Is(err, llm.ErrInvalidRequest) {
			p.fatalf("what came cannot be kept: %v", err)
		}
		return err
	})
	wrote := unsure && p.store.fate == lives
	p.store.fate = lives
	after := p.c.Messages()
	switch {
	case died || err != nil && wrote:
		// Another process finds what was before, or the whole turn.
		p.deaths++
		p.open()
		after = p.c.Messages()
		if !wrote && encoded(after) != encoded(before) {
			p.fatalf("after death or failure the history is\n%s\nand was\n%s", shape(after), shape(before))
		}
	case err != nil:
		p.failed++
		if encoded(after) != encoded(before) {
			p.fatalf("after %v the history is\n%s\nand was\n%s", err, shape(after), shape(before))
		}
	case len(p.c.Pending()) > 0:
		p.deferred++
		if encoded(after) != encoded(before) {
			p.fatalf("a turn that waits is part of the history:\n%s", shape(after))
		}
	default:
		p.committed++
	}
	if len(after) < len(before) || encoded(after[:len(before)]) != encoded(before) {
		p.fatalf("the history is\n%s\nand was\n%s", shape(after), shape(before))
	}
	if len(after) > len(before) {
		// A turn is there as a whole: from the question to an answer without open calls.
		if last := after[len(after)-1]; last.Role != llm.RoleAssistant && !strings.Contains(shape([]llm.Message{last}), "interrupted") {
			p.fatalf("half a turn: %s", shape(after[len(before):]))
		}
	}
	if p.chance(10) {
		p.open()
	}
}

// consume reads a stream, and perhaps not to its end.
func (p *player) consume(seq iter.Seq2[llm.Event, error]) error {
	leave := -1
	if p.chance(15) {
		leave = p.rng.IntN(12)
	}
	var acc llm.Accumulator
	n := 0
	for ev, err := range seq {
		if err != nil {
			return err
		}
		if err := acc.Add(ev); err != nil {
			p.fatalf("%T: %v", ev, err)
		}
		if _, finished := ev.(*llm.Finish); n == leave && !finished {
			if p.chance(30) {
				panic(death{})
			}
			return errors.New("left")
		}
		n++
	}
	return nil
}

// survive runs something in which the process may die.
func (p *player) survive(f func() error) (err error, died bool) {
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(death); !ok {
				panic(v)
			}
			died = true
		}
	}()
	return f(), false
}

// check asks a strict server whether it would take the history, and compares it with the store.
func (p *player) check() {
	messages := p.c.Messages()
	answer := p.brain.next
	p.brain.mu.Lock()
	p.brain.next = func(*llm.Request) (*llm.Response, int, error) {
		return &llm.Response{Message: llm.AssistantText("ok"), StopReason: llm.StopEndTurn}, 0, nil
	}
	p.brain.mu.Unlock()
	_, err := p.model.Generate(context.Background(), &llm.Request{Messages: append(messages, llm.UserText("Well?")), Tools: []llm.Tool{p.opts.Tools[0].Spec()}, MaxTokens: 10})
	p.brain.mu.Lock()
	p.brain.next = answer
	p.brain.mu.Unlock()
	if err != nil {
		p.fatalf("the history is refused: %v\n%s", err, shape(messages))
	}
	stored, err := conversation.Open(context.Background(), p.model, &p.opts)
	if err != nil || encoded(stored.Messages()) != encoded(messages) || len(stored.Pending()) != len(p.c.Pending()) {
		p.fatalf("stored is\n%s, %v\nand in memory is\n%s", shape(stored.Messages()), err, shape(messages))
	}
	b, err := json.Marshal(p.c)
	var again conversation.Conversation
	if err == nil {
		err = json.Unmarshal(b, &again)
	}
	if err != nil || encoded(again.Messages()) != encoded(messages) {
		p.fatalf("JSON: %v", err)
	}
}

func encoded(messages []llm.Message) string {
	b, err := json.Marshal(messages)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

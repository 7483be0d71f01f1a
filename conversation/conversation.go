package conversation

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

// Conversation is a history and the model that continues it. It is safe for concurrent use:
// turns run one after the other, and what reads the history sees the last commit.
//
// The zero value holds data only, see [Conversation.UnmarshalJSON]; it cannot take a turn.
type Conversation struct {
	model llm.Model
	opts  Options
	tools *tool.Set
	fault error // why it cannot take a turn: of the options

	mu    sync.Mutex    // guards what follows; never held while waiting for anything
	busy  chan struct{} // full while a turn, or a commit, is at work
	id    string
	state state
	at    int      // records that the store has
	owed  []record // records that it should have: what a fork, or JSON, brought along
}

// state is what records add up to.
type state struct {
	messages []llm.Message // committed; the slice grows, and what is in it never changes
	usage    llm.Usage     // of the turns that they came from
	pending  *pending      // a turn that waits for results
}

// New returns an empty conversation. It does no I/O: where the store has the id already, the
// first commit is an [ErrConflict]; use [Open] to go on with it. Nil options are the defaults.
// What is wrong with the options, the first turn says.
func New(model llm.Model, opts *Options) *Conversation {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.ID == "" {
		o.ID = rand.Text()
	}
	o.System, o.Tools = llm.System(o.System...).Clone().Content, slices.Clone(o.Tools)
	if o.Request != nil {
		o.Request = o.Request.Clone()
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = defaultMaxSteps
	}
	if o.MaxFailures <= 0 {
		o.MaxFailures = defaultMaxFailures
	}
	c := &Conversation{model: model, opts: o, id: o.ID}
	c.tools, c.fault = tool.NewSet(o.Tools...)
	switch {
	case c.fault != nil:
	case model == nil:
		c.fault = invalid("the model is nil")
	case o.Request != nil && len(o.Request.Messages) > 0:
		c.fault = invalid("options.request.messages: the template must have none")
	}
	return c
}

// Open returns the conversation that the store has under the id of the options, or an empty one
// where it has none. Without a store or an id it is an [llm.ErrInvalidRequest]; records that
// cannot be read are an [llm.ErrInternal] that says which.
func Open(ctx context.Context, model llm.Model, opts *Options) (*Conversation, error) {
	if opts == nil || opts.Store == nil || opts.ID == "" {
		return nil, invalid("to open a conversation takes a store and an id")
	}
	c := New(model, opts)
	records, err := opts.Store.Load(ctx, c.id)
	if err != nil {
		return nil, err
	}
	if c.state, err = replay(records); err != nil {
		return nil, err
	}
	c.at = len(records)
	return c, nil
}

// ID names the conversation in its store.
func (c *Conversation) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Messages returns the committed history, oldest first. It is valid for a model at any time: a
// turn that waits for results, see [Conversation.Pending], is not part of it. The messages are
// the caller's.
func (c *Conversation) Messages() []llm.Message {
	messages := c.committed().messages
	out := make([]llm.Message, len(messages))
	for i, m := range messages {
		out[i] = m.Clone()
	}
	return out
}

// Usage is the sum over all committed turns. What failed turns used, and what came before a
// [Conversation.Append], is not in it: a usage.Ledger counts all that is billed.
func (c *Conversation) Usage() llm.Usage { return c.committed().usage }

// Fork returns a conversation of its own with the same committed history, model and options. It
// has a new id, and is written as a whole at its first commit. A turn that waits for results
// stays behind.
func (c *Conversation) Fork() *Conversation {
	s := c.committed()
	f := &Conversation{model: c.model, opts: c.opts, tools: c.tools, fault: c.fault, id: rand.Text()}
	f.opts.ID = f.id
	f.state = state{messages: slices.Clip(s.messages), usage: s.usage}
	f.owed = f.state.records()
	return f
}

// committed is the state as of the last commit.
func (c *Conversation) committed() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// lock waits for its turn, unless the context ends first.
func (c *Conversation) lock(ctx context.Context) (unlock func(), err error) {
	busy := c.semaphore()
	if err := ctx.Err(); err != nil {
		return nil, stopped(ctx)
	}
	select {
	case busy <- struct{}{}:
		return func() { <-busy }, nil
	case <-ctx.Done():
		return nil, stopped(ctx)
	}
}

// tryLock takes its turn if it is free.
func (c *Conversation) tryLock() (unlock func(), free bool) {
	busy := c.semaphore()
	select {
	case busy <- struct{}{}:
		return func() { <-busy }, true
	default:
		return nil, false
	}
}

func (c *Conversation) semaphore() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == nil {
		c.busy = make(chan struct{}, 1)
	}
	return c.busy
}

// ready says whether the conversation can take a turn.
func (c *Conversation) ready() error {
	if c.fault == nil && c.model == nil {
		return invalid("the conversation was loaded from JSON and has no model: load it into one that New returned")
	}
	return c.fault
}

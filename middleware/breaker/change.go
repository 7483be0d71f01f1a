package breaker

import (
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/parley-sdk/parley/llm"
)

// State is the state of a circuit.
type State string

const (
	Closed   State = "closed"    // calls pass
	Open     State = "open"      // calls are rejected
	HalfOpen State = "half-open" // probes pass
)

var states = map[gobreaker.State]State{
	gobreaker.StateClosed: Closed, gobreaker.StateOpen: Open, gobreaker.StateHalfOpen: HalfOpen,
}

// Change is a change of a circuit's state. An open circuit becomes half-open when the first call,
// or [States], finds that its time has come, not before.
type Change struct {
	Key      string // what [Options.Key] returned, or provider and model: "aws.bedrock/amazon.nova-pro-v1:0"
	From, To State
	At       time.Time
	Code     llm.Code // of the fault that opened it; "" where To is another state
}

// changes are those that have yet to be told to the observer. They arise with the lock of a
// circuit held, and are told when it no longer is.
type changes struct {
	observer func(Change) // nil = nobody is told

	mu      sync.Mutex
	queue   []Change
	telling bool // somebody is, and will tell what comes meanwhile
}

func (c *changes) add(ch Change) {
	if c.observer == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, ch)
}

// deliver tells all changes, unless another goroutine, or this one further up, is at it.
func (c *changes) deliver() {
	for c.observer != nil && c.deliverOne() {
	}
}

func (c *changes) deliverOne() bool {
	c.mu.Lock()
	if c.telling || len(c.queue) == 0 {
		c.mu.Unlock()
		return false
	}
	next := c.queue[0]
	c.queue = c.queue[1:]
	c.telling = true
	c.mu.Unlock()

	defer func() { // the observer may panic
		c.mu.Lock()
		defer c.mu.Unlock()
		c.telling = false
	}()
	c.observer(next)
	return true
}

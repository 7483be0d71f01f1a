package breaker

import (
	"container/list"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// maxCircuits is how many circuits a group keeps, unless more are in use.
const maxCircuits = 1024

// group holds the circuits of one call of New.
type group struct {
	opts    Options // complete
	changes changes

	mu       sync.Mutex // never held while a circuit or a function of the user is called
	circuits map[llm.Info]*list.Element
	recent   list.List // of *circuit, the most recently used first
}

func newGroup(opts Options) *group {
	return &group{
		opts:     opts,
		changes:  changes{observer: opts.OnStateChange},
		circuits: make(map[llm.Info]*list.Element),
	}
}

// enter asks the circuit of a key to let a call through. A rejection lacks what only the call
// knows. Keys of Options.Key stand in the Model of an Info.
func (g *group) enter(key llm.Info) (permit, *llm.Error) {
	c := g.circuit(key)
	done, err := c.breaker.Allow()
	if err != nil {
		c.calls.Add(-1)
		return permit{}, c.rejection(err)
	}
	return permit{c, done}, nil
}

// circuit returns the circuit of a key, with one more call under way, so that it is not dropped.
func (g *group) circuit(key llm.Info) *circuit {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e, ok := g.circuits[key]; ok {
		g.recent.MoveToFront(e)
		c := e.Value.(*circuit)
		c.calls.Add(1)
		return c
	}
	c := newCircuit(key, g)
	c.calls.Add(1)
	g.circuits[key] = g.recent.PushFront(c)
	g.trim()
	return c
}

// trim drops the least recently used circuits that are too many, but none that is in use: it
// looks at a few each time. One that is idle stays so meanwhile, since a call would need the lock.
func (g *group) trim() {
	const looks = 8
	for i := 0; i < looks && len(g.circuits) > maxCircuits; i++ {
		e := g.recent.Back()
		if c := e.Value.(*circuit); c.idle() {
			delete(g.circuits, c.key)
			g.recent.Remove(e)
		} else {
			g.recent.MoveToFront(e)
		}
	}
}

// States returns the state of each circuit by its key, for health checks and the like: that of
// the outermost breaker in the chain of wrappers that m is. It is nil where there is none. The
// keys are those of [Change].
func States(m llm.Model) map[string]State {
	b, ok := llm.As[*model](m)
	if !ok {
		return nil
	}
	g := b.group
	g.mu.Lock()
	circuits := make([]*circuit, 0, len(g.circuits))
	for e := g.recent.Front(); e != nil; e = e.Next() {
		circuits = append(circuits, e.Value.(*circuit))
	}
	g.mu.Unlock()

	found := make(map[string]State, len(circuits))
	for _, c := range circuits {
		found[c.name()] = states[c.breaker.State()]
	}
	g.changes.deliver() // of circuits that are half-open since they were asked
	return found
}

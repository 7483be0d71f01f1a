package hedge

import (
	"math"
	"slices"
	"sync"
	"time"
)

const (
	window  = 256                   // calls that count
	enough  = 20                    // calls until the quantile holds
	atLeast = 10 * time.Millisecond // so that a cache below does not make all other calls two
)

// pace knows how long to wait for an answer.
type pace struct {
	fixed    time.Duration
	quantile float64

	mu     sync.Mutex
	seen   [window]time.Duration // a ring
	next   int                   // where the next is put
	sorted []time.Duration       // what is in the ring
}

// adapts says whether the quantile is one; that of NaN is not.
func (p *pace) adapts() bool { return p.quantile > 0 && p.quantile < 1 }

// delay is how long to wait until the model is asked again.
func (p *pace) delay() time.Duration {
	if !p.adapts() {
		return p.fixed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sorted)
	if n < enough {
		return p.fixed
	}
	return max(p.sorted[int(math.Ceil(p.quantile*float64(n)))-1], atLeast)
}

// saw notes how long the first call of a race took to answer, or had taken when it was cut
// off: then it counts as half as long again. Were such calls left out, the delay would
// shrink with each hedge; counted as they are, it would grow too slowly where all calls slow
// down but the second ones of a race, and far more than the quantile's share be hedged.
func (p *pace) saw(d time.Duration, cutOff bool) {
	if !p.adapts() {
		return
	}
	if cutOff {
		d += d / 2
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sorted) == window {
		i, _ := slices.BinarySearch(p.sorted, p.seen[p.next])
		p.sorted = slices.Delete(p.sorted, i, i+1)
	}
	i, _ := slices.BinarySearch(p.sorted, d)
	p.sorted = slices.Insert(p.sorted, i, d)
	p.seen[p.next] = d
	p.next = (p.next + 1) % window
}

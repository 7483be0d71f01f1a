package ratelimit

import (
	"container/list"
	"math"
	"time"
)

// queue is the state of one key: what is left of its limits, and who waits for it. Only the
// first who waits takes anything, all it needs or nothing; who comes while others wait goes
// behind them. The lock of the limiter guards it.
type queue struct {
	requests, tokens *bucket
	slots            int       // calls at a time; 0 = any number
	throttle         *throttle // nil = not adaptive
	running          int       // calls that hold a permit
	waiting          list.List // of *permit
	asked            float64   // the tokens that those who wait ask for: a sum that cannot overflow
}

// take takes what a call with n tokens needs, if all of it is there.
func (q *queue) take(now time.Time, n int) bool {
	slots := q.slots
	if q.throttle != nil {
		if now.Before(q.throttle.until) {
			return false
		}
		slots = q.scale(now)
	}
	if slots > 0 && q.running >= slots || !q.requests.has(now, 1) || !q.tokens.has(now, n) {
		return false
	}
	q.requests.take(now, 1)
	q.tokens.take(now, n)
	q.running++
	return true
}

// scale brings the buckets to the share of the limits that holds now, and returns the
// number of slots at that share.
func (q *queue) scale(now time.Time) int {
	share := q.throttle.now(now)
	q.requests.scale(now, share)
	q.tokens.scale(now, share)
	if q.slots == 0 {
		return 0
	}
	return scaled(q.slots, share)
}

// wait returns how long a call with n tokens will wait for requests and tokens behind
// others who ask for so many, where nothing comes back. For a slot it may wait longer.
func (q *queue) wait(now time.Time, n int, requestsAhead, tokensAhead float64) time.Duration {
	d := max(q.requests.wait(now, requestsAhead, 1), q.tokens.wait(now, tokensAhead, n))
	if q.throttle != nil {
		d = max(d, q.throttle.until.Sub(now))
	}
	return d
}

// untilGrown returns how long it takes until the share has grown by the slot that the next call
// lacks, if no other call ends before; 0 where that call does not lack one, or has to wait
// for another's.
func (q *queue) untilGrown(now time.Time) time.Duration {
	t := q.throttle
	if t == nil || q.running >= q.slots || q.running < scaled(q.slots, t.now(now)) {
		return 0
	}
	share := (float64(q.running) + 1) / float64(q.slots)
	grown := math.Ceil((share - t.share) / growth * float64(time.Minute))
	// The share is rounded and may not be quite there then.
	return max(t.cut.Add(time.Duration(grown)).Sub(now), time.Millisecond)
}

// settle ends a call that reserved n tokens.
func (q *queue) settle(now time.Time, n int, r Result) {
	q.running--
	if r.Unsent {
		q.requests.give(now, 1)
	}
	if r.Tokens >= 0 {
		q.tokens.give(now, n-r.Tokens)
		q.tokens.owe(now, r.Tokens-n)
	}
}

// rateLimited takes note that the provider allows less, and asks for a pause.
func (q *queue) rateLimited(now time.Time, pause time.Duration) {
	if q.throttle.rateLimited(now, pause) {
		q.scale(now)
		q.requests.drain(now)
		q.tokens.drain(now)
	}
}

// idle says that a new queue would be no different.
func (q *queue) idle(now time.Time) bool {
	if t := q.throttle; t != nil {
		if t.now(now) < 1 || now.Before(t.until) {
			return false
		}
		q.scale(now)
	}
	return q.running == 0 && q.waiting.Len() == 0 && q.requests.full(now) && q.tokens.full(now)
}

// join puts a permit behind all who wait.
func (q *queue) join(p *permit) {
	p.place, p.wake = q.waiting.PushBack(p), make(chan struct{}, 1)
	q.asked += float64(p.tokens)
}

// leave takes one who waits out of the queue, served or not.
func (q *queue) leave(p *permit) {
	q.waiting.Remove(p.place)
	if q.asked -= float64(p.tokens); q.waiting.Len() == 0 {
		q.asked = 0 // whatever the rounding
	}
	q.wake()
}

// wake has the first who waits look again.
func (q *queue) wake() {
	if e := q.waiting.Front(); e != nil {
		select {
		case e.Value.(*permit).wake <- struct{}{}:
		default: // it is woken already
		}
	}
}

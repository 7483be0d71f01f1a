package timeout

import (
	"context"
	"time"
)

// watch cancels a stream that keeps its reader waiting for longer than a limit. Its timer
// runs only while the reader waits, never while the loop's body does, so when it fires the
// limit was exceeded: there is nothing left to check, and no lock. Stopping a timer and
// setting it again costs little more than setting it alone.
type watch struct {
	cancel context.CancelCauseFunc
	limit  *limit        // nil = none
	adds   bool          // all waits together count against the limit
	left   time.Duration // what remains of it for the next wait
	timer  *time.Timer   // nil until the first wait
	since  time.Time     // when the last wait began, where they add up
}

// use sets the limit of the waits to come. It must not be called during one.
func (w *watch) use(l *limit, adds bool) {
	w.limit, w.adds, w.timer = l, adds, nil
	if l != nil {
		w.left = l.after
	}
}

// resume begins a wait.
func (w *watch) resume() {
	if w.limit == nil {
		return
	}
	if w.adds {
		w.since = time.Now()
	}
	if w.timer != nil {
		w.timer.Reset(w.left)
		return
	}
	cancel, l := w.cancel, w.limit
	w.timer = time.AfterFunc(w.left, func() { cancel(l) })
}

// pause ends a wait. It does no harm outside one.
func (w *watch) pause() {
	if w.timer == nil {
		return
	}
	w.timer.Stop()
	if w.adds {
		w.left -= time.Since(w.since)
	}
}

package usage

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
)

const (
	compactAfter = 10_000           // calls, after which sums take their place in the file
	mendAfter    = 10 * time.Second // between attempts to write a file that could not be written
)

// lookAfter writes the file anew where that is due, after a call that could not be
// written or after many that were.
func (l *Ledger) lookAfter(failure error) {
	if failure == errClosed {
		l.warn("closed", llm.ErrInternal, failure.Error())
		return
	}
	f := l.file
	if failure == nil && f.calls.Load() < f.compactAfter && !f.mendable() {
		return
	}
	behind, err := l.compact(failure)
	if err == nil {
		return
	}
	e, what := unusable(err), "the file grows until it can be written anew: "
	if behind {
		what = "calls are booked in memory only until the file can be written: "
	}
	e.Message = what + e.Message
	l.warning(e)
}

// mendable says that it is time to try again to write the file.
func (f *file) mendable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind && !f.closed && time.Since(f.mended) >= mendAfter
}

// compact writes the file anew, unless another has just done that. The error is what to warn
// of; behind says that calls are missing in the file.
func (l *Ledger) compact(failure error) (behind bool, err error) {
	f := l.file
	f.gate.Lock()
	defer f.gate.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || !f.behind && f.calls.Load() < f.compactAfter:
		return false, nil
	case f.behind && time.Since(f.mended) < mendAfter:
		return true, failure
	}
	if err = l.rewrite(); err != nil {
		err = errors.Join(failure, err)
	}
	return f.behind, err
}

// rewrite puts the sums in the place of all that is in the file. Where that fails, but the
// file is as it was, calls can be added to it still. It is called with the gate held for
// writing, and with the lock of the file.
func (l *Ledger) rewrite() error {
	f := l.file
	f.calls.Store(0)
	f.mended = time.Now()
	line, err := json.Marshal(record{Sums: l.sums()})
	if err == nil {
		err = f.journal.Rewrite(line)
	}
	f.behind = err != nil && (f.behind || errors.Is(err, journal.ErrBroken))
	return err
}

// rewritten is Reset's end: the file says what the ledger does. It lets go of the gate.
func (l *Ledger) rewritten() {
	f := l.file
	f.mu.Lock()
	var err error
	if !f.closed {
		f.behind = true
		err = l.rewrite()
	}
	f.mu.Unlock()
	f.gate.Unlock()
	if err != nil {
		e := unusable(err)
		e.Message = "the file still has the sums from before Reset, until it can be written: " + e.Message
		l.warning(e)
	}
}

package usage

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
)

// file keeps a ledger on the disk: a record of its sums, and one of each call since.
type file struct {
	// Bookings hold gate for reading, so that who holds it for writing sees what is booked in
	// memory and in the file alike.
	gate         sync.RWMutex
	journal      *journal.Journal
	lastID       atomic.Int64
	calls        atomic.Int64 // in the file, besides its sums
	compactAfter int64

	mu     sync.Mutex
	behind bool // calls are missing in the file: it has to be written anew
	mended time.Time
	closed bool
}

// OpenLedger returns a ledger that is kept in a file, with what it knows from earlier runs:
// sums, and what is spent of budgets. The file is created if it is not there; its folder must
// exist. Only one ledger at a time may have it open. Options may differ from one run to the
// next. See "Persistence" in the package documentation for what survives what.
func OpenLedger(path string, opts *Options) (*Ledger, error) {
	l := NewLedger(opts)
	f := &file{compactAfter: compactAfter}
	var err error
	f.journal, err = journal.Open(path, &journal.Options{NoSync: l.opts.NoSync, Replay: func(b []byte) error { return l.replay(f, b) }})
	if err != nil {
		return nil, unusable(err)
	}
	l.file = f
	return l, nil
}

// unusable is the error of a file that a ledger cannot use. The journal's own names the file and
// says what is wrong; it holds nothing of what is in it.
func unusable(err error) *llm.Error {
	return &llm.Error{Code: llm.ErrInternal, Op: "ledger", Message: err.Error(), Retryable: new(false), Err: err}
}

// Close closes the file. Calls that end later are booked in memory only, with a warning. The
// error says that calls are missing in the file. A ledger without a file needs no Close.
func (l *Ledger) Close() error {
	f := l.file
	if f == nil {
		return nil
	}
	f.gate.Lock()
	defer f.gate.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.behind || f.journal.Sync() != nil {
		err = l.rewrite()
	}
	if err = errors.Join(err, f.journal.Close()); err != nil {
		return unusable(err)
	}
	return nil
}

// keep books a call in the file and in memory.
func (l *Ledger) keep(a *attempt, b *booking) {
	f := l.file
	f.gate.RLock()
	failure := f.append(a, b, l.opts.GroupBy)
	l.commit(a, b)
	f.gate.RUnlock()
	l.lookAfter(failure)
}

func (f *file) append(a *attempt, b *booking, groupBy []string) error {
	if missing, err := f.missing(); missing {
		return err
	}
	c := &callRecord{ID: f.lastID.Add(1), At: time.Now().UTC(), Model: bounded(b.model), Usage: b.part.Usage, Cost: b.part.Cost, Failed: b.failed}
	a.tags.each(groupBy, func(name, value string) {
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		c.Tags[name] = bounded(value)
	})
	for _, charge := range a.charges {
		c.Charges = append(c.Charges, chargeRecord{charge.budget.key, charge.window.start, charged(c.Cost, charge.amount)})
	}
	line, err := json.Marshal(record{Call: c})
	if err == nil {
		err = f.journal.Append(line)
	}
	if err != nil {
		return f.lacks(err)
	}
	f.calls.Add(1)
	return nil
}

var errClosed = errors.New("a call ended after Close: it is booked in memory only")

// missing says whether calls are not written one by one, since the file has to be
// written anew or is closed.
func (f *file) missing() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return true, errClosed
	}
	return f.behind, nil
}

// lacks notes that a call could not be written. The first one has the error, for a warning.
func (f *file) lacks(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind {
		return nil
	}
	f.behind = true
	return err
}

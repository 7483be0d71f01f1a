// Package journal is an append-only log of records in one file. What was committed
// survives the death of the process, and, unless [Options.NoSync] is set, the loss of power.
//
// # Format
//
// The file is JSON, a line at a time. The first line names the format and its version; each
// other line is a commit: all records of one [Journal.Append], or of several that ran at
// the same time.
//
//	{"parley":"journal","v":1}
//	{"crc":"dc6f8199","at":0,"r":[{"call":1}]}
//	{"crc":"56091bfc","at":1,"r":[{"call":2},	{"call":3}]}
//
// "at" is the number of records before the line, "crc" the CRC-32C of all that follows its
// hex digits, newline included. So a line is there whole or not at all, and with it all its records.
// `tail -n +2 FILE | jq -c '.r[]'` shows the records.
//
// # Recovery
//
// A process that dies in a commit can leave a piece of its line at the end of the file.
// [Open] cuts off what follows the last good line, if no good line is beyond it. Damage in
// front of a good line cannot come from a commit that was cut short: that is [ErrCorrupt],
// and the file stays as it is. A disk that damages the very last line cannot be told from
// a commit that was cut short.
//
// # Files
//
// Beside the journal lies an empty file, ".lock" added to its name, which stays when the
// journal is closed: never remove it while a process may have the journal open. A ".tmp"
// file is a [Journal.Rewrite] on its way. Locks are those of the system (flock,
// LockFileEx), so they end with their process; whether they hold between machines that
// share a disk is up to that disk.
//
// A journal whose file is removed, replaced or cut short while it is open takes no more
// records ([ErrBroken]). It looks before each commit, with NoSync before one a second, and in
// Sync; what NoSync appends in that second can hide a cut. [Journal.Rewrite] makes the file
// anew, but overwrites no other that has its name.
package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

var (
	// ErrLocked says that the journal is open already, in this process or in another.
	ErrLocked = errors.New("open already, here or in another process")

	// ErrCorrupt says that the file is damaged, or no journal. Nothing in it was changed.
	ErrCorrupt = errors.New("damaged journal")

	// ErrConflict says that the journal has another number of records than the caller thinks.
	ErrConflict = errors.New("the journal has changed")

	// ErrBroken says that the file could not be brought back to its last commit, that the
	// system could not say what is on the disk, or that the file is gone. The journal takes no
	// more records. Close it and open it again to see which are in, or Rewrite them all.
	ErrBroken = errors.New("journal takes no more records until it is written anew or opened again")
)

// Options are the options of [Open].
type Options struct {
	// NoSync leaves it to the system when records go to the disk. They survive the death
	// of the process all the same, but a loss of power, or a crash of the system, can take
	// the last ones (of some 30 seconds, on Linux), and may even lead to ErrCorrupt, where
	// later lines reached the disk before earlier ones.
	//
	// False, the default: Append returns when its records are on the disk.
	NoSync bool

	// Replay is called by Open for each record, the oldest first, and may keep the slice.
	// Its error ends Open. Damage further on ends Open too, after the calls for what is
	// in front of it.
	Replay func(record []byte) error

	// Tail has Open read no more than the last commit, where that is whole, so that opening
	// a long journal takes no longer than a short one. Damage in front of it goes unnoticed
	// until the journal is read. Without effect where Replay is set.
	Tail bool

	open func(name string, flag int, perm fs.FileMode) (file, error) // for tests; nil: os.OpenFile
}

// file is what a journal needs of an *os.File.
type file interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	path string // absolute
	opts Options
	lock *os.File
	torn int64

	queue sync.Mutex // guards next; never held while waiting for anything
	next  *commit    // what the next commit will hold

	mu     sync.Mutex  // held by who uses the file; guards what follows, and lock
	f      file        // nil when closed
	info   fs.FileInfo // which file it is
	looked time.Time   // when it was there
	size   int64       // where the last commit ends
	at     int         // the number of records
	err    error       // why no more are taken
	line   []byte      // reused
}

// commit collects the records of those who wait for the file, which share a line and a
// sync. Its other fields are guarded by Journal.mu.
type commit struct {
	records [][]byte // guarded by Journal.queue
	done    bool
	err     error
}

// Open opens a journal, and creates it where the file is missing or empty; its folder must
// exist. It does not wait for another's lock: see [ErrLocked]. A file that it creates is
// for its owner only (mode 0600). nil options are the zero Options.
func Open(path string, opts *Options) (*Journal, error) {
	j := &Journal{}
	if opts != nil {
		j.opts = *opts
	}
	if j.opts.open == nil {
		j.opts.open = openFile
	}
	var err error
	if j.path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if target, err := filepath.EvalSymlinks(j.path); err == nil {
		j.path = target // the lock and the renaming go by the name
	}
	if j.lock, err = acquire(j.path + ".lock"); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	opened := false
	defer func() {
		if !opened { // for a panic of Replay too
			j.Close()
		}
	}()
	if err := j.load(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	opened = true
	return j, nil
}

func openFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// load creates the file if need be, reads it, and cuts off a torn end.
func (j *Journal) load() error {
	os.Remove(j.path + ".tmp") // of a Rewrite that was killed
	info, err := os.Stat(j.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 && info.Mode().IsRegular():
		if _, err = j.prepare(nil); err == nil {
			err = j.swap()
		}
		if err == nil {
			err = SyncDir(filepath.Dir(j.path))
		}
	case err == nil && !info.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: j.path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return err
	}
	if j.f, err = j.opts.open(j.path, os.O_RDWR, 0); err != nil {
		return err
	}
	if j.info, err = j.f.Stat(); err != nil {
		return err
	}
	j.looked = time.Now()
	var end end
	whole := false
	if j.opts.Tail && j.opts.Replay == nil {
		end, whole = tail(j.f, j.info.Size())
	}
	if !whole {
		if end, err = scan(j.path, j.f, j.opts.Replay); err != nil {
			return err
		}
	}
	j.size, j.at, j.torn = end.good, end.at, end.size-end.good
	if j.torn > 0 {
		if err := j.f.Truncate(j.size); err != nil {
			return err
		}
	}
	if !j.opts.NoSync {
		return j.f.Sync() // the last commit of a process that died may be in memory only
	}
	return nil
}

// Append commits records: all or none of them. Each must be valid JSON in one line, without
// tabs, as json.Marshal makes it; it is kept byte for byte. Calls that run at the same time
// may share a commit, and then its fate.
//
// After an error the journal is as it was, and takes further records; with [ErrBroken]
// it does not.
func (j *Journal) Append(records ...[]byte) error {
	if err := check(records); err != nil || len(records) == 0 {
		return err
	}
	j.queue.Lock()
	if j.next == nil {
		j.next = &commit{}
	}
	c := j.next
	c.records = append(c.records, records...)
	j.queue.Unlock()

	j.mu.Lock()
	defer j.mu.Unlock()
	if !c.done { // the first of those who wait commits for all
		j.queue.Lock()
		j.next = nil
		j.queue.Unlock()
		c.done, c.err = true, j.commit(c.records)
	}
	return c.err
}

// AppendAt is Append for who believes that the journal has n records; else it is
// [ErrConflict], and nothing is appended.
func (j *Journal) AppendAt(n int, records ...[]byte) error {
	if err := check(records); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if n != j.at {
		return fmt.Errorf("journal: %w: it has %d records, not %d", ErrConflict, j.at, n)
	}
	if len(records) == 0 {
		return nil
	}
	return j.commit(records)
}

// commit writes a line. There is never more than one that is not on the disk yet (but for
// NoSync), so that a loss of power can damage no line but the last.
func (j *Journal) commit(records [][]byte) error {
	if j.err != nil {
		return j.err
	}
	if err := j.lookSometimes(); err != nil {
		return j.breaks(err)
	}
	j.line = appendLine(j.line[:0], j.at, records)
	size := int64(len(j.line))
	_, err := j.f.WriteAt(j.line, j.size)
	if len(j.line) > 1<<20 {
		j.line = nil
	}
	if err != nil {
		if cut := j.f.Truncate(j.size); cut != nil {
			return j.breaks(errors.Join(err, cut))
		}
		return fmt.Errorf("journal: nothing appended: %w", err)
	}
	if !j.opts.NoSync {
		if err := j.f.Sync(); err != nil {
			// What is on the disk nobody knows now, and another sync would not tell.
			return j.breaks(errors.Join(err, j.f.Truncate(j.size)))
		}
	}
	j.size += size
	j.at += len(records)
	return nil
}

// breaks ends the journal's working life.
func (j *Journal) breaks(cause error) error {
	j.err = fmt.Errorf("journal: %w: %w", ErrBroken, cause)
	return j.err
}

// At is the number of committed records. It waits for a commit that is under way.
func (j *Journal) At() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.at
}

// Torn is the number of bytes that Open cut off the end of the file: 0 but after a crash.
func (j *Journal) Torn() int64 { return j.torn }

// Sync brings all records to the disk. It is for NoSync; else they are there already, unless
// the file is gone.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if err := errors.Join(j.look(), j.f.Sync()); err != nil {
		return j.breaks(err)
	}
	return nil
}

// Close closes the file and releases the lock. It does not sync. Later appends are
// fs.ErrClosed; closing again does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return nil
	}
	var err error
	if j.f != nil {
		err = j.f.Close()
	}
	err = errors.Join(err, release(j.lock))
	j.f, j.lock = nil, nil
	j.err = fmt.Errorf("journal: %w", &fs.PathError{Op: "append", Path: j.path, Err: fs.ErrClosed})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

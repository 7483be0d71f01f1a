package conversation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/internal/safename"
)

// FileStore keeps each conversation in a file of its own. It is safe for concurrent use, by
// other processes of the machine too, and keeps no file open between calls.
//
// # Files
//
// A file is a log of JSON lines that only grows: a line for each commit, with a checksum. Its
// name is the id and ".jsonl", where an id like user-42 stays as it is. A "+" changes between
// lower and upper case, other characters are "%" and hex digits, and ids that are too long
// end in their hash; so any string is an id, no id leaves the directory, and ids that
// differ have different files on every system. [FileStore.Path] is the way from an id to its
// file, and
//
//	tail -n +2 FILE | jq -c '.r[]'
//
// shows its records. Files are for their owner only (mode 0600). Beside each lies an empty
// one, ".lock" added to its name. To delete a conversation remove its file and then that one,
// while nobody writes to it.
//
// # Commits
//
// Append writes one line, and returns when it is on the disk. Its work does not grow with the
// history. A process that dies in it can leave a piece of a line: Load passes that over, and the
// next Append cuts it off. Records must be JSON in one line, as json.Marshal makes it.
//
// Writers exclude each other for the time of an Append by a lock of the system, which ends with
// its process. Append waits for it until its context ends, for 10 seconds at most. Whoever comes
// second then gets an [ErrConflict]. Whether locks hold between machines that share a
// disk is up to that disk; for several machines use a database.
//
// # Damage
//
// Load verifies all checksums, and Append that of the last line. A byte that changed in front of a good line is an error that
// names file, line and offset, and says how to keep what is in front of it. In the very last
// line it cannot be told from a commit that was cut short.
type FileStore struct {
	dir    string // absolute
	noSync bool
}

// FileOptions are the options of [OpenFileStore].
type FileOptions struct {
	// NoSync leaves it to the system when records go to the disk. They survive the death of
	// the process all the same, but a loss of power can take the last ones.
	NoSync bool
}

// lockPatience is how long an Append waits for another: more than any takes.
const lockPatience = 10 * time.Second

// NewFileStore is [OpenFileStore] with default options.
func NewFileStore(dir string) (Store, error) {
	s, err := OpenFileStore(dir, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenFileStore returns a store in a directory. Where that is missing it is made, for its owner
// only; the one above must exist, so that a volume which is not mounted is an error. There
// is nothing to close. Nil options are the defaults.
func OpenFileStore(dir string, opts *FileOptions) (*FileStore, error) {
	s := &FileStore{noSync: opts != nil && opts.NoSync}
	var err error
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, fileError(err)
	}
	if err = os.Mkdir(s.dir, 0o700); err == nil {
		err = journal.SyncDir(filepath.Dir(s.dir))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fileError(err)
	}
	if info, err := os.Stat(s.dir); err != nil {
		return nil, fileError(err)
	} else if !info.IsDir() {
		return nil, fileError(&fs.PathError{Op: "open", Path: s.dir, Err: errors.New("not a directory")})
	}
	return s, nil
}

// Path is the file of a conversation, which need not exist.
func (s *FileStore) Path(id string) string {
	return filepath.Join(s.dir, safename.Of(id)+".jsonl")
}

// Load implements [Store]. It waits for nobody.
func (s *FileStore) Load(ctx context.Context, id string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path := s.Path(id)
	if missing, err := s.missing(path); missing || err != nil {
		return nil, err
	}
	records, err := journal.Read(path)
	if errors.Is(err, journal.ErrCorrupt) {
		// Without the lock this may be a piece of a line that a writer is cutting off.
		records = nil
		var j *journal.Journal
		j, err = s.lock(ctx, path, journal.Options{Replay: func(r []byte) error {
			records = append(records, r)
			return nil
		}})
		if err == nil {
			err = j.Close()
		}
	}
	if err != nil {
		return nil, fileError(err)
	}
	return records, nil
}

// Append implements [Store].
func (s *FileStore) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := s.Path(id)
	if at != 0 || len(records) == 0 { // then there is nothing to make a file for
		switch missing, err := s.missing(path); {
		case err != nil:
			return err
		case missing && at != 0:
			return conflictIn(path, at, 0)
		case missing:
			return nil
		}
	}
	j, err := s.lock(ctx, path, journal.Options{Tail: true})
	if err != nil {
		return fileError(err)
	}
	if n := j.At(); n != at {
		err = conflictIn(path, at, n)
	} else if err = j.Append(records...); err != nil {
		err = fmt.Errorf("conversation: %s: %w", path, err)
	}
	return errors.Join(err, j.Close())
}

// missing says that there is no file. Where the directory is missing too that is an error:
// else the conversations of a disk that is gone would all seem to be new.
func (s *FileStore) missing(path string) (bool, error) {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return false, nil // what else may be wrong, opening it says
	}
	if _, err := os.Stat(s.dir); err != nil {
		return true, fileError(err)
	}
	return true, nil
}

// lock opens a journal when nobody else has it open.
func (s *FileStore) lock(ctx context.Context, path string, opts journal.Options) (*journal.Journal, error) {
	opts.NoSync = s.noSync
	begun := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, 16*time.Millisecond) {
		j, err := journal.Open(path, &opts)
		if !errors.Is(err, journal.ErrLocked) || time.Since(begun) > lockPatience {
			return j, err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

func conflictIn(path string, at, is int) error {
	return fmt.Errorf("%w: %s has %d records, and not %d", ErrConflict, path, is, at)
}

func fileError(err error) error { return fmt.Errorf("conversation: %w", err) }

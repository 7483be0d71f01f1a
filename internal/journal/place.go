package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// lookAfter is how long NoSync may append to a file that is no longer there. A look takes
// nearly half as long as such an append, and next to nothing beside a sync.
const lookAfter = time.Second

// lookSometimes is look before each commit, or with NoSync before one now and then.
func (j *Journal) lookSometimes() error {
	if j.opts.NoSync && time.Since(j.looked) < lookAfter {
		return nil
	}
	return j.look()
}

// look says whether the file was removed, replaced or cut short under the open journal. What
// is appended to it then is lost.
func (j *Journal) look() error {
	j.looked = time.Now()
	info, err := os.Stat(j.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return nil // it cannot be told, as where the process has given up its rights
	case !os.SameFile(info, j.info):
		return j.replaced()
	case info.Size() < j.size:
		return fmt.Errorf("%s has been cut from %d bytes to %d", j.path, j.size, info.Size())
	}
	return nil
}

func (j *Journal) replaced() error {
	return fmt.Errorf("%s is another file now: move that away", j.path)
}

// claim makes sure that the place of the file is the journal's: nobody else has locked it,
// and no other file would be overwritten.
func (j *Journal) claim() error {
	if err := j.relock(); err != nil {
		return err
	}
	if info, err := os.Stat(j.path); err == nil && !os.SameFile(info, j.info) {
		return j.replaced()
	}
	return nil
}

// relock locks anew where the lock's file was removed, since that lock keeps nobody out.
func (j *Journal) relock() error {
	own, err := j.lock.Stat()
	if err != nil {
		return err
	}
	name := j.path + ".lock"
	if info, err := os.Stat(name); err == nil && os.SameFile(info, own) {
		return nil
	}
	lock, err := acquire(name)
	if err != nil {
		return err
	}
	release(j.lock)
	j.lock = lock
	return nil
}

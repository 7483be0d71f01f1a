package journal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Rewrite replaces all records by others, as a compaction does: the file changes at once
// or, with an error, not at all ([ErrBroken]: one of both). It is on the disk then, NoSync or
// not. Records that were appended after the caller gathered the new ones are lost, so keep
// other goroutines from appending meanwhile. On Windows it fails while the file is being read.
func (j *Journal) Rewrite(records ...[]byte) error {
	if err := check(records); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	size, err := j.prepare(records)
	if err != nil {
		return fmt.Errorf("journal: nothing rewritten: %w", err)
	}
	j.f.Close() // Windows does not rename onto an open file
	err = j.swap()
	var opening error
	if j.f, opening = j.opts.open(j.path, os.O_RDWR, 0); opening != nil {
		return j.breaks(errors.Join(err, opening))
	}
	if err != nil {
		return fmt.Errorf("journal: nothing rewritten: %w", err)
	}
	j.size, j.at = size, len(records)
	if err := SyncDir(filepath.Dir(j.path)); err != nil {
		return j.breaks(err)
	}
	return nil
}

// prepare writes a journal to the temporary file, down to the disk, and returns its size.
func (j *Journal) prepare(records [][]byte) (size int64, err error) {
	name := j.path + ".tmp"
	f, err := j.opts.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(name)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	n, err := w.WriteString(header)
	size = int64(n)
	var line []byte
	for i := range records {
		line = appendLine(line[:0], i, records[i:i+1])
		n, err = w.Write(line)
		size += int64(n)
		if err != nil {
			return 0, err
		}
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return size, f.Sync()
}

// swap gives the temporary file the journal's name.
func (j *Journal) swap() error {
	err := os.Rename(j.path+".tmp", j.path)
	if err != nil {
		os.Remove(j.path + ".tmp")
	}
	return err
}

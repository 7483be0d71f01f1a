package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Rewrite replaces all records by others, as a compaction does: the file changes at once
// or, with an error, not at all ([ErrBroken]: one of both). It is on the disk then, NoSync or
// not. A journal that was broken takes records again, and was locked all the time. Records
// that were appended after the caller gathered the new ones are lost, so keep other goroutines
// from appending meanwhile. On Windows it fails while the file is being read.
func (j *Journal) Rewrite(records ...[]byte) error {
	if err := check(records); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return j.err
	}
	if err := j.claim(); err != nil {
		return fmt.Errorf("journal: nothing rewritten: %w", err)
	}
	info, err := j.prepare(records)
	if err != nil {
		return fmt.Errorf("journal: nothing rewritten: %w", err)
	}
	if j.f != nil { // nil: the last Rewrite could not open it again
		j.f.Close() // Windows does not rename onto an open file
	}
	if err = j.swap(); err == nil {
		j.info = info
	}
	var opening error
	if j.f, opening = j.opts.open(j.path, os.O_RDWR, 0); opening != nil {
		return j.breaks(errors.Join(err, opening))
	}
	if err != nil {
		return fmt.Errorf("journal: nothing rewritten: %w", err)
	}
	j.size, j.at, j.err = info.Size(), len(records), nil
	if err := SyncDir(filepath.Dir(j.path)); err != nil {
		return j.breaks(err)
	}
	return nil
}

// prepare writes a journal to the temporary file, down to the disk.
func (j *Journal) prepare(records [][]byte) (info fs.FileInfo, err error) {
	name := j.path + ".tmp"
	f, err := j.opts.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(name)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	w.WriteString(header) // Flush has the error of all
	var line []byte
	for i := range records {
		line = appendLine(line[:0], i, records[i:i+1])
		if _, err := w.Write(line); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return f.Stat()
}

// swap gives the temporary file the journal's name.
func (j *Journal) swap() error {
	err := os.Rename(j.path+".tmp", j.path)
	if err != nil {
		os.Remove(j.path + ".tmp")
	}
	return err
}

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var tailOnly = &Options{NoSync: true, Tail: true}

// A journal that is opened by its tail is the one that reading all of it gives: whole, cut at
// any byte, or with any byte damaged.
func TestTail(t *testing.T) {
	path := newPath(t)
	same := func(name, text string) {
		t.Helper()
		write(t, path, text)
		all, err := Open(path, noSync)
		var corrupt bool
		if corrupt = errors.Is(err, ErrCorrupt); err != nil && !corrupt {
			return // not a journal of this version: both say so
		}
		at, recovered := 0, text
		if !corrupt {
			at, recovered = all.At(), content(t, path)
			all.Close()
		}
		write(t, path, text)
		j, err := Open(path, tailOnly)
		if err != nil {
			if !corrupt {
				t.Fatalf("%s: %v", name, err)
			}
			return
		}
		defer j.Close()
		if !corrupt && (j.At() != at || content(t, path) != recovered) {
			t.Fatalf("%s: %d records by the tail, %d by all", name, j.At(), at)
		}
	}
	text := sample()
	for i := len(header); i <= len(text); i++ {
		same(fmt.Sprint("cut at ", i), text[:i])
	}
	for i := range text {
		b := []byte(text)
		b[i] ^= 0x20
		same(fmt.Sprint("flip at ", i), string(b))
	}
	for _, size := range []int{1, 4000, 4095, 4096, 4097, 16384, 100_000} {
		line := string(appendLine(nil, 4, list(`"`+strings.Repeat("x", size)+`"`)))
		same(fmt.Sprint(size), text+line)
		same(fmt.Sprint("cut ", size), text+line[:len(line)-1])
		same(fmt.Sprint("only ", size), header+string(appendLine(nil, 0, list(`"`+strings.Repeat("x", size)+`"`))))
	}
	write(t, path, "")
	j := open(t, path, tailOnly)
	mustAppend(t, j, "1", "2")
	if j.At() != 2 {
		t.Errorf("a new journal has %d records", j.At())
	}
}

// What is not a journal of this version is refused, whatever its last line.
func TestTailOfAnother(t *testing.T) {
	path := newPath(t)
	for _, text := range []string{strings.Replace(sample(), `"v":1`, `"v":2`, 1), "hello" + sample()} {
		write(t, path, text)
		if _, err := Open(path, tailOnly); err == nil || content(t, path) != text {
			t.Errorf("opened, or changed: %v", err)
		}
	}
}

// counted counts the bytes that are read.
type counted struct {
	file
	n *int
}

func (c counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.file.ReadAt(b, at)
	*c.n += n
	return n, err
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.file.Read(b)
	*c.n += n
	return n, err
}

func TestTailReadsLittle(t *testing.T) {
	path := newPath(t)
	j := open(t, path, noSync)
	mustAppend(t, j, numbered(0, 100_000)...)
	mustAppend(t, j, `{"n":100000}`)
	j.Close()
	read := 0
	opts := &Options{NoSync: true, Tail: true, open: func(name string, flag int, perm fs.FileMode) (file, error) {
		f, err := os.OpenFile(name, flag, perm)
		return counted{f, &read}, err
	}}
	j = open(t, path, opts)
	if j.At() != 100_001 || read > 10_000 {
		t.Errorf("read %d bytes for the %d records", read, j.At())
	}
}

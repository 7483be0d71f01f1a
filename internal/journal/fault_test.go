package journal

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// disk makes faults: it is full after so many bytes, and its syncs and truncations can fail.
type disk struct {
	mu       sync.Mutex
	free     int // bytes that can still be written
	sync     error
	truncate error
	open     error
	close    func(name string)
	onSync   func()
	syncs    int
}

func (d *disk) options() *Options { return &Options{open: d.openFile} }

func (d *disk) openFile(name string, flag int, perm fs.FileMode) (file, error) {
	if d.open != nil {
		return nil, d.open
	}
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d}, nil
}

type diskFile struct {
	*os.File
	d *disk
}

// take is how many of n bytes there is room for.
func (d *disk) take(n int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > d.free {
		n, d.free = d.free, 0
		return n, syscall.ENOSPC
	}
	d.free -= n
	return n, nil
}

func (f *diskFile) WriteAt(b []byte, at int64) (int, error) {
	n, full := f.d.take(len(b))
	n, err := f.File.WriteAt(b[:n], at)
	return n, errors.Join(err, full)
}

func (f *diskFile) Write(b []byte) (int, error) {
	n, full := f.d.take(len(b))
	n, err := f.File.Write(b[:n])
	return n, errors.Join(err, full)
}

func (f *diskFile) Truncate(size int64) error {
	if f.d.truncate != nil {
		return f.d.truncate
	}
	return f.File.Truncate(size)
}

func (f *diskFile) Sync() error {
	f.d.syncs++
	if f.d.onSync != nil {
		f.d.onSync()
	}
	return f.d.sync
}

func (f *diskFile) Close() error {
	if f.d.close != nil {
		f.d.close(f.Name())
	}
	return f.File.Close()
}

func TestDiskFull(t *testing.T) {
	line := len(appendLine(nil, 2, list(numbered(2, 4)...)))
	for room := range line {
		path := newPath(t)
		d := &disk{free: 1 << 20}
		j := open(t, path, d.options())
		mustAppend(t, j, numbered(0, 2)...)
		before := content(t, path)

		d.free = room
		wantError(t, j.Append(list(numbered(2, 4)...)...), syscall.ENOSPC, "nothing appended")
		if content(t, path) != before || j.At() != 2 {
			t.Fatalf("with %d bytes of room something is left: At %d\n%s", room, j.At(), content(t, path))
		}
		d.free = line
		mustAppend(t, j, numbered(2, 4)...)
		j.Close()
		stored(t, path, numbered(0, 4)...)
	}
}

func TestDiskFullForOpen(t *testing.T) {
	for room := range len(header) {
		path := newPath(t)
		d := &disk{free: room}
		_, err := Open(path, d.options())
		wantError(t, err, syscall.ENOSPC)
		if entries, err := os.ReadDir(path[:len(path)-len("/journal")]); err != nil || len(entries) != 1 {
			t.Fatalf("more is left than the lock: %v, %v", entries, err)
		}
		d.free = 1000
		j := open(t, path, d.options())
		mustAppend(t, j, "1")
		j.Close()
		stored(t, path, "1")
	}
}

// Where the file cannot be brought back, the journal takes no more: another line behind a
// torn one would make the file corrupt.
func TestTruncateFails(t *testing.T) {
	path := newPath(t)
	d := &disk{free: 1 << 20}
	j := open(t, path, d.options())
	mustAppend(t, j, numbered(0, 2)...)
	d.free, d.truncate = 20, syscall.EIO
	wantError(t, j.Append([]byte("2")), ErrBroken, syscall.ENOSPC.Error(), syscall.EIO.Error())
	d.free, d.truncate = 1<<20, nil
	for _, err := range []error{j.Append([]byte("2")), j.AppendAt(2, []byte("2")), j.Sync()} {
		wantError(t, err, ErrBroken)
		wantError(t, err, syscall.ENOSPC) // the cause stays known
	}
	if j.At() != 2 {
		t.Errorf("At is %d", j.At())
	}
	j.Close()
	_, again := reopen(t, path)
	if again.Torn() != 20 {
		t.Errorf("Torn is %d, not 20", again.Torn())
	}
	again.Close()
	stored(t, path, numbered(0, 2)...)
}

func TestSyncFails(t *testing.T) {
	path := newPath(t)
	d := &disk{free: 1 << 20}
	j := open(t, path, d.options())
	mustAppend(t, j, numbered(0, 2)...)
	d.sync = syscall.EIO
	wantError(t, j.Append([]byte("2")), ErrBroken)
	d.sync = nil
	wantError(t, j.Append([]byte("2")), ErrBroken, syscall.EIO.Error())
	j.Close()
	stored(t, path, numbered(0, 2)...)

	d = &disk{free: 1 << 20}
	opts := d.options()
	opts.NoSync = true
	j = open(t, path, opts)
	d.sync = syscall.EIO
	mustAppend(t, j, numbered(2, 3)...)
	wantError(t, j.Sync(), ErrBroken)
	wantError(t, j.Append([]byte("3")), ErrBroken)
	j.Close()
	stored(t, path, numbered(0, 3)...)
}

// A journal that is broken is written anew, and nobody else gets it meanwhile.
func TestRewriteOfABrokenJournal(t *testing.T) {
	path := newPath(t)
	d := &disk{free: 1 << 20}
	j := open(t, path, d.options())
	mustAppend(t, j, "1")
	d.free, d.truncate = 20, syscall.EIO
	wantError(t, j.Append([]byte("2")), ErrBroken)

	if err := j.Rewrite([]byte("3")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "nothing rewritten") {
		t.Errorf("Rewrite: %v", err)
	}
	wantError(t, j.Append([]byte("2")), ErrBroken)
	d.free, d.truncate = 1<<20, nil
	d.close = func(string) { // at each step
		_, err := Open(path, noSync)
		wantError(t, err, ErrLocked)
		d.open = syscall.EMFILE
	}
	wantError(t, j.Rewrite([]byte("4")), ErrBroken, syscall.EMFILE.Error())
	d.open, d.close = nil, nil
	if err := j.Rewrite([]byte("5")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, noSync)
	wantError(t, err, ErrLocked)
	mustAppend(t, j, "6")
	j.Close()
	stored(t, path, "5", "6")
}

// Syncs happen when they should, and only then.
func TestSyncs(t *testing.T) {
	d := &disk{free: 1 << 20}
	path := newPath(t)
	j := open(t, path, d.options())
	if d.syncs != 2 { // before the rename, and after reading
		t.Errorf("%d syncs for a new journal", d.syncs)
	}
	mustAppend(t, j, numbered(0, 2)...)
	mustAppend(t, j, "2")
	if d.syncs != 4 {
		t.Errorf("%d syncs after two commits more", d.syncs)
	}
	j.Close()

	d = &disk{free: 1 << 20}
	opts := d.options()
	opts.NoSync = true
	j = open(t, path, opts)
	mustAppend(t, j, "3")
	if d.syncs != 0 {
		t.Errorf("%d syncs with NoSync", d.syncs)
	}
	if err := j.Sync(); err != nil || d.syncs != 1 {
		t.Errorf("Sync: %v, %d syncs", err, d.syncs)
	}
}

// Those who wait while another commits share the next commit, its line and its fate.
func TestSharedCommit(t *testing.T) {
	for _, full := range []bool{false, true} {
		path := newPath(t)
		d := &disk{free: 1 << 20}
		j := open(t, path, d.options())
		entered, leave := make(chan bool), make(chan bool)
		d.onSync = func() { entered <- true; <-leave }
		errs := make(chan error)
		go func() { errs <- j.Append([]byte(`"first"`)) }()
		<-entered
		const others = 8
		for range others {
			go func() { errs <- j.Append([]byte(`"other"`), []byte(`"other"`)) }()
		}
		for waiting := 0; waiting < 2*others; {
			j.queue.Lock()
			if j.next != nil {
				waiting = len(j.next.records)
			}
			j.queue.Unlock()
		}
		if full {
			d.mu.Lock()
			d.free = 50
			d.mu.Unlock()
		}
		leave <- true
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if !full {
			<-entered
			leave <- true
		}
		for range others {
			if err := <-errs; errors.Is(err, syscall.ENOSPC) != full || !full && err != nil {
				t.Errorf("full %v: %v", full, err)
			}
		}
		d.onSync = nil
		d.free = 1 << 20
		mustAppend(t, j, `"last"`)
		lines := strings.Count(content(t, path), "\n")
		want := []string{`"first"`}
		if full {
			if lines != 3 {
				t.Errorf("%d lines, not 3", lines)
			}
		} else {
			if lines != 4 {
				t.Errorf("%d lines, not 4", lines)
			}
			want = append(want, strings.Fields(strings.Repeat(`"other" `, 2*others))...)
		}
		j.Close()
		stored(t, path, append(want, `"last"`)...)
	}
}

func TestRewriteFails(t *testing.T) {
	records := numbered(0, 3)
	size := len(header)
	for i, r := range records {
		size += len(appendLine(nil, i, list(r)))
	}
	for name, fault := range map[string]struct {
		set    func(d *disk)
		broken bool
		text   string
	}{
		"full at the start":   {set: func(d *disk) { d.free = 0 }, text: syscall.ENOSPC.Error()},
		"full at the end":     {set: func(d *disk) { d.free = size - 1 }, text: syscall.ENOSPC.Error()},
		"no sync":             {set: func(d *disk) { d.sync = syscall.EIO }, text: syscall.EIO.Error()},
		"no rename":           {set: func(d *disk) { d.close = func(name string) { os.Remove(strings.TrimSuffix(name, ".tmp") + ".tmp") } }, text: "rename"},
		"no temporary file":   {set: func(d *disk) { d.open = syscall.EMFILE }, text: syscall.EMFILE.Error()},
		"not opened again":    {set: func(d *disk) { d.close = func(string) { d.open = syscall.EMFILE } }, text: syscall.EMFILE.Error(), broken: true},
		"nothing of the kind": {set: func(*disk) {}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			d := &disk{free: 1 << 20}
			j := open(t, path, d.options())
			mustAppend(t, j, `"old"`)
			fault.set(d)
			err := j.Rewrite(list(records...)...)
			*d = disk{free: 1 << 20}
			want := records
			switch {
			case fault.broken:
				wantError(t, err, ErrBroken, fault.text)
				wantError(t, j.Append([]byte("1")), ErrBroken)
			case fault.text != "":
				if err == nil || errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "nothing rewritten") || !strings.Contains(err.Error(), fault.text) {
					t.Fatal(err)
				}
				want = []string{`"old"`}
				fallthrough
			default:
				mustAppend(t, j, `"new"`)
				want = append(want[:len(want):len(want)], `"new"`)
			}
			if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the temporary file: %v", err)
			}
			j.Close()
			stored(t, path, want...)
		})
	}
}

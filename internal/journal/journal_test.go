package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	path := newPath(t)
	records := []string{`{"a":1}`, ` [1, 2]  `, `"text, with {\"crc\":\" and \t"`, `null`, `0`, `"ü€😀\u2028"`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000)}
	j := open(t, path, nil)
	mustAppend(t, j)
	for _, r := range records {
		mustAppend(t, j, r)
	}
	mustAppend(t, j, records...)
	if j.At() != 2*len(records) || j.Torn() != 0 {
		t.Errorf("At %d, Torn %d", j.At(), j.Torn())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	stored(t, path, append(records, records...)...)
}

// What a release wrote must load for ever.
func TestFormat(t *testing.T) {
	const want = `{"parley":"journal","v":1}
{"crc":"dc6f8199","at":0,"r":[{"call":1}]}
{"crc":"56091bfc","at":1,"r":[{"call":2},	{"call":3}]}
`
	path := newPath(t)
	j := open(t, path, nil)
	mustAppend(t, j, `{"call":1}`)
	mustAppend(t, j, `{"call":2}`, `{"call":3}`)
	if diff := cmp.Diff(want, content(t, path)); diff != "" {
		t.Errorf("the format has changed (-want +got):\n%s", diff)
	}
}

func TestRefusedRecords(t *testing.T) {
	path := newPath(t)
	j := open(t, path, noSync)
	for _, r := range []string{"", " ", "{", "{}{}", "{}\n", "[1,\n2]", "[1,\t2]", "[1,\r2]", "\"\xff\"", "{\"a\":\"secret\n\"}"} {
		for name, err := range map[string]error{
			"Append":   j.Append([]byte("1"), []byte(r)),
			"AppendAt": j.AppendAt(0, []byte("1"), []byte(r)),
			"Rewrite":  j.Rewrite([]byte("1"), []byte(r)),
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "journal: record 2 of 2 is not valid JSON") {
				t.Errorf("%s(%q): %v", name, r, err)
			}
		}
	}
	if got := content(t, path); got != header {
		t.Errorf("refused records are in the file: %q", got)
	}
}

func TestAppendAt(t *testing.T) {
	path := newPath(t)
	j := open(t, path, noSync)
	if err := j.AppendAt(0, list(numbered(0, 2)...)...); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 0, 1, 3} {
		wantError(t, j.AppendAt(n, []byte("1")), ErrConflict, "it has 2 records, not ")
		wantError(t, j.AppendAt(n), ErrConflict)
	}
	if err := j.AppendAt(2); err != nil {
		t.Error(err)
	}
	if err := j.AppendAt(2, list(numbered(2, 3)...)...); err != nil {
		t.Fatal(err)
	}
	j.Close()
	stored(t, path, numbered(0, 3)...)
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	j := open(t, path, nil)
	mustAppend(t, j, "1")
	if err := j.Rewrite([]byte("2")); err != nil {
		t.Fatal(err)
	}
	j.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"journal", "journal.lock"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	_, err = Open(filepath.Join(dir, "none", "journal"), nil)
	wantError(t, err, fs.ErrNotExist, "none")
	_, err = Read(filepath.Join(dir, "none"))
	wantError(t, err, fs.ErrNotExist, "none")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "folder"), nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestEmptyFile(t *testing.T) {
	path := newPath(t)
	write(t, path, "")
	if records, err := Read(path); err != nil || records != nil {
		t.Errorf("Read: %q, %v", records, err)
	}
	mustAppend(t, open(t, path, noSync), "1")
	if records, err := Read(path); err != nil || len(records) != 1 {
		t.Errorf("Read: %q, %v", records, err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "journal"), filepath.Join(dir, "link")
	j := open(t, path, noSync)
	mustAppend(t, j, "1")
	names := []string{path}
	if err := os.Symlink(path, link); err == nil {
		names = append(names, link)
	}
	for _, name := range names {
		_, err := Open(name, noSync)
		wantError(t, err, ErrLocked, path+".lock")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		stored(t, name, "1")
	}
}

// An Open that fails leaves nothing open and nothing locked.
func TestFailedOpen(t *testing.T) {
	path := newPath(t)
	write(t, path, sample())
	stop := errors.New("stop")
	calls := 0
	_, err := Open(path, &Options{NoSync: true, Replay: func([]byte) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	}})
	wantError(t, err, stop)
	if calls != 2 {
		t.Errorf("Replay was called %d times", calls)
	}

	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		Open(path, &Options{NoSync: true, Replay: func([]byte) error { panic("replay") }})
	}()
	stored(t, path, sampleRecords...)
}

func TestClose(t *testing.T) {
	path := newPath(t)
	j := open(t, path, nil)
	mustAppend(t, j, "1")
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"Append": j.Append([]byte("2")), "AppendAt": j.AppendAt(1, []byte("2")),
		"Rewrite": j.Rewrite(), "Sync": j.Sync(),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if j.At() != 1 {
		t.Errorf("At is %d", j.At())
	}
	stored(t, path, "1")
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	first, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, "journal", noSync)
	t.Chdir(t.TempDir())
	if err := j.Rewrite([]byte("1")); err != nil {
		t.Fatal(err)
	}
	j.Close()
	stored(t, filepath.Join(first, "journal"), "1")
}

func TestRewrite(t *testing.T) {
	path := newPath(t)
	j := open(t, path, nil)
	mustAppend(t, j, numbered(0, 100)...)
	write(t, path+".tmp", "of a Rewrite that was killed")
	for _, n := range []int{100, 3, 0} {
		if err := j.Rewrite(list(numbered(100-n, 100)...)...); err != nil {
			t.Fatal(err)
		}
		if j.At() != n {
			t.Errorf("At is %d, not %d", j.At(), n)
		}
		_, err := Open(path, noSync)
		wantError(t, err, ErrLocked)
		mustAppend(t, j, `"after"`)
		records, err := Read(path)
		if diff := cmp.Diff(append(numbered(100-n, 100), `"after"`), texts(records)); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	j.Close()
	write(t, path+".tmp", "of a Rewrite that was killed")
	stored(t, path, `"after"`)
	if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	for _, opts := range []*Options{nil, noSync} {
		path := newPath(t)
		j := open(t, path, opts)
		const writers, each = 64, 20
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := range each {
					pair := list(fmt.Sprintf(`{"w":%d,"n":%d}`, w, 2*n), fmt.Sprintf(`{"w":%d,"n":%d}`, w, 2*n+1))
					var err error
					if w%8 == 0 {
						for err = ErrConflict; errors.Is(err, ErrConflict); {
							err = j.AppendAt(j.At(), pair...)
						}
					} else {
						err = j.Append(pair...)
					}
					if err != nil {
						t.Error(err)
						return
					}
					if w == 0 {
						if records, err := Read(path); err != nil || len(records)%2 != 0 || len(records) < 2*n+2 {
							t.Errorf("Read: %d records, %v", len(records), err)
						}
					}
				}
			})
		}
		wg.Wait()
		j.Close()
		got, j := reopen(t, path)
		j.Close()
		next := map[int]int{}
		last := -1
		for i, r := range got {
			var w, n int
			if _, err := fmt.Sscanf(r, `{"w":%d,"n":%d}`, &w, &n); err != nil {
				t.Fatal(err)
			}
			if n != next[w] || i%2 == 1 && w != last {
				t.Fatalf("record %d is %s", i, r)
			}
			next[w]++
			last = w
		}
		if len(got) != 2*writers*each {
			t.Errorf("%d records, not %d", len(got), 2*writers*each)
		}
	}
}

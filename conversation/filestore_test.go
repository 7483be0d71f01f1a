package conversation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/journal"
	"github.com/parley-sdk/parley/llm"
)

var noSync = &conversation.FileOptions{NoSync: true}

func openFiles(t testing.TB, dir string, opts *conversation.FileOptions) *conversation.FileStore {
	t.Helper()
	s, err := conversation.OpenFileStore(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ExampleNewFileStore() {
	dir, err := os.MkdirTemp("", "conversations")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	store, err := conversation.NewFileStore(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := conversation.New(fake.New(fake.Text("Hello, Ada.")), &conversation.Options{Store: store, ID: "user-42"})
	if _, err := c.Send(ctx, llm.Text("I am Ada.")); err != nil {
		fmt.Println(err)
		return
	}

	// Another process, another day.
	c, err = conversation.Open(ctx, fake.New(fake.Text("You are Ada.")), &conversation.Options{Store: store, ID: "user-42"})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := c.Send(ctx, llm.Text("Who am I?"))
	fmt.Println(resp.Text(), len(c.Messages()), err)
	// Output: You are Ada. 4 <nil>
}

func ExampleFileStore_Path() {
	store, err := conversation.OpenFileStore(os.TempDir(), &conversation.FileOptions{NoSync: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range []string{"user-42", "Ada", "../../etc/passwd", "CON"} {
		fmt.Println(filepath.Base(store.Path(id)))
	}
	// Output:
	// user-42.jsonl
	// +a+da.jsonl
	// %2e%2e%2f%2e%2e%2fetc%2fpasswd.jsonl
	// +con.jsonl
}

func TestOpenFileStore(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "conversations")
	for range 2 { // it is made, and then it is there
		if _, err := conversation.NewFileStore(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the directory is %v, %v", info, err)
	}
	if s, err := conversation.NewFileStore(filepath.Join(above, "no", "such")); s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory above: %v, %v", s, err)
	}
	file := filepath.Join(above, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := conversation.NewFileStore(file); s != nil || err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v, %v", s, err)
	}
}

// Only an append makes files, two for an id, and neither an id nor the working directory takes
// them anywhere else.
func TestFileNames(t *testing.T) {
	ctx := t.Context()
	above := t.TempDir()
	t.Chdir(above)
	s := openFiles(t, "store", noSync)
	t.Chdir(t.TempDir())
	if _, err := s.Load(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(ctx, "a", 3, []byte("{}")); !errors.Is(err, conversation.ErrConflict) {
		t.Fatal(err)
	}
	if err := s.Append(ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	if names := tree(t, above); names != nil {
		t.Errorf("without a record there are %q", names)
	}
	for _, id := range []string{"a", "../a", "/etc/a", "..", strings.Repeat("../", 100)} {
		if err := s.Append(ctx, id, 0, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	names := tree(t, above)
	if len(names) != 10 {
		t.Errorf("5 ids have the files %q", names)
	}
	for _, name := range names {
		if dir, file := filepath.Split(name); dir != "store"+string(filepath.Separator) || len(file) > 143 {
			t.Errorf("there is %q", name)
		}
	}
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A disk that is gone is not a lot of new conversations.
func TestDirectoryGone(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "store")
	s := openFiles(t, dir, noSync)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, "id"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: %v", err)
	}
	for _, at := range []int{0, 1} {
		if err := s.Append(ctx, "id", at, []byte("{}")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, conversation.ErrConflict) {
			t.Errorf("Append at %d: %v", at, err)
		}
	}
}

// Errors name the file, and nothing that is in it.
func TestFileErrors(t *testing.T) {
	ctx := t.Context()
	s := openFiles(t, t.TempDir(), noSync)
	const secret = "swordfish"
	path := s.Path("id")
	check := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("a record of two lines", s.Append(ctx, "id", 0, []byte("{\"a\":\n\""+secret+"\"}")))
	check("no JSON", s.Append(ctx, "id", 0, []byte(secret)))
	for at := range 3 {
		if err := s.Append(ctx, "id", at, fmt.Appendf(nil, `{"a":%q}`, secret)); err != nil {
			t.Fatal(err)
		}
	}
	check("a conflict", s.Append(ctx, "id", 1, []byte("{}")))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte(secret))] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(ctx, "id")
	check("damage", err)
	if err := os.WriteFile(path, []byte(secret+", which is longer than a first line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(ctx, "id")
	check("another file", err)
	check("another file", s.Append(ctx, "id", 3, []byte("{}")))
}

// whole is a store with 3 commits of 1, 2 and 2 records, and the text of its file.
func whole(t *testing.T) (s *conversation.FileStore, text []byte, records [][]byte) {
	t.Helper()
	s = openFiles(t, t.TempDir(), noSync)
	for i := range 5 {
		records = append(records, fmt.Appendf(nil, `{"n":%d,"text":"äöü <&> \u2028"}`, i))
	}
	for _, cut := range [][2]int{{0, 1}, {1, 3}, {3, 5}} {
		if err := s.Append(t.Context(), "id", cut[0], records[cut[0]:cut[1]]...); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(s.Path("id"))
	if err != nil {
		t.Fatal(err)
	}
	return s, text, records
}

func lastLine(text []byte) int { return bytes.LastIndexByte(text[:len(text)-1], '\n') + 1 }

// A file that is cut at any byte of its last line has what was committed before, and goes on
// from there.
func TestFileCut(t *testing.T) {
	ctx := t.Context()
	s, text, records := whole(t)
	last := []byte(`{"last":true}`)
	for n := lastLine(text); n <= len(text); n++ {
		if err := os.WriteFile(s.Path("id"), text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		want := records[:3:3]
		if n == len(text) {
			want = records
		}
		for range 2 {
			got, err := s.Load(ctx, "id")
			if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("cut at %d (-want +got):\n%s", n, diff)
			}
			if err := s.Append(ctx, "id", len(want), last); err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			want = append(want[:len(want):len(want)], last)
		}
	}
}

// A byte that changed is an error, or, in the last line, takes that line away.
func TestFileFlip(t *testing.T) {
	ctx := t.Context()
	s, text, records := whole(t)
	for i := range text {
		for _, flip := range []byte{0x01, 0x20, 0xff} {
			b := bytes.Clone(text)
			b[i] ^= flip
			if err := os.WriteFile(s.Path("id"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := s.Load(ctx, "id")
			if i < lastLine(text) {
				if err == nil {
					t.Fatalf("byte %d ^ %#x: loaded", i, flip)
				}
			} else if diff := cmp.Diff(records[:3], got); err != nil || diff != "" {
				t.Fatalf("byte %d ^ %#x: %v (-want +got):\n%s", i, flip, err, diff)
			}
			if now, _ := os.ReadFile(s.Path("id")); i < lastLine(text) && !bytes.Equal(now, b) {
				t.Fatalf("byte %d ^ %#x: Load has changed the file", i, flip)
			}
		}
	}
}

// Who finds the lock taken waits: for the other, until its context ends, or for 10 seconds.
func TestFileLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := openFiles(t, t.TempDir(), noSync)
		if err := s.Append(ctx, "id", 0, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		hold := func() *journal.Journal {
			j, err := journal.Open(s.Path("id"), nil)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		other := hold()
		begun := time.Now()
		if err := s.Append(ctx, "id", 1, []byte("{}")); !errors.Is(err, journal.ErrLocked) || time.Since(begun) < 10*time.Second {
			t.Errorf("a lock for ever: %v after %v", err, time.Since(begun))
		}
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		begun = time.Now()
		if err := s.Append(limited, "id", 1, []byte("{}")); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("a deadline: %v after %v", err, time.Since(begun))
		}
		if got, err := s.Load(ctx, "id"); len(got) != 1 || err != nil {
			t.Errorf("Load beside a lock: %d records, %v", len(got), err)
		}
		if err := s.Append(ctx, "another", 0, []byte("{}")); err != nil {
			t.Errorf("another id: %v", err)
		}
		time.AfterFunc(time.Second, func() { other.Close() })
		begun = time.Now()
		if err := s.Append(ctx, "id", 1, []byte("{}")); err != nil || time.Since(begun) > 1100*time.Millisecond {
			t.Errorf("a lock for a second: %v after %v", err, time.Since(begun))
		}
	})
}

// What reads like damage may be a writer at work on the end of the file: Load asks again when
// that one is done.
func TestFileLoadBesideRepair(t *testing.T) {
	s, text, records := whole(t)
	synctest.Test(t, func(t *testing.T) {
		path := s.Path("id")
		writer, err := journal.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		between := bytes.Clone(text)
		copy(between[lastLine(text)-20:], "torn")
		if err := os.WriteFile(path, between, 0o600); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() {
			if err := errors.Join(os.WriteFile(path, text, 0o600), writer.Close()); err != nil {
				t.Error(err)
			}
		})
		got, err := s.Load(t.Context(), "id")
		if diff := cmp.Diff(records, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

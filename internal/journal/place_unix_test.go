//go:build !windows

package journal

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// What a file that is open can suffer. Windows allows for none of it.
var accidents = []struct {
	name   string
	happen func(path string) error
	text   string
	stays  bool // what is there is another's
}{
	{"removed", os.Remove, "no such file", false},
	{"removed with its lock", func(path string) error { return errors.Join(os.Remove(path), os.Remove(path+".lock")) }, "no such file", false},
	{"moved", func(path string) error { return os.Rename(path, path+".1") }, "no such file", false},
	{"cut", func(path string) error { return os.Truncate(path, 3) }, "has been cut from 61 bytes to 3", false},
	{"replaced", func(path string) error {
		return errors.Join(os.WriteFile(path+".1", []byte(sample()), 0o600), os.Rename(path+".1", path))
	}, "another file now: move that away", true},
	{"replaced by a folder", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "another file now", true},
}

func TestFileIsGone(t *testing.T) {
	for _, c := range accidents {
		t.Run(c.name, func(t *testing.T) {
			path := newPath(t)
			j := open(t, path, nil)
			mustAppend(t, j, "1")
			if err := c.happen(path); err != nil {
				t.Fatal(err)
			}
			was, _ := os.ReadFile(path)
			wantError(t, j.Append([]byte("2")), ErrBroken, c.text)
			wantError(t, j.AppendAt(1, []byte("2")), ErrBroken, c.text)
			wantError(t, j.Sync(), ErrBroken, c.text)
			if c.stays {
				if err := j.Rewrite([]byte("1"), []byte("2")); err == nil {
					t.Error("another's file is overwritten")
				}
				if is, _ := os.ReadFile(path); string(is) != string(was) {
					t.Errorf("another's file is\n%s", is)
				}
				if err := os.Rename(path, path+".2"); err != nil {
					t.Fatal(err)
				}
			}
			if err := j.Rewrite([]byte("1"), []byte("2")); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, noSync)
			wantError(t, err, ErrLocked)
			mustAppend(t, j, "3")
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			stored(t, path, "1", "2", "3")
		})
	}
}

// A sync is not waited for, so it is not looked each time.
func TestFileIsGoneWithNoSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range accidents {
			if c.name == "cut" {
				continue // an append that does not look makes the file long again
			}
			path := newPath(t)
			j := open(t, path, noSync)
			mustAppend(t, j, "1")
			if err := c.happen(path); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, j, "2")
			time.Sleep(time.Second)
			wantError(t, j.Append([]byte("3")), ErrBroken, "")
			j.Close()

			path = newPath(t)
			j = open(t, path, noSync)
			mustAppend(t, j, "1")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			wantError(t, j.Sync(), ErrBroken, "no such file")
		}
	})
}

// Who has removed the lock too may have begun a journal of his own.
func TestFileIsAnothersNow(t *testing.T) {
	path := newPath(t)
	j := open(t, path, nil)
	mustAppend(t, j, `"mine"`)
	if err := errors.Join(os.Remove(path), os.Remove(path+".lock")); err != nil {
		t.Fatal(err)
	}
	other := open(t, path, nil)
	mustAppend(t, other, `"other's"`)
	wantError(t, j.Append([]byte("1")), ErrBroken, "another file")
	wantError(t, j.Rewrite([]byte("1")), ErrLocked)
	other.Close()
	if err := j.Rewrite([]byte("1")); err == nil {
		t.Error("another's file is overwritten")
	}
	j.Close()
	stored(t, path, `"other's"`)
}

// Where nobody can look, appends go on.
func TestFileCannotBeLookedAt(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may look everywhere")
	}
	dir := t.TempDir() + "/closed"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir+"/journal", nil)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, "1")
	if err := j.Rewrite(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Rewrite: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j.Close()
	stored(t, dir+"/journal", "1")
}

package journal

import (
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

const (
	failImmediately = 1
	exclusiveLock   = 2

	errLockViolation syscall.Errno = 33
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// acquire opens and locks a file, without waiting.
func acquire(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	var from syscall.Overlapped
	if ok, _, err := lockFileEx.Call(f.Fd(), exclusiveLock|failImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&from))); ok == 0 {
		f.Close()
		if err == errLockViolation || err == syscall.ERROR_IO_PENDING {
			err = ErrLocked
		}
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return f, nil
}

// release unlocks and closes: the system releases the locks of a file with its last handle.
func release(f *os.File) error { return f.Close() }

// SyncDir does nothing: Windows cannot sync folders.
func SyncDir(string) error { return nil }

package pairing

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// openSafely opens an ordinary file. Who may change it is the business of the
// access list of the user's own folder.
func openSafely(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not an ordinary file", ErrUnsafe)
	}
	return os.Open(path)
}

// safeFolder looks at the folder of the store.
func safeFolder(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%w: not a folder", ErrUnsafe)
	}
	return err
}

// lock takes the lock of the store, which another process may keep that long. The
// system gives it back when the process ends, however it ends.
func lock(path string, patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if time.Now().After(deadline) {
			_ = f.Close()
			return nil, fmt.Errorf("lock of the pairings: %w", err)
		}
	}
}

//go:build unix

package pairing

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// openSafely opens an ordinary file of this user that nobody else can change,
// without following a link or waiting at a pipe.
func openSafely(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%w: a link", ErrUnsafe)
	}
	if err != nil {
		return nil, err
	}
	if err := safe(f, false); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// safe looks at what is really open.
func safe(f *os.File, folder bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case folder && !info.IsDir():
		return fmt.Errorf("%w: not a folder", ErrUnsafe)
	case !folder && !info.Mode().IsRegular():
		return fmt.Errorf("%w: not an ordinary file", ErrUnsafe)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%w: belongs to another user", ErrUnsafe)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: others have access (mode %04o)", ErrUnsafe, info.Mode().Perm())
	case !folder && owner.Nlink > 1: // 0: replaced since it was opened
		return fmt.Errorf("%w: more than one name", ErrUnsafe)
	}
	return nil
}

// safeFolder looks at the folder of the store.
func safeFolder(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%w: a link", ErrUnsafe)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return safe(f, true)
}

// lock takes the lock of the store, which another process may keep that long. The
// system gives it back when the process ends, however it ends.
func lock(path string, patience time.Duration) (unlock func(), err error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		f, err := openLock(path)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && inPlace(f, path) {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return nil, fmt.Errorf("lock of the pairings: %w", cmp.Or[error](err, unix.EWOULDBLOCK))
		}
	}
}

func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("%w: the lock is a link", ErrUnsafe)
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("%w: the lock is not an ordinary file", ErrUnsafe)
	case err != nil:
		return nil, err
	}
	if err := safe(f, false); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// inPlace says whether an open file is still the one at path: a lock that Forget
// removed keeps nobody out.
func inPlace(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(open, there)
}

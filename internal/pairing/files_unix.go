//go:build unix

package pairing

import (
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
	case info.IsDir() != folder, !folder && !info.Mode().IsRegular():
		return fmt.Errorf("%w: not an ordinary file", ErrUnsafe)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%w: belongs to another user", ErrUnsafe)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: others have access (mode %04o)", ErrUnsafe, info.Mode().Perm())
	case !folder && owner.Nlink != 1:
		return fmt.Errorf("%w: more than one name", ErrUnsafe)
	}
	return nil
}

// safeFolder looks at the folder of the store.
func safeFolder(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: a link", ErrUnsafe)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return safe(f, true)
}

// patienceForLock is how long another process may hold the store.
const patienceForLock = 5 * time.Second

// lock takes the lock of the store. The system gives it back when the process
// ends, however it ends.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patienceForLock); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			_ = f.Close()
			return nil, fmt.Errorf("lock of the pairings: %w", err)
		}
	}
}

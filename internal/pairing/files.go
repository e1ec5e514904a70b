package pairing

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/softwarecie/cie/internal/home"
)

// files is the part of the file system the store stands on, so that tests can
// make each call fail.
type files interface {
	Read(path string) ([]byte, error)        // a file that is safe to read, ErrUnsafe
	Write(path string, content []byte) error // a new file, on the disk when it returns
	Rename(from, to string) error
	Remove(path string) error
	SyncFolder(path string) error  // so that a rename survives a power cut
	MakeFolder(path string) error  // for this user only; ErrUnsafe if it is another's
	CheckFolder(path string) error // ErrUnsafe as above, fs.ErrNotExist
}

// osFiles is the real one.
type osFiles struct{}

func (osFiles) Read(path string) ([]byte, error) {
	f, err := openSafely(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		return nil, fmt.Errorf("%w: too large", ErrDamaged)
	}
	return content, err
}

func (osFiles) Write(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func (osFiles) Rename(from, to string) error { return os.Rename(from, to) }
func (osFiles) Remove(path string) error     { return os.Remove(path) }

func (osFiles) SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osFiles) MakeFolder(path string) error {
	err := safeFolder(path)
	if !errors.Is(err, fs.ErrNotExist) { // it is there, or no path to make folders at
		return noHome(err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return noHome(err)
	}
	return safeFolder(path)
}

func (osFiles) CheckFolder(path string) error { return safeFolder(path) }

// noHome says of an error that there is no folder, but for one that others can
// change.
func noHome(err error) error {
	if err == nil || errors.Is(err, ErrUnsafe) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNoHome, err)
}

// DefaultFolder is the folder of this user's pairings. ErrNoHome where the user has
// no home: none is made.
func DefaultFolder() (string, error) {
	folder, err := home.Pairings()
	return folder, noHome(err)
}

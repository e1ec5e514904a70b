package pairing

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// files is the part of the file system the store stands on, so that tests can
// make each call fail.
type files interface {
	Read(path string) ([]byte, error)        // a file that is safe to read, ErrUnsafe
	Write(path string, content []byte) error // a new file, on the disk when it returns
	Rename(from, to string) error            //
	Remove(path string) error                //
	SyncFolder(path string) error            // so that a rename survives a power cut
	MakeFolder(path string) error            // for this user only; ErrUnsafe if it is another's
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
		return nil, fmt.Errorf("%w: too large", ErrUnsafe)
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
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return safeFolder(path)
}

// DefaultFolder is the folder of this user's pairings: below the XDG state
// folder on Linux, the local application data on Windows, the application
// support on macOS.
func DefaultFolder() (string, error) {
	folder, err := stateFolder()
	if err != nil || !filepath.IsAbs(folder) {
		return "", fmt.Errorf("%w (%v)", ErrNoHome, err)
	}
	return filepath.Join(folder, "cie", "pairings"), nil
}

func stateFolder() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%
	case "darwin":
		return os.UserConfigDir() // ~/Library/Application Support
	}
	if folder := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return folder, nil
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", errors.Join(errors.New("no home folder"), err)
	}
	return filepath.Join(home, ".local", "state"), nil
}

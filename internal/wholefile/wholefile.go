// Package wholefile reads and replaces small files that other programs and people
// write too.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrTooLarge means that a file has more bytes than are read.
var ErrTooLarge = errors.New("too large")

var errNoFile = errors.New("not an ordinary file")

// Read reads a regular file of at most limit bytes: no pipe that blocks, no file
// that fills the memory.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNoFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("%s: %w", path, ErrTooLarge)
	}
	return content, nil
}

// Replace puts a file with that content in the place of path, in a folder that is
// there. At any moment the old one is there or the new one, whole. A symbolic link
// is replaced, not followed.
func Replace(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".cie-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

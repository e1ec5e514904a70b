package apart

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/situation"
)

// A failure is an error on its way from one process to the other: one of the system
// about a file, or one with the key of its sentences.
type failure struct {
	Text  string
	Op    string // of a system's error
	Errno syscall.Errno
	Key   string // of the sentences
	File  string // that it speaks of
}

func failureOf(err error) *failure {
	var path *fs.PathError
	var named interface{ MessageKey() string }
	var file *ades.FileError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		f := &failure{Text: path.Err.Error(), Op: path.Op, File: path.Path}
		errors.As(path.Err, &f.Errno)
		return f
	}
	f := &failure{Text: err.Error()}
	if errors.As(err, &named) {
		f.Key = named.MessageKey()
	}
	if errors.As(err, &file) {
		f.File, f.Text = file.File, file.Err.Error()
	}
	return f
}

// told are the errors that callers tell apart.
var told = []error{ades.ErrFormat, ades.ErrUnsigned, ades.ErrDetached, ades.ErrExists, ades.ErrChanged, ades.ErrPDF, ades.ErrPDFPassword, ades.ErrPDFSize}

// err is the error that the other process had.
func (f *failure) err() error {
	var err error
	switch {
	case f == nil:
		return nil
	case f.Op != "" && f.Errno != 0:
		return &fs.PathError{Op: f.Op, Path: f.File, Err: f.Errno}
	case f.Op != "":
		return &fs.PathError{Op: f.Op, Path: f.File, Err: errors.New(f.Text)}
	case f.Key != "":
		err = fmt.Errorf("%w (%s)", situationOf(f.Key), f.Text)
	default:
		err = errors.New(f.Text)
	}
	if f.File != "" {
		err = &ades.FileError{Err: err, File: f.File}
	}
	return err
}

// situationOf is the error with a key.
func situationOf(key string) error {
	for _, err := range told {
		var named interface{ MessageKey() string }
		if errors.As(err, &named) && named.MessageKey() == key {
			return err
		}
	}
	return situation.New(key, key)
}

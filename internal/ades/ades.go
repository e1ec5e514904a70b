// Package ades signs files, and verifies signed ones. It tells the facts about a
// signature apart: whether the document is intact, who signed, when, and whether
// the certificate was revoked. It asks a network only through a function that it is
// given, and knows no card.
package ades

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/pades"
	"github.com/softwarecie/cie/internal/ades/xades"
	"github.com/softwarecie/cie/internal/situation"
)

var (
	// ErrFormat means that a file is no signed file, or damaged.
	ErrFormat = situation.New("signature-format", "not a signed file")

	// ErrUnsigned means that a signed file has no signature in it.
	ErrUnsigned = situation.New("signature-none", "no signature in the file")

	// ErrInvalid means that a signature of a file is wrong.
	ErrInvalid = situation.New("signature-invalid", "a signature is not valid")

	// ErrUndetermined means that of no signature it is proved that it is wrong, and not
	// of all that they are valid.
	ErrUndetermined = situation.New("signature-undetermined", "a signature cannot be verified")

	// ErrDetached means that a file holds a signature, and not what was signed.
	ErrDetached = situation.New("signature-detached", "the document is not in the signed file")

	// ErrArchived means that another signature would break those that are there.
	ErrArchived = situation.New("signature-archived", "an archive time stamp covers the whole file")

	// ErrExists means that a file would have to be overwritten.
	ErrExists = situation.New("file-exists", "file exists")

	// ErrChanged means that a file became another while it was worked on.
	ErrChanged = situation.New("file-changed", "file changed meanwhile")

	// ErrSelf means that a signature just made does not verify. No file was written.
	ErrSelf = situation.New("signature-self", "signature just made does not verify")

	// ErrExpired means that the signer's certificate is not valid now.
	ErrExpired = situation.New("expired", "certificate expired")
)

// A FileError says of which file an error speaks.
type FileError struct {
	Err  error
	File string
}

func (e *FileError) Error() string { return e.File + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// MessageArgs are the arguments of its sentences.
func (e *FileError) MessageArgs() []any { return []any{"file", e.File} }

// situations of errors of the package below.
var situations = []struct{ below, situation error }{
	{cades.ErrFormat, ErrFormat},
	{cades.ErrChanged, ErrChanged},
	{cades.ErrArchived, ErrArchived},
	{cades.ErrSignature, ErrSelf},
	{xades.ErrDoctype, ErrXMLDoctype},
	{xades.ErrEncoding, ErrXMLEncoding},
	{xades.ErrSize, ErrXMLSize},
	{xades.ErrSigned, ErrXMLSigned},
	{xades.ErrSignature, ErrSelf},
	{xades.ErrFormat, ErrFormat},
	{xades.ErrNoContent, ErrDetached},
	{pades.ErrFormat, ErrPDF},
	{pades.ErrPassword, ErrPDFPassword},
	{pades.ErrSize, ErrPDFSize},
	{pades.ErrProtected, ErrPDFProtected},
	{pades.ErrLocked, ErrPDFLocked},
	{pades.ErrXFA, ErrPDFForm},
	{pades.ErrDamaged, ErrPDFRepair},
	{pades.ErrSelf, ErrSelf},
}

// about gives an error its situation, if it has none, and the file it speaks of.
func about(path string, err error) error {
	var failed *fs.PathError
	var told *FileError
	var named interface{ MessageKey() string }
	switch {
	case err == nil, errors.As(err, &failed), errors.As(err, &told), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &named):
		return &FileError{err, path}
	}
	for _, s := range situations {
		if errors.Is(err, s.below) {
			err = fmt.Errorf("%w: %w", s.situation, err)
		}
	}
	return &FileError{err, path}
}

// A reading ends when its context does.
type reading struct {
	ctx context.Context //nolint:containedctx // io.Reader has no room for one
	io.ReadSeeker
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadSeeker.Read(p)
}

// readWhole reads a file from its start, and one byte more than the most if it is larger.
func readWhole(ctx context.Context, file io.ReadSeeker, most int64) ([]byte, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(reading{ctx, file}, most+1))
}

// open opens a file that is no pipe, no device and no folder.
func open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a file")}
	}
	return os.Open(path)
}

// place gives a finished temporary file its name, and never overwrites.
func place(temporary *os.File, path string, mode fs.FileMode) error {
	if err := errors.Join(temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	reserved, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &FileError{ErrExists, path}
	}
	if err != nil {
		return err
	}
	_ = reserved.Close() // nothing was written
	if err := os.Rename(temporary.Name(), path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

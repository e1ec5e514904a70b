package ades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/softwarecie/cie/internal/ades/cades"
)

// How says what a signed file is to be.
type How struct {
	Detached bool   // the signature alone, as .p7s
	Nested   bool   // a .p7m is signed as a file, instead of getting another signature
	Output   string // file or folder; "": beside the document
}

// A Job is a file on the way to its signature: Prepare, Sign, Finish. Only Prepare and
// Finish read what others wrote; only Sign uses the key.
type Job struct {
	Path   string // of the document
	Output string // of what is written
	Size   int64  // of what is signed, in bytes
	Broken bool   // of the signatures that are there already, one is not valid

	source, content *os.File
	draft           cades.Draft
	signed          *cades.Signed
}

// Prepare opens and digests a file. Close must be called.
func Prepare(ctx context.Context, path string, how How) (_ *Job, err error) {
	j := &Job{Path: path}
	defer func() {
		if err != nil {
			j.Close()
			err = about(path, err)
		}
	}()
	if j.source, err = open(path); err != nil {
		return nil, err
	}
	signatures := 0
	if isP7M(path) && !how.Nested && !how.Detached {
		signatures, err = j.parallel(ctx)
	} else {
		j.content = j.source
		err = j.digest(ctx)
	}
	if err != nil {
		return nil, err
	}
	j.Size, j.draft.Detached = j.draft.Size, how.Detached
	j.Output = outputName(path, how, signatures)
	if _, err := os.Lstat(j.Output); err == nil {
		return nil, &FileError{ErrExists, j.Output}
	}
	return j, nil
}

func isP7M(path string) bool { return strings.EqualFold(filepath.Ext(path), ".p7m") }

// outputName is name.p7m or name.p7s; of a file that had signatures, name-2.p7m with
// the number of them that it has now.
func outputName(path string, how How, signatures int) string {
	name := filepath.Base(path) + ".p7m"
	switch {
	case how.Detached:
		name = filepath.Base(path) + ".p7s"
	case signatures > 0:
		name = numbered(filepath.Base(path), strconv.Itoa(signatures+1))
	}
	info, err := os.Stat(how.Output)
	switch {
	case how.Output == "":
		return filepath.Join(filepath.Dir(path), name)
	case err == nil && info.IsDir():
		return filepath.Join(how.Output, name)
	}
	return how.Output
}

// numbered puts a mark before the ends of a name: letter.pdf.p7m, letter-2.pdf.p7m.
func numbered(name, mark string) string {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	stem = strings.TrimSuffix(stem, filepath.Ext(stem))
	return stem + "-" + mark + name[len(stem):]
}

func (j *Job) digest(ctx context.Context) error {
	h := sha256.New()
	n, err := io.Copy(h, reading{ctx, j.content})
	j.draft.Size, j.draft.Digest = n, [sha256.Size]byte(h.Sum(nil))
	return err
}

// parallel reads a signed file that is to get another signature, and takes its content
// out. It returns how many signatures there are.
func (j *Job) parallel(ctx context.Context) (int, error) {
	var err error
	if j.content, err = os.CreateTemp("", "cie-*"); err != nil {
		return 0, err
	}
	f, err := cades.Read(reading{ctx, j.source}, j.content)
	switch {
	case err != nil:
		return 0, err
	case f.Detached:
		return 0, ErrDetached
	}
	there := f.Verify(time.Now())
	j.Broken = slices.ContainsFunc(there, func(s cades.Signature) bool { return s.Failure != nil && s.Failure.Invalid })
	j.draft.Existing, j.draft.Size, j.draft.Digest = f, f.Size, [sha256.Size]byte(f.SHA256())
	return len(there), nil
}

// Sign has the key sign, and checks the signature; nothing is written.
func (j *Job) Sign(key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate, now time.Time) (err error) {
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return ErrExpired
	}
	j.draft.Certificate, j.draft.Time = certificate, now
	j.draft.Issuers = slices.DeleteFunc(slices.Clone(issuers), func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, c.RawSubject) // verifiers have the roots
	})
	j.signed, err = j.draft.Sign(key)
	return about(j.Path, err)
}

// Signed says whether the key has signed.
func (j *Job) Signed() bool { return j.signed != nil }

// Finish writes the signed file, verifies it, and only then gives it its name.
func (j *Job) Finish(ctx context.Context) (err error) {
	defer func() { err = about(j.Path, err) }()
	info, err := j.source.Stat()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(j.Output), ".cie-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	content, err := j.again(ctx)
	if err != nil {
		return err
	}
	if err := j.signed.Write(f, content); err != nil {
		return err
	}
	if err := j.verify(ctx, f); err != nil {
		return err
	}
	if err := j.second(f); err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	return place(f, j.Output, info.Mode().Perm()&^0o111)
}

// again is the content from its start.
func (j *Job) again(ctx context.Context) (io.Reader, error) {
	_, err := j.content.Seek(0, io.SeekStart)
	return reading{ctx, j.content}, err
}

// verify has our own verifier find the new signature without a fault.
func (j *Job) verify(ctx context.Context, f *os.File) error {
	read, err := cades.Read(reading{ctx, f}, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelf, err)
	}
	if read.Detached {
		content, err := j.again(ctx)
		if err != nil {
			return err
		}
		if err := read.ReadDetached(content); err != nil {
			return err
		}
	}
	for _, s := range read.Verify(j.draft.Time) {
		if s.Certificate.Equal(j.draft.Certificate) && s.Claimed.Equal(j.draft.Time.Truncate(time.Second)) &&
			s.Intact && s.Failure == nil && bytes.Equal(read.SHA256(), j.draft.Digest[:]) {
			return nil
		}
	}
	return ErrSelf
}

// maxSecond is the size of files that the second reader reads, in bytes. It takes some
// six times as much memory.
const maxSecond = 8 << 20

// second has another program's reader verify the file, so that a mistake of ours is
// not judged by ourselves alone. It cannot read all that others sign, so it is not
// asked about files that had signatures.
func (j *Job) second(f *os.File) error {
	if j.draft.Size > maxSecond || j.draft.Existing != nil {
		return nil
	}
	read := func(f *os.File) ([]byte, error) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return io.ReadAll(f)
	}
	all, err := read(f)
	if err != nil {
		return err
	}
	p7, err := pkcs7.Parse(all)
	if err != nil {
		return err
	}
	if j.draft.Detached {
		if p7.Content, err = read(j.content); err != nil {
			return err
		}
	}
	if sum := sha256.Sum256(p7.Content); sum != j.draft.Digest {
		return errors.New("content differs")
	}
	return p7.Verify()
}

// Close lets go of all files, and removes what is no longer needed.
func (j *Job) Close() {
	if j.content != nil && j.content != j.source {
		_ = j.content.Close()
		_ = os.Remove(j.content.Name())
	}
	if j.source != nil {
		_ = j.source.Close()
	}
}

// SignFile signs one file with a key that is at hand; with a card, the steps are the
// caller's. It returns the name of what was written.
func SignFile(ctx context.Context, path string, how How, key crypto.Signer, certificate *x509.Certificate, issuers []*x509.Certificate) (string, error) {
	j, err := Prepare(ctx, path, how)
	if err != nil {
		return "", err
	}
	defer j.Close()
	if err := j.Sign(key, certificate, issuers, time.Now()); err != nil {
		return "", err
	}
	return j.Output, j.Finish(ctx)
}
